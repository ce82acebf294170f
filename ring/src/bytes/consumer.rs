//! The consumer of a byte ring: `peek -> read -> release`, and the verbs made of it.
//!
//! ```text
//!   next           anything there?  read the header once; skip one padding record; check it against what is there
//!   release        head (Release)
//!   recv           next, copy out, release: what the caller has not got is still in the ring
//!   recv_many      copy everything that is there in one go, release it, then take it apart in private memory
//! ```

use super::{FORM, Messages, Peek, data, length_max};
use crate::cursor::ConsumerCursor;
use crate::error::{Fault, OpenError, RecvError, TryRecvError, arrived};
use crate::layout::{HEADER_LEN, PADDING, RECORD, header, record_len};
use crate::memory::Bytes;
use crate::party::Party;
use crate::setup::Side;
use crate::ways::{by_name, by_path, on_its_own};
use crate::when_full::dropped;
use ringway_shm::Region;
use ringway_shm::primitive::Ordering;
use ringway_sync::Deadline;
use std::sync::Arc;
use std::time::Duration;

/// Looks in vain after which the two sides seem to take turns.
const IDLE_LOOKS: u32 = 3;

/// The receiving side of a byte ring. There is one at a time, in whatever process.
///
/// # Examples
///
/// ```
/// use ringway::{Config, bytes};
/// use std::time::Duration;
///
/// let name = format!("doc-consumer-{}", std::process::id());
/// let mut rx = bytes::Consumer::create(&name, &Config::spsc().capacity(1 << 12))?;
/// let mut tx = bytes::Producer::open(&name)?;
/// tx.send(b"tick")?;
/// let mut message = Vec::new();
/// rx.recv_until(&mut message, Duration::from_millis(5))?;
/// assert_eq!(message, b"tick");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Consumer {
    cursor: ConsumerCursor,
    pub(super) bytes: Bytes,
    length_max: u64,
    /// Looks since something was there.
    idle: u32,
    party: Party,
}

impl Consumer {
    by_name!(FORM, "consumer", "ConsumerTaken");
    by_path!(FORM, "consumer", "ConsumerTaken");
    on_its_own!("producer", Producer, has_producer, await_producer, await_producer_until, RecvError);

    /// Becomes the consumer of the ring in a region.
    ///
    /// # Errors
    ///
    /// [`OpenError::Region`] when the region holds no byte ring, [`OpenError::Attach`] when it has a consumer or its
    /// positions cannot be.
    pub fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        let bytes = data(region)?;
        let claim = Side::Consumer.claim(region)?;
        let cursor = ConsumerCursor::attach(bytes.memory().control(), bytes.capacity(), 8)
            .map_err(|corruption| OpenError::Attach(corruption.into()))?;
        let party = Party::sit(claim, Side::Consumer, bytes.memory());
        Ok(Self { cursor, length_max: length_max(bytes.capacity()), bytes, idle: 0, party })
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

    /// Messages that producers have dropped for want of room since the ring was made: at least those that were dropped
    /// before the message received last was sent.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        dropped(self.bytes.memory().control())
    }

    /// Receives the next message into `message`, which then holds exactly it. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    #[inline]
    pub fn try_recv(&mut self, message: &mut Vec<u8>) -> Result<(), TryRecvError> {
        let len = self.next()?;
        self.ask_ahead(len);
        self.bytes.read_vec(self.payload(), message, len);
        if !self.release(len) {
            return Err(TryRecvError::Forked);
        }
        Ok(())
    }

    /// Receives the next message, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`], but not `TimedOut`.
    #[inline]
    pub fn recv(&mut self, message: &mut Vec<u8>) -> Result<(), RecvError> {
        self.recv_until(message, Deadline::NEVER)
    }

    /// Receives the next message, waiting until a deadline (a [`Duration`](std::time::Duration) from now, or an
    /// [`Instant`](std::time::Instant)).
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn recv_until(
        &mut self,
        message: &mut Vec<u8>,
        deadline: impl Into<Deadline>,
    ) -> Result<(), RecvError> {
        let len = self.next_until(deadline)?;
        self.ask_ahead(len);
        self.bytes.read_vec(self.payload(), message, len);
        if !self.release(len) {
            return Err(RecvError::Forked);
        }
        Ok(())
    }

    /// Receives the next message, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`recv_until`](Self::recv_until).
    #[inline]
    pub fn recv_timeout(&mut self, message: &mut Vec<u8>, timeout: Duration) -> Result<(), RecvError> {
        self.recv_until(message, timeout)
    }

    /// Receives the next message into a vector of its own, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`], but not `TimedOut`.
    pub fn recv_vec(&mut self) -> Result<Vec<u8>, RecvError> {
        let mut message = Vec::new();
        self.recv(&mut message)?;
        Ok(message)
    }

    /// Receives the next message into the front of `target` and says how long it is. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`]; a message that does not fit stays in the ring.
    #[inline]
    pub fn try_recv_into(&mut self, target: &mut [u8]) -> Result<usize, TryRecvError> {
        let len = self.next()?;
        let target = target.get_mut(..len).ok_or(TryRecvError::TooSmall { needed: len })?;
        self.ask_ahead(len);
        self.bytes.read(self.payload(), target);
        if !self.release(len) {
            return Err(TryRecvError::Forked);
        }
        Ok(len)
    }

    /// Receives the next message into the front of `target`, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`]; a message that does not fit stays in the ring.
    #[inline]
    pub fn recv_into(&mut self, target: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_into_until(target, Deadline::NEVER)
    }

    /// Receives the next message into the front of `target`, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`RecvError`]; a message that does not fit stays in the ring.
    #[inline]
    pub fn recv_into_until(
        &mut self,
        target: &mut [u8],
        deadline: impl Into<Deadline>,
    ) -> Result<usize, RecvError> {
        let len = self.next_until(deadline)?;
        let target = target.get_mut(..len).ok_or(RecvError::TooSmall { needed: len })?;
        self.ask_ahead(len);
        self.bytes.read(self.payload(), target);
        if !self.release(len) {
            return Err(RecvError::Forked);
        }
        Ok(len)
    }

    /// Receives the next message into the front of `target`, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`recv_into_until`](Self::recv_into_until).
    #[inline]
    pub fn recv_into_timeout(&mut self, target: &mut [u8], timeout: Duration) -> Result<usize, RecvError> {
        self.recv_into_until(target, timeout)
    }

    /// Receives everything that is there now, as one copy of at most the room that `messages` was made for. Never
    /// waits. All of it is taken from the ring before the first message can be looked at.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`]; [`TryRecvError::TooSmall`] when not even one message fits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ringway::{Config, bytes};
    /// # let region = std::sync::Arc::new(bytes::anonymous(&Config::spsc().capacity(1 << 12))?);
    /// # let (mut tx, mut rx) = (bytes::Producer::attach(&region)?, bytes::Consumer::attach(&region)?);
    /// tx.send(b"one")?;
    /// tx.send(b"two")?;
    /// let mut messages = bytes::Messages::with_room(1024);
    /// rx.try_recv_many(&mut messages)?;
    /// assert_eq!(messages.iter().collect::<Vec<_>>(), [b"one", b"two"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_recv_many(&mut self, messages: &mut Messages) -> Result<(), TryRecvError> {
        messages.clear();
        // The first record is checked in the ring: it says whether anything fits at all, and skips padding.
        let first = self.next()?;
        let needed = record_len(first as u64);
        if needed > messages.room as u64 {
            return Err(TryRecvError::TooSmall { needed: needed as usize });
        }
        // All that is there now, not only what was there at the last look.
        if self.cursor.backlog() < messages.room as u64 {
            let refreshed = self.cursor.refresh(self.bytes.memory().control());
            refreshed.map_err(|corruption| self.party.explain(corruption))?;
        }
        let head = self.cursor.head();
        let span = self.cursor.backlog().min(messages.room as u64).min(self.bytes.in_a_row(head));
        self.bytes.read_vec(head, &mut messages.bytes, span as usize);
        match messages.find_end(self.length_max) {
            Ok(()) => {}
            // Judged on the private copy: what it says of itself is what will be handed out.
            Err((0, word)) => return Err(self.cursor.poison(Fault::Header { word }).into()),
            // The records before it are good; the next call starts at the bad one.
            Err(_) => {}
        }
        self.cursor.advance(messages.end as u64);
        if !self.give_back() {
            return Err(TryRecvError::Forked);
        }
        Ok(())
    }

    /// Receives everything that is there, waiting while there is nothing.
    ///
    /// # Errors
    ///
    /// [`RecvError`], but not `TimedOut`.
    pub fn recv_many(&mut self, messages: &mut Messages) -> Result<(), RecvError> {
        self.recv_many_until(messages, Deadline::NEVER)
    }

    /// Receives everything that is there, waiting until a deadline while there is nothing.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    pub fn recv_many_until(
        &mut self,
        messages: &mut Messages,
        deadline: impl Into<Deadline>,
    ) -> Result<(), RecvError> {
        messages.clear();
        self.next_until(deadline)?;
        arrived(self.try_recv_many(messages))
    }

    /// Receives everything that is there, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`recv_many_until`](Self::recv_many_until).
    #[inline]
    pub fn recv_many_timeout(&mut self, messages: &mut Messages, timeout: Duration) -> Result<(), RecvError> {
        self.recv_many_until(messages, timeout)
    }

    /// Looks at the next message where it is; it stays in the ring until it is released. Never waits.
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
    /// # let (mut tx, mut rx) = (bytes::Producer::attach(&region)?, bytes::Consumer::attach(&region)?);
    /// tx.send(b"header and body")?;
    /// let record = rx.try_peek()?;
    /// let mut kind = [0; 6];
    /// record.read_at(0, &mut kind);
    /// assert_eq!((&kind, record.len()), (b"header", 15));
    /// record.release();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_peek(&mut self) -> Result<Peek<'_>, TryRecvError> {
        if !self.party.is_here(&self.bytes.memory().control().freed.bell) {
            return Err(TryRecvError::Forked);
        }
        let len = self.next()?;
        Ok(Peek { consumer: self, len })
    }

    /// Looks at the next message where it is, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`], but not `TimedOut`.
    #[inline]
    pub fn peek(&mut self) -> Result<Peek<'_>, RecvError> {
        self.peek_until(Deadline::NEVER)
    }

    /// Looks at the next message where it is, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn peek_until(&mut self, deadline: impl Into<Deadline>) -> Result<Peek<'_>, RecvError> {
        if !self.party.is_here(&self.bytes.memory().control().freed.bell) {
            return Err(RecvError::Forked);
        }
        let len = self.next_until(deadline)?;
        Ok(Peek { consumer: self, len })
    }

    /// Looks at the next message where it is, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`peek_until`](Self::peek_until).
    #[inline]
    pub fn peek_timeout(&mut self, timeout: Duration) -> Result<Peek<'_>, RecvError> {
        self.peek_until(timeout)
    }

    /// Finds the next record, waiting until a deadline while there is none.
    #[inline(always)]
    fn next_until(&mut self, deadline: impl Into<Deadline>) -> Result<usize, RecvError> {
        match self.next() {
            Ok(len) => Ok(len),
            Err(error) => self.await_record(error, deadline.into()),
        }
    }

    /// Waits, if the failure of a try was that nothing is there, until a record is.
    #[inline]
    fn await_record(&mut self, failure: TryRecvError, deadline: Deadline) -> Result<usize, RecvError> {
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
        let len = arrived(self.next())?;
        self.party.learn(&waiting, self.cursor.backlog() > record_len(len as u64));
        Ok(len)
    }

    /// Finds the next record; head then stands at its header, and the answer is the length of its payload.
    #[inline(always)]
    fn next(&mut self) -> Result<usize, TryRecvError> {
        if self.cursor.backlog() == 0 {
            self.look_after_all()?;
        }
        // Relaxed: tail's Acquire ordered it; what a peer that breaks the protocol writes is checked, whatever it is.
        let word = self.bytes.header(self.cursor.head()).load(Ordering::Relaxed);
        if self.is_record(word) { Ok(word as u32 as usize) } else { self.after_padding(word) }
    }

    /// Looks whether the producer has sent anything.
    ///
    /// In an exchange, the lines of the next record are asked for together with the producer's position, and not after it:
    /// when a message has come meanwhile, the three transfers overlap. In a stream the producer would still be writing
    /// them.
    #[inline(always)]
    fn look(&mut self, is_exchange: bool) -> Result<(), TryRecvError> {
        if is_exchange {
            self.bytes.prefetch(self.cursor.head());
            self.bytes.prefetch(self.cursor.head().wrapping_add(64));
        }
        match self.cursor.refresh(self.bytes.memory().control()) {
            Ok(0) => {
                self.idle = self.idle.saturating_add(1);
                Err(TryRecvError::Empty)
            }
            Ok(_) => {
                self.idle = 0;
                Ok(())
            }
            Err(corruption) => Err(self.party.explain(corruption).into()),
        }
    }

    /// The same for a try, which has something to say about an end as well.
    #[inline(always)]
    fn look_after_all(&mut self) -> Result<(), TryRecvError> {
        match self.look(self.idle >= IDLE_LOOKS) {
            Err(TryRecvError::Empty) if !self.party.is_peer_well() => self.why_empty(),
            answer => answer,
        }
    }

    /// After a look in vain: says more than that there is nothing, if there is more to say. `Ok` when something has come.
    #[cold]
    #[inline(never)]
    fn why_empty(&mut self) -> Result<(), TryRecvError> {
        let Some(ending) = self.party.ending() else { return Err(TryRecvError::Empty) };
        match self.look(false) {
            Err(TryRecvError::Empty) => Err(self.party.tell(ending).into()),
            answer => answer,
        }
    }

    /// Is this the header of a record that can stand at head?
    #[inline(always)]
    fn is_record(&self, word: u64) -> bool {
        // Below RECORD's headers the difference wraps to something huge; above them it is huge.
        let length = word.wrapping_sub(header(RECORD, 0));
        length <= self.length_max
            && record_len(length) <= self.cursor.backlog()
            && record_len(length) <= self.bytes.in_a_row(self.cursor.head())
    }

    /// Skips the one padding record that may stand at the end, and finds the record at the start.
    #[cold]
    #[inline(never)]
    fn after_padding(&mut self, word: u64) -> Result<usize, TryRecvError> {
        // Zeros, as a forked child finds them, are no header.
        if !self.party.is_here(&self.bytes.memory().control().freed.bell) {
            return Err(TryRecvError::Forked);
        }
        let to_end = self.bytes.to_end(self.cursor.head());
        // In a ring of more than 4 GiB, what is left may be more than any padding: a record before it would have fitted.
        let length = u32::try_from(to_end - HEADER_LEN);
        let is_padding = length.is_ok_and(|length| word == header(PADDING, length));
        // There is none in a mirrored ring, and none at the start. A record follows its padding at once, in the same
        // publication, so there is more than the padding.
        let has_end = to_end < self.bytes.capacity() && to_end == self.bytes.in_a_row(self.cursor.head());
        if !is_padding || !has_end || to_end >= self.cursor.backlog() {
            return Err(self.cursor.poison(Fault::Header { word }).into());
        }
        self.cursor.advance(to_end);
        let word = self.bytes.header(self.cursor.head()).load(Ordering::Relaxed);
        if self.is_record(word) {
            Ok(word as u32 as usize)
        } else {
            Err(self.cursor.poison(Fault::Header { word }).into())
        }
    }

    /// Position of the payload of the record at head.
    #[inline(always)]
    pub(super) fn payload(&self) -> u64 {
        self.cursor.head().wrapping_add(HEADER_LEN)
    }

    /// Asks for what lies behind a record of `len` bytes at head, which is about to be read.
    #[inline(always)]
    fn ask_ahead(&self, len: usize) {
        self.bytes.ask_to_read(self.cursor.head(), record_len(len as u64), self.cursor.backlog());
    }

    /// Gives the record at head back. False in a forked child.
    #[inline(always)]
    pub(super) fn release(&mut self, len: usize) -> bool {
        self.cursor.advance(record_len(len as u64));
        self.give_back()
    }

    /// Gives everything read back, and wakes the producer if it sleeps until there is room.
    #[inline(always)]
    fn give_back(&mut self) -> bool {
        let control = self.bytes.memory().control();
        self.cursor.release(control);
        self.party.ring(&control.freed.bell)
    }
}
