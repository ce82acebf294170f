//! Boxes that carry bytes from one process to another: a copy in, a stamp, a copy out.
//!
//! The least that does so: nothing is framed or wrapped, and a party that dies leaves its box as it is.

#![allow(unsafe_code)] // because this is the module that copies into and out of shared bytes.

use std::io;
use std::os::fd::OwnedFd;

use ringway_shm::primitive::{AtomicU64, Ordering};

use crate::memory::shared::{Line, Mapping};
use crate::stage::wait::{Deadline, Halt};

/// A type whose values are copied into and out of shared bytes.
///
/// # Safety
///
/// - Every bit pattern is a value of it, it has no padding, and its alignment is at most 8.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: an integer without a niche.
unsafe impl Plain for u8 {}

// SAFETY: an integer without a niche; aligned to 8 at most.
unsafe impl Plain for u64 {}

/// Boxes in a circle, each a stamp and room for bytes: the least that hands bytes over between two processes.
///
/// ```text
///   box i:  | stamp | 120 bytes unused | payload, a whole number of 128-byte lines |      (payload longer than 120)
///           | stamp | payload |                                                           (up to 120)
/// ```
///
/// The stamp of box `turn % count` in lap `turn / count` is `2 * lap` while the box is the producer's to fill and
/// `2 * lap + 1` while it is the consumer's to empty. There is one producer and one consumer, and each takes its turns
/// in order.
#[derive(Debug)]
pub(crate) struct Boxes {
    mapping: Mapping,
    stride: usize,
    payload: usize,
    length_max: usize,
    count_shift: u32,
}

impl Boxes {
    /// The bytes that `count` boxes of `length_max` bytes take up.
    fn mapped_length(length_max: usize, count: usize) -> usize {
        Self::stride(length_max) * count
    }

    /// Where the payload of a box starts. Short payloads share the stamp's line.
    fn payload(length_max: usize) -> usize {
        if length_max + size_of::<u64>() <= align_of::<Line>() {
            size_of::<u64>()
        } else {
            align_of::<Line>()
        }
    }

    /// The distance between two boxes: a power of two up to a line, then whole lines.
    fn stride(length_max: usize) -> usize {
        let length = Self::payload(length_max) + length_max;
        if length <= align_of::<Line>() {
            length.next_power_of_two()
        } else {
            length.next_multiple_of(align_of::<Line>())
        }
    }

    /// `count` empty boxes (a power of two) for up to `length_max` bytes each.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn create(length_max: usize, count: usize) -> io::Result<Self> {
        Self::over(Mapping::create(Self::mapped_length(length_max, count))?, length_max, count)
    }

    /// The boxes that another party created with the same numbers.
    ///
    /// # Errors
    ///
    /// The kernel's refusal, or `InvalidInput` when the file is too short.
    pub(crate) fn attach(file: OwnedFd, length_max: usize, count: usize) -> io::Result<Self> {
        Self::over(Mapping::attach(file)?, length_max, count)
    }

    fn over(mapping: Mapping, length_max: usize, count: usize) -> io::Result<Self> {
        if !count.is_power_of_two() || mapping.length() < Self::mapped_length(length_max, count) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (stride, payload) = (Self::stride(length_max), Self::payload(length_max));
        Ok(Self { mapping, stride, payload, length_max, count_shift: count.trailing_zeros() })
    }

    /// The file again, for the other party.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.mapping.descriptor()
    }

    /// Copies `message` into the box of `turn`, once it is empty. Only the producer calls this.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`](crate::stage::wait::Wait::poll).
    #[inline(always)]
    pub(crate) fn put<T: Plain>(
        &self,
        turn: u64,
        message: &[T],
        deadline: &Deadline<'_>,
    ) -> Result<(), Halt> {
        assert!(size_of_val(message) <= self.length_max);
        let (stamp, payload, lap) = self.locate(turn);
        let mut wait = deadline.wait();
        // Acquire: the consumer's reads of the box are over. Pairs with the Release at the end of `take`.
        while stamp.load(Ordering::Acquire) != 2 * lap {
            wait.poll()?;
        }
        // SAFETY: the payload has room for `length_max` bytes, which is asserted to be enough, and they are the
        // producer's until it stores the next stamp (see the type); a payload is aligned to 8, which suffices for
        // `Plain`; `message` is this process's own.
        unsafe { payload.cast::<T>().copy_from_nonoverlapping(message.as_ptr(), message.len()) };
        // Release: publishes the payload. Pairs with the Acquire in `take`.
        stamp.store(2 * lap + 1, Ordering::Release);
        Ok(())
    }

    /// Copies the box of `turn` into `message`, once it is full. Only the consumer calls this.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`](crate::stage::wait::Wait::poll).
    #[inline(always)]
    pub(crate) fn take<T: Plain>(
        &self,
        turn: u64,
        message: &mut [T],
        deadline: &Deadline<'_>,
    ) -> Result<(), Halt> {
        assert!(size_of_val(message) <= self.length_max);
        let (stamp, payload, lap) = self.locate(turn);
        let mut wait = deadline.wait();
        // Acquire: the payload is there. Pairs with the Release at the end of `put`.
        while stamp.load(Ordering::Acquire) != 2 * lap + 1 {
            wait.poll()?;
        }
        // SAFETY: the payload has `length_max` bytes, which is asserted to be enough, and they are the consumer's until
        // it stores the next stamp (see the type); a payload is aligned to 8, which suffices for `Plain`, and any bytes
        // are values; `message` is this process's own.
        unsafe { payload.cast::<T>().copy_to_nonoverlapping(message.as_mut_ptr(), message.len()) };
        // Release: the reads above are over. Pairs with the Acquire in `put`.
        stamp.store(2 * (lap + 1), Ordering::Release);
        Ok(())
    }

    /// The stamp and the payload of the box of `turn`, and the lap.
    #[inline(always)]
    fn locate(&self, turn: u64) -> (&AtomicU64, *mut u8, u64) {
        let lap = turn >> self.count_shift;
        let index = (turn - (lap << self.count_shift)) as usize;
        // SAFETY: `index` is less than `count`, and `over` checked that `count` strides lie in the mapping.
        let start = unsafe { self.mapping.start().add(index * self.stride) };
        // SAFETY: a box starts with its stamp, at a multiple of 8 since strides are; only atomic accesses are made to
        // it, from both sides, and the mapping lives as long as `self`.
        let stamp = unsafe { &*start.cast::<AtomicU64>() };
        // SAFETY: a stride is at least `payload` bytes and what follows them.
        let payload = unsafe { start.add(self.payload) };
        (stamp, payload, lap)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn boxes_hand_over_in_order_and_wait_when_full() {
        let stop = AtomicU64::new(0);
        let deadline = Deadline::new(Duration::from_millis(1), &stop, false);
        for length in [8, 64, 1024] {
            let producer = Boxes::create(length, 2).unwrap();
            let consumer = Boxes::attach(producer.descriptor().unwrap(), length, 2).unwrap();
            for turn in 0..10 {
                producer.put(turn, &vec![turn as u8; length], &deadline).unwrap();
                let mut message = vec![0; length];
                consumer.take(turn, &mut message, &deadline).unwrap();
                assert_eq!(message, vec![turn as u8; length]);
            }
            producer.put(10, &[1_u8], &deadline).unwrap();
            producer.put(11, &[1_u8], &deadline).unwrap();
            assert_eq!(producer.put(12, &[1_u8], &deadline), Err(Halt::Late));
        }
    }

    #[test]
    fn short_payloads_share_the_line_of_the_stamp() {
        assert_eq!((Boxes::stride(8), Boxes::payload(8)), (16, 8));
        assert_eq!((Boxes::stride(64), Boxes::payload(64)), (128, 8));
        assert_eq!((Boxes::stride(65536), Boxes::payload(65536)), (65536 + 128, 128));
    }

    #[test]
    fn a_file_too_short_for_its_boxes_is_refused() {
        let file = Mapping::create(64).unwrap().descriptor().unwrap();
        assert!(Boxes::attach(file, 64, 2).is_err());
    }
}
