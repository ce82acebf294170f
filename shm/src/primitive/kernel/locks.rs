//! Lock bytes: locks of an open file description on single bytes far beyond a file's end.

#![allow(unsafe_code)] // because locks of an open file description are a `libc` call.

#[cfg(feature = "model")]
use super::answer;
use super::{Call, pass};
#[cfg(feature = "model")]
use crate::primitive::model::FileId;
use rustix::io::{Errno, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Tries to take a lock byte of the file for this open description; false when somebody else holds it. The kernel gives it
/// back when the description goes: when its last descriptor is closed and its last mapping unmapped.
pub(crate) fn try_lock(file: impl AsFd, byte: u64, exclusive: bool) -> Result<bool> {
    pass(Call::Lock { byte, exclusive })?;
    let kind = if exclusive { libc::F_WRLCK } else { libc::F_RDLCK };
    match record_lock(file.as_fd(), libc::F_OFD_SETLK, kind, byte) {
        Ok(_) => {
            order::of_what_is_free(byte);
            Ok(true)
        }
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Has a stand-in kernel take a lock byte of a file, known by device and number, by a description that only
/// it knows. `None` where the real kernel is to be asked.
pub(crate) fn lock_instead(file: (u64, u64), byte: u64, exclusive: bool) -> Option<Result<bool>> {
    instead!(|kernel| Some(answer(kernel.lock(file_id(file), byte, exclusive))));
    on_the_heap!(Some(super::heap::lock(file, byte, exclusive)));
    let _ = (file, byte, exclusive);
    None
}

/// Gives back what [`lock_instead`] took. Where no kernel stands in any more, there is nobody to give it back
/// to.
pub(crate) fn unlock_instead(file: (u64, u64), byte: u64, exclusive: bool) {
    instead!(|kernel| kernel.unlock(file_id(file), byte, exclusive));
    on_the_heap!(super::heap::unlock(file, byte, exclusive));
    let _ = (file, byte, exclusive);
}

#[cfg(feature = "model")]
fn file_id((device, number): (u64, u64)) -> FileId {
    FileId { device, number }
}

/// Does anybody else hold the lock byte, as reader or as writer?
pub(crate) fn is_locked(file: impl AsFd, byte: u64) -> Result<bool> {
    instead!(|kernel| {
        let stat = rustix::fs::fstat(file)?;
        answer(kernel.is_locked(FileId { device: stat.st_dev, number: stat.st_ino }, byte))
    });
    pass(Call::LockHeld(byte))?;
    on_the_heap!(super::heap::is_locked(file.as_fd(), byte));
    let found = record_lock(file.as_fd(), libc::F_OFD_GETLK, libc::F_WRLCK, byte)?;
    let is_locked = found != libc::F_UNLCK;
    if !is_locked {
        order::of_what_is_free(byte);
    }
    Ok(is_locked)
}

/// Shows the hooks that a lock byte is about to be given back, by unmapping what keeps its description.
#[inline(always)]
pub(crate) fn about_to_unlock(byte: u64) {
    // Nothing can keep the lock from going; the hooks are only shown that it does.
    let _ = pass(Call::Unlock(byte));
    order::of_what_is_given_back(byte);
}

/// The order that lock bytes make: what their last holder did is there for whoever finds them free. The kernel makes it,
/// and the thread sanitizer does not see it, so for that one a word says it again. (Bytes of the same last digits share
/// the word; those of the roles of a ring do not.)
mod order {
    #[cfg(ringway_plain_copies)]
    use crate::primitive::{AtomicU32, Ordering};

    #[cfg(ringway_plain_copies)]
    static GIVEN_BACK: [AtomicU32; 64] = [const { AtomicU32::new(0) }; 64];

    #[inline(always)]
    pub(super) fn of_what_is_given_back(byte: u64) {
        // Release: pairs with the Acquire below.
        #[cfg(ringway_plain_copies)]
        GIVEN_BACK[(byte % 64) as usize].fetch_add(1, Ordering::Release);
        let _ = byte;
    }

    #[inline(always)]
    pub(super) fn of_what_is_free(byte: u64) {
        // Acquire: pairs with the Release above.
        #[cfg(ringway_plain_copies)]
        let _ = GIVEN_BACK[(byte % 64) as usize].load(Ordering::Acquire);
        let _ = byte;
    }
}

/// One open-file-description lock operation on one byte; returns the lock type that the kernel left.
fn record_lock(
    file: BorrowedFd<'_>,
    command: libc::c_int,
    kind: libc::c_int,
    byte: u64,
) -> Result<libc::c_int> {
    // SAFETY: `flock` is plain integers, for which all-zero is valid.
    let mut lock: libc::flock = unsafe { core::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = byte as libc::off_t;
    lock.l_len = 1;
    loop {
        // SAFETY: an open descriptor, and a `flock` that lives through the call.
        let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) };
        if answer != -1 {
            return Ok(libc::c_int::from(lock.l_type));
        }
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        if errno != libc::EINTR {
            return Err(Errno::from_raw_os_error(errno));
        }
    }
}
