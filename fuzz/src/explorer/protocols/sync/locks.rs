//! Mutex and spinlock: who has the lock alone changes what it guards, and who got it from a dead one is told.
//!
//! ```text
//!   guarded   two words that are equal, but in the middle of a change: [n, n] ─ [n + 1, n] ─ [n + 1, n + 1]
//!   told      of a death, and repairs: equal again, and said to be consistent
//!   sloppy    is told as well, leaves the words unequal, and does not say that they are in order
//! ```
//!
//! What must hold:
//!
//! * Two never have the lock at a time, and each sees what the last one wrote: otherwise the copies race.
//! * Who gets the lock without a word of a death finds the words equal, whoever died or was sloppy before.
//! * A death is told of somebody who is dead, or about to be; nobody alive is robbed.
//! * Who waits gets on: woken while nobody is killed, by a tick otherwise.

use super::{Entry, is_anybody_doomed, is_doomed, on_time, says_who, space};
use crate::explorer::scenario::{End, Process, Scenario};
use crate::explorer::world::Bounds;
use ringway_shm::primitive::kernel;
use ringway_sync::{Deadline, Guard, Held, LockError, Mutex, OwnerDied, Shared, SpinLock};
use std::time::Duration;

pub(super) type Pair = [u64; 2];

/// How long a holder holds the lock that others want for less.
pub(super) const HOLD: Duration = Duration::from_millis(2);

/// How a lock is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Lock,
    Until(Duration),
    Try,
}

/// Either kind of lock.
pub(super) trait Lock: Held<Value = Pair> + Shared {
    fn take(&self, how: How) -> Result<Guard<'_, Self>, LockError<Self>>;
}

macro_rules! lock {
    ($name:ident) => {
        impl Lock for $name<Pair> {
            fn take(&self, how: How) -> Result<Guard<'_, Self>, LockError<Self>> {
                match how {
                    How::Lock => self.lock(),
                    How::Until(timeout) => self.lock_until(Deadline::after(timeout)),
                    How::Try => self.try_lock(),
                }
            }
        }
    };
}

lock!(Mutex);
lock!(SpinLock);

/// The lock, and a row.
pub(super) fn ready<L: Lock>(me: &Process) -> L {
    let region = me.region();
    says_who(me, region.thread_owner().expect("a free row"));
    L::attach(&region).expect("a lock lies there")
}

/// Changes what is guarded: the words are unequal for a moment.
pub(super) fn add<L: Lock>(me: &Process, mut guard: Guard<'_, L>) {
    let [first, second] = guard.get();
    assert_eq!(first, second, "half a change, and nobody said so");
    guard.set([first + 1, second]);
    guard.set([first + 1, second + 1]);
    me.note("added", first + 1);
    me.attempt("unlock", || drop(guard));
}

/// Somebody died with the lock.
fn told<L: Lock>(me: &Process, died: OwnerDied<L>, is_sloppy: bool) {
    let is_true = match died.who() {
        Some(who) => is_doomed(me, who),
        None => is_anybody_doomed(me, 4),
    };
    assert!(is_true, "told of the death of {:?}, who lives", died.who());
    let mut guard = died.into_guard();
    assert!(!guard.is_consistent());
    let [first, second] = guard.get();
    assert!(first == second || first == second + 1, "{first} and {second}");
    if is_sloppy {
        guard.set([second + 1, second]);
    } else {
        guard.set([first, first]);
        guard.mark_consistent();
    }
    me.note("told", u64::from(is_sloppy));
    me.attempt("unlock", || drop(guard));
}

/// Takes the lock and changes what it guards, or repairs it.
fn turn<L: Lock>(me: &Process, lock: &L, how: How, is_sloppy: bool) {
    let taken = match how {
        How::Lock => on_time(me, "lock", || lock.take(how)),
        How::Until(timeout) => me.wait("lock_until", timeout, || lock.take(how)),
        How::Try => me.attempt("try_lock", || lock.take(how)),
    };
    match (taken, how) {
        (Ok(guard), _) => add(me, guard),
        (Err(LockError::OwnerDied(died)), _) => told(me, died, is_sloppy),
        (Err(LockError::TimedOut), How::Until(_)) | (Err(LockError::WouldBlock), How::Try) => {
            me.note("in vain", 1);
        }
        (Err(error), _) => panic!("{error:?}"),
    }
}

/// As many changes as there were turns, if nobody was killed.
fn adds_up(end: &End<'_>, turns: usize) -> Result<(), String> {
    let (mut added, in_vain) = (end.values("added"), end.values("in vain").len());
    added.sort_unstable();
    let is_right = added.iter().copied().eq(1..=(turns - in_vain) as u64);
    if is_right || !end.is_undisturbed() { Ok(()) } else { Err(format!("{added:?}, {in_vain} in vain")) }
}

/// Several take the lock so many times.
fn adders<L: Lock>(title: &str, parties: usize, rounds: usize) -> Scenario {
    let mut scenario = space::<L>(title).end(move |end| adds_up(end, parties * rounds));
    for number in 0..parties {
        scenario = scenario.process_with(format!("adder{number}"), ready::<L>, move |me, lock| {
            (0..rounds).for_each(|_| turn(me, &lock, How::Lock, false));
        });
    }
    scenario
}

/// Several, of which the second is sloppy.
fn heirs<L: Lock>(title: &str, parties: usize) -> Scenario {
    let mut scenario = space::<L>(title);
    for number in 0..parties {
        let is_sloppy = number == 1;
        scenario = scenario.process_with(format!("adder{number}"), ready::<L>, move |me, lock| {
            turn(me, &lock, How::Lock, is_sloppy);
            me.keep(lock);
        });
    }
    scenario
}

/// And one more when all the others are done, or dead.
fn and_a_last<L: Lock>(scenario: Scenario) -> Scenario {
    scenario.process_with("last", ready::<L>, |me, lock| {
        me.outlive_the_others();
        turn(me, &lock, How::Lock, false);
    })
}

/// One tries, so many wait.
fn trier_and_heirs<L: Lock>(title: &str, parties: usize) -> Scenario {
    let mut scenario = space::<L>(title);
    for number in 0..parties {
        let how = if number == 0 { How::Try } else { How::Lock };
        scenario = scenario.process_with(format!("adder{number}"), ready::<L>, move |me, lock| {
            turn(me, &lock, how, false);
            me.keep(lock);
        });
    }
    scenario
}

/// Some lock, and some try.
fn tries<L: Lock>(title: &str) -> Scenario {
    space::<L>(title)
        .end(|end| adds_up(end, 4))
        .process_with("adder", ready::<L>, |me, lock| {
            turn(me, &lock, How::Lock, false);
            turn(me, &lock, How::Lock, false);
        })
        .process_with("trier", ready::<L>, |me, lock| {
            turn(me, &lock, How::Try, false);
            turn(me, &lock, How::Try, false);
        })
}

/// One holds the lock for a while, twice; one waits for less than that, one for as long as it takes. The one whose time is up
/// has been woken, maybe, and so has to see to it that the other one is.
fn deadlines<L: Lock>(title: &str, timeout: Duration) -> Scenario {
    space::<L>(title)
        .process_with("timed", ready::<L>, move |me, lock| turn(me, &lock, How::Until(timeout), false))
        .process_with("patient", ready::<L>, |me, lock| turn(me, &lock, How::Lock, false))
        .process_with("holder", ready::<L>, |me, lock| {
            for _ in 0..2 {
                match on_time(me, "lock", || lock.take(How::Lock)) {
                    Ok(guard) => {
                        kernel::pause(HOLD);
                        add(me, guard);
                    }
                    Err(LockError::OwnerDied(died)) => told(me, died, false),
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
        .end(|end| adds_up(end, 4))
}

/// Whoever has the lock is refused it, and keeps it.
fn relocks<L: Lock>(title: &str) -> Scenario {
    space::<L>(title)
        .process_with("holder", ready::<L>, |me, lock| {
            let guard = on_time(me, "lock", || lock.take(How::Lock));
            let guard = guard.unwrap_or_else(|error| panic!("{error:?}"));
            let again = me.attempt("lock", || lock.take(How::Lock));
            assert!(matches!(again, Err(LockError::Deadlock)), "{again:?}");
            let again = me.attempt("try_lock", || lock.take(How::Try));
            assert!(matches!(again, Err(LockError::Deadlock)), "{again:?}");
            add(me, guard);
        })
        .process_with("adder", ready::<L>, |me, lock| turn(me, &lock, How::Lock, false))
        .end(|end| adds_up(end, 2))
}

/// A thread ends with its guard forgotten: the lock goes to the next one, who is told; and to the next thread of its process.
fn forgets<L: Lock>(title: &str) -> Scenario {
    let next = |me: &Process, lock: &L| match on_time(me, "lock", || lock.take(How::Lock)) {
        Ok(guard) => {
            let [first, second] = guard.get();
            assert_eq!(first, second, "half a change, and nobody said so");
        }
        Err(LockError::OwnerDied(died)) => {
            let mut guard = died.into_guard();
            guard.set([7, 7]);
            guard.mark_consistent();
            me.note("told", 1);
        }
        Err(error) => panic!("{error:?}"),
    };
    space::<L>(title)
        .process_with("forgetful", ready::<L>, move |me, lock| {
            match on_time(me, "lock", || lock.take(How::Lock)) {
                Ok(mut guard) => {
                    guard.set([1, 0]);
                    core::mem::forget(guard);
                }
                Err(error) => panic!("{error:?}"),
            }
            me.attempt("end of the thread", || me.end_thread());
            next(me, &lock);
        })
        .process_with("heir", ready::<L>, move |me, lock| next(me, &lock))
        .end(|end| match end.values("told").len() {
            1 => Ok(()),
            times => Err(format!("one thread ended with the lock, and it was told {times} times")),
        })
}

/// The scenarios of this file.
#[must_use]
pub(super) fn all() -> Vec<Entry> {
    const WEAK: Bounds = Bounds::WEAK;
    type M = Mutex<Pair>;
    type S = SpinLock<Pair>;
    vec![
        Entry::new(adders::<M>("mutex2", 2, 2).wakes_are_due(), WEAK, "2 take a mutex twice each"),
        Entry::new(adders::<M>("mutex3", 3, 1).wakes_are_due(), WEAK, "3 take a mutex once each"),
        Entry::new(heirs::<M>("mutex2-kill", 2), WEAK.kills(1), "2 take a mutex, one is killed anywhere"),
        Entry::new(
            heirs::<M>("mutex2-lingers", 2),
            WEAK.kills(1).lingering(),
            "the holder runs on after the kernel has marked it, and is not robbed",
        ),
        Entry::new(
            heirs::<M>("mutex3-kill", 3),
            Bounds::STRONG.kills(1).spurious(1),
            "3 take it, one is killed anywhere; one leaves the value as it is, and the next is told again",
        ),
        Entry::new(
            heirs::<M>("mutex3-kill2", 3),
            Bounds::STRONG.kills(2),
            "the same, two killed: one who repairs may die as well",
        ),
        Entry::new(
            and_a_last::<M>(heirs::<M>("mutex2-kill2", 2)),
            Bounds::STRONG.kills(2),
            "2 take it, both may be killed, and a last one finds it in order, or is told",
        ),
        Entry::new(
            trier_and_heirs::<M>("mutex3-try-kill2", 3),
            Bounds::STRONG.kills(2),
            "one tries, 2 wait, two are killed: a holder, and who takes over from it",
        ),
        Entry::new(tries::<M>("mutex-try").wakes_are_due(), WEAK, "2 locks, 2 tries"),
        Entry::new(
            deadlines::<M>("mutex-until", HOLD).wakes_are_due_beyond(HOLD * 2),
            WEAK,
            "one waits until a deadline, one for ever: the one whose time is up does not keep the wake-up",
        ),
        Entry::new(relocks::<M>("mutex-again").wakes_are_due(), WEAK, "who has it is refused it"),
        Entry::new(forgets::<M>("mutex-forgotten"), WEAK, "a thread ends with its guard forgotten"),
        Entry::new(adders::<S>("spin2", 2, 2), WEAK, "2 take a spinlock twice each"),
        Entry::new(adders::<S>("spin3", 3, 1), WEAK, "3 take a spinlock once each"),
        Entry::new(
            heirs::<S>("spin2-kill", 2),
            WEAK.kills(1).lingering(),
            "2 take it, one is killed anywhere",
        ),
        Entry::new(heirs::<S>("spin3-kill", 3), Bounds::STRONG.kills(1), "3 take it, one is killed anywhere"),
        Entry::new(tries::<S>("spin-try"), WEAK, "2 locks, 2 tries"),
        Entry::new(relocks::<S>("spin-again"), WEAK, "who has it is refused it"),
        Entry::new(forgets::<S>("spin-forgotten"), WEAK, "a thread ends with its guard forgotten"),
    ]
}
