//! Semaphores, of many and of one: acquired, waited for, released, with nobody, one and two others asleep for a permit.
//!
//! ```text
//!   victim     ── mark ── the verb ── mark ──▶ leaves
//!   others     asleep for a permit; each takes one
//!   after      what is left is what was released less what was taken; of a killed one that acquired, one less or not; of one
//!              that released, all of it or nothing. A wake-up is lost with one that was woken, and with nobody else
//! ```

use super::others::{LATEST, Others, SHORT, WHO};
use super::parties::text;
use crate::actor::Actor;
use crate::step::scene::{LATE, Notes};
use crate::step::sweep::{Moment, Operation, Stage};
use crate::step::tracee::{LIMIT, mark};
use crate::subject::locks::{anonymous, inherit};
use core::marker::PhantomData;
use nix::unistd::Pid;
use ringway_sync::{AcquireError, BinarySemaphore, Deadline, Semaphore, Shared};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// What the victim does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// There is a permit.
    Acquire,
    TryAcquire,
    /// There is none.
    TryInVain,
    AcquireInVain,
    /// There is none, and one is released.
    Wait,
    Release(u32),
}

use Verb::*;

const VERBS: [(&str, Verb); 7] = [
    ("acquire", Acquire),
    ("try_acquire", TryAcquire),
    ("try_acquire in vain", TryInVain),
    ("try_acquire_for in vain", AcquireInVain),
    ("acquire, and be woken", Wait),
    ("release", Release(1)),
    ("release two", Release(2)),
];

/// Both semaphores by one face.
trait Signal: Shared {
    const NAME: &'static str;
    /// How many permits there can be, at most.
    const MOST: u64;

    fn take(&self, deadline: Deadline) -> Result<(), AcquireError>;
    fn try_to_take(&self) -> Result<(), AcquireError>;
    fn give(&self, permits: u32) -> Result<(), String>;
    fn there_are(&self) -> u64;
    fn ticks(&self) -> u64;
}

macro_rules! signal {
    ($name:ident, $text:literal, $most:expr, $give:expr, $there_are:expr) => {
        impl Signal for $name {
            const NAME: &'static str = $text;
            const MOST: u64 = $most;

            fn take(&self, deadline: Deadline) -> Result<(), AcquireError> {
                self.try_acquire_until(deadline)
            }

            fn try_to_take(&self) -> Result<(), AcquireError> {
                self.try_acquire()
            }

            fn give(&self, permits: u32) -> Result<(), String> {
                let give: fn(&Self, u32) -> Result<(), ringway_sync::ReleaseError> = $give;
                give(self, permits).map_err(text)
            }

            fn there_are(&self) -> u64 {
                let there_are: fn(&Self) -> u64 = $there_are;
                there_are(self)
            }

            fn ticks(&self) -> u64 {
                self.repaired().into()
            }
        }
    };
}

signal!(Semaphore, "semaphore", u64::MAX, |semaphore, permits| semaphore.release(permits), |semaphore| {
    semaphore.count().into()
});
signal!(BinarySemaphore, "binary", 1, |semaphore, _| semaphore.release(), |semaphore| semaphore
    .is_released()
    .into());

/// Others that have taken a permit.
const TAKEN: usize = 1000;

pub(crate) fn all() -> Vec<Operation> {
    [each::<Semaphore>(), each::<BinarySemaphore>()].into_iter().flatten().collect()
}

fn each<S: Signal + 'static>() -> Vec<Operation> {
    let mut all = Vec::new();
    for (name, verb) in VERBS.into_iter().filter(|(_, verb)| *verb != Release(2) || S::MOST > 1) {
        for (text, others) in WHO {
            let has_others = matches!(verb, AcquireInVain | Wait | Release(_));
            let is_left_out =
                others.are_dead && !matches!(verb, Release(_)) || others.are_behind && verb != Wait;
            if others.count > 0 && !has_others || is_left_out {
                continue;
            }
            let set =
                move || SignalStage::<S>::set(verb, others).map(|stage| Box::new(stage) as Box<dyn Stage>);
            let name = format!("{}: {name}{text}", S::NAME);
            all.push(Operation { name, has_recoverer: false, set: Box::new(set) });
        }
    }
    if S::MOST == 1 {
        let set =
            || SignalStage::<S>::set(Release(0), WHO[0].1).map(|stage| Box::new(stage) as Box<dyn Stage>);
        let name = format!("{}: release, it was released", S::NAME);
        all.push(Operation { name, has_recoverer: false, set: Box::new(set) });
    }
    all
}

struct SignalStage<S> {
    verb: Verb,
    others: Others,
    /// Permits that there were at first, and that others than the victim have released.
    given: u64,
    descriptor: OwnedFd,
    notes: Notes,
    waiting: Vec<Actor>,
    was_stopped: bool,
    semaphore: PhantomData<S>,
}

impl<S: Signal> SignalStage<S> {
    fn set(verb: Verb, others: Others) -> Result<Self, String> {
        let (descriptor, notes) = (anonymous::<S>(4)?, Notes::new()?);
        let (waiting, was_stopped, semaphore) = (Vec::new(), false, PhantomData);
        let mut stage = Self { verb, others, given: 0, descriptor, notes, waiting, was_stopped, semaphore };
        if matches!(verb, Acquire | TryAcquire | Release(0)) {
            stage.give(1)?;
        }
        Ok(stage)
    }

    fn open(&self) -> Result<S, String> {
        inherit(&self.descriptor)
    }

    fn give(&mut self, permits: u32) -> Result<(), String> {
        self.given += u64::from(permits);
        let (notes, descriptor) = (&self.notes, &self.descriptor);
        notes.let_live("who releases", || inherit::<S>(descriptor)?.give(permits))
    }

    fn play(&self) -> Result<(), String> {
        let semaphore = self.open()?;
        let (late, soon) = (Deadline::after(LIMIT), Deadline::after(SHORT));
        mark();
        let answer = match self.verb {
            Acquire | Wait => semaphore.take(late),
            TryAcquire | TryInVain => semaphore.try_to_take(),
            AcquireInVain => semaphore.take(soon),
            Release(permits) => {
                semaphore.give(permits)?;
                Ok(())
            }
        };
        self.notes.answered(0);
        mark();
        let right = match self.verb {
            TryInVain => Err(AcquireError::WouldBlock),
            AcquireInVain => Err(AcquireError::TimedOut),
            _ => Ok(()),
        };
        if answer == right { Ok(()) } else { Err(format!("the verb: {answer:?}")) }
    }

    fn others_come(&mut self) -> Result<(), String> {
        self.waiting = self.others.come(&self.notes, || {
            self.open()?.take(Deadline::after(LIMIT)).map_err(text)?;
            self.notes.add(TAKEN, 1);
            Ok(())
        })?;
        Ok(())
    }

    /// What is left, once all have done what they can: nobody sleeps beside a permit, at the latest after a tick.
    fn settle(&mut self) -> Result<u64, String> {
        let (semaphore, began) = (self.open()?, Instant::now());
        while began.elapsed() < LATEST {
            let (before, taken) = (semaphore.there_are(), self.notes.get(TAKEN));
            let mut are_awake = 0;
            for waiting in &mut self.waiting {
                are_awake += u64::from(waiting.ended().is_none() && !self.notes.is_asleep(waiting));
            }
            let is_same = before == semaphore.there_are() && taken == self.notes.get(TAKEN);
            if let Some(wrong) = self.notes.is_wrong() {
                return Err(wrong);
            }
            if are_awake == 0 && is_same && (before == 0 || taken == self.waiting.len() as u64) {
                return Ok(before);
            }
            std::thread::sleep(Duration::from_micros(30));
        }
        Err(format!("there are {}, and somebody sleeps", semaphore.there_are()))
    }

    /// `moment`: of a kill. Nobody was killed? Then the victim did all of it.
    fn after(&mut self, moment: Option<Moment>) -> Result<(), String> {
        let is_over = moment.is_none_or(|moment| moment.is_over);
        let is_unborn = moment.is_some_and(|moment| moment.at == 0);
        let left = self.settle()?;
        let taken = self.notes.get(TAKEN);
        // What the victim did: it released so many, or took so many.
        let (more, less) = match self.verb {
            Release(permits) => (u64::from(permits), 0),
            Acquire | TryAcquire | Wait => (0, 1),
            TryInVain | AcquireInVain => (0, 0),
        };
        let with = (self.given + more).min(taken.saturating_add(S::MOST)).checked_sub(less + taken);
        let without = self.given.checked_sub(taken);
        let is_done = is_over && with == Some(left);
        let is_undone = !is_over && without == Some(left);
        if !(is_done || is_undone || !is_over && !is_unborn && with == Some(left)) {
            return Err(format!("of {} given, {taken} were taken, and {left} are left", self.given));
        }
        // Whoever still waits has it in the end.
        let waiting = self.waiting.len() as u64 - taken;
        for _ in 0..waiting {
            let before = self.notes.get(TAKEN);
            self.give(1)?;
            self.notes.until("one that waits has it", LATEST, || self.notes.get(TAKEN) > before)?;
        }
        for waiting in &mut self.waiting {
            self.notes.ends_well("one that waits", waiting)?;
        }
        // And so has whoever comes then.
        self.notes.let_live("the next one", || {
            let semaphore = self.open()?;
            let left = semaphore.there_are();
            semaphore.give(1)?;
            for _ in 0..(left + 1).min(S::MOST) {
                semaphore.try_to_take().map_err(text)?;
            }
            let answer = semaphore.try_to_take();
            if answer == Err(AcquireError::WouldBlock) {
                Ok(())
            } else {
                Err(format!("one too many: {answer:?}"))
            }
        })?;
        let may = if self.others.are_behind { self.others.count } else { 0 };
        let ticks = self.ticks();
        if ticks > may + self.notes.get(LATE) {
            Err(format!("{ticks} were woken by their own time"))
        } else {
            Ok(())
        }
    }
}

impl<S: Signal> Stage for SignalStage<S> {
    fn victim(&self) -> i32 {
        self.notes.run(|| self.play())
    }

    fn ready(&mut self, _: Pid) -> Result<(), String> {
        if self.others.are_behind { Ok(()) } else { self.others_come() }
    }

    fn nudge(&mut self) -> Result<(), String> {
        if self.verb != Wait {
            return Ok(());
        }
        if self.others.are_behind && self.waiting.is_empty() {
            self.others_come()?;
        }
        // One for the victim, if it is first; otherwise one for each of those before it as well. While it stood still, others may
        // have had its own.
        let is_first = self.others.are_behind && !self.was_stopped;
        let wanted = if is_first { 1 } else { self.others.count + 1 };
        while self.given < wanted {
            if S::MOST == 1 {
                let is_room = || self.open().is_ok_and(|semaphore| semaphore.there_are() == 0);
                self.notes.until("there is room", LATEST, is_room)?;
            }
            self.give(1)?;
        }
        Ok(())
    }

    fn nudged_late(&mut self) {
        self.notes.add(LATE, 1);
    }

    fn after_death(&mut self, moment: Moment) -> Result<(), String> {
        self.after(Some(moment))
    }

    fn while_stopped(&mut self) -> Result<(), String> {
        self.was_stopped = true;
        // What it released is there for others, and what it took is not.
        if matches!(self.verb, Release(_)) || self.others.count > 0 {
            return Ok(());
        }
        self.notes.let_live("a visitor", || match self.open()?.try_to_take() {
            Ok(()) => self.open()?.give(1),
            Err(AcquireError::WouldBlock) => Ok(()),
            Err(error) => Err(text(error)),
        })
    }

    fn after_all(&mut self) -> Result<(), String> {
        self.after(None)
    }

    fn wrong(&self) -> Option<String> {
        self.notes.is_wrong()
    }

    fn ticks(&self) -> u64 {
        self.open().map_or(0, |semaphore| semaphore.ticks())
    }
}
