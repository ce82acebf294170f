//! A semaphore, acquired and released by many at random: what was released and is neither acquired nor left was taken by those
//! who were killed while they acquired.
//!
//! Each party has two words outside of the region: what it has released and acquired for certain, and what the call under way
//! may have. The last party only releases, so that whoever waits is not waited for by itself.

use super::post::{Phase, Post};
use super::scenario::{End, Group, NAMES, SMALL, Sum};
use crate::actor::Board;
use crate::lot::Lot;
use crate::subject::locks::{anonymous, inherit};
use ringway_shm::primitive::{AtomicU64, Ordering};
use ringway_sync::{AcquireError, Deadline, Semaphore};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// What a party does, as its post numbers it.
const VERBS: [&str; 4] = ["acquire", "try_acquire", "try_acquire_until", "release"];

/// Nobody releases more than are used.
const ENOUGH: u32 = 20;

pub(super) struct Signals {
    count: usize,
    passed: OwnedFd,
    semaphore: Semaphore,
    /// Released and acquired, by each party: for certain << 16 | under way.
    board: Board,
    /// What those may have done who were killed meanwhile.
    perhaps: [u64; 2],
}

const RELEASED: usize = 0;
const ACQUIRED: usize = 1;

/// Notes a call of so many, and then how many they were.
fn begins(word: &AtomicU64, count: u64) {
    // Relaxed: the party's own. Release: before what the call does.
    word.store(word.load(Ordering::Relaxed) & !0xffff | count, Ordering::Release);
}

fn ends(word: &AtomicU64, count: u64) {
    word.store(((word.load(Ordering::Relaxed) >> 16) + count) << 16, Ordering::Release);
}

impl Signals {
    pub(super) fn group(_: usize) -> Result<Box<dyn Group>, String> {
        let passed = anonymous::<Semaphore>(4)?;
        let semaphore = inherit(&passed)?;
        let board = Board::new(2 * NAMES.len()).map_err(|error| error.to_string())?;
        Ok(Box::new(Self { count: SMALL, passed, semaphore, board, perhaps: [0; 2] }))
    }

    fn word(&self, party: usize, what: usize) -> &AtomicU64 {
        &self.board[2 * party + what]
    }

    fn sum(&self, what: usize) -> u64 {
        (0..NAMES.len()).map(|party| self.word(party, what).load(Ordering::Acquire) >> 16).sum()
    }
}

impl Group for Signals {
    fn parties(&self) -> &'static [&'static str] {
        &NAMES[..self.count]
    }

    fn widen(&mut self, processes: usize) {
        self.count = processes.clamp(2, NAMES.len());
    }

    fn act(&self, party: usize, posts: &[Post<'_>], mut lot: Lot) -> Result<(), String> {
        let me = posts[party];
        let semaphore: Semaphore = inherit(&self.passed)?;
        me.enter(Phase::Holding);
        while !me.is_to_leave() {
            let verb = if party + 1 == self.count { 3 } else { lot.below(VERBS.len()) };
            me.begins(verb, 1);
            if verb == 3 {
                if semaphore.count() > ENOUGH {
                    std::thread::sleep(Duration::from_micros(100));
                    continue;
                }
                let count = 1 + lot.below(3) as u32;
                let word = self.word(party, RELEASED);
                begins(word, count.into());
                semaphore.release(count).map_err(|error| error.to_string())?;
                ends(word, count.into());
                me.ends(1);
                continue;
            }
            let word = self.word(party, ACQUIRED);
            begins(word, 1);
            let answer = match verb {
                0 => semaphore.acquire(),
                1 => semaphore.try_acquire(),
                _ => semaphore
                    .try_acquire_until(Deadline::after(Duration::from_micros(lot.below(3000) as u64))),
            };
            ends(word, answer.is_ok().into());
            match answer {
                Ok(()) => me.ends(1),
                Err(AcquireError::WouldBlock) if verb == 1 => me.ends(0),
                Err(AcquireError::TimedOut) if verb == 2 => me.ends(0),
                Err(error) => return Err(format!("{}: {error}", VERBS[verb])),
            }
        }
        me.enter(Phase::Out);
        Ok(())
    }

    fn ended(&mut self, party: usize, _: &[Post<'_>], _: End) -> Result<(), String> {
        for what in [RELEASED, ACQUIRED] {
            let under_way = self.word(party, what).load(Ordering::Acquire) & 0xffff;
            self.perhaps[what] += under_way;
            ends(self.word(party, what), 0);
        }
        Ok(())
    }

    fn last(&self, _: &[Post<'_>]) -> Result<(), String> {
        let semaphore: Semaphore = inherit(&self.passed)?;
        let count = semaphore.count();
        let ([released, acquired], left) =
            ([RELEASED, ACQUIRED].map(|what| self.sum(what)), u64::from(count));
        let [released_perhaps, acquired_perhaps] = self.perhaps;
        let is_more = acquired + left > released + released_perhaps;
        let is_less = acquired + left + acquired_perhaps < released;
        if is_more || is_less {
            return Err(format!(
                "{released} were released, {released_perhaps} more perhaps, {acquired} acquired, {acquired_perhaps} more \
                 perhaps, and {left} are left"
            ));
        }
        for _ in 0..count {
            semaphore.try_acquire().map_err(|error| format!("of {count} that are left: {error}"))?;
        }
        let answer = semaphore.try_acquire();
        if answer == Err(AcquireError::WouldBlock) {
            Ok(())
        } else {
            Err(format!("one more than were left: {answer:?}"))
        }
    }

    fn close(&mut self, _: &[Post<'_>]) -> Result<Sum, String> {
        let ticks = self.semaphore.repaired().into();
        Ok(Sum { regions: 1, turns: self.sum(ACQUIRED), ticks, ..Sum::default() })
    }

    fn words(&self) -> String {
        let [released, acquired] = [RELEASED, ACQUIRED].map(|what| self.sum(what));
        format!("    {released} released, {acquired} acquired, {} there\n", self.semaphore.count())
    }

    fn verb(&self, _: usize, at: usize) -> &'static str {
        VERBS[at % VERBS.len()]
    }
}
