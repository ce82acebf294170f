//! The kernel's pipe as a queue: writes and reads of less than a page are whole, whoever else writes and reads
//! (pipe(7)).

use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, pipe_with};

use crate::endpoint::{Queue, Shape};
use crate::systems::System;
use crate::systems::kernel::stream::StreamEnd;
use crate::work::queue::MANNERS;

/// The system.
pub(super) fn system() -> System {
    MANNERS.into_iter().fold(System::new("pipe"), System::queue::<Pipe>)
}

/// One pipe, of the usual size.
struct Pipe;

impl Queue for Pipe {
    type Kept = ();
    type Producer = StreamEnd;
    type Consumer = StreamEnd;

    fn create(_: Shape) -> io::Result<((), Vec<OwnedFd>)> {
        let (source, target) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok(((), vec![source, target]))
    }

    fn producer(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<StreamEnd> {
        let [source, target] =
            <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| io::ErrorKind::InvalidInput)?;
        StreamEnd::new(shape, source, target)
    }

    fn consumer(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<StreamEnd> {
        Self::producer(shape, descriptors)
    }
}
