//! The bare life word of a process in a region of Ringway: the floor of what Ringway makes of a death.
//!
//! The far end attaches and is killed; the near end sleeps at its life word. In `life word` that is all: the kernel has marked
//! the word, and the process may still be about to write. In `life word, gone` the near end then asks again and again, without
//! pause, until the process is known to write no more. Whoever takes over what a dead process held has to know that.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use ringway_shm::primitive::kernel;
use ringway_shm::primitive::{Ordering, spin_hint};
use ringway_shm::{Blueprint, Expected, Owner, Participant, Region, Standing};

use crate::endpoint::{Channel, Mourner, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};

/// The systems.
pub(super) fn systems() -> Vec<System> {
    vec![
        System::new("life word").owner_deaths::<Life<false>>(),
        System::new("life word, gone").owner_deaths::<Life<true>>(),
    ]
}

/// A region with one participant, whose death is known when it is marked, or when it is `GONE`.
struct Life<const GONE: bool>;

/// The waiting end.
struct Near<const GONE: bool>(Arc<Region>);

/// What the region is marked with: no kind of Ringway's own.
const KIND: (u32, u32) = (u32::MAX, 1);

impl<const GONE: bool> Channel for Life<GONE> {
    type Near = Near<GONE>;
    type Far = Arc<Participant>;

    fn create(_: Shape) -> io::Result<(Near<GONE>, Vec<OwnedFd>)> {
        let region = Region::anonymous(&Blueprint::new(KIND.0, KIND.1)).map_err(io::Error::other)?;
        let descriptor = region.inheritable().map_err(io::Error::other)?;
        Ok((Near(Arc::new(region)), vec![descriptor]))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Arc<Participant>> {
        let expected = Expected { kind: KIND.0, kind_version: KIND.1, fingerprint: 0 };
        let region = Region::attach(sole(descriptors)?.as_fd(), &expected).map_err(io::Error::other)?;
        Arc::new(region).participant().map_err(io::Error::other)
    }
}

impl<const GONE: bool> Near<GONE> {
    /// The only one that takes part.
    fn owner(&self) -> Result<Owner, Halt> {
        let entries = self.0.participants().map_err(|_| Halt::Closed)?;
        entries.first().map(|entry| entry.owner).ok_or(Halt::Closed)
    }
}

impl<const GONE: bool> Mourner for Near<GONE> {
    fn mourn(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let owner = self.owner()?;
        let life = self.0.life(owner).ok_or(Halt::Wrong("nobody marks the peer's life word"))?;
        // Acquire: what the dead process had written is there; the kernel's mark is a full barrier.
        while life.word.load(Ordering::Acquire) == life.alive {
            let until = kernel::now() + deadline.left()?;
            kernel::sleep(life.word, life.alive, Some(until));
        }
        let mut wait = deadline.wait();
        while GONE && self.0.standing(owner).map_err(|_| Halt::Closed)? != Standing::Gone {
            spin_hint();
            wait.poll()?;
        }
        Ok(())
    }
}
