//! What went wrong in the explorer itself, once.

#![forbid(unsafe_code)]

use ringway_fuzz::{Bounds, Explorer, Process, Scenario, Token, explain, explore, shrink};
use ringway_shm::primitive::Ordering::{AcqRel, Acquire, Relaxed, Release};
use ringway_shm::primitive::{kernel, spin_hint};
use std::rc::Rc;
use std::time::Duration;

/// Two who wait for each other's word, of whom both may have looked too early.
fn exchange() -> Scenario {
    let party = |me: &Process| {
        me.word(me.body()).store(1, Release);
        while me.word(1 - me.body()).load(Acquire) == 0 {
            spin_hint();
        }
    };
    Scenario::new("exchange").words(2).process("ann", party).process("bob", party)
}

#[test]
fn time_passes_for_all_who_spin_and_not_for_the_first_alone() {
    explore(&Rc::new(exchange()), Bounds::WEAK).expect_all_well();
}

#[test]
fn who_failed_because_of_another_looks_again_without_waiting_for_a_third() {
    let adder = |me: &Process| {
        me.attempt("add", || {
            let mut seen = me.word(0).load(Relaxed);
            while let Err(newer) = me.word(0).compare_exchange(seen, seen + 1, AcqRel, Relaxed) {
                spin_hint();
                seen = newer;
            }
        });
    };
    let scenario = Scenario::new("adders").words(1).process("ann", adder).process("bob", adder);
    explore(&Rc::new(scenario), Bounds::WEAK).expect_all_well();
}

#[test]
fn who_looks_again_is_not_overtaken_by_the_time_of_one_who_sleeps() {
    let scenario = Scenario::new("late-bell")
        .words(1)
        .process("setter", |me| me.word(0).store(1, Release))
        .process("ringer", |me| {
            while me.word(0).load(Acquire) == 0 {
                spin_hint();
            }
            me.futex(0).store(1, Release);
            kernel::wake(&me.futex(0));
        })
        .process("sleeper", |me| {
            while me.futex(0).load(Acquire) == 0 {
                kernel::sleep(&me.futex(0), 0, Some(kernel::now() + Duration::from_millis(1)));
            }
        })
        .wakes_are_due();
    explore(&Rc::new(scenario), Bounds::WEAK).expect_all_well();
}

#[test]
fn a_death_between_two_copies_is_not_one_before_or_behind_them() {
    let scenario = Scenario::new("copies")
        .words(3)
        .process("writer", |me| {
            if let Ok(claim) = me.region().claim(0) {
                me.put(0, 1);
                me.put(1, 1);
                me.put(2, 1);
                drop(claim);
            }
        })
        .process("reader", |me| {
            if let Ok(claim) = me.region().claim(0) {
                me.note("found", me.get(0) * 100 + me.get(1) * 10 + me.get(2));
                drop(claim);
            }
        })
        .outcome(|end| format!("{:?}", end.values("found")));
    let report = explore(&Rc::new(scenario), Bounds::STRONG.kills(1));
    report.expect_all_well();
    let outcomes: Vec<&str> = report.outcomes.iter().map(String::as_str).collect();
    assert_eq!(outcomes, ["[0]", "[100]", "[110]", "[111]", "[]"]);
}

#[test]
fn a_death_after_a_store_that_nobody_else_reads_is_not_one_before_it() {
    let scenario = |name: &str| {
        Scenario::new(name)
            .words(4)
            .process("writer", |me| {
                me.word(0).fetch_add(1, Relaxed);
                me.word(1).store(1, Relaxed);
                me.word(2).store(1, Relaxed);
                me.word(0).fetch_add(1, Relaxed);
            })
            .process("other", |me| {
                me.word(0).fetch_add(1, Relaxed);
            })
            .outcome(|end| format!("{}{}", end.word(1), end.word(2)))
    };
    let bounds = Bounds::STRONG.kills(1);
    let reduced = Explorer::new(bounds).exhaustive(&Rc::new(scenario("reduced")));
    let whole = Explorer::new(bounds).unreduced().exhaustive(&Rc::new(scenario("whole")));
    assert_eq!(reduced.outcomes, whole.outcomes);
}

#[test]
fn who_loops_over_words_of_its_own_comes_to_the_end_of_its_steps() {
    let scenario =
        Scenario::new("alone").words(1).process("ann", |me| while me.word(0).load(Relaxed) == 0 {});
    let report = explore(&Rc::new(scenario), Bounds::WEAK.steps(100));
    assert_eq!(report.failure().map(|failure| failure.sort()), Some("endless"));
}

#[test]
fn who_never_began_is_not_why_a_smaller_run_fails() {
    let scenario = Rc::new(
        Scenario::new("attempt").words(2).process("setter", |me| me.word(0).store(1, Release)).process(
            "looker",
            |me| {
                me.attempt("look", || {
                    while me.word(0).load(Acquire) == 0 {
                        spin_hint();
                    }
                });
            },
        ),
    );
    let found = explore(&scenario, Bounds::STRONG).found.expect("it waits");
    assert_eq!(found.failure.sort(), "wedged");
    let small = shrink(&scenario, &found.token).expect("it fails");
    assert!(small.token.bounds.without & 2 == 0, "{}", small.token);
    let again: Token = small.token.to_string().parse().expect("a token as it is written");
    assert_eq!(explain(&scenario, &again).1.map(|found| found.failure), Some(small.failure));

    // Who waits for one that never began is stuck for another reason.
    let crossed = |me: &Process| {
        let (own, other) = (me.futex(me.body()), me.futex(1 - me.body()));
        if other.load(Relaxed) == 0 {
            kernel::sleep(&own, 0, None);
        }
        other.store(1, Relaxed);
        kernel::wake(&other);
    };
    let scenario = Rc::new(Scenario::new("crossed").words(2).process("ann", crossed).process("bob", crossed));
    let found = explore(&scenario, Bounds::STRONG).found.expect("both sleep");
    assert_eq!(found.failure.sort(), "stuck");
    assert_eq!(shrink(&scenario, &found.token).expect("it fails").token.bounds.without, 0);
}

#[test]
fn a_scenario_that_asks_for_what_is_not_there_is_told_where_it_does() {
    let wrong = [
        (Scenario::new("wordless").process("ann", |me| _ = me.word(0).load(Relaxed)), "has no region"),
        (Scenario::new("far").words(2).process("ann", |me| _ = me.word(2).load(Relaxed)), "no number 2"),
        (Scenario::new("far").words(2).process("ann", |me| me.put(2, 1)), "no number 2"),
    ];
    for (scenario, said) in wrong {
        let failure = explore(&scenario.into(), Bounds::WEAK).failure().unwrap().to_string();
        assert!(failure.contains(said) && failure.contains("tests/explorer.rs:"), "{failure}");
    }
}

#[test]
fn a_token_can_be_read_whatever_a_scenario_is_called() {
    let scenario = Scenario::new("a~b c").words(1).process("ann", |_| panic!("always"));
    let found = explore(&scenario.into(), Bounds::WEAK).found.unwrap();
    assert_eq!(found.token.to_string().parse(), Ok(found.token));
}

#[test]
#[should_panic(expected = "8 processes at most")]
fn a_ninth_process_is_too_much() {
    let _ = (0..9).fold(Scenario::new("crowd"), |crowd, _| crowd.process("one", |_| ()));
}

/// A call was taken to begin right after its process's step before it, so that what others did in between could not come
/// before it: a counter that answers with what it was long ago passed for a good one.
#[test]
fn an_operation_begins_with_its_first_step() {
    use ringway_fuzz::linear::{Register, RegisterAnswer, RegisterOperation, linearize};
    let scenario = Scenario::new("cached")
        .words(2)
        .process("writer", |me| {
            me.operation(RegisterOperation::Write(1), || {
                me.word(0).store(1, Relaxed);
                RegisterAnswer::Written
            });
            me.word(1).store(1, Release);
        })
        .process("reader", |me| {
            let cached = me.word(0).load(Relaxed);
            if me.word(1).load(Acquire) == 1 {
                me.operation(RegisterOperation::Read, || RegisterAnswer::Value(cached));
            }
        })
        .end(|end| {
            let calls = end.history::<RegisterOperation, RegisterAnswer>();
            linearize(Register::default(), &calls).map(drop).map_err(|error| error.to_string())
        });
    let report = explore(&scenario.into(), Bounds::STRONG);
    assert_eq!(report.failure().map(|failure| failure.sort()), Some("broken property"));
}
