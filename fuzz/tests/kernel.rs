//! The virtual kernel: sleeping and waking, time, locks, death and its faults.

use ringway_fuzz::{Bounds, Failure, Process, Report, Scenario, explore};
use ringway_shm::primitive::Ordering::{Acquire, Relaxed, Release};
use ringway_shm::primitive::kernel::{self, Change, Wake};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(5);

fn outcomes(scenario: Scenario, bounds: Bounds) -> Vec<String> {
    let report = explore(&scenario.into(), bounds);
    report.expect_all_well();
    report.outcomes.into_iter().collect()
}

fn woken(end: &ringway_fuzz::End<'_>) -> String {
    format!("{:?}", end.values("woken"))
}

fn sleeper(me: &Process, until: Option<Duration>) {
    let until = until.map(|timeout| kernel::now() + timeout);
    let wake = kernel::sleep(&me.futex(0), 0, until);
    me.note("woken", u64::from(wake == Wake::Woken));
}

fn failure(report: &Report) -> &Failure {
    report.failure().expect("it fails")
}

#[test]
fn a_sleep_ends_by_a_wake_by_another_value_or_by_its_time() {
    let scenario = || {
        Scenario::new("wake")
            .words(1)
            .process("sleeper", |me| sleeper(me, Some(SOON)))
            .process("waker", |me| {
                me.futex(0).store(1, Release);
                kernel::wake(&me.futex(0));
            })
            .outcome(woken)
    };
    assert_eq!(outcomes(scenario(), Bounds::WEAK), ["[1]"]);
    // Its own time is early only if it may be.
    assert_eq!(outcomes(scenario(), Bounds::WEAK.early(1)), ["[0]", "[1]"]);
}

#[test]
fn a_sleep_without_a_waker_ends_by_its_time_or_never() {
    let timed =
        Scenario::new("alone").words(1).process("sleeper", |me| sleeper(me, Some(SOON))).outcome(woken);
    assert_eq!(outcomes(timed, Bounds::WEAK), ["[0]"]);
    let never = Scenario::new("alone").words(1).process("sleeper", |me| sleeper(me, None));
    assert_eq!(failure(&explore(&never.into(), Bounds::WEAK)).sort(), "stuck");
    let due =
        Scenario::new("alone").words(1).process("sleeper", |me| sleeper(me, Some(SOON))).wakes_are_due();
    assert_eq!(failure(&explore(&due.into(), Bounds::WEAK)).sort(), "lost wake-up");
}

#[test]
fn a_sleep_at_two_words_ends_by_a_wake_at_either() {
    for which in 0..2 {
        let scenario = Scenario::new("either")
            .words(2)
            .process("sleeper", |me| {
                let wake = kernel::sleep_at_either((&me.futex(0), 0), (&me.futex(1), 0), None);
                me.note("woken", u64::from(wake == Some(Wake::Woken)));
            })
            .process("waker", move |me| {
                me.futex(which).store(1, Release);
                kernel::wake(&me.futex(which));
            })
            .outcome(woken);
        assert_eq!(outcomes(scenario, Bounds::WEAK), ["[1]"]);
    }
}

#[test]
fn a_store_that_wakes_is_one_step() {
    let scenario = || {
        Scenario::new("store and wake")
            .words(1)
            .process("sleeper", |me| {
                while me.futex(0).load(Acquire) == 0 {
                    kernel::sleep(&me.futex(0), 0, None);
                }
                assert_eq!(me.get(0), 7);
            })
            .process("waker", |me| {
                me.put(0, 7);
                kernel::store_and_wake(&me.futex(0), 1);
            })
    };
    explore(&scenario().into(), Bounds::WEAK).expect_all_well();
    // A waker that is killed before the step leaves the sleeper asleep for ever; there is no moment between the two.
    assert_eq!(failure(&explore(&scenario().into(), Bounds::WEAK.kills(1))).sort(), "stuck");
}

#[test]
fn a_sleep_at_three_words_ends_by_a_wake_at_any() {
    for which in 0..3 {
        let scenario = Scenario::new("any")
            .words(3)
            .process("sleeper", |me| {
                let words = [me.futex(0), me.futex(1), me.futex(2)];
                let watched = [(&*words[0], 0), (&*words[1], 0), (&*words[2], 0)];
                let wake = kernel::sleep_at_any(&watched, None);
                me.note("woken", u64::from(wake == Some(Wake::Woken)));
            })
            .process("waker", move |me| {
                me.futex(which).store(1, Release);
                kernel::wake(&me.futex(which));
            })
            .outcome(woken);
        assert_eq!(outcomes(scenario, Bounds::WEAK), ["[1]"]);
    }
}

/// The kernel sleeps at the lower half of a word of 64 bits, and changes nothing but that.
#[test]
fn a_change_of_a_lower_half_leaves_the_upper_one() {
    let scenario = Scenario::new("half")
        .words(1)
        .wakes_are_due()
        .process("sleeper", |me| {
            while me.word(0).load(Acquire) as u32 == 0 {
                kernel::sleep(me.word(0).low_half(), 0, Some(kernel::now() + SOON));
            }
            assert_eq!(me.get(0), 7);
            assert_eq!(me.word(0).load(Relaxed), 9 << 32 | 1);
        })
        .process("waker", |me| {
            // No news to who sleeps at the other half.
            me.word(0).store(9 << 32, Relaxed);
            me.put(0, 7);
            kernel::store_low_and_wake(&me.word(0), 1, 1);
        })
        .end(|end| if end.word(0) == (9 << 32 | 1) { Ok(()) } else { Err(format!("{:#x}", end.word(0))) });
    explore(&scenario.into(), Bounds::WEAK).expect_all_well();
}

/// The first look at a word in a run may be the kernel's, at its half.
#[test]
fn a_word_is_whole_though_the_kernel_saw_its_half_first() {
    let wakes = |me: &Process| {
        kernel::wake(me.word(0).low_half());
        assert_eq!(me.word(0).load(Relaxed), 9 << 32);
    };
    let scenario = Scenario::new("half first")
        .words(1)
        .process_with(
            "one",
            |me| {
                kernel::store_low_and_wake(&me.word(0), 0, 1);
                me.word(0).store(9 << 32, Relaxed);
            },
            move |me, ()| wakes(me),
        )
        .process("two", wakes);
    explore(&scenario.into(), Bounds::WEAK).expect_all_well();
}

#[test]
fn an_addition_that_wakes_is_one_step() {
    let adds = |me: &Process| {
        kernel::change_and_wake(&me.futex(0), Change::Add(2), 1);
    };
    let scenario = Scenario::new("add and wake")
        .words(1)
        .wakes_are_due()
        .process("sleeper", |me| {
            let mut found = me.futex(0).load(Acquire);
            while found < 4 {
                kernel::sleep(&me.futex(0), found, Some(kernel::now() + SOON));
                found = me.futex(0).load(Acquire);
            }
            assert_eq!(found, 4);
        })
        .process("one", adds)
        .process("two", adds);
    explore(&scenario.into(), Bounds::WEAK).expect_all_well();
}

/// One of two is woken, and no more: the one who fell asleep first, whichever that was.
#[test]
fn a_wake_for_one_wakes_the_first_of_two() {
    let sleeps = |me: &Process| {
        let slept = kernel::sleep(&me.futex(0), 0, Some(kernel::now() + SOON));
        me.note("woken", u64::from(slept == Wake::Woken) << 4 | me.body() as u64);
    };
    let scenario = Scenario::new("one of two").words(1).process("one", sleeps).process("two", sleeps);
    let scenario = scenario
        .process("waker", |me| me.note("wakes", kernel::wake_some(&me.futex(0), 1) as u64))
        .outcome(|end| {
            let woken = end.values("woken").into_iter().filter(|told| told >> 4 == 1);
            format!("{:?} {:x?}", end.values("wakes"), woken.collect::<Vec<_>>())
        });
    assert_eq!(outcomes(scenario, Bounds::WEAK), ["[0] []", "[1] [10]", "[1] [11]"]);
}

/// All virtual processes are one thread of the system, and each has rows of its own; those of an earlier run are gone.
#[test]
fn each_process_has_a_thread_with_rows_of_its_own() {
    let comes = |me: &Process| {
        let region = me.region();
        let owner = region.thread_owner().expect("a free row");
        me.note("owner", owner.to_bits());
        kernel::pause(SOON);
        assert_eq!(region.thread_owner(), Ok(owner));
        me.end_thread();
        assert_ne!(region.thread_owner(), Ok(owner));
    };
    let scenario = Scenario::new("rows").words(1).process("one", comes).process("two", comes);
    let scenario = scenario.end(|end| {
        let owners = end.values("owner");
        let is_fresh = owners.iter().all(|owner| owner >> 32 <= 2);
        let is_right = is_fresh && owners.windows(2).all(|pair| pair[0] != pair[1]);
        if is_right { Ok(()) } else { Err(format!("{owners:x?}")) }
    });
    explore(&scenario.into(), Bounds::STRONG.kills(1)).expect_all_well();
}

#[test]
fn a_call_may_be_interrupted_and_a_sleep_may_end_for_no_reason() {
    for bounds in [Bounds::WEAK.faults(1), Bounds::WEAK.spurious(1)] {
        let scenario = Scenario::new("interrupted")
            .words(1)
            .process("sleeper", |me| {
                let wake = kernel::sleep(&me.futex(0), 0, Some(kernel::now() + SOON));
                me.note("woken", u64::from(wake == Wake::Woken));
            })
            .outcome(woken);
        assert_eq!(outcomes(scenario, bounds), ["[0]", "[1]"]);
    }
}

/// A copy that runs over the end of its mapping is found before it is made, whatever lies behind the end: several regions
/// here, so that some of them are neighbours.
#[test]
fn a_copy_beyond_the_region_is_found() {
    let scenario = Scenario::new("beyond").words(1).process("reader", |me| {
        let region = me.region();
        let last = ringway_shm::layout::FIRST_OWN + 2;
        let (start, _) = region.section(last).expect("the last section");
        let offset = region.geometry().section(last).expect("the last section").offset;
        let len = (region.geometry().region_len - offset) as usize;
        let mut bytes = [0; 8];
        // SAFETY: the explorer finds that the last four bytes are beyond the region, and copies nothing.
        unsafe {
            ringway_shm::primitive::copy_out(start.as_ptr().wrapping_add(len - 4), bytes.as_mut_ptr(), 8);
        }
    });
    let blueprint = ringway_shm::Blueprint::new(1, 1);
    let _neighbours: Vec<_> =
        (0..32).map(|_| ringway_shm::Region::anonymous(&blueprint).expect("a small region")).collect();
    assert_eq!(failure(&explore(&scenario.into(), Bounds::WEAK)).sort(), "outside");
}

#[test]
fn the_clock_stands_still_unless_time_passes() {
    let scenario = Scenario::new("clock")
        .words(1)
        .process("looker", |me| {
            let before = kernel::now();
            assert_eq!(kernel::now(), before);
            kernel::pause(SOON);
            me.note("woken", (kernel::now() - before).as_millis() as u64);
        })
        .outcome(woken);
    assert_eq!(outcomes(scenario, Bounds::WEAK), ["[5]"]);
}

#[test]
fn a_call_that_goes_on_after_its_deadline_is_found() {
    let scenario = Scenario::new("late").words(1).process("sleeper", |me| {
        me.wait("wait", SOON, || {
            for _ in 0..3 {
                kernel::sleep(&me.futex(0), 0, Some(kernel::now() + SOON));
            }
        });
    });
    assert_eq!(failure(&explore(&scenario.into(), Bounds::WEAK)).sort(), "overdue");
}

#[test]
fn a_call_that_waits_though_it_says_that_it_does_not_is_found() {
    let scenario = Scenario::new("wedge")
        .words(1)
        .process("waiter", |me| {
            me.attempt("try", || {
                while me.word(0).load(Acquire) == 0 {
                    ringway_shm::primitive::spin_hint();
                }
            });
        })
        .process("setter", |me| me.word(0).store(1, Release));
    let report = explore(&scenario.into(), Bounds::WEAK);
    assert_eq!(failure(&report).sort(), "wedged");
}

/// A role is the kernel's to give: it is free when its holder's address space is gone, and not when it is only marked.
#[test]
fn a_lock_is_free_when_its_holder_is_buried() {
    let scenario = |is_stalled: bool| {
        Scenario::new("role")
            .words(1)
            .process_with(
                "holder",
                |me| me.region().claim(1).expect("nobody has it yet"),
                move |me, claim| {
                    me.put(0, 1);
                    if is_stalled {
                        me.keep(claim);
                    }
                },
            )
            .process("heir", |me| {
                if me.region().claim(1).is_ok() {
                    // No race: whoever takes the lock has learned what its last holder did.
                    me.put(0, 2);
                    me.note("woken", 1);
                }
            })
            .outcome(woken)
    };
    assert_eq!(outcomes(scenario(false), Bounds::WEAK.kills(1)), ["[1]", "[]"]);
    assert_eq!(outcomes(scenario(true), Bounds::WEAK), ["[]"], "a live holder keeps it");
    assert_eq!(outcomes(scenario(true), Bounds::WEAK.stalls(1)), ["[]"], "a stopped holder keeps it");
    assert_eq!(outcomes(scenario(true), Bounds::WEAK.kills(1).lingering()), ["[1]", "[]"]);
}
