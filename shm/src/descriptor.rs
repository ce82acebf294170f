//! A descriptor that a region keeps for long, in a program that may close it behind its back.

#![allow(unsafe_code)] // because a descriptor that is somebody else's by now is not closed.

use crate::primitive::kernel::on_the_heap;
use core::mem::ManuallyDrop;
use rustix::io::{Errno, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// An open file, closed when dropped, unless somebody has closed it already: a program that closes all its
/// descriptors may have another file under this number by now, which is not ours to close.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) file: ManuallyDrop<OwnedFd>,
    /// Device and number of the file.
    pub(crate) identity: (u64, u64),
}

impl Descriptor {
    pub(crate) fn new(file: OwnedFd) -> Result<Self> {
        Ok(Self { identity: identity(&file)?, file: ManuallyDrop::new(file) })
    }

    /// The descriptor, if it is still the file's.
    pub(crate) fn checked(&self) -> Result<BorrowedFd<'_>> {
        if identity(&self.file)? == self.identity { Ok(self.file.as_fd()) } else { Err(Errno::BADF) }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if self.checked().is_ok() {
            // SAFETY: dropped here only, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}

/// Device and number of an open file. No step of a protocol, so the hooks are not shown it.
fn identity(file: &OwnedFd) -> Result<(u64, u64)> {
    on_the_heap!(crate::primitive::kernel::heap::identity(file));
    rustix::fs::fstat(file).map(|stat| (stat.st_dev, stat.st_ino))
}
