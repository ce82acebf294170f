//! A message whose flag does not publish it: something to find, for whoever wants to see what a failure looks like.

use super::Entry;
use crate::explorer::scenario::Scenario;
use crate::explorer::world::Bounds;
use ringway_shm::primitive::Ordering::{Acquire, Relaxed};

/// The scenario. It is not one of [`all`](super::all).
#[must_use]
pub fn entry() -> Entry {
    let scenario = Scenario::new("planted")
        .words(2)
        .process("sender", |me| {
            me.word(0).store(7, Relaxed);
            // Relaxed where Release belongs: the message may come after its flag.
            me.word(1).store(1, Relaxed);
        })
        .process("receiver", |me| {
            if me.word(1).load(Acquire) == 1 {
                let message = me.word(0).load(Relaxed);
                assert_eq!(message, 7, "the message");
            }
        })
        .process("bystander", |me| {
            let _ = me.word(1).load(Relaxed);
        });
    Entry::new(scenario, Bounds::WEAK, "a planted mistake: a flag that does not publish its message")
        .on_demand()
}
