//! How a party waits that polls: it looks once in a while whether it should go on waiting.
//!
//! A poll costs one spin hint, one increment and one well-predicted branch. Once in 2^16 polls (at each poll where both
//! parties share one core, and then the core is given away as well) the slow path looks at the stop word and at the
//! clock, so that no sample outlives its deadline whatever the other party does. A party that sleeps in the kernel tells
//! it the same deadline, as a moment or as what is left until then.

use std::fmt;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::memory::message::Fault;
use ringway_shm::primitive::{AtomicU64, Ordering, spin_hint};

/// Polls between two looks at the deadline, less one.
const POLLS_MASK: u32 = (1 << 16) - 1;

/// How long a nap takes.
const NAP: Duration = Duration::from_micros(100);

/// Why a party does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// A message was not the one expected.
    Fault(Fault),
    /// The sample took longer than it may.
    Late,
    /// The other party gave up.
    Stopped,
    /// The channel has no other end any more.
    Closed,
    /// A party that was to sleep in each wait slept in few of them.
    Awake { slept: u64, waits: u64 },
    /// Something did not do what it is for.
    Wrong(&'static str),
    /// The kernel refused.
    System(Errno),
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Late => f.write_str("not done by the deadline"),
            Self::Stopped => f.write_str("the peer gave up"),
            Self::Closed => f.write_str("the channel was closed"),
            Self::Awake { slept, waits } => write!(f, "slept {slept} times in {waits} waits"),
            Self::Wrong(fault) => f.write_str(fault),
            Self::System(error) => write!(f, "the kernel refused: {error}"),
        }
    }
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Errno> for Halt {
    fn from(error: Errno) -> Self {
        Self::System(error)
    }
}

impl From<Halt> for io::Error {
    fn from(halt: Halt) -> Self {
        Self::other(halt.to_string())
    }
}

/// Until when one sample may take, and whether somebody gave up.
#[derive(Debug)]
pub(crate) struct Deadline<'a> {
    end: Instant,
    moment: ringway::Deadline,
    wakeup: Timespec,
    stop: &'a AtomicU64,
    polls_mask: u32,
}

impl<'a> Deadline<'a> {
    /// `limit` from now, or earlier, when `stop` is no longer zero. `yields` gives the core away at each poll.
    pub(crate) fn new(limit: Duration, stop: &'a AtomicU64, yields: bool) -> Self {
        let moment = ringway::Deadline::after(limit);
        let wakeup = after(clock_gettime(ClockId::Monotonic), limit);
        let polls_mask = if yields { 0 } else { POLLS_MASK };
        Self { end: Instant::now() + limit, moment, wakeup, stop, polls_mask }
    }

    /// The end as Ringway's own waiting calls take it.
    #[inline(always)]
    pub(crate) fn moment(&self) -> ringway::Deadline {
        self.moment
    }

    /// The end on the kernel's monotonic clock, as its sleeping calls take it.
    #[inline(always)]
    pub(crate) fn wakeup(&self) -> &Timespec {
        &self.wakeup
    }

    /// Whether a poll gives the core away, since the other party needs it.
    pub(crate) fn yields(&self) -> bool {
        self.polls_mask == 0
    }

    /// The polls of one wait between two looks, less one: as [`Wait::poll`] counts them.
    #[allow(dead_code)] // because the loops that need it are in C++, which may not be there.
    pub(crate) fn polls_mask(&self) -> u32 {
        self.polls_mask
    }

    /// What is left until the end.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`].
    pub(crate) fn left(&self) -> Result<Duration, Halt> {
        self.look()?;
        Ok(self.end.saturating_duration_since(Instant::now()))
    }

    /// Passes the time between two looks at what another process is about to do, for a party that must not use its core
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`].
    pub(crate) fn nap(&self) -> Result<(), Halt> {
        self.look()?;
        thread::sleep(NAP);
        Ok(())
    }

    /// The start of one wait.
    #[inline(always)]
    pub(crate) fn wait(&self) -> Wait<'_> {
        Wait { deadline: self, polls: 0 }
    }

    /// Whether to go on waiting.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`].
    #[cold]
    #[inline(never)]
    pub(crate) fn look(&self) -> Result<(), Halt> {
        if self.polls_mask == 0 {
            rustix::thread::sched_yield();
        }
        // Relaxed: nothing is read on the strength of the word.
        if self.stop.load(Ordering::Relaxed) != 0 {
            return Err(Halt::Stopped);
        }
        if Instant::now() < self.end { Ok(()) } else { Err(Halt::Late) }
    }
}

/// The moment `length` after `moment`.
fn after(moment: Timespec, length: Duration) -> Timespec {
    const SECOND_NS: i64 = 1_000_000_000;
    let fraction_ns = moment.tv_nsec + i64::from(length.subsec_nanos());
    Timespec {
        tv_sec: moment.tv_sec + length.as_secs().cast_signed() + fraction_ns / SECOND_NS,
        tv_nsec: fraction_ns % SECOND_NS,
    }
}

/// One wait. Make one per wait: it lives in registers.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    deadline: &'a Deadline<'a>,
    polls: u32,
}

impl Wait<'_> {
    /// Passes the time between two looks at what is waited for, with the processor's spin hint.
    ///
    /// # Errors
    ///
    /// `Late` after the deadline, `Stopped` when the other party gave up.
    #[inline(always)]
    pub(crate) fn poll(&mut self) -> Result<(), Halt> {
        spin_hint();
        self.poll_unhinted()
    }

    /// The same without the hint.
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll).
    #[inline(always)]
    pub(crate) fn poll_unhinted(&mut self) -> Result<(), Halt> {
        self.polls = self.polls.wrapping_add(1);
        if self.polls & self.deadline.polls_mask == 0 { self.deadline.look() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_the_deadline() {
        let stop = AtomicU64::new(0);
        for yields in [false, true] {
            let deadline = Deadline::new(Duration::from_millis(1), &stop, yields);
            let mut wait = deadline.wait();
            assert_eq!((0..).find_map(|_: u64| wait.poll().err()), Some(Halt::Late));
        }
    }

    #[test]
    fn the_nanoseconds_of_a_moment_carry() {
        let late = Timespec { tv_sec: 7, tv_nsec: 999_999_999 };
        assert_eq!(after(late, Duration::new(2, 1)), Timespec { tv_sec: 10, tv_nsec: 0 });
        assert_eq!(after(late, Duration::ZERO), late);
    }

    #[test]
    fn a_wait_ends_when_the_other_party_gave_up() {
        let stop = AtomicU64::new(1);
        let deadline = Deadline::new(Duration::from_secs(60), &stop, false);
        let mut wait = deadline.wait();
        assert_eq!((0..).find_map(|_: u64| wait.poll_unhinted().err()), Some(Halt::Stopped));
    }
}
