//! A sample of many parties: the measuring process directs them and takes no part.
//!
//! ```text
//!   the director                                  each of the parties (a process, or a thread)
//!   makes what they share, starts them     ──▶    pins itself, attaches
//!                                          ┌──    prepares, ready = n
//!   waits until all are ready              ◀┘
//!   go = n                                 ──▶    reads the clock, works                     the barrier
//!   sleeps for the length of the run
//!   over = n                               ──▶    ends, reads the clock, writes its tally, done = n
//!   waits until all are done, and judges   ◀──
//! ```
//!
//! There are two runs: one to warm up and one that counts; both are judged. A run lasts from the first party's start to
//! the last one's end. The parties take the stage's two cores in turns. Where there are more of them than cores, a party
//! that polls gives its core away at each poll.
//!
//! Whoever fails says so by the stop word. A party that does not hear it, since it sleeps in a call that takes no
//! deadline, is killed if it is a process, and left behind if it is a thread: nobody waits for it longer than a second.

use std::io;
use std::os::fd::OwnedFd;

use crate::plan::case::Case;
use crate::stage::clock::Clock;
use crate::stage::measure::Seat;
use crate::stage::sample::Sample;
use crate::stage::wait::Halt;

mod direct;
mod follow;
mod page;

pub(crate) use direct::{lead_processes, lead_threads};
pub(crate) use follow::{Turn, follow};
pub(crate) use page::{PAIRS, Page, Tally};

/// Parties that do something together, and what comes of it.
pub(crate) trait Team {
    /// Verifies a run, and says what was measured.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn judge(case: Case, outcome: &Outcome<'_>) -> Result<Sample, String>;
}

/// A team of processes.
pub(crate) trait ProcessTeam: Team {
    /// What the director keeps as long as they work.
    type Kept;
    /// One of them.
    type Member: Member;

    /// Makes what they share, and says which descriptors each is to inherit.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being made; the row is reported as failed.
    fn create(case: Case) -> io::Result<(Self::Kept, Vec<Vec<OwnedFd>>)>;

    /// Attaches, in the process that has that seat, to what it inherited.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being attached to; the row is reported as failed.
    fn join(case: Case, seat: &Seat, descriptors: Vec<OwnedFd>) -> io::Result<Self::Member>;
}

/// A team of threads.
pub(crate) trait ThreadTeam: Team {
    /// One of them.
    type Member: Member + Send + 'static;

    /// All of them.
    fn create(case: Case) -> Vec<Self::Member>;
}

/// One party of a team.
pub(crate) trait Member {
    /// Does what is not to be measured, before the barrier.
    fn prepare(&mut self, _turn: &Turn<'_>) {}

    /// Works until the turn is over, and says how much was done. Something is: a party that comes too late begins all the
    /// same, so that every run has something to verify.
    ///
    /// # Errors
    ///
    /// Whatever ended the work early.
    fn run(&mut self, turn: &Turn<'_>) -> Result<Tally, Halt>;
}

/// What all parties of a run have done.
pub(crate) struct Outcome<'a> {
    /// How much each has done, in the order of their seats.
    pub tallies: Vec<Tally>,
    /// From the first party's start to the last one's end, in nanoseconds.
    pub elapsed_ns: f64,
    /// What they share.
    pub page: &'a Page,
    /// The clock that their times are of.
    pub clock: &'a Clock,
}

impl Outcome<'_> {
    /// How many things a second there are of `count` in this run.
    pub(crate) fn rate(&self, count: u64) -> f64 {
        count as f64 * 1e9 / self.elapsed_ns
    }
}

/// What the one that got least got, of what it would have got had all got the same.
pub(crate) fn least_share(counts: impl ExactSizeIterator<Item = u64> + Clone) -> f64 {
    let parties = counts.len() as f64;
    let all: u64 = counts.clone().sum();
    counts.min().unwrap_or(0) as f64 * parties / all.max(1) as f64
}

/// The same descriptors for each of `parties`.
///
/// # Errors
///
/// The kernel's refusal.
pub(crate) fn for_each(parties: usize, descriptors: &[OwnedFd]) -> io::Result<Vec<Vec<OwnedFd>>> {
    (0..parties).map(|_| descriptors.iter().map(OwnedFd::try_clone).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_share_is_one_where_all_got_the_same() {
        assert_eq!(least_share([7, 7, 7].into_iter()), 1.0);
        assert_eq!(least_share([1, 3].into_iter()), 0.5);
        assert_eq!(least_share([0, 0].into_iter()), 0.0);
    }
}
