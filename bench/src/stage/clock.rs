//! The clock of a round trip: the processor's cycle counter where it is steady, the kernel's monotonic clock elsewhere.
//!
//! A round trip between two cores takes some tens of nanoseconds, so what reading the clock costs matters. One reading
//! ends a round trip and starts the next, hence each measured round trip contains exactly one reading. The report says
//! what a reading costs; it is not subtracted.

#![allow(unsafe_code)] // because the cycle counter is read by an intrinsic that is declared unsafe.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How long the counter is compared with the kernel's clock before it is trusted.
const COMPARED: Duration = Duration::from_millis(20);

/// Readings made to find out what one costs.
const READINGS: u32 = 100_000;

/// A clock that was compared with the kernel's.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    has_counter: bool,
    ns_per_tick: f64,
    /// What one reading costs.
    pub cost_ns: f64,
}

impl Clock {
    /// Compares and times the clock. Takes a few hundredths of a second.
    pub(crate) fn new(has_steady_counter: bool) -> Self {
        let has_counter = has_steady_counter && cfg!(target_arch = "x86_64");
        let mut clock = Self { has_counter, ns_per_tick: 1.0, cost_ns: 0.0 };
        if has_counter {
            let (start, first) = (Instant::now(), clock.ticks());
            while start.elapsed() < COMPARED {}
            let (elapsed, last) = (start.elapsed(), clock.ticks());
            clock.ns_per_tick = elapsed.as_nanos() as f64 / last.wrapping_sub(first).max(1) as f64;
        }
        let first = clock.ticks();
        for _ in 1..READINGS {
            std::hint::black_box(clock.ticks());
        }
        let elapsed = clock.ticks().wrapping_sub(first) as f64;
        clock.cost_ns = clock.nanoseconds(elapsed) / f64::from(READINGS);
        clock
    }

    /// The time now, in ticks since some moment that is the same for all processes.
    #[inline(always)]
    pub(crate) fn ticks(&self) -> u64 {
        ticks(self.has_counter)
    }

    /// Whether the processor's counter is read.
    pub(crate) fn has_counter(&self) -> bool {
        self.has_counter
    }

    /// What a tick is in nanoseconds.
    pub(crate) fn ns_per_tick(&self) -> f64 {
        self.ns_per_tick
    }

    /// What a number of ticks is in nanoseconds.
    pub(crate) fn nanoseconds(&self, ticks: f64) -> f64 {
        ticks * self.ns_per_tick
    }

    /// What is read.
    pub(crate) fn name(&self) -> &'static str {
        if self.has_counter { "cycle counter" } else { "monotonic clock" }
    }
}

/// The time now, by the counter or by the kernel's clock: the same for all processes of the machine.
#[inline(always)]
pub(crate) fn ticks(has_counter: bool) -> u64 {
    if has_counter {
        return counter();
    }
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: RDTSC has no precondition: every x86-64 processor has it, and Linux lets user space execute it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn counter() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_goes_forward() {
        for has_steady_counter in [false, true] {
            let clock = Clock::new(has_steady_counter);
            let first = clock.ticks();
            while clock.nanoseconds((clock.ticks() - first) as f64) < 1000.0 {}
            assert!(clock.cost_ns > 0.0);
        }
    }
}
