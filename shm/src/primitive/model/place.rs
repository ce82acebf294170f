//! Where shared bytes are, whatever address they are mapped at: the mappings of this process, as the door
//! keeps them.
//!
//! One file may be mapped several times: by a region, by a mirror of one of its sections, by the window of a
//! row, by another virtual process. Its live mappings have one number, so a byte has one [`Place`].

#![allow(clippy::disallowed_types)] // because this is the door they stand behind.

use core::sync::atomic::{AtomicU64, Ordering};
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where a shared byte is, whatever address it is mapped at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The number of the region's file in this process, in order of mapping. A file that was not mapped for a
    /// while gets another one.
    pub region: u64,
    /// Byte offset in the region.
    pub offset: u64,
}

/// A mapping of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedRange {
    /// Address of its first byte.
    pub start: usize,
    /// Bytes mapped.
    pub len: usize,
    /// Where its first byte is.
    pub place: Place,
    /// Device and number of the file that it shows, where that is known: the same however often it is mapped.
    pub file: Option<(u64, u64)>,
}

/// Device and number of a file.
type File = (u64, u64);

/// Every live mapping.
static MAPPED: Mutex<Vec<MappedRange>> = Mutex::new(Vec::new());
static REGIONS: AtomicU64 = AtomicU64::new(0);
static CHANGES: AtomicU64 = AtomicU64::new(0);

fn all() -> MutexGuard<'static, Vec<MappedRange>> {
    MAPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Device and number of an open file, if the system says. No step of a protocol.
pub(crate) fn identity(file: BorrowedFd<'_>) -> Option<File> {
    rustix::fs::fstat(file).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

/// The number of the other mappings of a file, or a new one. A file that is not known is no other mapping's.
fn number(all: &[MappedRange], file: Option<File>) -> u64 {
    let same = all.iter().find(|range| file.is_some() && range.file == file);
    // Relaxed: changed under the lock of the list.
    same.map_or_else(|| REGIONS.fetch_add(1, Ordering::Relaxed), |range| range.place.region)
}

/// Tells the door that `len` bytes at `start` show a file from `offset` on.
pub(crate) fn mapped(start: usize, len: usize, file: Option<File>, offset: u64) {
    let mut all = all();
    let region = number(&all, file);
    all.push(MappedRange { start, len, place: Place { region, offset }, file });
    // Relaxed: as in `mappings`.
    CHANGES.fetch_add(1, Ordering::Relaxed);
}

/// Tells the door which file the mapping at `start` shows, of which it did not know that.
pub(crate) fn identified(start: usize, file: Option<File>) {
    let mut all = all();
    let Some(at) = all.iter().position(|range| range.start == start && range.file != file) else {
        return;
    };
    let mut range = MappedRange { file, ..all.swap_remove(at) };
    if all.iter().any(|known| known.file == file) {
        range.place.region = number(&all, file);
    }
    all.push(range);
    // Relaxed: as in `mappings`.
    CHANGES.fetch_add(1, Ordering::Relaxed);
}

/// Tells the door that the mapping at `start` goes away.
pub(crate) fn unmapped(start: usize) {
    let mut all = all();
    all.retain(|range| range.start != start);
    // Relaxed: as in `mappings`.
    CHANGES.fetch_add(1, Ordering::Relaxed);
}

/// The region and offset behind an address, or `None` for private memory.
#[must_use]
pub fn locate(address: usize) -> Option<Place> {
    let all = all();
    let range = all.iter().find(|range| address.wrapping_sub(range.start) < range.len)?;
    Some(Place { region: range.place.region, offset: range.place.offset + (address - range.start) as u64 })
}

/// A number that changes whenever a mapping is added or removed: whoever keeps the answers of [`locate`] or
/// [`all_mapped`] throws them away then.
#[must_use]
pub fn mappings() -> u64 {
    // Relaxed: this thread's own mappings are counted in its own order. Of another thread's it learns when it
    // learns of the mapping.
    CHANGES.load(Ordering::Relaxed)
}

/// Every mapping that [`locate`] knows.
#[must_use]
pub fn all_mapped() -> Vec<MappedRange> {
    all().clone()
}
