//! The bare cache line: one counter that two processes write in turns, alone on its line.
//!
//! No channel between two cores is faster. A channel each way is slower by nature: a line that one party writes and the
//! other only reads has to be taken back from the reader at each write, one that both write in turns has not.

use std::io;
use std::os::fd::OwnedFd;

use crate::endpoint::{Channel, Shape};
use crate::memory::shared::{Line, View};
use crate::plan::case::{Case, Limit};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};
use crate::work::Run;
use crate::work::trips::{BareTrips, Turn};
use ringway_shm::primitive::{AtomicU64, Ordering};

/// The systems.
pub(crate) fn systems() -> Vec<System> {
    let limit = Case::Limit(Limit::Trip { sleeps: false });
    vec![
        System::new("line")
            .measure::<SharedLine<true>, BareTrips>(Case::RoundTrip)
            .measure::<SharedLine<true>, BareTrips>(limit),
        System::new("line, no hint").measure::<SharedLine<false>, BareTrips>(limit),
    ]
}

/// One end of the line: the word that both parties write in turns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineEnd<'a> {
    word: &'a AtomicU64,
}

impl<'a> LineEnd<'a> {
    /// The end of either party.
    pub(crate) fn new(word: &'a AtomicU64) -> Self {
        Self { word }
    }

    /// Makes the round trips of `run`, untimed.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`](crate::stage::wait::Wait::poll).
    pub(crate) fn call(mut self, run: Run<'_>) -> Result<(), Halt> {
        for trip in run.first..run.first + run.count {
            self.send(2 * trip, run.deadline)?;
            self.receive(2 * trip + 1, run.deadline)?;
        }
        Ok(())
    }

    /// Answers the round trips of `run`.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`](crate::stage::wait::Wait::poll).
    pub(crate) fn answer(mut self, run: Run<'_>) -> Result<(), Halt> {
        for trip in run.first..run.first + run.count {
            self.receive(2 * trip, run.deadline)?;
            self.send(2 * trip + 1, run.deadline)?;
        }
        Ok(())
    }
}

impl LineEnd<'_> {
    /// Receives message `sequence`, polling with the processor's spin hint or without.
    #[inline(always)]
    fn poll<const HINTED: bool>(&self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        // Acquire: pairs with the Release in `send`. Any other value is one from before: the parties take turns.
        while self.word.load(Ordering::Acquire) != sequence + 1 {
            if HINTED { wait.poll()? } else { wait.poll_unhinted()? }
        }
        Ok(())
    }
}

impl Turn for LineEnd<'_> {
    #[inline(always)]
    fn send(&mut self, sequence: u64, _: &Deadline<'_>) -> Result<(), Halt> {
        // Release: as a hand-over would need it. Pairs with the Acquire in `poll`.
        self.word.store(sequence + 1, Ordering::Release);
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.poll::<true>(sequence, deadline)
    }
}

/// The line as a channel, and either end of it.
struct SharedLine<const HINTED: bool>(View<Line>);

impl<const HINTED: bool> Channel for SharedLine<HINTED> {
    type Near = Self;
    type Far = Self;

    fn create(_: Shape) -> io::Result<(Self, Vec<OwnedFd>)> {
        let line = View::<Line>::create()?;
        let descriptor = line.descriptor()?;
        Ok((Self(line), vec![descriptor]))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        Ok(Self(View::attach(sole(descriptors)?)?))
    }
}

impl<const HINTED: bool> Turn for SharedLine<HINTED> {
    #[inline(always)]
    fn send(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        LineEnd::new(&self.0.word).send(sequence, deadline)
    }

    #[inline(always)]
    fn receive(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        LineEnd::new(&self.0.word).poll::<HINTED>(sequence, deadline)
    }
}
