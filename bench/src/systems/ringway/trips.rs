//! Round trips: a pair of rings, one each way.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use ringway::{Config, Region, bytes, slots};

use super::{passed, recv_failed, send_failed, strategy};
use crate::endpoint::{Caller, Channel, Shape};
use crate::stage::wait::{Deadline, Halt};

/// A message.
type Message = [u8; 64];

/// The two regions of a pair of rings, in the peer.
fn attach_both(descriptors: Vec<OwnedFd>, expected: &ringway::shm::Expected) -> io::Result<[Arc<Region>; 2]> {
    let attach = |descriptor: &OwnedFd| Region::inherited(descriptor.as_raw_fd(), expected);
    let regions: Result<Vec<_>, _> = descriptors.iter().map(|one| attach(one).map(Arc::new)).collect();
    let regions = regions.map_err(io::Error::other)?;
    regions.try_into().map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// A pair of rings of 64-byte slots.
pub(super) struct SlotTrips;

/// One end of it.
pub(super) struct SlotEnd {
    producer: slots::Producer<Message>,
    consumer: slots::Consumer<Message>,
}

impl Channel for SlotTrips {
    type Near = SlotEnd;
    type Far = SlotEnd;

    fn create(shape: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let ring = || slots::anonymous::<Message>(&Config::spsc().capacity(64)).map_err(io::Error::other);
        let (there, back) = (Arc::new(ring()?), Arc::new(ring()?));
        let descriptors = vec![passed(&there)?, passed(&back)?];
        Ok((SlotEnd::new(&there, &back, shape)?, descriptors))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let expected = slots::expected::<Message>();
        let [there, back] = attach_both(descriptors, &expected)?;
        SlotEnd::new(&back, &there, shape)
    }
}

impl SlotEnd {
    fn new(out: &Arc<Region>, into: &Arc<Region>, shape: Shape) -> io::Result<Self> {
        let mut producer = slots::Producer::attach(out).map_err(io::Error::other)?;
        let mut consumer = slots::Consumer::attach(into).map_err(io::Error::other)?;
        producer.set_wait_strategy(strategy(shape));
        consumer.set_wait_strategy(strategy(shape));
        Ok(Self { producer, consumer })
    }
}

impl Caller for SlotEnd {
    #[inline]
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.producer.send_until(message, deadline.moment()).map_err(send_failed)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.consumer.recv_into_until(message, deadline.moment()).map_err(recv_failed)
    }
}

/// What a slot of the latency layout has room for: a message without its last word, which is the sum of the others.
type Most = [u8; 56];

/// A pair of rings of 56-byte slots in the latency layout.
pub(super) struct LatencyTrips;

/// One end of it.
pub(super) struct LatencyEnd {
    producer: slots::Producer<Most, slots::Latency>,
    consumer: slots::Consumer<Most, slots::Latency>,
}

impl Channel for LatencyTrips {
    type Near = LatencyEnd;
    type Far = LatencyEnd;

    fn create(shape: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let config = Config::spsc().capacity(64);
        let ring = || slots::anonymous_in::<Most, slots::Latency>(&config).map_err(io::Error::other);
        let (there, back) = (Arc::new(ring()?), Arc::new(ring()?));
        let descriptors = vec![passed(&there)?, passed(&back)?];
        Ok((LatencyEnd::new(&there, &back, shape)?, descriptors))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let expected = slots::expected_in::<Most, slots::Latency>();
        let [there, back] = attach_both(descriptors, &expected)?;
        LatencyEnd::new(&back, &there, shape)
    }
}

impl LatencyEnd {
    fn new(out: &Arc<Region>, into: &Arc<Region>, shape: Shape) -> io::Result<Self> {
        let mut producer = slots::Producer::attach(out).map_err(io::Error::other)?;
        let mut consumer = slots::Consumer::attach(into).map_err(io::Error::other)?;
        producer.set_wait_strategy(strategy(shape));
        consumer.set_wait_strategy(strategy(shape));
        Ok(Self { producer, consumer })
    }
}

impl Caller for LatencyEnd {
    #[inline]
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let (most, _) = message.split_first_chunk().ok_or(Halt::Closed)?;
        self.producer.send_until(most, deadline.moment()).map_err(send_failed)
    }

    /// Makes the last word from the others, which are verified each.
    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let (most, last) = message.split_first_chunk_mut::<56>().ok_or(Halt::Closed)?;
        self.consumer.recv_into_until(most, deadline.moment()).map_err(recv_failed)?;
        let (words, _) = most.as_chunks();
        let sum = words.iter().fold(0, |sum: u64, word| sum.wrapping_add(u64::from_le_bytes(*word)));
        last.copy_from_slice(&sum.to_le_bytes());
        Ok(())
    }
}

/// A pair of byte rings.
pub(super) struct ByteTrips;

/// One end of it.
pub(super) struct ByteEnd {
    producer: bytes::Producer,
    consumer: bytes::Consumer,
}

impl Channel for ByteTrips {
    type Near = ByteEnd;
    type Far = ByteEnd;

    fn create(shape: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let ring = || bytes::anonymous(&Config::spsc().capacity(4096)).map_err(io::Error::other);
        let (there, back) = (Arc::new(ring()?), Arc::new(ring()?));
        let descriptors = vec![passed(&there)?, passed(&back)?];
        Ok((ByteEnd::new(&there, &back, shape)?, descriptors))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let [there, back] = attach_both(descriptors, &bytes::expected())?;
        ByteEnd::new(&back, &there, shape)
    }
}

impl ByteEnd {
    fn new(out: &Arc<Region>, into: &Arc<Region>, shape: Shape) -> io::Result<Self> {
        let mut producer = bytes::Producer::attach(out).map_err(io::Error::other)?;
        let mut consumer = bytes::Consumer::attach(into).map_err(io::Error::other)?;
        producer.set_wait_strategy(strategy(shape));
        consumer.set_wait_strategy(strategy(shape));
        Ok(Self { producer, consumer })
    }
}

impl Caller for ByteEnd {
    #[inline]
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.producer.send_until(message, deadline.moment()).map_err(send_failed)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.consumer.recv_into_until(message, deadline.moment()).map_err(recv_failed)?;
        Ok(())
    }
}
