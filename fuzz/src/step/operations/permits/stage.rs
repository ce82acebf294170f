//! What the victim that wants a permit, who has them and the others live through, and what the next one has to find.

use super::COUNT;
use super::Verb::{self, *};
use crate::actor::Actor;
use crate::step::operations::others::{LATEST, Others, SHORT};
use crate::step::operations::parties::text;
use crate::step::scene::{LATE, Notes};
use crate::step::sweep::{Moment, Stage};
use crate::step::tracee::{LIMIT, mark};
use crate::subject::locks::{anonymous, inherit};
use nix::unistd::Pid;
use ringway_shm::{Owner, Standing};
use ringway_sync::{AcquireError, Deadline, Permit};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

type Permits = ringway_sync::Permits<COUNT>;

/// The victim's owner.
const OWNER: usize = 1000;
/// Others that had one.
const HAD: usize = 1001;
/// The holder has what it is to have.
const HOLDS: usize = 1002;
/// It may give one back, and then all.
const GO: usize = 1003;
const END: usize = 1004;
/// Sleeps that were ended by the tick, and permits that were taken over.
const TICKS: usize = 1005;
const RECLAIMED: usize = 1006;
/// Who has each: 0, or a process. The victim does not say.
const HAS: usize = 1010;

pub(super) struct PermitStage {
    verb: Verb,
    others: Others,
    descriptor: OwnedFd,
    notes: Notes,
    holding: Option<Actor>,
    waiting: Vec<Actor>,
}

impl PermitStage {
    pub(super) fn set(verb: Verb, others: Others) -> Result<Self, String> {
        let (descriptor, notes) = (anonymous::<Permits>(10)?, Notes::new()?);
        let mut stage = Self { verb, others, descriptor, notes, holding: None, waiting: Vec::new() };
        if verb.held() > 0 {
            let mut holding = stage.notes.start(|| stage.hold())?;
            stage.notes.until("permits are held", LIMIT, || stage.notes.get(HOLDS) > 0)?;
            if verb.follows_a_death() {
                holding.kill();
            }
            stage.holding = Some(holding);
        }
        Ok(stage)
    }

    fn open(&self) -> Result<Permits, String> {
        inherit(&self.descriptor)
    }

    fn hold(&self) -> Result<(), String> {
        let permits = self.open()?;
        let held: Result<Vec<Permit<COUNT>>, _> =
            (0..self.verb.held()).map(|_| permits.try_acquire().map_err(text)).collect();
        let mut held = held?;
        let notes = &self.notes;
        held.iter().for_each(|permit| notes.set(HAS + permit.number(), 1));
        notes.set(HOLDS, 1);
        notes.until("the holder gives one back", LIMIT, || notes.get(GO) > 0)?;
        if let Some(permit) = held.pop() {
            notes.set(HAS + permit.number(), 0);
            drop(permit);
        }
        notes.until("the holder gives all back", LIMIT, || notes.get(END) > 0)?;
        held.iter().for_each(|permit| notes.set(HAS + permit.number(), 0));
        Ok(())
    }

    /// One that was got: nobody else has it, that is alive.
    fn use_it(&self, permit: Permit<COUNT>) -> Result<(), String> {
        let (word, me) = (HAS + permit.number(), u64::from(std::process::id()));
        let found = self.notes.get(word);
        let is_of_the_dead = self.verb == Bereaved || self.verb.follows_a_death();
        if found > 1 || found == 1 && !is_of_the_dead {
            return Err(format!("permit {} was had by {found} as well", permit.number()));
        }
        self.notes.set(word, me);
        std::thread::sleep(Duration::from_micros(50));
        if self.notes.get(word) != me {
            return Err(format!("permit {} was taken by {}", permit.number(), self.notes.get(word)));
        }
        self.notes.set(word, 0);
        drop(permit);
        Ok(())
    }

    fn play(&self) -> Result<(), String> {
        let permits = self.open()?;
        let owner = permits.region().participant().map_err(text)?.owner();
        self.notes.set(OWNER, owner.to_bits());
        let (late, soon) = (Deadline::after(LIMIT), Deadline::after(SHORT));
        match self.verb {
            Acquire | Wait | Bereaved | TakeOver => {
                let permit = self.notes.marked(|| permits.try_acquire_until(late));
                self.use_it(permit.map_err(text)?)
            }
            TryAcquire | TryTakeOver => {
                let permit = self.notes.marked(|| permits.try_acquire());
                self.use_it(permit.map_err(text)?)
            }
            TryInVain => match self.notes.marked(|| permits.try_acquire()) {
                Err(AcquireError::WouldBlock) => Ok(()),
                answer => Err(format!("there is none: {answer:?}")),
            },
            AcquireInVain => match self.notes.marked(|| permits.try_acquire_until(soon)) {
                Err(AcquireError::TimedOut) => Ok(()),
                answer => Err(format!("there is none: {answer:?}")),
            },
            ReleaseOfBoth => {
                let both = [permits.try_acquire().map_err(text)?, permits.try_acquire().map_err(text)?];
                self.notes.marked(|| drop(both));
                Ok(())
            }
            Release => {
                let permit = permits.try_acquire().map_err(text)?;
                self.notes.marked(|| drop(permit));
                Ok(())
            }
        }
    }

    fn others_come(&mut self) -> Result<(), String> {
        self.waiting = self.others.come(&self.notes, || {
            let permits = self.open()?;
            self.use_it(permits.try_acquire_until(Deadline::after(LIMIT)).map_err(text)?)?;
            self.notes.add(HAD, 1);
            Ok(())
        })?;
        Ok(())
    }

    /// Everybody goes on, and then one more has all that there is. The figures: what may be at most.
    fn after(&mut self, reclaimed_max: u64, ticks_max: u64) -> Result<(), String> {
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
            self.holding.as_mut().filter(|_| !self.verb.follows_a_death() && self.verb != Bereaved)
        {
            self.notes.ends_well("the holder", holding)?;
        }
        self.notes.let_live("the next one", || {
            let permits = self.open()?;
            let late = Deadline::after(LIMIT);
            let first = permits.try_acquire_until(late).map_err(|error| format!("the first: {error}"))?;
            let second = permits.try_acquire_until(late).map_err(|error| format!("the second: {error}"))?;
            if first.number() == second.number() {
                return Err(format!("permit {} was had twice", first.number()));
            }
            if permits.try_acquire().err() != Some(AcquireError::WouldBlock) {
                return Err("there are more than there are".to_owned());
            }
            drop((first, second));
            self.notes.set(TICKS, permits.repaired().into());
            self.notes.set(RECLAIMED, permits.reclaimed().into());
            let free = permits.available();
            if free == COUNT { Ok(()) } else { Err(format!("all were given back, and {free} are free")) }
        })?;
        let (had, count) = (self.notes.get(HAD), self.waiting.len());
        if had != count as u64 {
            return Err(format!("{had} of {count} had one"));
        }
        let (reclaimed, ticks) = (self.notes.get(RECLAIMED), self.notes.get(TICKS));
        if reclaimed > reclaimed_max {
            return Err(format!("{reclaimed} were taken over"));
        }
        if ticks > ticks_max + self.notes.get(LATE) {
            return Err(format!("{ticks} were woken by their own time"));
        }
        Ok(())
    }

    /// Permits that others may have died with.
    fn of_the_dead(&self) -> u64 {
        if self.verb == Bereaved || self.verb.follows_a_death() { COUNT as u64 } else { 0 }
    }

    /// While the victim is stopped: what it has nobody takes.
    fn visit(&self) -> Result<(), String> {
        let permits = self.open()?;
        let victim = Owner::from_bits(self.notes.get(OWNER)).ok_or("the victim has no row")?;
        if permits.region().standing(victim) != Ok(Standing::Alive) {
            return Err(format!("a stopped victim is {:?}", permits.region().standing(victim)));
        }
        let has = |permits: &Permits| permits.holders().iter().filter(|owner| **owner == victim).count();
        let (before, reclaimed) = (has(&permits), permits.reclaimed());
        let got: Vec<Permit<COUNT>> = (0..COUNT).filter_map(|_| permits.try_acquire().ok()).collect();
        let is_robbed = got.len() + before > COUNT || has(&permits) != before;
        let was_dead = permits.reclaimed() != reclaimed && self.of_the_dead() == 0;
        if is_robbed || was_dead { Err("a stopped one was robbed of its permit".to_owned()) } else { Ok(()) }
    }
}

impl Stage for PermitStage {
    fn victim(&self) -> i32 {
        self.notes.run(|| self.play())
    }

    fn ready(&mut self, _: Pid) -> Result<(), String> {
        if self.others.are_behind { Ok(()) } else { self.others_come() }
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
        let own = match self.verb {
            TryInVain | AcquireInVain => 0,
            Release if moment.is_over => 0,
            ReleaseOfBoth => 2,
            _ => 1,
        };
        // Nobody's wake-up is handed on, so that none is lost, but that of a life word, with which the kernel wakes one.
        let is_woken = self.others.are_behind && self.verb == Bereaved;
        let ticks_max = if is_woken { self.others.count } else { 0 };
        self.after(self.of_the_dead() + own, ticks_max)
    }

    fn while_stopped(&mut self) -> Result<(), String> {
        self.notes.let_live("a visitor", || self.visit())
    }

    fn after_all(&mut self) -> Result<(), String> {
        // While it stood still, its wake-ups did.
        self.after(self.of_the_dead(), self.others.count)
    }

    fn recoverer(&self) -> i32 {
        self.notes.run(|| {
            let permits = self.open()?;
            let late = Deadline::after(LIMIT);
            mark();
            let permit = permits.try_acquire_until(late);
            drop(permit.map_err(text)?);
            mark();
            Ok(())
        })
    }

    fn after_second_death(&mut self, _: Moment, _: Moment) -> Result<(), String> {
        self.after(self.of_the_dead() + 2 * COUNT as u64, 0)
    }

    fn wrong(&self) -> Option<String> {
        self.notes.is_wrong()
    }

    fn ticks(&self) -> u64 {
        self.notes.get(TICKS)
    }
}
