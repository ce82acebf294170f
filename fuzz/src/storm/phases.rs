//! A barrier, at which many meet who come, leave and die at random: phases follow each other, nobody is ahead, and who is told to
//! have died has.
//!
//! ```text
//!   board    IN: of each party, incarnation << 32 | here << 31 | seat << 24 | phase, written before it arrives
//!            LAST: the last phase of which somebody was the last, and one more
//!   passed   it was the phase that the party was in; whoever else is in the barrier is in it, too, or behind it
//! ```
//!
//! A phase does not end without a party that has joined, so each one's word is exact as long as it is there.

use super::post::{Phase, Post};
use super::scenario::{End, Group, NAMES, SMALL, Sum};
use crate::actor::Board;
use crate::lot::Lot;
use crate::subject::locks::{anonymous, inherit};
use ringway_shm::primitive::Ordering;
use ringway_sync::{Barrier, BarrierError, Broken, Deadline, JoinError, OnDeath, Party, Passed};
use std::os::fd::OwnedFd;
use std::time::Duration;

const HERE: u64 = 1 << 31;
const SEAT_AT: u32 = 24;
const INCARNATION_AT: u32 = 32;
const PHASE: u64 = 0xff_ffff;

/// Words of the board.
const LAST: usize = 0;
const PASSED: usize = 1;
const TOLD: usize = 2;
const TICKS: usize = 3;
const IN: usize = 4;

/// What a party does, as its post numbers it.
const VERBS: [&str; 4] = ["join", "arrive_and_wait", "wait", "leave"];

pub(super) struct Phases {
    count: usize,
    on_death: OnDeath,
    passed: OwnedFd,
    board: Board,
}

impl Phases {
    pub(super) fn breaks(_: usize) -> Result<Box<dyn Group>, String> {
        Self::group(OnDeath::Break)
    }

    pub(super) fn drops(_: usize) -> Result<Box<dyn Group>, String> {
        Self::group(OnDeath::Drop)
    }

    fn group(on_death: OnDeath) -> Result<Box<dyn Group>, String> {
        let passed = anonymous::<Barrier>(64)?;
        let board = Board::new(IN + NAMES.len()).map_err(|error| error.to_string())?;
        Ok(Box::new(Self { count: SMALL, on_death, passed, board }))
    }

    fn open(&self) -> Result<Barrier, String> {
        let barrier: Barrier = inherit(&self.passed)?;
        // One less than may come: some find it full.
        let parties = (self.count - self.count / 4) as u32;
        barrier.expect_with(parties, self.on_death).map_err(|error| error.to_string())?;
        Ok(barrier)
    }

    /// Says in which phase a party is, which has joined and not yet arrived.
    fn is_in(&self, party: usize, incarnation: u64, seat: u32, phase: u32) {
        let word = incarnation << INCARNATION_AT | HERE | u64::from(seat) << SEAT_AT | u64::from(phase);
        self.board[IN + party].store(word, Ordering::Release);
    }

    fn is_out(&self, party: usize) {
        self.board[IN + party].store(0, Ordering::Release);
    }

    /// Those who are in the barrier beside this one and have not been killed: party, seat, phase.
    fn others<'a>(
        &'a self,
        me: usize,
        posts: &'a [Post<'a>],
    ) -> impl Iterator<Item = (usize, u32, u64)> + 'a {
        (0..self.count).filter(move |&party| party != me).filter_map(move |party| {
            let word = self.board[IN + party].load(Ordering::Acquire);
            let is_here = word & HERE != 0 && !posts[party].is_doomed(word >> INCARNATION_AT);
            is_here.then_some((party, (word >> SEAT_AT & 31) as u32, word & PHASE))
        })
    }

    fn passes(&self, party: usize, phase: u32, passed: Passed, posts: &[Post<'_>]) -> Result<(), String> {
        if passed.phase != phase {
            return Err(format!("a party of phase {phase} passed phase {}", passed.phase));
        }
        let behind = |at: u64| (u64::from(phase).wrapping_sub(at) & PHASE).wrapping_sub(1) < PHASE / 2;
        if let Some((other, _, at)) = self.others(party, posts).find(|&(_, _, at)| behind(at)) {
            return Err(format!("phase {phase} was passed without {}, which is in phase {at}", NAMES[other]));
        }
        self.board[PASSED].fetch_add(1, Ordering::Relaxed);
        let next = u64::from(phase) + 1;
        if passed.is_last && self.board[LAST].swap(next, Ordering::AcqRel) >= next {
            return Err(format!("phase {phase} had two who were the last, or a later one had one"));
        }
        Ok(())
    }

    fn is_told(&self, party: usize, broken: Broken, posts: &[Post<'_>]) -> Result<(), String> {
        self.board[TOLD].fetch_add(1, Ordering::Relaxed);
        if self.on_death == OnDeath::Drop {
            return Err(format!("the dead are dropped here, and {broken}"));
        }
        match self.others(party, posts).find(|&(_, seat, _)| broken.died && seat == broken.seat) {
            Some((other, ..)) => Err(format!("{broken}, and {} is alive", NAMES[other])),
            None => Ok(()),
        }
    }

    /// Passes phases until the barrier breaks, or it is time to go.
    fn meet(
        &self,
        mut seat: Party,
        barrier: &Barrier,
        at: usize,
        posts: &[Post<'_>],
        lot: &mut Lot,
    ) -> Result<(), String> {
        let me = posts[at];
        let mut phase = barrier.phase();
        self.is_in(at, me.incarnation(), seat.seat(), phase);
        loop {
            let is_long = !lot.once_in(4);
            me.begins(if is_long { 1 } else { 2 }, 1);
            let limit = Duration::from_micros(if is_long { 400_000 } else { lot.below(3000) as u64 });
            match seat.wait_until(Deadline::after(limit)) {
                Ok(passed) => {
                    self.passes(at, phase, passed, posts)?;
                    me.ends(1);
                    phase = phase.wrapping_add(1) & PHASE as u32;
                    self.is_in(at, me.incarnation(), seat.seat(), phase);
                    if barrier.phase() != phase {
                        return Err(format!("phase {phase} was over before {} arrived", NAMES[at]));
                    }
                }
                Err(BarrierError::TimedOut) => me.ends(0),
                Err(BarrierError::Broken(broken)) => {
                    self.is_told(at, broken, posts)?;
                    me.ends(0);
                    // Behind the seat: nobody begins anew before.
                    self.is_out(at);
                    return Ok(());
                }
                Err(error) => return Err(format!("waiting: {error}")),
            }
            if me.is_to_leave() || lot.once_in(64) {
                me.begins(3, 1);
                self.is_out(at);
                if lot.once_in(4) {
                    drop(seat);
                    return Ok(());
                }
                return match seat.arrive_and_drop() {
                    Ok(()) | Err(BarrierError::Broken(_)) => Ok(()),
                    Err(error) => Err(format!("leaving: {error}")),
                };
            }
        }
    }
}

impl Group for Phases {
    fn parties(&self) -> &'static [&'static str] {
        &NAMES[..self.count]
    }

    fn widen(&mut self, processes: usize) {
        self.count = processes.clamp(2, NAMES.len());
    }

    fn act(&self, party: usize, posts: &[Post<'_>], mut lot: Lot) -> Result<(), String> {
        let me = posts[party];
        self.is_out(party);
        let barrier = self.open()?;
        me.enter(Phase::Holding);
        while !me.is_to_leave() {
            me.begins(0, 1);
            match barrier.join_until(Deadline::after(Duration::from_millis(3))) {
                Ok(seat) => self.meet(seat, &barrier, party, posts, &mut lot)?,
                Err(JoinError::Full { .. } | JoinError::Broken(_)) => {}
                Err(error) => return Err(format!("joining: {error}")),
            }
            me.ends(0);
        }
        me.enter(Phase::Out);
        Ok(())
    }

    fn ended(&mut self, _: usize, _: &[Post<'_>], _: End) -> Result<(), String> {
        Ok(())
    }

    fn last(&self, _: &[Post<'_>]) -> Result<(), String> {
        let barrier = self.open()?;
        // Some of it may be left: a seat that is free, parties that are not waited for any more. Whoever has had all of that and
        // leaves is the last one, and the next one begins anew.
        let first = barrier.join_until(Deadline::after(Duration::from_secs(5)));
        let mut all = vec![first.map_err(|error| format!("all are gone, and to join: {error}"))?];
        all.extend(core::iter::from_fn(|| barrier.join().ok()));
        drop(all);
        let parties = barrier.parties().unwrap_or(0);
        let all: Result<Vec<Party>, JoinError> = (0..parties).map(|_| barrier.join()).collect();
        let mut all = all.map_err(|error| format!("all are gone, and to join anew: {error}"))?;
        all.iter_mut().try_for_each(Party::arrive).map_err(|error| error.to_string())?;
        for party in &mut all {
            party.try_wait().map_err(|error| format!("all have arrived, and {error}"))?;
        }
        self.board[TICKS].store(barrier.repaired().into(), Ordering::Release);
        Ok(())
    }

    fn close(&mut self, _: &[Post<'_>]) -> Result<Sum, String> {
        let [turns, told, ticks] = [PASSED, TOLD, TICKS].map(|word| self.board[word].load(Ordering::Acquire));
        Ok(Sum { regions: 1, turns, told, ticks, ..Sum::default() })
    }

    fn words(&self) -> String {
        let words: Vec<u64> = self.board.iter().map(|word| word.load(Ordering::Acquire)).collect();
        format!("    last, passed, told, ticks, in: {words:x?}\n")
    }

    fn verb(&self, _: usize, at: usize) -> &'static str {
        VERBS[at % VERBS.len()]
    }
}
