//! Primitives in shared memory: locks, semaphores, permits, barriers.
//!
//! ```text
//!   region    of kind SPACE: the primitive, and behind it cells of payload
//!   always    what is guarded is payload, so that two at a time are a race, and a missing Acquire or Release is one
//! ```

mod barriers;
mod locks;
mod permits;
mod semaphores;
mod starving;

use super::Entry;
use crate::explorer::scenario::{Process, Scenario};
use ringway_shm::primitive::kernel;
use ringway_shm::{Blueprint, Owner, Region, layout};
use ringway_sync::Shared;
use ringway_sync::layout::{KIND_SPACE, KIND_VERSION, SPACE};
use std::time::Duration;

/// Longer than a wait that ends by its tick, or by two where two are killed, and by those who are dying.
const LATE: Duration = Duration::from_millis(600);

/// Where the primitive lies in the region: behind the superblock and the table of participants.
const LINE_AT: u64 = layout::PAGE * 2;
/// Where what it guards lies, or its cells.
const BEHIND_AT: u64 = LINE_AT + ringway_sync::layout::BEHIND as u64;

/// A region of one primitive, with cells of payload, and rows for eight.
fn space<S: Shared>(title: &str) -> Scenario {
    Scenario::new(title).region(|| {
        let blueprint = Blueprint::new(KIND_SPACE, KIND_VERSION).fingerprint(S::FINGERPRINT).rows(8);
        let blueprint = blueprint.and_then(|blueprint| blueprint.section(SPACE, S::LEN as u64));
        // As that of `Scenario::words`, so that its cells are known.
        let blueprint = blueprint.and_then(|with| with.section(layout::FIRST_OWN + 1, layout::PAGE));
        Region::anonymous(&blueprint.expect("a small region")).expect("a region of a few pages")
    })
}

/// A call that waits for others, and is over in time: when a wake-up died with somebody, by the ticks.
fn on_time<R>(me: &Process, name: &'static str, call: impl FnOnce() -> R) -> R {
    within(me, name, LATE, call)
}

fn within<R>(me: &Process, name: &'static str, longest: Duration, call: impl FnOnce() -> R) -> R {
    let began = kernel::now();
    let answer = me.wait_for_ever(name, call);
    let took = kernel::now() - began;
    assert!(took <= longest, "{name} took {took:?}");
    answer
}

/// Says who a process is, to those who are told of its death.
fn says_who(me: &Process, owner: Owner) {
    me.note("owner", owner.to_bits());
}

/// Is somebody who said who it is dead, or about to be?
fn is_doomed(me: &Process, owner: Owner) -> bool {
    me.at_this_moment(|now| {
        let mut notes = now.notes("owner").filter(|note| note.value == owner.to_bits());
        notes.any(|note| now.is_doomed(note.process))
    })
}

/// Is anybody of so many dead, or about to be?
fn is_anybody_doomed(me: &Process, parties: usize) -> bool {
    me.at_this_moment(|now| (0..parties).any(|body| now.is_doomed(body)))
}

/// Those of which every run takes longer than a few seconds: explored by name.
const LONG: &[&str] = &[
    "mutex3-kill",
    "mutex3-kill2",
    "mutex3-try-kill2",
    "spin3-kill",
    "binary2",
    "semaphore-givers",
    "semaphore-pairs",
    "semaphore-kill",
    "semaphore-kill-takers",
    "permits-again",
    "permits-kill2",
    "permits-until",
    "permits3",
    "permits3-kill2",
    "permits-held3-kill2",
    "barrier-anew",
    "barrier-anew-kill",
    "barrier-anew-drop-kill",
    "barrier-arrive-and-drop3",
    "barrier-dropped-seat",
    "barrier-join",
    "barrier-join-kill",
    "barrier-left",
    "barrier-left-drop",
    "barrier-newcomer",
    "barrier-seat",
    "barrier-seat-kill",
    "barrier2-lingers",
    "barrier2-drop-lingers",
    "barrier2-phases",
    "barrier2-phases-kill",
    "barrier3",
    "barrier3-kill",
    "barrier3-kill2",
    "barrier3-drop-kill",
    "barrier3-last-drop-kill2",
    "barrier3-drop-kill2",
];

/// The scenarios of these files.
#[must_use]
pub fn all() -> Vec<Entry> {
    let files = [locks::all(), starving::all(), semaphores::all(), permits::all(), barriers::all()];
    let all = files.into_iter().flatten();
    let is_long = |entry: &Entry| LONG.contains(&entry.scenario.name());
    all.map(|entry| if is_long(&entry) { entry.on_demand() } else { entry }).collect()
}
