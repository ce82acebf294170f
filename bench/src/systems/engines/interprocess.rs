//! interprocess, the standard library's missing channels: <https://docs.rs/interprocess>.
//!
//! Its local socket, which on Linux is a Unix stream socket with a name that no file has. The measuring party listens,
//! the peer connects; the connection is accepted when it is first used, since it is there by then. A message is one
//! `write` and one `read`, which do not block: who finds nothing, or no room, asks again.

use std::cell::LazyCell;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericNamespaced, ListenerOptions, Stream};

use crate::endpoint::{Caller, Channel, RecordConsumer, RecordProducer, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, note};

/// The system.
pub(crate) fn systems() -> Vec<System> {
    let socket = System::new("interprocess socket")
        .round_trips::<Socket>()
        .single_records::<Socket, 64>()
        .single_records::<Socket, 1024>()
        .single_records::<Socket, 8192>()
        .single_records::<Socket, 65536>()
        .single_records::<Socket, { 1 << 20 }>();
    vec![socket]
}

/// A connection, which goes both ways.
struct Socket;

/// An end of it, once there is one.
struct End(LazyCell<Option<Stream>, Box<dyn FnOnce() -> Option<Stream>>>);

impl Channel for Socket {
    type Near = End;
    type Far = End;

    fn create(_: Shape) -> io::Result<(End, Vec<OwnedFd>)> {
        let name = note::unique();
        let listener = ListenerOptions::new().name(name.as_str().to_ns_name::<GenericNamespaced>()?);
        let listener = listener.create_sync()?;
        let accept = move || listener.accept().and_then(unblocked).ok();
        Ok((End(LazyCell::new(Box::new(accept))), note::write(&name)?))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<End> {
        let name = note::read(descriptors)?;
        let stream = unblocked(Stream::connect(name.as_str().to_ns_name::<GenericNamespaced>()?)?)?;
        let end = End(LazyCell::new(Box::new(|| Some(stream))));
        LazyCell::force(&end.0);
        Ok(end)
    }
}

/// The stream, which does not block any more.
fn unblocked(stream: Stream) -> io::Result<Stream> {
    stream.set_nonblocking(true)?;
    Ok(stream)
}

impl End {
    #[inline]
    fn write_all(&self, mut bytes: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut stream = self.0.as_ref().ok_or(Halt::Closed)?;
        let mut wait = deadline.wait();
        while !bytes.is_empty() {
            match stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait.poll()?,
                Err(_) => return Err(Halt::Closed),
            }
        }
        Ok(())
    }

    #[inline]
    fn read_all(&self, mut room: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut stream = self.0.as_ref().ok_or(Halt::Closed)?;
        let mut wait = deadline.wait();
        while !room.is_empty() {
            match stream.read(room) {
                Ok(0) => return Err(Halt::Closed),
                Ok(count) => room = &mut room[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait.poll()?,
                Err(_) => return Err(Halt::Closed),
            }
        }
        Ok(())
    }
}

impl Caller for End {
    #[inline]
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.write_all(message, deadline)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.read_all(message, deadline)
    }
}

impl RecordProducer for End {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.write_all(message, deadline)
    }
}

impl RecordConsumer for End {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.read_all(message, deadline)
    }
}
