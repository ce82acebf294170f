//! The loops of round trips in which every wait sleeps, and the proof that it does.
//!
//! Two parties on two cores that answer each other at once need not sleep: the answer may come while the caller is still
//! on its way into the kernel. Then they stay awake for as long as each is as quick as the other, which says nothing about
//! waking up. Hence the caller gives its peer, before each round trip, the time to fall asleep, and that time is not
//! counted. While the peer wakes up the caller falls asleep by itself.
//!
//! The kernel counts how often a thread went to sleep. A run on two cores in which either party slept in less than half of
//! its waits fails.
//!
//! On one core nothing of that is needed: no answer comes before the kernel has given the core to the other party and
//! back, whether the caller fell asleep for it or the woken peer pushed it aside.

use std::fs;

use super::trips::{Turn, Verified, answer, call};
use super::{Run, Work};
use crate::endpoint::Caller;
use crate::stage::clock::Clock;
use crate::stage::place::fact;
use crate::stage::wait::Halt;
use ringway_shm::primitive::spin_hint;

/// What the peer is given to fall asleep.
const PAUSE_NS: f64 = 50_000.0;

/// Round trips of 64-byte messages whose every wait sleeps.
pub(crate) struct SleepingTrips;

impl<N: Caller, F: Caller> Work<N, F> for SleepingTrips {
    fn near(near: &mut N, run: Run<'_>, clock: &Clock, ticks: &mut [u32]) -> Result<(), Halt> {
        let mut end = Verified::new(near);
        if run.deadline.yields() {
            return call(end, run, clock, ticks);
        }
        count_sleeps(run.count, || {
            for (trip, elapsed) in (run.first..run.first + run.count).zip(ticks) {
                let start = pause(clock);
                end.send(2 * trip, run.deadline)?;
                end.receive(2 * trip + 1, run.deadline)?;
                *elapsed = u32::try_from(clock.ticks().wrapping_sub(start)).unwrap_or(u32::MAX);
            }
            Ok(())
        })
    }

    fn far(far: &mut F, run: Run<'_>) -> Result<(), Halt> {
        let mut work = || answer(Verified::new(far), run);
        if run.deadline.yields() { work() } else { count_sleeps(run.count, work) }
    }
}

/// Passes the pause and says when it ended.
fn pause(clock: &Clock) -> u64 {
    let start = clock.ticks();
    loop {
        let now = clock.ticks();
        if clock.nanoseconds(now.wrapping_sub(start) as f64) >= PAUSE_NS {
            return now;
        }
        spin_hint();
    }
}

/// Fewer waits than this say nothing: on a machine that others use a party may find its answer there each time it comes to
/// look.
const WAITS_MIN: u64 = 200;

/// Does `work`, which has `waits` waits, and sees to it that this thread slept in most of them.
fn count_sleeps(waits: u64, work: impl FnOnce() -> Result<(), Halt>) -> Result<(), Halt> {
    let earlier = sleeps();
    work()?;
    match sleeps().zip(earlier) {
        Some((now, earlier)) if waits >= WAITS_MIN && 2 * (now - earlier) < waits => {
            Err(Halt::Awake { slept: now - earlier, waits })
        }
        // Where the kernel does not say, nothing is known.
        _ => Ok(()),
    }
}

/// How often this thread has gone to sleep, if the kernel says so.
fn sleeps() -> Option<u64> {
    let facts = fs::read_to_string("/proc/thread-self/status").ok()?;
    fact(&facts, "voluntary_ctxt_switches")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thread_that_stays_awake_is_found_out() {
        let doze = || {
            thread::sleep(Duration::from_micros(10));
            Ok(())
        };
        assert_eq!(count_sleeps(1, doze), Ok(()));
        assert_eq!(count_sleeps(WAITS_MIN - 1, doze), Ok(()), "too few to say");
        assert!(matches!(count_sleeps(1_000, doze), Err(Halt::Awake { waits: 1_000, .. })));
    }
}
