//! How long a wait watches before it asks to sleep, and how closely.
//!
//! With the feature `model` the clock is the test's own, so that every number is exact; without it only what does not
//! depend on the machine's clock is asked.

#![forbid(unsafe_code)]

#[cfg(feature = "model")]
#[path = "pace/by_the_clock.rs"]
mod by_the_clock;

use ringway_sync::{Deadline, Next, Pace, Step, Wait, WaitStrategy};
use std::time::Duration;

const STRATEGIES: [WaitStrategy; 3] = [WaitStrategy::Spin, WaitStrategy::SpinThenSleep, WaitStrategy::Sleep];

/// Looks in vain until the next check; how many looks that were.
fn looks(wait: &mut Wait) -> u32 {
    let mut looks = 0;
    while wait.pause() == Step::Look {
        looks += 1;
        assert!(looks <= 1 << 20, "no check is due");
    }
    looks
}

#[test]
fn a_deadline_that_has_passed_is_answered_at_the_first_check() {
    for strategy in STRATEGIES {
        for is_together in [false, true] {
            let mut wait = Pace::new(strategy).begin(Deadline::after(Duration::ZERO));
            looks(&mut wait);
            assert_eq!(wait.check(is_together), Next::TimedOut, "{strategy:?}");
            looks(&mut wait);
            assert_eq!(wait.check(is_together), Next::TimedOut, "{strategy:?}, asked again");
        }
    }
}

#[test]
fn a_wait_knows_its_deadline() {
    let deadline = Deadline::after(Duration::from_secs(60));
    assert_eq!(Pace::new(WaitStrategy::Spin).begin(deadline).deadline(), deadline);
    assert_eq!(Pace::new(WaitStrategy::Spin).begin(Deadline::NEVER).deadline(), Deadline::NEVER);
}

#[test]
fn spin_never_asks_to_sleep() {
    for is_together in [false, true] {
        let mut pace = Pace::new(WaitStrategy::Spin);
        for _ in 0..3 {
            let mut wait = pace.begin(Deadline::NEVER);
            for _ in 0..1000 {
                looks(&mut wait);
                assert_eq!(wait.check(is_together), Next::Look);
            }
            pace.learn(&wait, false);
        }
    }
}

#[test]
fn sleep_asks_at_the_first_check_and_looks_no_second_time_before_it() {
    let mut pace = Pace::new(WaitStrategy::Sleep);
    for is_together in [false, true, false] {
        let mut wait = pace.begin(Deadline::NEVER);
        assert_eq!(looks(&mut wait), 0);
        assert_eq!(wait.check(is_together), Next::Sleep);
        pace.learn(&wait, false);
    }
}

#[test]
fn spin_then_sleep_asks_to_sleep_in_the_end_and_again_after_each_sleep() {
    for is_together in [false, true] {
        let mut wait = Pace::new(WaitStrategy::SpinThenSleep).begin(Deadline::NEVER);
        let mut checks = 0;
        while {
            looks(&mut wait);
            wait.check(is_together) == Next::Look
        } {
            checks += 1;
            assert!(checks < 100, "it does not end");
        }
        for _ in 0..10 {
            assert_eq!(looks(&mut wait), 0);
            assert_eq!(wait.check(is_together), Next::Sleep);
        }
    }
}

#[test]
fn a_wait_sleeps_for_the_first_time_once() {
    let mut wait = Pace::new(WaitStrategy::Sleep).begin(Deadline::NEVER);
    assert!(wait.sleeps());
    assert!(!wait.sleeps());
    assert!(!wait.sleeps());
}

#[test]
fn another_strategy_holds_from_the_next_wait_on() {
    let mut pace = Pace::new(WaitStrategy::Spin);
    let mut before = pace.begin(Deadline::NEVER);
    pace.set_strategy(WaitStrategy::Sleep);
    assert_eq!(pace.strategy(), WaitStrategy::Sleep);
    looks(&mut before);
    assert_eq!(before.check(true), Next::Look);
    assert_eq!(pace.begin(Deadline::NEVER).check(false), Next::Sleep);
}

#[test]
fn what_brings_more_than_one_message_is_a_stream_until_three_bring_one() {
    let mut pace = Pace::new(WaitStrategy::default());
    assert!(pace.is_exchange());
    let mut learn = |brought_more| {
        let wait = pace.begin(Deadline::NEVER);
        pace.learn(&wait, brought_more);
        pace.is_exchange()
    };
    assert!(learn(false));
    assert_eq!([true, false, false, false].map(&mut learn), [false, false, false, true]);
    assert_eq!([true, false, true, false, false, false].map(&mut learn)[3..], [false, false, true]);
}
