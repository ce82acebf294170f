//! Semaphores: who is let by sees what was done before the release, and no more are let by than were released.
//!
//! ```text
//!   release   cell written ─ release            acquire ─ cell read: a race, if the one does not bring the other
//!   gave      permits, noted before the release that adds them
//!   took      noted when an acquire has returned
//! ```

use super::{Entry, LINE_AT, space};
use crate::explorer::scenario::{End, Process, Scenario};
use crate::explorer::world::Bounds;
use ringway_shm::primitive::{Ordering, kernel};
use ringway_sync::{AcquireError, BinarySemaphore, Deadline, Semaphore, Shared};
use std::time::Duration;

/// Longer than a tick, by which a wake-up that died with somebody is made up for.
const PATIENCE: Duration = Duration::from_millis(600);
/// Until a release that comes late.
const SOON: Duration = Duration::from_millis(2);

/// Words behind the line of a semaphore, for what is said beside it.
const SIGNALS: usize = 8;

fn ready<S: Shared>(me: &Process) -> S {
    S::attach(&me.region()).expect("a semaphore lies there")
}

/// Releases so many permits at once; what it did before is in its cell.
fn gives(me: &Process, semaphore: &Semaphore, permits: u32) {
    me.put(me.body(), 7);
    me.note("gave", u64::from(permits));
    me.attempt("release", || semaphore.release(permits)).expect("room for a few");
}

fn takes(me: &Process, semaphore: &Semaphore) {
    me.wait_for_ever("acquire", || semaphore.acquire()).expect("it waits");
    me.note("took", 1);
}

/// The same, as long as the wake-up of a dead one takes.
fn takes_in_time(me: &Process, semaphore: &Semaphore, patience: Duration) -> bool {
    let until = Deadline::after(patience);
    match me.wait("try_acquire_until", patience, || semaphore.try_acquire_until(until)) {
        Ok(()) => me.note("took", 1),
        Err(AcquireError::TimedOut) => {
            me.note("gave up", 1);
            return false;
        }
        Err(error) => panic!("{error:?}"),
    }
    true
}

/// No more were let by than were released; and all of them are accounted for, if nobody was killed. Who gave up found none.
fn balances(end: &End<'_>) -> Result<(), String> {
    let gave: u64 = end.values("gave").iter().sum();
    let (took, left) = (end.values("took").len() as u64, end.word_at(LINE_AT) >> 1);
    let is_right = if end.is_undisturbed() { took + left == gave } else { took + left <= gave };
    if !is_right {
        return Err(format!("{gave} released, {took} let by, {left} left"));
    }
    let is_missed = left > 0 && end.notes("gave up").any(|_| true);
    if is_missed { Err(format!("one gave up, and {left} are left")) } else { Ok(()) }
}

/// So many permits are released by each of these, and taken by each of those.
fn meeting(title: &str, gifts: &[&'static [u32]], wishes: &[usize]) -> Scenario {
    let mut scenario = space::<Semaphore>(title).end(balances).wakes_are_due();
    for (number, &permits) in gifts.iter().enumerate() {
        let name = format!("giver{number}");
        scenario = scenario.process_with(name, ready::<Semaphore>, |me, semaphore| {
            permits.iter().for_each(|&permits| gives(me, &semaphore, permits));
        });
    }
    let givers = gifts.len();
    let is_all = wishes.len() == 1;
    for (number, &wanted) in wishes.iter().enumerate() {
        let name = format!("taker{number}");
        scenario = scenario.process_with(name, ready::<Semaphore>, move |me, semaphore| {
            (0..wanted).for_each(|_| takes(me, &semaphore));
            // Who takes all that were released has what all did. (Of several it is not known from whom each has its own.)
            let seen = if is_all || givers == 1 { givers } else { 0 };
            (0..seen).for_each(|giver| assert_eq!(me.get(giver), 7));
        });
    }
    scenario
}

/// The same, and one may be killed anywhere: who still waits when there is a permit was missed.
fn mortal(title: &str, takers: usize) -> Scenario {
    let mut scenario = space::<Semaphore>(title).end(balances);
    for number in 0..2 {
        scenario = scenario.process_with(format!("giver{number}"), ready::<Semaphore>, |me, semaphore| {
            gives(me, &semaphore, 1);
        });
    }
    for number in 0..takers {
        scenario = scenario.process_with(format!("taker{number}"), ready::<Semaphore>, |me, semaphore| {
            takes_in_time(me, &semaphore, PATIENCE);
        });
    }
    scenario
}

/// One waits until a deadline, one as long as it takes, and the permit comes late: at the deadline.
fn deadlines(title: &str) -> Scenario {
    space::<Semaphore>(title)
        .end(balances)
        .wakes_are_due_beyond(SOON)
        .process_with("timed", ready::<Semaphore>, |me, semaphore| {
            if takes_in_time(me, &semaphore, SOON) {
                gives(me, &semaphore, 1);
            }
        })
        .process_with("patient", ready::<Semaphore>, |me, semaphore| takes(me, &semaphore))
        .process_with("giver", ready::<Semaphore>, |me, semaphore| {
            kernel::pause(SOON);
            gives(me, &semaphore, 1);
        })
}

/// Tries, and somebody who waits.
fn tries(title: &str) -> Scenario {
    space::<Semaphore>(title)
        .end(balances)
        .wakes_are_due()
        .process_with("giver", ready::<Semaphore>, |me, semaphore| {
            gives(me, &semaphore, 1);
            gives(me, &semaphore, 1);
        })
        .process_with("trier", ready::<Semaphore>, |me, semaphore| {
            match me.attempt("try_acquire", || semaphore.try_acquire()) {
                Ok(()) => me.note("took", 1),
                Err(error) => assert_eq!(error, AcquireError::WouldBlock),
            }
        })
        .process_with("taker", ready::<Semaphore>, |me, semaphore| takes(me, &semaphore))
}

/// A binary semaphore, released by several, at which so many wait once each, as long as a tick takes: there are releases enough
/// only if they do not meet, so one may give up, and then none is left.
fn binary(title: &str, givers: usize, takers: usize) -> Scenario {
    let mut scenario = space::<BinarySemaphore>(title).end(|end| {
        let (gave, took) = (end.values("gave").len(), end.values("took").len());
        let left = end.word_at(LINE_AT) >> 1;
        let is_missed = left > 0 && end.notes("gave up").any(|_| true);
        if left <= 1 && took + left as usize <= gave && !is_missed {
            Ok(())
        } else {
            Err(format!("{gave} releases, {took} let by, {left} left"))
        }
    });
    for number in 0..givers {
        let name = format!("giver{number}");
        scenario = scenario.process_with(name, ready::<BinarySemaphore>, |me, semaphore| {
            me.put(me.body(), 7);
            me.note("gave", 1);
            me.attempt("release", || semaphore.release()).expect("it has no end");
        });
    }
    for number in 0..takers {
        let name = format!("taker{number}");
        scenario = scenario.process_with(name, ready::<BinarySemaphore>, move |me, semaphore| {
            let until = Deadline::after(PATIENCE);
            match me.wait("try_acquire_until", PATIENCE, || semaphore.try_acquire_until(until)) {
                Ok(()) => me.note("took", 1),
                Err(error) => {
                    assert_eq!(error, AcquireError::TimedOut);
                    return me.note("gave up", 1);
                }
            }
            if givers == 1 {
                assert_eq!(me.get(0), 7);
            }
        });
    }
    scenario
}

/// Two release what is one, and whoever is let by looks at all that was done: of a release of one that is there already, too.
fn signals(title: &str) -> Scenario {
    let signal = |me: &Process, semaphore: BinarySemaphore| {
        // Relaxed: the semaphore brings it.
        me.word(SIGNALS + me.body()).store(1, Ordering::Relaxed);
        me.attempt("release", || semaphore.release()).expect("it has no end");
    };
    space::<BinarySemaphore>(title)
        .wakes_are_due()
        .process_with("giver0", ready::<BinarySemaphore>, signal)
        .process_with("giver1", ready::<BinarySemaphore>, signal)
        .process_with("taker", ready::<BinarySemaphore>, |me, semaphore| {
            // Relaxed: as above.
            while !(0..2).all(|giver| me.word(SIGNALS + giver).load(Ordering::Relaxed) == 1) {
                me.wait_for_ever("acquire", || semaphore.acquire()).expect("it waits");
            }
        })
}

/// The scenarios of this file.
#[must_use]
pub(super) fn all() -> Vec<Entry> {
    const WEAK: Bounds = Bounds::WEAK;
    vec![
        Entry::new(meeting("semaphore", &[&[1, 1]], &[2]), WEAK, "2 permits released, and taken by one"),
        Entry::new(
            meeting("semaphore-two", &[&[2]], &[1, 1]),
            Bounds::STRONG,
            "2 permits released at once, 2 take one each",
        ),
        Entry::new(
            meeting("semaphore-givers", &[&[1], &[1]], &[2]),
            Bounds::STRONG.spurious(1),
            "2 release one each, one takes both: the bit of a sleeper is forgotten by one, and set again",
        ),
        Entry::new(
            meeting("semaphore-pairs", &[&[1], &[1]], &[1, 1]),
            Bounds::STRONG,
            "2 release one each, 2 take one each",
        ),
        Entry::new(
            mortal("semaphore-kill", 1),
            Bounds::STRONG.kills(1),
            "2 release, one takes, one of them is killed",
        ),
        Entry::new(
            mortal("semaphore-kill-takers", 2),
            Bounds::STRONG.kills(1),
            "2 release, 2 take, one of them is killed",
        ),
        Entry::new(
            deadlines("semaphore-until"),
            WEAK,
            "one waits until a deadline, at which the permit comes",
        ),
        Entry::new(tries("semaphore-try"), Bounds::STRONG, "one tries, one waits"),
        Entry::new(binary("binary", 1, 2), WEAK, "one release, 2 wait"),
        Entry::new(binary("binary2", 2, 2), Bounds::STRONG, "2 releases, 2 wait"),
        Entry::new(binary("binary-kill", 2, 1), WEAK.kills(1), "2 releases, one waits, one is killed"),
        Entry::new(signals("binary-signals"), WEAK, "2 signal, one waits until it has seen what both did"),
    ]
}
