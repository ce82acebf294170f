//! Messages that were received together: one copy of a stretch of the ring, taken apart in private memory.

use crate::layout::{PADDING, RECORD, record_len};

/// Messages that were received together, in private memory.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    /// Records as they stood in the ring, headers included.
    pub(super) bytes: Vec<u8>,
    /// Where the last whole record ends.
    pub(super) end: usize,
    pub(super) room: usize,
}

impl Messages {
    /// Room for `room` bytes of records, each with its header of 8 bytes and rounded up to a multiple of 8.
    #[must_use]
    pub fn with_room(room: usize) -> Self {
        Self { bytes: Vec::with_capacity(room), end: 0, room }
    }

    /// Forgets all messages and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.end = 0;
    }

    /// The messages, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..self.end];
        core::iter::from_fn(move || {
            let (length, after) = split_header(rest)?;
            let message = &after[..length];
            rest = &rest[record_len(length as u64) as usize..];
            Some(message)
        })
    }

    /// Sets `end` behind the last record that is whole and of possible length; reports offset and header of the first
    /// that is neither a record nor cut off by the end of the copy. Padding ends the copy.
    pub(super) fn find_end(&mut self, length_max: u64) -> Result<(), (usize, u64)> {
        self.end = 0;
        while let Some((word, _)) = self.bytes[self.end..].split_first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            let (kind, length) = ((word >> 32) as u32, word & u64::from(u32::MAX));
            if kind == PADDING && self.end > 0 {
                return Ok(());
            }
            if kind != RECORD || length > length_max {
                return Err((self.end, word));
            }
            let after = self.end as u64 + record_len(length);
            if after > self.bytes.len() as u64 {
                // Cut off by the end of the copy; if it is the first, it shrank or grew since it was checked.
                return if self.end == 0 { Err((0, word)) } else { Ok(()) };
            }
            self.end = after as usize;
        }
        Ok(())
    }
}

/// The payload length of the record at the front, and what follows its header.
#[inline(always)]
fn split_header(record: &[u8]) -> Option<(usize, &[u8])> {
    let (word, after) = record.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*word) as u32 as usize, after))
}
