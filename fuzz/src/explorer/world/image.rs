//! The real bytes behind the virtual memory: the newest value of each word, and the payload.
//!
//! The memory of the model has the histories; what is newest stands in the region as well, for payload that is read in
//! place, and for whoever looks at it before and after the run.

#![allow(unsafe_code)] // because these are words at addresses in a region.

use ringway_shm::Region;
use ringway_shm::primitive::{AtomicU32, AtomicU64};
use ringway_sync::EventCount;

/// Reads a word of 4 or 8 bytes.
pub(crate) fn read_word(address: usize, width: u8) -> u64 {
    if width == 4 {
        // SAFETY: the door was given this address as that of a word of this width, in a mapping that lives until the run ends.
        u64::from(unsafe { (address as *const u32).read_volatile() })
    } else {
        // SAFETY: as above.
        unsafe { (address as *const u64).read_volatile() }
    }
}

/// Writes a word of 4 or 8 bytes.
pub(crate) fn write_word(address: usize, width: u8, value: u64) {
    if width == 4 {
        // SAFETY: as in `read_word`; writable, since a writing step was about to happen there.
        unsafe { (address as *mut u32).write_volatile(value as u32) }
    } else {
        // SAFETY: as above.
        unsafe { (address as *mut u64).write_volatile(value) }
    }
}

/// Writes payload that a hostile party chose.
pub(crate) fn write_bytes(address: usize, bytes: &[u8]) {
    for (at, &byte) in bytes.iter().enumerate() {
        // SAFETY: the caller found these bytes in a mapping of a region that was written to before; nobody else runs.
        unsafe { (address as *mut u8).wrapping_add(at).write_volatile(byte) }
    }
}

/// Reads payload, in words and then in bytes.
pub(crate) fn read_payload(address: usize, len: usize, mut take: impl FnMut(u64)) {
    let words = len / 8;
    for word in 0..words {
        // SAFETY: the caller checked that the bytes lie in one mapping of a region; nobody else runs.
        take(unsafe { (address as *const u64).wrapping_add(word).read_unaligned() });
    }
    for byte in words * 8..len {
        // SAFETY: as above.
        take(u64::from(unsafe { (address as *const u8).wrapping_add(byte).read_volatile() }));
    }
}

/// A region's bytes, to be put back.
pub(crate) struct Image {
    bytes: Vec<u8>,
    start: usize,
}

impl Image {
    /// Takes the bytes of a region that is mapped for writing and will outlive this.
    pub(crate) fn of(start: usize, len: usize) -> Self {
        // SAFETY: the whole mapping of a region of this process; nobody else runs.
        let bytes = unsafe { core::slice::from_raw_parts(start as *const u8, len) }.to_vec();
        Self { bytes, start }
    }

    /// Puts some of them back.
    pub(crate) fn restore_part(&self, offset: usize, len: usize) {
        let source = self.bytes[offset..offset + len].as_ptr();
        // SAFETY: as in `restore`; the part lies in the image, which is as long as the region.
        unsafe { core::ptr::copy_nonoverlapping(source, (self.start as *mut u8).wrapping_add(offset), len) }
    }

    /// Puts them back.
    pub(crate) fn restore(&self) {
        // SAFETY: as in `of`, and no reference to the region's bytes is alive between two runs.
        unsafe {
            core::ptr::copy_nonoverlapping(self.bytes.as_ptr(), self.start as *mut u8, self.bytes.len())
        }
    }
}

/// A word of a section of a region.
///
/// # Panics
///
/// When the section has no such word.
pub(crate) fn word(region: &Region, content: u32, number: usize) -> &AtomicU64 {
    let (start, len) = region.section(content).expect("the scenario's region has such a section");
    assert!((number + 1) * 8 <= len, "word {number} of {}", len / 8);
    // SAFETY: within the section (asserted), page-aligned, mapped while the region lives.
    unsafe { &*start.as_ptr().cast::<AtomicU64>().wrapping_add(number) }
}

/// A word of four bytes of a section of a region: one in each eight bytes.
///
/// # Panics
///
/// When the section has no such word.
pub(crate) fn futex(region: &Region, content: u32, number: usize) -> &AtomicU32 {
    let (start, len) = region.section(content).expect("the scenario's region has such a section");
    assert!((number + 1) * 8 <= len, "futex {number} of {}", len / 8);
    // SAFETY: within the section (asserted), page-aligned, mapped while the region lives.
    unsafe { &*start.as_ptr().cast::<AtomicU32>().wrapping_add(number * 2) }
}

/// An eventcount in a word of a section of a region.
///
/// # Panics
///
/// When the section has no such word.
pub(crate) fn eventcount(region: &Region, content: u32, number: usize) -> &EventCount {
    // SAFETY: eight bytes of the section, aligned to eight; an eventcount is two words of four bytes, of which any value is one.
    unsafe { &*core::ptr::from_ref(word(region, content, number)).cast::<EventCount>() }
}

/// Copies a payload word in, through the door.
#[track_caller]
pub(crate) fn put(region: &Region, content: u32, number: usize, value: u64) {
    let target = core::ptr::from_ref(word(region, content, number)).cast_mut().cast::<u8>();
    // SAFETY: eight bytes of the section; nobody holds a reference to them but the one above, which ends here.
    unsafe { ringway_shm::primitive::copy_in(value.to_ne_bytes().as_ptr(), target, 8) }
}

/// Copies a payload word out, through the door.
#[track_caller]
pub(crate) fn get(region: &Region, content: u32, number: usize) -> u64 {
    let source = core::ptr::from_ref(word(region, content, number)).cast::<u8>();
    let mut bytes = [0; 8];
    // SAFETY: as in `put`.
    unsafe { ringway_shm::primitive::copy_out(source, bytes.as_mut_ptr(), 8) }
    u64::from_ne_bytes(bytes)
}
