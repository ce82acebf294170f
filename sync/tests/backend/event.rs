//! What an event keeps: facts, for any implementation.
//!
//! An event may insure itself against wakers that died by waking now and then, which hides what it loses. So a fact that
//! is about a loss is told by time, and by the shortest of several tries or by the bulk of many, since any one may be slow.

use ringway_shm::primitive::{AtomicU32, Ordering};
use ringway_sync::Deadline;
use ringway_sync::backend::Event;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before it has failed.
const FAR: Duration = Duration::from_secs(60);

/// A sleep that somebody rings for is over by then, unless the machine is busy.
const SOON: Duration = Duration::from_millis(100);

const TRIES: u32 = 12;

/// Two handles of one event: where to sleep, and where to ring if that is another.
pub(crate) type Handles<'a, E> = (&'a E, Option<&'a E>);

/// Sleeps until `is_there` says so. The longest of its sleeps.
fn sleep_until(event: &impl Event, deadline: Deadline, mut is_there: impl FnMut() -> bool) -> Duration {
    let mut longest = Duration::ZERO;
    loop {
        let announced = event.prepare();
        if is_there() {
            return longest;
        }
        assert!(!deadline.has_passed(), "nothing came");
        let begin = Instant::now();
        event.sleep(announced, deadline);
        longest = longest.max(begin.elapsed());
    }
}

pub(crate) fn a_ring_before_the_sleep_is_not_lost<E: Event>((sleeps, rings): Handles<'_, E>) {
    let rings = rings.unwrap_or(sleeps);
    let a_try = |_| {
        let announced = sleeps.prepare();
        rings.ring();
        let begin = Instant::now();
        sleeps.sleep(announced, Deadline::after(FAR));
        begin.elapsed()
    };
    let shortest = (0..TRIES).map(a_try).min().unwrap();
    assert!(shortest < SOON, "a ring between announcement and sleep ends the sleep: {shortest:?}");
}

pub(crate) fn a_ring_wakes_all_sleepers<E: Event>((sleeps, rings): Handles<'_, E>) {
    const SLEEPERS: u32 = 4;
    let rings = rings.unwrap_or(sleeps);
    let a_try = |_| {
        let (announced, published) = (AtomicU32::new(0), AtomicU32::new(0));
        let deadline = Deadline::after(FAR);
        let sleeper = || {
            let ticket = sleeps.prepare();
            assert_eq!(published.load(Ordering::Acquire), 0);
            announced.fetch_add(1, Ordering::Release);
            sleeps.sleep(ticket, deadline);
            sleep_until(sleeps, deadline, || published.load(Ordering::Acquire) == 1);
        };
        thread::scope(|scope| {
            let sleepers = [(); SLEEPERS as usize].map(|()| scope.spawn(sleeper));
            while announced.load(Ordering::Acquire) < SLEEPERS {
                thread::yield_now();
            }
            // So that some sleep already; the fact holds if none does.
            thread::yield_now();
            let begin = Instant::now();
            published.store(1, Ordering::Release);
            rings.ring();
            sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
            begin.elapsed()
        })
    };
    let shortest = (0..TRIES).map(a_try).min().unwrap();
    assert!(shortest < SOON, "one ring wakes all: {shortest:?}");
}

pub(crate) fn a_sleep_ends_at_its_deadline<E: Event>((sleeps, _): Handles<'_, E>) {
    for time in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(20)] {
        let begin = Instant::now();
        let deadline = Deadline::after(time);
        while !deadline.has_passed() {
            let announced = sleeps.prepare();
            sleeps.sleep(announced, deadline);
        }
        assert!(begin.elapsed() >= time, "a deadline does not pass early");
        assert!(begin.elapsed() < FAR);
    }
    let past = Deadline::after(Duration::ZERO);
    let a_try = |_| {
        let announced = sleeps.prepare();
        let begin = Instant::now();
        sleeps.sleep(announced, past);
        begin.elapsed()
    };
    let shortest = (0..TRIES).map(a_try).min().unwrap();
    assert!(shortest < SOON, "a sleep past its deadline is none: {shortest:?}");
}

pub(crate) fn a_ring_for_nobody_leaves_nothing_behind<E: Event>((sleeps, rings): Handles<'_, E>) {
    let rings = rings.unwrap_or(sleeps);
    let time = Duration::from_millis(5);
    let a_try = |_| {
        (0..3).for_each(|_| rings.ring());
        let announced = sleeps.prepare();
        let begin = Instant::now();
        sleeps.sleep(announced, Deadline::after(time));
        begin.elapsed()
    };
    // Any one may end early.
    let longest = (0..TRIES).map(a_try).max().unwrap();
    assert!(longest >= time, "a ring before the announcement does not end the sleep: {longest:?}");
}

/// Takes turns with the other side, which has the other parity; the count of sleeps that took long.
pub(crate) fn exchange<E: Event>((sleeps, rings): (&E, &E), turn: &AtomicU32, ours: u32, rounds: u32) -> u32 {
    let deadline = Deadline::after(FAR);
    let mut long = 0;
    for round in 0..rounds {
        let due = 2 * round + ours;
        let longest = sleep_until(sleeps, deadline, || turn.load(Ordering::Acquire) == due);
        long += u32::from(longest >= SOON);
        turn.store(due + 1, Ordering::Release);
        rings.ring();
    }
    long
}

pub(crate) fn no_wake_up_is_lost_in_a_long_exchange<E: Event>((sleeps, rings): Handles<'_, E>) {
    const ROUNDS: u32 = 5_000;
    let rings = rings.unwrap_or(sleeps);
    let turn = AtomicU32::new(0);
    let long = thread::scope(|scope| {
        let other = scope.spawn(|| exchange((rings, sleeps), &turn, 1, ROUNDS));
        exchange((sleeps, rings), &turn, 0, ROUNDS) + other.join().unwrap()
    });
    assert!(long <= ROUNDS / 1000, "{long} sleeps took long");
}

pub(crate) fn no_wake_up_is_lost_between_many<E: Event>((sleeps, rings): Handles<'_, E>) {
    const RINGERS: usize = 3;
    const ITEMS: u32 = 2_000;
    const SLEEPERS: usize = 2;
    let rings = rings.unwrap_or(sleeps);
    let published = [(); RINGERS].map(|()| AtomicU32::new(0));
    let seen = [(); SLEEPERS].map(|()| AtomicU32::new(0));
    let deadline = Deadline::after(FAR);
    let sum = || published.iter().map(|items| items.load(Ordering::Acquire)).sum::<u32>();
    let long: u32 = thread::scope(|scope| {
        for items in &published {
            let seen = &seen;
            scope.spawn(move || {
                for item in 1..=ITEMS {
                    items.store(item, Ordering::Release);
                    rings.ring();
                    // Not far ahead, so that there is something to sleep for.
                    while seen.iter().any(|seen| seen.load(Ordering::Acquire) + 8 < item) {
                        assert!(!deadline.has_passed(), "a sleeper does not come");
                        thread::yield_now();
                    }
                }
            });
        }
        let sleeper = |seen: &AtomicU32| {
            let (mut known, mut long) = (0, 0);
            while known < RINGERS as u32 * ITEMS {
                long += u32::from(sleep_until(sleeps, deadline, || sum() > known) >= SOON);
                known = sum();
                seen.store(known, Ordering::Release);
            }
            long
        };
        let sleepers = seen.each_ref().map(|seen| scope.spawn(move || sleeper(seen)));
        sleepers.into_iter().map(|sleeper| sleeper.join().unwrap()).sum()
    });
    assert!(long <= ITEMS / 500, "{long} sleeps took long");
}
