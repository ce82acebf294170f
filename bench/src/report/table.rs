//! The report for a reader at a terminal: what it was measured on, a table per case, the noise floor, the targets.

use std::io::{self, Write};

use crate::plan::metric::Metric;
use crate::report::columns::{Column, print_columns};
use crate::report::figure::{self, Human};
use crate::report::record::{Record, Row, Target};
use crate::report::{phrases, summary};
use crate::systems::AGAIN;

/// Characters of a line.
const WIDTH: usize = 110;

/// The head of what is unusual about rows.
const NOTES: &str = "notes";

/// Prints what the figures were measured on and how, before they are.
///
/// # Errors
///
/// The output cannot be written.
pub(crate) fn print_facts(output: &mut dyn Write, record: &Record) -> io::Result<()> {
    for (name, facts) in phrases::facts(record) {
        for (index, fact) in facts.iter().flat_map(|fact| phrases::wrapped(fact, WIDTH - 11)).enumerate() {
            writeln!(output, "{:<10} {fact}", if index == 0 { name } else { "" })?;
        }
    }
    Ok(())
}

/// Prints everything but the facts.
///
/// # Errors
///
/// The output cannot be written.
pub(crate) fn print(output: &mut dyn Write, record: &Record) -> io::Result<()> {
    for rows in summary::cases(&record.rows) {
        print_case(output, rows)?;
    }
    print_noise(output, record)?;
    print_targets(output, &record.targets)?;
    print_failures(output, record)?;
    if !record.absent.is_empty() {
        writeln!(output, "\nnot measured")?;
        for absent in &record.absent {
            writeln!(output, "  {:<20} {}", absent.name, absent.reason)?;
        }
    }
    Ok(())
}

fn print_case(output: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    writeln!(output, "\n{}: {}", rows[0].group, rows[0].case)?;
    let usual = phrases::usual_placement(rows);
    let measured: Vec<&Row> = rows.iter().filter(|row| row.failed.is_none()).collect();
    let left_out = print_columns(output, columns(rows, &measured, usual), WIDTH)?;
    for row in rows {
        let Some(reason) = &row.failed else { continue };
        for (index, line) in
            phrases::wrapped(&format!("FAILED: {reason}"), WIDTH.saturating_sub(6 + row.system.len()))
                .iter()
                .enumerate()
        {
            let system = if index == 0 { &row.system } else { "" };
            writeln!(output, "  {system:<0$}  {line}", row.system.len())?;
        }
    }
    let mut feet = vec![phrases::foot(rows)];
    // Few rows have notes: where there is no room for a column of them, they stand below.
    let (unwritten, left_out): (Vec<_>, Vec<_>) = left_out.into_iter().partition(|head| head == NOTES);
    let noted =
        measured.iter().map(|row| (row, phrases::notes(row, usual))).filter(|(_, notes)| !notes.is_empty());
    if !unwritten.is_empty() {
        feet.push(noted.map(|(row, notes)| format!("{}: {notes}", row.system)).collect());
    }
    feet.extend((!left_out.is_empty()).then(|| vec![format!("no room for {}", left_out.join(", "))]));
    for line in feet.iter().flat_map(|foot| phrases::wrapped(&foot.join("; "), WIDTH - 4)) {
        writeln!(output, "    {line}")?;
    }
    Ok(())
}

/// The columns of a case. Where they are too wide, the first of those that may be missed are left out.
pub(crate) fn columns(rows: &[Row], measured: &[&Row], usual: &str) -> Vec<Column> {
    let Some(compared) = summary::compared(rows) else { return Vec::new() };
    let floor = summary::floor(rows, compared).map(|(_, median)| median);
    let rival = summary::best_rival(rows, compared).map(|(_, median)| median);
    let column = |head: &str, cell: &dyn Fn(&Row) -> Option<String>| {
        Column::new(head, measured.iter().map(|row| cell(row).unwrap_or_else(|| "-".to_owned())).collect())
    };
    let against = |row: &Row, by: Option<f64>| summary::ratio(row.median(compared)?, by?).map(figure::ratio);
    let mut columns = vec![
        column("", &|row| Some(name(row, measured))).left(),
        column(compared.name(), &|row| shown(row, compared)),
        column("min..max", &|row| {
            let figure = row.figure(compared)?;
            Some(figure::range(compared, figure.median?, figure.min?, figure.max?))
        }),
    ];
    if floor.is_some() {
        columns.push(column("/floor", &|row| against(row, floor)));
    }
    if rival.is_some() {
        columns.push(column("/rival", &|row| against(row, rival)));
    }
    let others = measured.first().map_or(&[][..], |row| &row.figures).iter().skip(1);
    for metric in others.map(|figure| figure.metric) {
        let cells = column(metric.name(), &|row| shown(row, metric));
        columns.push(match importance(metric) {
            Some(much) => cells.missed(much),
            None => cells,
        });
    }
    if measured.iter().any(|row| row.line_ns.is_some()) {
        columns.push(column("line ", &line));
    }
    if measured.iter().any(|row| !phrases::notes(row, usual).is_empty()) {
        columns.push(column(NOTES, &|row| Some(phrases::notes(row, usual))).left().missed(0));
    }
    columns
}

/// How much a figure is missed where there is no room for all, if it may be left out.
fn importance(metric: Metric) -> Option<u32> {
    let least_first = [Metric::Mean, Metric::P90, Metric::P999, Metric::P9999];
    (1..).zip(least_first).find(|(_, other)| *other == metric).map(|(place, _)| place)
}

/// A system's name, short for the second row of the one above.
fn name(row: &Row, measured: &[&Row]) -> String {
    let first = row.system.strip_suffix(AGAIN);
    if first.is_some_and(|first| measured.iter().any(|row| row.system == first)) {
        return format!(" {AGAIN}");
    }
    row.system.clone()
}

fn shown(row: &Row, metric: Metric) -> Option<String> {
    Some(Human(metric, row.median(metric)?).to_string())
}

fn line(row: &Row) -> Option<String> {
    let mark = if row.is_disturbed { "!" } else { " " };
    Some(format!("{}{mark}", Human(Metric::P50, row.line_ns?)))
}

/// Prints how far equal rows differ, group by group, and what disturbed.
fn print_noise(output: &mut dyn Write, record: &Record) -> io::Result<()> {
    writeln!(output, "\nnoise floor")?;
    for line in phrases::noise(record) {
        writeln!(output, "  {line}")?;
    }
    Ok(())
}

fn print_targets(output: &mut dyn Write, targets: &[Target]) -> io::Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    writeln!(output, "\ntargets")?;
    for target in targets {
        let [value, bound, verdict] = phrases::target(target);
        writeln!(output, "  {:<62} {value:>9}   {bound:<12} {verdict}", target.name)?;
    }
    Ok(())
}

/// Prints once more which rows failed: among hundreds one is not seen.
fn print_failures(output: &mut dyn Write, record: &Record) -> io::Result<()> {
    let failures = phrases::failures(record);
    if failures.is_empty() {
        return Ok(());
    }
    writeln!(output, "\nFAILED: {} of {} rows", failures.len(), record.rows.len())?;
    for line in failures.iter().flat_map(|failure| phrases::wrapped(failure, WIDTH - 2)) {
        writeln!(output, "  {line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{record, record_of, row};

    fn printed(record: &Record) -> String {
        let mut output = Vec::new();
        print_facts(&mut output, record).unwrap();
        print(&mut output, record).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn a_failed_row_shows_its_reason_and_no_figure() {
        let output = printed(&record());
        let line = |text: &str| output.lines().find(|line| line.contains(text)).unwrap();
        assert!(line("rtrb <1>").ends_with("FAILED: message 5 came where 4 was due"), "{output}");
        let all = "FAILED: 1 of 8 rows\n  flow: rtrb <1>: 64 B record: message 5 came where 4 was due";
        assert!(output.contains(all), "{output}");
        assert!(line("ringway bytes").contains("305 M/s  300..310 M/s    0.75"), "{output}");
    }

    #[test]
    fn rows_are_divided_by_the_floor_and_by_the_best_rival() {
        let output = printed(&record());
        let line = output.lines().find(|line| line.contains("ringway slots  ")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[2..], ["80.0", "ns", "79.5..81.0", "ns", "1.14", "0.11"]);
        assert!(output.contains("floor: mailbox; best rival: pipe; processes, cores 0, 1"));
    }

    #[test]
    fn long_rows_fit_the_line() {
        let mut wide = row("latency", "64 B at 10000/s", &"n".repeat(34), Metric::P50, &[9999.0, 12e6]);
        for metric in [Metric::P90, Metric::P99, Metric::P999, Metric::P9999, Metric::Max] {
            wide.figures.extend(row("", "", "", metric, &[123e6]).figures);
        }
        (wide.line_ns, wide.line_max_ns, wide.is_disturbed) = (Some(330.0), Some(999.0), true);
        wide.placement = format!("processes, {}", "cores 0, 1 ".repeat(4));
        let output = printed(&record_of(vec![wide]));
        assert!(output.lines().all(|line| line.chars().count() <= WIDTH), "{output}");
        assert!(output.contains("no room for p90"), "{output}");
    }
}
