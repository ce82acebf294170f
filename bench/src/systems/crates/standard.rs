//! The bounded channel of the standard library, for several senders and one receiver, by the calls that do not wait.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::queue::{self, Library, Value};
use crate::systems::System;

/// The system.
pub(crate) fn system() -> System {
    queue::system::<Std>("std sync_channel")
}

/// The library.
struct Std;

impl Library for Std {
    type Sender<T: Value> = SyncSender<T>;
    type Receiver<T: Value> = Receiver<T>;

    fn create<T: Value>(capacity: usize) -> (SyncSender<T>, Receiver<T>) {
        sync_channel(capacity)
    }

    #[inline(always)]
    fn send<T: Value>(sender: &mut SyncSender<T>, value: T) -> bool {
        sender.try_send(value).is_ok()
    }

    #[inline(always)]
    fn receive<T: Value>(receiver: &mut Receiver<T>, take: impl FnOnce(&T)) -> bool {
        receiver.try_recv().map(|value| take(&value)).is_ok()
    }
}
