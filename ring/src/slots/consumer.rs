//! The consumer of a ring of slots.
//!
//! ```text
//!   try_recv        anything there?  read the slot, head (Release)
//!   try_recv_many   how many?  copy them in one or two parts, head (Release) once, and only then hand them out
//! ```

#![allow(unsafe_code)] // because in-place reading hands out slices; the promise is made at `Consumer::in_place`.

use super::{Slot, data, form};
use crate::InPlace;
use crate::config::Config;
use crate::cursor::ConsumerCursor;
use crate::error::{CreateError, OpenError, RecvError, TryRecvError, arrived};
use crate::memory::Slots;
use crate::setup::Side;
use core::ops::Deref;
use ringway_shm::{Access, Claim, Name, Region};
use ringway_sync::{Deadline, Pace};
use std::sync::Arc;

/// Looks in vain after which no stream is expected.
const IDLE_LOOKS: u32 = 3;

/// Bytes from which on a slot has the better part of a cache line to itself.
const LARGE_SLOT: usize = 32;

/// The receiving side of a ring of slots. There is one at a time, in whatever process.
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
#[derive(Debug)]
pub struct Consumer<T> {
    cursor: ConsumerCursor,
    slots: Slots<T>,
    /// Looks since something was there.
    idle: u32,
    pace: Pace,
    _claim: Claim,
}

impl<T: Slot> Consumer<T> {
    /// Creates a named ring and is its consumer.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; nothing is left behind.
    pub fn create<N: TryInto<Name>>(name: N, config: &Config) -> Result<Self, CreateError>
    where
        ringway_shm::CreateError: From<N::Error>,
    {
        let name = name.try_into().map_err(ringway_shm::CreateError::from)?;
        form::<T>().create(name, config, Self::attach)
    }

    /// Opens a named ring as its consumer.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; [`AttachError::ConsumerTaken`](crate::AttachError::ConsumerTaken) when it has one.
    pub fn open<N: TryInto<Name>>(name: N) -> Result<Self, OpenError>
    where
        ringway_shm::OpenError: From<N::Error>,
    {
        Self::open_with(name, Access::default())
    }

    /// Opens a named ring as its consumer, waiting for it or taking another user's, as `access` says.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_with<N: TryInto<Name>>(name: N, access: Access) -> Result<Self, OpenError>
    where
        ringway_shm::OpenError: From<N::Error>,
    {
        let name = name.try_into().map_err(ringway_shm::OpenError::from)?;
        Self::attach(&Arc::new(Region::open(name, &form::<T>().expected(), access)?))
    }

    /// Opens a named ring as its consumer, or creates it. A ring that exists keeps its own capacity.
    ///
    /// # Errors
    ///
    /// [`CreateError`].
    pub fn open_or_create<N: TryInto<Name>>(name: N, config: &Config) -> Result<Self, CreateError>
    where
        ringway_shm::CreateError: From<N::Error>,
    {
        let name = name.try_into().map_err(ringway_shm::CreateError::from)?;
        let region = Region::open_or_create(name, &form::<T>().blueprint(config)?, config.permissions)?;
        Self::attach(&Arc::new(region)).map_err(crate::setup::created)
    }

    /// Becomes the consumer of the ring in a region.
    ///
    /// # Errors
    ///
    /// [`OpenError::Region`] when the region holds no ring of slots of `T`, [`OpenError::Attach`] when it has a consumer
    /// or its positions cannot be.
    pub fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        let slots = data::<T>(region)?;
        let claim = Side::Consumer.claim(region)?;
        let cursor = ConsumerCursor::attach(slots.memory().control(), slots.capacity(), 1)
            .map_err(|corruption| OpenError::Attach(corruption.into()))?;
        Ok(Self { cursor, slots, idle: 0, pace: Pace::new(), _claim: claim })
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

    /// Receives the next value if there is one. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] or [`TryRecvError::Corrupt`].
    #[inline(always)]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if self.cursor.backlog() == 0 {
            self.look_after_all()?;
        }
        Ok(self.take())
    }

    /// Receives the next value, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError::Corrupt`].
    #[inline]
    pub fn recv(&mut self) -> Result<T, RecvError> {
        self.recv_until(Deadline::NEVER)
    }

    /// Receives the next value, waiting until a deadline (a [`Duration`](std::time::Duration) from now, or an
    /// [`Instant`](std::time::Instant)).
    ///
    /// # Errors
    ///
    /// [`RecvError::TimedOut`] or [`RecvError::Corrupt`].
    #[inline]
    pub fn recv_until(&mut self, deadline: impl Into<Deadline>) -> Result<T, RecvError> {
        match self.try_recv() {
            Ok(value) => Ok(value),
            Err(error) => {
                self.await_backlog(error, deadline.into())?;
                Ok(self.take())
            }
        }
    }

    /// Receives as many values as are there now, up to the length of `values`, and says how many. Never waits. All of
    /// them are taken from the ring before the call returns.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] or [`TryRecvError::Corrupt`].
    #[inline]
    pub fn try_recv_many(&mut self, values: &mut [T]) -> Result<usize, TryRecvError> {
        let count = self.there_are(values.len())?;
        self.take_many(&mut values[..count]);
        Ok(count)
    }

    /// Receives at least one value and as many as are there, up to the length of `values`, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError::Corrupt`].
    #[inline]
    pub fn recv_many(&mut self, values: &mut [T]) -> Result<usize, RecvError> {
        self.recv_many_until(values, Deadline::NEVER)
    }

    /// Receives at least one value and as many as are there, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`RecvError::TimedOut`] or [`RecvError::Corrupt`].
    #[inline]
    pub fn recv_many_until(
        &mut self,
        values: &mut [T],
        deadline: impl Into<Deadline>,
    ) -> Result<usize, RecvError> {
        let count = match self.there_are(values.len()) {
            Ok(count) => count,
            Err(error) => self.await_backlog(error, deadline.into())?.min(values.len()),
        };
        self.take_many(&mut values[..count]);
        Ok(count)
    }

    /// Looks at up to `count` values where they are: as many as are there now and lie before the ring's end. They stay
    /// until they are released. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] or [`TryRecvError::Corrupt`].
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
    pub fn try_peek_many(&mut self, count: usize) -> Result<Peek<'_, T>, TryRecvError> {
        let there = self.there_are(count)?;
        let count = self.slots.before_end(self.cursor.head(), there);
        Ok(Peek { consumer: self, count })
    }

    /// Looks at the next value where it is. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] or [`TryRecvError::Corrupt`].
    #[inline]
    pub fn try_peek(&mut self) -> Result<Peek<'_, T>, TryRecvError> {
        self.try_peek_many(1)
    }

    /// Looks at the next value where it is, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError::Corrupt`].
    #[inline]
    pub fn peek(&mut self) -> Result<Peek<'_, T>, RecvError> {
        self.peek_until(Deadline::NEVER)
    }

    /// Looks at the next value where it is, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`RecvError::TimedOut`] or [`RecvError::Corrupt`].
    #[inline]
    pub fn peek_until(&mut self, deadline: impl Into<Deadline>) -> Result<Peek<'_, T>, RecvError> {
        if let Err(error) = self.there_are(1) {
            self.await_backlog(error, deadline.into())?;
        }
        Ok(Peek { consumer: self, count: 1 })
    }

    /// Allows reading through slices of the ring, on a promise.
    ///
    /// # Safety
    ///
    /// - Every process that can write this region follows the protocol: none writes between the ring's head and its
    ///   tail. (A process that breaks this while a slice lives is undefined behaviour here, not just wrong values.)
    #[must_use]
    pub unsafe fn in_place(self) -> InPlace<Self> {
        InPlace::new(self)
    }

    /// Takes the value at head, which is there.
    #[inline(always)]
    fn take(&mut self) -> T {
        let value = self.slots.read(self.cursor.head());
        self.release(1);
        value
    }

    /// Takes as many values as `values` has room for, which are there.
    #[inline(always)]
    fn take_many(&mut self, values: &mut [T]) {
        self.slots.read_many(self.cursor.head(), values);
        self.release(values.len());
    }

    /// Waits, if the failure of a try was that nothing is there, until something is; says how many values are.
    #[inline(never)]
    fn await_backlog(&mut self, failure: TryRecvError, deadline: Deadline) -> Result<usize, RecvError> {
        let mut failure = failure;
        let mut wait = self.pace.begin(deadline);
        loop {
            if failure != TryRecvError::Empty {
                return arrived(Err(failure));
            }
            match self.look() {
                Ok(()) => break,
                Err(error) => failure = error,
            }
            if !wait.pause() {
                return Err(RecvError::TimedOut);
            }
        }
        self.pace.learn(self.cursor.backlog() > 1);
        Ok(usize::try_from(self.cursor.backlog()).unwrap_or(usize::MAX))
    }

    /// Looks whether the producer has sent anything.
    ///
    /// After several looks in vain, the line of a large slot is asked for together with the producer's position, and not
    /// after it: when a value has come meanwhile, the two transfers overlap. In a fast stream, or where several small
    /// slots share a line, the producer would still be writing it.
    #[inline(always)]
    fn look(&mut self) -> Result<(), TryRecvError> {
        if size_of::<T>() >= LARGE_SLOT && self.idle >= IDLE_LOOKS {
            self.slots.prefetch(self.cursor.head());
        }
        match self.cursor.refresh(self.slots.memory().control())? {
            0 => {
                self.idle = self.idle.saturating_add(1);
                Err(TryRecvError::Empty)
            }
            _ => {
                self.idle = 0;
                Ok(())
            }
        }
    }

    /// The same, off the straight path.
    #[cold]
    #[inline(never)]
    fn look_after_all(&mut self) -> Result<(), TryRecvError> {
        self.look()
    }

    /// How many of `count` values, at least one of which is wanted, are there. Looks again at the producer's position
    /// when fewer are known to be there than are wanted.
    #[inline(always)]
    fn there_are(&mut self, count: usize) -> Result<usize, TryRecvError> {
        let wanted = count.max(1) as u64;
        if self.cursor.backlog() < wanted {
            self.cursor.refresh(self.slots.memory().control())?;
        }
        match self.cursor.backlog() {
            0 => Err(TryRecvError::Empty),
            there => Ok(count.min(usize::try_from(there).unwrap_or(usize::MAX))),
        }
    }

    /// Gives the values at head back.
    #[inline(always)]
    fn release(&mut self, count: usize) {
        self.cursor.advance(count as u64);
        self.cursor.release(self.slots.memory().control());
    }
}

/// Values in a row, still in the ring. Dropping it without a release leaves them there.
#[derive(Debug)]
#[must_use = "values that are not released stay in the ring"]
pub struct Peek<'a, T: Slot> {
    consumer: &'a mut Consumer<T>,
    count: usize,
}

impl<T: Slot> Peek<'_, T> {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Was no value asked for?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A copy of one of the values.
    ///
    /// # Panics
    ///
    /// When `at` is not below [`len`](Self::len).
    #[inline]
    #[must_use]
    pub fn read(&self, at: usize) -> T {
        assert!(at < self.count, "value {at} of {}", self.count);
        self.consumer.slots.read(self.consumer.cursor.head().wrapping_add(at as u64))
    }

    /// Takes all of the values from the ring.
    #[inline]
    pub fn release(self) {
        self.consumer.release(self.count);
    }

    /// Takes the first `count` values from the ring and leaves the rest.
    ///
    /// # Panics
    ///
    /// When more are released than there are.
    #[inline]
    pub fn release_prefix(self, count: usize) {
        assert!(count <= self.count, "{count} values of {}", self.count);
        self.consumer.release(count);
    }
}

impl<T: Slot> InPlace<Consumer<T>> {
    /// Looks at up to `count` values as a slice of the ring. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] or [`TryRecvError::Corrupt`].
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
        let consumer = &*self.peek.consumer;
        let start = consumer.slots.slot(consumer.cursor.head()).as_ptr();
        // SAFETY: the values lie before the end of the section (`before_end`), every bit pattern is a `T`, and by the
        // promise at `Consumer::in_place` nobody writes them until they are released.
        unsafe { core::slice::from_raw_parts(start, self.peek.count) }
    }
}
