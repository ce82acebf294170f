//! The protocol with one error in it: each has to be caught, in both forms of R4.

use crate::scope::{Kill, Mutant, Scope};
use crate::{ABLE, CHANGES, explore, loses_nothing, loses_one, registered, tell};

/// Asserts that `mutant` loses a wake-up between so many waiters and one ringer, and that nothing else there does.
fn is_caught(mutant: Mutant, waiters: usize, items: u8) {
    for change in CHANGES {
        let ringers = registered([items]);
        let scope = Scope::new(&ABLE[..waiters], &ringers, change);
        loses_nothing(&scope);
        loses_one(&Scope { mutant, ..scope });
    }
}

#[test]
fn the_heavy_fence_is_needed() {
    is_caught(Mutant::NoHeavyFence, 1, 2);
}

#[test]
fn the_second_look_is_needed_after_registering_and_after_the_heavy_fence() {
    is_caught(Mutant::NoSecondLook, 1, 2);
    is_caught(Mutant::SecondLookBeforeRegistering, 1, 2);
    is_caught(Mutant::SecondLookBeforeHeavyFence, 1, 2);
}

#[test]
fn a_waiter_registers_by_comparing() {
    is_caught(Mutant::RegisterByAdding, 2, 2);
}

#[test]
fn a_waiter_does_not_cancel_for_others() {
    is_caught(Mutant::CancelAfterSecondLook, 2, 2);
}

#[test]
fn a_waiter_sleeps_only_on_its_ticket() {
    is_caught(Mutant::SleepUnchecked, 1, 1);
}

#[test]
fn a_ringer_publishes_then_loads_then_changes_then_wakes() {
    is_caught(Mutant::LoadBeforePublish, 1, 2);
    is_caught(Mutant::WakeBeforeChange, 1, 1);
    is_caught(Mutant::NoChange, 1, 1);
    is_caught(Mutant::NoWake, 1, 1);
}

#[test]
fn a_ringer_wakes_all() {
    is_caught(Mutant::WakeOne, 2, 1);
    // Where each item goes to one waiter, the one that was woken takes them all, unless it is killed.
    for change in CHANGES {
        let ringers = registered([2]);
        let scope =
            Scope { queue: true, mutant: Mutant::WakeOne, ..Scope::new(&ABLE[..2], &ringers, change) };
        let found = explore(&scope, |world| world.a_wake_up_is_lost(&scope));
        tell(&scope, found.states);
        assert!(found.way.is_none(), "an item is left to sleepers: {:#?}", found.way);
        loses_one(&Scope { kill: Kill::OneWaiter, ..scope });
    }
}
