//! A lock byte that is held exactly as long as this address space lives: the proof of a process's death.
//!
//! ```text
//!   take      a description of our own of the file ─ lock the byte ─ map a page through it ─ close the descriptor
//!   release   unmap the page
//!
//!   descriptor (closed)      mapping ──▶ open description ──▶ lock byte
//! ```
//!
//! A lock of an open file description goes when the description does, and a description stays open as long as a mapping
//! made through it. Here nothing else keeps it: the descriptor is closed at once, and the mapping is not copied into
//! children. So the lock goes when the mapping is unmapped or when the address space ends, which is after the last thread
//! of the process has done its last store there, and at no other time:
//!
//! | what happens to the holder | the lock |
//! |---|---|
//! | killed, or exits; a zombie that nobody has reaped | free, after the last of its threads has left its memory |
//! | executes another program | free: that is another address space |
//! | forks; the child lives on | the parent's, and goes with the parent |
//! | closes all its descriptors, of this file or any | held |
//! | a thread of it ends | held |
//! | stopped, traced, frozen, dumping core | held |
//! | numbered like another process in another PID namespace | no matter: it is the file's |
//!
//! (A record lock of a process, `F_SETLK`, would go with the next descriptor of the file that anybody in the process
//! closes; one of a description that a descriptor keeps open would stay with a forked child.)
//!
//! A kernel that stands in for the real one (feature `model`) keeps a hold by itself, without descriptor or
//! mapping.
//!
//! A **window** is a hold whose page is one that the holder needs in its sight, with a private page behind it.
//!
//! Not every file system keeps the description with the mapping: one that is stacked on another may keep that of the
//! file below (overlayfs does). [`Backing::probe`] asks. Where it does not, the hold keeps the descriptor instead, and with it the weakness
//! that a forked child keeps the lock.

#![allow(unsafe_code)] // because the lock is held by a mapping.

use crate::descriptor::Descriptor;
use crate::geometry::Geometry;
use crate::layout::{PAGE, TRIAL_LOCKS};
use crate::mapping::Mapping;
use crate::primitive::kernel;
#[cfg(feature = "model")]
use crate::primitive::model;
use crate::process::{self, Home};
use core::ops::Range;
use core::ptr::NonNull;
use rustix::io::{Errno, Result};
use rustix::mm::{Advice, MapFlags, ProtFlags};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The file that a region lies in, as far as locks and mappings go.
#[derive(Debug)]
pub(crate) struct Backing {
    file: Descriptor,
    read_only: bool,
    /// Does a mapping keep the description?
    binds: bool,
    /// Does it lie in memory?
    in_memory: bool,
    /// Bytes of the smallest piece that can be mapped.
    grain: u64,
}

impl Backing {
    /// A file in memory.
    pub(crate) fn in_memory(file: OwnedFd, read_only: bool) -> Result<Self> {
        Ok(Self { file: Descriptor::new(file)?, read_only, binds: true, in_memory: true, grain: PAGE })
    }

    /// A file of any file system, which is asked what it is like: once for each region that is created or opened there.
    pub(crate) fn probe(file: OwnedFd, read_only: bool) -> Result<Self> {
        let mut backing = Self::in_memory(file, read_only)?;
        if kernel::is_stood_in() {
            return Ok(backing);
        }
        let found = kernel::file_system(backing.descriptor().as_fd())?;
        backing.in_memory = found.in_memory;
        backing.grain = found.large_page.unwrap_or(PAGE);
        // A byte that nobody else asks for, or somebody else's answer would be taken for ours.
        let [a, b, c, d, ..] = kernel::random()?;
        let byte = TRIAL_LOCKS + u64::from(u32::from_le_bytes([a, b, c, d]));
        // Shared, since a file that is open for reading takes no other. As long as it is believed that the mapping keeps
        // the description, the hold closes the descriptor.
        let trial = backing.hold(byte, false)?;
        backing.binds = trial.is_some() && backing.is_held(byte)?;
        Ok(backing)
    }

    /// Bytes of the smallest piece that can be mapped.
    pub(crate) fn grain(&self) -> u64 {
        self.grain
    }

    /// Does it lie in memory?
    pub(crate) fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    /// Maps the region: the whole file.
    pub(crate) fn map(&self, geometry: &Geometry) -> Result<Mapping> {
        let len = geometry.region_len.checked_next_multiple_of(self.grain).ok_or(Errno::OVERFLOW)?;
        Mapping::file(self.descriptor().as_fd(), len, self.read_only)
    }

    /// Is it this file that was looked at?
    pub(crate) fn is(&self, stat: &rustix::fs::Stat) -> bool {
        (stat.st_dev, stat.st_ino) == self.file.identity
    }

    /// Device and number of the file.
    #[cfg(feature = "model")]
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.file.identity
    }

    /// The descriptor, if it is still the file's.
    pub(crate) fn file(&self) -> Result<BorrowedFd<'_>> {
        self.file.checked()
    }

    /// The descriptor, whatever it leads to by now.
    pub(crate) fn descriptor(&self) -> &OwnedFd {
        &self.file.file
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Takes a lock byte; `None` when somebody else holds it.
    pub(crate) fn hold(&self, byte: u64, exclusive: bool) -> Result<Option<Hold>> {
        if let Some(taken) = kernel::lock_instead(self.file.identity, byte, exclusive) {
            return Ok(taken?.then(|| self.stood_in(byte, exclusive)));
        }
        let _no_child_shares_it = process::without_forks();
        let description = self.describe()?;
        if !kernel::try_lock(&description, byte, exclusive)? {
            return Ok(None);
        }
        Ok(Some(self.bind(description, byte, None)?))
    }

    /// Takes the first lock byte of `bytes` that nobody else holds, by a window onto the page at `page` of its number in
    /// the range; `None` when all are held.
    pub(crate) fn window(&self, bytes: Range<u64>, page: impl Fn(u64) -> u64) -> Result<Option<(u64, Hold)>> {
        if kernel::is_stood_in() {
            return self.window_instead(bytes);
        }
        let no_child_shares_it = process::without_forks();
        let description = self.describe()?;
        for (number, byte) in (0..).zip(bytes) {
            if kernel::try_lock(&description, byte, true)? {
                let mut hold = self.bind(description, byte, Some(page(number)))?;
                drop(no_child_shares_it);
                // A child that is forked before this does not have the hold: nobody else knows of it yet.
                process::put_zeros_in_children(hold.start, hold.len);
                hold.has_zeros = true;
                return Ok(Some((number, hold)));
            }
        }
        Ok(None)
    }

    /// The same, by a stand-in kernel: there is no window, and the row is seen in the region's own mapping.
    #[cold]
    fn window_instead(&self, bytes: Range<u64>) -> Result<Option<(u64, Hold)>> {
        for (number, byte) in (0..).zip(bytes) {
            if let Some(hold) = self.hold(byte, true)? {
                return Ok(Some((number, hold)));
            }
        }
        Ok(None)
    }

    /// A hold that a stand-in kernel keeps.
    fn stood_in(&self, byte: u64, exclusive: bool) -> Hold {
        Hold {
            start: NonNull::dangling(),
            len: 0,
            page: 0,
            has_private: false,
            byte,
            home: Home::here(),
            has_zeros: false,
            instead: Some(Instead { file: self.file.identity, exclusive }),
            _description: None,
        }
    }

    /// Does anybody hold the lock byte, in this process or another?
    pub(crate) fn is_held(&self, byte: u64) -> Result<bool> {
        // The descriptor's own description has no locks.
        kernel::is_locked(self.file()?, byte)
    }

    /// A description of our own of the file.
    fn describe(&self) -> Result<OwnedFd> {
        kernel::reopen(self.file()?.as_raw_fd(), self.read_only)
    }

    /// Binds the lock of a description to the address space.
    fn bind(&self, description: OwnedFd, byte: u64, window: Option<u64>) -> Result<Hold> {
        let grain = self.grain as usize;
        // The private page of a window stands where a robust list's entry looks for it: one small page behind. A window
        // in larger pages has none.
        let has_private = window.is_some() && self.grain == PAGE;
        let len = if has_private { 2 * grain } else { grain };
        kernel::about_to_map(len)?;
        let access = if window.is_some() { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::empty() };
        let page = window.unwrap_or(0);
        let offset = page - page % self.grain;
        let nothing = ProtFlags::empty();
        let anywhere = core::ptr::null_mut();
        let start = if has_private {
            // SAFETY: a fresh range of the kernel's choice; nothing of ours is replaced.
            unsafe { rustix::mm::mmap_anonymous(anywhere, len, nothing, MapFlags::PRIVATE) }
        } else {
            // SAFETY: as above.
            unsafe { rustix::mm::mmap(anywhere, len, access, MapFlags::SHARED, &description, offset) }
        }?;
        // From here on the drop of `hold` unmaps the range, whatever fails.
        let mut hold = Hold {
            start: NonNull::new(start.cast()).ok_or(Errno::NOMEM)?,
            len,
            page: (page - offset) as usize,
            has_private,
            byte,
            home: Home::here(),
            has_zeros: false,
            instead: None,
            _description: None,
        };
        if has_private {
            let shown = MapFlags::SHARED | MapFlags::FIXED;
            // SAFETY: the first page of the range reserved above, which nobody else knows of yet.
            unsafe { rustix::mm::mmap(start, grain, access, shown, &description, offset) }?;
            let private = MapFlags::PRIVATE | MapFlags::FIXED;
            let behind = start.wrapping_byte_add(grain);
            // SAFETY: the second page of the range.
            unsafe { rustix::mm::mmap_anonymous(behind, grain, access, private) }?;
        }
        // SAFETY: the range just mapped, whole.
        unsafe { rustix::mm::madvise(start, len, Advice::LinuxDontFork) }?;
        #[cfg(feature = "model")]
        if window.is_some() {
            model::mapped(hold.start.as_ptr() as usize, grain, Some(self.file.identity), offset);
        }
        if !self.binds {
            hold._description = Some(Descriptor::new(description)?);
        }
        Ok(hold)
    }
}

/// A lock byte, held until this is dropped or the address space ends.
#[derive(Debug)]
pub(crate) struct Hold {
    start: NonNull<u8>,
    len: usize,
    /// Where in it the page of a window begins.
    page: usize,
    has_private: bool,
    byte: u64,
    home: Home,
    /// Do children find zeros in its place? Those of a page without access find nothing.
    has_zeros: bool,
    /// Kept by a kernel that stands in for the real one; then nothing is mapped.
    instead: Option<Instead>,
    /// Where the file system does not keep the description with the mapping.
    _description: Option<Descriptor>,
}

/// What a stand-in kernel is told when a lock is given back.
#[derive(Clone, Copy, Debug)]
struct Instead {
    /// Device and number of the file.
    file: (u64, u64),
    exclusive: bool,
}

// SAFETY: an address range of the process; nothing of it belongs to a thread.
unsafe impl Send for Hold {}
// SAFETY: shared use only learns the addresses.
unsafe impl Sync for Hold {}

impl Hold {
    /// First byte of a window's page: readable and writable while the hold lives. `None` where a stand-in
    /// kernel keeps the hold.
    pub(crate) fn page(&self) -> Option<NonNull<u8>> {
        if self.instead.is_some() {
            return None;
        }
        // SAFETY: within the range, by construction.
        Some(unsafe { self.start.add(self.page) })
    }

    /// Is there a private page right behind the window's?
    pub(crate) fn has_private(&self) -> bool {
        self.has_private
    }

    /// Was it taken by a parent of this process? Then it is the parent's, and nothing of it is here.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.home.is_elsewhere()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.is_elsewhere() {
            return;
        }
        if let Some(Instead { file, exclusive }) = self.instead {
            return kernel::unlock_instead(file, self.byte, exclusive);
        }
        kernel::about_to_unlock(self.byte);
        // Not otherwise: a hold that fails to be bound is dropped under the lock that this takes.
        if self.has_zeros {
            process::give_back(self.start);
        }
        #[cfg(feature = "model")]
        model::unmapped(self.start.as_ptr() as usize);
        // SAFETY: the range was mapped by `bind` for this value alone, and every address handed out from it promised to
        // live no longer.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}
