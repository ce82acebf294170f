//! The producer of a ring of slots.
//!
//! ```text
//!   try_send        room for one?  write the slot, commit it (Release)
//!   try_send_many   room for how many?  write them, commit them (Release)
//! ```

use super::layout::steps::ProducerSide;
use super::{Layout, Reservation, Slot, Throughput, form, memory};
use crate::error::{OpenError, SendError, TrySendError, settled};
use crate::party::Party;
use crate::setup::Side;
use crate::ways::{by_name, by_path, on_its_own};
use crate::when_full::{WhenFull, count_dropped, dropped};
use core::fmt;
use ringway_shm::Region;
use ringway_sync::Deadline;
use std::sync::Arc;
use std::time::Duration;

/// The sending side of a ring of slots, in the [`Layout`] `L`. There is one at a time, in whatever process.
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
pub struct Producer<T: Slot, L: Layout = Throughput> {
    pub(super) side: L::Producer<T>,
    when_full: WhenFull,
    party: Party,
}

impl<T: Slot, L: Layout> Producer<T, L> {
    by_name!(form::<T, L>(), "producer", "ProducerTaken");
    by_path!(form::<T, L>(), "producer", "ProducerTaken");
    on_its_own!("consumer", Consumer, has_consumer, await_consumer, await_consumer_until, SendError);

    /// Becomes the producer of the ring in a region.
    ///
    /// # Errors
    ///
    /// [`OpenError::Region`] when the region holds no ring of slots of `T` in this layout, [`OpenError::Attach`] when it
    /// has a producer or what the ring says of itself cannot be.
    pub fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        let (memory, capacity) = memory::<T, L>(region)?;
        let claim = Side::Producer.claim(region)?;
        let side = L::Producer::attach(memory, capacity)
            .map_err(|corruption| OpenError::Attach(corruption.into()))?;
        let party = Party::sit(claim, Side::Producer, side.memory());
        Ok(Self { side, when_full: WhenFull::Wait, party })
    }

    /// The ring's region.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        self.side.memory().region()
    }

    /// Slots of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.side.capacity()
    }

    /// Says what the sending verbs do from now on when there is no room. Belongs to this handle; a new one waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ringway::{Config, WhenFull, slots};
    /// # let region = std::sync::Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(2))?);
    /// # let mut tx = slots::Producer::<u64>::attach(&region)?;
    /// tx.set_when_full(WhenFull::DropNewest);
    /// assert_eq!(tx.try_send_many(&[1, 2, 3])?, 3);
    /// assert_eq!(tx.dropped(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_when_full(&mut self, when_full: WhenFull) {
        self.when_full = when_full;
    }

    /// Messages dropped for want of room since the ring was made, by this producer and those before it.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        dropped(self.side.memory().control())
    }

    /// Sends one value if there is room now. Never waits.
    ///
    /// # Errors
    ///
    /// [`TrySendError`]; nothing was sent.
    #[inline(always)]
    pub fn try_send(&mut self, value: &T) -> Result<(), TrySendError> {
        if self.side.free() == 0 && self.is_to_drop()? {
            return Ok(());
        }
        if self.put(value) { Ok(()) } else { Err(TrySendError::Forked) }
    }

    /// Sends one value, waiting while the ring is full.
    ///
    /// # Errors
    ///
    /// [`SendError`], but not `TimedOut`.
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
            if !self.put(value) {
                return Err(SendError::Forked);
            }
        }
        Ok(())
    }

    /// Sends one value, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`send_until`](Self::send_until).
    #[inline]
    pub fn send_timeout(&mut self, value: &T, timeout: Duration) -> Result<(), SendError> {
        self.send_until(value, timeout)
    }

    /// Sends as many of `values` as there is room for now, and says how many. In the layout [`Throughput`] they are
    /// published together, in [`Latency`](super::Latency) one after the other. Never waits.
    ///
    /// With [`WhenFull::DropNewest`] the others are dropped, and the answer is the length of `values`: all are dealt with.
    ///
    /// # Errors
    ///
    /// [`TrySendError`], `Full` when there is room for none of them; nothing was sent.
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
            self.side.intact()?;
            return Ok(0);
        }
        let count = match self.room_for(values.len()) {
            Err(TrySendError::Full { .. }) if self.when_full == WhenFull::DropNewest => 0,
            answer => answer?,
        };
        self.side.put_many(&values[..count]);
        if !self.ring() {
            return Err(TrySendError::Forked);
        }
        if count < values.len() && self.when_full == WhenFull::DropNewest {
            self.drop_newest(values.len() - count);
            return Ok(values.len());
        }
        Ok(count)
    }

    /// Sends all of `values`, in as many parts as there is room for, waiting while the ring is full.
    ///
    /// # Errors
    ///
    /// [`SendError`], but not `TimedOut`. The first values may have been sent; [`send_many_until`](Self::send_many_until) says how
    /// many.
    #[inline]
    pub fn send_many(&mut self, values: &[T]) -> Result<(), SendError> {
        let mut rest = values;
        loop {
            // Also of nothing: a handle that has met corruption says so.
            rest = &rest[self.send_many_until(rest, Deadline::NEVER)?..];
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Sends `values`, in as many parts as there is room for, waiting until a deadline, and says how many were sent: all,
    /// or those for which there was room in time. With [`WhenFull::DropNewest`] as [`try_send_many`](Self::try_send_many).
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

    /// Sends `values` and says how many were sent, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`send_many_until`](Self::send_many_until).
    #[inline]
    pub fn send_many_timeout(&mut self, values: &[T], timeout: Duration) -> Result<usize, SendError> {
        self.send_many_until(values, timeout)
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
                    Err(error) if sent > 0 => {
                        if error == SendError::PeerDead {
                            self.party.owe_death();
                        }
                        return Ok(sent);
                    }
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
    /// [`TrySendError`].
    #[inline]
    pub fn try_reserve(&mut self) -> Result<Reservation<'_, T, L>, TrySendError> {
        self.try_reserve_many(1)
    }

    /// Reserves up to `count` slots, to be written in the ring: as many as are free now and lie before its end. Never
    /// waits.
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
    pub fn try_reserve_many(&mut self, count: usize) -> Result<Reservation<'_, T, L>, TrySendError> {
        if !self.is_here() {
            return Err(TrySendError::Forked);
        }
        let free = self.room_for(count)?;
        let count = self.side.before_end(free);
        Ok(Reservation { producer: self, count })
    }

    /// Reserves one slot, waiting while the ring is full.
    ///
    /// # Errors
    ///
    /// [`SendError`], but not `TimedOut`.
    #[inline]
    pub fn reserve(&mut self) -> Result<Reservation<'_, T, L>, SendError> {
        self.reserve_until(Deadline::NEVER)
    }

    /// Reserves one slot, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`SendError`].
    #[inline]
    pub fn reserve_until(
        &mut self,
        deadline: impl Into<Deadline>,
    ) -> Result<Reservation<'_, T, L>, SendError> {
        if !self.is_here() {
            return Err(SendError::Forked);
        }
        if let Err(error) = self.room_for(1) {
            self.await_room(error, deadline.into())?;
        }
        Ok(Reservation { producer: self, count: 1 })
    }

    /// Reserves one slot, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`reserve_until`](Self::reserve_until).
    #[inline]
    pub fn reserve_timeout(&mut self, timeout: Duration) -> Result<Reservation<'_, T, L>, SendError> {
        self.reserve_until(timeout)
    }

    /// Writes and sends one value, for which there is room. False in a forked child.
    #[inline(always)]
    fn put(&mut self, value: &T) -> bool {
        self.side.put(value);
        self.ring()
    }

    /// Wakes the consumer if it sleeps until something has come. False in a forked child.
    #[inline(always)]
    pub(super) fn ring(&mut self) -> bool {
        self.party.ring(&self.side.memory().control().arrived.bell)
    }

    #[inline(always)]
    fn is_here(&self) -> bool {
        self.party.is_here(&self.side.memory().control().arrived.bell)
    }

    /// Looks for room for one value; without any, is the value to be dropped? Then it is counted.
    #[cold]
    #[inline(never)]
    fn is_to_drop(&mut self) -> Result<bool, TrySendError> {
        match self.look_for_room(1) {
            Err(TrySendError::Full { .. }) if self.when_full == WhenFull::DropNewest => {
                if !self.is_here() {
                    return Err(TrySendError::Forked);
                }
                self.drop_newest(1);
                Ok(true)
            }
            Err(error @ TrySendError::Full { .. }) => self.why_full(error).map(|()| false),
            answer => answer.map(|()| false),
        }
    }

    /// After a look for room in vain: says more than that there is none, if there is more to say. `Ok` when room has come.
    fn why_full(&mut self, full: TrySendError) -> Result<(), TrySendError> {
        if self.party.is_peer_well() {
            return Err(full);
        }
        let Some(ending) = self.party.ending() else { return Err(full) };
        match self.look_for_room(1) {
            Err(TrySendError::Full { .. }) => Err(self.party.tell(ending).into()),
            answer => answer,
        }
    }

    /// Counts values that are not sent for want of room.
    fn drop_newest(&self, count: usize) {
        count_dropped(self.side.memory().control(), count as u64);
    }

    /// Waits, if the failure of a try was that the ring is full, until it is not.
    #[inline(never)]
    fn await_room(&mut self, failure: TrySendError, deadline: Deadline) -> Result<(), SendError> {
        if !matches!(failure, TrySendError::Full { .. }) {
            return settled(Err(failure));
        }
        let mut waiting = self.party.begin(deadline);
        loop {
            match self.look_for_room(1) {
                Ok(()) => break,
                Err(TrySendError::Full { .. }) => {}
                Err(error) => return settled(Err(error)),
            }
            if waiting.pause() {
                self.party.check(&mut waiting)?;
            }
        }
        self.party.learn(&waiting, self.side.free() > 1);
        Ok(())
    }

    /// How many of `count` slots, at least one of which is wanted, there is room for. Looks again at the consumer's
    /// position when fewer are known to be free than are wanted.
    #[inline(always)]
    fn room_for(&mut self, count: usize) -> Result<usize, TrySendError> {
        let wanted = count.max(1) as u64;
        if self.side.free() < wanted {
            self.look_for_more(wanted)?;
        }
        Ok(count.min(usize::try_from(self.side.free()).unwrap_or(usize::MAX)))
    }

    /// Looks whether the consumer has made any room, and if not, why.
    #[cold]
    #[inline(never)]
    fn look_for_more(&mut self, needed: u64) -> Result<(), TrySendError> {
        match self.look_for_room(needed) {
            Err(error @ TrySendError::Full { .. }) if self.when_full == WhenFull::Wait => {
                self.why_full(error)
            }
            answer => answer,
        }
    }

    /// Looks whether the consumer has made any room.
    #[cold]
    #[inline(never)]
    fn look_for_room(&mut self, needed: u64) -> Result<(), TrySendError> {
        match self.side.refresh() {
            Ok(0) => Err(TrySendError::Full { needed, free: 0 }),
            Ok(_) => Ok(()),
            Err(corruption) => Err(self.party.explain(corruption).into()),
        }
    }
}

impl<T: Slot, L: Layout> fmt::Debug for Producer<T, L> {
    /// Shows the ring and not its values, which need not be `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("region", self.region()).finish_non_exhaustive()
    }
}
