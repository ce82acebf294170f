//! The single-producer, single-consumer ring: two positions, each with one writer.
//!
//! Lamport's ring ("Proving the Correctness of Multiprocess Programs", 1977) with private copies: each side keeps its
//! own position in its handle and only ever *stores* the shared one, and keeps the last value it read of the other's, so
//! that a side that is not waiting reads no position line that the other writes (Lee, Bu and Chandranmenon, "A Lock-Free,
//! Cache-Efficient Multi-Core Synchronization Mechanism", 2009).
//!
//! ```text
//!                 head                        tail
//!   ──────────────┬───────────────────────────┬─────────────────────────
//!     free        │ committed, not released   │ free: the producer's to write
//!   ──────────────┴───────────────────────────┴─────────────────────────
//!     producer:  reserve  tail + n - head <= capacity      (head_seen; a refresh reads head with Acquire)
//!                write    payload beyond tail              (nobody else touches it)
//!                publish  tail += n                        (Release: the payload is there before the position)
//!     consumer:  look     tail - head > 0                  (tail_seen; a refresh reads tail with Acquire)
//!                read     payload behind tail
//!                release  head += n                        (Release: the payload was read before it is free)
//! ```
//!
//! | killed | leaves |
//! |---|---|
//! | producer before its store of tail | nothing committed; the next producer starts at the same tail and overwrites |
//! | producer after it | a whole message |
//! | consumer before its store of head | the message still there: the next consumer receives it, the first had not |
//! | consumer after it | the message taken; if its caller had not seen it, it is lost (at most once) |
//!
//! No step leaves anything to repair. Each position is read with one load, compared with what it can be, and used from
//! the private copy: `tail` lies in `head..=head + capacity` and never goes back, `head` in `tail - capacity..=tail` and
//! never goes back. What does not is [`Corruption`], and poisons the handle.
//!
//! What it deliberately does not do: wait, or know what a unit of position is. Slots in the latency layout have a protocol
//! of their own (`slots/latency.rs`), whose producer keeps its positions here too.

use crate::error::{Corruption, Fault};
use crate::layout::Control;
use ringway_shm::primitive::Ordering;

/// The producer's side.
#[derive(Debug)]
pub(crate) struct ProducerCursor {
    /// Where the next unit goes. The truth; the shared word only follows it.
    tail: u64,
    /// The tail as the consumer can see it.
    published: u64,
    /// Where the next unit may not go: the consumer's position when last looked at, plus the capacity. `tail` itself once
    /// poisoned, so that nothing ever fits again.
    limit: u64,
    capacity: u64,
    poison: Option<Corruption>,
}

impl ProducerCursor {
    /// Takes over where the last producer stopped. `unit` is what positions are multiples of.
    pub(crate) fn attach(control: &Control, capacity: u64, unit: u64) -> Result<Self, Corruption> {
        // Relaxed: only the producer writes tail, and the role was handed over through the kernel's lock.
        let tail = control.producer.tail.load(Ordering::Relaxed);
        if tail % unit != 0 {
            return Err(Corruption { position: tail, fault: Fault::Tail { tail } });
        }
        Self::resume(control, capacity, tail)
    }

    /// Takes over at a tail that is known to be the last producer's.
    pub(crate) fn resume(control: &Control, capacity: u64, tail: u64) -> Result<Self, Corruption> {
        let mut cursor = Self { tail, published: tail, limit: tail, capacity, poison: None };
        cursor.refresh(control)?;
        Ok(cursor)
    }

    /// Where the next unit goes.
    #[inline(always)]
    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    /// Units that were free at the last look.
    #[inline(always)]
    pub(crate) fn free(&self) -> u64 {
        self.limit.wrapping_sub(self.tail)
    }

    /// Looks at the consumer's position; says how many units are free.
    pub(crate) fn refresh(&mut self, control: &Control) -> Result<u64, Corruption> {
        if let Some(poison) = self.poison {
            return Err(poison);
        }
        // Acquire: the consumer has read what it released before we overwrite it. Pairs with the Release in
        // `ConsumerCursor::release`.
        let head = control.consumer.head.load(Ordering::Acquire);
        let limit = head.wrapping_add(self.capacity);
        let free = limit.wrapping_sub(self.tail);
        if free > self.capacity || free < self.free() {
            return Err(self.poison(Fault::Head { head }));
        }
        self.limit = limit;
        Ok(free)
    }

    #[cold]
    fn poison(&mut self, fault: Fault) -> Corruption {
        let corruption = Corruption { position: self.tail, fault };
        self.poison = Some(corruption);
        self.limit = self.tail;
        corruption
    }

    /// Fails if it has met what cannot be.
    pub(crate) fn intact(&self) -> Result<(), Corruption> {
        self.poison.map_or(Ok(()), Err)
    }

    /// Has it met what cannot be? Then it writes no more.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poison.is_some()
    }

    /// Counts `units` as written, without telling the consumer.
    #[inline(always)]
    pub(crate) fn advance(&mut self, units: u64) {
        self.tail = self.tail.wrapping_add(units);
    }

    /// Units written that the consumer cannot see yet.
    #[inline(always)]
    pub(crate) fn unpublished(&self) -> u64 {
        self.tail.wrapping_sub(self.published)
    }

    /// Tells the consumer of everything written.
    #[inline(always)]
    pub(crate) fn publish(&mut self, control: &Control) {
        self.published = self.tail;
        // Release: the payload and its headers are there before the position. Pairs with the Acquire in
        // `ConsumerCursor::refresh`.
        control.producer.tail.store(self.tail, Ordering::Release);
    }
}

/// The consumer's side.
#[derive(Debug)]
pub(crate) struct ConsumerCursor {
    /// The next unit to read. The truth; the shared word only follows it.
    head: u64,
    /// The producer's position when last looked at; `head` once poisoned, so that nothing is ever there again.
    tail_seen: u64,
    capacity: u64,
    poison: Option<Corruption>,
}

impl ConsumerCursor {
    /// Takes over where the last consumer stopped. `unit` is what positions are multiples of.
    pub(crate) fn attach(control: &Control, capacity: u64, unit: u64) -> Result<Self, Corruption> {
        // Relaxed: only the consumer writes head, and the role was handed over through the kernel's lock.
        let head = control.consumer.head.load(Ordering::Relaxed);
        let mut cursor = Self { head, tail_seen: head, capacity, poison: None };
        if head % unit != 0 {
            return Err(Corruption { position: head, fault: Fault::Head { head } });
        }
        cursor.refresh(control)?;
        Ok(cursor)
    }

    /// The next unit to read.
    #[inline(always)]
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// Units that were there at the last look.
    #[inline(always)]
    pub(crate) fn backlog(&self) -> u64 {
        self.tail_seen.wrapping_sub(self.head)
    }

    /// Looks at the producer's position; says how many units are there.
    #[inline(always)]
    pub(crate) fn refresh(&mut self, control: &Control) -> Result<u64, Corruption> {
        // Acquire: the payload behind the position is there. Pairs with the Release in `ProducerCursor::publish`.
        let tail = control.producer.tail.load(Ordering::Acquire);
        let backlog = tail.wrapping_sub(self.head);
        if backlog > self.capacity || backlog < self.backlog() || self.poison.is_some() {
            return Err(self.poison(Fault::Tail { tail }));
        }
        self.tail_seen = tail;
        Ok(backlog)
    }

    /// Fails if it has met what cannot be.
    pub(crate) fn intact(&self) -> Result<(), Corruption> {
        self.poison.map_or(Ok(()), Err)
    }

    /// Refuses to serve this ring any further; keeps the first reason.
    #[cold]
    pub(crate) fn poison(&mut self, fault: Fault) -> Corruption {
        let corruption = *self.poison.get_or_insert(Corruption { position: self.head, fault });
        self.tail_seen = self.head;
        corruption
    }

    /// Counts `units` as read, without telling the producer.
    #[inline(always)]
    pub(crate) fn advance(&mut self, units: u64) {
        debug_assert!(units <= self.backlog());
        self.head = self.head.wrapping_add(units);
    }

    /// Gives everything read back to the producer.
    #[inline(always)]
    pub(crate) fn release(&self, control: &Control) {
        // Release: the payload was read before it is free. Pairs with the Acquire in `ProducerCursor::refresh`.
        control.consumer.head.store(self.head, Ordering::Release);
    }
}
