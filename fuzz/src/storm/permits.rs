//! Permits, acquired and given back by many at random: never had by two, and all there in the end.
//!
//! Whoever has a permit writes its mark in the permit's word outside of the region. What it finds there is nobody's mark, or that
//! of one that the director has killed.

use super::post::{Phase, Post};
use super::scenario::{End, Group, NAMES, SMALL, Sum, mark, met};
use crate::actor::Board;
use crate::lot::Lot;
use crate::subject::locks::{anonymous, inherit};
use ringway_shm::primitive::Ordering;
use ringway_sync::{AcquireError, Deadline, Permit};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How many there are.
const COUNT: usize = 3;
type Permits = ringway_sync::Permits<COUNT>;

/// Words of the board: what was told at the end, turns, and the mark of each permit.
const TICKS: usize = 0;
const RECLAIMED: usize = 1;
const TURNS: usize = 2;
const HAS: usize = 3;

/// What a party does, as its post numbers it.
const VERBS: [&str; 4] = ["acquire", "try_acquire", "try_acquire_until", "release"];

pub(super) struct Pool {
    count: usize,
    passed: OwnedFd,
    board: Board,
}

impl Pool {
    pub(super) fn group(_: usize) -> Result<Box<dyn Group>, String> {
        let passed = anonymous::<Permits>(64)?;
        let board = Board::new(HAS + COUNT).map_err(|error| error.to_string())?;
        Ok(Box::new(Self { count: SMALL, passed, board }))
    }

    fn give(&self, permit: Permit<COUNT>, mine: u64) -> Result<(), String> {
        let number = permit.number();
        let found = self.board[HAS + number].swap(0, Ordering::AcqRel);
        drop(permit);
        if found == mine {
            Ok(())
        } else {
            Err(format!("permit {number} was taken by {found:x}, while {mine:x} had it"))
        }
    }
}

impl Group for Pool {
    fn parties(&self) -> &'static [&'static str] {
        &NAMES[..self.count]
    }

    fn widen(&mut self, processes: usize) {
        self.count = processes.clamp(1, NAMES.len());
    }

    fn act(&self, party: usize, posts: &[Post<'_>], mut lot: Lot) -> Result<(), String> {
        let me = posts[party];
        let mine = mark(party, me.incarnation());
        let permits: Permits = inherit(&self.passed)?;
        me.enter(Phase::Holding);
        let mut had: Vec<Permit<COUNT>> = Vec::new();
        while !me.is_to_leave() {
            // Who has one waits for no other: all would wait for each other.
            let verb = if had.is_empty() { lot.below(3) } else { 1 + lot.below(3) };
            me.begins(verb, 1);
            let limit = Duration::from_micros(lot.below(3000) as u64);
            let got = match verb {
                0 => permits.acquire(),
                1 => permits.try_acquire(),
                2 => permits.try_acquire_until(Deadline::after(limit)),
                _ => {
                    let permit = had.swap_remove(lot.below(had.len()));
                    self.give(permit, mine)?;
                    me.ends(0);
                    continue;
                }
            };
            match got {
                Ok(permit) => {
                    let number = permit.number();
                    met(&self.board[HAS + number], mine, posts)
                        .map_err(|who| format!("permit {number} was had by {who} as well"))?;
                    self.board[TURNS].fetch_add(1, Ordering::Relaxed);
                    had.push(permit);
                    if lot.once_in(64) {
                        std::thread::sleep(limit);
                    }
                }
                Err(AcquireError::WouldBlock) if verb == 1 => {}
                Err(AcquireError::TimedOut) if verb == 2 => {}
                Err(error) => return Err(format!("{}: {error}", VERBS[verb])),
            }
            me.ends(1);
        }
        me.enter(Phase::Leaving);
        had.into_iter().try_for_each(|permit| self.give(permit, mine))?;
        drop(permits);
        me.enter(Phase::Out);
        Ok(())
    }

    fn ended(&mut self, _: usize, _: &[Post<'_>], _: End) -> Result<(), String> {
        Ok(())
    }

    fn last(&self, _: &[Post<'_>]) -> Result<(), String> {
        let permits: Permits = inherit(&self.passed)?;
        let mut had = Vec::new();
        for number in 0..COUNT {
            let permit = permits.try_acquire_for(Duration::from_secs(5));
            had.push(
                permit
                    .map_err(|error| format!("all are gone, and of the permits the {number}th: {error}"))?,
            );
        }
        if permits.try_acquire().err() != Some(AcquireError::WouldBlock) {
            return Err("there are more permits than there are".to_owned());
        }
        drop(had);
        if permits.available() != COUNT {
            return Err(format!("all were given back, and {} are there", permits.available()));
        }
        self.board[TICKS].store(permits.repaired().into(), Ordering::Release);
        self.board[RECLAIMED].store(permits.reclaimed().into(), Ordering::Release);
        Ok(())
    }

    fn close(&mut self, _: &[Post<'_>]) -> Result<Sum, String> {
        let [ticks, reclaimed, turns] =
            [TICKS, RECLAIMED, TURNS].map(|word| self.board[word].load(Ordering::Acquire));
        Ok(Sum { regions: 1, turns, reclaimed, ticks, ..Sum::default() })
    }

    fn words(&self) -> String {
        let marks: Vec<u64> = self.board[HAS..].iter().map(|mark| mark.load(Ordering::Acquire)).collect();
        format!("    marks {marks:x?}\n")
    }

    fn verb(&self, _: usize, at: usize) -> &'static str {
        VERBS[at % VERBS.len()]
    }
}
