//! A party's part in the sample of a crowd, and what its work sees of it.

use std::io;
use std::os::fd::OwnedFd;

use super::page::{Page, RUNS, TIMES_MAX};
use super::{Member, ProcessTeam};
use crate::memory::shared::View;
use crate::plan::case::Case;
use crate::stage::clock;
use crate::stage::measure::{Seat, set_alarm};
use crate::stage::place;
use crate::stage::wait::{Deadline, Halt};
use ringway_shm::primitive::Ordering;

/// One run, as a party's work sees it.
pub(crate) struct Turn<'a> {
    page: &'a Page,
    seat: &'a Seat,
    run: usize,
    /// Until when.
    pub deadline: &'a Deadline<'a>,
}

impl Turn<'_> {
    /// Which of the parties this is.
    pub(crate) fn index(&self) -> usize {
        self.seat.index
    }

    /// The number of the run, from 1.
    pub(crate) fn run(&self) -> usize {
        self.run
    }

    /// What all parties share.
    pub(crate) fn page(&self) -> &Page {
        self.page
    }

    /// Whether the time is over. It is looked at often: the word is written once in a run.
    #[inline(always)]
    pub(crate) fn is_over(&self) -> bool {
        self.page.is_over(self.run)
    }

    /// The time now.
    #[inline(always)]
    pub(crate) fn ticks(&self) -> u64 {
        clock::ticks(self.page.has_counter())
    }

    /// The end of a wait for messages: the deadline, or `Stopped` once no message of the run will come any more.
    ///
    /// # Errors
    ///
    /// As [`Deadline::left`].
    pub(crate) fn until_drained(&self) -> Result<Deadline<'_>, Halt> {
        Ok(Deadline::new(self.deadline.left()?, self.page.drained_word(self.run), self.seat.yields))
    }

    /// Whether `halt`, of a wait until [`until_drained`](Self::until_drained), means that all messages have come.
    pub(crate) fn is_drained(&self, halt: Halt) -> bool {
        // Relaxed: nothing is read on the strength of the word.
        halt == Halt::Stopped && self.page.stop_word().load(Ordering::Relaxed) == 0
    }

    /// Says that the ends of `count` producers' messages were received, of `producers` in this run.
    pub(crate) fn tell_ended(&self, count: u64, producers: u64) {
        self.page.tell_ended(self.run, count, producers);
    }

    /// What party `index` of a barrier has come to.
    #[inline(always)]
    pub(crate) fn phase(&self, index: usize) -> u64 {
        // Relaxed: the barrier orders it; a barrier that does not is found out.
        self.page.phases[index].word.load(Ordering::Relaxed)
    }

    /// Says what this party of a barrier has come to.
    #[inline(always)]
    pub(crate) fn set_phase(&self, phase: u64) {
        // Relaxed: see `phase`.
        self.page.phases[self.seat.index].word.store(phase, Ordering::Relaxed);
    }

    /// Notes that a pair's round trip number `trip` of the run took so many ticks.
    #[inline(always)]
    pub(crate) fn note_time(&self, pair: usize, trip: u64, ticks: u64) {
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        // Relaxed: published by `done`.
        self.page.late[pair][trip as usize % TIMES_MAX].store(ticks, Ordering::Relaxed);
    }

    /// Touches the room for a pair's times, so that no page of it is missing in the run.
    pub(crate) fn touch_times(&self, pair: usize) {
        for ticks in &self.page.late[pair] {
            // Relaxed: as above.
            ticks.store(0, Ordering::Relaxed);
        }
    }
}

/// Takes part in one sample, in a process of its own.
///
/// # Errors
///
/// Whatever kept it from taking part to the end.
pub(crate) fn follow<T: ProcessTeam>(seat: &Seat, case: Case, descriptors: Vec<OwnedFd>) -> io::Result<()> {
    let mut descriptors = descriptors.into_iter();
    let page = View::<Page>::attach(descriptors.next().ok_or(io::ErrorKind::InvalidInput)?)?;
    let _alarm = set_alarm(case, seat.limit)?;
    attend(&page, seat, || T::join(case, seat, descriptors.collect()))
}

/// Takes part in one sample with the member that `join` makes.
pub(super) fn attend<M: Member>(
    page: &Page,
    seat: &Seat,
    join: impl FnOnce() -> io::Result<M>,
) -> io::Result<()> {
    let deadline = Deadline::new(seat.limit, page.stop_word(), seat.yields);
    let attended = place::pin(seat.core)
        .and_then(|()| join())
        .and_then(|mut member| Ok(take_turns(page, seat, &deadline, &mut member)?));
    if attended.is_err() {
        page.stop();
    }
    attended
}

fn take_turns(
    page: &Page,
    seat: &Seat,
    deadline: &Deadline<'_>,
    member: &mut impl Member,
) -> Result<(), Halt> {
    for run in 1..=RUNS {
        let turn = Turn { page, seat, run, deadline };
        member.prepare(&turn);
        page.await_start(seat.index, run, deadline)?;
        let start = turn.ticks();
        let tally = member.run(&turn)?;
        page.tell_done(seat.index, run, start, turn.ticks(), tally);
    }
    Ok(())
}
