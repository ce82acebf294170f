//! The kernel's Unix-domain sockets: a stream, and one that keeps messages apart.
//!
//! Of the latter one message is one packet, hence it has no batches, and no records of 1 MiB: a packet has to fit into
//! what the kernel grants a socket, which is less than that unless an administrator has raised it.

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
            .wakeups::<Socket<false>>()
            .crowded::<Socket<false>>(),
        System::new("unix seqpacket")
            .round_trips::<Socket<true>>()
            .single_records::<Socket<true>, 64>()
            .single_records::<Socket<true>, 1024>()
            .single_records::<Socket<true>, 8192>()
            .single_records::<Socket<true>, 65536>()
            .open::<Socket<true>>()
            .wakeups::<Socket<true>>(),
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
