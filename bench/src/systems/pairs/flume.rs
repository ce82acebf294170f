//! flume, the bounded channel between threads: <https://docs.rs/flume>.

use flume::{Receiver, Sender, bounded};

use super::{Both, Library, Message};
use crate::stage::wait::Halt;
use crate::systems::System;

/// The system.
pub(super) fn systems() -> Vec<System> {
    vec![System::new("flume").thread_crowded::<Both<Flume>>()]
}

/// The library.
struct Flume;

impl Library for Flume {
    type Sender = Sender<Message>;
    type Receiver = Receiver<Message>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        bounded(capacity)
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
