//! An end of the kernel's byte streams: what a pipe and a socket have in common.
//!
//! Where all parties poll, descriptors do not block: a party that finds nothing asks again, as every other system's
//! parties do, so that the kernel's channels are not charged for putting a party to sleep and waking it. Where all
//! parties sleep, descriptors block. One message is one system call; a batch is a buffer of 64 KiB in user space, written
//! and read at once.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;

use crate::endpoint::{Caller, RecordConsumer, RecordProducer, Shape, SlotConsumer, SlotProducer, Waits};
use crate::stage::wait::{Deadline, Halt};

/// Bytes of a batch.
pub(crate) const BATCH_BYTES: usize = 64 << 10;

/// Bytes of a slot.
const SLOT: usize = size_of::<u64>();

/// An end that reads from one descriptor and writes to another.
pub(crate) struct StreamEnd {
    source: OwnedFd,
    target: OwnedFd,
    /// The first bytes of a message of which the rest was not there yet.
    partial: Vec<u8>,
    /// A batch of slots as bytes.
    bytes: Vec<u8>,
}

impl StreamEnd {
    /// The end that reads `source` and writes `target`, which it sets to block if the parties of `shape` sleep.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn new(shape: Shape, source: OwnedFd, target: OwnedFd) -> io::Result<Self> {
        for descriptor in [&source, &target] {
            rustix::io::ioctl_fionbio(descriptor, shape.waits == Waits::Poll)?;
        }
        Ok(Self { source, target, partial: Vec::with_capacity(BATCH_BYTES), bytes: vec![0; BATCH_BYTES] })
    }

    /// The descriptor that it writes to.
    pub(super) fn target(&self) -> &OwnedFd {
        &self.target
    }

    /// Reads at least one byte, and as many as there are and have room.
    #[inline]
    pub(super) fn read_some(&self, room: &mut [u8], deadline: &Deadline<'_>) -> Result<usize, Halt> {
        let mut wait = deadline.wait();
        loop {
            match rustix::io::read(&self.source, &mut *room) {
                Ok(0) => return Err(Halt::Closed),
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN) => wait.poll()?,
                Err(Errno::INTR) => deadline.look()?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Fills `room`.
    #[inline]
    fn read_all(&self, mut room: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        while !room.is_empty() {
            let count = self.read_some(room, deadline)?;
            room = &mut room[count..];
        }
        Ok(())
    }

    /// Writes all of `bytes`.
    #[inline]
    pub(super) fn write_all(&self, mut bytes: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        while !bytes.is_empty() {
            match rustix::io::write(&self.target, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::AGAIN) => wait.poll()?,
                Err(Errno::INTR) => deadline.look()?,
                Err(Errno::PIPE) => return Err(Halt::Closed),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads whole messages of `length` bytes, at least one, and keeps what is there of the next.
    fn read_messages(
        &mut self,
        messages: &mut [u8],
        length: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        let mut filled = self.partial.len();
        messages[..filled].copy_from_slice(&self.partial);
        while filled < length {
            filled += self.read_some(&mut messages[filled..], deadline)?;
        }
        let count = filled / length;
        self.partial.clear();
        self.partial.extend_from_slice(&messages[count * length..filled]);
        Ok(count)
    }
}

impl Caller for StreamEnd {
    #[inline]
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.write_all(message, deadline)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.read_all(message, deadline)
    }
}

impl SlotProducer for StreamEnd {
    const BATCH: usize = BATCH_BYTES / SLOT;

    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.write_all(&slot.to_le_bytes(), deadline)
    }

    fn send_batch(&mut self, slots: &[u64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        for (bytes, slot) in self.bytes.as_chunks_mut().0.iter_mut().zip(slots) {
            *bytes = slot.to_le_bytes();
        }
        self.write_all(&self.bytes[..slots.len() * SLOT], deadline)
    }
}

impl SlotConsumer for StreamEnd {
    const BATCH: usize = BATCH_BYTES / SLOT;

    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        let mut bytes = [0; SLOT];
        self.read_all(&mut bytes, deadline)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn receive_batch(&mut self, slots: &mut [u64], deadline: &Deadline<'_>) -> Result<usize, Halt> {
        let mut bytes = std::mem::take(&mut self.bytes);
        let count = self.read_messages(&mut bytes[..slots.len() * SLOT], SLOT, deadline);
        for (slot, bytes) in slots.iter_mut().zip(bytes.as_chunks().0) {
            *slot = u64::from_le_bytes(*bytes);
        }
        self.bytes = bytes;
        count
    }
}

impl RecordProducer for StreamEnd {
    const BATCH_BYTES: usize = BATCH_BYTES;

    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.write_all(message, deadline)
    }

    fn send_batch(&mut self, messages: &[u8], _: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.write_all(messages, deadline)
    }
}

impl RecordConsumer for StreamEnd {
    const BATCH_BYTES: usize = BATCH_BYTES;

    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.read_all(message, deadline)
    }

    fn receive_batch(
        &mut self,
        messages: &mut [u8],
        length: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        self.read_messages(messages, length, deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::pipe::pipe;

    use super::*;
    use ringway_shm::primitive::AtomicU64;

    #[test]
    fn a_message_cut_in_two_is_put_together_again() {
        let stop = AtomicU64::new(0);
        let deadline = Deadline::new(Duration::from_secs(20), &stop, false);
        let ((source, far_target), (far_source, target)) = (pipe().unwrap(), pipe().unwrap());
        let shape = Shape { length: 4, batched: true, waits: Waits::Poll };
        let near = StreamEnd::new(shape, source, target).unwrap();
        let mut far = StreamEnd::new(shape, far_source, far_target).unwrap();
        let mut messages = [0; 16];
        near.write_all(b"abcdefgh12", &deadline).unwrap();
        assert_eq!(far.read_messages(&mut messages, 4, &deadline), Ok(2));
        assert_eq!(&messages[..8], b"abcdefgh");
        near.write_all(b"34", &deadline).unwrap();
        assert_eq!(far.read_messages(&mut messages, 4, &deadline), Ok(1));
        assert_eq!(&messages[..4], b"1234");
        drop(near);
        assert_eq!(far.read_messages(&mut messages, 4, &deadline), Err(Halt::Closed));
    }
}
