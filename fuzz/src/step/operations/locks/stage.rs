//! What the victim of a lock, its holder and the others live through, and what the next one has to find.

use super::Verb::{self, *};
use crate::actor::Actor;
use crate::step::operations::others::{LATEST, Others, SHORT};
use crate::step::operations::parties::text;
use crate::step::scene::{LATE, Notes};
use crate::step::sweep::{Moment, Stage};
use crate::step::tracee::{LIMIT, mark};
use crate::subject::locks::{Lock, anonymous, inherit, value};
use core::marker::PhantomData;
use core::ops::RangeInclusive;
use nix::unistd::Pid;
use ringway_shm::Owner;
use ringway_sync::{Deadline, Guard, LockError};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// The victim's owner, if it has one before the verb.
const OWNER: usize = 1000;
/// Others that had the lock.
const HAD: usize = 1001;
/// Who was told of a death.
const TOLD: usize = 1002;
/// The holder has the lock.
const HOLDS: usize = 1003;
/// It may give it back.
const GO: usize = 1004;
/// Sleeps that were ended by the tick.
const TICKS: usize = 1005;
/// The victim begins.
const BEGUN: usize = 1006;
/// Nobody waits for the lock any more.
const END: usize = 1007;

pub(super) struct LockStage<L> {
    verb: Verb,
    others: Others,
    descriptor: OwnedFd,
    notes: Notes,
    holding: Option<Actor>,
    waiting: Vec<Actor>,
    lock: PhantomData<L>,
}

impl<L: Lock> LockStage<L> {
    pub(super) fn set(verb: Verb, others: Others) -> Result<Self, String> {
        let (descriptor, notes) = (anonymous::<L>(8)?, Notes::new()?);
        let (holding, waiting, lock) = (None, Vec::new(), PhantomData);
        let mut stage = Self { verb, others, descriptor, notes, holding, waiting, lock };
        if verb.has_holder() || verb.follows_a_death() {
            let mut holding = stage.notes.start(|| stage.hold())?;
            stage.notes.until("the lock is held", LIMIT, || stage.notes.get(HOLDS) > 0)?;
            if verb.follows_a_death() {
                holding.kill();
            }
            stage.holding = Some(holding);
        }
        Ok(stage)
    }

    fn open(&self) -> Result<L, String> {
        inherit(&self.descriptor)
    }

    fn hold(&self) -> Result<(), String> {
        let lock = self.open()?;
        let mut guard = lock.lock_by(Deadline::after(LIMIT)).map_err(text)?;
        // Whoever is to die with it has got half-way.
        let is_to_die = self.verb.follows_a_death() || self.verb == Bereaved;
        guard.set(if is_to_die { [1, 1, 1, 1, 2, 2, 2, 2] } else { [1; 8] });
        self.notes.set(HOLDS, 1);
        if L::SLEEPS_LONG || self.verb.is_in_vain() {
            self.notes.until("the holder gives the lock back", LIMIT, || self.notes.get(GO) > 0)?;
            drop(guard);
            // Its own end would wake those who sleep beside its life word.
            return self.notes.until("all have had the lock", LIMIT, || self.notes.get(END) > 0);
        }
        // Nobody is seen to sleep, who would be the sign to go on.
        let is_to_go = || self.notes.get(GO) + self.notes.get(BEGUN) > 0;
        self.notes.until("the victim begins", LIMIT, is_to_go)?;
        std::thread::sleep(SHORT / 4);
        if is_to_die {
            // The process ends with it.
            core::mem::forget(guard);
        }
        Ok(())
    }

    /// What was got, and is given back: clean around equal words, or with a death that there was.
    fn use_it(&self, got: Result<Guard<'_, L>, LockError<L>>, may_be_told: bool) -> Result<(), String> {
        match got {
            Ok(mut guard) => {
                let next = value(&guard)? + 1;
                guard.set([next; 8]);
                Ok(())
            }
            Err(LockError::OwnerDied(died)) if may_be_told => {
                self.notes.add(TOLD, 1);
                let mut guard = died.into_guard();
                guard.set([3; 8]);
                guard.mark_consistent();
                Ok(())
            }
            Err(error) => Err(format!("the lock: {error}")),
        }
    }

    fn play(&self) -> Result<(), String> {
        let lock = self.open()?;
        if self.verb != FirstLock {
            self.notes.set(OWNER, lock.me()?.to_bits());
        }
        let (late, soon) = (Deadline::after(LIMIT), Deadline::after(SHORT));
        let is_to_be_told = self.verb.told_behind_a_stop() > 0;
        match self.verb {
            Lock | FirstLock | Wait | Bereaved | TakeOver => {
                let got = self.notes.marked(|| lock.lock_by(late));
                self.use_it(got, is_to_be_told)
            }
            TryLock | TryTakeOver => {
                let got = self.notes.marked(|| lock.try_to_lock());
                self.use_it(got, is_to_be_told)
            }
            Repair => {
                let got = self.notes.marked(|| lock.repair(|words| *words = [3; 8]));
                self.use_it(got, false)
            }
            TryInVain => match self.notes.marked(|| lock.try_to_lock()) {
                Err(LockError::WouldBlock) => Ok(()),
                answer => Err(format!("a lock that somebody has: {answer:?}")),
            },
            LockInVain => match self.notes.marked(|| lock.lock_by(soon)) {
                Err(LockError::TimedOut) => Ok(()),
                answer => Err(format!("a lock that somebody has: {answer:?}")),
            },
            Set | Update | Unlock => {
                let mut guard = lock.lock_by(late).map_err(text)?;
                match self.verb {
                    Set => self.notes.marked(|| guard.set([5; 8])),
                    Update => self.notes.marked(|| guard.update(|words| *words = [5; 8])),
                    _ => {
                        guard.set([5; 8]);
                        self.notes.marked(|| drop(guard));
                    }
                }
                Ok(())
            }
            UnlockInconsistent | MarkConsistent => {
                let Err(LockError::OwnerDied(died)) = lock.lock_by(late) else {
                    return Err("nobody told the victim that a holder died".to_owned());
                };
                let mut guard = died.into_guard();
                if self.verb == UnlockInconsistent {
                    self.notes.marked(|| drop(guard));
                } else {
                    self.notes.marked(|| {
                        guard.set([5; 8]);
                        guard.mark_consistent();
                        drop(guard);
                    });
                }
                Ok(())
            }
        }
    }

    fn others_come(&mut self) -> Result<(), String> {
        self.waiting = self.others.come(&self.notes, || {
            let lock = self.open()?;
            self.use_it(lock.lock_by(Deadline::after(LIMIT)), true)?;
            self.notes.add(HAD, 1);
            Ok(())
        })?;
        Ok(())
    }

    /// Has everybody go on, and then one more, who finds all as it should be. `told`: how many were told of a death.
    fn after(&mut self, told: RangeInclusive<u64>, ticks_max: u64) -> Result<(), String> {
        let began = Instant::now();
        self.nudge()?;
        self.notes.set(GO, 1);
        for waiting in &mut self.waiting {
            self.notes.ends_well("one that waits", waiting)?;
        }
        if began.elapsed() > LATEST {
            return Err(format!("who waited went on after {:?}", began.elapsed()));
        }
        self.notes.set(END, 1);
        if let Some(holding) =
            self.holding.as_mut().filter(|_| self.verb.has_holder() && self.verb != Bereaved)
        {
            self.notes.ends_well("the holder", holding)?;
        }
        self.notes.let_live("the next one", || {
            let lock = self.open()?;
            self.use_it(lock.lock_by(Deadline::after(LIMIT)), true)?;
            self.use_it(lock.lock_by(Deadline::after(LIMIT)), false)?;
            self.notes.set(TICKS, lock.ticks());
            if lock.holder().is_some() { Err("a lock that is free has a holder".to_owned()) } else { Ok(()) }
        })?;
        let (had, count) = (self.notes.get(HAD), self.waiting.len());
        let (found, ticks) = (self.notes.get(TOLD), self.notes.get(TICKS));
        if had != count as u64 {
            return Err(format!("{had} of {count} had the lock"));
        }
        if !told.contains(&found) {
            return Err(format!("{found} were told that a holder died, not {told:?}"));
        }
        if ticks > ticks_max + self.notes.get(LATE) {
            return Err(format!("{ticks} were woken by their own time"));
        }
        Ok(())
    }

    /// While the victim is stopped: what it has nobody takes, and nobody is told that it died.
    fn visit(&self) -> Result<(), String> {
        let lock = self.open()?;
        let victim = Owner::from_bits(self.notes.get(OWNER));
        let has_it = victim.is_some() && lock.holder() == victim;
        for tries in [true, false] {
            let got = match tries {
                true => lock.try_to_lock(),
                false => lock.lock_by(Deadline::after(Duration::from_millis(2))),
            };
            let is_in_vain = match got {
                Ok(guard) => value(&guard).map(|_| false)?,
                // Dropped, it stays as it was found.
                Err(LockError::OwnerDied(_)) if self.verb.follows_a_death() || self.verb == Bereaved => false,
                Err(LockError::WouldBlock | LockError::TimedOut) => true,
                Err(error) => return Err(format!("a visitor: {error}")),
            };
            if has_it && !is_in_vain {
                return Err("a stopped one was robbed of its lock".to_owned());
            }
        }
        if has_it && lock.holder() != victim {
            return Err(format!("what a stopped one has, {:?} has", lock.holder()));
        }
        Ok(())
    }
}

impl<L: Lock> Stage for LockStage<L> {
    fn victim(&self) -> i32 {
        self.notes.run(|| self.play())
    }

    fn ready(&mut self, _: Pid) -> Result<(), String> {
        if !self.others.are_behind {
            self.others_come()?;
        }
        self.notes.set(BEGUN, 1);
        Ok(())
    }

    fn nudge(&mut self) -> Result<(), String> {
        if self.others.are_behind && self.waiting.is_empty() {
            self.others_come()?;
        }
        match (self.verb, &mut self.holding) {
            (Wait, _) => self.notes.set(GO, 1),
            (Bereaved, Some(holding)) => _ = holding.kill(),
            _ => {}
        }
        Ok(())
    }

    fn nudged_late(&mut self) {
        self.notes.add(LATE, 1);
    }

    fn after_death(&mut self, moment: Moment) -> Result<(), String> {
        // A wake-up is lost with a killed one that it had woken, be it by the holder or by the kernel, and with nobody else.
        let ticks_max = if self.others.are_behind { self.others.count } else { 0 };
        self.after(self.verb.told_behind_a_kill(moment, self.others.count), ticks_max)
    }

    fn while_stopped(&mut self) -> Result<(), String> {
        self.notes.let_live("a visitor", || self.visit())
    }

    fn after_all(&mut self) -> Result<(), String> {
        let told = self.verb.told_behind_a_stop();
        self.after(told..=told, 0)
    }

    fn recoverer(&self) -> i32 {
        self.notes.run(|| {
            let lock = self.open()?;
            lock.me()?;
            let late = Deadline::after(LIMIT);
            mark();
            match lock.lock_by(late) {
                Ok(mut guard) => guard.set([6; 8]),
                Err(LockError::OwnerDied(died)) => {
                    let mut guard = died.into_guard();
                    guard.set([6; 8]);
                    guard.mark_consistent();
                }
                Err(error) => return Err(format!("who recovers: {error}")),
            }
            mark();
            Ok(())
        })
    }

    fn after_second_death(&mut self, _: Moment, recoverer: Moment) -> Result<(), String> {
        // Before it was done, the next one is told of its death, or of the first one's; behind that, of none.
        self.after(0..=u64::from(!recoverer.is_over), 0)
    }

    fn wrong(&self) -> Option<String> {
        self.notes.is_wrong()
    }

    fn ticks(&self) -> u64 {
        self.notes.get(TICKS)
    }
}
