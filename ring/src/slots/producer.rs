//! The producer of a ring of slots.
//!
//! ```text
//!   try_send        room for one?  write the slot, tail (Release)
//!   try_send_many   room for how many?  copy them in one or two parts, tail (Release) once
//! ```

use super::{Slot, data, form};
use crate::cursor::ProducerCursor;
use crate::error::{OpenError, SendError, TrySendError, settled};
use crate::memory::Slots;
use crate::setup::{Side, by_name};
use ringway_shm::{Claim, Region};
use ringway_sync::{Deadline, Pace};
use std::sync::Arc;

/// The sending side of a ring of slots. There is one at a time, in whatever process.
///
/// # Examples
///
/// ```
/// use ringway::{Config, slots};
///
/// let name = format!("doc-slots-{}", std::process::id());
/// let mut tx = slots::Producer::<u64>::create(&name, &Config::spsc().capacity(1024))?;
/// let mut rx = slots::Consumer::<u64>::open(&name)?;
/// tx.send(&42)?;
/// assert_eq!(rx.recv()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer<T> {
    cursor: ProducerCursor,
    slots: Slots<T>,
    pace: Pace,
    _claim: Claim,
}

impl<T: Slot> Producer<T> {
    by_name!(form::<T>(), "producer", "ProducerTaken", has_consumer, "consumer", Consumer);

    /// Becomes the producer of the ring in a region.
    ///
    /// # Errors
    ///
    /// [`OpenError::Region`] when the region holds no ring of slots of `T`, [`OpenError::Attach`] when it has a producer
    /// or its positions cannot be.
    pub fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        let slots = data::<T>(region)?;
        let claim = Side::Producer.claim(region)?;
        let cursor = ProducerCursor::attach(slots.memory().control(), slots.capacity(), 1)
            .map_err(|corruption| OpenError::Attach(corruption.into()))?;
        Ok(Self { cursor, slots, pace: Pace::new(), _claim: claim })
    }

    /// The ring's region.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        self.slots.memory().region()
    }

    /// Slots of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.slots.capacity()
    }

    /// Sends one value if there is room now. Never waits.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] or [`TrySendError::Corrupt`]; nothing was sent.
    #[inline(always)]
    pub fn try_send(&mut self, value: &T) -> Result<(), TrySendError> {
        if self.cursor.free() == 0 {
            self.look_for_room(1)?;
        }
        self.put(value);
        Ok(())
    }

    /// Sends one value, waiting while the ring is full.
    ///
    /// # Errors
    ///
    /// [`SendError::Corrupt`].
    #[inline]
    pub fn send(&mut self, value: &T) -> Result<(), SendError> {
        self.send_until(value, Deadline::NEVER)
    }

    /// Sends one value, waiting until a deadline (a [`Duration`](std::time::Duration) from now, or an
    /// [`Instant`](std::time::Instant)).
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing was sent.
    #[inline]
    pub fn send_until(&mut self, value: &T, deadline: impl Into<Deadline>) -> Result<(), SendError> {
        if let Err(error) = self.try_send(value) {
            self.await_room(error, deadline.into())?;
            self.put(value);
        }
        Ok(())
    }

    /// Sends as many of `values` as there is room for now, published together, and says how many. Never waits.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] when there is room for none of them, or [`TrySendError::Corrupt`]; nothing was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ringway::{Config, slots};
    /// # let region = std::sync::Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(4))?);
    /// # let mut tx = slots::Producer::<u64>::attach(&region)?;
    /// # let mut rx = slots::Consumer::<u64>::attach(&region)?;
    /// assert_eq!(tx.try_send_many(&[1, 2, 3, 4, 5])?, 4);
    /// let mut values = [0; 8];
    /// assert_eq!(rx.try_recv_many(&mut values)?, 4);
    /// assert_eq!(values[..4], [1, 2, 3, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_send_many(&mut self, values: &[T]) -> Result<usize, TrySendError> {
        if values.is_empty() {
            self.cursor.intact()?;
            return Ok(0);
        }
        let count = self.room_for(values.len())?;
        self.slots.write_many(self.cursor.tail(), &values[..count]);
        self.cursor.advance(count as u64);
        self.cursor.publish(self.slots.memory().control());
        Ok(count)
    }

    /// Sends all of `values`, in as many parts as there is room for, waiting while the ring is full.
    ///
    /// # Errors
    ///
    /// [`SendError::Corrupt`].
    #[inline]
    pub fn send_many(&mut self, values: &[T]) -> Result<(), SendError> {
        let mut rest = values;
        while !rest.is_empty() {
            rest = &rest[self.send_many_until(rest, Deadline::NEVER)?..];
        }
        Ok(())
    }

    /// Sends `values`, in as many parts as there is room for, waiting until a deadline, and says how many were sent: all,
    /// or those for which there was room in time.
    ///
    /// # Errors
    ///
    /// [`SendError`]; none of the values was sent.
    #[inline]
    pub fn send_many_until(
        &mut self,
        values: &[T],
        deadline: impl Into<Deadline>,
    ) -> Result<usize, SendError> {
        match self.try_send_many(values) {
            Ok(sent) if sent == values.len() => Ok(sent),
            tried => self.send_rest(values, tried, deadline.into()),
        }
    }

    #[inline(never)]
    fn send_rest(
        &mut self,
        values: &[T],
        mut tried: Result<usize, TrySendError>,
        deadline: Deadline,
    ) -> Result<usize, SendError> {
        let mut sent = 0;
        loop {
            match tried {
                Ok(more) => sent += more,
                Err(error) => match self.await_room(error, deadline) {
                    Ok(()) => {}
                    // What was sent is said first; the next call says why it ended.
                    Err(_) if sent > 0 => return Ok(sent),
                    Err(error) => return Err(error),
                },
            }
            if sent == values.len() {
                return Ok(sent);
            }
            tried = self.try_send_many(&values[sent..]);
        }
    }

    /// Reserves one slot, to be written in the ring. Never waits.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] or [`TrySendError::Corrupt`].
    #[inline]
    pub fn try_reserve(&mut self) -> Result<Reservation<'_, T>, TrySendError> {
        self.try_reserve_many(1)
    }

    /// Reserves up to `count` slots, to be written in the ring: as many as are free now and lie before its end. Never
    /// waits.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] when none is free, or [`TrySendError::Corrupt`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use ringway::{Config, slots};
    /// # let region = std::sync::Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(8))?);
    /// # let mut tx = slots::Producer::<u64>::attach(&region)?;
    /// # let mut rx = slots::Consumer::<u64>::attach(&region)?;
    /// let mut slots = tx.try_reserve_many(3)?;
    /// for at in 0..slots.len() {
    ///     slots.write(at, &(at as u64 * 10));
    /// }
    /// slots.commit_prefix(2);
    /// assert_eq!((rx.recv()?, rx.recv()?), (0, 10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_reserve_many(&mut self, count: usize) -> Result<Reservation<'_, T>, TrySendError> {
        let free = self.room_for(count)?;
        let count = self.slots.before_end(self.cursor.tail(), free);
        Ok(Reservation { producer: self, count })
    }

    /// Reserves one slot, waiting while the ring is full.
    ///
    /// # Errors
    ///
    /// [`SendError::Corrupt`].
    #[inline]
    pub fn reserve(&mut self) -> Result<Reservation<'_, T>, SendError> {
        self.reserve_until(Deadline::NEVER)
    }

    /// Reserves one slot, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`SendError`].
    #[inline]
    pub fn reserve_until(&mut self, deadline: impl Into<Deadline>) -> Result<Reservation<'_, T>, SendError> {
        if let Err(error) = self.room_for(1) {
            self.await_room(error, deadline.into())?;
        }
        Ok(Reservation { producer: self, count: 1 })
    }

    /// Writes and publishes one value, for which there is room.
    #[inline(always)]
    fn put(&mut self, value: &T) {
        let tail = self.cursor.tail();
        self.slots.write(tail, value);
        self.cursor.advance(1);
        self.cursor.publish(self.slots.memory().control());
    }

    /// Waits, if the failure of a try was that the ring is full, until it is not.
    #[inline(never)]
    fn await_room(&mut self, failure: TrySendError, deadline: Deadline) -> Result<(), SendError> {
        if !matches!(failure, TrySendError::Full { .. }) {
            return settled(Err(failure));
        }
        let mut wait = self.pace.begin(deadline);
        loop {
            match self.look_for_room(1) {
                Ok(()) => break,
                Err(TrySendError::Full { .. }) => {}
                Err(error) => return settled(Err(error)),
            }
            if !wait.pause() {
                return Err(SendError::TimedOut);
            }
        }
        self.pace.learn(self.cursor.free() > 1);
        Ok(())
    }

    /// How many of `count` slots, at least one of which is wanted, there is room for. Looks again at the consumer's
    /// position when fewer are known to be free than are wanted.
    #[inline(always)]
    fn room_for(&mut self, count: usize) -> Result<usize, TrySendError> {
        let wanted = count.max(1) as u64;
        if self.cursor.free() < wanted {
            self.look_for_room(wanted)?;
        }
        Ok(count.min(usize::try_from(self.cursor.free()).unwrap_or(usize::MAX)))
    }

    /// Looks whether the consumer has made any room.
    #[cold]
    #[inline(never)]
    fn look_for_room(&mut self, needed: u64) -> Result<(), TrySendError> {
        match self.cursor.refresh(self.slots.memory().control())? {
            0 => Err(TrySendError::Full { needed, free: 0 }),
            _ => Ok(()),
        }
    }
}

/// Free slots in a row, not visible to the consumer. Dropping it without a commit gives them back.
#[derive(Debug)]
#[must_use = "slots that are not committed are not sent"]
pub struct Reservation<'a, T: Slot> {
    producer: &'a mut Producer<T>,
    count: usize,
}

impl<T: Slot> Reservation<'_, T> {
    /// Slots reserved. They hold whatever they held before.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Is it a reservation of no slots (as asked for)?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Writes one of the slots.
    ///
    /// # Panics
    ///
    /// When `at` is not below [`len`](Self::len).
    #[inline]
    pub fn write(&mut self, at: usize, value: &T) {
        assert!(at < self.count, "slot {at} of a reservation of {}", self.count);
        self.producer.slots.write(self.producer.cursor.tail().wrapping_add(at as u64), value);
    }

    /// Address of the first slot.
    #[inline]
    pub(super) fn address(&self) -> *mut T {
        self.producer.slots.slot(self.producer.cursor.tail()).as_ptr()
    }

    /// Sends all of the slots.
    #[inline]
    pub fn commit(self) {
        let count = self.count;
        self.commit_prefix(count);
    }

    /// Sends the first `count` slots and gives the rest back.
    ///
    /// # Panics
    ///
    /// When more are committed than were reserved.
    #[inline]
    pub fn commit_prefix(self, count: usize) {
        assert!(count <= self.count, "{count} slots of a reservation of {}", self.count);
        self.producer.cursor.advance(count as u64);
        self.producer.cursor.publish(self.producer.slots.memory().control());
    }

    /// Gives the slots back; nothing is sent. The same as dropping the reservation.
    pub fn abort(self) {}
}
