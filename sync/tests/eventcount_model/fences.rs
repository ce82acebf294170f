//! A waiter that would rather have its one ringer fence: it asks, trusts, and is told by `fences` when it may no longer.

use crate::scope::{Kill, Mutant, Scope, WaiterKind};
use crate::world::Steps;
use crate::{CHANGES, all_forms, explore, loses_nothing, loses_one, registered, tell};

const ASKING: [WaiterKind; 1] = [WaiterKind::ASKING];
const FICKLE: [WaiterKind; 1] = [WaiterKind::FICKLE];
const KILLS: [Kill; 2] = [Kill::OneWaiterWithSuccessor, Kill::OneRingerWithSuccessor];

/// Every pair of small thresholds: so many sleeps until a waiter asks, and so many quiet rings until they are taken back.
const THRESHOLDS: [(u8, u8); 4] = [(1, 1), (1, 2), (2, 1), (2, 2)];

/// One waiter and one ringer of so many items, in every form, from either state, with every pair of thresholds.
fn each(waiters: &[WaiterKind; 1], items: u8, mut asserts: impl FnMut(&Scope<'_>)) {
    for scope in all_forms(waiters, &registered([items])) {
        for (sleeps_to_ask, quiet_to_stop) in THRESHOLDS {
            for state in [0, 1] {
                asserts(&Scope { sleeps_to_ask, quiet_to_stop, state, ..scope });
            }
        }
    }
}

/// Asserts that the mutant loses a wake-up, for each form of R4, and that nothing else there does.
fn is_caught(mutant: Mutant, kill: Kill, items: u8) {
    for change in CHANGES {
        let ringers = registered([items]);
        let scope = Scope { kill, ..Scope::new(&ASKING, &ringers, change) };
        loses_nothing(&scope);
        loses_one(&Scope { mutant, ..scope });
    }
}

#[test]
fn no_wake_up_is_lost_when_fences_are_asked_for_and_taken_back() {
    each(&ASKING, 6, loses_nothing);
}

#[test]
#[ignore = "millions of states: for a release build"]
fn no_wake_up_is_lost_in_the_larger_scopes() {
    each(&ASKING, 10, loses_nothing);
    each(&FICKLE, 7, loses_nothing);
    for kill in KILLS {
        each(&FICKLE, 5, |scope| loses_nothing(&Scope { kill, ..*scope }));
    }
    for scope in all_forms(&[WaiterKind::ASKING, WaiterKind::ABLE], &registered([4])) {
        loses_nothing(&Scope { quiet_to_stop: 2, ..scope });
    }
}

#[test]
fn fences_are_trusted_and_taken_back_and_trusted_again() {
    let ringers = registered([6]);
    for change in CHANGES {
        let scope = Scope::new(&ASKING, &ringers, change);
        assert!(explore(&scope, |world| world.somebody_trusts()).way.is_some());
        assert!(explore(&scope, |world| world.somebody_trusts() && world.fences == 0).way.is_some());
    }
}

#[test]
fn no_wake_up_is_lost_by_one_that_is_refused_at_times() {
    each(&FICKLE, 4, loses_nothing);
}

#[test]
fn no_wake_up_is_lost_when_another_takes_the_place_of_a_dead_one() {
    for kill in KILLS {
        each(&ASKING, 4, |scope| loses_nothing(&Scope { kill, ..*scope }));
        each(&FICKLE, 3, |scope| loses_nothing(&Scope { kill, ..*scope }));
    }
}

#[test]
fn one_that_asks_may_have_others_beside_it_that_do_not() {
    for scope in all_forms(&[WaiterKind::ASKING, WaiterKind::ABLE], &registered([3])) {
        loses_nothing(&scope);
    }
}

#[test]
fn of_two_waiters_one_may_ask() {
    for other in [WaiterKind::ASKING, WaiterKind::REFUSED] {
        let waiters = [WaiterKind::ASKING, other];
        let ringers = registered([5]);
        for change in CHANGES {
            loses_one(&Scope::new(&waiters, &ringers, change));
        }
    }
}

#[test]
fn with_the_tick_every_waiter_proceeds_whoever_is_killed() {
    for kill in [Kill::OneWaiter, Kill::OneRinger, Kill::OneRingerWithSuccessor] {
        each(&FICKLE, 3, |scope| {
            let scope = Scope { kill, tick: true, ..*scope };
            let mut steps = Steps::new();
            let found = explore(&scope, |world| !world.every_waiter_proceeds_alone(&scope, &mut steps));
            tell(&scope, found.states);
            assert!(found.way.is_none(), "a waiter is stuck: {:#?}", found.way);
        });
    }
}

#[test]
fn the_question_comes_before_the_word_is_even() {
    is_caught(Mutant::AskAfterRegistering, Kill::Nobody, 4);
}

#[test]
fn one_that_has_asked_waits_for_a_ring() {
    is_caught(Mutant::TrustAtOnce, Kill::Nobody, 3);
}

#[test]
fn one_that_trusts_looks_each_time_and_after_its_fence_whether_it_may() {
    is_caught(Mutant::NoReload, Kill::Nobody, 5);
    is_caught(Mutant::ReloadBeforeRegistering, Kill::Nobody, 5);
}

#[test]
fn what_was_wanted_is_taken_back_with_a_full_fence() {
    is_caught(Mutant::NoFenceAfterTakingBack, Kill::Nobody, 5);
}

#[test]
fn a_successor_looks_whether_fences_are_wanted() {
    is_caught(Mutant::SuccessorIsLight, Kill::OneRingerWithSuccessor, 4);
}

#[test]
fn the_last_look_after_taking_back_is_not_needed() {
    for kill in [Kill::Nobody, KILLS[0], KILLS[1]] {
        each(&FICKLE, 3, |scope| loses_nothing(&Scope { kill, mutant: Mutant::NoLastLook, ..*scope }));
        each(&ASKING, 5, |scope| loses_nothing(&Scope { kill, mutant: Mutant::NoLastLook, ..*scope }));
    }
}
