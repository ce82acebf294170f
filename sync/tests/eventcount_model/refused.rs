//! A waiter that is refused membarrier: it needs fences, and sleeps in slices until it may trust in them.

use crate::scope::{Change, Kill, Mutant, Scope, WaiterKind};
use crate::world::Steps;
use crate::{CHANGES, all_forms, explore, loses_nothing, loses_one, registered, tell};

const REFUSED: [WaiterKind; 2] = [WaiterKind::REFUSED; 2];
const MIXED: [WaiterKind; 2] = [WaiterKind::REFUSED, WaiterKind::ABLE];

#[test]
fn one_ring_since_the_request_is_enough_where_one_ringer_is() {
    for (waiters, items) in [(&REFUSED[..1], 4), (&REFUSED, 2), (&MIXED, 2)] {
        for state in [0, 1] {
            for scope in all_forms(waiters, &registered([items])) {
                loses_nothing(&Scope { state, ..scope });
            }
        }
    }
}

#[test]
fn one_ring_since_the_request_is_not_enough_where_two_ringers_are() {
    for scope in all_forms(&REFUSED[..1], &registered([2, 2])) {
        loses_one(&scope);
    }
}

#[test]
fn the_request_is_made_before_the_word_is_even() {
    for change in CHANGES {
        let ringers = registered([4]);
        let scope = Scope::new(&REFUSED[..1], &ringers, change);
        loses_nothing(&scope);
        loses_one(&Scope { mutant: Mutant::AskAfterRegistering, ..scope });
    }
}

#[test]
fn a_change_of_the_state_by_another_waiter_is_no_ring() {
    for waiters in [&REFUSED[..], &MIXED] {
        for change in CHANGES {
            let ringers = registered([3]);
            let scope = Scope::new(waiters, &ringers, change);
            loses_one(&Scope { mutant: Mutant::TrustAnyChange, ..scope });
        }
    }
    // Alone, a waiter meets no change but its own and the ringer's.
    for scope in all_forms(&REFUSED[..1], &registered([3])) {
        loses_nothing(&Scope { mutant: Mutant::TrustAnyChange, ..scope });
    }
}

#[test]
fn what_is_needed_is_not_taken_back_and_if_it_were_nothing_would_be_lost_but_trust() {
    for quiet_to_stop in [1, 2] {
        let ringers = registered([5]);
        let scope = Scope { quiet_to_stop, ..Scope::new(&REFUSED[..1], &ringers, Change::Compare) };
        let found = explore(&scope, |world| world.a_need_is_forgotten());
        tell(&scope, found.states);
        assert!(found.way.is_none(), "a need is forgotten: {:#?}", found.way);
        let scope = Scope { mutant: Mutant::TakeBackNeeded, ..scope };
        assert!(explore(&scope, |world| world.a_need_is_forgotten()).way.is_some());
        loses_nothing(&scope);
    }
}

#[test]
fn a_refused_waiter_always_proceeds_before_it_trusts_and_by_the_tick_after_it() {
    for kill in [Kill::OneRinger, Kill::OneWaiter] {
        let ringers = registered([2]);
        let scope = Scope { kill, tick: true, ..Scope::new(&MIXED, &ringers, Change::Compare) };
        let mut steps = Steps::new();
        let found = explore(&scope, |world| !world.every_waiter_proceeds_alone(&scope, &mut steps));
        tell(&scope, found.states);
        assert!(found.way.is_none(), "a waiter is stuck: {:#?}", found.way);
    }
}

#[test]
fn a_killed_ringer_wins_no_trust_that_it_does_not_keep() {
    for scope in all_forms(&REFUSED[..1], &registered([3])) {
        let scope = Scope { kill: Kill::OneRinger, ..scope };
        let found =
            explore(&scope, |world| world.a_wake_up_is_lost(&scope) && !world.a_ringer_died_in_its_ring());
        tell(&scope, found.states);
        assert!(found.way.is_none(), "stranded without a death in a ring: {:#?}", found.way);
        loses_nothing(&Scope { kill: Kill::OneRingerWithSuccessor, ..scope });
    }
}
