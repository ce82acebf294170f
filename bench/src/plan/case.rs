//! What is measured: the cases, in the order of the report, and the figures each yields.

use crate::endpoint::Shape;
use crate::stage::place::Placement;

/// A kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Case {
    /// 64 bytes there and 64 bytes back, one at a time.
    RoundTrip,
    /// Messages of 8 bytes, one way.
    Slots { batched: bool },
    /// Messages of `length` bytes, one way.
    Records { length: usize, batched: bool },
    /// As `RoundTrip`, but every wait sleeps in the kernel; `together` on one core, else on two.
    Wakeup { together: bool },
    /// A peer is killed: from just before the signal until a process that waits for the peer runs and knows.
    /// `busy` when another process burns time on each core meanwhile.
    Death { busy: bool },
    /// A party waits while nothing comes.
    Blocked,
}

impl Case {
    /// All cases.
    pub(crate) const ALL: [Self; 14] = [
        Self::RoundTrip,
        Self::Slots { batched: false },
        Self::Slots { batched: true },
        Self::Records { length: 64, batched: false },
        Self::Records { length: 64, batched: true },
        Self::Records { length: 1024, batched: false },
        Self::Records { length: 1024, batched: true },
        Self::Records { length: 65536, batched: false },
        Self::Records { length: 65536, batched: true },
        Self::Wakeup { together: false },
        Self::Wakeup { together: true },
        Self::Death { busy: false },
        Self::Death { busy: true },
        Self::Blocked,
    ];

    /// Its place among all cases.
    pub(crate) fn order(self) -> usize {
        Self::ALL.iter().position(|&case| case == self).unwrap_or(Self::ALL.len())
    }

    /// The name of what it has in common with other cases.
    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::RoundTrip => "latency",
            Self::Slots { .. } | Self::Records { .. } => "flow",
            Self::Wakeup { .. } => "wakeup",
            Self::Death { .. } => "death",
            Self::Blocked => "blocked",
        }
    }

    /// Whether it is a flow: more is better. Of every other case less is better.
    pub(crate) fn is_flow(self) -> bool {
        matches!(self, Self::Slots { .. } | Self::Records { .. })
    }

    /// Whether each of its messages is a round trip that is timed by itself.
    pub(crate) fn has_round_trips(self) -> bool {
        matches!(self, Self::RoundTrip | Self::Wakeup { .. })
    }

    /// Whether the bare line is measured beside it: messages between two cores that run all the time.
    pub(crate) fn has_line(self) -> bool {
        self.is_flow() || matches!(self, Self::RoundTrip | Self::Wakeup { together: false })
    }

    /// The system that its rows are compared with.
    pub(crate) fn floor(self) -> &'static str {
        match self {
            Self::RoundTrip => "mailbox",
            Self::Slots { .. } | Self::Records { .. } => "copy",
            Self::Wakeup { .. } | Self::Blocked => "futex",
            Self::Death { .. } => "robust futex",
        }
    }

    /// Where its parties run on a stage that has `placement`.
    pub(crate) fn placement(self, placement: Placement) -> Placement {
        if self == (Self::Wakeup { together: true }) { placement.together() } else { placement }
    }

    /// The name in tables and rows.
    pub(crate) fn title(self) -> String {
        let suffix = if self.shape().batched { " batched" } else { "" };
        match self {
            Self::Wakeup { together: false } => "64 B round trip, apart".to_owned(),
            Self::Wakeup { together: true } => "64 B round trip, together".to_owned(),
            Self::Death { busy: false } => "killed peer, idle".to_owned(),
            Self::Death { busy: true } => "killed peer, busy".to_owned(),
            Self::Blocked => "nothing comes".to_owned(),
            Self::RoundTrip => "64 B round trip".to_owned(),
            Self::Slots { .. } => format!("8 B slot{suffix}"),
            Self::Records { length, .. } if length >= 1024 => format!("{} KiB record{suffix}", length / 1024),
            Self::Records { length, .. } => format!("{length} B record{suffix}"),
        }
    }

    /// The case with that title.
    pub(crate) fn find(title: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.title() == title)
    }

    /// What a channel for it has to carry.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::RoundTrip => Shape { length: 64, batched: false, sleeps: false },
            Self::Slots { batched } => Shape { length: size_of::<u64>(), batched, sleeps: false },
            Self::Records { length, batched } => Shape { length, batched, sleeps: false },
            Self::Wakeup { .. } | Self::Death { .. } | Self::Blocked => {
                Shape { length: 64, batched: false, sleeps: true }
            }
        }
    }

    /// The figures of a sample, the one that is compared first.
    pub(crate) fn metrics(self) -> &'static [Metric] {
        match self {
            Self::RoundTrip | Self::Wakeup { .. } => {
                &[Metric::P50, Metric::P99, Metric::P999, Metric::Max, Metric::Mean]
            }
            Self::Slots { .. } | Self::Records { .. } => &[Metric::Rate, Metric::Bandwidth],
            // A sample has some dozens of deaths: the 99.9th percentile would be the longest.
            Self::Death { .. } => &[Metric::P50, Metric::P99, Metric::Max, Metric::Mean],
            Self::Blocked => &[Metric::Cpu],
        }
    }
}

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Metric {
    P50,
    P99,
    P999,
    Max,
    Mean,
    Rate,
    Bandwidth,
    /// Processor time that a party uses per second of waiting.
    Cpu,
}

impl Metric {
    /// The name in tables and rows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Rate => "rate",
            Self::Bandwidth => "bandwidth",
            Self::Cpu => "cpu",
        }
    }

    /// The unit in rows.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Rate => "messages/s",
            Self::Bandwidth => "bytes/s",
            Self::Cpu => "ns/s",
            _ => "ns",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_found_by_its_title() {
        for case in Case::ALL {
            assert_eq!(Case::find(&case.title()), Some(case));
        }
        assert_eq!(Case::Records { length: 1024, batched: true }.title(), "1 KiB record batched");
        assert_eq!(Case::find("nothing"), None);
    }
    #[test]
    fn no_title_stands_for_two_cases() {
        let titles: std::collections::HashSet<String> = Case::ALL.iter().map(|case| case.title()).collect();
        assert_eq!(titles.len(), Case::ALL.len());
    }
}
