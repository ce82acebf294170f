//! The throughput layout: slots close together, behind the two positions of [`crate::cursor`], whose protocol this is.

use super::Slot;
use super::layout::steps::{ConsumerSide, ProducerSide};
use crate::cursor::{ConsumerCursor, ProducerCursor};
use crate::error::Corruption;
use crate::memory::{LARGE_SLOT, Memory, Slots};

/// Bytes from which on many slots are copied one by one, if lines are asked for in between.
const ALONE: usize = 256;

/// Whether many slots are copied one by one.
const fn are_alone<T: Slot>() -> bool {
    Slots::<T>::ASKS && size_of::<T>() >= ALONE
}

/// The producer's side.
pub struct ThroughputProducer<T> {
    cursor: ProducerCursor,
    slots: Slots<T>,
}

impl<T: Slot> ThroughputProducer<T> {
    /// Address of the first free slot.
    #[inline(always)]
    pub(super) fn address(&self) -> *mut T {
        self.slots.slot(self.cursor.tail()).as_ptr()
    }
}

impl<T: Slot> ProducerSide<T> for ThroughputProducer<T> {
    fn attach(memory: Memory, capacity: u64) -> Result<Self, Corruption> {
        let slots = Slots::new(memory, capacity);
        let cursor = ProducerCursor::attach(slots.memory().control(), capacity, 1)?;
        Ok(Self { cursor, slots })
    }

    #[inline(always)]
    fn memory(&self) -> &Memory {
        self.slots.memory()
    }

    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.slots.capacity()
    }

    #[inline(always)]
    fn intact(&self) -> Result<(), Corruption> {
        self.cursor.intact()
    }

    #[inline(always)]
    fn free(&self) -> u64 {
        self.cursor.free()
    }

    #[inline(always)]
    fn refresh(&mut self) -> Result<u64, Corruption> {
        self.cursor.refresh(self.slots.memory().control())
    }

    #[inline(always)]
    fn before_end(&self, count: usize) -> usize {
        self.slots.before_end(self.cursor.tail(), count)
    }

    #[inline(always)]
    fn write(&self, at: usize, value: &T) {
        self.slots.write(self.cursor.tail().wrapping_add(at as u64), value);
    }

    #[inline(always)]
    fn commit(&mut self, count: usize) {
        self.cursor.advance(count as u64);
        self.cursor.publish(self.slots.memory().control());
    }

    #[inline(always)]
    fn put(&mut self, value: &T) {
        self.slots.ask_to_write(self.cursor.tail(), self.cursor.free());
        self.slots.write(self.cursor.tail(), value);
        self.commit(1);
    }

    #[inline(always)]
    fn put_many(&mut self, values: &[T]) {
        if !are_alone::<T>() {
            self.slots.write_many(self.cursor.tail(), values);
            return self.commit(values.len());
        }
        for value in values {
            self.slots.ask_to_write(self.cursor.tail(), self.cursor.free());
            self.slots.write(self.cursor.tail(), value);
            self.cursor.advance(1);
        }
        self.cursor.publish(self.slots.memory().control());
    }
}

/// The consumer's side.
pub struct ThroughputConsumer<T> {
    cursor: ConsumerCursor,
    slots: Slots<T>,
}

impl<T: Slot> ThroughputConsumer<T> {
    /// Address of the first value.
    #[inline(always)]
    pub(super) fn address(&self) -> *const T {
        self.slots.slot(self.cursor.head()).as_ptr()
    }
}

impl<T: Slot> ConsumerSide<T> for ThroughputConsumer<T> {
    fn attach(memory: Memory, capacity: u64) -> Result<Self, Corruption> {
        let slots = Slots::new(memory, capacity);
        let cursor = ConsumerCursor::attach(slots.memory().control(), capacity, 1)?;
        Ok(Self { cursor, slots })
    }

    #[inline(always)]
    fn memory(&self) -> &Memory {
        self.slots.memory()
    }

    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.slots.capacity()
    }

    #[inline(always)]
    fn intact(&self) -> Result<(), Corruption> {
        self.cursor.intact()
    }

    #[inline(always)]
    fn has_next(&self) -> bool {
        self.cursor.backlog() != 0
    }

    #[inline(always)]
    fn refresh(&mut self) -> Result<bool, Corruption> {
        Ok(self.cursor.refresh(self.slots.memory().control())? != 0)
    }

    /// A small slot shares its line with those before it, which the producer may still be writing.
    #[inline(always)]
    fn prefetch(&self) {
        if size_of::<T>() >= LARGE_SLOT {
            self.slots.prefetch(self.cursor.head());
        }
    }

    #[inline(always)]
    fn known(&self, limit: usize) -> usize {
        limit.min(usize::try_from(self.cursor.backlog()).unwrap_or(usize::MAX))
    }

    #[inline(always)]
    fn count(&mut self, limit: usize) -> Result<usize, Corruption> {
        if self.cursor.backlog() < limit as u64 {
            self.refresh()?;
        }
        Ok(self.known(limit))
    }

    #[inline(always)]
    fn brought_more(&self) -> bool {
        self.cursor.backlog() > 1
    }

    #[inline(always)]
    fn before_end(&self, count: usize) -> usize {
        self.slots.before_end(self.cursor.head(), count)
    }

    #[inline(always)]
    fn read(&self, at: usize) -> T {
        let position = self.cursor.head().wrapping_add(at as u64);
        self.slots.ask_to_read(position, self.cursor.backlog().saturating_sub(at as u64));
        self.slots.read(position)
    }

    #[inline(always)]
    fn read_into(&self, value: &mut T) {
        self.slots.ask_to_read(self.cursor.head(), self.cursor.backlog());
        self.slots.read_into(self.cursor.head(), value);
    }

    #[inline(always)]
    fn read_many(&self, values: &mut [T]) {
        if !are_alone::<T>() {
            return self.slots.read_many(self.cursor.head(), values);
        }
        let (head, backlog) = (self.cursor.head(), self.cursor.backlog());
        for (value, at) in values.iter_mut().zip(0..) {
            self.slots.ask_to_read(head.wrapping_add(at), backlog.saturating_sub(at));
            self.slots.read_into(head.wrapping_add(at), value);
        }
    }

    #[inline(always)]
    fn release(&mut self, count: usize) {
        self.cursor.advance(count as u64);
        self.cursor.release(self.slots.memory().control());
    }
}
