//! TCP over the loopback interface, each message sent at once (`TCP_NODELAY`). How much a socket holds is left to the
//! kernel, which adapts it.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use rustix::net::sockopt::set_tcp_nodelay;

use super::stream::StreamEnd;
use crate::endpoint::{Channel, Shape};
use crate::systems::{System, sole};

/// The system.
pub(super) fn system() -> System {
    System::new("tcp loopback")
        .round_trips::<Loopback>()
        .all_records::<Loopback>()
        .open::<Loopback>()
        .wakeups::<Loopback>()
}

/// A connection.
struct Loopback;

impl Channel for Loopback {
    type Near = StreamEnd;
    type Far = StreamEnd;

    fn create(shape: Shape) -> io::Result<(StreamEnd, Vec<OwnedFd>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let far = loop {
            // Anybody may connect to a port that is open.
            let (stranger, address) = listener.accept()?;
            if address == near.local_addr()? {
                break stranger;
            }
        };
        Ok((over(shape, near.into())?, vec![far.into()]))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<StreamEnd> {
        over(shape, sole(descriptors)?)
    }
}

fn over(shape: Shape, socket: OwnedFd) -> io::Result<StreamEnd> {
    set_tcp_nodelay(&socket, true)?;
    StreamEnd::new(shape, socket.try_clone()?, socket)
}
