//! What may happen next: the choices of which a run consists.

use core::fmt;
use rustix::io::Errno;

/// One thing that may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Move {
    /// A process takes its step. If it reads, it reads the value that is this much older than the newest.
    Step {
        /// Which.
        process: u8,
        /// How many newer values it does not see.
        stale: u16,
    },
    /// A process takes its step, which fails for no reason of its own: a weak compare-exchange, or a call to the kernel
    /// with an error number.
    Fail {
        /// Which.
        process: u8,
        /// The error number; 0 for a compare-exchange.
        errno: i32,
    },
    /// A sleeper wakes up, though nobody woke it.
    Wake(u8),
    /// Time passes until a sleeper's moment has come, or until one that spins has waited a while.
    Pass(u8),
    /// A process is killed. Nothing of it runs any more, no destructor either.
    Kill(u8),
    /// The kernel marks the life words of a process that was killed, or is about to be stopped for good.
    Mark(u8),
    /// The kernel gives the locks of a killed process back: its address space is gone.
    Bury(u8),
    /// A process is stopped.
    Stall(u8),
    /// A stopped process goes on.
    Resume(u8),
    /// A killed process is started again.
    Restart(u8),
    /// A hostile party writes to a word.
    Scribble {
        /// Which word.
        word: u16,
        /// Which of the values that it may write.
        value: u8,
    },
    /// Nothing more happens.
    End,
}

impl Move {
    /// Whose move it is.
    #[must_use]
    pub fn process(self) -> Option<usize> {
        match self {
            Self::Step { process, .. } | Self::Fail { process, .. } => Some(usize::from(process)),
            Self::Wake(process)
            | Self::Pass(process)
            | Self::Kill(process)
            | Self::Mark(process)
            | Self::Bury(process)
            | Self::Stall(process)
            | Self::Resume(process)
            | Self::Restart(process) => Some(usize::from(process)),
            Self::Scribble { .. } | Self::End => None,
        }
    }

    /// Does a run come to its end by such moves alone? The others need not happen.
    pub(crate) fn is_due(self) -> bool {
        matches!(self, Self::Step { .. } | Self::Mark(_) | Self::Bury(_) | Self::Resume(_))
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { stale: 0, .. } => f.write_str("goes on"),
            Self::Step { stale, .. } => write!(f, "goes on and reads a value {stale} older"),
            Self::Fail { errno: 0, .. } => f.write_str("fails for no reason"),
            Self::Fail { errno, .. } => write!(f, "is refused with {:?}", Errno::from_raw_os_error(*errno)),
            Self::Wake(_) => f.write_str("wakes up by itself"),
            Self::Pass(_) => f.write_str("time passes"),
            Self::Kill(_) => f.write_str("is killed"),
            Self::Mark(_) => f.write_str("the kernel marks its life word"),
            Self::Bury(_) => f.write_str("the kernel gives its locks back"),
            Self::Stall(_) => f.write_str("is stopped"),
            Self::Resume(_) => f.write_str("goes on after a stop"),
            Self::Restart(_) => f.write_str("is started again"),
            Self::Scribble { .. } => f.write_str("a hostile party writes"),
            Self::End => f.write_str("the run ends"),
        }
    }
}

/// What a run may contain beside processes that run, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Bounds {
    /// May a read see an old value, where the memory model allows it?
    pub weak: bool,
    /// Kills.
    pub kills: u8,
    /// Does a killed process run on for a while after the kernel has marked its life words?
    pub lingers: bool,
    /// Restarts of killed processes.
    pub restarts: u8,
    /// Stops, each with a resumption at any later moment. An exhaustive search needs none: it lets every process wait at
    /// every step for as long as there is anything else to do.
    pub stalls: u8,
    /// Weak compare-exchanges that fail, and sleeps that end, for no reason.
    pub spurious: u8,
    /// Calls to the kernel that fail.
    pub faults: u8,
    /// Sleeps that end by time though somebody could still run. (When nobody can, time passes anyway.)
    pub early: u8,
    /// Words that the hostile party writes.
    pub scribbles: u8,
    /// Steps of one run.
    pub steps: u32,
    /// Values of one word that a read may choose from.
    pub window: u8,
    /// Processes of the scenario that never begin, a bit each.
    pub without: u8,
}

impl Bounds {
    /// Weak memory, no faults.
    pub const WEAK: Self = Self {
        weak: true,
        kills: 0,
        lingers: false,
        restarts: 0,
        stalls: 0,
        spurious: 0,
        faults: 0,
        early: 0,
        scribbles: 0,
        steps: 20_000,
        window: 16,
        without: 0,
    };

    /// Sequentially consistent memory, no faults.
    pub const STRONG: Self = Self { weak: false, ..Self::WEAK };

    /// So many kills.
    #[must_use]
    pub const fn kills(self, kills: u8) -> Self {
        Self { kills, ..self }
    }

    /// So many restarts.
    #[must_use]
    pub const fn restarts(self, restarts: u8) -> Self {
        Self { restarts, ..self }
    }

    /// So many stops.
    #[must_use]
    pub const fn stalls(self, stalls: u8) -> Self {
        Self { stalls, ..self }
    }

    /// So many failures for no reason.
    #[must_use]
    pub const fn spurious(self, spurious: u8) -> Self {
        Self { spurious, ..self }
    }

    /// So many calls that fail.
    #[must_use]
    pub const fn faults(self, faults: u8) -> Self {
        Self { faults, ..self }
    }

    /// So many sleeps that end by time early.
    #[must_use]
    pub const fn early(self, early: u8) -> Self {
        Self { early, ..self }
    }

    /// So many words written by a hostile party.
    #[must_use]
    pub const fn scribbles(self, scribbles: u8) -> Self {
        Self { scribbles, ..self }
    }

    /// Killed processes run on after they were marked.
    #[must_use]
    pub const fn lingering(self) -> Self {
        Self { lingers: true, ..self }
    }

    /// So many steps of one run.
    #[must_use]
    pub const fn steps(self, steps: u32) -> Self {
        Self { steps, ..self }
    }
}
