//! Slots as slices of the ring itself, for handles whose user has promised that its peers follow the protocol.

#![allow(unsafe_code)] // because this is where slices over shared slots are formed; the promise is made at `in_place`.

use super::{Consumer, Peek, Producer, Reservation, Slot};
use crate::InPlace;
use crate::error::{TryRecvError, TrySendError};
use crate::in_place::{slice, slice_mut};
use core::ops::{Deref, DerefMut};
use std::sync::Arc;

impl<T: Slot> Producer<T> {
    /// Allows writing through slices into the ring, on a promise.
    ///
    /// # Safety
    ///
    /// - Every process that can write this region follows the protocol: none writes between the ring's tail and its
    ///   head plus capacity but this producer. (A process that breaks this while a slice lives is undefined behaviour
    ///   here, not just wrong values.)
    #[must_use]
    pub unsafe fn in_place(self) -> InPlace<Self> {
        let region = Arc::clone(self.region());
        InPlace::new(self, &region)
    }
}

impl<T: Slot> InPlace<Producer<T>> {
    /// Reserves up to `count` slots, to be written through a slice. Never waits.
    ///
    /// # Errors
    ///
    /// [`TrySendError`], `Full` when none is free.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ringway::{Config, slots};
    /// # let region = std::sync::Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(8))?);
    /// # let tx = slots::Producer::<u64>::attach(&region)?;
    /// # let mut rx = slots::Consumer::<u64>::attach(&region)?;
    /// // SAFETY: the region is anonymous and never leaves this process, which follows the protocol.
    /// let mut tx = unsafe { tx.in_place() };
    /// let mut window = tx.try_window(2)?;
    /// window.copy_from_slice(&[3, 4]);
    /// window.commit();
    /// assert_eq!((rx.recv()?, rx.recv()?), (3, 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_window(&mut self, count: usize) -> Result<Window<'_, T>, TrySendError> {
        self.check(self.region());
        Ok(Window { reservation: self.try_reserve_many(count)? })
    }
}

/// Free slots in a row, written as a slice of the ring. Dropping it without a commit gives them back.
#[derive(Debug)]
#[must_use = "slots that are not committed are not sent"]
pub struct Window<'a, T: Slot> {
    reservation: Reservation<'a, T>,
}

impl<T: Slot> Window<'_, T> {
    /// Sends all of the slots.
    #[inline]
    pub fn commit(self) {
        self.reservation.commit();
    }

    /// Sends the first `count` slots and gives the rest back.
    ///
    /// # Panics
    ///
    /// When more are committed than were reserved.
    #[inline]
    pub fn commit_prefix(self, count: usize) {
        self.reservation.commit_prefix(count);
    }

    /// Gives the slots back; nothing is sent.
    pub fn abort(self) {}
}

impl<T: Slot> Deref for Window<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the slots lie before the end of the section (`before_end`), every bit pattern is a `T`, and by the
        // promise at `Producer::in_place` nobody writes there while this producer holds the reservation.
        unsafe { slice(self.reservation.address(), self.reservation.len()) }
    }
}

impl<T: Slot> DerefMut for Window<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; nobody reads beyond tail either, and the borrow of the window is unique.
        unsafe { slice_mut(self.reservation.address(), self.reservation.len()) }
    }
}

impl<T: Slot> Consumer<T> {
    /// Allows reading through slices of the ring, on a promise.
    ///
    /// # Safety
    ///
    /// - Every process that can write this region follows the protocol: none writes between the ring's head and its
    ///   tail. (A process that breaks this while a slice lives is undefined behaviour here, not just wrong values.)
    #[must_use]
    pub unsafe fn in_place(self) -> InPlace<Self> {
        let region = Arc::clone(self.region());
        InPlace::new(self, &region)
    }
}

impl<T: Slot> InPlace<Consumer<T>> {
    /// Looks at up to `count` values as a slice of the ring. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use ringway::{Config, slots};
    /// # let region = std::sync::Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(8))?);
    /// # let mut tx = slots::Producer::<u64>::attach(&region)?;
    /// # let rx = slots::Consumer::<u64>::attach(&region)?;
    /// // SAFETY: the region is anonymous and never leaves this process, which follows the protocol.
    /// let mut rx = unsafe { rx.in_place() };
    /// tx.send_many(&[5, 6])?;
    /// let view = rx.try_view(8)?;
    /// assert_eq!(view.iter().sum::<u64>(), 11);
    /// view.release();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_view(&mut self, count: usize) -> Result<View<'_, T>, TryRecvError> {
        self.check(self.region());
        Ok(View { peek: self.try_peek_many(count)? })
    }
}

/// Values in a row as a slice of the ring. Dropping it without a release leaves them there.
#[derive(Debug)]
#[must_use = "values that are not released stay in the ring"]
pub struct View<'a, T: Slot> {
    peek: Peek<'a, T>,
}

impl<T: Slot> View<'_, T> {
    /// Takes all of the values from the ring.
    #[inline]
    pub fn release(self) {
        self.peek.release();
    }

    /// Takes the first `count` values from the ring and leaves the rest.
    ///
    /// # Panics
    ///
    /// When more are released than there are.
    #[inline]
    pub fn release_prefix(self, count: usize) {
        self.peek.release_prefix(count);
    }
}

impl<T: Slot> Deref for View<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the values lie before the end of the section (`before_end`), every bit pattern is a `T`, and by the
        // promise at `Consumer::in_place` nobody writes them until they are released.
        unsafe { slice(self.peek.address(), self.peek.len()) }
    }
}
