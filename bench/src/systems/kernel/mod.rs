//! The kernel's channels.

pub(crate) mod pidfd;
pub(crate) mod pipe;
pub(crate) mod stream;
pub(crate) mod unix_socket;
