//! A library's queue between threads, by its calls: those that do not wait, which are tried again, and those that do.

#![allow(dead_code)] // because it may be built with those libraries alone that have no calls that wait.

use std::marker::PhantomData;

use super::CAPACITY;
use crate::endpoint::{SlotConsumer, SlotProducer, ThreadQueue};
use crate::stage::wait::{Deadline, Halt};

/// A bounded queue of messages, and its calls that do not wait.
pub(super) trait Library: 'static {
    /// What a thread sends with.
    type Sender: Clone + Send + 'static;
    /// What a thread receives with.
    type Receiver: Clone + Send + 'static;

    /// A queue with room for so many messages.
    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver);

    /// Sends a message if there is room for it, and says whether there was.
    fn try_send(sender: &Self::Sender, message: u64) -> bool;

    /// Receives a message if there is one.
    fn try_receive(receiver: &Self::Receiver) -> Option<u64>;
}

/// One with calls that wait. They take no deadline: one that does would read the clock.
pub(super) trait Waiting: Library {
    /// Sends a message, unless nobody can receive it any more.
    fn send(sender: &Self::Sender, message: u64) -> Result<(), Halt>;

    /// Receives a message, unless nobody can send one any more.
    fn receive(receiver: &Self::Receiver) -> Result<u64, Halt>;
}

/// A queue by its calls that do not wait.
pub(super) struct Trying<L>(PhantomData<L>);

/// What a thread sends with, by such calls.
pub(super) struct TryingSender<L: Library>(L::Sender);

/// What a thread receives with, by such calls.
pub(super) struct TryingReceiver<L: Library>(L::Receiver);

impl<L: Library> ThreadQueue for Trying<L> {
    type Producer = TryingSender<L>;
    type Consumer = TryingReceiver<L>;

    fn create(parties: usize) -> Vec<(Self::Producer, Self::Consumer)> {
        let (sender, receiver) = L::bounded(CAPACITY);
        let ends = || (TryingSender(sender.clone()), TryingReceiver(receiver.clone()));
        (0..parties).map(|_| ends()).collect()
    }
}

impl<L: Library> SlotProducer for TryingSender<L> {
    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        while !L::try_send(&self.0, slot) {
            wait.poll()?;
        }
        Ok(())
    }
}

impl<L: Library> SlotConsumer for TryingReceiver<L> {
    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        let mut wait = deadline.wait();
        loop {
            if let Some(slot) = L::try_receive(&self.0) {
                return Ok(slot);
            }
            wait.poll()?;
        }
    }
}

/// A queue by its calls that wait.
pub(super) struct Blocking<L>(PhantomData<L>);

/// What a thread sends with, by such calls.
pub(super) struct BlockingSender<L: Library>(L::Sender);

/// What a thread receives with, by such calls.
pub(super) struct BlockingReceiver<L: Library>(L::Receiver);

impl<L: Waiting> ThreadQueue for Blocking<L> {
    type Producer = BlockingSender<L>;
    type Consumer = BlockingReceiver<L>;

    fn create(parties: usize) -> Vec<(Self::Producer, Self::Consumer)> {
        let (sender, receiver) = L::bounded(CAPACITY);
        let ends = || (BlockingSender(sender.clone()), BlockingReceiver(receiver.clone()));
        (0..parties).map(|_| ends()).collect()
    }
}

impl<L: Waiting> SlotProducer for BlockingSender<L> {
    #[inline]
    fn send(&mut self, slot: u64, _: &Deadline<'_>) -> Result<(), Halt> {
        L::send(&self.0, slot)
    }
}

impl<L: Waiting> SlotConsumer for BlockingReceiver<L> {
    #[inline]
    fn receive(&mut self, _: &Deadline<'_>) -> Result<u64, Halt> {
        L::receive(&self.0)
    }
}
