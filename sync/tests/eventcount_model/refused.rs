//! A waiter that is refused membarrier: it asks for fences, and sleeps by the tick until it may trust in them.

use crate::scope::{Change, Kill, RingerKind, Scope, Trust, WaiterKind};
use crate::world::Steps;
use crate::{CHANGES, all_forms, explore, loses_nothing, loses_one, registered, tell};

const REFUSED: [WaiterKind; 2] = [WaiterKind::Refused; 2];
const MIXED: [WaiterKind; 2] = [WaiterKind::Refused, WaiterKind::Able];

#[test]
fn one_ring_since_the_request_is_enough_where_one_ringer_is() {
    for (waiters, items) in [(&REFUSED[..1], 4), (&REFUSED, 2), (&MIXED, 2)] {
        for state in [0, 1] {
            for scope in all_forms(waiters, &registered([items])) {
                loses_nothing(&Scope { trust: Trust::OneRing, state, ..scope });
            }
        }
    }
}

#[test]
fn one_ring_since_the_request_is_not_enough_where_two_ringers_are() {
    for scope in all_forms(&REFUSED[..1], &registered([2, 2])) {
        loses_one(&Scope { trust: Trust::OneRing, ..scope });
    }
}

#[test]
fn a_change_of_the_state_by_another_waiter_is_no_ring() {
    for waiters in [&REFUSED[..], &MIXED] {
        for change in CHANGES {
            loses_one(&Scope { trust: Trust::AnyChange, ..Scope::new(waiters, &registered([3]), change) });
        }
    }
    // Alone, a waiter meets no change but its own and the ringer's.
    for scope in all_forms(&REFUSED[..1], &registered([3])) {
        loses_nothing(&Scope { trust: Trust::AnyChange, ..scope });
    }
}

#[test]
fn no_light_ringer_left_is_enough_for_any_number() {
    for scope in all_forms(&REFUSED[..1], &registered([2, 2])) {
        loses_nothing(&scope);
    }
    for scope in all_forms(&REFUSED[..1], &[RingerKind::registered(2), RingerKind::fenced(1)]) {
        loses_nothing(&scope);
    }
    for scope in all_forms(&MIXED, &registered([2])).chain(all_forms(&REFUSED, &registered([2]))) {
        loses_nothing(&Scope { state: 1, ..scope });
    }
    loses_nothing(&Scope { state: 1, ..Scope::new(&MIXED, &registered([1, 1]), Change::Compare) });
}

#[test]
fn a_refused_waiter_always_proceeds_before_it_trusts_and_by_the_tick_after_it() {
    for kill in [Kill::OneRinger, Kill::OneWaiter] {
        for trust in [Trust::OneRing, Trust::NoLightRinger] {
            let ringers = registered([2]);
            let scope = Scope::new(&MIXED, &ringers, Change::Compare);
            let scope = Scope { kill, trust, tick: true, ..scope };
            let mut steps = Steps::new();
            let found = explore(&scope, |world| !world.every_waiter_proceeds_alone(&scope, &mut steps));
            tell(&scope, found.states);
            assert!(found.way.is_none(), "a waiter is stuck: {:#?}", found.way);
        }
    }
}

#[test]
fn a_killed_ringer_wins_no_trust_that_it_does_not_keep() {
    for (trust, ringers) in
        [(Trust::OneRing, &registered([3])[..]), (Trust::NoLightRinger, &registered([2, 1]))]
    {
        for scope in all_forms(&REFUSED[..1], ringers) {
            let scope = Scope { kill: Kill::OneRinger, trust, ..scope };
            let found = explore(&scope, |world| {
                world.a_wake_up_is_lost(&scope) && !world.a_ringer_died_in_its_ring()
            });
            tell(&scope, found.states);
            assert!(found.way.is_none(), "stranded without a death in a ring: {:#?}", found.way);
        }
    }
}
