//! The kernel's channels.

use crate::systems::{Absent, System};

mod buffered_pipe;
mod pidfd;
mod pipe;
mod posix_queue;
pub(super) mod stream;
mod tcp;
mod unix_socket;
mod vmsplice;

/// All of them that this kernel has.
pub(crate) fn systems() -> Vec<System> {
    let mut systems = vec![pidfd::system(), pipe::system(), buffered_pipe::system(), vmsplice::system()];
    systems.extend(unix_socket::systems());
    systems.push(tcp::system());
    systems.extend(posix_queue::system().ok());
    systems
}

/// The others.
pub(crate) fn absent() -> Vec<Absent> {
    posix_queue::system().err().into_iter().collect()
}
