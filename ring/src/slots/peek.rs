//! Values that are looked at in the ring: `peek -> read -> release`.
//!
//! A peek that is dropped, or forgotten, leaves the values where they are.

use super::layout::steps::ConsumerSide;
use super::{Consumer, Layout, Slot, Throughput};

/// Values in a row, still in the ring. Dropping it without a release leaves them there.
#[derive(Debug)]
#[must_use = "values that are not released stay in the ring"]
pub struct Peek<'a, T: Slot, L: Layout = Throughput> {
    pub(super) consumer: &'a mut Consumer<T, L>,
    pub(super) count: usize,
}

impl<T: Slot, L: Layout> Peek<'_, T, L> {
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
        self.consumer.side.read(at)
    }

    /// Takes all of the values from the ring.
    #[inline]
    pub fn release(self) {
        let _ = self.consumer.release(self.count);
    }

    /// Takes the first `count` values from the ring and leaves the rest.
    ///
    /// # Panics
    ///
    /// When more are released than there are.
    #[inline]
    pub fn release_prefix(self, count: usize) {
        assert!(count <= self.count, "{count} values of {}", self.count);
        let _ = self.consumer.release(count);
    }
}

impl<T: Slot> Peek<'_, T, Throughput> {
    /// Address of the first value.
    #[inline]
    pub(super) fn address(&self) -> *const T {
        self.consumer.side.address()
    }
}
