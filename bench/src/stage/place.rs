//! Which cores the two parties run on, and what machine this is.
//!
//! The producer (which is also the party that starts a round trip) takes the first core this process may use, the
//! consumer the second. Where a case wants both on one core it is the first. With one core nobody is pinned. Whoever polls
//! on a core that the other party needs gives it away at each poll.

use std::{fmt, fs, io};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of the two parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Each party is pinned to a core: of its own, or the same one where a case has them together.
    Pinned { producer: usize, consumer: usize },
    /// There is one core only, or pinning is refused: the parties run wherever the kernel puts them.
    Shared,
}

impl Placement {
    /// The first two cores this process may use.
    pub(crate) fn find() -> Self {
        let mut cores = allowed_cores().into_iter();
        match (cores.next(), cores.next()) {
            (Some(producer), Some(consumer)) => Self::Pinned { producer, consumer },
            _ => Self::Shared,
        }
    }

    /// Both parties on the producer's core.
    pub(crate) fn together(self) -> Self {
        match self {
            Self::Pinned { producer, .. } => Self::Pinned { producer, consumer: producer },
            Self::Shared => Self::Shared,
        }
    }

    /// Whether a waiting party has to give its core away for the other to get on.
    pub(crate) fn yields(self) -> bool {
        match self {
            Self::Pinned { producer, consumer } => producer == consumer,
            Self::Shared => true,
        }
    }

    /// The producer's core.
    pub(crate) fn producer(self) -> Option<usize> {
        match self {
            Self::Pinned { producer, .. } => Some(producer),
            Self::Shared => None,
        }
    }

    /// The consumer's core.
    pub(crate) fn consumer(self) -> Option<usize> {
        match self {
            Self::Pinned { consumer, .. } => Some(consumer),
            Self::Shared => None,
        }
    }

    /// Whether the two cores are two threads of one physical core, as far as the kernel tells.
    pub(crate) fn is_siblings(self) -> bool {
        let Self::Pinned { producer, consumer } = self else { return false };
        let path = format!("/sys/devices/system/cpu/cpu{producer}/topology/thread_siblings_list");
        fs::read_to_string(path).is_ok_and(|list| lists(list.trim(), consumer))
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned { producer, consumer } if producer == consumer => {
                write!(f, "both on core {producer}")
            }
            Self::Pinned { producer, consumer } => write!(f, "cores {producer}, {consumer}"),
            Self::Shared => f.write_str("unpinned"),
        }
    }
}

/// Keeps the calling thread on `core`, or leaves it alone when there is none to keep it on.
///
/// # Errors
///
/// The kernel's refusal.
pub(crate) fn pin(core: Option<usize>) -> io::Result<()> {
    let Some(core) = core else { return Ok(()) };
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// The cores the calling thread may use, lowest first; none when the kernel does not say.
pub(crate) fn allowed_cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
}

/// Whether a list in the kernel's notation (`0,4-7`) names `core`.
fn lists(list: &str, core: usize) -> bool {
    list.split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        matches!((first.parse::<usize>(), last.parse::<usize>()), (Ok(first), Ok(last)) if (first..=last).contains(&core))
    })
}

/// The machine, as far as it bears on the figures.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many cores this process may use.
    pub cores: usize,
    /// The kernel's name and release.
    pub kernel: String,
    /// Whether the processor's cycle counter runs at one rate, always, on all cores.
    pub has_steady_counter: bool,
}

impl Machine {
    /// This machine.
    pub(crate) fn read() -> Self {
        let facts = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = fact(&facts, "flags").unwrap_or_default();
        let has = |flag: &str| flags.split(' ').any(|word| word == flag);
        let name = rustix::system::uname();
        Self {
            processor: fact(&facts, "model name").unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: allowed_cores().len().max(1),
            kernel: format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy()),
            has_steady_counter: has("constant_tsc") && has("nonstop_tsc"),
        }
    }
}

/// The value of the first line `key : value`.
pub(crate) fn fact<'a>(facts: &'a str, key: &str) -> Option<&'a str> {
    facts
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, v)| v.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_list_is_read_as_the_kernel_writes_it() {
        assert!(lists("0,4-7", 0));
        assert!(lists("0,4-7", 6));
        assert!(!lists("0,4-7", 3));
        assert!(!lists("", 0));
    }

    #[test]
    fn a_fact_is_found_by_its_whole_name() {
        assert_eq!(fact("model : 2\nmodel name\t: Thing 3000\n", "model name"), Some("Thing 3000"));
        assert_eq!(fact("model : 2\n", "mode"), None);
    }

    #[test]
    fn one_core_is_shared_by_yielding() {
        assert!(Placement::Shared.yields());
        let apart = Placement::Pinned { producer: 2, consumer: 3 };
        assert!(!apart.yields() && apart.together().yields());
        assert_eq!(apart.together().to_string(), "both on core 2");
    }
}
