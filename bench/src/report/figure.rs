//! A figure as a reader wants it: three digits, and the unit in which it is easily read.

use std::fmt::{self, Display, Formatter};

use crate::plan::metric::Metric;

/// A value of a metric in the unit that fits it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Human(pub Metric, pub f64);

impl Display for Human {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let &Self(metric, value) = self;
        let (size, unit) = unit(metric, value);
        f.pad(format!("{} {unit}", three_digits(value / size)).trim_end())
    }
}

/// The range of a figure, in the unit that fits `median`.
pub(crate) fn range(metric: Metric, median: f64, min: f64, max: f64) -> String {
    let (size, unit) = unit(metric, median);
    format!("{}..{} {unit}", three_digits(min / size), three_digits(max / size)).trim_end().to_owned()
}

/// A round value, as short as it can be written.
pub(crate) fn tick(metric: Metric, value: f64) -> String {
    let (size, unit) = match unit(metric, value) {
        // Beside other ticks a microsecond is one.
        (_, "ns") if value >= 1e3 => (1e3, "us"),
        fitting => fitting,
    };
    let digits = three_digits(value / size);
    let digits =
        if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
    if value == 0.0 { "0".to_owned() } else { format!("{digits} {unit}").trim_end().to_owned() }
}

/// A ratio: two decimals, fewer for what is far from one.
pub(crate) fn ratio(value: f64) -> String {
    if value < 0.095 { format!("{value:.3}") } else { three_digits(value) }
}

/// The size and the name of the first unit that is not larger than the value.
fn unit(metric: Metric, value: f64) -> (f64, &'static str) {
    let units: &[(f64, f64, &str)] = match metric {
        Metric::Rate => &[(1e9, 1e9, "G/s"), (1e6, 1e6, "M/s"), (1e3, 1e3, "k/s"), (0.0, 1.0, "/s")],
        Metric::Bandwidth => &[(1e9, 1e9, "GB/s"), (1e6, 1e6, "MB/s"), (1e3, 1e3, "kB/s"), (0.0, 1.0, "B/s")],
        Metric::Cpu => &[(1e9, 1e9, "s/s"), (1e6, 1e6, "ms/s"), (1e3, 1e3, "us/s"), (0.0, 1.0, "ns/s")],
        Metric::Resident => &[(1048576.0, 1048576.0, "MiB"), (1024.0, 1024.0, "KiB"), (0.0, 1.0, "B")],
        Metric::Share => &[(0.0, 1.0, "")],
        // Up to ten thousand nanoseconds stay nanoseconds: most round trips do, and are compared at a glance.
        _ => &[(1e9, 1e9, "s"), (1e6, 1e6, "ms"), (1e4, 1e3, "us"), (0.0, 1.0, "ns")],
    };
    let fitting = units.iter().find(|(least, ..)| value >= *least);
    fitting.map_or((1.0, ""), |&(_, size, unit)| (size, unit))
}

/// Three digits, or all that stand before the point.
fn three_digits(value: f64) -> String {
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn human(metric: Metric, value: f64) -> String {
        Human(metric, value).to_string()
    }

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        assert_eq!(human(Metric::P50, 45.25), "45.2 ns");
        assert_eq!(human(Metric::P50, 1234.0), "1234 ns");
        assert_eq!(human(Metric::Max, 56_789.0), "56.8 us");
        assert_eq!(human(Metric::Max, 2.5e6), "2.50 ms");
        assert_eq!(human(Metric::Rate, 570e6), "570 M/s");
        assert_eq!(human(Metric::Bandwidth, 9.9e9), "9.90 GB/s");
        assert_eq!(human(Metric::Rate, 0.5), "0.50 /s");
        assert_eq!(human(Metric::Cpu, 23_400.0), "23.4 us/s");
        assert_eq!(human(Metric::Resident, 8192.0), "8.00 KiB");
        assert_eq!(human(Metric::Share, 0.98), "0.98");
    }

    #[test]
    fn a_range_has_the_unit_of_its_median() {
        assert_eq!(range(Metric::Rate, 2e6, 9.9e5, 2.1e6), "0.99..2.10 M/s");
        assert_eq!(range(Metric::P50, 80.0, 79.5, 100.4), "79.5..100 ns");
    }

    #[test]
    fn ticks_are_short() {
        assert_eq!(
            [0.0, 0.5, 20.0, 1000.0, 1e5].map(|ns| tick(Metric::P50, ns)),
            ["0", "0.5 ns", "20 ns", "1 us", "100 us"]
        );
    }

    #[test]
    fn small_ratios_keep_their_digits() {
        assert_eq!([0.021, 0.5, 1.0, 37.67].map(ratio), ["0.021", "0.50", "1.00", "37.7"]);
    }
}
