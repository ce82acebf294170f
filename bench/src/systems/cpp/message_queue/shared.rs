//! One `message_queue` that several processes send to and several receive from.
//!
//! Where a party blocks it calls `timed_send` and `timed_receive`. Their deadline is of the wall clock, which is read once:
//! a party keeps how far that clock is ahead of the one that the benchmark's deadline is of.

#![allow(unsafe_code)] // because functions of C++ are called.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::OwnedFd;
use std::ptr;

use rustix::time::{ClockId, clock_gettime};

use super::{Queue, poll};
use crate::endpoint::{self, Shape, SlotConsumer, SlotProducer, Waits};
use crate::plan::case::Manner;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::mpmc::CAPACITY;
use crate::systems::{System, note};

/// Bytes of a message.
const SLOT: usize = size_of::<u64>();

const SECOND_US: i64 = 1_000_000;

unsafe extern "C" {
    fn ringway_message_queue_send_until(
        queue: *mut c_void,
        message: *const c_void,
        length: usize,
        seconds: i64,
        microseconds: i64,
    ) -> c_int;
    fn ringway_message_queue_receive_until(
        queue: *mut c_void,
        message: *mut c_void,
        length: usize,
        seconds: i64,
        microseconds: i64,
    ) -> c_int;
}

/// The system takes part in the queues.
pub(super) fn queues(system: System) -> System {
    system.queue::<Shared>(Manner::Single).queue::<Shared>(Manner::Blocking)
}

/// The queue. The measuring process keeps it, so that its name is taken away whatever becomes of the others.
struct Shared;

impl endpoint::Queue for Shared {
    type Kept = Queue;
    type Producer = Party;
    type Consumer = Party;

    fn create(_: Shape) -> io::Result<(Queue, Vec<OwnedFd>)> {
        let name = note::unique();
        Ok((Queue::create(&name, CAPACITY, SLOT)?, note::write(&name)?))
    }

    fn producer(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Party> {
        let queue = Queue::open(&note::read(descriptors)?)?;
        Ok(Party { queue, blocks: shape.waits != Waits::Poll, ahead_us: wall_clock_ahead_us() })
    }

    fn consumer(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Party> {
        Self::producer(shape, descriptors)
    }
}

/// How far the wall clock is ahead of the monotonic one.
fn wall_clock_ahead_us() -> i64 {
    let (wall, monotonic) = (clock_gettime(ClockId::Realtime), clock_gettime(ClockId::Monotonic));
    (wall.tv_sec - monotonic.tv_sec) * SECOND_US + (wall.tv_nsec - monotonic.tv_nsec) / 1000
}

/// A process that sends or receives.
struct Party {
    queue: Queue,
    /// Whether it sleeps in the queue's calls.
    blocks: bool,
    ahead_us: i64,
}

impl Party {
    /// The deadline on the wall clock: seconds, and microseconds beside them.
    #[inline]
    fn wall(&self, deadline: &Deadline<'_>) -> (i64, i64) {
        let moment = deadline.wakeup();
        (moment.tv_sec, moment.tv_nsec / 1000 + self.ahead_us)
    }
}

impl SlotProducer for Party {
    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        if !self.blocks {
            return self.queue.send(&slot.to_ne_bytes(), deadline);
        }
        let (seconds, microseconds) = self.wall(deadline);
        let (queue, message) = (self.queue.start.as_ptr(), ptr::from_ref(&slot).cast());
        poll(deadline, || {
            // SAFETY: the queue is there; the message is a word that lives through the call.
            unsafe { ringway_message_queue_send_until(queue, message, SLOT, seconds, microseconds) }
        })
    }
}

impl SlotConsumer for Party {
    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        let mut slot = 0_u64;
        if !self.blocks {
            let mut bytes = [0; SLOT];
            self.queue.receive(&mut bytes, deadline)?;
            return Ok(u64::from_ne_bytes(bytes));
        }
        let (seconds, microseconds) = self.wall(deadline);
        let (queue, message) = (self.queue.start.as_ptr(), ptr::from_mut(&mut slot).cast());
        poll(deadline, || {
            // SAFETY: the queue is there; there is room for a word, which this call alone has.
            unsafe { ringway_message_queue_receive_until(queue, message, SLOT, seconds, microseconds) }
        })?;
        Ok(slot)
    }
}
