//! The report for a reader: what it was measured on, a table per case, the noise floor, the targets.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};

use crate::plan::case::Case;
use crate::plan::metric::Metric;
use crate::plan::schedule::{Row, Schedule};
use crate::report::summary::{self, Summary, spread, targets};
use crate::stage::clock::Clock;
use crate::stage::place::{Machine, Placement};
use crate::systems;

/// A figure in the unit in which it is easily read.
struct Human(Metric, f64);

impl Display for Human {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let &Self(metric, value) = self;
        let text = match metric {
            Metric::Rate => scaled(value, &[(1e9, "G/s"), (1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")]),
            Metric::Bandwidth => scaled(value, &[(1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1.0, "B/s")]),
            Metric::Cpu => scaled(value, &[(1e9, "s/s"), (1e6, "ms/s"), (1e3, "us/s"), (1.0, "ns/s")]),
            _ => scaled(value, &[(1e9, "s"), (1e6, "ms"), (1e4, "us"), (1.0, "ns")]),
        };
        f.pad(&text)
    }
}

/// The value in the first unit that is not larger than it, with three digits.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let fitting = units.iter().find(|(size, _)| value >= *size).or(units.last());
    let Some(&(size, unit)) = fitting else { return value.to_string() };
    // The unit of ten thousand nanoseconds and more is the microsecond.
    let value = value / if unit == "us" { 1e3 } else { size };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

/// Prints the whole report. `load` is what shares of the cores other processes and the hypervisor took meanwhile.
///
/// # Errors
///
/// The output cannot be written.
pub(crate) fn print(output: &mut dyn Write, rows: &[Row], load: Option<(f64, f64)>) -> io::Result<()> {
    let summary = Summary { rows };
    for case in Case::all() {
        if summary.of_case(case).next().is_some() {
            print_case(output, summary, case)?;
        }
    }
    writeln!(output, "\nnoise floor")?;
    print_noise(output, summary)?;
    if let Some((others, stolen)) = load {
        let (others, stolen) = (100.0 * others, 100.0 * stolen);
        writeln!(
            output,
            "  cores: other processes used {others:.1} % of them, the hypervisor took {stolen:.1} %"
        )?;
    }
    print_targets(output, summary)
}

/// Prints what the figures were measured on and how, before they are.
///
/// # Errors
///
/// The output cannot be written.
pub(crate) fn print_facts(
    output: &mut dyn Write,
    machine: &Machine,
    placement: Placement,
    clock: &Clock,
    schedule: Schedule,
) -> io::Result<()> {
    writeln!(
        output,
        "machine    {}, {} cores for this process, {}",
        machine.processor, machine.cores, machine.kernel
    )?;
    match placement {
        Placement::Pinned { producer, consumer } => {
            let siblings = if placement.is_siblings() { " (two threads of one physical core)" } else { "" };
            writeln!(
                output,
                "placement  producer on core {producer}, consumer on core {consumer}{siblings}"
            )?;
        }
        Placement::Shared => {
            writeln!(
                output,
                "placement  NOT PINNED: there are no two cores; every wait gives the core away, and no"
            )?;
            writeln!(output, "           figure says anything about two cores")?;
        }
    }
    let rounds = |case| schedule.rounds(case);
    let (latency, flow) = (rounds(Case::RoundTrip), rounds(Case::Records { length: 64, batched: false }));
    writeln!(
        output,
        "method     round trips and flows: {} and {} rounds of {} and {} ms a row; the systems in turns;",
        latency.rounds,
        flow.rounds,
        latency.lengths.timed.as_millis(),
        flow.lengths.timed.as_millis()
    )?;
    writeln!(output, "           every message is verified; a disturbed sample is taken again")?;
    writeln!(
        output,
        "clock      {}, read once per round trip, {:.1} ns each, not subtracted; \"line\" has no readings",
        clock.name(),
        clock.cost_ns
    )?;
    writeln!(
        output,
        "           Neighbours on the machine disturb. Only ratios within one run count, and only of rows"
    )?;
    writeln!(
        output,
        "           beside which a bare cache line's round trip (\"line\") is about the same; ! marks others."
    )
}

/// The width of a figure's column, and of the column of its range.
fn widths(metric: Metric) -> (usize, usize) {
    match metric {
        Metric::Rate => (9, 21),
        Metric::Bandwidth => (10, 0),
        Metric::Cpu => (9, 22),
        _ => (8, 17),
    }
}

fn print_case(output: &mut dyn Write, summary: Summary<'_>, case: Case) -> io::Result<()> {
    let reference = summary.reference(case);
    let against = reference.map_or(String::new(), |(system, _)| format!("/ {system}"));
    writeln!(output)?;
    writeln!(output, "{}: {}", case.group(), case.title())?;
    let metrics = case.metrics();
    let (width, range) = widths(metrics[0]);
    write!(output, "  {:<23} {:>width$} {:>range$}", "", metrics[0].name(), "min..max")?;
    write!(output, " {against:>0$}", ratio_width(reference))?;
    for metric in &metrics[1..] {
        write!(output, " {:>1$}", metric.name(), widths(*metric).0)?;
    }
    if case.has_line() {
        write!(output, " {:>8}", "line ")?;
    }
    writeln!(output, "{}", if case.is_gain() { " placement" } else { "" })?;
    for row in summary.of_case(case) {
        print_row(output, summary, row, reference)?;
    }
    // Parties of flows may be threads, and are named row by row; all others are processes.
    if !case.is_gain()
        && let Some(row) = summary.of_case(case).next()
    {
        writeln!(output, "  all: {}", row.placement)?;
    }
    Ok(())
}

/// The width of the column of ratios: its head names the row that others are divided by.
fn ratio_width(reference: Option<(&str, f64)>) -> usize {
    reference.map_or(0, |(system, _)| system.len() + 2).max(9)
}

fn print_row(
    output: &mut dyn Write,
    summary: Summary<'_>,
    row: &Row,
    reference: Option<(&str, f64)>,
) -> io::Result<()> {
    write!(output, "  {:<23} ", row.system)?;
    let metrics = row.case.metrics();
    let first = match (&row.samples, spread(row, metrics[0])) {
        (Err(reason), _) => return writeln!(output, "FAILED: {reason}"),
        (_, Some(first)) => first,
        _ => return writeln!(output, "FAILED: no sample"),
    };
    let human = |value| Human(metrics[0], value);
    let (width, range_width) = widths(metrics[0]);
    let range = format!("{}..{}", human(first.min), human(first.max));
    let ratio = reference.map_or(String::new(), |(_, value)| format!("{:.2}", first.median / value));
    write!(output, "{:>width$} {range:>range_width$}", human(first.median))?;
    write!(output, " {ratio:>0$}", ratio_width(reference))?;
    for &metric in &metrics[1..] {
        let median = spread(row, metric).map_or(f64::NAN, |spread| spread.median);
        write!(output, " {:>1$}", Human(metric, median), widths(metric).0)?;
    }
    if let Some(line) = summary::line(row) {
        let mark = if summary.is_disturbed(row) { "!" } else { " " };
        write!(output, " {:>8}", format!("{}{mark}", Human(Metric::P50, line.median)))?;
    }
    if row.case.is_gain() {
        write!(output, " {}", row.placement)?;
    }
    writeln!(output)
}

/// Prints how far equal rows differ, group by group.
fn print_noise(output: &mut dyn Write, summary: Summary<'_>) -> io::Result<()> {
    let noise = summary.noise();
    for group in ["latency", "flow", "wakeup"] {
        let of_group: Vec<_> = noise.iter().filter(|(case, ..)| case.group() == group).collect();
        let pairs = of_group.len();
        match of_group.into_iter().max_by(|(.., a), (.., b)| a.total_cmp(b)) {
            Some((case, system, factor)) => writeln!(
                output,
                "  {group}: of {pairs} pairs of equal rows, the medians differ by at most {:.1} % ({system}, {})",
                (factor - 1.0) * 100.0,
                case.title()
            )?,
            None => writeln!(output, "  {group}: not measured")?,
        }
    }
    let disturbed = summary.rows.iter().filter(|row| summary.is_disturbed(row)).count();
    let beside = summary.rows.iter().filter(|row| row.case.has_line()).count();
    writeln!(output, "  line: {disturbed} of {beside} rows disturbed")
}

fn print_targets(output: &mut dyn Write, summary: Summary<'_>) -> io::Result<()> {
    writeln!(output, "\ntargets")?;
    for target in targets(summary, systems::take_part) {
        let show = |value| match target.unit {
            Some(metric) => Human(metric, value).to_string(),
            None => format!("{value:.2}"),
        };
        let value = target.value.map_or_else(|| "-".to_owned(), show);
        let bound = format!("{} {}", if target.is_ceiling { "<=" } else { ">=" }, show(target.bound));
        let verdict = match target.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        };
        writeln!(output, "  {:<62} {value:>9}   {bound:<12} {verdict}", target.name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::sample::Sample;

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
    }

    #[test]
    fn a_failed_row_shows_its_reason_and_no_figure() {
        let case = Case::Slots { length: 8, batched: false };
        let row = |system: &str, samples| Row {
            case,
            system: system.into(),
            placement: "here".into(),
            samples,
            retaken: 0,
        };
        let sample = Sample::of(vec![(Metric::Rate, 3e6), (Metric::Bandwidth, 24e6)]);
        let rows = [row("good", Ok(vec![sample])), row("bad", Err("message 5 came where 4 was due".into()))];
        let mut output = Vec::new();
        print(&mut output, &rows, Some((0.1, 0.0))).unwrap();
        let output = String::from_utf8(output).unwrap();
        let line = |name: &str| output.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        assert!(line("good").contains("3.00 M/s"));
        assert!(line("bad").ends_with("FAILED: message 5 came where 4 was due"));
        assert!(output.lines().all(|line| line.chars().count() <= 110));
    }
}
