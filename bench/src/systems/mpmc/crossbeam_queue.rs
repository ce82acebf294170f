//! crossbeam's bounded queue between threads: <https://docs.rs/crossbeam-queue>.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use super::CAPACITY;
use crate::endpoint::{SlotConsumer, SlotProducer, ThreadQueue};
use crate::plan::case::Manner;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;

/// The system.
pub(super) fn systems() -> Vec<System> {
    vec![System::new("crossbeam ArrayQueue").thread_queue::<Shared>(Manner::Single)]
}

/// The queue. All threads have the same end.
#[derive(Clone)]
struct Shared(Arc<ArrayQueue<u64>>);

impl ThreadQueue for Shared {
    type Producer = Self;
    type Consumer = Self;

    fn create(parties: usize) -> Vec<(Self, Self)> {
        let queue = Self(Arc::new(ArrayQueue::new(CAPACITY)));
        vec![(queue.clone(), queue); parties]
    }
}

impl SlotProducer for Shared {
    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        while self.0.push(slot).is_err() {
            wait.poll()?;
        }
        Ok(())
    }
}

impl SlotConsumer for Shared {
    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        let mut wait = deadline.wait();
        loop {
            if let Some(slot) = self.0.pop() {
                return Ok(slot);
            }
            wait.poll()?;
        }
    }
}
