//! Two records beside each other: which rows became faster or slower by more than chance, and by more than equal rows of
//! one run differ.
//!
//! A row differs when the samples of both runs do ([`mann_whitney`], [`SIGNIFICANT`]) and their shift is a larger
//! factor than those of the equal rows of its group did in either run. Of a hundred figures that did not change one has
//! a probability below 0.01, so that all are corrected for how many are compared ([`corrected`]): of those that are below
//! [`SIGNIFICANT`] then, at most that share is expected to be there by chance alone. The other condition takes some of
//! them away, and no share is known of the rest. What differs before the correction and not after it is said to be so;
//! more rounds decide it.

use std::io::{self, Write};

use crate::plan::metric::Metric;
use crate::report::columns::{Column, print_columns};
use crate::report::figure::{self, Human};
use crate::report::record::{Figure, Record, Row};
use crate::report::statistics::{corrected, least, mann_whitney, shift};
use crate::report::{summary, warnings};

/// The corrected probability below which a difference is taken for more than chance.
const SIGNIFICANT: f64 = 0.05;

/// The probability below which a difference alone, without the many others, would be.
const ALONE: f64 = 0.01;

/// What a comparison says of one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Faster,
    Slower,
    Same,
    /// It differs, but of so many figures some do by chance.
    Open,
    /// Even samples that lie entirely apart would not be significant.
    TooFewSamples,
    /// One of the rows has no figure.
    NotMeasured,
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Same => "same within noise",
            Self::Open => "differs, may be chance",
            Self::TooFewSamples => "too few samples",
            Self::NotMeasured => "not measured",
        }
    }
}

/// A figure in both records.
struct Pair<'a> {
    row: &'a Row,
    metric: Metric,
    medians: [Option<f64>; 2],
    /// By what factor the second is larger.
    shift: Option<f64>,
    /// How many samples there are of each.
    counts: [usize; 2],
    /// By what factor equal rows differ.
    noise: f64,
    /// That chance alone does this, and the same once corrected for how many figures are compared.
    probability: f64,
    corrected: f64,
}

/// Prints the comparison of a record with an earlier one.
///
/// # Errors
///
/// The output cannot be written.
pub(crate) fn print(output: &mut dyn Write, earlier: &Record, later: &Record) -> io::Result<()> {
    for warning in warnings::of(earlier, later) {
        writeln!(output, "warning: {warning}")?;
    }
    let pairs = all_pairs(earlier, later);
    writeln!(
        output,
        "p is corrected for all {} figures compared (Benjamini and Hochberg): of those below {SIGNIFICANT}, at most {:.0} % are\n\
         expected to be there by chance. Faster and slower is what is below it, by more than equal rows are apart.",
        pairs.iter().filter(|pair| pair.shift.is_some()).count(),
        100.0 * SIGNIFICANT
    )?;
    for of_case in pairs.chunk_by(|a, b| a.row.group == b.row.group && a.row.case == b.row.case) {
        writeln!(output, "\n{}: {}", of_case[0].row.group, of_case[0].row.case)?;
        print_columns(output, columns(of_case), 110)?;
    }
    let count = |verdict| pairs.iter().filter(|pair| pair.verdict() == verdict).count();
    let (faster, slower) = (count(Verdict::Faster), count(Verdict::Slower));
    let open = count(Verdict::Open);
    let rest = pairs.len() - faster - slower - open;
    writeln!(output, "\n{faster} faster, {slower} slower, {rest} the same or unknown, {open} may be chance")?;
    print_sole(output, "only in the first", earlier, later)?;
    print_sole(output, "only in the second", later, earlier)
}

/// The same row of another record.
fn same<'a>(record: &'a Record, row: &Row) -> Option<&'a Row> {
    record
        .rows
        .iter()
        .find(|other| (&other.group, &other.case, &other.system) == (&row.group, &row.case, &row.system))
}

/// What is compared of all rows of both records, corrected for how many have figures in both.
fn all_pairs<'a>(earlier: &Record, later: &'a Record) -> Vec<Pair<'a>> {
    let mut pairs: Vec<Pair<'_>> = later.rows.iter().flat_map(|row| pairs(earlier, later, row)).collect();
    let mut measured: Vec<&mut Pair<'_>> = pairs.iter_mut().filter(|pair| pair.shift.is_some()).collect();
    let probabilities: Vec<f64> = measured.iter().map(|pair| pair.probability).collect();
    for (pair, corrected) in measured.iter_mut().zip(corrected(&probabilities)) {
        pair.corrected = corrected;
    }
    pairs
}

/// What is compared of a row: its first figure, and its 99th percentile where it has one.
fn pairs<'a>(earlier: &Record, later: &Record, row: &'a Row) -> Vec<Pair<'a>> {
    let Some(other) = same(earlier, row) else { return Vec::new() };
    let figures = if row.figures.is_empty() { &other.figures } else { &row.figures };
    let compared = figures.iter().enumerate();
    let compared = compared.filter(|(index, figure)| *index == 0 || figure.metric == Metric::P99);
    let pair = |metric: Metric| {
        let noise = noise(earlier, &row.group, metric).max(noise(later, &row.group, metric));
        let [a, b] = [other, row].map(|row| row.figure(metric));
        let [first, second] =
            [a, b].map(|figure: Option<&Figure>| figure.map_or(&[][..], |figure| &figure.samples));
        Pair {
            row,
            metric,
            medians: [a, b].map(|figure| figure.and_then(|figure| figure.median)),
            shift: shift(first, second),
            counts: [first.len(), second.len()],
            noise,
            probability: mann_whitney(first, second),
            corrected: 1.0,
        }
    };
    compared.map(|(_, figure)| pair(figure.metric)).collect()
}

/// By what factor equal rows of the group differ in a figure, or those of any group where this one has none.
fn noise(record: &Record, group: &str, metric: Metric) -> f64 {
    let of_any = || record.noise.iter().map(|noise| noise.factor).reduce(f64::max);
    summary::noise_of(&record.rows, group, metric).or_else(of_any).unwrap_or(1.0)
}

impl Pair<'_> {
    fn verdict(&self) -> Verdict {
        let [first, second] = self.counts;
        let Some(shift) = self.shift else { return Verdict::NotMeasured };
        if least(first, second) >= SIGNIFICANT {
            Verdict::TooFewSamples
        } else if shift.max(1.0 / shift) <= self.noise {
            Verdict::Same
        } else if self.corrected >= SIGNIFICANT {
            if self.probability < ALONE { Verdict::Open } else { Verdict::Same }
        } else if (shift > 1.0) == self.metric.is_gain() {
            Verdict::Faster
        } else {
            Verdict::Slower
        }
    }
}

fn columns(pairs: &[Pair<'_>]) -> Vec<Column> {
    let column =
        |head: &str, cell: &dyn Fn(&Pair<'_>) -> String| Column::new(head, pairs.iter().map(cell).collect());
    let median = |pair: &Pair<'_>, which: usize| {
        pair.medians[which].map_or_else(|| "-".to_owned(), |value| Human(pair.metric, value).to_string())
    };
    vec![
        column("", &|pair| pair.row.system.clone()).left(),
        column("", &|pair| pair.metric.name().to_owned()).left(),
        column("first", &|pair| median(pair, 0)),
        column("second", &|pair| median(pair, 1)),
        column("ratio", &|pair| {
            let [first, second] = pair.medians;
            let ratio = second.zip(first).and_then(|(second, first)| summary::ratio(second, first));
            ratio.map_or_else(|| "-".to_owned(), factor)
        }),
        column("shift", &|pair| pair.shift.map_or_else(|| "-".to_owned(), change)),
        column("p", &|pair| format!("{:.4}", pair.corrected)),
        column("", &|pair| pair.verdict().text().to_owned()).left(),
    ]
}

/// A ratio, to a thousandth where that is to be seen.
fn factor(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.3}") } else { figure::ratio(ratio) }
}

/// By how much something grew or shrank: in hundredths, where it is not many times as large or as small.
fn change(shift: f64) -> String {
    if (0.5..2.0).contains(&shift) {
        format!("{:+.1} %", (shift - 1.0) * 100.0)
    } else {
        format!("x {}", figure::ratio(shift))
    }
}

/// Prints the rows of a record that another one has not.
fn print_sole(output: &mut dyn Write, what: &str, record: &Record, other: &Record) -> io::Result<()> {
    let sole: Vec<&Row> = record.rows.iter().filter(|row| same(other, row).is_none()).collect();
    if sole.is_empty() {
        return Ok(());
    }
    writeln!(output, "\n{what}")?;
    for row in sole {
        writeln!(output, "  {}: {}: {}", row.group, row.system, row.case)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{record_of, row};
    use crate::report::record::Load;

    fn trips(system: &str, from: f64) -> Row {
        let samples: Vec<f64> = (0..7).map(|step| from + f64::from(step) / 10.0).collect();
        row("latency", "64 B round trip", system, Metric::P50, &samples)
    }

    fn run(times: [f64; 3]) -> Record {
        let [again, slots, pipe] = times;
        record_of(vec![
            trips("mailbox", 70.0),
            trips("mailbox (again)", again),
            trips("ringway slots", slots),
            trips("pipe", pipe),
        ])
    }

    fn printed(earlier: &Record, later: &Record) -> String {
        let mut output = Vec::new();
        print(&mut output, earlier, later).unwrap();
        String::from_utf8(output).unwrap()
    }

    fn verdict_of(output: &str, system: &str) -> String {
        let line = output.lines().find(|line| line.trim_start().starts_with(&format!("{system} "))).unwrap();
        line.rsplit("  ").next().unwrap().to_owned()
    }

    #[test]
    fn what_differs_beyond_chance_and_noise_is_faster_or_slower() {
        let output = printed(&run([72.0, 80.0, 760.0]), &run([71.0, 60.0, 900.0]));
        assert_eq!(verdict_of(&output, "ringway slots"), "faster");
        assert_eq!(verdict_of(&output, "pipe"), "slower");
        assert!(output.contains("1 faster, 1 slower"), "{output}");
    }

    #[test]
    fn what_equal_rows_differ_by_is_noise() {
        // Entirely apart, but by less than the ten percent that equal rows differ by in one of the runs.
        let output = printed(&run([77.0, 80.0, 760.0]), &run([70.0, 84.0, 760.0]));
        assert_eq!(verdict_of(&output, "ringway slots"), "same within noise");
    }

    #[test]
    fn of_a_rate_more_is_faster() {
        assert_eq!(verdict(Metric::Rate, 1.5, 0.001, 0.01), Verdict::Faster);
        assert_eq!(verdict(Metric::Rate, 0.5, 0.001, 0.01), Verdict::Slower);
        assert_eq!(verdict(Metric::P50, 1.5, 0.02, 0.2), Verdict::Same);
    }

    #[test]
    fn what_only_the_correction_makes_chance_is_left_open() {
        assert_eq!(verdict(Metric::Rate, 1.5, 0.001, 0.2), Verdict::Open);
        assert_eq!(verdict(Metric::Rate, 1.05, 0.001, 0.01), Verdict::Same);
    }

    /// What is said of seven samples of each run, where equal rows differ by a tenth.
    fn verdict(metric: Metric, shift: f64, probability: f64, corrected: f64) -> Verdict {
        let row = trips("pipe", 1.0);
        let (counts, medians) = ([7, 7], [None, None]);
        Pair { row: &row, metric, medians, shift: Some(shift), counts, noise: 1.1, probability, corrected }
            .verdict()
    }

    #[test]
    fn one_difference_among_many_figures_is_left_open() {
        let run = |of_last: f64| {
            let names: Vec<String> = (0..100).map(|index| format!("system {index}")).collect();
            record_of(
                names
                    .iter()
                    .map(|name| trips(name, if name == "system 99" { of_last } else { 70.0 }))
                    .collect(),
            )
        };
        let output = printed(&run(70.0), &run(140.0));
        assert!(output.starts_with("p is corrected for all 100 figures"), "{output}");
        assert_eq!(verdict_of(&output, "system 99"), "differs, may be chance");
    }

    #[test]
    fn changes_are_hundredths_or_factors() {
        assert_eq!(
            [0.75, 1.234, 2.0, 0.25, 1234.5].map(change),
            ["-25.0 %", "+23.4 %", "x 2.00", "x 0.25", "x 1234"]
        );
        assert_eq!([0.9876, 12.34].map(factor), ["0.988", "12.3"]);
    }

    #[test]
    fn too_few_samples_decide_nothing() {
        let few =
            |ns| record_of(vec![row("latency", "64 B round trip", "pipe", Metric::P50, &[ns, ns + 1.0])]);
        assert_eq!(verdict_of(&printed(&few(1.0), &few(900.0)), "pipe"), "too few samples");
    }

    #[test]
    fn rows_of_one_run_and_differences_of_the_machines_are_listed() {
        let earlier = run([70.0, 80.0, 760.0]);
        let mut later = run([70.0, 80.0, 760.0]);
        later.machine.kernel = "Linux 7.0".to_owned();
        later.placement.consumer = Some(5);
        later.rows[3].system = "socket".to_owned();
        later.load = Some(Load { others: 0.25, stolen: 0.01 });
        let output = printed(&earlier, &later);
        assert!(output.contains("warning: the kernel differs: Linux 6.18 and Linux 7.0"), "{output}");
        assert!(output.contains("warning: the placement differs: 0, 1 and 0, 5"), "{output}");
        assert!(
            output.contains("warning: in the second run other processes used 25 % of the cores"),
            "{output}"
        );
        assert!(output.contains("only in the first\n  latency: pipe: 64 B round trip"), "{output}");
        assert!(output.contains("only in the second\n  latency: socket: 64 B round trip"), "{output}");
    }

    #[test]
    fn rows_without_figures_are_not_measured() {
        let earlier = run([70.0, 80.0, 760.0]);
        let mut later = run([70.0, 80.0, 760.0]);
        later.rows[3].figures.clear();
        assert_eq!(verdict_of(&printed(&earlier, &later), "pipe"), "not measured");
    }
}
