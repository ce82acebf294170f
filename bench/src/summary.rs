//! From samples to figures: medians and ranges, what they are compared with, and how far chance alone takes them.

use crate::case::{Case, Metric};
use crate::schedule::Row;
use crate::systems::AGAIN;

/// The median of several values and their range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, min, max })
    }
}

/// All rows of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary<'a> {
    /// The rows, in the order of the report.
    pub rows: &'a [Row],
}

impl<'a> Summary<'a> {
    /// The rows of a case.
    pub(crate) fn of_case(self, case: Case) -> impl Iterator<Item = &'a Row> + Clone {
        self.rows.iter().filter(move |row| row.case == case)
    }

    /// The median of a row's figure.
    pub(crate) fn median(self, case: Case, system: &str, metric: Metric) -> Option<f64> {
        let row = self.of_case(case).find(|row| row.system == system)?;
        Some(spread(row, metric)?.median)
    }

    /// What the rows of a case are compared with: its floor, or the best row where the floor was not measured.
    pub(crate) fn reference(self, case: Case) -> Option<(&'a str, f64)> {
        let metric = case.metrics()[0];
        let medians =
            self.of_case(case).filter_map(|row| Some((row.system.as_str(), spread(row, metric)?.median)));
        let floor = if case == Case::RoundTrip { "mailbox" } else { "copy" };
        if let Some(found) = medians.clone().find(|(system, _)| *system == floor) {
            return Some(found);
        }
        // The shortest time, or the highest rate.
        let sign = if case == Case::RoundTrip { -1.0 } else { 1.0 };
        medians.max_by(|(_, a), (_, b)| (sign * a).total_cmp(&(sign * b)))
    }

    /// By what factor two rows of one system differ in each case: of the case's first figure, the larger by the smaller.
    pub(crate) fn noise(self) -> Vec<(Case, &'a str, f64)> {
        let pair = |row: &'a Row| {
            let system = row.system.strip_suffix(AGAIN)?;
            let metric = row.case.metrics()[0];
            let (first, again) = (self.median(row.case, system, metric)?, spread(row, metric)?.median);
            Some((row.case, system, (first / again).max(again / first)))
        };
        self.rows.iter().filter_map(pair).collect()
    }
}

/// The spread of one figure of a row, if it was measured.
pub(crate) fn spread(row: &Row, metric: Metric) -> Option<Spread> {
    let samples = row.samples.as_ref().ok()?;
    let figures = samples.iter().flat_map(|sample| &sample.figures);
    Spread::of(figures.filter(|(name, _)| *name == metric).map(|&(_, value)| value).collect())
}

/// The bare line's round trips beside a row, one per sample.
pub(crate) fn line(row: &Row) -> Option<Spread> {
    let samples = row.samples.as_ref().ok()?;
    Spread::of(samples.iter().map(|sample| sample.line_ns).collect())
}

/// How many times the shortest round trip of the line a longer one may be before its row counts as disturbed.
const DISTURBED: f64 = 1.5;

impl Summary<'_> {
    /// Whether the line took much longer beside a sample of this row than it takes at best.
    pub(crate) fn is_disturbed(self, row: &Row) -> bool {
        let best = self.rows.iter().filter_map(|row| Some(line(row)?.min)).reduce(f64::min);
        line(row).zip(best).is_some_and(|(line, best)| line.max > DISTURBED * best)
    }
}

/// What Ringway is meant to reach.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// What is compared with what.
    pub name: &'static str,
    /// What came out, if all of it was measured.
    pub value: Option<f64>,
    /// The bound.
    pub bound: f64,
    /// Whether the value has to be at most the bound, not at least.
    pub is_ceiling: bool,
    /// Of what: nothing for a ratio.
    pub unit: Option<Metric>,
}

impl Target {
    /// Whether the value keeps the bound.
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.value.map(|value| if self.is_ceiling { value <= self.bound } else { value >= self.bound })
    }
}

/// The targets, with what came out.
pub(crate) fn targets(summary: Summary<'_>) -> Vec<Target> {
    let p50 = |system| summary.median(Case::RoundTrip, system, Metric::P50);
    let rate = |case, system| summary.median(case, system, Metric::Rate);
    let ratio = |value: Option<f64>, reference: Option<f64>| Some(value? / reference?);
    let (slot, slots) = (Case::Slots { batched: false }, Case::Slots { batched: true });
    let record = |length| Case::Records { length, batched: false };
    let target = |name, value, bound| Target { name, value, bound, is_ceiling: false, unit: None };
    let ceiling = |name, value, bound| Target { is_ceiling: true, ..target(name, value, bound) };
    vec![
        ceiling(
            "64 B round trip, p50: ringway slots / mailbox",
            ratio(p50("ringway slots"), p50("mailbox")),
            1.2,
        ),
        ceiling(
            "64 B round trip, p50: ringway bytes / mailbox",
            ratio(p50("ringway bytes"), p50("mailbox")),
            1.2,
        ),
        target("8 B slot: ringway / rtrb", ratio(rate(slot, "ringway slots"), rate(slot, "rtrb")), 1.0),
        target(
            "8 B slot: ringway batched / rtrb one at a time",
            ratio(rate(slots, "ringway slots"), rate(slot, "rtrb")),
            2.0,
        ),
        Target {
            unit: Some(Metric::Rate),
            ..target("64 B record: ringway", rate(record(64), "ringway bytes"), 80e6)
        },
        target(
            "64 KiB record: ringway / copy",
            ratio(rate(record(65536), "ringway bytes"), rate(record(65536), "copy")),
            0.85,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;

    fn row(case: Case, system: &str, values: &[f64]) -> Row {
        let metric = case.metrics()[0];
        let sample = |&value: &f64| Sample { figures: vec![(metric, value)], line_ns: value };
        let samples = Ok(values.iter().map(sample).collect());
        Row { case, system: system.to_owned(), placement: String::new(), samples }
    }

    #[test]
    fn a_spread_is_the_median_and_the_range() {
        let spread = |values: &[f64]| Spread::of(values.to_vec());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }

    #[test]
    fn rows_are_compared_with_the_floor_or_else_the_best() {
        let slot = Case::Slots { batched: false };
        let mut rows =
            vec![row(slot, "a", &[2.0]), row(slot, "b", &[3.0]), row(Case::RoundTrip, "a", &[2.0])];
        rows.push(row(Case::RoundTrip, "b", &[3.0]));
        assert_eq!(Summary { rows: &rows }.reference(slot), Some(("b", 3.0)));
        assert_eq!(Summary { rows: &rows }.reference(Case::RoundTrip), Some(("a", 2.0)));
        rows.push(row(slot, "copy", &[1.0]));
        assert_eq!(Summary { rows: &rows }.reference(slot), Some(("copy", 1.0)));
    }

    #[test]
    fn a_row_is_disturbed_when_its_line_was_slow_once() {
        let slot = Case::Slots { batched: false };
        let rows = [row(slot, "a", &[40.0, 45.0]), row(slot, "b", &[45.0, 400.0])];
        let summary = Summary { rows: &rows };
        assert_eq!(rows.each_ref().map(|row| summary.is_disturbed(row)), [false, true]);
    }

    #[test]
    fn noise_is_how_far_equal_rows_differ() {
        let slot = Case::Slots { batched: false };
        let rows = [row(slot, "a", &[2.0]), row(slot, "a (again)", &[3.0]), row(slot, "b", &[9.0])];
        assert_eq!(Summary { rows: &rows }.noise(), [(slot, "a", 1.5)]);
    }

    #[test]
    fn a_target_without_its_rows_is_not_measured() {
        let slot = Case::Slots { batched: false };
        let mut rows = vec![row(slot, "ringway slots", &[3.0])];
        assert!(targets(Summary { rows: &rows }).iter().all(|target| target.is_met().is_none()));
        rows.push(row(slot, "rtrb", &[2.0]));
        let found = targets(Summary { rows: &rows });
        assert_eq!((found[2].value, found[2].is_met()), (Some(1.5), Some(true)));
    }

    #[test]
    fn a_ceiling_is_met_from_below() {
        let rows =
            [row(Case::RoundTrip, "ringway slots", &[130.0]), row(Case::RoundTrip, "mailbox", &[100.0])];
        assert_eq!(targets(Summary { rows: &rows })[0].is_met(), Some(false));
    }
}
