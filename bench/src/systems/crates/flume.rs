//! flume, a channel for any number of threads, here for two: <https://docs.rs/flume>. It is the bounded one, by the calls
//! that do not wait. It has no calls for many values: `drain` takes all that are there at once, which has no bound that a
//! batch could have.

use flume::{Receiver, Sender, bounded};

use super::queue::{self, Library, Value};
use crate::systems::System;

/// The system.
pub(crate) fn systems() -> Vec<System> {
    vec![queue::system::<Flume>("flume")]
}

/// The library.
struct Flume;

impl Library for Flume {
    type Sender<T: Value> = Sender<T>;
    type Receiver<T: Value> = Receiver<T>;

    fn create<T: Value>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        bounded(capacity)
    }

    #[inline(always)]
    fn send<T: Value>(sender: &mut Sender<T>, value: T) -> bool {
        sender.try_send(value).is_ok()
    }

    #[inline(always)]
    fn receive<T: Value>(receiver: &mut Receiver<T>, take: impl FnOnce(&T)) -> bool {
        receiver.try_recv().map(|value| take(&value)).is_ok()
    }
}
