//! Ringway's slots of 64 bytes one way. Its other rows stand in [`ringway`](crate::systems::ringway).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use ringway::{Config, Region, slots};

use super::{CAPACITY, Message};
use crate::endpoint::{Channel, RecordConsumer, RecordProducer, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::ringway::{passed, recv_failed, send_failed};
use crate::systems::{System, sole};

/// The system.
pub(super) fn systems() -> Vec<System> {
    vec![System::new("ringway slots").crowded_flows::<Flow>()]
}

/// A ring.
struct Flow;

/// Its sending end.
struct Sending(slots::Producer<Message>);

/// Its receiving end.
struct Receiving(slots::Consumer<Message>);

impl Channel for Flow {
    type Near = Sending;
    type Far = Receiving;

    fn create(_: Shape) -> io::Result<(Sending, Vec<OwnedFd>)> {
        let config = Config::spsc().capacity(CAPACITY as u64);
        let region = Arc::new(slots::anonymous::<Message>(&config).map_err(io::Error::other)?);
        let descriptor = passed(&region)?;
        Ok((Sending(slots::Producer::attach(&region).map_err(io::Error::other)?), vec![descriptor]))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Receiving> {
        let region = Region::inherited(sole(descriptors)?.as_raw_fd(), &slots::expected::<Message>());
        let region = Arc::new(region.map_err(io::Error::other)?);
        slots::Consumer::attach(&region).map(Receiving).map_err(io::Error::other)
    }
}

impl RecordProducer for Sending {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let message = message.first_chunk().ok_or(Halt::Closed)?;
        self.0.send_until(message, deadline.moment()).map_err(send_failed)
    }
}

impl RecordConsumer for Receiving {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let message = message.first_chunk_mut().ok_or(Halt::Closed)?;
        self.0.recv_into_until(message, deadline.moment()).map_err(recv_failed)
    }
}
