//! crossbeam's bounded channel between threads: <https://docs.rs/crossbeam-channel>.

use crossbeam_channel::{Receiver, Sender};

use super::CAPACITY;
use crate::endpoint::{SlotConsumer, SlotProducer, ThreadQueue};
use crate::plan::case::Manner;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;

/// The system.
pub(super) fn systems() -> Vec<System> {
    let system = System::new("crossbeam-channel");
    vec![system.thread_queue::<Trying>(Manner::Single).thread_queue::<Blocking>(Manner::Blocking)]
}

/// Its calls that do not wait.
struct Trying;

/// An end of it.
#[derive(Clone)]
struct TryingEnd<E>(E);

impl ThreadQueue for Trying {
    type Producer = TryingEnd<Sender<u64>>;
    type Consumer = TryingEnd<Receiver<u64>>;

    fn create(parties: usize) -> Vec<(Self::Producer, Self::Consumer)> {
        let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
        vec![(TryingEnd(sender), TryingEnd(receiver)); parties]
    }
}

impl SlotProducer for TryingEnd<Sender<u64>> {
    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        while self.0.try_send(slot).is_err() {
            wait.poll()?;
        }
        Ok(())
    }
}

impl SlotConsumer for TryingEnd<Receiver<u64>> {
    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        let mut wait = deadline.wait();
        loop {
            if let Ok(slot) = self.0.try_recv() {
                return Ok(slot);
            }
            wait.poll()?;
        }
    }
}

/// Its calls that wait. They take no deadline: one that does would read the clock.
struct Blocking;

/// An end of it.
#[derive(Clone)]
struct BlockingEnd<E>(E);

impl ThreadQueue for Blocking {
    type Producer = BlockingEnd<Sender<u64>>;
    type Consumer = BlockingEnd<Receiver<u64>>;

    fn create(parties: usize) -> Vec<(Self::Producer, Self::Consumer)> {
        let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
        vec![(BlockingEnd(sender), BlockingEnd(receiver)); parties]
    }
}

impl SlotProducer for BlockingEnd<Sender<u64>> {
    #[inline]
    fn send(&mut self, slot: u64, _: &Deadline<'_>) -> Result<(), Halt> {
        self.0.send(slot).map_err(|_| Halt::Closed)
    }
}

impl SlotConsumer for BlockingEnd<Receiver<u64>> {
    #[inline]
    fn receive(&mut self, _: &Deadline<'_>) -> Result<u64, Halt> {
        self.0.recv().map_err(|_| Halt::Closed)
    }
}
