//! The kernel's pipe behind a buffer in each process, as programs use it through `BufWriter` and `BufReader`.
//!
//! It breaks the rule that a receiver sees a message as soon as it was sent: a message lies in the sender's buffer until
//! that is full, or until the sender has no more to send. That is how programs get speed out of a pipe, so it is a rival in
//! flows, and only there.

use std::io;
use std::os::fd::OwnedFd;

use super::pipe::Pipe;
use super::stream::StreamEnd;
use crate::endpoint::{Channel, RecordConsumer, RecordProducer, Shape, SlotConsumer, SlotProducer};
use crate::plan::case::Case;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;
use crate::work::flows::Slots;

/// Bytes of a buffer. No message is longer.
const CAPACITY: usize = 64 << 10;

/// The system.
pub(super) fn system() -> System {
    System::new("pipe, buffered")
        .measure::<BufferedPipe, Slots>(Case::Slots { length: 8, batched: false })
        .single_records::<BufferedPipe, 64>()
        .single_records::<BufferedPipe, 1024>()
        .single_records::<BufferedPipe, 8192>()
}

/// The pipe with its buffers.
struct BufferedPipe;

/// One end of it, which either sends or receives.
struct End {
    pipe: StreamEnd,
    /// `bytes[start..end]` was sent and not yet written, or read and not yet received.
    bytes: Box<[u8; CAPACITY]>,
    start: usize,
    end: usize,
}

impl End {
    fn over(pipe: StreamEnd) -> Self {
        Self { pipe, bytes: Box::new([0; CAPACITY]), start: 0, end: 0 }
    }

    #[inline(always)]
    fn put(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        if CAPACITY - self.end < message.len() {
            self.write(deadline)?;
        }
        self.bytes[self.end..self.end + message.len()].copy_from_slice(message);
        self.end += message.len();
        Ok(())
    }

    #[inline(always)]
    fn take(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        if self.end - self.start < message.len() {
            self.read(message.len(), deadline)?;
        }
        message.copy_from_slice(&self.bytes[self.start..self.start + message.len()]);
        self.start += message.len();
        Ok(())
    }

    /// Writes all that was sent.
    #[cold]
    fn write(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.pipe.write_all(&self.bytes[..self.end], deadline)?;
        self.end = 0;
        Ok(())
    }

    /// Reads as much as there is and has room, `length` bytes at least with those that are there.
    #[cold]
    fn read(&mut self, length: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < length {
            self.end += self.pipe.read_some(&mut self.bytes[self.end..], deadline)?;
        }
        Ok(())
    }
}

impl Channel for BufferedPipe {
    type Near = End;
    type Far = End;

    fn create(shape: Shape) -> io::Result<(End, Vec<OwnedFd>)> {
        let (near, descriptors) = Pipe::create(shape)?;
        Ok((End::over(near), descriptors))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<End> {
        Ok(End::over(Pipe::attach(shape, descriptors)?))
    }
}

impl SlotProducer for End {
    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put(&slot.to_le_bytes(), deadline)
    }

    fn send_batch(&mut self, slots: &[u64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        slots.iter().try_for_each(|slot| self.put(&slot.to_le_bytes(), deadline))
    }

    fn flush(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.write(deadline)
    }
}

impl SlotConsumer for End {
    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        let mut bytes = [0; 8];
        self.take(&mut bytes, deadline)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn receive_batch(&mut self, slots: &mut [u64], deadline: &Deadline<'_>) -> Result<usize, Halt> {
        slots[0] = SlotConsumer::receive(self, deadline)?;
        Ok(1)
    }
}

impl RecordProducer for End {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put(message, deadline)
    }

    fn flush(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.write(deadline)
    }
}

impl RecordConsumer for End {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.take(message, deadline)
    }
}
