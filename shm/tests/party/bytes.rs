//! Reading and writing the bytes of a region, bounds checked, and a checksum that owes nothing to the crate.

#![allow(unsafe_code)] // because a section is an address, and bytes are copied through it.

use core::ptr::NonNull;
use ringway_shm::primitive::{copy_in, copy_out};
use ringway_shm::{Mirror, Region};

/// Writes into a section.
pub(crate) fn put(region: &Region, content: u32, offset: usize, bytes: &[u8]) {
    assert!(!region.is_read_only());
    let (start, len) = region.section(content).expect("the section");
    put_at(start, len, offset, bytes);
}

/// Reads out of a section.
pub(crate) fn get(region: &Region, content: u32, offset: usize, len: usize) -> Vec<u8> {
    let (start, section_len) = region.section(content).expect("the section");
    get_at(start, section_len, offset, len)
}

/// Writes into a mirror, whose two views lie one after the other.
pub(crate) fn put_mirrored(mirror: &Mirror, offset: usize, bytes: &[u8]) {
    put_at(mirror.start(), 2 * mirror.len(), offset, bytes);
}

/// Reads out of a mirror.
pub(crate) fn get_mirrored(mirror: &Mirror, offset: usize, len: usize) -> Vec<u8> {
    get_at(mirror.start(), 2 * mirror.len(), offset, len)
}

fn put_at(start: NonNull<u8>, room: usize, offset: usize, bytes: &[u8]) {
    assert!(offset <= room && bytes.len() <= room - offset);
    let target = start.as_ptr().wrapping_add(offset);
    // SAFETY: inside the mapping (asserted), which lives as long as the reference that `start` was taken from in the
    // callers above; no reference covers a region's bytes.
    unsafe { copy_in(bytes.as_ptr(), target, bytes.len()) }
}

fn get_at(start: NonNull<u8>, room: usize, offset: usize, len: usize) -> Vec<u8> {
    assert!(offset <= room && len <= room - offset);
    let mut bytes = vec![0; len];
    let source = start.as_ptr().wrapping_add(offset);
    // SAFETY: as above; the target is our own vector of `len` bytes.
    unsafe { copy_out(source, bytes.as_mut_ptr(), len) }
    bytes
}

/// CRC-32 as in zlib, bit by bit.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc >>= 1;
            if low == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}
