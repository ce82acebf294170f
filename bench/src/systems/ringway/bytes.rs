//! Records of any length one way.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use ringway::{Config, Region, TryRecvError, Wrap, bytes};

use super::{passed, recv_failed, send_failed, strategy};
use crate::endpoint::{Channel, RecordConsumer, RecordProducer, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::sole;

/// Bytes of the ring of records: as much in flight as `copy` has, and room for eight of the longest, as there.
fn bytes_of(shape: Shape) -> u64 {
    (1 << 20).max(8 * shape.length as u64)
}

/// Byte records.
pub(super) struct ByteFlow<const MIRRORED: bool>;

impl<const MIRRORED: bool> Channel for ByteFlow<MIRRORED> {
    type Near = bytes::Producer;
    type Far = bytes::Consumer;

    fn create(shape: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let wrap = if MIRRORED { Wrap::Mirrored } else { Wrap::Padding };
        let config = Config::spsc().capacity(bytes_of(shape)).wrap(wrap);
        let region = Arc::new(bytes::anonymous(&config).map_err(io::Error::other)?);
        let descriptor = passed(&region)?;
        let mut producer = bytes::Producer::attach(&region).map_err(io::Error::other)?;
        producer.set_wait_strategy(strategy(shape));
        Ok((producer, vec![descriptor]))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let region = Region::inherited(sole(descriptors)?.as_raw_fd(), &bytes::expected());
        let region = Arc::new(region.map_err(io::Error::other)?);
        let mut consumer = bytes::Consumer::attach(&region).map_err(io::Error::other)?;
        consumer.set_wait_strategy(strategy(shape));
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
