//! Records as slices of the ring itself, for handles whose user has promised that its peers follow the protocol.

#![allow(unsafe_code)] // because this is where slices over shared bytes are formed; the promise is made at `in_place`.

use super::{Consumer, Peek, Producer, Reservation};
use crate::InPlace;
use crate::error::{RecvError, SendError, TryRecvError, TrySendError};
use crate::in_place::{slice, slice_mut};
use core::ops::{Deref, DerefMut};
use ringway_sync::Deadline;
use std::sync::Arc;

impl Producer {
    /// Allows writing through slices into the ring, on a promise.
    ///
    /// # Safety
    ///
    /// - Every process that can write this region follows the protocol: none writes between the ring's tail and its
    ///   head plus capacity but this producer. (A process that breaks this while a slice lives is undefined behaviour
    ///   here, not just wrong bytes.)
    #[must_use]
    pub unsafe fn in_place(self) -> InPlace<Self> {
        let region = Arc::clone(self.region());
        InPlace::new(self, &region)
    }
}

impl InPlace<Producer> {
    /// Reserves room for a record of up to `len` bytes, to be written through a slice. Never waits.
    ///
    /// # Errors
    ///
    /// [`TrySendError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use ringway::{Config, bytes};
    /// # let region = std::sync::Arc::new(bytes::anonymous(&Config::spsc().capacity(1 << 12))?);
    /// # let (tx, mut rx) = (bytes::Producer::attach(&region)?, bytes::Consumer::attach(&region)?);
    /// // SAFETY: the region is anonymous and never leaves this process, which follows the protocol.
    /// let mut tx = unsafe { tx.in_place() };
    /// let mut window = tx.try_window(5)?;
    /// window.copy_from_slice(b"hello");
    /// window.commit();
    /// assert_eq!(rx.recv_vec()?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_window(&mut self, len: usize) -> Result<Window<'_>, TrySendError> {
        self.check(self.region());
        Ok(Window { reservation: self.try_reserve(len)? })
    }

    /// Reserves room for a record of up to `len` bytes, waiting until a deadline while the ring is full.
    ///
    /// # Errors
    ///
    /// [`SendError`].
    #[inline]
    pub fn window_until(
        &mut self,
        len: usize,
        deadline: impl Into<Deadline>,
    ) -> Result<Window<'_>, SendError> {
        self.check(self.region());
        Ok(Window { reservation: self.reserve_until(len, deadline)? })
    }
}

/// Room for one record, written as a slice of the ring. Dropping it without a commit gives the room back.
#[derive(Debug)]
#[must_use = "a record that is not committed is not sent"]
pub struct Window<'a> {
    reservation: Reservation<'a>,
}

impl Window<'_> {
    /// Sends the record.
    #[inline]
    pub fn commit(self) {
        self.reservation.commit();
    }

    /// Sends the first `len` bytes as the record and gives the rest back.
    ///
    /// # Panics
    ///
    /// When more is committed than was reserved.
    #[inline]
    pub fn commit_prefix(self, len: usize) {
        self.reservation.commit_prefix(len);
    }

    /// Gives the room back; nothing is sent.
    pub fn abort(self) {}
}

impl Deref for Window<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: in a row and mapped (`address`), initialised since the kernel gave the page, and by the promise
        // at `Producer::in_place` nobody writes there while this producer holds the reservation.
        unsafe { slice(self.reservation.address(), self.reservation.len()) }
    }
}

impl DerefMut for Window<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; nobody reads beyond tail either, and the borrow of the window is unique.
        unsafe { slice_mut(self.reservation.address(), self.reservation.len()) }
    }
}

impl Consumer {
    /// Allows reading through slices of the ring, on a promise.
    ///
    /// # Safety
    ///
    /// - Every process that can write this region follows the protocol: none writes between the ring's head and its
    ///   tail. (A process that breaks this while a slice lives is undefined behaviour here, not just wrong bytes.)
    #[must_use]
    pub unsafe fn in_place(self) -> InPlace<Self> {
        let region = Arc::clone(self.region());
        InPlace::new(self, &region)
    }
}

impl InPlace<Consumer> {
    /// Looks at the next message as a slice of the ring. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use ringway::{Config, bytes};
    /// # let region = std::sync::Arc::new(bytes::anonymous(&Config::spsc().capacity(1 << 12))?);
    /// # let (mut tx, rx) = (bytes::Producer::attach(&region)?, bytes::Consumer::attach(&region)?);
    /// // SAFETY: the region is anonymous and never leaves this process, which follows the protocol.
    /// let mut rx = unsafe { rx.in_place() };
    /// tx.send(b"hello")?;
    /// let view = rx.try_view()?;
    /// assert_eq!(&*view, b"hello");
    /// view.release();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_view(&mut self) -> Result<View<'_>, TryRecvError> {
        self.check(self.region());
        Ok(View { peek: self.try_peek()? })
    }

    /// Looks at the next message as a slice of the ring, waiting until a deadline while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn view_until(&mut self, deadline: impl Into<Deadline>) -> Result<View<'_>, RecvError> {
        self.check(self.region());
        Ok(View { peek: self.peek_until(deadline)? })
    }
}

/// The next message as a slice of the ring. Dropping it without a release leaves the message there.
#[derive(Debug)]
#[must_use = "a message that is not released stays in the ring"]
pub struct View<'a> {
    peek: Peek<'a>,
}

impl View<'_> {
    /// Takes the message from the ring.
    #[inline]
    pub fn release(self) {
        self.peek.release();
    }
}

impl Deref for View<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: in a row and mapped (`address`), and by the promise at `Consumer::in_place` nobody writes it until it is released.
        unsafe { slice(self.peek.address(), self.peek.len()) }
    }
}
