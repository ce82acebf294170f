//! Waiting by watching: spin while an answer is likely near, then give the core away between looks.
//!
//! ```text
//!   [slip] look ─ hint ─ look ─ hint ─ ...  SPINS times      the peer runs on another core: an answer in about 100 ns
//!          look ─ yield ─ look ─ yield ─ ... to the deadline the peer may need this core
//! ```
//!
//! Each look takes the watched cache line away from the peer that is about to write it. In an exchange, where each side
//! waits for the other's answer, the first look after the answer is what counts, so looks follow each other closely. In a
//! stream, where the peer writes again and again, a side that is faster than its peer would meet it at every message and
//! slow both down; it does better to slip behind a little, once, and to find several messages at its next look (the
//! temporal slip of Giacomoni, Moseley and Vachharajani, "FastForward for Efficient Pipeline Parallelism", 2008). A
//! [`Pace`] tells the two apart by what the last wait brought: more than one message means a stream. Now and then it slips
//! behind in what it takes for an exchange, since there a stream of single messages looks the same.
//!
//! On a machine with one core there is no spinning: whoever is waited for cannot run meanwhile.

use crate::Deadline;
use ringway_shm::primitive::{Backoff, kernel, spin_hint};
use std::sync::OnceLock;

/// How many looks before the core is given away: some tens of microseconds, many times what two cores that take turns
/// need for an answer.
const SPINS: u32 = 32 * CLOCK_LOOKS;

/// One look in this many looks at the clock as well.
const CLOCK_LOOKS: u32 = 64;

/// How many hints a side slips behind in a stream.
const SLIP: u32 = 64;

/// How many waits in a row may bring a single message before a stream counts as over.
const PATIENCE: u8 = 3;

/// In an exchange, a wait after this many slips behind all the same, to find out whether it has become a stream.
const PROBE: u16 = 4096;

/// How one side of a channel waits for the other, learned from its last waits.
///
/// # Examples
///
/// ```
/// use ringway_sync::{Deadline, Pace};
/// use std::time::Duration;
///
/// let mut pace = Pace::new();
/// let mut looks = 0;
/// let mut wait = pace.begin(Deadline::after(Duration::from_secs(1)));
/// while { looks += 1; looks < 3 } {
///     assert!(wait.pause(), "the deadline is far");
/// }
/// pace.learn(false);
/// ```
#[derive(Debug, Default)]
pub struct Pace {
    /// Waits that may bring a single message before the stream counts as over; 0 in an exchange.
    patience: u8,
    /// Waits since the last that slipped behind.
    waits: u16,
}

impl Pace {
    /// The pace of an exchange.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Do the two sides take turns, as far as is known?
    #[inline]
    #[must_use]
    pub fn is_exchange(&self) -> bool {
        self.patience == 0
    }

    /// Begins a wait, after a first look in vain.
    #[inline]
    pub fn begin(&mut self, deadline: Deadline) -> Wait {
        if self.patience > 0 || self.waits == PROBE {
            self.waits = 0;
            if !has_one_core() {
                (0..SLIP).for_each(|_| spin_hint());
            }
        } else {
            self.waits += 1;
        }
        let looks = if has_one_core() { SPINS } else { 0 };
        Wait { looks, clock_at: looks.max(CLOCK_LOOKS), deadline, backoff: Backoff::new() }
    }

    /// Learns from a wait: did it bring more than the one thing that was waited for?
    #[inline]
    pub fn learn(&mut self, brought_more: bool) {
        self.patience = if brought_more { PATIENCE } else { self.patience.saturating_sub(1) };
    }
}

/// One wait: look, [`pause`](Self::pause), look again, until the pause says that the deadline has passed.
#[derive(Debug)]
pub struct Wait {
    looks: u32,
    /// Looks after which the clock is looked at.
    clock_at: u32,
    deadline: Deadline,
    backoff: Backoff,
}

impl Wait {
    /// Passes the time between two looks. False when the deadline has passed: the look before it was the last.
    #[inline(always)]
    #[must_use]
    pub fn pause(&mut self) -> bool {
        if self.looks == self.clock_at {
            return self.look_at_the_clock();
        }
        self.looks += 1;
        spin_hint();
        true
    }

    /// Ends the wait if it is time to; gives the core away if the spinning is over.
    #[cold]
    #[inline(never)]
    fn look_at_the_clock(&mut self) -> bool {
        if self.deadline.has_passed() {
            return false;
        }
        if self.looks < SPINS {
            self.clock_at += CLOCK_LOOKS;
            spin_hint();
        } else {
            self.backoff.pause();
        }
        true
    }
}

/// Has the machine one core only? Not whether this thread may run on one only: its peer may be pinned to another.
fn has_one_core() -> bool {
    static ONE_CORE: OnceLock<bool> = OnceLock::new();
    *ONE_CORE.get_or_init(|| kernel::cores() == 1)
}
