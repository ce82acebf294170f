//! The queues of crossbeam for any number of threads, here for two: <https://docs.rs/crossbeam-queue>. `ArrayQueue` is the
//! bounded one.
//!
//! `SegQueue` has no bound. Here the sender asks for its length, and takes it for full at the capacity of the others: a
//! producer that is faster than its consumer would otherwise measure the allocator.

use std::sync::Arc;

use crossbeam_queue::{ArrayQueue, SegQueue};

use super::queue::{self, Library, Value};
use crate::systems::System;

/// The systems.
pub(crate) fn systems() -> Vec<System> {
    vec![
        queue::system::<Bounded>("crossbeam ArrayQueue"),
        queue::system::<Unbounded>("crossbeam SegQueue"),
    ]
}

/// `ArrayQueue`.
struct Bounded;

impl Library for Bounded {
    type Sender<T: Value> = Arc<ArrayQueue<T>>;
    type Receiver<T: Value> = Arc<ArrayQueue<T>>;

    fn create<T: Value>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        let queue = Arc::new(ArrayQueue::new(capacity));
        (Arc::clone(&queue), queue)
    }

    #[inline(always)]
    fn send<T: Value>(sender: &mut Self::Sender<T>, value: T) -> bool {
        sender.push(value).is_ok()
    }

    #[inline(always)]
    fn receive<T: Value>(receiver: &mut Self::Receiver<T>, take: impl FnOnce(&T)) -> bool {
        receiver.pop().map(|value| take(&value)).is_some()
    }
}

/// `SegQueue`.
struct Unbounded;

/// Its sending end.
struct Sender<T> {
    queue: Arc<SegQueue<T>>,
    capacity: usize,
    /// How many more may be sent before the length is asked for again.
    room: usize,
}

impl Library for Unbounded {
    type Sender<T: Value> = Sender<T>;
    type Receiver<T: Value> = Arc<SegQueue<T>>;

    fn create<T: Value>(capacity: usize) -> (Sender<T>, Arc<SegQueue<T>>) {
        let queue = Arc::new(SegQueue::new());
        (Sender { queue: Arc::clone(&queue), capacity, room: capacity }, queue)
    }

    #[inline(always)]
    fn send<T: Value>(sender: &mut Sender<T>, value: T) -> bool {
        if sender.room == 0 {
            sender.room = sender.capacity.saturating_sub(sender.queue.len());
            if sender.room == 0 {
                return false;
            }
        }
        sender.room -= 1;
        sender.queue.push(value);
        true
    }

    #[inline(always)]
    fn receive<T: Value>(receiver: &mut Arc<SegQueue<T>>, take: impl FnOnce(&T)) -> bool {
        receiver.pop().map(|value| take(&value)).is_some()
    }
}
