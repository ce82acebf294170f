//! An ordering or a fence that is missing: right wherever memory is sequentially consistent, and nowhere else.
//!
//! | exhibit | after |
//! |---|---|
//! | ring | Lamport, "Specifying Concurrent Program Modules", 1983 |
//! | seqlock | Boehm, "Can Seqlocks Get Along with Programming Language Memory Models?", 2012 |
//! | sleeper | the wait queue of any futex: Franke, Russell and Kirkwood, "Fuss, Futexes and Furwocks", 2002 |
//! | double-checked | Schmidt and Harrison, 1997; Bacon and others, "The Double-Checked Locking is Broken Declaration" |
//! | dekker, peterson | Dijkstra, "Cooperating Sequential Processes", 1965; Peterson, "Myths about the Mutual Exclusion Problem", 1981 |

use super::Exhibit;
use crate::explorer::scenario::{Process, Scenario};
use crate::explorer::world::Bounds;
use ringway_shm::primitive::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};
use ringway_shm::primitive::{fence, kernel, spin_hint};
use std::time::Duration;

/// A fence that may have been forgotten.
type MaybeFence = Option<Ordering>;

fn maybe(order: MaybeFence) {
    if let Some(order) = order {
        fence(order);
    }
}

/// Lamport's ring of two slots: the tail is the producer's, the head the consumer's. The tail is stored with `publish`, and
/// the head is read with `room`.
fn ring(name: &str, publish: Ordering, room: Ordering) -> Scenario {
    const SLOTS: u64 = 2;
    const SENT: u64 = 3;
    let slot = |position: u64| (position % SLOTS) as usize;
    Scenario::new(name)
        .words(2)
        .process("producer", move |me| {
            let (tail, head) = (me.word(0), me.word(1));
            for position in 0..SENT {
                // Acquire: the slot has been read. Pairs with the Release of the head.
                while position - head.load(room) == SLOTS {
                    spin_hint();
                }
                me.put(slot(position), position + 10);
                // Release: the slot has been written. Pairs with the Acquire of the tail.
                tail.store(position + 1, publish);
            }
        })
        .process("consumer", move |me| {
            let (tail, head) = (me.word(0), me.word(1));
            for position in 0..SENT {
                // Acquire: pairs with the Release of the tail.
                while tail.load(Acquire) == position {
                    spin_hint();
                }
                assert_eq!(me.get(slot(position)), position + 10);
                // Release: pairs with the Acquire of the head.
                head.store(position + 1, Release);
            }
        })
}

/// A seqlock: the number is odd while the two words change. One write, one read that gives up if it comes at a bad moment.
fn seqlock(name: &str, writer: MaybeFence, reader: MaybeFence) -> Scenario {
    Scenario::new(name)
        .words(3)
        .process("writer", move |me| {
            me.word(0).store(1, Relaxed);
            // Release: who sees a new word sees that the number is odd. Pairs with the reader's fence.
            maybe(writer);
            me.word(1).store(7, Relaxed);
            me.word(2).store(7, Relaxed);
            // Release: pairs with the Acquire of the reader's first look.
            me.word(0).store(2, Release);
        })
        .process("reader", move |me| {
            let number = me.word(0).load(Acquire);
            let words = (me.word(1).load(Relaxed), me.word(2).load(Relaxed));
            // Acquire: the second look is not older than the words. Pairs with the writer's fence.
            maybe(reader);
            if number % 2 == 0 && me.word(0).load(Relaxed) == number {
                assert_eq!(words.0, words.1, "a torn read");
            }
        })
}

/// A flag, and a bell for whoever waits for it. Each side stores one word and looks at the other's.
fn sleeper(name: &str, publisher: MaybeFence, sleeper: MaybeFence) -> Scenario {
    Scenario::new(name)
        .words(2)
        .process("publisher", move |me| {
            let (flag, waiters, bell) = (me.word(0), me.word(1), me.futex(0));
            flag.store(1, Release);
            // SeqCst: of two who store and then look, one sees the other's store. So does the sleeper.
            maybe(publisher);
            if waiters.load(Relaxed) > 0 {
                bell.fetch_add(1, Release);
                kernel::wake(&bell);
            }
        })
        .process("sleeper", move |me| {
            let (flag, waiters, bell) = (me.word(0), me.word(1), me.futex(0));
            while flag.load(Acquire) == 0 {
                let rung = bell.load(Acquire);
                waiters.store(1, Relaxed);
                // SeqCst: as in the publisher.
                maybe(sleeper);
                if flag.load(Acquire) == 0 {
                    kernel::sleep(&bell, rung, Some(kernel::now() + Duration::from_secs(1)));
                }
                waiters.store(0, Relaxed);
            }
        })
        .wakes_are_due()
}

/// Whoever comes first makes the object, under a lock; whoever finds it made takes no lock. `look` is that first look.
fn double_checked(name: &str, look: Ordering) -> Scenario {
    let user = move |me: &Process| {
        let (is_made, lock) = (me.word(0), me.word(1));
        // Acquire: the object is there. Pairs with the Release below.
        if is_made.load(look) == 0 {
            while lock.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
                spin_hint();
            }
            // Relaxed: it is changed under the lock only.
            if is_made.load(Relaxed) == 0 {
                me.put(0, 7);
                is_made.store(1, Release);
            }
            lock.store(0, Release);
        }
        assert_eq!(me.get(0), 7);
    };
    Scenario::new(name).words(2).process("ann", user).process("bob", user)
}

/// The heart of Dekker's algorithm: raise the own flag, and enter if the other's is down.
fn dekker(name: &str, between: MaybeFence) -> Scenario {
    let user = move |me: &Process| {
        let (own, other) = (me.word(me.body()), me.word(1 - me.body()));
        own.store(1, Release);
        // SeqCst: of two who raise and then look, one sees the other's flag.
        maybe(between);
        if other.load(Acquire) == 0 {
            me.put(0, 1);
        }
        own.store(0, Release);
    };
    Scenario::new(name).words(2).process("ann", user).process("bob", user)
}

/// Peterson's algorithm, with a fence between what it stores and what it reads. `gives_way` says whose turn it is.
fn peterson(name: &str, gives_way: fn(&Process, u64)) -> Scenario {
    let user = move |me: &Process| {
        let (own, other) = (me.word(me.body()), me.word(1 - me.body()));
        let others_turn = 1 - me.body() as u64;
        own.store(1, Release);
        gives_way(me, others_turn);
        // SeqCst: of two who store and then look, one sees what the other stored.
        fence(SeqCst);
        while other.load(Acquire) == 1 && me.word(2).load(Acquire) == others_turn {
            spin_hint();
        }
        me.put(0, 1);
        own.store(0, Release);
    };
    Scenario::new(name).words(3).process("ann", user).process("bob", user)
}

pub(super) fn all() -> Vec<Exhibit> {
    let weak = Bounds::WEAK;
    let full = Some(SeqCst);
    vec![
        Exhibit::new(ring("ring-tail-relaxed", Relaxed, Acquire), weak, "race")
            .about("the tail says that a slot is written, and does not publish it")
            .scope("one message is enough; three go around the ring, for the twin")
            .mended(ring("ring", Release, Acquire)),
        Exhibit::new(ring("ring-head-relaxed", Release, Relaxed), weak, "race")
            .about("a slot is written again that may still be read")
            .scope("the third message in two slots is the first that needs room made")
            .mended(ring("ring", Release, Acquire)),
        Exhibit::new(seqlock("seqlock-writer", None, Some(Acquire)), weak, "panic")
            .about("the words change before the number is seen to be odd")
            .scope("a read is torn by one write already")
            .mended(seqlock("seqlock", Some(Release), Some(Acquire))),
        Exhibit::new(seqlock("seqlock-reader", Some(Release), None), weak, "panic")
            .about("the second look at the number is older than the words")
            .scope("a read is torn by one write already")
            .mended(seqlock("seqlock", Some(Release), Some(Acquire))),
        Exhibit::new(sleeper("sleeper-publisher", None, full), weak, "lost wake-up")
            .about("the flag is raised and nobody is seen who waits for it")
            .scope("one flag and one sleep: a lost wake-up needs no second")
            .mended(sleeper("sleeper", full, full)),
        Exhibit::new(sleeper("sleeper-sleeper", full, None), weak, "lost wake-up")
            .about("it says that it waits, and does not see the flag that was raised before")
            .scope("one flag and one sleep: a lost wake-up needs no second")
            .mended(sleeper("sleeper", full, full)),
        Exhibit::new(double_checked("double-checked-relaxed", Relaxed), weak, "race")
            .about("the object is said to be made, and is not there yet")
            .scope("one makes it, one finds it made")
            .mended(double_checked("double-checked", Acquire)),
        Exhibit::new(dekker("dekker-release-acquire", None), weak, "race")
            .about("both raise their flags, and neither sees the other's")
            .scope("two that try once: whether they wait or give up is nothing to who may enter")
            .mended(dekker("dekker", full)),
        Exhibit::new(
            peterson("peterson-turn-stored", |me, turn| me.word(2).store(turn, Release)),
            weak,
            "race",
        )
        .about("who gives way last has not seen that the other did, nor the other's flag")
        .scope("two that enter once each")
        .mended(peterson("peterson", |me, turn| {
            // AcqRel: who gives way last sees the flag of who did so before.
            me.word(2).swap(turn, AcqRel);
        })),
    ]
}
