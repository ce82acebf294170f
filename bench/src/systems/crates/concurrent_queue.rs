//! concurrent-queue, for any number of threads, here for two: <https://docs.rs/concurrent-queue>. It is the bounded one.

use std::sync::Arc;

use concurrent_queue::ConcurrentQueue;

use super::queue::{self, Library, Value};
use crate::systems::System;

/// The system.
pub(crate) fn systems() -> Vec<System> {
    vec![queue::system::<Concurrent>("concurrent-queue")]
}

/// The library.
struct Concurrent;

impl Library for Concurrent {
    type Sender<T: Value> = Arc<ConcurrentQueue<T>>;
    type Receiver<T: Value> = Arc<ConcurrentQueue<T>>;

    fn create<T: Value>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        let queue = Arc::new(ConcurrentQueue::bounded(capacity));
        (Arc::clone(&queue), queue)
    }

    #[inline(always)]
    fn send<T: Value>(sender: &mut Self::Sender<T>, value: T) -> bool {
        sender.push(value).is_ok()
    }

    #[inline(always)]
    fn receive<T: Value>(receiver: &mut Self::Receiver<T>, take: impl FnOnce(&T)) -> bool {
        receiver.pop().map(|value| take(&value)).is_ok()
    }
}
