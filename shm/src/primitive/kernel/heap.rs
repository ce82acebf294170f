//! What stands in for the kernel under Miri, which knows no memory file, no shared mapping, no lock of a description and
//! no `membarrier`.
//!
//! ```text
//!   file       a descriptor of an eventfd, and in a table of this process: number, bytes, lock bytes
//!   mapping    the bytes themselves, a block of the heap; the last mapping frees them, so a later use is found
//!   lock       an entry of the table
//!   life word  marked by nobody, since no process dies before this one
//!   membarrier refused in half of the executions, as a sandbox may refuse it
//! ```
//!
//! There is this one process. A region has no name and no path, a section is not mapped twice, and a row is seen in the
//! region's own mapping, as with every kernel that stands in for the real one. Sleeping and waking at one word, the clock,
//! random bytes and threads are Miri's own.
//!
//! Where `membarrier` is granted it is a fence of the caller alone. That is less than it promises: a light fence orders
//! nothing then, and a ring may be missed, for which the sleeper's tick makes up. Nothing that a message consists of
//! depends on it, and no fence stands in the way of the race that Miri looks for.

#![allow(unsafe_code)] // because a block of the heap is handed out by its address.

use crate::layout::PAGE;
use crate::primitive::{Ordering, fence};
use core::ptr::NonNull;
use rustix::io::{Errno, Result};
use std::alloc::Layout;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// A file, as long as its descriptor may be used.
struct File {
    descriptor: RawFd,
    /// No other file of the process ever has it.
    number: u64,
    bytes: Weak<Block>,
    /// The bytes, before the first mapping.
    unmapped: Option<Arc<Block>>,
    locks: Vec<Lock>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Lock {
    byte: u64,
    exclusive: bool,
}

static FILES: Mutex<Vec<File>> = Mutex::new(Vec::new());

fn files() -> MutexGuard<'static, Vec<File>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `action` answers about the file of a descriptor.
fn with_file<R>(descriptor: RawFd, action: impl FnOnce(&mut File) -> Result<R>) -> Result<R> {
    // The last one: earlier ones had the number before it was closed.
    let mut files = files();
    let file = files.iter_mut().rev().find(|file| file.descriptor == descriptor);
    action(file.ok_or(Errno::BADF)?)
}

/// Zeroed bytes, aligned to a page; freed when dropped.
#[derive(Debug)]
pub(crate) struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: an allocation belongs to no thread.
unsafe impl Send for Block {}
// SAFETY: shared use only learns the address.
unsafe impl Sync for Block {}

impl Block {
    fn new(len: u64) -> Result<Self> {
        let len = usize::try_from(len).map_err(|_| Errno::NOMEM)?;
        let layout = Layout::from_size_align(len, PAGE as usize).map_err(|_| Errno::NOMEM)?;
        assert!(len > 0, "no region is empty");
        // SAFETY: not of length 0 (asserted).
        let start = unsafe { std::alloc::alloc_zeroed(layout) };
        Ok(Self { start: NonNull::new(start).ok_or(Errno::NOMEM)?, layout })
    }

    /// Address of the first byte; page-aligned, readable and writable while the block lives.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout, and by its owner's promise not used any more.
        unsafe { std::alloc::dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// A new file without bytes.
pub(crate) fn memfd() -> Result<OwnedFd> {
    // SAFETY: takes numbers.
    let opened = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if opened == -1 {
        return Err(Errno::MFILE);
    }
    // SAFETY: opened above, and nobody else's.
    let descriptor = unsafe { OwnedFd::from_raw_fd(opened) };
    let mut files = files();
    let number = files.len() as u64 + 1;
    files.push(File {
        descriptor: descriptor.as_raw_fd(),
        number,
        bytes: Weak::new(),
        unmapped: None,
        locks: Vec::new(),
    });
    Ok(descriptor)
}

/// The file's device and number.
pub(crate) fn identity(file: &OwnedFd) -> Result<(u64, u64)> {
    with_file(file.as_raw_fd(), |file| Ok((0, file.number)))
}

/// Gives the file its length, once.
pub(crate) fn truncate(file: BorrowedFd<'_>, len: u64) -> Result<()> {
    let block = Arc::new(Block::new(len)?);
    with_file(file.as_raw_fd(), |file| {
        file.bytes = Arc::downgrade(&block);
        file.unmapped = Some(block);
        Ok(())
    })
}

/// Writes at the start of the file, before it is mapped.
pub(crate) fn write_start(file: BorrowedFd<'_>, bytes: &[u8]) -> Result<()> {
    with_file(file.as_raw_fd(), |file| {
        let block = file.unmapped.as_ref().filter(|block| bytes.len() <= block.layout.size());
        let start = block.ok_or(Errno::IO)?.start;
        // SAFETY: within the block (filtered), which nobody has mapped yet.
        unsafe { start.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    })
}

/// The first `len` bytes, which are all of them.
pub(crate) fn map(file: BorrowedFd<'_>, len: usize) -> Result<Arc<Block>> {
    with_file(file.as_raw_fd(), |file| {
        let block = file.unmapped.take().or_else(|| file.bytes.upgrade());
        block.filter(|block| block.layout.size() == len).ok_or(Errno::INVAL)
    })
}

/// Takes a lock byte, of a file known by device and number.
pub(crate) fn lock((_, number): (u64, u64), byte: u64, exclusive: bool) -> Result<bool> {
    let mut files = files();
    let file = files.iter_mut().find(|file| file.number == number).ok_or(Errno::BADF)?;
    let is_free = !file.locks.iter().any(|lock| lock.byte == byte && (lock.exclusive || exclusive));
    if is_free {
        file.locks.push(Lock { byte, exclusive });
    }
    Ok(is_free)
}

/// Gives back what [`lock`] took.
pub(crate) fn unlock((_, number): (u64, u64), byte: u64, exclusive: bool) {
    let mut files = files();
    let Some(file) = files.iter_mut().find(|file| file.number == number) else { return };
    if let Some(at) = file.locks.iter().position(|&lock| lock == Lock { byte, exclusive }) {
        file.locks.swap_remove(at);
    }
}

/// Has anybody the lock byte?
pub(crate) fn is_locked(file: BorrowedFd<'_>, byte: u64) -> Result<bool> {
    with_file(file.as_raw_fd(), |file| Ok(file.locks.iter().any(|lock| lock.byte == byte)))
}

/// `membarrier`, if this execution has it: the seed decides.
pub(crate) fn membarrier() -> bool {
    static GRANTED: OnceLock<bool> = OnceLock::new();
    let is_granted = *GRANTED.get_or_init(|| super::random().is_ok_and(|bytes| bytes[0] & 1 == 0));
    if is_granted {
        fence(Ordering::SeqCst);
    }
    is_granted
}
