//! Typed slots one way: of 8 bytes, and of more.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use ringway::{Config, Region, slots};

use super::{passed, recv_failed, send_failed, strategy};
use crate::endpoint::{Channel, RecordConsumer, RecordProducer, Shape, SlotConsumer, SlotProducer};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::sole;

/// Slots of the ring of 8-byte messages: 256 KiB, as its rival in this case has.
const SLOTS: u64 = 1 << 15;

/// 8-byte slots.
pub(super) struct SlotFlow;

impl Channel for SlotFlow {
    type Near = slots::Producer<u64>;
    type Far = slots::Consumer<u64>;

    fn create(shape: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let config = Config::spsc().capacity(SLOTS);
        let region = Arc::new(slots::anonymous::<u64>(&config).map_err(io::Error::other)?);
        let descriptor = passed(&region)?;
        let mut producer = slots::Producer::attach(&region).map_err(io::Error::other)?;
        producer.set_wait_strategy(strategy(shape));
        Ok((producer, vec![descriptor]))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let region = Region::inherited(sole(descriptors)?.as_raw_fd(), &slots::expected::<u64>());
        let region = Arc::new(region.map_err(io::Error::other)?);
        let mut consumer = slots::Consumer::attach(&region).map_err(io::Error::other)?;
        consumer.set_wait_strategy(strategy(shape));
        Ok(consumer)
    }
}

impl SlotProducer for slots::Producer<u64> {
    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.send_until(&slot, deadline.moment()).map_err(send_failed)
    }

    #[inline]
    fn send_batch(&mut self, slots: &[u64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let sent = self.send_many_until(slots, deadline.moment()).map_err(send_failed)?;
        if sent == slots.len() { Ok(()) } else { Err(Halt::Late) }
    }
}

impl SlotConsumer for slots::Consumer<u64> {
    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        self.recv_until(deadline.moment()).map_err(recv_failed)
    }

    #[inline]
    fn receive_batch(&mut self, slots: &mut [u64], deadline: &Deadline<'_>) -> Result<usize, Halt> {
        self.recv_many_until(slots, deadline.moment()).map_err(recv_failed)
    }
}

/// Slots of `LENGTH` bytes: as many bytes of them as of 8-byte ones.
pub(super) struct LongSlotFlow<const LENGTH: usize>;

impl<const LENGTH: usize> Channel for LongSlotFlow<LENGTH> {
    type Near = slots::Producer<[u8; LENGTH]>;
    type Far = slots::Consumer<[u8; LENGTH]>;

    fn create(shape: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let config = Config::spsc().capacity(8 * SLOTS / LENGTH as u64);
        let region = Arc::new(slots::anonymous::<[u8; LENGTH]>(&config).map_err(io::Error::other)?);
        let descriptor = passed(&region)?;
        let mut producer = slots::Producer::attach(&region).map_err(io::Error::other)?;
        producer.set_wait_strategy(strategy(shape));
        Ok((producer, vec![descriptor]))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let expected = slots::expected::<[u8; LENGTH]>();
        let region = Region::inherited(sole(descriptors)?.as_raw_fd(), &expected);
        let region = Arc::new(region.map_err(io::Error::other)?);
        let mut consumer = slots::Consumer::attach(&region).map_err(io::Error::other)?;
        consumer.set_wait_strategy(strategy(shape));
        Ok(consumer)
    }
}

impl<const LENGTH: usize> RecordProducer for slots::Producer<[u8; LENGTH]> {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let message = message.first_chunk::<LENGTH>().ok_or(Halt::Closed)?;
        self.send_until(message, deadline.moment()).map_err(send_failed)
    }

    #[inline]
    fn send_batch(&mut self, messages: &[u8], _: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let messages = messages.as_chunks::<LENGTH>().0;
        let sent = self.send_many_until(messages, deadline.moment()).map_err(send_failed)?;
        if sent == messages.len() { Ok(()) } else { Err(Halt::Late) }
    }
}

impl<const LENGTH: usize> RecordConsumer for slots::Consumer<[u8; LENGTH]> {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let message = message.first_chunk_mut::<LENGTH>().ok_or(Halt::Closed)?;
        self.recv_into_until(message, deadline.moment()).map_err(recv_failed)
    }

    #[inline]
    fn receive_batch(
        &mut self,
        messages: &mut [u8],
        _: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        let messages = messages.as_chunks_mut::<LENGTH>().0;
        self.recv_many_until(messages, deadline.moment()).map_err(recv_failed)
    }
}
