//! The values that regions and files already carry. A test that fails here is a new layout version.

#![allow(dead_code)] // because a fingerprint reads the declaration, and nobody reads the fields.
#![cfg(target_endian = "little")] // because a native integer says its byte order.

use ringway_shm::fingerprint::Fingerprint;

#[derive(Fingerprint)]
#[repr(C)]
struct Order {
    id: u64,
    price: f64,
    quantity: u32,
    side: u8,
    reserved: [u8; 3],
}

#[derive(Fingerprint)]
#[repr(C, align(128))]
#[fingerprint(salt = "batch v2")]
struct Batch<T, const LENGTH: usize> {
    count: u16,
    items: [T; LENGTH],
}

#[test]
fn a_scalar_keeps_its_fingerprint() {
    assert_eq!(u64::FINGERPRINT, 0x3dc930e2ced1dec12b4dc2f637e3a7be);
}

#[test]
fn a_struct_keeps_its_fingerprint() {
    assert_eq!(Order::FINGERPRINT, 0x9dd9f60cd6b8938d7f5a00602f01cb6f);
}

#[test]
fn a_salted_generic_of_structs_keeps_its_fingerprint() {
    assert_eq!(Batch::<Order, 5>::FINGERPRINT, 0x9a2cbe0b7584086ee0bc35d52c2ed5e2);
}
