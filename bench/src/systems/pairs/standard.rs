//! The standard library's bounded channel between threads.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::{Both, Library, Message};
use crate::stage::wait::Halt;
use crate::systems::System;

/// The system.
pub(super) fn system() -> System {
    System::new("std sync_channel").thread_crowded::<Both<Std>>()
}

/// The library.
struct Std;

impl Library for Std {
    type Sender = SyncSender<Message>;
    type Receiver = Receiver<Message>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        sync_channel(capacity)
    }

    #[inline]
    fn send(sender: &Self::Sender, message: Message) -> Result<(), Halt> {
        sender.send(message).map_err(|_| Halt::Closed)
    }

    #[inline]
    fn receive(receiver: &Self::Receiver) -> Result<Message, Halt> {
        receiver.recv().map_err(|_| Halt::Closed)
    }
}
