//! The kernel's Unix-domain sockets: a stream for everything, and one that keeps messages apart for round trips.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};

use super::stream::StreamEnd;
use crate::endpoint::{Channel, Shape};
use crate::systems::{System, sole};

/// Bytes that a socket is asked to hold; the kernel grants what it allows.
const CAPACITY: usize = 1 << 20;

/// The systems.
pub(crate) fn systems() -> Vec<System> {
    vec![
        System::new("unix socket")
            .round_trips::<Socket<false>>()
            .slots::<Socket<false>>()
            .all_records::<Socket<false>>()
            .open::<Socket<false>>()
            .wakeups::<Socket<false>>(),
        System::new("unix seqpacket").round_trips::<Socket<true>>(),
    ]
}

/// A pair of sockets.
struct Socket<const KEEPS_MESSAGES: bool>;

impl<const KEEPS_MESSAGES: bool> Channel for Socket<KEEPS_MESSAGES> {
    type Near = StreamEnd;
    type Far = StreamEnd;

    fn create(shape: Shape) -> io::Result<(StreamEnd, Vec<OwnedFd>)> {
        let kind = if KEEPS_MESSAGES { SocketType::SEQPACKET } else { SocketType::STREAM };
        let (near, far) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_send_buffer_size(&near, CAPACITY)?;
        Ok((over(shape, near)?, vec![far]))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<StreamEnd> {
        over(shape, sole(descriptors)?)
    }
}

fn over(shape: Shape, socket: OwnedFd) -> io::Result<StreamEnd> {
    StreamEnd::new(shape, socket.try_clone()?, socket)
}
