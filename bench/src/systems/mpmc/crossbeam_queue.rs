//! crossbeam's bounded queue between threads: <https://docs.rs/crossbeam-queue>.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use super::library::{Library, Trying};
use crate::plan::case::Manner;
use crate::systems::System;

/// The system.
pub(super) fn systems() -> Vec<System> {
    vec![System::new("crossbeam ArrayQueue").thread_queue::<Trying<Crossbeam>>(Manner::Single)]
}

/// The library.
struct Crossbeam;

impl Library for Crossbeam {
    type Sender = Arc<ArrayQueue<u64>>;
    type Receiver = Arc<ArrayQueue<u64>>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        let queue = Arc::new(ArrayQueue::new(capacity));
        (Arc::clone(&queue), queue)
    }

    #[inline]
    fn try_send(sender: &Self::Sender, message: u64) -> bool {
        sender.push(message).is_ok()
    }

    #[inline]
    fn try_receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.pop()
    }
}
