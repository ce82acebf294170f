//! The fingerprint of a type: what changes it, what does not, and the values that regions already carry.

// So that `::ringway` is a path here: the derive of the facade can be tried before there is a facade.
#[cfg(feature = "derive")]
extern crate self as ringway;

#[cfg(feature = "derive")]
#[path = "fingerprint/derived.rs"]
mod derived;
#[cfg(feature = "derive")]
#[path = "fingerprint/golden.rs"]
mod golden;

use std::collections::HashSet;
use std::marker::PhantomData;

use ringway_shm::fingerprint::{Fingerprint, Hash};
use zerocopy::byteorder::{BigEndian, F32, F64, I16, I32, I64, I128, LittleEndian, NativeEndian, U16, U32};
use zerocopy::byteorder::{U64, U128};

/// The module as the facade exports it: all of it, with the derive's twin in the derive's place.
#[cfg(feature = "derive")]
pub mod fingerprint {
    pub use ringway_shm::fingerprint::FingerprintThroughRingway as Fingerprint;
    pub use ringway_shm::fingerprint::*;
}

#[test]
fn no_two_scalars_agree() {
    fn in_each_order<L: Fingerprint, B: Fingerprint>() -> [u128; 2] {
        [L::FINGERPRINT, B::FINGERPRINT]
    }

    let mut all = vec![u8::FINGERPRINT, i8::FINGERPRINT, <()>::FINGERPRINT];
    all.extend([u16::FINGERPRINT, u32::FINGERPRINT, u64::FINGERPRINT, u128::FINGERPRINT]);
    all.extend([i16::FINGERPRINT, i32::FINGERPRINT, i64::FINGERPRINT, i128::FINGERPRINT]);
    all.extend([f32::FINGERPRINT, f64::FINGERPRINT]);
    all.extend(in_each_order::<U16<LittleEndian>, U16<BigEndian>>());
    all.extend(in_each_order::<U32<LittleEndian>, U32<BigEndian>>());
    all.extend(in_each_order::<U64<LittleEndian>, U64<BigEndian>>());
    all.extend(in_each_order::<U128<LittleEndian>, U128<BigEndian>>());
    all.extend(in_each_order::<I16<LittleEndian>, I16<BigEndian>>());
    all.extend(in_each_order::<I32<LittleEndian>, I32<BigEndian>>());
    all.extend(in_each_order::<I64<LittleEndian>, I64<BigEndian>>());
    all.extend(in_each_order::<I128<LittleEndian>, I128<BigEndian>>());
    all.extend(in_each_order::<F32<LittleEndian>, F32<BigEndian>>());
    all.extend(in_each_order::<F64<LittleEndian>, F64<BigEndian>>());

    let distinct: HashSet<u128> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn a_native_integer_differs_from_the_unaligned_one_of_the_same_order_by_its_alignment() {
    let order: &[u8] = if cfg!(target_endian = "little") { b"le" } else { b"be" };
    let with_alignment =
        |alignment| Hash::new().bytes(b"u32").number(4).number(alignment).bytes(order).finish();

    assert_eq!(u32::FINGERPRINT, with_alignment(4));
    assert_eq!(<U32<NativeEndian>>::FINGERPRINT, with_alignment(1));
}

#[test]
fn the_length_and_the_nesting_of_an_array_count() {
    let all = [
        u8::FINGERPRINT,
        <[u8; 0]>::FINGERPRINT,
        <[u8; 1]>::FINGERPRINT,
        <[u8; 4]>::FINGERPRINT,
        <[i8; 4]>::FINGERPRINT,
        <[u32; 1]>::FINGERPRINT,
        <[[u8; 2]; 2]>::FINGERPRINT,
        <[[u8; 4]; 1]>::FINGERPRINT,
        <[[u8; 1]; 4]>::FINGERPRINT,
    ];
    assert_eq!(HashSet::from(all).len(), all.len());
}

#[test]
fn a_parameter_without_bytes_counts() {
    assert_ne!(PhantomData::<u8>::FINGERPRINT, PhantomData::<i8>::FINGERPRINT);
    assert_ne!(PhantomData::<()>::FINGERPRINT, <()>::FINGERPRINT);
}

#[test]
fn a_list_of_components_cannot_pose_as_another() {
    let all = [
        Hash::new(),
        Hash::new().bytes(b""),
        Hash::new().bytes(b"").bytes(b""),
        Hash::new().bytes(b"abc"),
        Hash::new().bytes(b"ab").bytes(b"c"),
        Hash::new().bytes(b"a").bytes(b"bc"),
        Hash::new().bytes(b"a").bytes(b"b").bytes(b"c"),
        Hash::new().bytes(&7_u64.to_le_bytes()),
        Hash::new().number(7),
        Hash::new().number(7).number(0),
        Hash::new().bytes(&7_u128.to_le_bytes()),
        Hash::new().fingerprint(7),
        Hash::new().number(7).bytes(b""),
        Hash::new().bytes(b"").number(7),
    ];
    let distinct: HashSet<u128> = all.iter().map(|hash| hash.finish()).collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn the_default_hash_is_the_new_one() {
    assert_eq!(Hash::default(), Hash::new());
}
