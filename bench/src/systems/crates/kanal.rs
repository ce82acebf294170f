//! kanal, a channel for any number of threads, here for two: <https://docs.rs/kanal>. It is the bounded one, by the calls
//! that do not wait. Of calls for many values it has only one for receiving.

use kanal::{Receiver, Sender, bounded};

use super::queue::{self, Library, Value};
use crate::systems::System;

/// The system.
pub(crate) fn systems() -> Vec<System> {
    vec![queue::system::<Kanal>("kanal")]
}

/// The library.
struct Kanal;

impl Library for Kanal {
    type Sender<T: Value> = Sender<T>;
    type Receiver<T: Value> = Receiver<T>;

    fn create<T: Value>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        bounded(capacity)
    }

    #[inline(always)]
    fn send<T: Value>(sender: &mut Sender<T>, value: T) -> bool {
        matches!(sender.try_send(value), Ok(true))
    }

    #[inline(always)]
    fn receive<T: Value>(receiver: &mut Receiver<T>, take: impl FnOnce(&T)) -> bool {
        receiver.try_recv().ok().flatten().map(|value| take(&value)).is_some()
    }
}
