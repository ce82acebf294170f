//! crossbeam's bounded channel between threads: <https://docs.rs/crossbeam-channel>.

use crossbeam_channel::{Receiver, Sender};

use super::library::{Blocking, Library, Trying, Waiting};
use crate::plan::case::Manner;
use crate::stage::wait::Halt;
use crate::systems::System;

/// The system.
pub(super) fn systems() -> Vec<System> {
    let system = System::new("crossbeam-channel");
    vec![
        system
            .thread_queue::<Trying<Crossbeam>>(Manner::Single)
            .thread_queue::<Blocking<Crossbeam>>(Manner::Blocking),
    ]
}

/// The library.
struct Crossbeam;

impl Library for Crossbeam {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        crossbeam_channel::bounded(capacity)
    }

    #[inline]
    fn try_send(sender: &Self::Sender, message: u64) -> bool {
        sender.try_send(message).is_ok()
    }

    #[inline]
    fn try_receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.try_recv().ok()
    }
}

impl Waiting for Crossbeam {
    #[inline]
    fn send(sender: &Self::Sender, message: u64) -> Result<(), Halt> {
        sender.send(message).map_err(|_| Halt::Closed)
    }

    #[inline]
    fn receive(receiver: &Self::Receiver) -> Result<u64, Halt> {
        receiver.recv().map_err(|_| Halt::Closed)
    }
}
