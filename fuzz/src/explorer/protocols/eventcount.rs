//! The eventcount alone: who publishes and rings, who looks and sleeps.
//!
//! ```text
//!   word 0    the eventcount
//!   word 1    items published
//!   cell n    what an item is: written before it is published, read after it was found
//! ```

use super::Entry;
use crate::explorer::scenario::{Process, Scenario};
use crate::explorer::world::Bounds;
use ringway_shm::primitive::Ordering;
use ringway_sync::{Deadline, Ringer, Sleeper};
use std::time::Duration;

/// The eventcount.
const BELL: usize = 0;
/// The count of items of the first ringer, behind it that of the second.
const ITEMS: usize = 1;

/// Publishes items, one after the other, and rings for each.
fn rings(me: &Process, ringer: &mut Ringer, which: usize, items: u64) {
    for item in 1..=items {
        me.put(which, item);
        // Release: the item is there. Pairs with the Acquire in `look`.
        me.word(ITEMS + which).store(item, Ordering::Release);
        ringer.ring(&me.eventcount(BELL));
    }
}

/// Are there as many items as are waited for?
fn look(me: &Process, ringers: usize, items: u64) -> bool {
    (0..ringers).all(|which| me.word(ITEMS + which).load(Ordering::Acquire) >= items)
}

/// Waits until every ringer has published so many.
fn waits(me: &Process, sleeper: &mut Sleeper, ringers: usize, items: u64) {
    let mut is_first = true;
    while !look(me, ringers, items) {
        let ticket = sleeper.prepare(&me.eventcount(BELL));
        if look(me, ringers, items) {
            break;
        }
        sleeper.sleep(&me.eventcount(BELL), ticket, None, Deadline::NEVER, is_first);
        is_first = false;
    }
    // Nobody writes the last item again.
    for which in 0..ringers {
        assert_eq!(me.get(which), items);
    }
}

/// So many ringers and sleepers.
fn meeting(name: &str, ringers: usize, sleepers: usize, items: u64) -> Scenario {
    let mut scenario = Scenario::new(name).words(4).wakes_are_due();
    for which in 0..ringers {
        let set_up = |me: &Process| Ringer::at(&me.eventcount(BELL));
        let name = if ringers == 1 { "ringer".to_owned() } else { format!("ringer-{which}") };
        scenario =
            scenario.process_with(name, set_up, move |me, mut ringer| rings(me, &mut ringer, which, items));
    }
    for which in 0..sleepers {
        let name = if sleepers == 1 { "sleeper".to_owned() } else { format!("sleeper-{which}") };
        scenario = scenario.process(name, move |me| {
            let mut sleeper = Sleeper::new();
            me.wait_for_ever("wait", || waits(me, &mut sleeper, ringers, items));
        });
    }
    scenario
}

/// A sleeper that has slept so often that it asks its one ringer for fences at the next sleep.
fn tired(me: &Process) -> Sleeper {
    let mut sleeper = Sleeper::of_one_ringer();
    for _ in 0..7 {
        let ticket = sleeper.prepare(&me.eventcount(BELL));
        sleeper.sleep(&me.eventcount(BELL), ticket, None, Deadline::NEVER, true);
    }
    sleeper
}

fn waits_for_each(me: &Process, sleeper: &mut Sleeper, items: u64) {
    for item in 1..=items {
        me.wait_for_ever("wait", || {
            let mut is_first = true;
            while !look(me, 1, item) {
                let ticket = sleeper.prepare(&me.eventcount(BELL));
                if look(me, 1, item) {
                    break;
                }
                sleeper.sleep(&me.eventcount(BELL), ticket, None, Deadline::NEVER, is_first);
                is_first = false;
            }
        });
    }
}

/// A sleeper that asks for fences, and a ringer that learns of it.
fn asking(name: &str, items: u64) -> Scenario {
    Scenario::new(name)
        .words(4)
        .wakes_are_due()
        .process_with(
            "ringer",
            |me| Ringer::at(&me.eventcount(BELL)),
            move |me, mut ringer| rings(me, &mut ringer, 0, items),
        )
        .process_with("sleeper", tired, move |me, mut sleeper| waits_for_each(me, &mut sleeper, items))
}

/// A sleeper that has asked for fences, and a ringer that has fenced for nobody so often that it takes that back.
fn taking_back(name: &str, items: u64) -> Scenario {
    Scenario::new(name)
        .words(4)
        .wakes_are_due()
        .process_with(
            "sleeper",
            |me| {
                let mut sleeper = tired(me);
                let _announced = sleeper.prepare(&me.eventcount(BELL));
                sleeper
            },
            move |me, mut sleeper| waits_for_each(me, &mut sleeper, items),
        )
        .process_with(
            "ringer",
            |me| {
                let mut ringer = Ringer::at(&me.eventcount(BELL));
                (0..64).for_each(|_| ringer.ring(&me.eventcount(BELL)));
                ringer
            },
            move |me, mut ringer| rings(me, &mut ringer, 0, items),
        )
}

/// One of them may be killed anywhere: what was published is found all the same, by the next look after a tick at the latest.
fn mortal(name: &str, items: u64) -> Scenario {
    let patience = Duration::from_secs(1);
    Scenario::new(name)
        .words(4)
        .process_with(
            "ringer",
            |me| Ringer::at(&me.eventcount(BELL)),
            move |me, mut ringer| rings(me, &mut ringer, 0, items),
        )
        .process("sleeper", move |me| {
            let mut sleeper = Sleeper::new();
            me.wait("wait", patience, || {
                let deadline = Deadline::after(patience);
                let mut is_first = true;
                while !look(me, 1, items) && !deadline.has_passed() {
                    let ticket = sleeper.prepare(&me.eventcount(BELL));
                    if look(me, 1, items) {
                        break;
                    }
                    sleeper.sleep(&me.eventcount(BELL), ticket, None, deadline, is_first);
                    is_first = false;
                }
            });
            me.note(if look(me, 1, items) { "found" } else { "gave up" }, 1);
        })
        .end(move |end| {
            let has_missed = end.word(ITEMS) == items && !end.values("gave up").is_empty();
            if has_missed { Err("what was published was not found".to_owned()) } else { Ok(()) }
        })
}

/// A sleeper or a ringer in a sandbox that refuses `membarrier`. Until a ringer has learned that it has to fence, sleeps end by
/// a slice of a millisecond; after that, by a wake-up.
fn sandboxed(name: &str, process: &str, items: u64) -> Scenario {
    Scenario::new(name)
        .words(4)
        .wakes_are_due_beyond(Duration::from_millis(2))
        .refuses_heavy_fences(process)
        .process_with(
            "ringer",
            |me| Ringer::at(&me.eventcount(BELL)),
            move |me, mut ringer| rings(me, &mut ringer, 0, items),
        )
        .process("sleeper", move |me| waits_for_each(me, &mut Sleeper::new(), items))
}

/// The scenarios of this file.
#[must_use]
pub fn all() -> Vec<Entry> {
    const WEAK: Bounds = Bounds::WEAK;
    vec![
        Entry::new(
            meeting("bell", 1, 1, 2),
            WEAK.spurious(1),
            "1 ringer of 2 items, 1 sleeper, 1 spurious wake",
        ),
        Entry::new(mortal("bell-kill", 2), WEAK.kills(1), "1 ringer of 2 items, 1 sleeper, one killed"),
        Entry::new(meeting("bell-ringers", 2, 1, 1), WEAK, "2 ringers of 1 item, 1 sleeper"),
        Entry::new(meeting("bell-sleepers", 1, 2, 1), WEAK, "1 ringer of 1 item, 2 sleepers"),
        Entry::new(
            meeting("bell-refused", 1, 1, 2),
            WEAK.faults(2),
            "as the first, 2 calls refused, membarrier among them",
        ),
        Entry::new(asking("bell-asked", 1), WEAK, "a sleeper that asks for fences, 1 item"),
        Entry::new(asking("bell-asking", 2), WEAK, "a sleeper that asks for fences, 2 items"),
        Entry::new(
            sandboxed("bell-sleeper-refused", "sleeper", 2),
            WEAK,
            "a sleeper without membarrier, 2 items",
        ),
        Entry::new(
            sandboxed("bell-ringer-refused", "ringer", 2),
            WEAK,
            "a ringer without membarrier, 2 items",
        ),
        Entry::new(taking_back("bell-taking-back", 2), WEAK, "a ringer that takes them back, 2 items"),
    ]
}
