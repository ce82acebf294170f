//! How a region without a name reaches another process: by its descriptor, over a socket or through `exec`.
//!
//! ```text
//!   sender ──send──▶ Unix socket ──receive──▶ in memory? sealed? ─ a description of our own ─ superblock ─ map
//!   parent ──inheritable──▶ exec ──inherited(number)──▶ the same
//! ```
//!
//! A descriptor that came from another process shares that process's open description, and with it its locks. So the
//! receiver opens the file afresh through `/proc/thread-self/fd`. It takes nothing but a sealed file in memory, and does
//! not even open anything else: that could shrink under it, or stall it behind a file system of somebody's making.

#![allow(unsafe_code)] // because a received descriptor's buffer is laid out by hand.

use crate::access::Access;
use crate::error::{Doing, OpenError, SystemError};
use crate::geometry::Expected;
use crate::hold::Backing;
use crate::layout::PAGE;
use crate::mapping::Mapping;
use crate::primitive::kernel;
use crate::region::{Region, read_geometry};
use core::mem::MaybeUninit;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

impl Region {
    /// Sends the region's descriptor to the process at the other end of a socket.
    ///
    /// Only an anonymous region can travel so: the receiver takes sealed files alone.
    ///
    /// # Errors
    ///
    /// [`SystemError`] when the socket does not take it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, Region};
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (here, there) = UnixStream::pair()?;
    /// let blueprint = Blueprint::new(1, 1);
    /// let sent = Region::anonymous(&blueprint)?;
    /// sent.send(&here)?;
    /// let received = Region::receive(&there, &blueprint.expected())?;
    /// assert_eq!(received.geometry(), sent.geometry());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&self, socket: &UnixStream) -> Result<(), SystemError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        // Not our own description: the receiver would hold our locks, and our roles with them.
        let fresh =
            kernel::reopen(self.as_fd().as_raw_fd(), self.is_read_only()).doing("sending a region")?;
        let descriptors = [fresh.as_fd()];
        assert!(
            control.push(SendAncillaryMessage::ScmRights(&descriptors)),
            "the space is for one descriptor"
        );
        loop {
            match sendmsg(socket, &[IoSlice::new(b"R")], &mut control, SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(SystemError::new("sending a region", errno)),
            }
        }
    }

    /// Receives a region that the other end [sent](Self::send). Waits as long as the socket's read timeout says.
    ///
    /// # Errors
    ///
    /// [`OpenError::TimedOut`], [`OpenError::NoDescriptor`], and those of [`attach`](Self::attach).
    pub fn receive(socket: &UnixStream, expected: &Expected) -> Result<Self, OpenError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        loop {
            match recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(OpenError::TimedOut),
                Err(errno) => return Err(SystemError::new("receiving a region", errno).into()),
            }
        }
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        Self::attach(descriptor.ok_or(OpenError::NoDescriptor)?.as_fd(), expected)
    }

    /// Attaches to the region behind a descriptor that came from somebody else.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotAFile`], [`OpenError::NotSealed`], [`OpenError::Rejected`].
    pub fn attach(descriptor: BorrowedFd<'_>, expected: &Expected) -> Result<Self, OpenError> {
        Self::inherited(descriptor.as_raw_fd(), expected)
    }

    /// A descriptor of the region, without this process's locks, that a child keeps across `exec`; its number goes to the
    /// child in an argument or the environment, and there to [`inherited`](Self::inherited).
    ///
    /// Every child started while it is open inherits it, so close it once the right one runs.
    ///
    /// # Errors
    ///
    /// [`SystemError`] when the process has no room for another descriptor.
    pub fn inheritable(&self) -> Result<OwnedFd, SystemError> {
        // A description of its own: a duplicate would carry this process's locks, and its roles with them.
        let doing = "duplicating a region's descriptor";
        let fresh = kernel::reopen(self.as_fd().as_raw_fd(), self.is_read_only()).doing(doing)?;
        rustix::io::fcntl_setfd(&fresh, rustix::io::FdFlags::empty()).doing(doing)?;
        Ok(fresh)
    }

    /// Attaches to the region behind an open descriptor of this process, by number. The descriptor stays open.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach); [`OpenError::NoDescriptor`] when no such descriptor is open.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, Region};
    /// use std::os::fd::AsRawFd;
    ///
    /// let blueprint = Blueprint::new(1, 1);
    /// let region = Region::anonymous(&blueprint)?;
    /// let passed = region.inheritable()?;
    /// // In the child:
    /// let attached = Region::inherited(passed.as_raw_fd(), &blueprint.expected())?;
    /// assert_eq!(attached.geometry(), region.geometry());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inherited(number: i32, expected: &Expected) -> Result<Self, OpenError> {
        let doing = "attaching to a region";
        match kernel::is_sealed(number) {
            Ok(true) => {}
            Ok(false) => return Err(OpenError::NotSealed),
            Err(Errno::BADF) => return Err(OpenError::NoDescriptor),
            Err(Errno::INVAL) => return Err(OpenError::NotAFile),
            Err(errno) => return Err(SystemError::new(doing, errno).into()),
        }
        let file = match kernel::reopen(number, false) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(OpenError::NoDescriptor),
            Err(Errno::ACCESS | Errno::PERM) => return Err(OpenError::PermissionDenied),
            Err(errno) => return Err(SystemError::new(doing, errno).into()),
        };
        let geometry = read_geometry(file.as_fd(), PAGE, Access::default())?;
        geometry.expect(expected)?;
        let mapping = Mapping::file(file.as_fd(), geometry.region_len, false).doing(doing)?;
        let backing = Backing::in_memory(file, false).doing(doing)?;
        Ok(Self::assemble(geometry, mapping, backing, None, None))
    }
}
