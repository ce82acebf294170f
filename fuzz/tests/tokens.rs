//! A token is the run that failed: found by whatever way, run again, and shrunk.

use ringway_fuzz::{Bounds, Explorer, Found, Scenario, Way, explain, explore, shrink};
use ringway_shm::primitive::Ordering::{Acquire, Relaxed, Release};
use ringway_shm::primitive::spin_hint;
use std::rc::Rc;

fn holds(scenario: &Rc<Scenario>, found: &Found) {
    let again = explain(scenario, &found.token).1;
    let again = again.unwrap_or_else(|| panic!("{} does not fail: {}", found.token, found.failure));
    assert_eq!(again.failure, found.failure, "{}", found.token);
    let small = shrink(scenario, &found.token).unwrap();
    assert_eq!(small.failure.sort(), found.failure.sort(), "{}", found.token);
    let again = explain(scenario, &small.token).1;
    let again = again.unwrap_or_else(|| panic!("{} of {} does not fail", small.token, found.token));
    assert_eq!(again.failure, small.failure, "{} of {}", small.token, found.token);
}

/// A lock that a dead holder keeps.
fn lock() -> Rc<Scenario> {
    let body = |me: &ringway_fuzz::Process| {
        me.attempt("lock", || {
            while me.word(0).compare_exchange(0, 1, Acquire, Relaxed).is_err() {
                spin_hint();
            }
        });
        me.word(1).fetch_add(1, Relaxed);
        me.word(0).store(0, Release);
    };
    Rc::new(Scenario::new("lock").words(2).process("ann", body).process("bob", body).process("eve", body))
}

/// An addition that is lost.
fn adders() -> Rc<Scenario> {
    let body = |me: &ringway_fuzz::Process| {
        let seen = me.word(0).load(Relaxed);
        me.word(0).store(seen + 1, Relaxed);
    };
    let scenario = Scenario::new("adders").words(2).process("ann", body).process("bob", body);
    let scenario = scenario.process("idle", |me| me.word(1).store(1, Relaxed));
    let enough = |sum: u64| if sum >= 2 { Ok(()) } else { Err(format!("the sum is {sum}")) };
    Rc::new(scenario.end(move |end| enough(end.word(0))))
}

/// A torn message, by copies.
fn race() -> Rc<Scenario> {
    let scenario = Scenario::new("race").words(1).process("sender", |me| {
        me.put(0, 7);
        me.word(0).store(1, Relaxed);
    });
    Rc::new(scenario.process("receiver", |me| {
        if me.word(0).load(Acquire) == 1 {
            let _ = me.get(0);
        }
    }))
}

#[test]
fn what_an_exhaustive_search_finds_is_found_again() {
    let bounds = [Bounds::STRONG, Bounds::WEAK, Bounds::WEAK.kills(1), Bounds::WEAK.kills(1).restarts(1)];
    for scenario in [lock(), adders(), race()] {
        for bounds in bounds {
            let report = explore(&scenario, bounds);
            holds(&scenario, report.found.as_ref().unwrap_or_else(|| panic!("{report} within {bounds}")));
        }
    }
}

#[test]
fn what_chance_finds_is_found_again() {
    for scenario in [adders(), race()] {
        for way in [Way::Uniform, Way::Priorities { changes: 3, steps: 10 }] {
            for seed in 0..20 {
                let explorer = Explorer::new(Bounds::WEAK.kills(1).restarts(1).stalls(1));
                let report = explorer.random(&scenario, way, seed, 10_000);
                holds(&scenario, report.found.as_ref().expect("a mistake that is easily met"));
            }
        }
    }
}

#[test]
fn who_looks_in_vain_again_and_again_is_told_once() {
    let body = |me: &ringway_fuzz::Process| {
        while me.word(0).compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            spin_hint();
        }
        me.word(0).store(0, Release);
    };
    let scenario = Rc::new(Scenario::new("keeper").words(1).process("ann", body).process("bob", body));
    let found = explore(&scenario, Bounds::WEAK.kills(1)).found.unwrap();
    let small = shrink(&scenario, &found.token).unwrap();
    assert_eq!(small.failure.sort(), "livelock");
    let (text, _) = explain(&scenario, &small.token);
    assert_eq!(text.matches("... the same again, ").count(), 1, "{text}");
    assert!(text.lines().count() < 30, "{text}");
}

#[test]
fn a_copy_is_told_with_the_line_of_the_scenario() {
    let scenario = race();
    let found = explore(&scenario, Bounds::WEAK).found.unwrap();
    let (text, _) = explain(&scenario, &found.token);
    let copies: Vec<&str> = text.lines().filter(|line| line.contains("bytes of payload")).collect();
    assert!(copies.len() == 2 && copies.iter().all(|line| line.contains("tests/tokens.rs:")), "{text}");
}

#[test]
fn the_longest_call_is_one_call() {
    let body = |me: &ringway_fuzz::Process| {
        for _ in 0..3 {
            me.attempt("look twice", || {
                let _ = me.word(0).load(Relaxed);
                let _ = me.word(1).load(Relaxed);
            });
        }
        me.word(0).fetch_add(1, Relaxed);
        me.word(1).fetch_add(1, Relaxed);
    };
    let scenario = Rc::new(Scenario::new("looks").words(2).process("ann", body).process("bob", body));
    let report = explore(&scenario, Bounds::WEAK);
    report.expect_all_well();
    let longest = report.longest.unwrap();
    assert_eq!((longest.steps, longest.call.as_str()), (2, "look twice"));
}
