//! Round trips: a message there and its answer back, each timed by itself.

use super::{Run, Work};
use crate::endpoint::Caller;
use crate::memory::message;
use crate::stage::clock::Clock;
use crate::stage::wait::{Deadline, Halt};

/// One end of something that goes to and fro. Round trip `n` has the messages `2 * n` and `2 * n + 1`.
pub(crate) trait Turn {
    /// Sends message `sequence`.
    fn send(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt>;

    /// Receives and verifies message `sequence`.
    fn receive(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt>;
}

/// A [`Caller`] whose messages are filled and verified.
pub(crate) struct Verified<'a, C> {
    caller: &'a mut C,
    sent: [u8; 64],
    received: [u8; 64],
}

impl<'a, C> Verified<'a, C> {
    /// Over an end.
    pub(crate) fn new(caller: &'a mut C) -> Self {
        Self { caller, sent: [0; 64], received: [0; 64] }
    }
}

impl<C: Caller> Turn for Verified<'_, C> {
    #[inline(always)]
    fn send(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        message::fill(&mut self.sent, sequence);
        self.caller.send(&self.sent, deadline)
    }

    #[inline(always)]
    fn receive(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.caller.receive(&mut self.received, deadline)?;
        Ok(message::verify(&self.received, sequence)?)
    }
}

/// Makes the round trips of `run`, and notes how long each took: from the end of the one before to its own end.
#[inline(always)]
pub(crate) fn call<T: Turn>(mut end: T, run: Run<'_>, clock: &Clock, ticks: &mut [u32]) -> Result<(), Halt> {
    let mut start = clock.ticks();
    for (trip, elapsed) in (run.first..run.first + run.count).zip(ticks) {
        end.send(2 * trip, run.deadline)?;
        end.receive(2 * trip + 1, run.deadline)?;
        let now = clock.ticks();
        *elapsed = u32::try_from(now.wrapping_sub(start)).unwrap_or(u32::MAX);
        start = now;
    }
    Ok(())
}

/// Answers the round trips of `run`.
#[inline(always)]
pub(crate) fn answer<T: Turn>(mut end: T, run: Run<'_>) -> Result<(), Halt> {
    for trip in run.first..run.first + run.count {
        end.receive(2 * trip, run.deadline)?;
        end.send(2 * trip + 1, run.deadline)?;
    }
    Ok(())
}

/// Round trips of filled and verified messages.
pub(crate) struct MessageTrips;

impl<N: Caller, F: Caller> Work<N, F> for MessageTrips {
    fn near(near: &mut N, run: Run<'_>, clock: &Clock, ticks: &mut [u32]) -> Result<(), Halt> {
        call(Verified::new(near), run, clock, ticks)
    }

    fn far(far: &mut F, run: Run<'_>) -> Result<(), Halt> {
        answer(Verified::new(far), run)
    }
}

/// Round trips of whatever the ends are.
pub(crate) struct BareTrips;

impl<N: Turn, F: Turn> Work<N, F> for BareTrips {
    fn near(near: &mut N, run: Run<'_>, clock: &Clock, ticks: &mut [u32]) -> Result<(), Halt> {
        call(near, run, clock, ticks)
    }

    fn far(far: &mut F, run: Run<'_>) -> Result<(), Halt> {
        answer(far, run)
    }
}

impl<T: Turn> Turn for &mut T {
    #[inline(always)]
    fn send(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        (**self).send(sequence, deadline)
    }

    #[inline(always)]
    fn receive(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        (**self).receive(sequence, deadline)
    }
}
