//! The kernel's channels.

use crate::systems::System;

mod pidfd;
mod pipe;
mod stream;
mod unix_socket;

/// All of them.
pub(crate) fn systems() -> Vec<System> {
    let mut systems = vec![pidfd::system(), pipe::system()];
    systems.extend(unix_socket::systems());
    systems
}
