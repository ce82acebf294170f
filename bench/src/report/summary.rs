//! From samples to figures: medians and ranges, what they are compared with, and how far chance alone takes them.

use crate::plan::case::Case;
use crate::plan::metric::Metric;
use crate::plan::schedule::Row;
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
        if let Some(found) = medians.clone().find(|(system, _)| Some(*system) == case.floor()) {
            return Some(found);
        }
        // The shortest time, or the highest rate.
        let sign = if case.is_gain() { 1.0 } else { -1.0 };
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

/// The bare line's round trips beside a row, one per sample, where the case has them.
pub(crate) fn line(row: &Row) -> Option<Spread> {
    let samples = row.samples.as_ref().ok()?;
    Spread::of(samples.iter().filter_map(|sample| sample.line_ns).collect())
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

/// A figure of a row: the case, the system, what of it.
type Place = (Case, &'static str, Metric);

/// What is bounded: one figure, or one divided by another.
struct Aim {
    name: &'static str,
    is_ceiling: bool,
    bound: f64,
    figure: Place,
    reference: Option<Place>,
}

/// At most `bound`.
fn ceiling(name: &'static str, bound: f64, figure: Place, reference: Option<Place>) -> Aim {
    Aim { name, is_ceiling: true, bound, figure, reference }
}

/// At least `bound`.
fn floor(name: &'static str, bound: f64, figure: Place, reference: Option<Place>) -> Aim {
    Aim { name, is_ceiling: false, bound, figure, reference }
}

/// All that is aimed at, whether there are systems for it or not.
fn aims() -> Vec<Aim> {
    let p50 = |case, system| (case, system, Metric::P50);
    let trip = |system| p50(Case::RoundTrip, system);
    let rate = |case, system| (case, system, Metric::Rate);
    let (slot, slots) = (Case::Slots { length: 8, batched: false }, Case::Slots { length: 8, batched: true });
    let record = |length| Case::Records { length, batched: false };
    let (apart, together) = (Case::Wakeup { together: false }, Case::Wakeup { together: true });
    let busy = Case::Death { busy: true };
    vec![
        ceiling(
            "64 B round trip, p50: ringway slots / mailbox",
            1.2,
            trip("ringway slots"),
            Some(trip("mailbox")),
        ),
        ceiling(
            "64 B round trip, p50: ringway slots, latency layout / mailbox",
            1.1,
            trip("ringway slots, latency layout"),
            Some(trip("mailbox")),
        ),
        ceiling(
            "64 B round trip, p50: ringway bytes / mailbox",
            1.2,
            trip("ringway bytes"),
            Some(trip("mailbox")),
        ),
        floor("8 B slot: ringway / rtrb", 1.0, rate(slot, "ringway slots"), Some(rate(slot, "rtrb"))),
        floor(
            "8 B slot: ringway batched / rtrb one at a time",
            2.0,
            rate(slots, "ringway slots"),
            Some(rate(slot, "rtrb")),
        ),
        floor("64 B record: ringway", 80e6, rate(record(64), "ringway bytes"), None),
        floor(
            "64 KiB record: ringway / copy",
            0.85,
            rate(record(65536), "ringway bytes"),
            Some(rate(record(65536), "copy")),
        ),
        ceiling(
            "wakeup, apart, p50: ringway slots, sleeping / futex",
            1.15,
            p50(apart, "ringway slots, sleeping"),
            Some(p50(apart, "futex")),
        ),
        ceiling(
            "wakeup, together, p50: ringway slots, sleeping / futex",
            1.15,
            p50(together, "ringway slots, sleeping"),
            Some(p50(together, "futex")),
        ),
        ceiling("killed peer, busy, p50: ringway", 5e6, p50(busy, "ringway"), None),
        ceiling("killed peer, busy, p99: ringway", 20e6, (busy, "ringway", Metric::P99), None),
        ceiling("nothing comes, cpu: ringway", 1e6, (Case::Blocked, "ringway", Metric::Cpu), None),
    ]
}

/// The targets of which `has_row` has all rows, with what came out.
pub(crate) fn targets(summary: Summary<'_>, has_row: impl Fn(Case, &str) -> bool) -> Vec<Target> {
    let median = |(case, system, metric): Place| summary.median(case, system, metric);
    let target = |aim: Aim| {
        let places = [Some(aim.figure), aim.reference];
        let is_complete = places.into_iter().flatten().all(|(case, system, _)| has_row(case, system));
        let value = match aim.reference {
            Some(reference) => median(aim.figure).zip(median(reference)).map(|(value, by)| value / by),
            None => median(aim.figure),
        };
        let unit = if aim.reference.is_some() { None } else { Some(aim.figure.2) };
        let Aim { name, is_ceiling, bound, .. } = aim;
        is_complete.then_some(Target { name, value, bound, is_ceiling, unit })
    };
    aims().into_iter().filter_map(target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::sample::Sample;

    fn row(case: Case, system: &str, values: &[f64]) -> Row {
        let metric = case.metrics()[0];
        let sample = |&value: &f64| Sample { line_ns: Some(value), ..Sample::of(vec![(metric, value)]) };
        let samples = Ok(values.iter().map(sample).collect());
        Row { case, system: system.to_owned(), placement: String::new(), samples, retaken: 0 }
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
        let slot = Case::Slots { length: 8, batched: true };
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
        let slot = Case::Slots { length: 8, batched: false };
        let rows = [row(slot, "a", &[40.0, 45.0]), row(slot, "b", &[45.0, 400.0])];
        let summary = Summary { rows: &rows };
        assert_eq!(rows.each_ref().map(|row| summary.is_disturbed(row)), [false, true]);
    }

    #[test]
    fn noise_is_how_far_equal_rows_differ() {
        let slot = Case::Slots { length: 8, batched: false };
        let rows = [row(slot, "a", &[2.0]), row(slot, "a (again)", &[3.0]), row(slot, "b", &[9.0])];
        assert_eq!(Summary { rows: &rows }.noise(), [(slot, "a", 1.5)]);
    }

    /// The target of that name, whatever systems there are.
    fn found(rows: &[Row], name: &str) -> Target {
        let targets = targets(Summary { rows }, |_, _| true);
        targets.into_iter().find(|target| target.name == name).unwrap()
    }

    #[test]
    fn a_target_without_its_rows_is_not_measured() {
        let slot = Case::Slots { length: 8, batched: false };
        let mut rows = vec![row(slot, "ringway slots", &[3.0])];
        assert!(targets(Summary { rows: &rows }, |_, _| true).iter().all(|target| target.is_met().is_none()));
        rows.push(row(slot, "rtrb", &[2.0]));
        let found = found(&rows, "8 B slot: ringway / rtrb");
        assert_eq!((found.value, found.is_met()), (Some(1.5), Some(true)));
    }

    #[test]
    fn a_target_of_a_system_that_does_not_exist_is_left_out() {
        let names = |has_row: fn(Case, &str) -> bool| -> Vec<&str> {
            targets(Summary { rows: &[] }, has_row).iter().map(|target| target.name).collect()
        };
        assert!(names(|_, _| false).is_empty());
        assert_eq!(names(|_, system| system == "ringway bytes"), ["64 B record: ringway"]);
        assert_eq!(
            names(|case, system| system == "ringway" && case == Case::Death { busy: true }),
            ["killed peer, busy, p50: ringway", "killed peer, busy, p99: ringway"]
        );
    }

    #[test]
    fn a_ceiling_is_met_from_below() {
        let rows =
            [row(Case::RoundTrip, "ringway slots", &[130.0]), row(Case::RoundTrip, "mailbox", &[100.0])];
        assert_eq!(found(&rows, "64 B round trip, p50: ringway slots / mailbox").is_met(), Some(false));
    }

    #[test]
    fn a_figure_alone_is_compared_in_its_unit() {
        let rows = [row(Case::Blocked, "ringway", &[9e5])];
        let found = found(&rows, "nothing comes, cpu: ringway");
        assert_eq!((found.is_met(), found.unit), (Some(true), Some(Metric::Cpu)));
    }
}
