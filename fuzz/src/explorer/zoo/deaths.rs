//! A death in the middle, or a delay that was taken for one.
//!
//! | exhibit | after |
//! |---|---|
//! | queue | Vyukov, "Bounded MPMC queue", <https://www.1024cores.net/home/lock-free-algorithms/queues/bounded-mpmc-queue> |
//! | lease | Gray and Cheriton, "Leases", 1989, on what a lease is worth without a clock that bounds the holder |
//! | record | the commit mark of every journal, which goes last |

use super::Exhibit;
use crate::explorer::scenario::{Process, Scenario};
use crate::explorer::world::Bounds;
use crate::linear::FifoAnswer::{self, Empty, Popped, Pushed};
use crate::linear::FifoOperation::{Pop, Push};
use crate::linear::{Fifo, linearize};
use ringway_shm::ClaimError;
use ringway_shm::primitive::Ordering::{Acquire, Relaxed, Release};
use ringway_shm::primitive::{kernel, spin_hint};
use std::time::Duration;

/// Slots of the queue; each has a number that says whose turn it is.
const SLOTS: u64 = 2;
const TAIL: usize = 0;
const HEAD: usize = 1;
const NUMBERS: usize = 2;

fn slot(position: u64) -> usize {
    (position % SLOTS) as usize
}

/// Claims the next position, and then writes and publishes its slot. There is always room.
fn push(me: &Process, value: u64) -> FifoAnswer {
    loop {
        let position = me.word(TAIL).load(Relaxed);
        let number = me.word(NUMBERS + slot(position));
        // Acquire: the slot has been read. Pairs with the Release of the pop of the lap before.
        if number.load(Acquire) == position
            && me.word(TAIL).compare_exchange(position, position + 1, Relaxed, Relaxed).is_ok()
        {
            me.put(slot(position), value);
            // Release: pairs with the Acquire of the pop.
            number.store(position + 1, Release);
            return Pushed;
        }
    }
}

/// Takes the oldest. A position that is claimed and not published is waited for if `waits`, and nothing otherwise.
fn pop(me: &Process, waits: bool) -> FifoAnswer {
    let position = me.word(HEAD).load(Relaxed);
    let number = me.word(NUMBERS + slot(position));
    // Acquire: the slot has been written. Pairs with the Release of the push.
    while number.load(Acquire) != position + 1 {
        if !waits || me.word(TAIL).load(Acquire) == position {
            return Empty;
        }
        spin_hint();
    }
    // Relaxed: there is one who pops.
    me.word(HEAD).store(position + 1, Relaxed);
    let value = me.get(slot(position));
    number.store(position + SLOTS, Release);
    Popped(value)
}

/// Two push one value each, and one pops twice, in such calls.
fn queue(name: &str, popper: impl Fn(&Process) + 'static) -> Scenario {
    let number = |me: &Process| {
        for position in 0..SLOTS {
            me.word(NUMBERS + slot(position)).store(position, Relaxed);
        }
    };
    let pusher = |me: &Process| {
        let value = 1 + me.body() as u64;
        me.operation(Push(value), || push(me, value));
    };
    Scenario::new(name)
        .words(4)
        .process_with("ann", number, move |me, ()| pusher(me))
        .process("bob", pusher)
        .process("popper", popper)
}

fn queue_that_waits(name: &str) -> Scenario {
    queue(name, |me| {
        for _ in 0..2 {
            me.wait_for_ever("pop", || me.operation(Pop, || pop(me, true)));
        }
    })
    .end(|end| linearize(Fifo::default(), &end.history()).map(drop).map_err(|error| error.to_string()))
}

fn queue_tried(name: &str, waits: bool) -> Scenario {
    queue(name, move |me| {
        for _ in 0..2 {
            if let Popped(value) = me.attempt("pop", || pop(me, waits)) {
                me.note("popped", value);
            }
        }
    })
    .end(|end| match end.values("popped")[..] {
        [] | [1 | 2] | [1, 2] | [2, 1] => Ok(()),
        ref popped => Err(format!("popped {popped:?}")),
    })
}

/// How long a lock is its holder's.
const LEASE_NS: u64 = 1_000_000;

/// A lock word that holds the moment from which on its holder is thought to be dead; 0 if there is none.
fn lease(name: &str) -> Scenario {
    let user = |me: &Process| {
        let lock = me.word(0);
        loop {
            // Relaxed: the exchange looks again.
            let until = lock.load(Relaxed);
            let now = kernel::now().as_nanos() as u64;
            if until > now {
                kernel::pause(Duration::from_nanos(until - now));
            } else if lock.compare_exchange(until, now + LEASE_NS, Acquire, Relaxed).is_ok() {
                break;
            }
        }
        me.put(0, 1);
        // Release: pairs with the Acquire of the next one.
        lock.store(0, Release);
    };
    Scenario::new(name).words(1).process("ann", user).process("bob", user)
}

/// The same by a role of the region: it is free when its holder has given it back, or is proven to be dead.
fn role(name: &str) -> Scenario {
    let user = |me: &Process| match me.region().claim(0) {
        Ok(claim) => {
            me.put(0, 1);
            drop(claim);
        }
        Err(ClaimError::Taken) => {}
        Err(error) => panic!("{error}"),
    };
    Scenario::new(name).words(1).process("ann", user).process("bob", user)
}

/// A record of two words and its mark. A writer that is started again goes by the mark, and says when all is done.
fn record(name: &str, is_marked_last: bool) -> Scenario {
    let write = |me: &Process| {
        me.word(2).store(7, Relaxed);
        me.word(3).store(7, Relaxed);
    };
    Scenario::new(name)
        .words(4)
        .process("writer", move |me| {
            let (mark, is_done) = (me.word(0), me.word(1));
            // Acquire: an earlier life has written the record. Pairs with the Release of the mark.
            if mark.load(Acquire) == 0 {
                if is_marked_last {
                    write(me);
                    mark.store(1, Release);
                } else {
                    mark.store(1, Release);
                    write(me);
                }
            }
            // Release: publishes the record. Pairs with the Acquire of the reader.
            is_done.store(1, Release);
        })
        .process("reader", |me| {
            if me.word(1).load(Acquire) == 1 {
                let words = (me.word(2).load(Relaxed), me.word(3).load(Relaxed));
                assert_eq!(words, (7, 7), "half a record");
            }
        })
}

pub(super) fn all() -> Vec<Exhibit> {
    let strong = Bounds::STRONG;
    vec![
        Exhibit::new(queue_that_waits("queue-killed"), strong.kills(1), "livelock")
            .about("a dead pusher's slot is never published, and all behind it are out of reach")
            .scope("one dies, one pushes behind it, one pops; no stale read is needed for it")
            .mended_within(queue_that_waits("queue-not-killed"), strong),
        Exhibit::new(queue_tried("queue-waited-for", true), strong, "wedged")
            .about("a try to pop waits for a pusher that is slow, or dead")
            .scope("one claims, one tries: any moment between claim and publication will do")
            .missed_by_chance("a run by chance has no process run alone: it finds that nobody gets anywhere")
            .mended_within(queue_tried("queue-passed-over", false), strong.kills(1)),
        Exhibit::new(lease("lease"), Bounds::WEAK.early(1), "race")
            .about("a holder that is merely slow is thought to be dead")
            .scope("one lease that runs out early; two users need no second one")
            .mended_within(role("role"), Bounds::WEAK.early(1).kills(1)),
        Exhibit::new(record("record-marked-first", false), strong.kills(1).restarts(1), "panic")
            .about("a mark that went first says of half a record that it is whole")
            .scope("one death and one life after it; the reader looks once")
            .mended_within(record("record-marked-last", true), Bounds::WEAK.kills(1).restarts(1)),
    ]
}
