//! A lock in shared memory, taken by many at random: the words that it guards are equal for whoever gets it clean, and say how
//! often it was had.
//!
//! ```text
//!   region      a lock around eight words, all of them the number of turns
//!   board       DONE: turns of each party, written under the lock, so that their sum stands still for whoever has it
//!               INSIDE: the mark of who has the lock
//!   a turn      lock ─ mark ─ words = sum of DONE? ─ words + 1 ─ DONE + 1 ─ no mark ─ unlock
//!   told        that a holder died: words = sum of DONE again, or left to the next one, who is told as well
//! ```

use super::post::{Phase, Post};
use super::scenario::{End, Group, NAMES, SMALL, Sum, mark, met};
use crate::actor::Board;
use crate::lot::Lot;
use crate::subject::locks::{Lock, anonymous, inherit, value};
use ringway_shm::Owner;
use ringway_shm::primitive::Ordering;
use ringway_sync::{Deadline, Guard, LockError};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Words of the board: who has the lock, how often a death was told, and how often one was left to the next holder.
const INSIDE: usize = 0;
const TOLD: usize = 1;
const LEFT: usize = 2;
const DONE: usize = 3;

/// What a party does, as its post numbers it.
const VERBS: [&str; 4] = ["lock", "try_lock", "lock_until", "lock_or_repair"];

pub(super) struct Locks<L> {
    count: usize,
    passed: OwnedFd,
    lock: L,
    board: Board,
}

impl<L: Lock> Locks<L> {
    pub(super) fn group(_: usize) -> Result<Box<dyn Group>, String> {
        let passed = anonymous::<L>(64)?;
        let lock = inherit(&passed)?;
        let board = Board::new(DONE + NAMES.len()).map_err(|error| error.to_string())?;
        Ok(Box::new(Self { count: SMALL, passed, lock, board }))
    }

    /// Turns of all: stands still while one has the lock.
    fn sum(&self) -> u64 {
        (0..NAMES.len()).map(|party| self.board[DONE + party].load(Ordering::Acquire)).sum()
    }

    /// The lock was got clean.
    fn turn(
        &self,
        guard: &mut Guard<'_, L>,
        party: usize,
        mine: u64,
        posts: &[Post<'_>],
        lot: &mut Lot,
    ) -> Result<(), String> {
        met(&self.board[INSIDE], mine, posts).map_err(|who| format!("{who} had the lock as well"))?;
        let (found, sum) = (value(guard)?, self.sum());
        if found != sum {
            return Err(format!("{sum} turns were taken, and the lock guards {found}"));
        }
        if L::SLEEPS_LONG && lot.once_in(64) {
            std::thread::sleep(Duration::from_micros(lot.below(1500) as u64));
        }
        guard.set([found + 1; 8]);
        // Release: behind the words. Only the party itself writes it.
        let done = &self.board[DONE + party];
        done.store(done.load(Ordering::Relaxed) + 1, Ordering::Release);
        self.goes_out(mine)
    }

    fn goes_out(&self, mine: u64) -> Result<(), String> {
        let found = self.board[INSIDE].swap(0, Ordering::AcqRel);
        if found == mine {
            Ok(())
        } else {
            Err(format!("the lock was taken by {found:x}, while {mine:x} had it"))
        }
    }
}

impl<L: Lock> Group for Locks<L> {
    fn parties(&self) -> &'static [&'static str] {
        &NAMES[..self.count]
    }

    fn widen(&mut self, processes: usize) {
        self.count = processes.clamp(1, NAMES.len());
    }

    fn act(&self, party: usize, posts: &[Post<'_>], mut lot: Lot) -> Result<(), String> {
        let me = posts[party];
        let mine = mark(party, me.incarnation());
        let lock: L = inherit(&self.passed)?;
        me.set_owner(lock.me()?.to_bits());
        me.enter(Phase::Holding);
        while !me.is_to_leave() {
            let verb = lot.below(VERBS.len());
            me.begins(verb, 1);
            let got = match verb {
                0 => lock.lock_by(Deadline::NEVER),
                1 => lock.try_to_lock(),
                2 => lock.lock_by(Deadline::after(Duration::from_micros(lot.below(3000) as u64))),
                _ => lock.repair(|words| {
                    self.board[TOLD].fetch_add(1, Ordering::AcqRel);
                    *words = [self.sum(); 8];
                }),
            };
            let count = match got {
                Ok(mut guard) => {
                    self.turn(&mut guard, party, mine, posts, &mut lot)?;
                    1
                }
                Err(LockError::OwnerDied(died)) => {
                    self.board[TOLD].fetch_add(1, Ordering::AcqRel);
                    if lot.once_in(4) {
                        self.board[LEFT].fetch_add(1, Ordering::AcqRel);
                        drop(died);
                    } else {
                        let mut guard = died.into_guard();
                        guard.set([self.sum(); 8]);
                        guard.mark_consistent();
                    }
                    0
                }
                Err(LockError::WouldBlock) if verb == 1 => 0,
                Err(LockError::TimedOut) if verb == 2 => 0,
                Err(error) => return Err(format!("{}: {error}", VERBS[verb])),
            };
            me.ends(count);
            // Not with a spinlock: where cores are few, others would run while it sleeps, and never find the lock free.
            if !L::SLEEPS_LONG && lot.once_in(64) {
                std::thread::sleep(Duration::from_micros(lot.below(1500) as u64));
            }
        }
        me.enter(Phase::Leaving);
        drop(lock);
        me.enter(Phase::Out);
        Ok(())
    }

    fn stands_still(&mut self, party: usize, posts: &[Post<'_>], _: &mut Lot) -> Result<(), String> {
        let post = posts[party];
        let is_inside = self.board[INSIDE].load(Ordering::Acquire) == mark(party, post.incarnation());
        let (holder, owner) = (self.lock.holder(), Owner::from_bits(post.owner()));
        // One that was killed as well may be gone in this moment.
        if is_inside && holder != owner && !post.is_doomed(post.incarnation()) {
            return Err(format!("{owner:?} is stopped, and {holder:?} has its lock"));
        }
        Ok(())
    }

    fn ended(&mut self, _: usize, _: &[Post<'_>], _: End) -> Result<(), String> {
        Ok(())
    }

    fn last(&self, posts: &[Post<'_>]) -> Result<(), String> {
        let lock: L = inherit(&self.passed)?;
        match lock.lock_by(Deadline::after(Duration::from_secs(5))) {
            Ok(guard) => {
                let (found, sum) = (value(&guard)?, self.sum());
                if found != sum {
                    return Err(format!("{sum} turns were taken, and the lock guards {found}"));
                }
            }
            Err(LockError::OwnerDied(died)) => {
                self.board[TOLD].fetch_add(1, Ordering::AcqRel);
                died.into_guard().mark_consistent();
            }
            Err(error) => return Err(format!("all are gone, and the lock: {error}")),
        }
        drop(lock.lock_by(Deadline::after(Duration::from_secs(5))).map_err(|error| error.to_string())?);
        let [told, left] = [TOLD, LEFT].map(|word| self.board[word].load(Ordering::Acquire));
        let kills: u64 = posts.iter().map(|post| post.kills()).sum();
        // Who was killed as it was told, and had not noted that, is one less.
        if told > kills + left {
            Err(format!("{told} were told of a death, of {kills}; {left} left it so"))
        } else {
            Ok(())
        }
    }

    fn close(&mut self, _: &[Post<'_>]) -> Result<Sum, String> {
        let (turns, told) = (self.sum(), self.board[TOLD].load(Ordering::Acquire));
        Ok(Sum { regions: 1, turns, told, ticks: self.lock.ticks(), ..Sum::default() })
    }

    fn words(&self) -> String {
        let inside = self.board[INSIDE].load(Ordering::Acquire);
        format!("    inside {inside:x}, {} turns, holder {:?}\n", self.sum(), self.lock.holder())
    }

    fn verb(&self, _: usize, at: usize) -> &'static str {
        VERBS[at % VERBS.len()]
    }
}
