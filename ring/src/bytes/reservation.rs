//! Room for a record that is written in the ring: `reserve -> write -> commit`.
//!
//! A reservation that is dropped, or forgotten, leaves nothing to undo: nobody sees beyond the tail, and the next one begins
//! at the same place.

use super::Producer;
use super::producer::Room;

/// Room for one record, not visible to the consumer. Dropping it without a commit gives the room back.
#[derive(Debug)]
#[must_use = "a record that is not committed is not sent"]
pub struct Reservation<'a> {
    pub(super) producer: &'a mut Producer,
    pub(super) room: Room,
}

impl Reservation<'_> {
    /// Bytes reserved. They hold whatever the ring held there before.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // because an empty record is nothing special.
    pub fn len(&self) -> usize {
        self.room.len
    }

    /// Writes the whole record.
    ///
    /// # Panics
    ///
    /// When `message` is not exactly as long as the reservation.
    #[inline]
    pub fn copy_from(&mut self, message: &[u8]) {
        assert_eq!(message.len(), self.room.len, "a record is written whole by copy_from");
        self.write_at(0, message);
    }

    /// Writes a part of the record.
    ///
    /// # Panics
    ///
    /// When the part does not lie within the reservation.
    #[inline]
    pub fn write_at(&mut self, at: usize, part: &[u8]) {
        let end = at.checked_add(part.len());
        assert!(
            end.is_some_and(|end| end <= self.room.len),
            "{} bytes at {at} of {}",
            part.len(),
            self.room.len
        );
        let position = self.producer.payload(self.room).wrapping_add(at as u64);
        self.producer.bytes.write(position, part);
    }

    /// Address of the reserved bytes, which lie in a row.
    #[inline]
    pub(super) fn address(&self) -> *mut u8 {
        self.producer.bytes.address(self.producer.payload(self.room), self.room.len)
    }

    /// Sends the record.
    #[inline]
    pub fn commit(self) {
        let len = self.room.len;
        self.commit_prefix(len);
    }

    /// Sends the first `len` bytes as the record and gives the rest back.
    ///
    /// # Panics
    ///
    /// When more is committed than was reserved.
    #[inline]
    pub fn commit_prefix(self, len: usize) {
        assert!(len <= self.room.len, "{len} bytes of a reservation of {}", self.room.len);
        self.producer.close(self.room, len);
        // In a forked child there was no reservation to commit.
        let _ = self.producer.publish();
    }

    /// Gives the room back; nothing is sent. The same as dropping the reservation.
    pub fn abort(self) {}
}
