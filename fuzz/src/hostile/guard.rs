//! Memory without access on both sides of what is mapped, so that whoever runs over its end faults.
//!
//! ```text
//!   lower ▓ 3 pages ▓ 3 pages ▓ 2 pages ▓ 2 pages ▓ 1 ▓ 1 ▓ fillers ┄┄ higher      ▓ reserved, without access
//! ```
//!
//! The kernel puts a mapping into the highest hole that it fits in. So all holes are filled but those of an arena, in which
//! there are some of every small length, the longest lowest: whatever is mapped from then on, a region, a mirror, the page of
//! a lock, lies between two reserved pages. Where it does lie, and that its neighbours have no access, is read from
//! `/proc/self/maps` and not believed.

#![allow(unsafe_code)] // because address space is reserved.

use core::ops::Range;
use rustix::mm::{MapFlags, ProtFlags};
use std::io;
use std::sync::OnceLock;

pub(crate) const PAGE: usize = 4096;

/// Pages of the longest hole.
const LONGEST: usize = 12;

/// Holes of each length.
const HOLES: usize = 32;

/// Holes that were there before, at most: of a page or more, and higher than the arena.
const FILLERS_MAX: usize = 1 << 14;

/// The arena of this process, made at the first call; never given back.
pub(crate) fn arena() -> &'static Arena {
    static ARENA: OnceLock<Arena> = OnceLock::new();
    ARENA.get_or_init(|| Arena::new().expect("address space for guard pages"))
}

/// Reserved address space with holes in it.
#[derive(Debug)]
pub(crate) struct Arena {
    start: usize,
    holes: Vec<Range<usize>>,
}

impl Arena {
    fn new() -> io::Result<Self> {
        let lens = || (1..=LONGEST).rev().flat_map(|pages| [pages * PAGE; HOLES]);
        let start = reserve(lens().map(|len| len + PAGE).sum::<usize>() + PAGE)?;
        let mut arena = Self { start, holes: Vec::new() };
        arena.fill()?;
        let mut at = start + PAGE;
        for len in lens() {
            free(at, len)?;
            arena.holes.push(at..at + len);
            at += len + PAGE;
        }
        Ok(arena)
    }

    /// Fills the holes that lie higher than the arena: what was mapped there may have gone.
    pub(crate) fn fill(&self) -> io::Result<()> {
        let end = self.holes.last().map_or(self.start, |hole| hole.end);
        for _ in 0..FILLERS_MAX {
            let filler = reserve(PAGE)?;
            if filler < end {
                return free(filler, PAGE);
            }
        }
        Ok(())
    }

    /// The holes of a length.
    pub(crate) fn holes(&self, len: usize) -> impl DoubleEndedIterator<Item = &Range<usize>> {
        self.holes.iter().filter(move |hole| hole.len() == len)
    }
}

/// Does something until it lies where it has to: the holes above the arena are filled in between.
pub(crate) fn until_guarded<R>(mut attempt: impl FnMut() -> Option<R>) -> R {
    for _ in 0..8 {
        if let Some(done) = attempt() {
            return done;
        }
        arena().fill().expect("address space for guard pages");
    }
    panic!("what is mapped does not lie between guard pages: is the stack unlimited?");
}

fn reserve(len: usize) -> io::Result<usize> {
    let (anywhere, flags) = (core::ptr::null_mut(), MapFlags::PRIVATE | MapFlags::NORESERVE);
    // SAFETY: a fresh range of the kernel's choice, without access.
    let start = unsafe { rustix::mm::mmap_anonymous(anywhere, len, ProtFlags::empty(), flags) }?;
    Ok(start as usize)
}

fn free(start: usize, len: usize) -> io::Result<()> {
    // SAFETY: part of a range that was reserved here, of which nobody else knows.
    unsafe { rustix::mm::munmap(start as *mut core::ffi::c_void, len) }?;
    Ok(())
}

/// A line of `/proc/self/maps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) range: Range<usize>,
    /// Can anything be read, written or executed there?
    pub(crate) has_access: bool,
}

/// What is mapped, in ascending order.
pub(crate) fn maps() -> io::Result<Vec<Line>> {
    let text = std::fs::read("/proc/self/maps")?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
        Some(Line { range, has_access: !words.next()?.starts_with("---") })
    });
    Ok(lines.collect())
}

/// Is this whole range mapped with access, and is there none on either side of it?
pub(crate) fn is_guarded(maps: &[Line], range: &Range<usize>) -> bool {
    let is_open = |page: usize| maps.iter().any(|line| line.has_access && line.range.contains(&page));
    range.clone().step_by(PAGE).all(is_open) && !is_open(range.start - 1) && !is_open(range.end)
}

/// The word at an address, if there is one to be read: by a system call, which faults nobody.
pub(crate) fn peek(at: usize) -> Option<u64> {
    let mut word = [0; 8];
    let local = libc::iovec { iov_base: word.as_mut_ptr().cast(), iov_len: word.len() };
    let remote = libc::iovec { iov_base: at as *mut libc::c_void, iov_len: word.len() };
    let process = std::process::id() as libc::pid_t;
    // SAFETY: the local range is the array above; a remote one that is not there is an error.
    let read = unsafe { libc::process_vm_readv(process, &raw const local, 1, &raw const remote, 1, 0) };
    (read == 8).then(|| u64::from_le_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::{Actor, Ending};
    use crate::hostile::stage::{SHAPES, Stage};
    use std::time::Duration;

    #[test]
    fn every_region_lies_between_pages_without_access() {
        for shape in SHAPES {
            let stage = Stage::new(shape);
            assert!(is_guarded(&maps().unwrap(), &stage.range()), "{shape:?}");
        }
    }

    /// How a child ends that reads a byte there. (It has zeros where the region is, and the same neighbours.)
    fn read_in_a_child(at: usize) -> Option<Ending> {
        let actor = Actor::start(|| {
            // SAFETY: none. That it is not sound, and faults, is what is shown.
            let byte = unsafe { core::ptr::read_volatile(at as *const u8) };
            i32::from(byte)
        });
        actor.unwrap().wait(Duration::from_secs(10))
    }

    #[test]
    fn a_look_one_byte_beside_a_region_faults() {
        let stage = Stage::new(SHAPES[0]);
        let range = stage.range();
        for inside in [range.start, range.end - 1] {
            assert_eq!(read_in_a_child(inside), Some(Ending::Exited(0)));
        }
        for beside in [range.start - 1, range.end] {
            assert_eq!(read_in_a_child(beside), Some(Ending::Killed(libc::SIGSEGV)));
        }
    }
}
