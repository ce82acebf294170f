//! The loops that are timed, compiled for each system by itself.
//!
//! Between two parties a loop runs for a number of messages that is fixed beforehand and never looks at the clock, save
//! that a round trip is timed, and a message at a given rate is due (`open`); with more parties it runs until the time is
//! over (`queue`, `pairs`, `locks`). Who sends fills each message, who receives verifies it.

use crate::stage::clock::Clock;
use crate::stage::wait::{Deadline, Halt};

pub(crate) mod blocked;
pub(crate) mod death;
pub(crate) mod flows;
pub(crate) mod held;
pub(crate) mod limits;
pub(crate) mod locks;
pub(crate) mod open;
pub(crate) mod pairs;
pub(crate) mod queue;
pub(crate) mod setup;
pub(crate) mod sleeping;
pub(crate) mod trips;

/// One run of a loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    /// The number of the first message or round trip.
    pub first: u64,
    /// How many there are.
    pub count: u64,
    /// Until when.
    pub deadline: &'a Deadline<'a>,
}

/// The two loops of a case, for ends of the types `Near` and `Far`.
pub(crate) trait Work<Near, Far> {
    /// The measuring party's. Where round trips are timed, `ticks` has one element per round trip.
    fn near(near: &mut Near, run: Run<'_>, clock: &Clock, ticks: &mut [u32]) -> Result<(), Halt>;

    /// The peer's.
    fn far(far: &mut Far, run: Run<'_>) -> Result<(), Halt>;
}
