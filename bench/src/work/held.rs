//! A peer that attaches, holds what it attached to, and sleeps until it is killed.
//!
//! ```text
//!   here                                    the peer
//!   starts it                        ──▶    pins itself, attaches
//!   naps until done == 1             ◀──    done = 1
//!   ...                                     sleeps
//!   kill                             ──▶    dies
//!   reap: it was the signal, and nothing else, that ended it
//! ```

use std::io;
use std::os::fd::OwnedFd;
use std::thread;

use rustix::process::Pid;

use crate::endpoint::Channel;
use crate::plan::case::Case;
use crate::stage::control::Control;
use crate::stage::measure::{Seat, Stage};
use crate::stage::peer::Peer;
use crate::stage::place;
use crate::stage::wait::Halt;

/// The step of the control page that says that the peer is ready.
const READY: u64 = 1;

/// A peer that has attached.
#[derive(Debug)]
pub(crate) struct Held {
    peer: Peer,
}

impl Held {
    /// Starts a peer with what `command_line` says and waits until it is ready. The descriptors are closed here, so that
    /// the peer is the only one to have them.
    ///
    /// # Errors
    ///
    /// Why it did not get ready.
    pub(crate) fn start(
        stage: &Stage<'_>,
        command_line: &[String],
        mut descriptors: Vec<OwnedFd>,
    ) -> Result<Self, String> {
        let control = Control::create().map_err(|error| format!("no control page: {error}"))?;
        descriptors.insert(0, control.descriptor().map_err(|error| format!("no control page: {error}"))?);
        let peer = Peer::start(stage.executable, command_line, &descriptors)
            .map_err(|error| format!("no peer: {error}"))?;
        drop(descriptors);
        let deadline = Seat::of(stage).deadline(&control);
        match control.await_done_napping(READY, &deadline) {
            Ok(()) => Ok(Self { peer }),
            Err(Halt::Stopped) => Err(peer.finish().err().unwrap_or_else(|| Halt::Stopped.to_string())),
            Err(halt) => Err(halt.to_string()),
        }
    }

    /// The peer's id.
    pub(crate) fn id(&self) -> Option<Pid> {
        self.peer.id()
    }

    /// Sends the signal that kills it.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.peer.kill()
    }

    /// Waits until it is gone.
    ///
    /// # Errors
    ///
    /// How it ended, if not by the signal of [`kill`](Self::kill).
    pub(crate) fn reap(self) -> Result<(), String> {
        self.peer.reap_killed()
    }
}

/// In the peer: attaches, and holds the far end until the process is killed.
///
/// # Errors
///
/// Always: whatever kept it from attaching, or that nobody killed it in time.
pub(crate) fn follow<C: Channel>(seat: &Seat, case: Case, descriptors: Vec<OwnedFd>) -> io::Result<()> {
    hold(
        seat,
        descriptors,
        |descriptors| C::attach(case.shape(), descriptors),
        |_| {
            thread::sleep(seat.limit);
            Halt::Late
        },
    )
}

/// In a process that does nothing but burn time on its core until it is killed.
///
/// # Errors
///
/// Always, as [`follow`].
pub(crate) fn burn(seat: &Seat, descriptors: Vec<OwnedFd>) -> io::Result<()> {
    hold(
        seat,
        descriptors,
        |_| Ok(()),
        |control| {
            let deadline = seat.deadline(control);
            let mut wait = deadline.wait();
            loop {
                if let Err(halt) = wait.poll() {
                    return halt;
                }
            }
        },
    )
}

fn hold<H>(
    seat: &Seat,
    descriptors: Vec<OwnedFd>,
    attach: impl FnOnce(Vec<OwnedFd>) -> io::Result<H>,
    pass_time: impl FnOnce(&Control) -> Halt,
) -> io::Result<()> {
    let mut descriptors = descriptors.into_iter();
    let control = Control::attach(descriptors.next().ok_or(io::ErrorKind::InvalidInput)?)?;
    match place::pin(seat.core).and_then(|()| attach(descriptors.collect())) {
        Ok(held) => {
            control.tell_done(READY);
            let halt = pass_time(&control);
            drop(held);
            Err(halt.into())
        }
        Err(error) => {
            control.stop();
            Err(error)
        }
    }
}
