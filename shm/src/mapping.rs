//! How a region's bytes come into the address space: once, or a part of them twice in a row.
//!
//! ```text
//!   whole                      mirrored section
//!   ┌──────────────────┐       ┌───────────┬───────────┐
//!   │ region, 0..len   │       │ section   │ section   │   the same pages: what runs over the end of the
//!   └──────────────────┘       └───────────┴───────────┘   first view comes out at its beginning
//! ```
//!
//! No reference and no slice to these bytes is ever formed: other processes write them. A mapping hands out its address;
//! what may be done there is argued where it is done.

#![allow(unsafe_code)] // because mapping memory, and saying that a mapping may change threads, is this file's job.

use crate::layout::{PAGE, Section};
use crate::name::Name;
use crate::primitive::copy_in;
use crate::primitive::kernel::{self, on_the_heap};
#[cfg(feature = "model")]
use crate::primitive::model;
use crate::process;
use core::ptr::NonNull;
use memmap2::{MmapOptions, MmapRaw};
use rustix::io::{Errno, Result};
use rustix::mm::{MapFlags, ProtFlags};
use shared_memory::{Shmem, ShmemConf, ShmemError};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// A whole region in the address space; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
    /// Unmaps at drop; takes an owned segment's name away, too.
    keeper: Keeper,
}

enum Keeper {
    File {
        _file: MmapRaw,
    },
    Segment {
        segment: Shmem,
    },
    #[cfg(miri)]
    Block {
        _block: std::sync::Arc<kernel::heap::Block>,
    },
}

impl core::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::File { .. } => "File",
            Self::Segment { .. } => "Segment",
            #[cfg(miri)]
            Self::Block { .. } => "Block",
        })
    }
}

// SAFETY: a mapping is an address range of the process, not of a thread: what unmaps it may run on any. `Shmem` is not
// `Send` only because it holds the raw address.
unsafe impl Send for Mapping {}
// SAFETY: through a shared `Mapping` one only learns its address and length, which never change.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes of a file.
    pub(crate) fn file(file: BorrowedFd<'_>, len: u64, read_only: bool) -> Result<Self> {
        let len = usize::try_from(len).map_err(|_| Errno::OVERFLOW)?;
        kernel::about_to_map(len)?;
        on_the_heap!({
            let block = kernel::heap::map(file, len)?;
            Self::kept(block.start().as_ptr(), len, Keeper::Block { _block: block })
        });
        let mut options = MmapOptions::new();
        options.len(len);
        let mapped = if read_only {
            options.map_raw_read_only(file.as_raw_fd())
        } else {
            options.map_raw(file.as_raw_fd())
        };
        let mapped = mapped.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let mapping = Self::kept(mapped.as_mut_ptr(), len, Keeper::File { _file: mapped })?;
        #[cfg(feature = "model")]
        mapping.is_of(model::identity(file));
        Ok(mapping)
    }

    /// Opens and maps the segment of a POSIX name, which must have `len` bytes by now.
    pub(crate) fn posix(name: &Name, len: u64) -> Result<Self> {
        if kernel::is_stood_in() {
            // The other crate would ask the real kernel for the name.
            let file = kernel::open(&name.path(), false)?;
            let found = rustix::fs::fstat(&file)?.st_size as u64;
            return if found != len { Err(Errno::NOENT) } else { Self::file(file.as_fd(), len, false) };
        }
        kernel::about_to_map(usize::try_from(len).map_err(|_| Errno::OVERFLOW)?)?;
        let segment = ShmemConf::new().os_id(name.posix()).open().map_err(|error| match error {
            ShmemError::MapOpenFailed(errno) | ShmemError::UnknownOsError(errno) => {
                Errno::from_raw_os_error(errno as i32)
            }
            _ => Errno::IO,
        })?;
        // The object under the name may be another one by now, of another length.
        if segment.len() as u64 != len { Err(Errno::NOENT) } else { Self::segment(segment) }
    }

    /// Takes over a segment that is mapped already.
    pub(crate) fn segment(segment: Shmem) -> Result<Self> {
        let (start, len) = (segment.as_ptr(), segment.len());
        Self::kept(start, len, Keeper::Segment { segment })
    }

    /// From now on a segment's name is no matter of the mapping.
    pub(crate) fn disown(&mut self) {
        if let Keeper::Segment { segment } = &mut self.keeper {
            segment.set_owner(false);
        }
    }

    fn kept(start: *mut u8, len: usize, keeper: Keeper) -> Result<Self> {
        let start = NonNull::new(start).ok_or(Errno::NOMEM)?;
        // SAFETY: the whole mapping, which the keeper has to itself; the drop of `Mapping` gives it back before.
        unsafe { process::keep_from_children(start, len.next_multiple_of(PAGE as usize)) }?;
        #[cfg(feature = "model")]
        model::mapped(start.as_ptr() as usize, len, None, 0);
        Ok(Self { start, len, keeper })
    }

    /// Says which file it shows, by device and number: the door gives all mappings of a file one number.
    #[cfg(feature = "model")]
    pub(crate) fn is_of(&self, file: Option<(u64, u64)>) {
        model::identified(self.start.as_ptr() as usize, file);
    }

    /// Writes `bytes` at the region's beginning, where a file takes nothing by `write`.
    pub(crate) fn write_start(&self, bytes: &[u8]) {
        assert!(bytes.len() <= self.len);
        // SAFETY: within the mapping (asserted), which was made for writing; no reference covers it.
        unsafe { copy_in(bytes.as_ptr(), self.start.as_ptr(), bytes.len()) };
    }

    /// Address of the region's first byte, page-aligned.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Bytes mapped.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        process::give_back(self.start);
        #[cfg(feature = "model")]
        model::unmapped(self.start.as_ptr() as usize);
    }
}

/// One section of a region, mapped twice in a row; unmapped when dropped.
///
/// The bytes at `start + n` and `start + len + n` are the same, so a record that runs over the end of the section is
/// contiguous in memory.
#[derive(Debug)]
pub struct Mirror {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: an address range of the process; nothing of it belongs to a thread.
unsafe impl Send for Mirror {}
// SAFETY: shared use only learns the address and the length.
unsafe impl Sync for Mirror {}

impl Mirror {
    /// Maps `section` of `file` twice.
    pub(crate) fn new(file: BorrowedFd<'_>, section: Section, read_only: bool) -> Result<Self> {
        let len = usize::try_from(section.len).map_err(|_| Errno::OVERFLOW)?;
        let both = len.checked_mul(2).ok_or(Errno::OVERFLOW)?;
        kernel::about_to_map(both)?;
        on_the_heap!(Err(Errno::NOSYS));
        let protection = if read_only { ProtFlags::READ } else { ProtFlags::READ | ProtFlags::WRITE };
        // SAFETY: a fresh range of the kernel's choice, without access; nothing of ours is replaced.
        let start = unsafe {
            rustix::mm::mmap_anonymous(core::ptr::null_mut(), both, ProtFlags::empty(), MapFlags::PRIVATE)
        }?;
        // From here on the drop of `mirror` unmaps the range, whatever fails.
        let mirror = Self { start: NonNull::new(start.cast()).ok_or(Errno::NOMEM)?, len };
        for half in [0, len] {
            let at = mirror.start.as_ptr().wrapping_add(half).cast();
            let flags = MapFlags::SHARED | MapFlags::FIXED;
            // SAFETY: `at..at + len` lies in the range reserved above, which nobody else knows of yet.
            unsafe { rustix::mm::mmap(at, len, protection, flags, file, section.offset) }?;
            #[cfg(feature = "model")]
            model::mapped(at as usize, len, model::identity(file), section.offset);
        }
        // SAFETY: the range of this mirror alone; its drop gives it back before.
        unsafe { process::keep_from_children(mirror.start, both) }?;
        Ok(mirror)
    }

    /// Address of the section's first byte, page-aligned. Readable, and writable unless the region was opened
    /// read-only, for `2 * len()` bytes while this value lives.
    #[must_use]
    pub fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Bytes of the section: half of what is mapped.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // because no section is empty.
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        #[cfg(feature = "model")]
        for half in [0, self.len] {
            model::unmapped(self.start.as_ptr() as usize + half);
        }
        process::give_back(self.start);
        // SAFETY: the range was mapped by `new` for this value alone, and every address handed out from it promised to
        // live no longer than the value.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), 2 * self.len) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}
