//! What may be wrong with a run.

use core::fmt;

/// Why a run is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// A process panicked: an assertion of the scenario, or of the code under test.
    Panicked {
        /// Who.
        process: String,
        /// What it said.
        message: String,
    },
    /// Two accesses to payload of which neither happened before the other, and one of which writes.
    Race {
        /// Who came second.
        process: String,
        /// Did it write?
        writes: bool,
        /// Who came first.
        other: String,
        /// Did that one write?
        other_writes: bool,
        /// Where.
        place: String,
    },
    /// A copy from or to memory that is no region's, or runs over its end.
    Outside {
        /// Who.
        process: String,
        /// Bytes asked for, and bytes there.
        bytes: (usize, usize),
    },
    /// Nobody can go on, and no time that passes will change that.
    Stuck {
        /// Who waits.
        waiting: Vec<String>,
    },
    /// Time passes, and nobody does anything but look.
    Livelock {
        /// Who looks.
        waiting: Vec<String>,
    },
    /// A sleeper was woken by its own time alone, though nothing had been killed, stopped or made to fail.
    LostWake {
        /// Who slept.
        process: String,
    },
    /// A call went on after its deadline.
    Overdue {
        /// Whose.
        process: String,
        /// Which.
        call: &'static str,
    },
    /// A call of a live process does not end when nobody else runs.
    Wedged {
        /// Whose.
        process: String,
        /// Which.
        call: &'static str,
    },
    /// A run of more steps than the bounds allow.
    Endless {
        /// How many.
        steps: u32,
    },
    /// More words than one run may touch.
    TooManyWords,
    /// A property of the scenario does not hold.
    Broken {
        /// What it said.
        message: String,
    },
    /// The same choices did not lead to the same run.
    Drift {
        /// At which choice.
        choice: usize,
    },
}

impl Failure {
    /// A word for the sort of failure: two failures of one sort are the same to whoever shrinks a run.
    #[must_use]
    pub fn sort(&self) -> &'static str {
        match self {
            Self::Panicked { .. } => "panic",
            Self::Race { .. } => "race",
            Self::Outside { .. } => "outside",
            Self::Stuck { .. } => "stuck",
            Self::Livelock { .. } => "livelock",
            Self::LostWake { .. } => "lost wake-up",
            Self::Overdue { .. } => "overdue",
            Self::Wedged { .. } => "wedged",
            Self::Endless { .. } => "endless",
            Self::TooManyWords => "too many words",
            Self::Broken { .. } => "broken property",
            Self::Drift { .. } => "drift",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deed = |writes: bool| if writes { "write" } else { "read" };
        match self {
            Self::Panicked { process, message } => write!(f, "{process} panicked: {message}"),
            Self::Race { process, writes, other, other_writes, place } => write!(
                f,
                "data race at {place}: the {} by {process} and the {} by {other}",
                deed(*writes),
                deed(*other_writes)
            ),
            Self::Outside { process, bytes: (asked, there) } => {
                write!(f, "{process} copies {asked} bytes where a region has {there}")
            }
            Self::Stuck { waiting } => write!(f, "nobody can go on: {}", waiting.join(", ")),
            Self::Livelock { waiting } => {
                write!(f, "time passes and nobody gets anywhere: {}", waiting.join(", "))
            }
            Self::LostWake { process } => write!(f, "lost wake-up: only its own time wakes {process}"),
            Self::Overdue { process, call } => write!(f, "{call} of {process} goes on after its deadline"),
            Self::Wedged { process, call } => {
                write!(f, "{call} of {process} does not end when it runs alone")
            }
            Self::Endless { steps } => write!(f, "no end after {steps} steps"),
            Self::TooManyWords => write!(f, "more than {} words touched", crate::explorer::memory::WORDS_MAX),
            Self::Broken { message } => f.write_str(message),
            Self::Drift { choice } => {
                write!(
                    f,
                    "the run is another one at choice {choice}: the scenario is not deterministic, or has changed"
                )
            }
        }
    }
}

impl core::error::Error for Failure {}
