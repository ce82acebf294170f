//! What an exhaustive search passed over, once.

#![forbid(unsafe_code)]

use ringway_fuzz::{Bounds, Explorer, Report, Scenario, explore};
use ringway_shm::primitive::Ordering::{Acquire, Relaxed, Release, SeqCst};
use ringway_shm::primitive::{fence, kernel};
use std::rc::Rc;
use std::time::Duration;

fn came_to(report: &Report, outcome: &str) -> bool {
    assert!(report.is_complete, "{report}");
    report.outcomes.contains(outcome)
}

#[test]
fn a_value_is_told_from_another_by_its_highest_bit() {
    let scenario = Scenario::new("high-bit")
        .words(2)
        .process("setter", |me| me.word(0).store(1 << 63, Relaxed))
        .process("bystander", |me| me.word(1).store(1, Relaxed))
        .process("looker", |me| {
            let first = me.word(0).load(Relaxed) >> 63;
            let second = me.word(0).load(Relaxed) >> 63;
            me.note("seen", first * 100 + second * 10 + me.word(1).load(Relaxed));
        })
        .outcome(|end| format!("{:?}", end.values("seen")));
    let report = explore(&Rc::new(scenario), Bounds::STRONG);
    assert!(came_to(&report, "[10]"), "{:?}", report.outcomes);
}

#[test]
fn who_lingers_may_die_between_two_copies() {
    let scenario = Scenario::new("lingerer")
        .words(4)
        .process("writer", |me| {
            let life = me.futex(0);
            let number = me.kernel().enlist(std::ptr::from_ref(&*life) as usize).expect("a number");
            life.store(number, Relaxed);
            if me.word(0).load(Relaxed) == 1 {
                me.word(1).store(1, Relaxed);
                me.word(2).store(1, Relaxed);
            }
        })
        .process("other", |me| {
            if me.futex(0).load(Relaxed) & 0x4000_0000 != 0 {
                me.word(0).store(1, Relaxed);
            }
        })
        .outcome(|end| format!("{}{}", end.word(1), end.word(2)));
    let scenario = Rc::new(scenario);
    let bounds = Bounds::STRONG.kills(1).lingering();
    let whole = Explorer::new(bounds).unreduced().exhaustive(&scenario);
    let report = Explorer::new(bounds).exhaustive(&scenario);
    assert_eq!(whole.outcomes, report.outcomes);
}

#[test]
fn a_pause_ends_by_when_it_began() {
    let scenario = Scenario::new("pauses")
        .words(1)
        .process("sleeper", |_| {
            kernel::pause(Duration::from_millis(1));
        })
        .process("bystander", |me| _ = me.word(0).fetch_add(1, Relaxed))
        .process("third", |me| _ = me.word(0).fetch_add(1, Relaxed))
        .process("other", |me| {
            kernel::pause(Duration::from_millis(5));
            me.note("at", kernel::now().as_micros() as u64);
        })
        .outcome(|end| format!("{}{:?}", end.is_undisturbed(), end.values("at")));
    let report = explore(&Rc::new(scenario), Bounds::STRONG.early(1));
    assert!(came_to(&report, "false[1000005000]") && came_to(&report, "false[1000006000]"));
}

#[test]
fn a_stranger_writes_different_things_over_payload() {
    let scenario = Scenario::new("scribbled")
        .words(1)
        .process("writer", |me| {
            me.put(0, 5);
            me.word(0).store(1, Release);
        })
        .process("reader", |me| {
            if me.word(0).load(Acquire) == 1 {
                me.note("read", me.get(0));
                me.note("again", me.get(0));
            }
        })
        .hostile("mallory", [1, 2])
        .outcome(|end| format!("{:?}{:?}", end.values("read"), end.values("again")));
    let report = explore(&Rc::new(scenario), Bounds::STRONG.scribbles(1));
    for read in ["[5][5]", "[1][1]", "[2][2]", "[5][1]", "[5][2]"] {
        assert!(came_to(&report, read), "{read}");
    }
}

#[test]
fn fences_in_order_do_not_make_payload_safe_without_a_message() {
    let scenario = Scenario::new("fenced-race")
        .words(3)
        .process("bob", |me| {
            let _ = me.get(0);
            me.word(0).store(1, Relaxed);
            fence(SeqCst);
            if me.word(1).load(Relaxed) == 0 {
                me.word(2).store(1, Relaxed);
            }
        })
        .process("ann", |me| {
            me.word(1).store(1, Relaxed);
            fence(SeqCst);
            if me.word(2).load(Relaxed) == 1 {
                me.put(0, 1);
            }
        });
    let report = explore(&Rc::new(scenario), Bounds::WEAK);
    assert_eq!(report.failure().map(|failure| failure.sort()), Some("race"));
}

#[test]
fn a_look_at_this_moment_is_one_at_the_words_of_others() {
    let scenario = Scenario::new("moment")
        .words(2)
        .process("setter", |me| {
            me.word(0).store(1, Relaxed);
            me.word(1).store(1, Relaxed);
        })
        .process("looker", |me| {
            if me.word(0).load(Relaxed) == 1 {
                me.note("other", me.at_this_moment(|now| now.word(1)));
            }
        })
        .outcome(|end| format!("{:?}", end.values("other")));
    let report = explore(&Rc::new(scenario), Bounds::STRONG);
    assert!(came_to(&report, "[0]"), "{:?}", report.outcomes);
}
