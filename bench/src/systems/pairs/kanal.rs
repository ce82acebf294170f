//! kanal, the bounded channel between threads: <https://docs.rs/kanal>.

use kanal::{Receiver, Sender, bounded};

use super::{Both, Library, Message};
use crate::stage::wait::Halt;
use crate::systems::System;

/// The system.
pub(super) fn systems() -> Vec<System> {
    vec![System::new("kanal").thread_crowded::<Both<Kanal>>()]
}

/// The library.
struct Kanal;

impl Library for Kanal {
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
