//! The consumer of a ring of slots.
//!
//! ```text
//!   try_recv        anything there?  read the slot, head (Release)
//!   try_recv_many   how many?  copy them, head (Release) once, and only then hand them out
//! ```

use super::layout::steps::ConsumerSide;
use super::{Layout, Peek, Slot, Throughput, form, memory};
use crate::error::{OpenError, RecvError, TryRecvError, arrived};
use crate::party::Party;
use crate::setup::Side;
use crate::ways::{by_name, by_path, on_its_own};
use crate::when_full::dropped;
use core::fmt;
use ringway_shm::Region;
use ringway_sync::Deadline;
use std::sync::Arc;
use std::time::Duration;

/// Looks in vain after which the two sides seem to take turns.
const IDLE_LOOKS: u32 = 3;

/// The receiving side of a ring of slots, in the [`Layout`] `L`. There is one at a time, in whatever process.
///
/// # Examples
///
/// ```
/// use ringway::{Config, RecvError, slots};
/// use std::time::Duration;
///
/// let name = format!("doc-slots-consumer-{}", std::process::id());
/// let mut rx = slots::Consumer::<u64>::create(&name, &Config::spsc().capacity(1024))?;
/// assert_eq!(rx.recv_until(Duration::from_millis(1)), Err(RecvError::TimedOut));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Consumer<T: Slot, L: Layout = Throughput> {
    pub(super) side: L::Consumer<T>,
    /// Looks since something was there.
    idle: u32,
    party: Party,
}

impl<T: Slot, L: Layout> Consumer<T, L> {
    by_name!(form::<T, L>(), "consumer", "ConsumerTaken");
    by_path!(form::<T, L>(), "consumer", "ConsumerTaken");
    on_its_own!("producer", Producer, has_producer, await_producer, await_producer_until, RecvError);

    /// Becomes the consumer of the ring in a region.
    ///
    /// # Errors
    ///
    /// [`OpenError::Region`] when the region holds no ring of slots of `T` in this layout, [`OpenError::Attach`] when it
    /// has a consumer or what the ring says of itself cannot be.
    pub fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        let (memory, capacity) = memory::<T, L>(region)?;
        let claim = Side::Consumer.claim(region)?;
        let side = L::Consumer::attach(memory, capacity)
            .map_err(|corruption| OpenError::Attach(corruption.into()))?;
        let party = Party::sit(claim, Side::Consumer, side.memory());
        Ok(Self { side, idle: 0, party })
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

    /// Messages that producers have dropped for want of room since the ring was made: at least those that were dropped
    /// before the message received last was sent.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        dropped(self.side.memory().control())
    }

    /// Receives the next value if there is one. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    #[inline(always)]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if !self.side.has_next() {
            self.look_after_all()?;
        }
        self.take().ok_or(TryRecvError::Forked)
    }

    /// Receives the next value, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`], but not `TimedOut`.
    #[inline]
    pub fn recv(&mut self) -> Result<T, RecvError> {
        self.recv_until(Deadline::NEVER)
    }

    /// Receives the next value, waiting until a deadline (a [`Duration`](std::time::Duration) from now, or an
    /// [`Instant`](std::time::Instant)).
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn recv_until(&mut self, deadline: impl Into<Deadline>) -> Result<T, RecvError> {
        match self.try_recv() {
            Ok(value) => Ok(value),
            Err(error) => {
                self.await_backlog(error, deadline.into())?;
                self.take().ok_or(RecvError::Forked)
            }
        }
    }

    /// Receives the next value, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`recv_until`](Self::recv_until).
    #[inline]
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvError> {
        self.recv_until(timeout)
    }

    /// Receives the next value into its place, if there is one: a large one is copied once that way. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`]; `value` is as it was, but after `Forked`.
    #[inline(always)]
    pub fn try_recv_into(&mut self, value: &mut T) -> Result<(), TryRecvError> {
        if !self.side.has_next() {
            self.look_after_all()?;
        }
        if self.take_into(value) { Ok(()) } else { Err(TryRecvError::Forked) }
    }

    /// Receives the next value into its place, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`], but not `TimedOut`; `value` is as it was, but after `Forked`.
    #[inline]
    pub fn recv_into(&mut self, value: &mut T) -> Result<(), RecvError> {
        self.recv_into_until(value, Deadline::NEVER)
    }

    /// Receives the next value into its place, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`RecvError`]; `value` is as it was, but after `Forked`.
    #[inline]
    pub fn recv_into_until(&mut self, value: &mut T, deadline: impl Into<Deadline>) -> Result<(), RecvError> {
        if let Err(error) = self.try_recv_into(value) {
            self.await_backlog(error, deadline.into())?;
            if !self.take_into(value) {
                return Err(RecvError::Forked);
            }
        }
        Ok(())
    }

    /// Receives the next value into its place, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`recv_into_until`](Self::recv_into_until).
    #[inline]
    pub fn recv_into_timeout(&mut self, value: &mut T, timeout: Duration) -> Result<(), RecvError> {
        self.recv_into_until(value, timeout)
    }

    /// Receives as many values as are there now, up to the length of `values`, and says how many. Never waits. All of
    /// them are taken from the ring before the call returns.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    #[inline]
    pub fn try_recv_many(&mut self, values: &mut [T]) -> Result<usize, TryRecvError> {
        if values.is_empty() {
            self.side.intact()?;
            return Ok(0);
        }
        let count = self.there_are(values.len())?;
        if self.take_many(&mut values[..count]) { Ok(count) } else { Err(TryRecvError::Forked) }
    }

    /// Receives at least one value and as many as are there, up to the length of `values`, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`], but not `TimedOut`.
    #[inline]
    pub fn recv_many(&mut self, values: &mut [T]) -> Result<usize, RecvError> {
        self.recv_many_until(values, Deadline::NEVER)
    }

    /// Receives at least one value and as many as are there, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn recv_many_until(
        &mut self,
        values: &mut [T],
        deadline: impl Into<Deadline>,
    ) -> Result<usize, RecvError> {
        if values.is_empty() {
            self.side.intact()?;
            return Ok(0);
        }
        let count = match self.there_are(values.len()) {
            Ok(count) => count,
            Err(error) => {
                self.await_backlog(error, deadline.into())?;
                self.side.known(values.len())
            }
        };
        if self.take_many(&mut values[..count]) { Ok(count) } else { Err(RecvError::Forked) }
    }

    /// Receives at least one value, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`recv_many_until`](Self::recv_many_until).
    #[inline]
    pub fn recv_many_timeout(&mut self, values: &mut [T], timeout: Duration) -> Result<usize, RecvError> {
        self.recv_many_until(values, timeout)
    }

    /// Looks at up to `count` values where they are: as many as are there now and lie before the ring's end. They stay
    /// until they are released. Never waits.
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
    /// # let mut rx = slots::Consumer::<u64>::attach(&region)?;
    /// tx.send_many(&[5, 6, 7])?;
    /// let values = rx.try_peek_many(8)?;
    /// assert_eq!((values.len(), values.read(0), values.read(2)), (3, 5, 7));
    /// values.release_prefix(2);
    /// assert_eq!(rx.recv()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_peek_many(&mut self, count: usize) -> Result<Peek<'_, T, L>, TryRecvError> {
        if !self.party.is_here(&self.side.memory().control().freed.bell) {
            return Err(TryRecvError::Forked);
        }
        let there = self.there_are(count)?;
        let count = self.side.before_end(there);
        Ok(Peek { consumer: self, count })
    }

    /// Looks at the next value where it is. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    #[inline]
    pub fn try_peek(&mut self) -> Result<Peek<'_, T, L>, TryRecvError> {
        self.try_peek_many(1)
    }

    /// Looks at the next value where it is, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`], but not `TimedOut`.
    #[inline]
    pub fn peek(&mut self) -> Result<Peek<'_, T, L>, RecvError> {
        self.peek_until(Deadline::NEVER)
    }

    /// Looks at the next value where it is, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn peek_until(&mut self, deadline: impl Into<Deadline>) -> Result<Peek<'_, T, L>, RecvError> {
        if !self.party.is_here(&self.side.memory().control().freed.bell) {
            return Err(RecvError::Forked);
        }
        if let Err(error) = self.there_are(1) {
            self.await_backlog(error, deadline.into())?;
        }
        Ok(Peek { consumer: self, count: 1 })
    }

    /// Looks at the next value where it is, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`peek_until`](Self::peek_until).
    #[inline]
    pub fn peek_timeout(&mut self, timeout: Duration) -> Result<Peek<'_, T, L>, RecvError> {
        self.peek_until(timeout)
    }

    /// Takes the value at head, which is there. `None` in a forked child.
    #[inline(always)]
    fn take(&mut self) -> Option<T> {
        let value = self.side.read(0);
        self.release(1).then_some(value)
    }

    /// Takes the value at head, which is there, into its place.
    #[inline(always)]
    fn take_into(&mut self, value: &mut T) -> bool {
        self.side.read_into(value);
        self.release(1)
    }

    /// Takes as many values as `values` has room for, which are there.
    #[inline(always)]
    fn take_many(&mut self, values: &mut [T]) -> bool {
        self.side.read_many(values);
        self.release(values.len())
    }

    /// Gives values back, and wakes the producer if it sleeps until there is room. False in a forked child.
    #[inline(always)]
    pub(super) fn release(&mut self, count: usize) -> bool {
        self.side.release(count);
        self.party.ring(&self.side.memory().control().freed.bell)
    }

    /// Waits, if the failure of a try was that nothing is there, until something is.
    #[inline]
    fn await_backlog(&mut self, failure: TryRecvError, deadline: Deadline) -> Result<(), RecvError> {
        if failure != TryRecvError::Empty {
            return arrived(Err(failure));
        }
        let is_exchange = self.party.is_exchange();
        let mut waiting = self.party.begin(deadline);
        loop {
            match self.look(is_exchange) {
                Ok(()) => break,
                Err(TryRecvError::Empty) => {}
                Err(error) => return arrived(Err(error)),
            }
            if waiting.pause() {
                self.party.check(&mut waiting)?;
            }
        }
        self.party.learn(&waiting, self.side.brought_more());
        Ok(())
    }

    /// Looks whether the producer has sent anything.
    ///
    /// In an exchange, the line of a slot is asked for together with the producer's position, and not after it: when a value
    /// has come meanwhile, the two transfers overlap. In a stream the producer would still be writing it.
    #[inline(always)]
    fn look(&mut self, is_exchange: bool) -> Result<(), TryRecvError> {
        if is_exchange {
            self.side.prefetch();
        }
        match self.side.refresh() {
            Ok(true) => {
                self.idle = 0;
                Ok(())
            }
            Ok(false) => {
                self.idle = self.idle.saturating_add(1);
                Err(TryRecvError::Empty)
            }
            Err(corruption) => Err(self.party.explain(corruption).into()),
        }
    }

    /// The same for a try, which has something to say about an end as well.
    #[cold]
    #[inline(never)]
    fn look_after_all(&mut self) -> Result<(), TryRecvError> {
        match self.look(self.idle >= IDLE_LOOKS) {
            Err(TryRecvError::Empty) if !self.party.is_peer_well() => self.why_empty(),
            answer => answer,
        }
    }

    /// After a look in vain: says more than that there is nothing, if there is more to say. `Ok` when something has come.
    #[cold]
    fn why_empty(&mut self) -> Result<(), TryRecvError> {
        let Some(ending) = self.party.ending() else { return Err(TryRecvError::Empty) };
        match self.look(false) {
            Err(TryRecvError::Empty) => Err(self.party.tell(ending).into()),
            answer => answer,
        }
    }

    /// How many of `count` values, at least one of which is wanted, are there. Looks again when fewer are known to be there
    /// than are wanted.
    #[inline(always)]
    fn there_are(&mut self, count: usize) -> Result<usize, TryRecvError> {
        match self.side.count(count.max(1)) {
            Ok(0) => {
                self.look_after_all()?;
                Ok(count.min(self.side.known(count.max(1))))
            }
            Ok(there) => Ok(count.min(there)),
            Err(corruption) => Err(self.party.explain(corruption).into()),
        }
    }
}

impl<T: Slot, L: Layout> fmt::Debug for Consumer<T, L> {
    /// Shows the ring and not its values, which need not be `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("region", self.region()).finish_non_exhaustive()
    }
}
