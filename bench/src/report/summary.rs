//! From samples to figures: medians and ranges, what they are compared with, and how far chance alone takes them.

use crate::plan::metric::Metric;
use crate::report::record::{Noise, Role, Row};
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

/// The rows case by case.
pub(crate) fn cases(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|a, b| a.group == b.group && a.case == b.case)
}

/// The rows of a case.
pub(crate) fn of_case<'a>(rows: &'a [Row], group: &str, case: &str) -> &'a [Row] {
    cases(rows).find(|rows| rows[0].group == group && rows[0].case == case).unwrap_or_default()
}

/// The figure by which the rows of a case are compared, if any row has one.
pub(crate) fn compared(rows: &[Row]) -> Option<Metric> {
    rows.iter().find_map(|row| row.figures.first()).map(|figure| figure.metric)
}

/// The floor of a case, and its median.
pub(crate) fn floor(rows: &[Row], metric: Metric) -> Option<(&Row, f64)> {
    best(rows.iter().filter(|row| row.role == Role::Floor), metric)
}

/// The best system of a case that is neither a limit of the machine nor Ringway's, and its median.
pub(crate) fn best_rival(rows: &[Row], metric: Metric) -> Option<(&Row, f64)> {
    best_of(rows, Role::Rival, metric)
}

/// The best of Ringway's systems, and its median.
pub(crate) fn best_own(rows: &[Row], metric: Metric) -> Option<(&Row, f64)> {
    best_of(rows, Role::Ringway, metric)
}

/// The floor of a case, or where it has none the best of the machine's limits in it, and its median.
pub(crate) fn limit(rows: &[Row], metric: Metric) -> Option<(&Row, f64)> {
    floor(rows, metric).or_else(|| best_of(rows, Role::Limit, metric))
}

/// The best system with that role. One that is measured twice has no second chance, and one that carries less than the
/// case says is none of the best: its name says how much it does.
fn best_of(rows: &[Row], role: Role, metric: Metric) -> Option<(&Row, f64)> {
    let is_fair = |row: &&Row| !row.is_again() && !row.system.ends_with(" B");
    best(rows.iter().filter(|row| row.role == role).filter(is_fair), metric)
}

/// The row with the shortest time, or the highest rate, and its median.
pub(crate) fn best<'a>(rows: impl Iterator<Item = &'a Row>, metric: Metric) -> Option<(&'a Row, f64)> {
    let medians = rows.filter_map(|row| Some((row, row.median(metric)?)));
    let sign = if metric.is_gain() { 1.0 } else { -1.0 };
    medians.max_by(|(_, a), (_, b)| (sign * a).total_cmp(&(sign * b)))
}

/// One value divided by another, unless that is no number.
pub(crate) fn ratio(value: f64, by: f64) -> Option<f64> {
    Some(value / by).filter(|ratio| ratio.is_finite())
}

/// How far equal rows differ, group by group, in the figure that is compared.
pub(crate) fn noise(rows: &[Row]) -> Vec<Noise> {
    let mut noise: Vec<Noise> = Vec::new();
    let pairs = rows.iter().filter_map(|row| pair(rows, row, row.figures.first()?.metric));
    for found in pairs {
        match noise.iter_mut().find(|noise| noise.group == found.group) {
            Some(noise) if noise.factor >= found.factor => noise.pairs += 1,
            Some(noise) => *noise = Noise { pairs: noise.pairs + 1, ..found },
            None => noise.push(found),
        }
    }
    noise
}

/// By what factor a figure of equal rows of a group differs, at most.
pub(crate) fn noise_of(rows: &[Row], group: &str, metric: Metric) -> Option<f64> {
    let of_group = rows.iter().filter(|row| row.group == group);
    of_group.filter_map(|row| Some(pair(rows, row, metric)?.factor)).reduce(f64::max)
}

/// What a row and the first one of its system differ by, if it is the second one.
fn pair(rows: &[Row], again: &Row, metric: Metric) -> Option<Noise> {
    let system = again.system.strip_suffix(AGAIN)?;
    let first = of_case(rows, &again.group, &again.case).iter().find(|row| row.system == system)?;
    let ratio = ratio(first.median(metric)?, again.median(metric)?).filter(|&ratio| ratio > 0.0)?;
    let (group, case) = (again.group.clone(), again.case.clone());
    Some(Noise { group, pairs: 1, factor: ratio.max(1.0 / ratio), system: system.to_owned(), case })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::row;

    #[test]
    fn a_spread_is_the_median_and_the_range() {
        let spread = |values: &[f64]| Spread::of(values.to_vec());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }

    #[test]
    fn the_best_rival_is_neither_the_floor_nor_ringways() {
        let rates = [("copy", 9.0), ("ringway bytes", 8.0), ("pipe", 2.0), ("rtrb", 3.0)];
        let rows = rates.map(|(system, rate)| row("flow", "64 B record", system, Metric::Rate, &[rate]));
        assert_eq!(best_rival(&rows, Metric::Rate).unwrap().0.system, "rtrb");
        assert_eq!(floor(&rows, Metric::Rate).unwrap().1, 9.0);
        let times = [("pipe", 2.0), ("rtrb", 3.0)];
        let rows = times.map(|(system, ns)| row("latency", "64 B round trip", system, Metric::P50, &[ns]));
        assert_eq!(best_rival(&rows, Metric::P50).unwrap().0.system, "pipe");
        assert!(floor(&rows, Metric::P50).is_none());
    }

    #[test]
    fn noise_is_how_far_equal_rows_differ_at_most() {
        let rate = |case, system, rate| row("flow", case, system, Metric::Rate, &[rate]);
        let rows = [
            rate("one", "a", 2.0),
            rate("one", "a (again)", 3.0),
            rate("one", "b", 9.0),
            rate("two", "a", 4.0),
            rate("two", "a (again)", 3.9),
        ];
        let [noise] = &noise(&rows)[..] else { panic!("one group") };
        assert_eq!((noise.pairs, noise.factor, noise.case.as_str()), (2, 1.5, "one"));
    }
}
