//! A ring whose producer is killed.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use ringway::{Config, RecvError, Region, bytes};

use super::passed;
use crate::endpoint::{Channel, Mourner, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::sole;

/// A byte ring whose producer is killed.
pub(super) struct Widow;

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
