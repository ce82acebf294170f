//! ipc-channel, the channels of Servo: <https://docs.rs/ipc-channel>. On Linux a channel is a Unix socket of packets.
//!
//! The channels are those for plain bytes, one each way; a flow leaves one of them alone. The peer makes them, and sends
//! the ends that are not its own to the one-shot server of the measuring party, which takes them when it first sends: its
//! `accept` sleeps until they are there, and by then they are.
//!
//! Receiving polls by `try_recv`. Sending has no such form: where the socket is full, `send` sleeps until there is room.

use std::cell::LazyCell;
use std::io;
use std::os::fd::OwnedFd;

use ipc_channel::TryRecvError;
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender};

use crate::endpoint::{Caller, Channel, RecordConsumer, RecordProducer, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, note};

/// The system.
pub(crate) fn systems() -> Vec<System> {
    let ipc_channel = System::new("ipc-channel")
        .round_trips::<Pair>()
        .single_records::<Pair, 64>()
        .single_records::<Pair, 1024>()
        .single_records::<Pair, 8192>()
        .single_records::<Pair, 65536>()
        .single_records::<Pair, { 1 << 20 }>()
        .open::<Pair>();
    vec![ipc_channel]
}

/// A channel each way.
struct Pair;

/// What an end holds of them.
type Ends = (IpcBytesSender, IpcBytesReceiver);

/// The ends, once they are there.
struct Near(LazyCell<Option<Ends>, Box<dyn FnOnce() -> Option<Ends>>>);

/// The peer's ends.
struct Far(Ends);

impl Channel for Pair {
    type Near = Near;
    type Far = Far;

    fn create(_: Shape) -> io::Result<(Near, Vec<OwnedFd>)> {
        let (server, name) = IpcOneShotServer::<Ends>::new()?;
        let accept = move || server.accept().ok().map(|(_, ends)| ends);
        Ok((Near(LazyCell::new(Box::new(accept))), note::write(&name)?))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Far> {
        let (there_sender, there_receiver) = ipc::bytes_channel()?;
        let (back_sender, back_receiver) = ipc::bytes_channel()?;
        let server = IpcSender::<Ends>::connect(note::read(descriptors)?)?;
        server.send((there_sender, back_receiver)).map_err(io::Error::other)?;
        Ok(Far((back_sender, there_receiver)))
    }
}

impl Near {
    #[inline]
    fn ends(&self) -> Result<&Ends, Halt> {
        self.0.as_ref().ok_or(Halt::Closed)
    }
}

impl Caller for Near {
    #[inline]
    fn send(&mut self, message: &[u8; 64], _: &Deadline<'_>) -> Result<(), Halt> {
        send(self.ends()?, message)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        receive(self.ends()?, message, deadline)
    }
}

impl Caller for Far {
    #[inline]
    fn send(&mut self, message: &[u8; 64], _: &Deadline<'_>) -> Result<(), Halt> {
        send(&self.0, message)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        receive(&self.0, message, deadline)
    }
}

impl RecordProducer for Near {
    #[inline]
    fn send(&mut self, message: &[u8], _: &Deadline<'_>) -> Result<(), Halt> {
        send(self.ends()?, message)
    }
}

impl RecordConsumer for Far {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        receive(&self.0, message, deadline)
    }
}

#[inline]
fn send((sender, _): &Ends, message: &[u8]) -> Result<(), Halt> {
    sender.send(message).map_err(|_| Halt::Closed)
}

#[inline]
fn receive((_, receiver): &Ends, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
    let mut wait = deadline.wait();
    loop {
        match receiver.try_recv() {
            Ok(received) if received.len() == message.len() => {
                message.copy_from_slice(&received);
                return Ok(());
            }
            Err(TryRecvError::Empty) => wait.poll()?,
            _ => return Err(Halt::Closed),
        }
    }
}
