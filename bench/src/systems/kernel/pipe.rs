//! The kernel's pipe: one for a flow, one each way for round trips.

use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use super::pidfd::SilentPipe;
use super::stream::StreamEnd;
use crate::endpoint::{Channel, Shape};
use crate::systems::System;
use crate::work::flows::Records;

/// Bytes a pipe holds: the most an unprivileged process may ask for.
const CAPACITY: usize = 1 << 20;

/// The system.
pub(crate) fn system() -> System {
    System::new("pipe")
        .round_trips::<Pipe>()
        .slots::<Pipe>()
        .all_records::<Pipe>()
        .open::<Pipe>()
        .setup::<Pipe, Records<64>>()
        .wakeups::<Pipe>()
        .deaths::<SilentPipe>()
        .blocked::<Pipe>()
        .crowded::<Pipe>()
}

/// Two pipes, one each way. A flow leaves one of them alone.
pub(super) struct Pipe;

impl Channel for Pipe {
    type Near = StreamEnd;
    type Far = StreamEnd;

    fn create(shape: Shape) -> io::Result<(StreamEnd, Vec<OwnedFd>)> {
        let (far_source, target) = pipe_with(PipeFlags::CLOEXEC)?;
        let (source, far_target) = pipe_with(PipeFlags::CLOEXEC)?;
        // Refused where the user's pipes hold too much already. The pipe then keeps its size, and works.
        _ = fcntl_setpipe_size(&target, CAPACITY);
        Ok((StreamEnd::new(shape, source, target)?, vec![far_source, far_target]))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<StreamEnd> {
        let [source, target] =
            <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| io::ErrorKind::InvalidInput)?;
        StreamEnd::new(shape, source, target)
    }
}
