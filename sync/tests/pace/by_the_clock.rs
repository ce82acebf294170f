//! The numbers, by a clock that only the test moves.

use super::{STRATEGIES, looks};
use ringway_shm::primitive::kernel;
use ringway_shm::primitive::model::{self, Hooks, Installed};
use ringway_sync::{Deadline, Next, Pace, WaitStrategy};
use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

/// The most looks before a wait sleeps, and the largest budget.
const SPINS: u32 = 2048;
/// Looks between two checks, and the smallest budget.
const CHECK_LOOKS: u32 = 64;
/// How often the core is yielded.
const YIELDS: u32 = 8;
/// How many hints a side slips behind.
const SLIP: u32 = 64;
/// Waits in an exchange after which one slips behind all the same.
const PROBE: u32 = 4096;
/// A wait that takes no longer would have been spun out.
const WORTH: Duration = Duration::from_micros(50);
/// Between two checks that take longer, somebody else had the core.
const PREEMPTED: Duration = Duration::from_micros(500);
const MOMENT: Duration = Duration::from_nanos(1);

/// A clock, and the count of hints and yields.
struct Clock {
    now: Cell<Duration>,
    hints: Cell<u32>,
}

impl Hooks for Clock {
    fn now(&self) -> Option<Duration> {
        Some(self.now.get())
    }

    fn spin(&self, _: &'static Location<'static>) {
        self.hints.set(self.hints.get() + 1);
    }
}

impl Clock {
    fn install() -> (Rc<Self>, Installed) {
        let clock = Rc::new(Self { now: Cell::new(Duration::from_secs(1000)), hints: Cell::new(0) });
        let installed = model::install(clock.clone());
        (clock, installed)
    }

    fn advance(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }
}

/// True where spinning never helps, so that there is nothing to count.
fn is_skipped(test: &str) -> bool {
    let has_one_core = kernel::cores() == 1;
    if has_one_core {
        eprintln!("SKIPPED: {test}: this machine has one core");
    }
    has_one_core
}

/// The budget: how many looks a wait makes until it asks to sleep. The wait teaches nothing.
fn budget(pace: &mut Pace) -> u32 {
    let mut wait = pace.begin(Deadline::NEVER);
    let mut sum = looks(&mut wait);
    while wait.check(false) == Next::Look {
        sum += looks(&mut wait);
    }
    sum
}

/// A wait that makes one check, may sleep, and ends so long after the check.
fn waits(pace: &mut Pace, clock: &Clock, sleeps: bool, time: Duration) {
    let mut wait = pace.begin(Deadline::NEVER);
    looks(&mut wait);
    let _ = wait.check(false);
    if sleeps {
        wait.sleeps();
    }
    clock.advance(time);
    pace.learn(&wait, false);
}

#[test]
fn the_budget_halves_after_long_sleeps_and_doubles_after_waits_that_ended_soon() {
    if is_skipped("the_budget_halves") {
        return;
    }
    let (clock, _installed) = Clock::install();
    let mut pace = Pace::new(WaitStrategy::SpinThenSleep);
    assert_eq!(budget(&mut pace), SPINS);
    for expected in [1024, 512, 256, 128, 64, 64, 64] {
        waits(&mut pace, &clock, true, WORTH);
        assert_eq!(budget(&mut pace), expected);
    }
    // A sleep that ended soon, and a wait that did not have to sleep, however long it was.
    for (sleeps, time, expected) in [
        (true, WORTH - MOMENT, 128),
        (false, Duration::ZERO, 256),
        (false, Duration::from_secs(1), 512),
        (true, Duration::ZERO, 1024),
        (false, Duration::ZERO, SPINS),
        (false, Duration::ZERO, SPINS),
    ] {
        waits(&mut pace, &clock, sleeps, time);
        assert_eq!(budget(&mut pace), expected);
    }
}

#[test]
fn a_wait_that_ends_before_its_first_check_teaches_nothing_about_time() {
    if is_skipped("a_wait_that_ends_before_its_first_check") {
        return;
    }
    let (clock, _installed) = Clock::install();
    let mut pace = Pace::new(WaitStrategy::SpinThenSleep);
    waits(&mut pace, &clock, true, WORTH);
    for _ in 0..10 {
        let mut wait = pace.begin(Deadline::NEVER);
        let _ = wait.pause();
        pace.learn(&wait, false);
        assert_eq!(budget(&mut pace), SPINS / 2);
    }
}

#[test]
fn one_look_in_sixty_four_is_a_check() {
    if is_skipped("one_look_in_sixty_four") {
        return;
    }
    let (_clock, _installed) = Clock::install();
    for strategy in [WaitStrategy::Spin, WaitStrategy::SpinThenSleep] {
        let mut wait = Pace::new(strategy).begin(Deadline::NEVER);
        for _ in 1..SPINS / CHECK_LOOKS {
            assert_eq!(looks(&mut wait), CHECK_LOOKS);
            assert_eq!(wait.check(false), Next::Look);
        }
        assert_eq!(looks(&mut wait), CHECK_LOOKS);
        // The budget is used up: from here on each look is a check.
        let last = if strategy == WaitStrategy::Spin { Next::Look } else { Next::Sleep };
        assert_eq!(wait.check(false), last);
        assert_eq!(looks(&mut wait), 0);
        assert_eq!(wait.check(false), last);
    }
}

#[test]
fn beside_its_peer_on_one_core_a_side_yields_a_few_times_and_then_sleeps() {
    let (clock, _installed) = Clock::install();
    let mut pace = Pace::new(WaitStrategy::SpinThenSleep);
    // The first wait does not know yet.
    let mut wait = pace.begin(Deadline::NEVER);
    looks(&mut wait);
    for _ in 0..YIELDS {
        let before = clock.hints.get();
        assert_eq!(wait.check(true), Next::Look);
        assert_eq!(clock.hints.get(), before + 1, "one yield");
        assert_eq!(looks(&mut wait), 0);
        // What a yield takes is no sign that somebody else wants the core.
        clock.advance(2 * PREEMPTED);
    }
    assert_eq!(wait.check(true), Next::Sleep);
    pace.learn(&wait, false);
    // The next wait knows: it does not spin at all.
    let mut wait = pace.begin(Deadline::NEVER);
    for _ in 0..YIELDS {
        assert_eq!(looks(&mut wait), 0);
        assert_eq!(wait.check(true), Next::Look);
    }
    assert_eq!(wait.check(true), Next::Sleep);
    pace.learn(&wait, false);
    // The peer has gone elsewhere: found out at the first check, which sleeps; then it spins again.
    let mut wait = pace.begin(Deadline::NEVER);
    assert_eq!(looks(&mut wait), 0);
    assert_eq!(wait.check(false), Next::Sleep);
    pace.learn(&wait, false);
    if !is_skipped("beside_its_peer_on_one_core: afterwards") {
        assert_eq!(budget(&mut pace), SPINS);
    }
}

#[test]
fn spin_goes_on_beside_its_peer() {
    let (_clock, _installed) = Clock::install();
    let mut wait = Pace::new(WaitStrategy::Spin).begin(Deadline::NEVER);
    for _ in 0..100 {
        looks(&mut wait);
        assert_eq!(wait.check(true), Next::Look);
    }
}

#[test]
fn a_clock_that_jumps_between_two_checks_ends_the_spinning() {
    if is_skipped("a_clock_that_jumps") {
        return;
    }
    let (clock, _installed) = Clock::install();
    let mut pace = Pace::new(WaitStrategy::SpinThenSleep);
    let mut wait = pace.begin(Deadline::NEVER);
    looks(&mut wait);
    clock.advance(2 * PREEMPTED);
    assert_eq!(wait.check(false), Next::Look, "the first check has nothing to compare with");
    looks(&mut wait);
    clock.advance(PREEMPTED);
    assert_eq!(wait.check(false), Next::Look, "just not too long");
    looks(&mut wait);
    clock.advance(PREEMPTED + MOMENT);
    assert_eq!(wait.check(false), Next::Sleep);
    // Where others want the core, the next wait is short.
    pace.learn(&wait, false);
    assert_eq!(budget(&mut pace), CHECK_LOOKS);
}

#[test]
fn the_time_of_a_sleep_is_no_preemption() {
    if is_skipped("the_time_of_a_sleep") {
        return;
    }
    let (clock, _installed) = Clock::install();
    let mut pace = Pace::new(WaitStrategy::SpinThenSleep);
    let mut wait = pace.begin(Deadline::NEVER);
    while wait.check(false) == Next::Look {
        looks(&mut wait);
    }
    wait.sleeps();
    clock.advance(2 * PREEMPTED);
    assert_eq!(wait.check(false), Next::Sleep);
    pace.learn(&wait, false);
    assert_eq!(budget(&mut pace), SPINS / 2);
}

#[test]
fn a_deadline_is_answered_when_the_clock_shows_it_and_not_before() {
    for strategy in STRATEGIES {
        for is_together in [false, true] {
            let (clock, _installed) = Clock::install();
            let time = Duration::from_micros(100);
            let mut wait = Pace::new(strategy).begin(Deadline::after(time));
            for _ in 0..100 {
                looks(&mut wait);
                assert_ne!(wait.check(is_together), Next::TimedOut, "{strategy:?}");
            }
            clock.advance(time - MOMENT);
            assert_ne!(wait.check(is_together), Next::TimedOut, "{strategy:?}");
            clock.advance(MOMENT);
            assert_eq!(wait.check(is_together), Next::TimedOut, "{strategy:?}");
        }
    }
}

#[test]
fn a_side_slips_behind_in_a_stream_and_now_and_then_in_an_exchange() {
    if is_skipped("a_side_slips_behind") {
        return;
    }
    let (clock, _installed) = Clock::install();
    let mut pace = Pace::new(WaitStrategy::SpinThenSleep);
    let mut hints = |brought_more| {
        let before = clock.hints.get();
        let wait = pace.begin(Deadline::NEVER);
        pace.learn(&wait, brought_more);
        clock.hints.get() - before
    };
    for _ in 0..3 {
        (0..PROBE).for_each(|_| assert_eq!(hints(false), 0));
        assert_eq!(hints(false), SLIP);
    }
    assert_eq!(hints(true), 0);
    assert_eq!([true, false, false, false, false].map(&mut hints), [SLIP, SLIP, SLIP, SLIP, 0]);
}

#[test]
fn who_sleeps_at_once_does_not_slip_behind() {
    let (clock, _installed) = Clock::install();
    let mut pace = Pace::new(WaitStrategy::Sleep);
    for _ in 0..3 {
        let wait = pace.begin(Deadline::NEVER);
        pace.learn(&wait, true);
    }
    assert_eq!(clock.hints.get(), 0);
}

#[test]
fn on_a_machine_with_one_core_nobody_spins() {
    if kernel::cores() > 1 {
        eprintln!("SKIPPED: on_a_machine_with_one_core_nobody_spins: this machine has more");
        return;
    }
    let (_clock, _installed) = Clock::install();
    for strategy in STRATEGIES {
        let mut wait = Pace::new(strategy).begin(Deadline::NEVER);
        assert_eq!(looks(&mut wait), 0);
        let next = if strategy == WaitStrategy::Spin { Next::Look } else { Next::Sleep };
        assert_eq!(wait.check(false), next);
    }
}
