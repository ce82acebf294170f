//! The figures that a sample yields.

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Metric {
    P50,
    P90,
    P99,
    P999,
    P9999,
    Max,
    Mean,
    /// What an operation takes on the average, where each is too short to be timed by itself.
    Cost,
    Rate,
    Bandwidth,
    /// What the party that got least got, of what it would have got had all got the same.
    Share,
    /// Processor time that a party uses per second of waiting.
    Cpu,
    /// What it takes to make a channel.
    Create,
    /// What it takes to open a channel that is there.
    Open,
    /// Memory that a channel occupies once it has been used.
    Resident,
}

impl Metric {
    const ALL: [Self; 15] = [
        Self::P50,
        Self::P90,
        Self::P99,
        Self::P999,
        Self::P9999,
        Self::Max,
        Self::Mean,
        Self::Cost,
        Self::Rate,
        Self::Bandwidth,
        Self::Share,
        Self::Cpu,
        Self::Create,
        Self::Open,
        Self::Resident,
    ];

    /// The name in tables and rows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::P9999 => "p99.99",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Cost => "cost",
            Self::Rate => "rate",
            Self::Bandwidth => "bandwidth",
            Self::Share => "least share",
            Self::Cpu => "cpu",
            Self::Create => "create",
            Self::Open => "open",
            Self::Resident => "resident",
        }
    }

    /// The figure of that name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// The unit in rows.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Rate => "1/s",
            Self::Bandwidth => "bytes/s",
            Self::Share => "of an equal share",
            Self::Cpu => "ns/s",
            Self::Resident => "bytes",
            _ => "ns",
        }
    }

    /// Of which share of all it is the longest, if it is a percentile.
    pub(crate) fn quantile(self) -> Option<f64> {
        match self {
            Self::P50 => Some(0.5),
            Self::P90 => Some(0.9),
            Self::P99 => Some(0.99),
            Self::P999 => Some(0.999),
            Self::P9999 => Some(0.9999),
            _ => None,
        }
    }

    /// Whether more is better. Of every other figure less is better.
    pub(crate) fn is_gain(self) -> bool {
        matches!(self, Self::Rate | Self::Bandwidth | Self::Share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_name() {
        for metric in Metric::ALL {
            assert_eq!(Metric::find(metric.name()), Some(metric));
        }
    }
}
