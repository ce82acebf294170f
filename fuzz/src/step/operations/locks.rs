//! Mutex and spinlock: taken, waited for, given back, left by the dead, with nobody, one and two others asleep for them.
//!
//! ```text
//!   region     a lock around eight words that are equal, unless somebody is in the middle of changing them
//!   victim     ── mark ── the verb ── mark ──▶ gives the lock back, leaves
//!   holder     has the lock before, and gives it back, or dies with it, once the victim sleeps
//!   others     asleep for the lock; each takes it, looks, repairs if it is told to, and gives it back
//!   after      the next one has it clean around equal words, or is told of a death that there was; never a refusal
//! ```

mod stage;

use super::others::WHO;
use crate::step::sweep::{Moment, Operation, Stage};
use crate::subject::locks::{Lock, Words};
use core::ops::RangeInclusive;
use ringway_sync::{Mutex, SpinLock};
use stage::LockStage;

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
