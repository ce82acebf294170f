//! Free slots that are written in the ring: `reserve -> write -> commit`.
//!
//! A reservation that is dropped, or forgotten, leaves nothing to undo.

use super::layout::steps::ProducerSide;
use super::{Layout, Producer, Slot, Throughput};

/// Free slots in a row, not visible to the consumer. Dropping it without a commit gives them back.
#[derive(Debug)]
#[must_use = "slots that are not committed are not sent"]
pub struct Reservation<'a, T: Slot, L: Layout = Throughput> {
    pub(super) producer: &'a mut Producer<T, L>,
    pub(super) count: usize,
}

impl<T: Slot, L: Layout> Reservation<'_, T, L> {
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
        self.producer.side.write(at, value);
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
        self.producer.side.commit(count);
        // In a forked child there was no reservation to commit.
        let _ = self.producer.ring();
    }

    /// Gives the slots back; nothing is sent. The same as dropping the reservation.
    pub fn abort(self) {}
}

impl<T: Slot> Reservation<'_, T, Throughput> {
    /// Address of the first slot.
    #[inline]
    pub(super) fn address(&self) -> *mut T {
        self.producer.side.address()
    }
}
