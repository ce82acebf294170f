//! Queues of C++ that several threads send to and several receive from: Boost.Lockfree's `queue`, and moodycamel's
//! ConcurrentQueue, where each thread has a token.
//!
//! A block of ConcurrentQueue stays with the producer that took it. Were they taken in the run, the first producers could
//! take them all, and one that comes late would never get any; hence each fills its share of the queue beforehand, and all
//! of it is taken out again. So a producer finds the queue full when its own share is, and nothing is allocated in the
//! run.
//!
//! Each message, or each array of them, is a call from Rust through a pointer, which a C++ program would not need.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::queue::{Kind, Queue, Receiver, Sender};
use crate::endpoint::{SlotConsumer, SlotProducer, ThreadQueue};
use crate::plan::case::Manner;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;
use crate::systems::mpmc::CAPACITY;
use ringway_shm::primitive::AtomicU64;

/// How long it may take to fill a queue and to empty it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Boost's `queue`.
#[cfg(ringway_cpp = "boost_lockfree")]
pub(super) fn boost() -> System {
    System::new("Boost queue").thread_queue::<Many<super::threads::BoostMany>>(Manner::Single)
}

/// moodycamel's ConcurrentQueue.
#[cfg(ringway_cpp = "concurrent_queue")]
pub(super) fn concurrent() -> System {
    type Tokens = Many<super::threads::ConcurrentMany>;
    System::new("ConcurrentQueue")
        .thread_queue::<Tokens>(Manner::Single)
        .thread_queue::<Tokens>(Manner::Batched)
}

/// A queue between several threads.
struct Many<K>(PhantomData<K>);

impl<K: Kind> ThreadQueue for Many<K> {
    type Producer = Sender;
    type Consumer = Receiver;

    fn create(parties: usize) -> Vec<(Sender, Receiver)> {
        let queue = Queue::new::<K>(size_of::<u64>()).expect("C++ has the queue for slots");
        let mut senders: Vec<_> = (0..parties).map(|_| Sender::new(Arc::clone(&queue))).collect();
        fill_once(&queue, &mut senders).expect("the queue has room for what it was made for");
        senders.into_iter().map(|sender| (sender, Receiver::new(Arc::clone(&queue)))).collect()
    }
}

/// Has each of `senders` fill its share of the queue, and takes all of it out.
fn fill_once(queue: &Arc<Queue>, senders: &mut [Sender]) -> Result<(), Halt> {
    let stop = AtomicU64::new(0);
    let deadline = Deadline::new(PATIENCE, &stop, false);
    let share = CAPACITY / senders.len();
    for sender in &mut *senders {
        (0..share).try_for_each(|_| SlotProducer::send(sender, 0, &deadline))?;
    }
    let mut receiver = Receiver::new(Arc::clone(queue));
    (0..share * senders.len()).try_for_each(|_| SlotConsumer::receive(&mut receiver, &deadline).map(drop))
}
