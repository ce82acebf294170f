//! What is measured: the cases, in the order of the report, and the figures each yields.

use crate::endpoint::Shape;

/// A kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Case {
    /// 64 bytes there and 64 bytes back, one at a time.
    RoundTrip,
    /// Messages of 8 bytes, one way.
    Slots { batched: bool },
    /// Messages of `length` bytes, one way.
    Records { length: usize, batched: bool },
}

impl Case {
    /// All cases.
    pub(crate) const ALL: [Self; 9] = [
        Self::RoundTrip,
        Self::Slots { batched: false },
        Self::Slots { batched: true },
        Self::Records { length: 64, batched: false },
        Self::Records { length: 64, batched: true },
        Self::Records { length: 1024, batched: false },
        Self::Records { length: 1024, batched: true },
        Self::Records { length: 65536, batched: false },
        Self::Records { length: 65536, batched: true },
    ];

    /// Its place among all cases.
    pub(crate) fn order(self) -> usize {
        Self::ALL.iter().position(|&case| case == self).unwrap_or(Self::ALL.len())
    }

    /// `latency` or `flow`.
    pub(crate) fn group(self) -> &'static str {
        if self == Self::RoundTrip { "latency" } else { "flow" }
    }

    /// The name in tables and rows.
    pub(crate) fn title(self) -> String {
        let suffix = if self.shape().batched { " batched" } else { "" };
        match self {
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
            Self::RoundTrip => Shape { length: 64, batched: false },
            Self::Slots { batched } => Shape { length: size_of::<u64>(), batched },
            Self::Records { length, batched } => Shape { length, batched },
        }
    }

    /// The figures of a sample, the one that is compared first.
    pub(crate) fn metrics(self) -> &'static [Metric] {
        match self {
            Self::RoundTrip => &[Metric::P50, Metric::P99, Metric::P999, Metric::Max, Metric::Mean],
            _ => &[Metric::Rate, Metric::Bandwidth],
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
        }
    }

    /// The unit in rows.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Rate => "messages/s",
            Self::Bandwidth => "bytes/s",
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
}
