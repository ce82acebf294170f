//! Queues that several parties send to and several receive from. Those of C++ are in `systems/cpp`.

use super::System;

#[cfg(any(
    feature = "concurrent-queue",
    feature = "crossbeam-channel",
    feature = "crossbeam-queue",
    feature = "flume",
    feature = "kanal"
))]
mod library;
mod pipe;

super::rivals! {
    "crossbeam-queue" crossbeam_queue,
    "concurrent-queue" concurrent_queue,
    "crossbeam-channel" crossbeam_channel,
    "flume" flume,
    "kanal" kanal,
}

/// Messages that a queue has room for: as many as a pipe of the usual size.
#[allow(dead_code)] // because it may be built without all of them.
pub(super) const CAPACITY: usize = 8 << 10;

/// All of them.
pub(super) fn all() -> Vec<System> {
    let mut systems = systems();
    systems.push(pipe::system());
    systems
}
