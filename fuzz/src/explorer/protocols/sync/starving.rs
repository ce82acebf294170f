//! A mutex with somebody who is passed over: from a millisecond on it is next.
//!
//! ```text
//!   passer    holds the lock for two milliseconds, again and again, and takes it back as it has just given it
//!   starver   waits; woken in vain once or twice, it says that it starves, and is next
//! ```

use super::locks::{HOLD, How, Lock, Pair, add, ready};
use super::{Entry, LATE, space, within};
use crate::explorer::scenario::{Process, Scenario};
use crate::explorer::world::Bounds;
use ringway_shm::primitive::kernel;
use ringway_sync::{Guard, LockError, Mutex};
use std::time::Duration;

type M = Mutex<Pair>;

/// What is left of the current hold, one in which its patience ends, and one in which it is next already.
const PASSED_OVER: Duration = Duration::from_millis(4);

/// More tries in a row, a millisecond apart, than there may be in vain: the holds of others, and one wait for somebody who
/// starves.
const TRIES: usize = 12;

/// Holds the lock for a while.
fn hold(me: &Process, guard: Guard<'_, M>) {
    kernel::pause(HOLD);
    add(me, guard);
}

fn got<'a>(me: &Process, taken: Result<Guard<'a, M>, LockError<M>>) -> Option<Guard<'a, M>> {
    match taken {
        Ok(guard) => Some(guard),
        Err(LockError::OwnerDied(died)) => {
            let mut guard = died.into_guard();
            let [first, _] = guard.get();
            guard.set([first, first]);
            guard.mark_consistent();
            me.attempt("unlock", || drop(guard));
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Takes the lock so many times in a row.
fn passes(me: &Process, lock: &M, rounds: usize) {
    for _ in 0..rounds {
        let taken = within(me, "lock", LATE, || lock.take(How::Lock));
        got(me, taken).into_iter().for_each(|guard| hold(me, guard));
    }
}

/// The same by tries.
fn tries(me: &Process, lock: &M, rounds: usize) {
    for _ in 0..rounds {
        let mut in_vain = 0;
        loop {
            match me.attempt("try_lock", || lock.take(How::Try)) {
                Err(LockError::WouldBlock) => {
                    in_vain += 1;
                    assert!(in_vain < TRIES, "{in_vain} tries in vain");
                    kernel::pause(Duration::from_millis(1));
                }
                taken => {
                    got(me, taken).into_iter().for_each(|guard| hold(me, guard));
                    break;
                }
            }
        }
    }
}

fn starver(me: &Process, lock: &M, longest: Duration) {
    let taken = within(me, "lock", longest, || lock.take(How::Lock));
    got(me, taken).into_iter().for_each(|guard| add(me, guard));
}

fn meeting(title: &str, pass: fn(&Process, &M, usize), rounds: usize, longest: Duration) -> Scenario {
    space::<M>(title)
        .process_with("passer", ready::<M>, move |me, lock| pass(me, &lock, rounds))
        .process_with("starver", ready::<M>, move |me, lock| starver(me, &lock, longest))
}

/// Two who starve: the one who gets the lock takes the flag away, and the other sets it again.
fn two(title: &str) -> Scenario {
    meeting(title, passes, 4, PASSED_OVER + HOLD).process_with("second", ready::<M>, |me, lock| {
        starver(me, &lock, PASSED_OVER + HOLD);
    })
}

/// The scenarios of this file.
#[must_use]
pub(super) fn all() -> Vec<Entry> {
    let (plain, killed) = (Bounds::WEAK, Bounds::WEAK.kills(1));
    vec![
        Entry::new(
            meeting("mutex-starving", passes, 4, PASSED_OVER).wakes_are_due_beyond(HOLD),
            plain,
            "one is passed over, and is next after a millisecond",
        ),
        Entry::new(
            two("mutex-starving2").wakes_are_due_beyond(HOLD),
            Bounds::STRONG,
            "two are passed over by one",
        ),
        Entry::new(
            meeting("mutex-starving-kill", passes, 3, LATE),
            killed,
            "the same, one of the two is killed: who is passed over, or who passes, gets on",
        ),
        Entry::new(
            meeting("mutex-starving-try", tries, 3, PASSED_OVER).wakes_are_due_beyond(HOLD),
            plain,
            "tries stand back for one who starves",
        ),
        Entry::new(
            meeting("mutex-starving-try-kill", tries, 3, LATE),
            killed,
            "and for one that has died, no longer than a millisecond",
        ),
    ]
}
