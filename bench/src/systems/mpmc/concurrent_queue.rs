//! concurrent-queue, bounded, between threads: <https://docs.rs/concurrent-queue>.

use std::sync::Arc;

use concurrent_queue::ConcurrentQueue;

use super::library::{Library, Trying};
use crate::plan::case::Manner;
use crate::systems::System;

/// The system.
pub(super) fn systems() -> Vec<System> {
    vec![System::new("concurrent-queue").thread_queue::<Trying<Concurrent>>(Manner::Single)]
}

/// The library.
struct Concurrent;

impl Library for Concurrent {
    type Sender = Arc<ConcurrentQueue<u64>>;
    type Receiver = Arc<ConcurrentQueue<u64>>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        let queue = Arc::new(ConcurrentQueue::bounded(capacity));
        (Arc::clone(&queue), queue)
    }

    #[inline]
    fn try_send(sender: &Self::Sender, message: u64) -> bool {
        sender.push(message).is_ok()
    }

    #[inline]
    fn try_receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.pop().ok()
    }
}
