//! kanal, the bounded channel between threads: <https://docs.rs/kanal>.

use kanal::{Receiver, Sender};

use super::library::{Blocking, Library, Trying, Waiting};
use crate::plan::case::Manner;
use crate::stage::wait::Halt;
use crate::systems::System;

/// The system.
pub(super) fn systems() -> Vec<System> {
    let system = System::new("kanal");
    vec![
        system
            .thread_queue::<Trying<Kanal>>(Manner::Single)
            .thread_queue::<Blocking<Kanal>>(Manner::Blocking),
    ]
}

/// The library.
struct Kanal;

impl Library for Kanal {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        kanal::bounded(capacity)
    }

    #[inline]
    fn try_send(sender: &Self::Sender, message: u64) -> bool {
        matches!(sender.try_send(message), Ok(true))
    }

    #[inline]
    fn try_receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.try_recv().ok().flatten()
    }
}

impl Waiting for Kanal {
    #[inline]
    fn send(sender: &Self::Sender, message: u64) -> Result<(), Halt> {
        sender.send(message).map_err(|_| Halt::Closed)
    }

    #[inline]
    fn receive(receiver: &Self::Receiver) -> Result<u64, Halt> {
        receiver.recv().map_err(|_| Halt::Closed)
    }
}
