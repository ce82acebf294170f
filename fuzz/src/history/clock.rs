//! A clock that two cores agree on.
//!
//! On x86-64 the time stamp counter, where `/proc/cpuinfo` says `constant_tsc` (it counts at one rate, whatever the core's) and
//! `nonstop_tsc` (it goes on while a core sleeps): such counters are started together and are not set again, so what one core
//! reads after another has read less or the same. (That it is so shows in the histories: if not, values would be popped
//! before they are pushed.) Elsewhere CLOCK_MONOTONIC, which is the same of all cores by what the kernel promises.
//!
//! The beginning of a call is read before anything of the call is done: a load fence stands behind it. The end is read when
//! all that the call has stored can be seen: a full fence stands before it. Without that fence a store may still be on its way
//! when the call has returned, and another core be told Empty or Full a moment later: Ringway does not promise more, see
//! [`Fenced::No`].

#![allow(unsafe_code)] // because the counter is read by an instruction.

use ringway_shm::primitive::{Ordering, fence};
use std::time::Duration;

/// Is what a call has stored seen by everybody before its end is noted?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fenced {
    /// Then what is found empty or full must have been so.
    Yes,
    /// Then only what was received, and in which order, is judged.
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// The time stamp counter.
    Counter,
    /// CLOCK_MONOTONIC, in nanoseconds.
    Kernel,
}

impl Clock {
    /// The finest that all cores agree on.
    pub(super) fn best() -> Self {
        let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = told.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
        let has = |flag| flags.split_whitespace().any(|word| word == flag);
        if cfg!(target_arch = "x86_64") && has("constant_tsc") && has("nonstop_tsc") {
            Self::Counter
        } else {
            Self::Kernel
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Counter => "time stamp counter",
            Self::Kernel => "CLOCK_MONOTONIC",
        }
    }

    /// The moment before a call.
    pub(super) fn before(self) -> u64 {
        match self {
            Self::Counter => counter(),
            Self::Kernel => kernel(),
        }
    }

    /// The moment behind a call.
    pub(super) fn behind(self, fenced: Fenced) -> u64 {
        if fenced == Fenced::Yes {
            // What the call has stored is seen by all before the clock is read.
            fence(Ordering::SeqCst);
        }
        self.before()
    }
}

fn kernel() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32).as_nanos() as u64
}

#[cfg(target_arch = "x86_64")]
fn counter() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: reads a counter. The fences keep loads on their sides of it, and the compiler all memory accesses.
    unsafe {
        core::arch::asm!("lfence", "rdtsc", "lfence", out("rax") low, out("rdx") high, options(nostack, preserves_flags));
    }
    high << 32 | low
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    kernel()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_go_backwards_on_one_core() {
        for clock in [Clock::Kernel, Clock::best()] {
            let moments: Vec<u64> = (0..1000).map(|_| clock.behind(Fenced::Yes)).collect();
            assert!(moments.is_sorted() && moments[0] < moments[999], "{clock:?}");
        }
    }
}
