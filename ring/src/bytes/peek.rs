//! A message that is looked at in the ring: `peek -> read -> release`.
//!
//! A peek that is dropped, or forgotten, leaves the message where it is.

use super::Consumer;

/// The next message, still in the ring. Dropping it without a release leaves it there.
#[derive(Debug)]
#[must_use = "a message that is not released stays in the ring"]
pub struct Peek<'a> {
    pub(super) consumer: &'a mut Consumer,
    pub(super) len: usize,
}

impl Peek<'_> {
    /// The message's length in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // because an empty message is nothing special.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Copies a part of the message out.
    ///
    /// # Panics
    ///
    /// When the part does not lie within the message.
    #[inline]
    pub fn read_at(&self, at: usize, target: &mut [u8]) {
        let end = at.checked_add(target.len());
        assert!(end.is_some_and(|end| end <= self.len), "{} bytes at {at} of {}", target.len(), self.len);
        self.consumer.bytes.read(self.consumer.payload().wrapping_add(at as u64), target);
    }

    /// Address of the message, whose bytes lie in a row.
    #[inline]
    pub(super) fn address(&self) -> *const u8 {
        self.consumer.bytes.address(self.consumer.payload(), self.len)
    }

    /// A copy of the message.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut message = Vec::new();
        self.consumer.bytes.read_vec(self.consumer.payload(), &mut message, self.len);
        message
    }

    /// Takes the message from the ring.
    #[inline]
    pub fn release(self) {
        let _ = self.consumer.release(self.len);
    }
}
