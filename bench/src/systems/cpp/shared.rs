//! Boost's `spsc_queue` between two processes: one of fixed capacity has no pointers, and so it can lie in memory that both
//! map.

#![allow(unsafe_code)] // because functions of C++ are called.

use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::Arc;

use super::queue::{Kind, Loops, Queue, Receiver, Sender};
use super::threads::BoostSpsc;
use crate::endpoint::{Caller, Channel, Shape};
use crate::memory::shared::Mapping;
use crate::plan::case::Case;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};
use crate::work::flows::{RecordBatches, SlotBatches};

/// The system.
pub(super) fn system() -> System {
    System::new("Boost spsc_queue, shared")
        .round_trips::<SharedPair>()
        .measure::<Shared, Loops>(Case::Slots { length: 8, batched: false })
        .measure::<Shared, SlotBatches>(Case::Slots { length: 8, batched: true })
        .measure::<Shared, Loops>(Case::Slots { length: 64, batched: false })
        .measure::<Shared, RecordBatches<64>>(Case::Slots { length: 64, batched: true })
        .long_slots::<Shared, 1024>()
}

impl Queue {
    /// In new memory that processes share.
    fn shared<K: Kind>(length: usize) -> io::Result<Arc<Self>> {
        let table = K::table(length).ok_or(io::ErrorKind::Unsupported)?;
        let mapping = Mapping::create(table.shared_size)?;
        // SAFETY: the mapping has `shared_size` zero bytes, starts at a page, and nobody else has it yet.
        let start = unsafe { (table.create_at)(mapping.start().cast()) };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Arc::new(Self { table, length, start, mapping: Some(mapping) }))
    }

    /// In the memory where another process made it.
    fn attach<K: Kind>(length: usize, file: OwnedFd) -> io::Result<Arc<Self>> {
        let table = K::table(length).ok_or(io::ErrorKind::Unsupported)?;
        let mapping = Mapping::attach(file)?;
        let start = NonNull::new(mapping.start().cast()).filter(|_| mapping.length() == table.shared_size);
        let start = start.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Arc::new(Self { table, length, start, mapping: Some(mapping) }))
    }

    /// The memory again, for the peer.
    fn descriptor(&self) -> io::Result<OwnedFd> {
        self.mapping.as_ref().ok_or(io::ErrorKind::Unsupported)?.descriptor()
    }
}

/// Boost's queue of fixed capacity between two processes.
struct Shared;

impl Channel for Shared {
    type Near = Sender;
    type Far = Receiver;

    fn create(shape: Shape) -> io::Result<(Sender, Vec<OwnedFd>)> {
        let queue = Queue::shared::<BoostSpsc>(shape.length)?;
        let descriptor = queue.descriptor()?;
        Ok((Sender::new(queue), vec![descriptor]))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Receiver> {
        Ok(Receiver::new(Queue::attach::<BoostSpsc>(shape.length, sole(descriptors)?)?))
    }
}

/// Such a queue each way.
struct SharedPair;

/// One end of both.
struct End {
    sender: Sender,
    receiver: Receiver,
}

impl Channel for SharedPair {
    type Near = End;
    type Far = End;

    fn create(shape: Shape) -> io::Result<(End, Vec<OwnedFd>)> {
        let (there, back) =
            (Queue::shared::<BoostSpsc>(shape.length)?, Queue::shared::<BoostSpsc>(shape.length)?);
        let descriptors = vec![there.descriptor()?, back.descriptor()?];
        Ok((End { sender: Sender::new(there), receiver: Receiver::new(back) }, descriptors))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<End> {
        let [there, back] = <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| io::ErrorKind::InvalidInput)?;
        let there = Queue::attach::<BoostSpsc>(shape.length, there)?;
        let back = Queue::attach::<BoostSpsc>(shape.length, back)?;
        Ok(End { sender: Sender::new(back), receiver: Receiver::new(there) })
    }
}

/// A message of a round trip where the queue's messages start.
#[repr(align(64))]
struct Aligned([u8; 64]);

impl Caller for End {
    #[inline]
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.sender.push(Aligned(*message).0.as_ptr(), deadline)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut aligned = Aligned([0; 64]);
        self.receiver.pop(aligned.0.as_mut_ptr(), deadline)?;
        *message = aligned.0;
        Ok(())
    }
}
