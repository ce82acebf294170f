//! Ringway itself: the safe, copying, waiting calls. Where all parties poll, its sides only spin.
//!
//! `ringway slots` has typed slots, `ringway slots, latency layout` slots with a line of their own, `ringway bytes`
//! records of any length, `ringway mirrored` the same records in a ring that wraps by a mirrored mapping instead of
//! padding. `ringway slots, sleeping` has the slots with sides that sleep at once; in `ringway` a consumer waits as it does
//! when nothing is chosen.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use ringway::{Config, RecvError, Region, SendError, TryRecvError, WaitStrategy, Wrap, bytes, slots};

use super::{System, sole};
use crate::endpoint::{
    Caller, Channel, Mourner, RecordConsumer, RecordProducer, Shape, SlotConsumer, SlotProducer, Waits,
};
use crate::stage::wait::{Deadline, Halt};
use crate::work::flows::{Records, Slots};

/// Slots of the ring of 8-byte messages: 256 KiB, as its rival in this case has.
const SLOTS: u64 = 1 << 15;

/// Bytes of the ring of records: as much in flight as `copy` has, and room for four of the longest.
fn bytes_of(shape: Shape) -> u64 {
    (1 << 20).max(8 * shape.length as u64)
}

/// A message of the round trips.
type Message = [u8; 64];

/// The systems.
pub(super) fn systems() -> Vec<System> {
    let slots = System::new("ringway slots")
        .round_trips::<SlotTrips>()
        .slots::<SlotFlow>()
        .long_slots::<LongSlotFlow<64>, 64>()
        .long_slots::<LongSlotFlow<1024>, 1024>()
        .open::<LongSlotFlow<64>>()
        .setup::<SlotFlow, Slots>()
        .crowded_trips::<SlotTrips>();
    let latency = System::new("ringway slots, latency layout").round_trips::<LatencyTrips>();
    let bytes = System::new("ringway bytes")
        .round_trips::<ByteTrips>()
        .all_records::<ByteFlow<false>>()
        .open::<ByteFlow<false>>()
        .setup::<ByteFlow<false>, Records<64>>()
        .crowded_flows::<ByteFlow<false>>()
        .crowded_trips::<ByteTrips>();
    let mirrored = System::new("ringway mirrored").all_records::<ByteFlow<true>>().open::<ByteFlow<true>>();
    vec![
        slots.clone(),
        slots.again(),
        latency.clone(),
        latency.again(),
        bytes.clone(),
        bytes.again(),
        mirrored,
        System::new("ringway slots, sleeping").wakeups::<SlotTrips>(),
        System::new("ringway").deaths::<Widow>().blocked::<SlotTrips>(),
    ]
}

/// A failed send as the end of a sample.
pub(super) fn send_failed(error: SendError) -> Halt {
    if error == SendError::TimedOut { Halt::Late } else { Halt::Closed }
}

/// A failed receive as the end of a sample.
pub(super) fn recv_failed(error: RecvError) -> Halt {
    if error == RecvError::TimedOut { Halt::Late } else { Halt::Closed }
}

/// A ring's descriptor for the peer.
pub(super) fn passed(region: &Region) -> io::Result<OwnedFd> {
    region.inheritable().map_err(io::Error::other)
}

/// 8-byte slots.
struct SlotFlow;

impl Channel for SlotFlow {
    type Near = slots::Producer<u64>;
    type Far = slots::Consumer<u64>;

    fn create(_: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let config = Config::spsc().capacity(SLOTS);
        let region = Arc::new(slots::anonymous::<u64>(&config).map_err(io::Error::other)?);
        let descriptor = passed(&region)?;
        Ok((slots::Producer::attach(&region).map_err(io::Error::other)?, vec![descriptor]))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let region = Region::inherited(sole(descriptors)?.as_raw_fd(), &slots::expected::<u64>());
        slots::Consumer::attach(&Arc::new(region.map_err(io::Error::other)?)).map_err(io::Error::other)
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
struct LongSlotFlow<const LENGTH: usize>;

impl<const LENGTH: usize> Channel for LongSlotFlow<LENGTH> {
    type Near = slots::Producer<[u8; LENGTH]>;
    type Far = slots::Consumer<[u8; LENGTH]>;

    fn create(_: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let config = Config::spsc().capacity(8 * SLOTS / LENGTH as u64);
        let region = Arc::new(slots::anonymous::<[u8; LENGTH]>(&config).map_err(io::Error::other)?);
        let descriptor = passed(&region)?;
        let mut producer = slots::Producer::attach(&region).map_err(io::Error::other)?;
        producer.set_wait_strategy(WaitStrategy::Spin);
        Ok((producer, vec![descriptor]))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let expected = slots::expected::<[u8; LENGTH]>();
        let region = Region::inherited(sole(descriptors)?.as_raw_fd(), &expected);
        let region = Arc::new(region.map_err(io::Error::other)?);
        let mut consumer = slots::Consumer::attach(&region).map_err(io::Error::other)?;
        consumer.set_wait_strategy(WaitStrategy::Spin);
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

/// Byte records.
struct ByteFlow<const MIRRORED: bool>;

impl<const MIRRORED: bool> Channel for ByteFlow<MIRRORED> {
    type Near = bytes::Producer;
    type Far = bytes::Consumer;

    fn create(shape: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let wrap = if MIRRORED { Wrap::Mirrored } else { Wrap::Padding };
        let config = Config::spsc().capacity(bytes_of(shape)).wrap(wrap);
        let region = Arc::new(bytes::anonymous(&config).map_err(io::Error::other)?);
        let descriptor = passed(&region)?;
        let mut producer = bytes::Producer::attach(&region).map_err(io::Error::other)?;
        producer.set_wait_strategy(WaitStrategy::Spin);
        Ok((producer, vec![descriptor]))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let region = Region::inherited(sole(descriptors)?.as_raw_fd(), &bytes::expected());
        let region = Arc::new(region.map_err(io::Error::other)?);
        let mut consumer = bytes::Consumer::attach(&region).map_err(io::Error::other)?;
        consumer.set_wait_strategy(WaitStrategy::Spin);
        Ok(consumer)
    }
}

impl RecordProducer for bytes::Producer {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.send_until(message, deadline.moment()).map_err(send_failed)
    }

    #[inline]
    fn send_batch(&mut self, messages: &[u8], length: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut batch = self.batch();
        for message in messages.chunks_exact(length) {
            batch.send_until(message, deadline.moment()).map_err(send_failed)?;
        }
        Ok(())
    }
}

impl RecordConsumer for bytes::Consumer {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.recv_into_until(message, deadline.moment()).map_err(recv_failed)?;
        Ok(())
    }

    #[inline]
    fn receive_batch(
        &mut self,
        messages: &mut [u8],
        length: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        let mut count = 0;
        for message in messages.chunks_exact_mut(length) {
            let received = if count == 0 {
                self.recv_into_until(message, deadline.moment()).map_err(recv_failed)?
            } else {
                match self.try_recv_into(message) {
                    Ok(received) => received,
                    Err(TryRecvError::Empty) => break,
                    Err(_) => return Err(Halt::Closed),
                }
            };
            if received != length {
                return Err(Halt::Closed);
            }
            count += 1;
        }
        Ok(count)
    }
}

/// A pair of rings of 64-byte slots.
struct SlotTrips;

/// One end of it.
struct SlotEnd {
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

/// The two regions of a pair of rings, in the peer.
fn attach_both(descriptors: Vec<OwnedFd>, expected: &ringway::shm::Expected) -> io::Result<[Arc<Region>; 2]> {
    let attach = |descriptor: &OwnedFd| Region::inherited(descriptor.as_raw_fd(), expected);
    let regions: Result<Vec<_>, _> = descriptors.iter().map(|one| attach(one).map(Arc::new)).collect();
    let regions = regions.map_err(io::Error::other)?;
    regions.try_into().map_err(|_| io::ErrorKind::InvalidInput.into())
}

impl SlotEnd {
    fn new(out: &Arc<Region>, into: &Arc<Region>, shape: Shape) -> io::Result<Self> {
        let mut producer = slots::Producer::attach(out).map_err(io::Error::other)?;
        let mut consumer = slots::Consumer::attach(into).map_err(io::Error::other)?;
        if shape.waits == Waits::Sleep {
            producer.set_wait_strategy(WaitStrategy::Sleep);
            consumer.set_wait_strategy(WaitStrategy::Sleep);
        }
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
struct LatencyTrips;

/// One end of it.
struct LatencyEnd {
    producer: slots::Producer<Most, slots::Latency>,
    consumer: slots::Consumer<Most, slots::Latency>,
}

impl Channel for LatencyTrips {
    type Near = LatencyEnd;
    type Far = LatencyEnd;

    fn create(_: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let config = Config::spsc().capacity(64);
        let ring = || slots::anonymous_in::<Most, slots::Latency>(&config).map_err(io::Error::other);
        let (there, back) = (Arc::new(ring()?), Arc::new(ring()?));
        let descriptors = vec![passed(&there)?, passed(&back)?];
        Ok((LatencyEnd::new(&there, &back)?, descriptors))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let expected = slots::expected_in::<Most, slots::Latency>();
        let [there, back] = attach_both(descriptors, &expected)?;
        LatencyEnd::new(&back, &there)
    }
}

impl LatencyEnd {
    fn new(out: &Arc<Region>, into: &Arc<Region>) -> io::Result<Self> {
        Ok(Self {
            producer: slots::Producer::attach(out).map_err(io::Error::other)?,
            consumer: slots::Consumer::attach(into).map_err(io::Error::other)?,
        })
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

/// A byte ring whose producer is killed.
struct Widow;

impl Channel for Widow {
    type Near = bytes::Consumer;
    type Far = bytes::Producer;

    fn create(_: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let region = bytes::anonymous(&Config::spsc().capacity(4096)).map_err(io::Error::other)?;
        let region = Arc::new(region);
        let descriptor = passed(&region)?;
        Ok((bytes::Consumer::attach(&region).map_err(io::Error::other)?, vec![descriptor]))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let region = Region::inherited(sole(descriptors)?.as_raw_fd(), &bytes::expected());
        let region = Arc::new(region.map_err(io::Error::other)?);
        bytes::Producer::attach(&region).map_err(io::Error::other)
    }
}

impl Mourner for bytes::Consumer {
    fn mourn(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        match self.recv_into_until(&mut [0; 8], deadline.moment()) {
            Err(RecvError::PeerDead) => Ok(()),
            Err(RecvError::TimedOut) => Err(Halt::Late),
            _ => Err(Halt::Closed),
        }
    }
}

/// A pair of byte rings.
struct ByteTrips;

/// One end of it.
struct ByteEnd {
    producer: bytes::Producer,
    consumer: bytes::Consumer,
}

impl Channel for ByteTrips {
    type Near = ByteEnd;
    type Far = ByteEnd;

    fn create(_: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let ring = || bytes::anonymous(&Config::spsc().capacity(4096)).map_err(io::Error::other);
        let (there, back) = (Arc::new(ring()?), Arc::new(ring()?));
        let descriptors = vec![passed(&there)?, passed(&back)?];
        Ok((ByteEnd::new(&there, &back)?, descriptors))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let [there, back] = attach_both(descriptors, &bytes::expected())?;
        ByteEnd::new(&back, &there)
    }
}

impl ByteEnd {
    fn new(out: &Arc<Region>, into: &Arc<Region>) -> io::Result<Self> {
        Ok(Self {
            producer: bytes::Producer::attach(out).map_err(io::Error::other)?,
            consumer: bytes::Consumer::attach(into).map_err(io::Error::other)?,
        })
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
