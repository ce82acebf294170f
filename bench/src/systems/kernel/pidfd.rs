//! Descriptors that tell of a death: a pidfd, and a pipe of which the peer has the only writing end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::endpoint::{Channel, Mourner, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;

/// The system.
pub(crate) fn system() -> System {
    System::new("pidfd").deaths::<PidFd>()
}

/// The peer itself. It holds nothing.
struct PidFd;

/// The waiting end: the peer's descriptor, once it is known.
struct Guest(Option<OwnedFd>);

impl Channel for PidFd {
    type Near = Guest;
    type Far = ();

    fn create(_: Shape) -> io::Result<(Guest, Vec<OwnedFd>)> {
        Ok((Guest(None), Vec::new()))
    }

    fn attach(_: Shape, _: Vec<OwnedFd>) -> io::Result<()> {
        Ok(())
    }
}

impl Mourner for Guest {
    fn meet(&mut self, peer: Pid) -> io::Result<()> {
        self.0 = Some(pidfd_open(peer, PidfdFlags::empty())?);
        Ok(())
    }

    fn mourn(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        // What it becomes readable for is the process's end, and nothing else (pidfd_open(2)).
        sleep_for(self.0.as_ref().ok_or(Halt::Closed)?, deadline)
    }
}

/// A pipe to which nobody ever writes.
pub(crate) struct SilentPipe;

impl Channel for SilentPipe {
    type Near = Reader;
    type Far = Vec<OwnedFd>;

    fn create(_: Shape) -> io::Result<(Reader, Vec<OwnedFd>)> {
        let (source, target) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok((Reader(source), vec![target]))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Vec<OwnedFd>> {
        Ok(descriptors)
    }
}

/// Its reading end.
pub(crate) struct Reader(OwnedFd);

impl Mourner for Reader {
    fn mourn(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        sleep_for(&self.0, deadline)?;
        match rustix::io::read(&self.0, &mut [0; 1])? {
            0 => Ok(()),
            _ => Err(Halt::Closed),
        }
    }
}

/// Sleeps until there is something to read, be it the end.
fn sleep_for(descriptor: impl AsFd, deadline: &Deadline<'_>) -> Result<(), Halt> {
    let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
    loop {
        let left = Timespec::try_from(deadline.left()?).map_err(|_| Halt::Late)?;
        match poll(&mut polled, Some(&left)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
