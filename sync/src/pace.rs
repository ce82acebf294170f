//! How long to watch before going to sleep, and how closely.
//!
//! ```text
//!   [slip] look ─ hint ─ look ─ hint ─ ...  ─┬─ 64 looks: clock, peer, core ─┬─ ... to the budget ─▶ sleep
//!                                            └─ passed? dead? same core?     ┘
//! ```
//!
//! **How closely.** Each look takes the watched cache line away from the peer that is about to write it. In an exchange,
//! where each side waits for the other's answer, the first look after the answer is what counts, so looks follow each other
//! closely. In a stream, where the peer writes again and again, a side that is faster than its peer would meet it at every
//! message and slow both down; it does better to slip behind a little, once, and to find several messages at its next look
//! (the temporal slip of Giacomoni, Moseley and Vachharajani, "FastForward for Efficient Pipeline Parallelism", 2008). A
//! [`Pace`] tells the two apart by what the last wait brought: more than one message means a stream. Now and then it slips
//! behind in what it takes for an exchange, since there a stream of single messages looks the same.
//!
//! **How long.** To sleep and be woken costs up to as much as [`SPINS`] looks, so a wait that ends within those is better
//! spun out, and spinning any longer costs at most twice what sleeping at once would have (Karlin, Manasse, McGeoch and
//! Owicki, "Competitive Randomized Algorithms for Nonuniform Problems", 1990). The budget halves with each wait that had to
//! sleep in the end, and doubles with each that would have been spun out. It is nothing where spinning cannot help:
//!
//! * on a machine with one core, where whoever is waited for cannot run meanwhile;
//! * while the peer last waited or woke us on this very core: then the core is yielded to it a few times, and then left;
//! * for this wait, when the clock shows that somebody else had the core in the middle of the spinning.

use crate::{Deadline, WaitStrategy};
use ringway_shm::primitive::{Backoff, kernel, spin_hint, yield_core};
use std::sync::OnceLock;
use std::time::Duration;

/// The most looks before a wait sleeps: some tens of microseconds, many times what two cores that take turns need for an
/// answer, and about what a sleep and a wake-up cost.
const SPINS: u32 = 32 * CHECK_LOOKS;

/// One look in this many looks at the clock and after the peer as well. Also the smallest budget.
const CHECK_LOOKS: u32 = 64;

/// What a wait may take for spinning to be the better choice: the cost of sleeping and being woken.
const WORTH: Duration = Duration::from_micros(50);

/// Between two checks that take longer than this, somebody else had the core.
const PREEMPTED: Duration = Duration::from_micros(500);

/// How often a wait that does not sleep looks closely after its peer.
const CLOSELY: Duration = Duration::from_millis(250);

/// How often the core is yielded to a peer that needs it before this side leaves it.
const YIELDS: u32 = 8;

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
/// use ringway_sync::{Deadline, Next, Pace, Step, WaitStrategy};
/// use std::time::Duration;
///
/// let mut pace = Pace::new(WaitStrategy::Spin);
/// let mut looks = 0;
/// let mut wait = pace.begin(Deadline::after(Duration::from_millis(1)));
/// loop {
///     looks += 1; // and find nothing
///     if wait.pause() == Step::Check && wait.check(false) == Next::TimedOut {
///         break;
///     }
/// }
/// pace.learn(&wait, false);
/// assert!(looks > 1);
/// ```
#[derive(Debug)]
pub struct Pace {
    strategy: WaitStrategy,
    /// Looks before a wait sleeps.
    budget: u32,
    /// Was the peer on this core at the last check?
    is_together: bool,
    /// Waits that may bring a single message before the stream counts as over; 0 in an exchange.
    patience: u8,
    /// Waits since the last that slipped behind.
    waits: u16,
}

impl Pace {
    /// The pace of an exchange.
    #[must_use]
    pub fn new(strategy: WaitStrategy) -> Self {
        Self { strategy, budget: SPINS, is_together: false, patience: 0, waits: 0 }
    }

    /// Chooses another way to wait, from the next wait on.
    pub fn set_strategy(&mut self, strategy: WaitStrategy) {
        self.strategy = strategy;
    }

    /// How it waits.
    #[must_use]
    pub fn strategy(&self) -> WaitStrategy {
        self.strategy
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
        let spins = self.strategy == WaitStrategy::Spin
            || (self.strategy == WaitStrategy::SpinThenSleep && !self.is_together);
        let spins = spins && !has_one_core();
        if self.patience > 0 || self.waits == PROBE {
            self.waits = 0;
            if spins {
                (0..SLIP).for_each(|_| spin_hint());
            }
        } else {
            self.waits += 1;
        }
        let budget = match self.strategy {
            _ if !spins => 0,
            WaitStrategy::Spin => SPINS,
            _ => self.budget,
        };
        Wait {
            looks: 0,
            check_at: budget.min(CHECK_LOOKS),
            budget,
            yields: 0,
            strategy: self.strategy,
            deadline,
            began: None,
            checked: Duration::ZERO,
            looked_closely: Duration::ZERO,
            slept: false,
            is_together: self.is_together,
            was_preempted: false,
            backoff: Backoff::new(),
        }
    }

    /// Learns from a wait that has brought what it waited for: did it bring more than the one thing?
    #[inline]
    pub fn learn(&mut self, wait: &Wait, brought_more: bool) {
        self.patience = if brought_more { PATIENCE } else { self.patience.saturating_sub(1) };
        if wait.began.is_some() {
            self.learn_how_long(wait);
        }
    }

    /// Learns from a wait that was long enough to look at the clock.
    #[cold]
    fn learn_how_long(&mut self, wait: &Wait) {
        self.is_together = wait.is_together;
        let waited = wait.began.map_or(Duration::ZERO, |began| kernel::now().saturating_sub(began));
        if wait.was_preempted {
            self.budget = CHECK_LOOKS;
        } else if !wait.slept || waited < WORTH {
            self.budget = (self.budget * 2).min(SPINS);
        } else {
            self.budget = (self.budget / 2).max(CHECK_LOOKS);
        }
    }
}

/// What comes after a look in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look again.
    Look,
    /// Look after the peer, then [`check`](Wait::check).
    Check,
}

/// What comes after a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Look again.
    Look,
    /// Sleep, and say [so](Wait::sleeps); then look again.
    Sleep,
    /// The deadline has passed: the look before was the last.
    TimedOut,
}

/// One wait: look, [`pause`](Self::pause), look again.
#[derive(Debug)]
pub struct Wait {
    looks: u32,
    /// Looks after which the next check is due.
    check_at: u32,
    /// Looks after which the spinning is over.
    budget: u32,
    yields: u32,
    strategy: WaitStrategy,
    deadline: Deadline,
    /// When the first check was.
    began: Option<Duration>,
    /// When the last check was.
    checked: Duration,
    /// When the peer was last looked after closely, or the wait began.
    looked_closely: Duration,
    slept: bool,
    is_together: bool,
    was_preempted: bool,
    backoff: Backoff,
}

impl Wait {
    /// Passes the time between two looks.
    #[inline(always)]
    #[must_use]
    pub fn pause(&mut self) -> Step {
        if self.looks == self.check_at {
            return Step::Check;
        }
        self.looks += 1;
        spin_hint();
        Step::Look
    }

    /// When the wait gives up.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Looks at the clock and decides how to go on. `is_together`: did the peer last run on the core that this thread
    /// runs on, as far as is known?
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn check(&mut self, is_together: bool) -> Next {
        let now = kernel::now();
        if self.deadline.has_passed_at(now) {
            return Next::TimedOut;
        }
        self.is_together = is_together;
        if self.began.is_none() {
            self.began = Some(now);
            self.looked_closely = now;
        } else if !self.slept && self.yields == 0 && now.saturating_sub(self.checked) > PREEMPTED {
            self.was_preempted = true;
        }
        self.checked = now;
        if self.looks < self.budget && !is_together && !self.was_preempted {
            self.check_at += CHECK_LOOKS;
            spin_hint();
            return Next::Look;
        }
        // From here on each look is a check.
        self.check_at = self.looks;
        if self.strategy == WaitStrategy::Spin {
            self.backoff.pause();
            return Next::Look;
        }
        if is_together && self.strategy == WaitStrategy::SpinThenSleep && self.yields < YIELDS {
            self.yields += 1;
            yield_core();
            return Next::Look;
        }
        Next::Sleep
    }

    /// Is it time to look closely after the peer? Now and then in a wait that goes on without sleeping.
    pub fn is_long(&mut self) -> bool {
        let is_long = self.checked.saturating_sub(self.looked_closely) >= CLOSELY;
        if is_long {
            self.looked_closely = self.checked;
        }
        is_long
    }

    /// Says that the wait sleeps now; the answer is whether for the first time.
    pub fn sleeps(&mut self) -> bool {
        !core::mem::replace(&mut self.slept, true)
    }
}

/// Has the machine one core only? Not whether this thread may run on one only: its peer may be pinned to another.
pub(crate) fn has_one_core() -> bool {
    static ONE_CORE: OnceLock<bool> = OnceLock::new();
    *ONE_CORE.get_or_init(|| kernel::cores() == 1)
}

/// How many looks at something that is taken are worth it before a sleep, `most` or none.
pub(crate) fn looks(most: u32) -> u32 {
    if has_one_core() { 0 } else { unless_explored(most) }
}

/// So many, or none where hooks bring the kernel: nothing changes there between two looks but by a step of somebody's, so that
/// the first shows what all would.
pub(crate) fn unless_explored(most: u32) -> u32 {
    #[cfg(feature = "model")]
    if ringway_shm::primitive::model::has_kernel() {
        return 0;
    }
    most
}
