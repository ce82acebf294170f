//! What carries 64-byte messages between the two parties of a pair while there are more parties than cores, and is not
//! measured between two parties that have a core each: the channels that block between threads.
//!
//! A channel has room for as many bytes as a pipe, and for round trips there is one each way.

use std::marker::PhantomData;

use super::System;
use crate::endpoint::{Caller, RecordConsumer, RecordProducer, Shape, ThreadChannel};
use crate::stage::wait::{Deadline, Halt};

mod standard;

super::rivals! {
    "crossbeam-channel" crossbeam_channel,
    "flume" flume,
    "kanal" kanal,
}

/// All of them.
pub(super) fn all() -> Vec<System> {
    let mut systems = vec![standard::system()];
    systems.extend(self::systems());
    systems
}

/// A message.
type Message = [u8; 64];

/// Messages that a channel has room for: 1 MiB.
const CAPACITY: usize = (1 << 20) / size_of::<Message>();

/// A library's channel between threads, by its calls that wait. They take no deadline: one that does would read the clock.
trait Library {
    type Sender: Send + 'static;
    type Receiver: Send + 'static;

    /// A channel with room for so many messages.
    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver);

    /// Sends a message.
    fn send(sender: &Self::Sender, message: Message) -> Result<(), Halt>;

    /// Receives one.
    fn receive(receiver: &Self::Receiver) -> Result<Message, Halt>;
}

/// Two channels, one each way. A flow leaves one of them alone.
struct Both<L>(PhantomData<L>);

/// One end of both.
struct End<L: Library> {
    sender: L::Sender,
    receiver: L::Receiver,
}

impl<L: Library> ThreadChannel for Both<L> {
    type Near = End<L>;
    type Far = End<L>;

    fn create(_: Shape) -> (End<L>, End<L>) {
        let (there, arrived) = L::bounded(CAPACITY);
        let (back, returned) = L::bounded(CAPACITY);
        (End { sender: there, receiver: returned }, End { sender: back, receiver: arrived })
    }
}

impl<L: Library> Caller for End<L> {
    #[inline]
    fn send(&mut self, message: &Message, _: &Deadline<'_>) -> Result<(), Halt> {
        L::send(&self.sender, *message)
    }

    #[inline]
    fn receive(&mut self, message: &mut Message, _: &Deadline<'_>) -> Result<(), Halt> {
        *message = L::receive(&self.receiver)?;
        Ok(())
    }
}

impl<L: Library> RecordProducer for End<L> {
    #[inline]
    fn send(&mut self, message: &[u8], _: &Deadline<'_>) -> Result<(), Halt> {
        L::send(&self.sender, *message.first_chunk().ok_or(Halt::Closed)?)
    }
}

impl<L: Library> RecordConsumer for End<L> {
    #[inline]
    fn receive(&mut self, message: &mut [u8], _: &Deadline<'_>) -> Result<(), Halt> {
        message.copy_from_slice(&L::receive(&self.receiver)?);
        Ok(())
    }
}
