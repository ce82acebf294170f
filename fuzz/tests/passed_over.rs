//! What an exhaustive search passed over, once.

#![forbid(unsafe_code)]

use ringway_fuzz::{Bounds, Report, Scenario, explore};
use ringway_shm::primitive::Ordering::Relaxed;
use std::rc::Rc;

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
