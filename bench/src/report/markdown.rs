//! A record as Markdown, for documents: a table for each group, the targets, and what all of it was measured on.
//!
//! A line of a group's table is a figure of a case: that of the best of Ringway's systems, of the best rival and of the
//! floor, each the best in just this figure and with its name. Whatever is shown of a record is the same each time, so
//! that a test can compare a document with it. No part stands without a line that says on what it was measured.

use std::io;

use crate::plan::case::GROUPS;
use crate::plan::metric::Metric;
use crate::report::figure::{self, Human};
use crate::report::record::{Record, Role, Row};
use crate::report::{brief, phrases, summary};

/// The parts that are no groups.
const FACTS: &str = "facts";
const TARGETS: &str = "targets";

/// What stands where there is no figure.
const NONE: &str = "-";

/// What a table's figures are.
const LEGEND: &str = "Medians; each the best in its figure, with its name. /rival and /floor are Ringway's figure divided \
                      by the other's: of times less is better, of rates more.";

/// The whole record, or the parts of these names.
///
/// # Errors
///
/// The record has no such part.
pub(crate) fn text(record: &Record, only: &[String]) -> io::Result<String> {
    let groups: Vec<&[Row]> = record.rows.chunk_by(|a, b| a.group == b.group).collect();
    let is_there = |part: &String| {
        let mut names = groups.iter().map(|rows| rows[0].group.as_str()).chain([FACTS, TARGETS]);
        names.any(|name| name == part)
    };
    if let Some(part) = only.iter().find(|part| !is_there(part)) {
        return Err(io::Error::other(format!("the record has no part `{part}`")));
    }
    let is_shown = |part: &str| only.is_empty() || only.iter().any(|name| name == part);
    let mut parts: Vec<String> =
        groups.iter().filter(|rows| is_shown(&rows[0].group)).map(|rows| group(rows)).collect();
    if parts.iter().any(|part| part.contains("/rival")) {
        parts.push(LEGEND.to_owned());
    }
    if is_shown(TARGETS) && !record.targets.is_empty() {
        parts.push(targets(record));
    }
    parts.push(if is_shown(FACTS) { facts(record) } else { source(record) });
    Ok(parts.join("\n\n") + "\n")
}

/// The table of the cases that matter most, and on what they were measured.
pub(crate) fn brief(record: &Record) -> String {
    format!("{}\n\n{}\n", brief::of(record), source(record))
}

/// The head of a table, its lines. For each column `sides` has `l` where it stands to the left, and `r`.
pub(crate) fn table(heads: &[&str], sides: &str, lines: &[Vec<String>]) -> String {
    let line =
        |cells: &mut dyn Iterator<Item = String>| format!("| {} |", cells.collect::<Vec<_>>().join(" | "));
    let sides = sides.chars().map(|side| if side == 'r' { "---:" } else { "---" });
    let mut text = vec![
        line(&mut heads.iter().map(|head| (*head).to_owned())),
        format!("|{}|", sides.collect::<Vec<_>>().join("|")),
    ];
    text.extend(lines.iter().map(|cells| line(&mut cells.iter().map(|cell| escaped(cell)))));
    text.join("\n")
}

/// A figure and whose it is, and what has to be known of it.
pub(crate) fn named(found: Option<(&Row, f64)>, metric: Metric) -> String {
    let Some((row, median)) = found else { return NONE.to_owned() };
    let party = phrases::foreign_party(row).map_or(String::new(), |party| format!(" ({party})"));
    format!("**{}**{} {}{party}", Human(metric, median), if row.is_disturbed { " !" } else { "" }, row.system)
}

fn group(rows: &[Row]) -> String {
    let name = &rows[0].group;
    let about = GROUPS.iter().find(|(group, _)| group == name).map_or("", |(_, about)| about);
    let has_channels = rows.iter().any(|row| matches!(row.role, Role::Ringway | Role::Rival));
    let table = if has_channels { channels(rows) } else { limits(rows) };
    let failed = rows.iter().filter_map(|row| Some((row, row.failed.as_ref()?)));
    let failed: String = failed
        .map(|(row, reason)| {
            format!("\n\nFAILED: {}", escaped(&format!("{}, {}: {reason}", row.system, row.case)))
        })
        .collect();
    let is_disturbed = rows.iter().any(|row| row.is_disturbed);
    let disturbed =
        if is_disturbed && table.contains(" ! ") { "\n\n! The machine was disturbed beside it." } else { "" };
    format!("**{name}**: {about}\n\n{table}{disturbed}{failed}")
}

/// What is shown of a case: the figure that is compared, and those that say something else.
fn metrics(rows: &[Row]) -> Vec<Metric> {
    let others = [Metric::P99, Metric::P9999, Metric::Open, Metric::Resident];
    let first = summary::compared(rows);
    let has =
        |metric: &Metric| Some(*metric) != first && rows.iter().any(|row| row.figure(*metric).is_some());
    first.into_iter().chain(others.into_iter().filter(has)).collect()
}

/// Ringway beside the best rival and the floor.
fn channels(rows: &[Row]) -> String {
    let line = |rows: &[Row], metric: Metric| {
        let [own, rival, floor] =
            [summary::best_own, summary::best_rival, summary::floor].map(|of| of(rows, metric));
        let ratio = |by: Option<(&Row, f64)>| {
            let ratio = own.zip(by).and_then(|((_, own), (_, by))| summary::ratio(own, by));
            ratio.map_or_else(|| NONE.to_owned(), figure::ratio)
        };
        let mut cells = vec![rows[0].case.clone(), metric.name().to_owned()];
        cells.extend([own, rival, floor].map(|found| named(found, metric)));
        cells.extend([ratio(rival), ratio(floor)]);
        cells
    };
    let lines =
        summary::cases(rows).flat_map(|rows| metrics(rows).into_iter().map(move |metric| line(rows, metric)));
    let heads = ["case", "figure", "Ringway", "best rival", "floor", "/rival", "/floor"];
    table(&heads, "lllllrr", &lines.collect::<Vec<_>>())
}

/// What the machine can do, of which nothing is a rival of another.
fn limits(rows: &[Row]) -> String {
    let mut lines = Vec::new();
    for rows in summary::cases(rows) {
        for metric in metrics(rows) {
            let figures =
                rows.iter().filter(|row| !row.is_again()).filter_map(|row| Some((row, row.figure(metric)?)));
            lines.extend(figures.filter_map(|(row, figure)| {
                let median = figure.median?;
                Some(vec![
                    row.case.clone(),
                    row.system.clone(),
                    metric.name().to_owned(),
                    Human(metric, median).to_string(),
                    figure::range(metric, median, figure.min?, figure.max?),
                ])
            }));
        }
    }
    table(&["case", "what", "figure", "median", "min..max"], "lllrr", &lines)
}

fn targets(record: &Record) -> String {
    let count = |is_met| record.targets.iter().filter(|target| target.is_met == is_met).count();
    // Of those that were not measured the number is enough: a run of some groups has many.
    let measured = record.targets.iter().filter(|target| target.is_met.is_some());
    let lines = measured.map(|target| {
        let [value, bound, verdict] = phrases::target(target).map(|cell| phrases::signs(&cell));
        let verdict = if target.is_met == Some(false) { format!("**{verdict}**") } else { verdict };
        vec![target.name.clone(), value, bound, verdict]
    });
    let table = table(&["target", "value", "bound", "verdict"], "lrrl", &lines.collect::<Vec<_>>());
    let [met, missed, unknown] = [Some(true), Some(false), None].map(count);
    format!("**targets**: {met} met, {missed} missed, {unknown} not measured\n\n{table}")
}

/// All that has to be known of the figures.
fn facts(record: &Record) -> String {
    let facts = phrases::facts(record).into_iter().map(|(name, lines)| (name, lines.join(". ")));
    let noise = phrases::noise(record).join("; ");
    let all = facts.chain([("command", format!("`{}`", record.command.join(" "))), ("noise", noise)]);
    all.map(|(name, fact)| format!("- {name}: {}", escaped(&fact))).collect::<Vec<_>>().join("\n")
}

/// On what it was measured, in a line.
fn source(record: &Record) -> String {
    let machine = &record.machine;
    let commit = record.commit.as_ref().map_or(String::new(), |commit| format!(", commit {commit}"));
    let (cores, date) = (machine.cores, &record.date);
    escaped(&format!("Measured on {}, {cores} cores, {}, {date}{commit}.", machine.processor, machine.kernel))
}

/// Text that is no mark-up, but for stars and code.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{record, record_of, row};

    fn only(parts: &[&str]) -> io::Result<String> {
        text(&record(), &parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_line_has_the_best_of_each_and_what_ringway_is_of_the_others() {
        let text = only(&["latency"]).unwrap();
        let line = "| 64 B round trip | p50 | **80.0 ns** ringway slots | **760 ns** pipe | **70.0 ns** mailbox | 0.11 | \
                    1.14 |";
        assert!(text.lines().any(|found| found == line), "{text}");
        assert!(
            !text.contains("flow") && !text.contains("target") && text.contains("Measured on Thing 3000"),
            "{text}"
        );
    }

    #[test]
    fn a_failed_row_is_named_below_its_table() {
        let text = only(&["flow"]).unwrap();
        assert!(text.contains("FAILED: rtrb &lt;1>, 64 B record: message 5 came where 4 was due"), "{text}");
        assert!(text.contains("| **305 M/s** ringway bytes | - | **405 M/s** copy | - | 0.75 |"), "{text}");
    }

    #[test]
    fn a_part_that_is_not_there_is_an_error() {
        assert!(only(&["latency", "wakeup"]).unwrap_err().to_string().contains("no part `wakeup`"));
        assert!(only(&["targets"]).unwrap().starts_with("**targets**: "));
        assert!(only(&["facts"]).unwrap().starts_with("- machine: Thing 3000"));
    }

    #[test]
    fn limits_are_not_divided_by_each_other_and_threads_are_named() {
        let mut load = row("limits", "one core", "load", Metric::Cost, &[1.0, 2.0, 3.0]);
        load.role = Role::Limit;
        let text = text(&record_of(vec![load.clone()]), &["limits".to_owned()]).unwrap();
        assert!(text.contains("| one core | load | cost | 2.00 ns | 1.00..3.00 ns |"), "{text}");
        assert!(!text.contains("rival"), "{text}");
        (load.placement, load.is_disturbed) = ("threads, cores 0, 1".to_owned(), true);
        assert_eq!(named(Some((&load, 2.0)), Metric::Cost), "**2.00 ns** ! load (threads)");
    }
}
