//! The fingerprint of a type: 128 bits that say how its bytes are to be read.
//!
//! A region created for slots of `Order` must refuse to be opened as slots of `Quote`, also when both are
//! 48 bytes. So its creator leaves the fingerprint of the slot type in the region, and every opener compares
//! it with that of the type it was compiled for.
//!
//! A fingerprint is computed by the compiler, from the declaration alone: the names of the fields in their
//! order, the fingerprints of their types, their offsets, the size and the alignment. The name of the type
//! itself does not count, nor its module, `type_name` or `TypeId`: those differ between compilers, crates and
//! versions for one and the same layout. This is what goes into the hash, component by component:
//!
//! ```text
//! scalar     "u32"      size  align  order       order: "le", "be"; "" where there is one byte
//! unit       "unit"     size  align
//! array      "array"    size  align  length  fingerprint of the element
//! phantom    "phantom"  size  align  fingerprint of the parameter
//! struct     "struct"   size  align  salt  count of fields, then for each of them, as declared:
//!                                                name  offset  fingerprint of its type
//!
//! a text is         'b'  its length as u64  its bytes
//! a number is       'n'  the u64                           every number little-endian,
//! a fingerprint is  'f'  the u128                          whatever the target
//! ```
//!
//! Each component starts with its tag and has a known end, so two different lists of components are never the
//! same bytes: `"ab" "c"` is not `"a" "bc"`. The hash over those bytes is FNV-1a with 128 bits, by Fowler, Noll
//! and Vo ([RFC 9923](https://www.rfc-editor.org/info/rfc9923), before that draft-eastlake-fnv): it is short
//! enough for a `const fn` and its constants are published, so a reader in another language can compute it too.
//!
//! **The fingerprint is part of the shared format.** It lies in regions and files, so a change to anything on
//! this page is a new layout version; the tests pin its values.
//!
//! What it deliberately does not do: it is no defence. FNV is not cryptographic and a peer can copy 16 bytes.
//! It tells honest parties that they were compiled from different declarations. Nor does it know what a field
//! means: when the unit of `price` changes and the declaration does not, say so with a salt.
//!
//! # Which types have one
//!
//! `u8` to `u128`, `i8` to `i128`, `f32`, `f64`, `()`, arrays and `PhantomData` of these, the integers and
//! floats of [`zerocopy::byteorder`], and every struct with `#[derive(Fingerprint)]`.
//!
//! Not `usize` and `isize`: their width is the target's. Not `bool`, `char`, enums and the `NonZero` integers:
//! some bit patterns are no value of theirs, and a peer can write any. Not references and pointers: an address
//! means nothing in another process. Not tuples and plain Rust structs: the compiler may order their fields
//! anew at each compilation.
//!
//! # Examples
//!
#![cfg_attr(feature = "derive", doc = "```")]
#![cfg_attr(not(feature = "derive"), doc = "```ignore")]
//! use ringway_shm::fingerprint::Fingerprint;
//!
//! #[derive(Fingerprint)]
//! #[repr(C)]
//! struct Order {
//!     id: u64,
//!     price: f64,
//! }
//!
//! #[derive(Fingerprint)]
//! #[repr(C)]
//! struct Quote {
//!     bid: f64,
//!     ask: f64,
//! }
//!
//! const _: () = assert!(Order::FINGERPRINT != Quote::FINGERPRINT);
//! ```

use core::marker::PhantomData;

use zerocopy::byteorder::{self, BigEndian, LittleEndian};

#[cfg(feature = "derive")]
pub use ringway_shm_derive::Fingerprint;
// The facade exports this one as its `Fingerprint`: see the derive's `Through another crate`.
#[cfg(feature = "derive")]
#[doc(hidden)]
pub use ringway_shm_derive::FingerprintThroughRingway;

/// A type whose declared fields and layout are summed up in a constant.
///
/// Use `#[derive(Fingerprint)]`. By hand it is for a type that no derive can see into; its implementation then
/// has to mix in all that decides how its bytes are read.
///
/// This is a safe trait, for no memory safety rests on it. That any bytes at all are a value of a slot type, and
/// that no padding leaks, is what `zerocopy`'s traits promise, and the size of a slot is checked apart. A wrong
/// fingerprint makes a program read wrong values, never undefined ones.
///
/// # Examples
///
/// ```
/// use ringway_shm::fingerprint::{Fingerprint, Hash};
///
/// /// Nanoseconds since the start of the session, in a wrapper from a crate without a derive.
/// #[repr(transparent)]
/// struct Instant(u64);
///
/// impl Fingerprint for Instant {
///     const FINGERPRINT: u128 =
///         Hash::new().bytes(b"nanoseconds").layout::<Self>().fingerprint(u64::FINGERPRINT).finish();
/// }
///
/// assert_ne!(Instant::FINGERPRINT, u64::FINGERPRINT);
/// ```
///
/// The width of a `usize` is the target's, so it has no fingerprint and cannot be a field:
///
/// ```compile_fail,E0277
/// use ringway_shm::fingerprint::Fingerprint;
///
/// const LENGTH: u128 = <usize as Fingerprint>::FINGERPRINT;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no fingerprint",
    label = "not a type whose bytes mean the same to every process",
    note = "fixed-width integers, floats, arrays of them and `#[derive(Fingerprint)]` structs have one",
    note = "`usize`, `bool`, `char`, enums, tuples, references and pointers deliberately have none"
)]
pub trait Fingerprint: Sized {
    /// The 128 bits. Equal for two types means: the same fields, lying in the same places.
    const FINGERPRINT: u128;
}

/// An FNV-1a hash of 128 bits over a list of components, built in a `const`.
///
/// A component can be told from every other, by its tag and its length, wherever the next one begins.
///
/// # Examples
///
/// ```
/// use ringway_shm::fingerprint::{Fingerprint, Hash};
///
/// const WHOLE: u128 = Hash::new().bytes(b"point").number(2).fingerprint(f64::FINGERPRINT).finish();
/// const SPLIT: u128 = Hash::new().bytes(b"poi").bytes(b"nt").number(2).fingerprint(f64::FINGERPRINT).finish();
/// assert_ne!(WHOLE, SPLIT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Hash {
    state: u128,
}

impl Hash {
    /// The hash of no component yet.
    ///
    /// ```
    /// use ringway_shm::fingerprint::Hash;
    ///
    /// assert_eq!(Hash::new().finish(), 0x6c62272e07bb014262b821756295c58d);
    /// ```
    pub const fn new() -> Self {
        Self { state: OFFSET_BASIS }
    }

    /// Mixes in a text or any other bytes, with their length.
    ///
    /// ```
    /// use ringway_shm::fingerprint::Hash;
    ///
    /// assert_ne!(Hash::new().bytes(b"ab").bytes(b"c"), Hash::new().bytes(b"a").bytes(b"bc"));
    /// ```
    pub const fn bytes(self, bytes: &[u8]) -> Self {
        let state = absorb(self.state, b"b");
        let state = absorb(state, &(bytes.len() as u64).to_le_bytes());
        Self { state: absorb(state, bytes) }
    }

    /// Mixes in a number: a count, an offset, a length.
    ///
    /// ```
    /// use ringway_shm::fingerprint::Hash;
    ///
    /// assert_ne!(Hash::new().number(1), Hash::new().bytes(&1_u64.to_le_bytes()));
    /// ```
    pub const fn number(self, number: u64) -> Self {
        Self { state: absorb(absorb(self.state, b"n"), &number.to_le_bytes()) }
    }

    /// Mixes in the fingerprint of a part.
    ///
    /// ```
    /// use ringway_shm::fingerprint::{Fingerprint, Hash};
    ///
    /// assert_ne!(Hash::new().fingerprint(u32::FINGERPRINT), Hash::new().fingerprint(i32::FINGERPRINT));
    /// ```
    pub const fn fingerprint(self, fingerprint: u128) -> Self {
        Self { state: absorb(absorb(self.state, b"f"), &fingerprint.to_le_bytes()) }
    }

    /// Mixes in the size of `T`, then its alignment.
    ///
    /// ```
    /// use ringway_shm::fingerprint::Hash;
    ///
    /// assert_eq!(Hash::new().layout::<u32>(), Hash::new().number(4).number(4));
    /// ```
    pub const fn layout<T>(self) -> Self {
        self.number(size_of::<T>() as u64).number(align_of::<T>() as u64)
    }

    /// Mixes in a field: its name, its offset, the fingerprint of its type.
    ///
    /// ```
    /// use ringway_shm::fingerprint::{Fingerprint, Hash};
    ///
    /// let price = Hash::new().field("price", 8, f64::FINGERPRINT);
    /// assert_eq!(price, Hash::new().bytes(b"price").number(8).fingerprint(f64::FINGERPRINT));
    /// ```
    pub const fn field(self, name: &str, offset: usize, fingerprint: u128) -> Self {
        self.bytes(name.as_bytes()).number(offset as u64).fingerprint(fingerprint)
    }

    /// The hash of the components so far.
    ///
    /// ```
    /// use ringway_shm::fingerprint::Hash;
    ///
    /// assert_ne!(Hash::new().bytes(b"").finish(), Hash::new().finish());
    /// ```
    #[must_use]
    pub const fn finish(self) -> u128 {
        self.state
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

/// The byte order in which this target keeps a native integer.
///
/// It counts, so that a file carried to a machine of the other order is refused there, not misread.
const NATIVE: &[u8] = if cfg!(target_endian = "little") { b"le" } else { b"be" };

macro_rules! scalar {
    ($($kind:literal, $order:expr, $scalar:ty;)*) => {$(
        impl Fingerprint for $scalar {
            const FINGERPRINT: u128 = Hash::new().bytes($kind).layout::<Self>().bytes($order).finish();
        }
    )*};
}

// A `byteorder` integer differs from the native one of the same order by its alignment, which is 1.
macro_rules! scalar_in_each_order {
    ($($kind:literal, $native:ty, $ordered:ident;)*) => {$(
        scalar! {
            $kind, NATIVE, $native;
            $kind, b"le", byteorder::$ordered<LittleEndian>;
            $kind, b"be", byteorder::$ordered<BigEndian>;
        }
    )*};
}

scalar! {
    b"u8", b"", u8;
    b"i8", b"", i8;
}

scalar_in_each_order! {
    b"u16", u16, U16;
    b"u32", u32, U32;
    b"u64", u64, U64;
    b"u128", u128, U128;
    b"i16", i16, I16;
    b"i32", i32, I32;
    b"i64", i64, I64;
    b"i128", i128, I128;
    b"f32", f32, F32;
    b"f64", f64, F64;
}

impl Fingerprint for () {
    const FINGERPRINT: u128 = Hash::new().bytes(b"unit").layout::<Self>().finish();
}

impl<T: Fingerprint, const LENGTH: usize> Fingerprint for [T; LENGTH] {
    const FINGERPRINT: u128 = Hash::new()
        .bytes(b"array")
        .layout::<Self>()
        .number(LENGTH as u64)
        .fingerprint(T::FINGERPRINT)
        .finish();
}

// It has no bytes, yet it counts: the key of an order and the key of a quote are different types.
impl<T: Fingerprint> Fingerprint for PhantomData<T> {
    const FINGERPRINT: u128 =
        Hash::new().bytes(b"phantom").layout::<Self>().fingerprint(T::FINGERPRINT).finish();
}

/// The 128-bit offset basis of RFC 9923, section 5.
const OFFSET_BASIS: u128 = 0x6c62272e07bb014262b821756295c58d;

/// The 128-bit FNV prime of RFC 9923, section 5: 2^88 + 2^8 + 0x3b.
const PRIME: u128 = (1 << 88) + (1 << 8) + 0x3b;

/// FNV-1a itself: for each byte, xor and then multiply.
const fn absorb(mut state: u128, bytes: &[u8]) -> u128 {
    let mut index = 0;
    while index < bytes.len() {
        // `as`: a `const fn` cannot call `u128::from`.
        state = (state ^ bytes[index] as u128).wrapping_mul(PRIME);
        index += 1;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_gives_the_published_answers() {
        assert_eq!(absorb(OFFSET_BASIS, b""), 0x6c62272e07bb014262b821756295c58d);
        assert_eq!(absorb(OFFSET_BASIS, b"a"), 0xd228cb696f1a8caf78912b704e4a8964);
        assert_eq!(absorb(OFFSET_BASIS, b"foobar"), 0x343e1662793c64bf6f0d3597ba446f18);
    }

    #[test]
    fn bytes_absorbed_in_two_steps_are_the_same_bytes() {
        assert_eq!(absorb(absorb(OFFSET_BASIS, b"foo"), b"bar"), absorb(OFFSET_BASIS, b"foobar"));
    }
}
