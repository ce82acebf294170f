//! The channel of crossbeam for any number of threads, here for two: <https://docs.rs/crossbeam-channel>. It is the
//! bounded one, by the calls that do not wait.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::queue::{self, Library, Value};
use crate::systems::System;

/// The system.
pub(crate) fn systems() -> Vec<System> {
    vec![queue::system::<Crossbeam>("crossbeam-channel")]
}

/// The library.
struct Crossbeam;

impl Library for Crossbeam {
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
