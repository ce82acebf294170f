//! Every way through a scenario finds the same bug, and says how to get there again.

use ringway_fuzz::{Bounds, Explorer, Limits, Scenario, Token, Way, explain, explore, shrink};
use ringway_shm::primitive::Ordering::{Acquire, Relaxed};
use std::rc::Rc;

/// A message whose flag may be seen before it, if the sender does not publish it.
fn message() -> Rc<Scenario> {
    Rc::new(
        Scenario::new("message")
            .words(2)
            .process("sender", |me| {
                me.put(0, 7);
                me.word(0).store(1, Relaxed);
            })
            .process("receiver", |me| {
                if me.word(0).load(Acquire) == 1 {
                    assert_eq!(me.get(0), 7);
                }
            })
            .process("bystander", |me| {
                for _ in 0..4 {
                    me.word(1).fetch_add(1, Relaxed);
                }
            }),
    )
}

#[test]
fn the_exhaustive_search_finds_it_with_and_without_reduction() {
    for explorer in [Explorer::new(Bounds::WEAK), Explorer::new(Bounds::WEAK).unreduced()] {
        let found = explorer.exhaustive(&message()).found.expect("a race");
        let (text, again) = explain(&message(), &found.token);
        let again = again.expect("the token leads there again");
        assert_eq!(again.failure, found.failure, "{text}");
        assert_eq!(again.token, found.token, "{text}");
    }
}

#[test]
fn the_reduction_loses_no_outcome() {
    let counter = || {
        Rc::new(
            Scenario::new("counter")
                .words(3)
                .process("ann", |me| {
                    me.word(1).store(5, Relaxed);
                    let seen = me.word(0).load(Relaxed);
                    me.word(0).store(seen + me.word(1).load(Relaxed), Relaxed);
                })
                .process("bob", |me| {
                    me.word(2).store(3, Relaxed);
                    let seen = me.word(0).load(Relaxed);
                    me.word(0).store(seen + me.word(2).load(Relaxed), Relaxed);
                })
                .outcome(|end| end.word(0).to_string()),
        )
    };
    let reduced = explore(&counter(), Bounds::WEAK);
    let full = Explorer::new(Bounds::WEAK).unreduced().exhaustive(&counter());
    assert!(reduced.is_complete && full.is_complete);
    assert_eq!(reduced.outcomes, full.outcomes);
    assert!(reduced.outcomes.len() == 3 && reduced.states < full.states, "{reduced}\n{full}");
}

#[test]
fn chance_finds_it_either_way() {
    for way in [Way::Uniform, Way::Priorities { changes: 2, steps: 20 }] {
        for seed in 1..5 {
            let report = Explorer::new(Bounds::WEAK).random(&message(), way, seed, 2000);
            let found = report.found.expect("a race");
            let again = explain(&message(), &found.token).1.expect("the token leads there again");
            assert_eq!(again.failure.sort(), "race");
            let more = Explorer::new(Bounds::WEAK).random(&message(), way, seed, 2000).found.expect("a race");
            assert_eq!(more.token, found.token, "a seed is a run");
        }
    }
}

#[test]
fn bytes_find_it_and_no_bytes_break_it() {
    let explorer = Explorer::new(Bounds::WEAK.kills(1).early(1).spurious(1));
    assert!(explorer.bytes(&message(), &[]).is_none_or(|found| found.failure.sort() == "race"));
    let mut has_found = false;
    let mut word = 1u64;
    for _ in 0..3000 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bytes: Vec<u8> = word.to_le_bytes().into_iter().cycle().take(24).collect();
        has_found |= explorer.bytes(&message(), &bytes).is_some();
    }
    assert!(has_found);
}

#[test]
fn a_shrunk_run_fails_in_the_same_way_with_less() {
    let found = Explorer::new(Bounds::WEAK).random(&message(), Way::Uniform, 3, 5000).found.expect("a race");
    let small = shrink(&message(), &found.token).expect("it fails");
    assert_eq!(small.failure.sort(), found.failure.sort());
    let text = small.token.to_string();
    assert!(text.starts_with("message~weak,without=4~") && text.len() < 45, "{text}");
    let again: Token = text.parse().unwrap();
    assert_eq!(again, small.token);
    assert!(explain(&message(), &again).0.contains("data race"));
}

#[test]
fn a_search_without_time_says_that_it_is_not_complete() {
    let limits = Limits { states: 5, ..Limits::default() };
    let harmless = Scenario::new("harmless").words(1);
    let add = |me: &ringway_fuzz::Process| {
        for _ in 0..9 {
            me.word(0).fetch_add(1, Relaxed);
        }
    };
    let harmless = Rc::new(harmless.process("ann", add).process("bob", add));
    let report = Explorer::new(Bounds::WEAK).limits(limits).exhaustive(&harmless);
    assert!(!report.is_complete && report.failure().is_none());
    assert!(explore(&harmless, Bounds::WEAK).is_complete);
}

#[test]
fn a_line_that_is_no_token_is_refused() {
    for line in [
        "",
        "a~b",
        "a~weak~1.~0",
        "a~weak~1.1~xyz",
        "a~wild~~0",
        "a~weak,kills=300~~0",
        "a~weak~99999999.1~0",
    ] {
        let refused = line.parse::<Token>().expect_err(line);
        assert!(refused.to_string().starts_with("not a token"), "{refused}");
    }
    for line in
        ["a~weak~~00000000", "b~strong,kills=2,lingers,steps=9~3.1-0.2x4~0000abcd", "c~weak~2.1-7@1~00000001"]
    {
        assert_eq!(line.parse::<Token>().unwrap().to_string(), line);
    }
}

#[test]
fn what_happens_at_every_moment_is_looked_at() {
    let scenario =
        Scenario::new("moments")
            .words(2)
            .process("ann", |me| {
                me.word(0).store(1, Relaxed);
                me.word(1).store(1, Relaxed);
            })
            .process("bob", |me| {
                let _ = me.word(0).load(Relaxed);
            })
            .always(|moment| {
                if moment.word(0) == 1 && moment.word(1) == 0 { Err("half-way".to_owned()) } else { Ok(()) }
            });
    assert_eq!(explore(&scenario.into(), Bounds::WEAK).failure().unwrap().to_string(), "half-way");
}
