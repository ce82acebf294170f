//! Mutex and spinlock: taken, waited for, given back, left by the dead, with nobody, one and two others asleep for them.
//!
//! ```text
//!   region     a lock around eight words that are equal, unless somebody is in the middle of changing them
//!   victim     ── mark ── the verb ── mark ──▶ gives the lock back, leaves
//!   holder     has the lock before, and gives it back, or dies with it, once the victim sleeps
//!   others     asleep for the lock; each takes it, looks, repairs if it is told to, and gives it back
//!   after      the next one has it clean around equal words, or is told of a death that there was; never a refusal
//! ```

use super::parties::text;
use crate::actor::Actor;
use crate::step::scene::Notes;
use crate::step::sweep::{Moment, Operation, Stage};
use crate::step::tracee::{LIMIT, mark};
use crate::subject::locks::{Lock, Words, anonymous, inherit, value};
use core::marker::PhantomData;
use core::ops::RangeInclusive;
use nix::unistd::Pid;
use ringway_shm::Owner;
use ringway_sync::{Deadline, Guard, LockError, Mutex, SpinLock};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// What the victim does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// The lock is free.
    Lock,
    /// The same, and the thread takes its row in it.
    FirstLock,
    TryLock,
    /// Somebody has it.
    TryInVain,
    LockInVain,
    /// Somebody has it, and gives it back.
    Wait,
    /// Somebody has it, and dies with it.
    Bereaved,
    /// Somebody has died with it.
    TakeOver,
    TryTakeOver,
    Repair,
    /// The victim has it.
    Set,
    Update,
    Unlock,
    /// The victim has it from one who died with it.
    UnlockInconsistent,
    MarkConsistent,
}

use Verb::*;

const VERBS: [(&str, Verb); 15] = [
    ("lock", Lock),
    ("first lock", FirstLock),
    ("try_lock", TryLock),
    ("try_lock in vain", TryInVain),
    ("lock_timeout in vain", LockInVain),
    ("lock, and be woken", Wait),
    ("lock, and the holder dies", Bereaved),
    ("lock of the dead", TakeOver),
    ("try_lock of the dead", TryTakeOver),
    ("lock_or_repair of the dead", Repair),
    ("set", Set),
    ("update", Update),
    ("unlock", Unlock),
    ("unlock, inconsistent", UnlockInconsistent),
    ("mark_consistent", MarkConsistent),
];

impl Verb {
    /// May others sleep for the lock when it begins?
    fn has_others(self) -> bool {
        !matches!(self, Lock | FirstLock | TryLock | TryInVain | TakeOver | TryTakeOver | Repair)
    }

    /// Has somebody the lock who is not the victim?
    fn has_holder(self) -> bool {
        matches!(self, TryInVain | LockInVain | Wait | Bereaved)
    }

    /// Has somebody the lock until the verb has given up?
    fn is_in_vain(self) -> bool {
        matches!(self, TryInVain | LockInVain)
    }

    /// Has somebody died with the lock before it begins?
    fn follows_a_death(self) -> bool {
        matches!(self, TakeOver | TryTakeOver | Repair | UnlockInconsistent | MarkConsistent)
    }

    /// How many are told of a death behind the victim's: a killed one's, as far as it got, and that of whoever died with the lock
    /// before.
    fn told_behind_a_kill(self, moment: Moment, others: u64) -> RangeInclusive<u64> {
        match self {
            _ if self.is_in_vain() => 0..=0,
            Lock | FirstLock | TryLock if moment.at == 0 => 0..=0,
            Lock | FirstLock | TryLock | Wait if moment.is_over => 1..=1,
            Lock | FirstLock | TryLock | Wait => 0..=1,
            // One who waits may have been told, and have repaired it, before the victim had it.
            Bereaved => 1..=1 + others.min(1),
            TakeOver | TryTakeOver | Repair | Set | Update | UnlockInconsistent => 1..=1,
            Unlock | MarkConsistent if moment.is_over => 0..=0,
            Unlock | MarkConsistent if moment.at == 0 => 1..=1,
            Unlock | MarkConsistent | TryInVain | LockInVain => 0..=1,
        }
    }

    /// The same, the victim's own included, where nobody was killed.
    fn told_behind_a_stop(self) -> u64 {
        u64::from(matches!(self, Bereaved | TakeOver | TryTakeOver | UnlockInconsistent))
    }
}

/// Others asleep for the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Others {
    pub(super) count: u64,
    /// They are killed before the verb begins.
    pub(super) are_dead: bool,
    /// They fall asleep behind the victim: the wake-up is the victim's.
    pub(super) are_behind: bool,
}

pub(super) const WHO: [(&str, Others); 6] = [
    ("", Others { count: 0, are_dead: false, are_behind: false }),
    (", one waiting", Others { count: 1, are_dead: false, are_behind: false }),
    (", two waiting", Others { count: 2, are_dead: false, are_behind: false }),
    (", a dead one had waited", Others { count: 1, are_dead: true, are_behind: false }),
    (", one waiting behind", Others { count: 1, are_dead: false, are_behind: true }),
    (", two waiting behind", Others { count: 2, are_dead: false, are_behind: true }),
];

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

/// A wait in vain.
const SHORT: Duration = Duration::from_millis(20);
/// Everybody goes on by then, though the machine may have other things to do.
const LATEST: Duration = Duration::from_secs(5);

pub(crate) fn all() -> Vec<Operation> {
    [each::<Mutex<Words>>(), each::<SpinLock<Words>>()].into_iter().flatten().collect()
}

fn each<L: Lock>() -> Vec<Operation> {
    let mut all = Vec::new();
    for (name, verb) in VERBS {
        for (who, others) in WHO {
            let is_woken = L::SLEEPS_LONG && matches!(verb, Wait | Bereaved);
            if others.count > 0 && !verb.has_others()
                || others.are_dead && verb != Unlock
                || others.are_behind && !is_woken
            {
                continue;
            }
            let set =
                move || LockStage::<L>::set(verb, others).map(|stage| Box::new(stage) as Box<dyn Stage>);
            let name = format!("{}: {name}{who}", L::NAME);
            let has_recoverer = others.count == 0 && !verb.has_holder();
            all.push(Operation { name, has_recoverer, set: Box::new(set) });
        }
    }
    all
}

struct LockStage<L> {
    verb: Verb,
    others: Others,
    descriptor: OwnedFd,
    notes: Notes,
    holding: Option<Actor>,
    waiting: Vec<Actor>,
    lock: PhantomData<L>,
}

impl<L: Lock> LockStage<L> {
    fn set(verb: Verb, others: Others) -> Result<Self, String> {
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

    /// The verb between its marks.
    fn marked<R>(&self, verb: impl FnOnce() -> R) -> R {
        mark();
        let answer = verb();
        self.notes.answered(0);
        mark();
        answer
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
                let got = self.marked(|| lock.lock_by(late));
                self.use_it(got, is_to_be_told)
            }
            TryLock | TryTakeOver => {
                let got = self.marked(|| lock.try_to_lock());
                self.use_it(got, is_to_be_told)
            }
            Repair => {
                let got = self.marked(|| lock.repair(|words| *words = [3; 8]));
                self.use_it(got, false)
            }
            TryInVain => match self.marked(|| lock.try_to_lock()) {
                Err(LockError::WouldBlock) => Ok(()),
                answer => Err(format!("a lock that somebody has: {answer:?}")),
            },
            LockInVain => match self.marked(|| lock.lock_by(soon)) {
                Err(LockError::TimedOut) => Ok(()),
                answer => Err(format!("a lock that somebody has: {answer:?}")),
            },
            Set | Update | Unlock => {
                let mut guard = lock.lock_by(late).map_err(text)?;
                match self.verb {
                    Set => self.marked(|| guard.set([5; 8])),
                    Update => self.marked(|| guard.update(|words| *words = [5; 8])),
                    _ => {
                        guard.set([5; 8]);
                        self.marked(|| drop(guard));
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
                    self.marked(|| drop(guard));
                } else {
                    self.marked(|| {
                        guard.set([5; 8]);
                        guard.mark_consistent();
                        drop(guard);
                    });
                }
                Ok(())
            }
        }
    }

    /// The others come, and fall asleep one after the other.
    fn others_come(&mut self) -> Result<(), String> {
        for _ in 0..self.others.count {
            let mut waiting = self.notes.start(|| {
                let lock = self.open()?;
                self.use_it(lock.lock_by(Deadline::after(LIMIT)), true)?;
                self.notes.add(HAD, 1);
                Ok(())
            })?;
            self.notes.until_asleep("one that waits", &waiting)?;
            if self.others.are_dead {
                waiting.kill();
            } else {
                self.waiting.push(waiting);
            }
        }
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
        if ticks > ticks_max {
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
