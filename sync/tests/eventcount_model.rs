//! Every run of the eventcount, for a few processes with a few items: the proof that no wake-up is lost.
//!
//! The protocol is written down here a second time, apart from the code, and each state it can reach is visited.
//! One shared word, `state`, starts at nought. EVEN: somebody may be asleep. ODD: quiet, nobody waits.
//!
//! ```text
//!   ring                                          wait
//!   R1  publish (a plain store)                   W1  look; there: done
//!   R2  light fence: the compiler's only          W2  s = state; odd: compare_exchange(s, s + 1), again if it failed;
//!       (a full one if not registered)                ticket = the even one of the two
//!   R3  s = state; odd: done                      W3  heavy fence: a membarrier drains the registered ringers' buffers
//!   R4  state: even -> odd (a locked operation)   W4  look again; there: done, and the state stays even
//!   R5  futex_wake(state, all)                    W5  futex_wait(state, ticket): sleeps only if state == ticket
//!                                                     and from the beginning
//! ```
//!
//! Why it holds: whoever loads even at R3 changes the state or sees that another has, so that W5 does not sleep, or an R5
//! that is still to come ends the sleep. Whoever loads odd did so before the state became even for this waiter, or after
//! somebody's R4 has made it odd again. In the first case its item was at least in the store buffer before W2; W3 drains
//! that, and W4 finds it. In the second the R5 of that R4 is still to come, or W5 finds another state than its ticket.
//!
//! R4 is checked in two forms. [`Change::Add`] always adds one: two ringers that race may leave the state even, which
//! loses nothing, but with nobody waiting they may do so at every ring. [`Change::Compare`] adds one only to what R3
//! loaded, and leaves the wake to whoever was first; then each registration costs one wake at most.
//!
//! A second word, `fences`, is nought, WANTED or NEEDED. A waiter that is refused membarrier stores NEEDED, makes the word
//! even anew, and sleeps in slices; one that sleeps again and again changes nought to WANTED before W2, and goes on with
//! W3. Both remember the even word of that W2. When they find another even word at a later W2, a ringer has rung since, and
//! has loaded `fences` after R5: from then on a full fence and a load of `fences` stand for W3, unless that load finds
//! nought. A ringer that finds `fences` set fences fully at R2; when it has done so for nobody many times, it changes
//! WANTED to nought, fences fully, loads `fences`, looks at the word, and is light again. The change counts as a store that
//! later loads may overtake, as on other machines than x86-64.
//!
//! Covered: x86-TSO, with one store buffer for each ringer, drained at any moment; a membarrier that reaches one after
//! another; looks that read one word after another; a kill at any step, after which the buffer drains at any later
//! moment; a ringer or a waiter that takes the place of a dead one. Not covered: weaker models of memory, the exploration
//! of the real code, a ticket that is 2^32 changes old, a ringer that attaches beside another, the second load of the word
//! between R3 and R4, and two eventcounts at once.

#![forbid(unsafe_code)]

#[path = "eventcount_model/explore.rs"]
mod explore;
#[path = "eventcount_model/fences.rs"]
mod fences;
#[path = "eventcount_model/mutants.rs"]
mod mutants;
#[path = "eventcount_model/refused.rs"]
mod refused;
#[path = "eventcount_model/ring.rs"]
mod ring;
#[path = "eventcount_model/scope.rs"]
mod scope;
#[path = "eventcount_model/wait.rs"]
mod wait;
#[path = "eventcount_model/world.rs"]
mod world;

use explore::{explore, tell};
use scope::{Change, Kill, RingerKind, Scope, WaiterKind};
use world::Steps;

const ABLE: [WaiterKind; 3] = [WaiterKind::ABLE; 3];
const CHANGES: [Change; 2] = [Change::Add, Change::Compare];

/// One registered ringer for each count of items.
fn registered<const N: usize>(items: [u8; N]) -> [RingerKind; N] {
    items.map(RingerKind::registered)
}

/// Asserts that `scope` leaves nobody asleep, and that every run comes to its end if no sleep ends by itself.
fn loses_nothing(scope: &Scope<'_>) {
    let found = explore(scope, |world| world.somebody_is_left_asleep(scope));
    tell(scope, found.states);
    assert!(found.way.is_none(), "a wake-up is lost: {:#?}", found.way);
    assert!(found.ends || scope.tick || scope.somebody_is_refused(), "a run may go round in a circle");
}

/// Asserts that `scope` loses a wake-up, and that the checker sees it.
fn loses_one(scope: &Scope<'_>) {
    let found = explore(scope, |world| world.a_wake_up_is_lost(scope));
    tell(scope, found.states);
    let way = found.way.expect("a wake-up should be lost here");
    eprintln!("         caught in {} steps", way.len());
}

/// Each form of R4, and items for everybody as well as items for one, where that is not the same.
fn all_forms<'a>(waiters: &'a [WaiterKind], ringers: &'a [RingerKind]) -> impl Iterator<Item = Scope<'a>> {
    let scopes = CHANGES.into_iter().flat_map(move |change| {
        [false, true].map(|queue| Scope { queue, ..Scope::new(waiters, ringers, change) })
    });
    scopes.filter(|scope| scope.waiters.len() > 1 || !scope.queue)
}

#[test]
fn no_wake_up_is_lost_between_one_waiter_and_up_to_three_ringers() {
    all_forms(&ABLE[..1], &registered([3])).for_each(|scope| loses_nothing(&scope));
    all_forms(&ABLE[..1], &registered([2, 2])).for_each(|scope| loses_nothing(&scope));
    all_forms(&ABLE[..1], &registered([1, 1, 1])).for_each(|scope| loses_nothing(&scope));
}

#[test]
fn no_wake_up_is_lost_between_two_waiters_and_one_ringer() {
    all_forms(&ABLE[..2], &registered([3])).for_each(|scope| loses_nothing(&scope));
}

#[test]
fn no_wake_up_is_lost_between_two_waiters_and_two_ringers() {
    all_forms(&ABLE[..2], &registered([2, 1])).for_each(|scope| loses_nothing(&scope));
}

#[test]
fn no_wake_up_is_lost_between_three_waiters_and_one_ringer() {
    all_forms(&ABLE, &registered([2])).for_each(|scope| loses_nothing(&scope));
}

#[test]
#[ignore = "millions of states: for a release build"]
fn no_wake_up_is_lost_in_the_larger_scopes() {
    all_forms(&ABLE[..1], &registered([2, 2, 1])).for_each(|scope| loses_nothing(&scope));
    all_forms(&ABLE[..2], &registered([2, 2])).for_each(|scope| loses_nothing(&scope));
    all_forms(&ABLE, &registered([3])).for_each(|scope| loses_nothing(&scope));
    all_forms(&ABLE, &registered([1, 1])).for_each(|scope| loses_nothing(&scope));
    all_forms(&ABLE[..2], &[RingerKind::fenced(2), RingerKind::registered(1)])
        .for_each(|scope| loses_nothing(&scope));
    for scope in all_forms(&[WaiterKind::REFUSED, WaiterKind::ABLE], &registered([3])) {
        loses_nothing(&Scope { state: 1, ..scope });
    }
}

#[test]
fn no_wake_up_is_lost_when_the_counter_wraps() {
    for state in [253, 254, 255] {
        all_forms(&ABLE[..2], &registered([2])).for_each(|scope| loses_nothing(&Scope { state, ..scope }));
        all_forms(&ABLE[..1], &registered([1, 2])).for_each(|scope| loses_nothing(&Scope { state, ..scope }));
    }
}

#[test]
fn a_ringer_that_is_not_registered_has_to_fence() {
    for scope in all_forms(&ABLE[..2], &[RingerKind::fenced(1), RingerKind::registered(1)]) {
        loses_nothing(&scope);
    }
    for scope in all_forms(&ABLE[..1], &[RingerKind::fenced(2)]) {
        loses_nothing(&scope);
    }
    // From the quiet state: the first ring of a new region calls whatever the buffer does.
    for scope in all_forms(&ABLE[..1], &[RingerKind::careless(1)]) {
        loses_nothing(&scope);
        loses_one(&Scope { state: 1, ..scope });
    }
    all_forms(&ABLE[..1], &[RingerKind::careless(2)]).for_each(|scope| loses_one(&scope));
}

/// The most slow paths for nobody.
fn needless(scope: &Scope<'_>) -> u8 {
    let found = explore(scope, |_| false);
    tell(scope, found.states);
    found.needless
}

#[test]
fn where_nobody_waits_only_the_first_ring_calls() {
    for change in CHANGES {
        assert_eq!(needless(&Scope::new(&[], &registered([4]), change)), 1);
    }
    for ringers in [&registered([2, 2])[..], &registered([2, 2, 2])] {
        assert_eq!(needless(&Scope::new(&[], ringers, Change::Compare)), 1);
    }
}

#[test]
fn where_nobody_waits_two_ringers_that_add_may_call_at_every_ring() {
    assert_eq!(needless(&Scope::new(&[], &registered([3, 3]), Change::Add)), 6);
}

#[test]
fn a_killed_waiter_strands_nobody() {
    for (waiters, ringers) in [(2, &registered([2])[..]), (2, &registered([1, 1])), (3, &registered([1]))] {
        for scope in all_forms(&ABLE[..waiters], ringers) {
            loses_nothing(&Scope { kill: Kill::OneWaiter, ..scope });
        }
    }
}

#[test]
fn a_killed_waiter_costs_one_needless_call() {
    let ringers = registered([4]);
    for change in CHANGES {
        let scope = Scope::new(&ABLE[..1], &ringers, change);
        assert_eq!(needless(&Scope { kill: Kill::OneWaiter, ..scope }), 1);
    }
    let ringers = registered([2, 2]);
    let scope = |change| Scope { kill: Kill::OneWaiter, ..Scope::new(&ABLE[..1], &ringers, change) };
    assert_eq!(needless(&scope(Change::Compare)), 1);
    assert_eq!(needless(&scope(Change::Add)), 4, "two that race may leave the state even");
}

#[test]
fn a_ringer_killed_in_its_ring_strands_a_sleeper_and_nothing_else_does() {
    for (waiters, ringers) in [(1, &registered([2])[..]), (2, &registered([2])), (1, &registered([1, 1]))] {
        for scope in all_forms(&ABLE[..waiters], ringers) {
            let scope = Scope { kill: Kill::OneRinger, ..scope };
            loses_one(&scope);
            let found = explore(&scope, |world| {
                world.somebody_is_left_asleep(&scope) && !world.a_ringer_died_in_its_ring()
            });
            tell(&scope, found.states);
            assert!(found.way.is_none(), "stranded without a death in a ring: {:#?}", found.way);
        }
    }
}

#[test]
fn a_ringer_killed_between_change_and_wake_hides_the_ring_of_another() {
    let ringers = registered([1, 1]);
    for change in CHANGES {
        let scope = Scope { kill: Kill::OneRinger, ..Scope::new(&ABLE[..1], &ringers, change) };
        let found = explore(&scope, |world| world.a_live_ringer_was_not_heard(&scope));
        let way = found.way.expect("only the tick helps there");
        eprintln!("{change:?}: {way:?}");
    }
}

#[test]
fn with_the_tick_every_waiter_proceeds_whoever_is_killed_or_stands_still() {
    let scopes = [
        (1, &registered([2])[..]),
        (2, &registered([2])),
        (1, &registered([1, 1])),
        (2, &registered([1, 1])),
    ];
    for (waiters, ringers) in scopes {
        for (scope, kill) in all_forms(&ABLE[..waiters], ringers)
            .flat_map(|scope| [Kill::OneRinger, Kill::OneWaiter].map(|kill| (scope, kill)))
        {
            let scope = Scope { kill, tick: true, ..scope };
            if scope.queue && ringers.len() > 1 {
                continue; // Left out for its size.
            }
            let mut steps = Steps::new();
            let found = explore(&scope, |world| !world.every_waiter_proceeds_alone(&scope, &mut steps));
            tell(&scope, found.states);
            assert!(found.way.is_none(), "a waiter is stuck: {:#?}", found.way);
        }
    }
}
