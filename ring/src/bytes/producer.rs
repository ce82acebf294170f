//! The producer of a byte ring: `reserve -> write -> commit`, and the verbs made of it.
//!
//! ```text
//!   claim(len)     does it fit?  needed = (padding to the end, if the record would run over it) + header + payload
//!   commit         [padding header] record header (Relaxed), then tail (Release) -- or, in a batch, at its flush
//! ```
//!
//! Nothing that was reserved is visible before its commit, and nothing has to be undone if there is none.

use super::{Batch, FORM, Reservation, data, length_max};
use crate::cursor::ProducerCursor;
use crate::error::{OpenError, SendError, TrySendError, settled};
use crate::layout::{HEADER_LEN, PADDING, RECORD, header, record_len};
use crate::memory::Bytes;
use crate::party::Party;
use crate::setup::Side;
use crate::ways::{by_name, by_path, on_its_own};
use crate::when_full::{WhenFull, count_dropped, dropped};
use ringway_shm::Region;
use ringway_shm::primitive::Ordering;
use ringway_sync::Deadline;
use std::sync::Arc;
use std::time::Duration;

/// The sending side of a byte ring. There is one at a time, in whatever process.
///
/// # Examples
///
/// ```
/// use ringway::{Config, bytes};
///
/// let name = format!("doc-bytes-{}", std::process::id());
/// let mut tx = bytes::Producer::create(&name, &Config::spsc().capacity(1 << 12))?;
/// let mut rx = bytes::Consumer::open(&name)?;
/// tx.send(b"one")?;
/// tx.send(b"two")?;
/// assert_eq!(rx.recv_vec()?, b"one");
/// assert_eq!(rx.recv_vec()?, b"two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer {
    cursor: ProducerCursor,
    pub(super) bytes: Bytes,
    length_max: u64,
    when_full: WhenFull,
    party: Party,
}

/// Where a record will stand: padding bytes from tail on, then the record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    padding: u64,
    pub(super) len: usize,
}

impl Producer {
    by_name!(FORM, "producer", "ProducerTaken");
    by_path!(FORM, "producer", "ProducerTaken");
    on_its_own!("consumer", Consumer, has_consumer, await_consumer, await_consumer_until, SendError);

    /// Becomes the producer of the ring in a region.
    ///
    /// # Errors
    ///
    /// [`OpenError::Region`] when the region holds no byte ring, [`OpenError::Attach`] when it has a producer or its
    /// positions cannot be.
    pub fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        let bytes = data(region)?;
        let claim = Side::Producer.claim(region)?;
        let cursor = ProducerCursor::attach(bytes.memory().control(), bytes.capacity(), 8)
            .map_err(|corruption| OpenError::Attach(corruption.into()))?;
        let party = Party::sit(claim, Side::Producer, bytes.memory());
        let length_max = length_max(bytes.capacity());
        Ok(Self { cursor, length_max, bytes, when_full: WhenFull::Wait, party })
    }

    /// The ring's region.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        self.bytes.memory().region()
    }

    /// Bytes of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.bytes.capacity()
    }

    /// Longest record that the ring takes, in bytes.
    #[must_use]
    pub fn length_max(&self) -> usize {
        self.length_max as usize
    }

    /// Says what the sending verbs do from now on when there is no room. Belongs to this handle; a new one waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ringway::{Config, WhenFull, bytes};
    /// # let region = std::sync::Arc::new(bytes::anonymous(&Config::spsc().capacity(1 << 12))?);
    /// # let mut tx = bytes::Producer::attach(&region)?;
    /// tx.set_when_full(WhenFull::DropNewest);
    /// for _ in 0..5 {
    ///     tx.send(&[7; 1016])?;
    /// }
    /// assert_eq!(tx.dropped(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_when_full(&mut self, when_full: WhenFull) {
        self.when_full = when_full;
    }

    /// Messages dropped for want of room since the ring was made, by this producer and those before it.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        dropped(self.bytes.memory().control())
    }

    /// Sends a copy of `message` if there is room now. Never waits.
    ///
    /// # Errors
    ///
    /// [`TrySendError`]; nothing was sent.
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<(), TrySendError> {
        self.append(message)?;
        if self.publish() { Ok(()) } else { Err(TrySendError::Forked) }
    }

    /// Sends a copy of `message`, waiting while the ring is full.
    ///
    /// # Errors
    ///
    /// [`SendError`], but not `TimedOut`; nothing was sent.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.send_until(message, Deadline::NEVER)
    }

    /// Sends a copy of `message`, waiting until a deadline (a [`Duration`](std::time::Duration) from now, or an
    /// [`Instant`](std::time::Instant)).
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing was sent.
    #[inline]
    pub fn send_until(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), SendError> {
        if let Err(error) = self.append(message) {
            self.append_after(error, message, deadline.into())?;
        }
        if self.publish() { Ok(()) } else { Err(SendError::Forked) }
    }

    /// Sends a copy of `message`, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`send_until`](Self::send_until).
    #[inline]
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.send_until(message, timeout)
    }

    /// Reserves room for a record of up to `len` bytes, to be written in the ring. Never waits.
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
    /// # let (mut tx, mut rx) = (bytes::Producer::attach(&region)?, bytes::Consumer::attach(&region)?);
    /// let mut record = tx.try_reserve(64)?;
    /// record.write_at(0, b"in ");
    /// record.write_at(3, b"place");
    /// record.commit_prefix(8);
    /// assert_eq!(rx.recv_vec()?, b"in place");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_reserve(&mut self, len: usize) -> Result<Reservation<'_>, TrySendError> {
        if !self.is_here() {
            return Err(TrySendError::Forked);
        }
        let room = self.claim(len)?;
        Ok(Reservation { producer: self, room })
    }

    /// Reserves room for a record of up to `len` bytes, waiting while the ring is full.
    ///
    /// # Errors
    ///
    /// [`SendError`], but not `TimedOut`.
    #[inline]
    pub fn reserve(&mut self, len: usize) -> Result<Reservation<'_>, SendError> {
        self.reserve_until(len, Deadline::NEVER)
    }

    /// Reserves room for a record of up to `len` bytes, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`SendError`].
    #[inline]
    pub fn reserve_until(
        &mut self,
        len: usize,
        deadline: impl Into<Deadline>,
    ) -> Result<Reservation<'_>, SendError> {
        if !self.is_here() {
            return Err(SendError::Forked);
        }
        let room = match self.claim(len) {
            Ok(room) => room,
            Err(error) => self.await_room(error, len, deadline.into())?,
        };
        Ok(Reservation { producer: self, room })
    }

    /// Reserves room for a record of up to `len` bytes, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`reserve_until`](Self::reserve_until).
    #[inline]
    pub fn reserve_timeout(&mut self, len: usize, timeout: Duration) -> Result<Reservation<'_>, SendError> {
        self.reserve_until(len, timeout)
    }

    /// Begins a batch: what is sent in it is published together, at its flush, its drop, or when an eighth of the ring
    /// has gathered.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ringway::{Config, TryRecvError, bytes};
    /// # let region = std::sync::Arc::new(bytes::anonymous(&Config::spsc().capacity(1 << 12))?);
    /// # let (mut tx, mut rx) = (bytes::Producer::attach(&region)?, bytes::Consumer::attach(&region)?);
    /// let mut batch = tx.batch();
    /// batch.send(b"one")?;
    /// batch.send(b"two")?;
    /// batch.flush();
    /// assert_eq!(rx.recv_vec()?, b"one");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn batch(&mut self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Writes a message behind the tail, if there is room, without telling the consumer; or drops it, if it is to.
    #[inline(always)]
    pub(super) fn append(&mut self, message: &[u8]) -> Result<(), TrySendError> {
        match self.room_at_tail(message.len()) {
            Some(room) => self.put(room, message),
            None => self.append_after_all(message)?,
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn append_after_all(&mut self, message: &[u8]) -> Result<(), TrySendError> {
        match self.claim_after_all(message.len()) {
            Err(TrySendError::Full { .. }) if self.when_full == WhenFull::DropNewest => {
                if !self.is_here() {
                    return Err(TrySendError::Forked);
                }
                count_dropped(self.bytes.memory().control(), 1);
            }
            answer => {
                let room = answer?;
                self.put(room, message);
            }
        }
        Ok(())
    }

    /// Writes a message behind the tail after a first try failed, waiting if that was for want of room.
    #[inline(never)]
    pub(super) fn append_after(
        &mut self,
        failure: TrySendError,
        message: &[u8],
        deadline: Deadline,
    ) -> Result<(), SendError> {
        let room = self.await_room(failure, message.len(), deadline)?;
        self.put(room, message);
        Ok(())
    }

    /// Tells the consumer of everything written. False in a forked child.
    #[inline(always)]
    pub(super) fn publish(&mut self) -> bool {
        let control = self.bytes.memory().control();
        self.cursor.publish(control);
        self.party.ring(&control.arrived.bell)
    }

    /// Is this the process that the handle was made in?
    #[inline(always)]
    pub(super) fn is_here(&self) -> bool {
        self.party.is_here(&self.bytes.memory().control().arrived.bell)
    }

    /// Bytes written that the consumer cannot see yet.
    #[inline(always)]
    pub(super) fn unpublished(&self) -> u64 {
        self.cursor.unpublished()
    }

    /// Has it met what cannot be? Then it writes no more.
    pub(super) fn is_poisoned(&self) -> bool {
        self.cursor.is_poisoned()
    }

    /// Waits, if the failure of a try was that the ring is full, until there is room for a record of `len` bytes.
    #[inline(never)]
    fn await_room(
        &mut self,
        failure: TrySendError,
        len: usize,
        deadline: Deadline,
    ) -> Result<Room, SendError> {
        let TrySendError::Full { needed, .. } = failure else {
            return settled(Err(failure));
        };
        let mut waiting = self.party.begin(deadline);
        loop {
            match self.look_for_room(len) {
                Ok(room) => {
                    self.party.learn(&waiting, self.cursor.free() > needed);
                    return Ok(room);
                }
                Err(TrySendError::Full { .. }) => {}
                Err(error) => return settled(Err(error)),
            }
            if waiting.pause() {
                self.party.check(&mut waiting)?;
            }
        }
    }

    /// Room for a record of `len` bytes right at the tail, by what is known already: the straight path.
    #[inline(always)]
    fn room_at_tail(&self, len: usize) -> Option<Room> {
        let length = len as u64;
        // The length first: what a record takes is only a number for one that is not too long.
        let fits = length <= self.length_max
            && record_len(length) <= self.bytes.in_a_row(self.cursor.tail())
            && record_len(length) <= self.cursor.free();
        fits.then_some(Room { padding: 0, len })
    }

    /// Room for a record of `len` bytes, with padding before it if it would run over the end, and with a look at the
    /// consumer's position if there is too little.
    #[inline(always)]
    fn claim(&mut self, len: usize) -> Result<Room, TrySendError> {
        match self.room_at_tail(len) {
            Some(room) => Ok(room),
            None => self.claim_after_all(len),
        }
    }

    #[cold]
    #[inline(never)]
    fn claim_after_all(&mut self, len: usize) -> Result<Room, TrySendError> {
        match self.look_for_room(len) {
            Err(error @ TrySendError::Full { .. }) if self.when_full == WhenFull::Wait => {
                self.why_full(error, len)
            }
            answer => answer,
        }
    }

    /// After a look for room in vain: says more than that there is too little, if there is more to say. `Ok` when room has
    /// come.
    fn why_full(&mut self, full: TrySendError, len: usize) -> Result<Room, TrySendError> {
        if self.party.is_peer_well() {
            return Err(full);
        }
        let Some(ending) = self.party.ending() else { return Err(full) };
        match self.look_for_room(len) {
            Err(TrySendError::Full { .. }) => Err(self.party.tell(ending).into()),
            answer => answer,
        }
    }

    /// Looks for room for a record of `len` bytes.
    fn look_for_room(&mut self, len: usize) -> Result<Room, TrySendError> {
        let length = len as u64;
        if length > self.length_max {
            return Err(TrySendError::TooLong { len: length, max: self.length_max });
        }
        let (tail, total) = (self.cursor.tail(), record_len(length));
        let padding = if total <= self.bytes.in_a_row(tail) { 0 } else { self.bytes.to_end(tail) };
        let needed = padding + total;
        let mut free = self.cursor.free();
        if needed > free {
            free = match self.cursor.refresh(self.bytes.memory().control()) {
                Ok(free) => free,
                Err(corruption) => return Err(self.party.explain(corruption).into()),
            };
        }
        if needed <= free {
            return Ok(Room { padding, len });
        }
        // What a forgotten batch kept to itself would never be read, nor its room be given back.
        if self.unpublished() > 0 && !self.publish() {
            return Err(TrySendError::Forked);
        }
        Err(TrySendError::Full { needed, free })
    }

    /// Position of the payload of a record in `room`.
    #[inline(always)]
    pub(super) fn payload(&self, room: Room) -> u64 {
        self.cursor.tail().wrapping_add(room.padding + HEADER_LEN)
    }

    /// Copies a message into its room and counts it as written.
    #[inline(always)]
    fn put(&mut self, room: Room, message: &[u8]) {
        self.bytes.ask_to_write(self.cursor.tail(), record_len(message.len() as u64), self.cursor.free());
        self.bytes.write(self.payload(room), message);
        self.close(room, message.len());
    }

    /// Writes the headers of a record whose payload of `len` bytes is in place, and counts it as written.
    #[inline(always)]
    pub(super) fn close(&mut self, room: Room, len: usize) {
        debug_assert!(len <= room.len);
        let tail = self.cursor.tail();
        // Relaxed, both: tail's Release publishes them, and nobody reads beyond tail.
        if room.padding > 0 {
            let word = header(PADDING, (room.padding - HEADER_LEN) as u32);
            self.bytes.header(tail).store(word, Ordering::Relaxed);
        }
        let word = header(RECORD, len as u32);
        self.bytes.header(tail.wrapping_add(room.padding)).store(word, Ordering::Relaxed);
        self.cursor.advance(room.padding + record_len(len as u64));
    }
}
