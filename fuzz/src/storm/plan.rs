//! What the director does when, by lot: the same for the same seed and as many processes.

use crate::lot::Lot;
use std::time::Duration;

/// What happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Kill,
    /// It is stopped, and goes on after so long.
    Stop(Duration),
    /// It is asked to leave.
    Leave,
}

/// One event: at a moment since the beginning, to one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) at: Duration,
    pub(super) member: usize,
    pub(super) act: Act,
    /// How long it stays away, if it goes.
    pub(super) away: Duration,
}

/// Events without end. What is drawn does not depend on what comes of it.
#[derive(Debug)]
pub(super) struct Plan {
    lot: Lot,
    members: usize,
    /// Every process has an event in this time, on the average.
    each: Duration,
    at: Duration,
}

/// The same of a storm of Ringway's own.
const EACH: Duration = Duration::from_millis(80);

impl Plan {
    pub(super) fn new(seed: u64, members: usize) -> Self {
        Self::every(seed, members, EACH)
    }

    /// With an event for each process in so long, on the average.
    pub(super) fn every(seed: u64, members: usize, each: Duration) -> Self {
        Self { lot: Lot::new(seed), members, each, at: Duration::ZERO }
    }
}

impl Iterator for Plan {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let lot = &mut self.lot;
        let mut upto = |limit: Duration| Duration::from_micros(lot.below(limit.as_micros() as usize) as u64);
        self.at += upto(self.each * 2 / self.members as u32);
        let (stopped, away) = (upto(Duration::from_millis(30)), upto(Duration::from_millis(10)));
        let act = match lot.below(20) {
            0..11 => Act::Kill,
            11..17 => Act::Stop(stopped),
            _ => Act::Leave,
        };
        Some(Event { at: self.at, member: lot.below(self.members), act, away })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_plan_again() {
        let plan = |seed| Plan::new(seed, 16).take(1000).collect::<Vec<_>>();
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        let members: std::collections::BTreeSet<_> = plan(7).iter().map(|event| event.member).collect();
        assert_eq!(members.len(), 16, "everybody's turn comes");
    }
}
