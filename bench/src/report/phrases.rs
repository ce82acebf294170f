//! What the table and the page say in the same words: facts, noise, targets, and what stands below a case.

use crate::plan::metric::Metric;
use crate::report::figure::{self, Human};
use crate::report::record::{Record, Row, Target};
use crate::report::summary;

/// The share of its cores' time that the hypervisor may take from a sample before the row says so.
const STOLEN_NOTED: f64 = 0.005;

/// What a reader has to know before the figures, by its names.
pub(crate) fn facts(record: &Record) -> Vec<(&'static str, Vec<String>)> {
    let machine = &record.machine;
    let governor =
        machine.governor.as_ref().map_or(String::new(), |governor| format!(", governor {governor}"));
    let mut facts = vec![(
        "machine",
        vec![format!(
            "{}, {} cores for this process, {}{governor}",
            machine.processor, machine.cores, machine.kernel
        )],
    )];
    if !machine.mitigations.is_empty() {
        facts.push(("faults", vec![machine.mitigations.join("; ")]));
    }
    facts.push(("placement", vec![placement(record)]));
    facts.push(("date", vec![record.date.clone()]));
    let build: Vec<String> =
        [&record.commit, &record.rustc].into_iter().flatten().map(|text| first_line(text)).collect();
    if !build.is_empty() {
        facts.push(("build", vec![build.join(", ")]));
    }
    facts.push(("method", record.method.clone()));
    let cost = record.clock.cost_ns.map_or(String::new(), |cost| format!(", {cost:.1} ns each"));
    facts.push((
        "clock",
        vec![
            format!(
                "{}, read once per round trip{cost}, not subtracted; \"line\" has no readings",
                record.clock.name
            ),
            "Neighbours on the machine disturb. Only ratios within one run count, and only of rows beside which \
             a bare cache line's round trip (\"line\") is about the same; ! marks others."
                .to_owned(),
        ],
    ));
    facts
}

fn placement(record: &Record) -> String {
    let cores = &record.placement;
    let siblings = if cores.is_siblings { " (two threads of one physical core)" } else { "" };
    match (cores.producer, cores.consumer) {
        (Some(producer), Some(consumer)) => {
            format!("producer on core {producer}, consumer on core {consumer}{siblings}")
        }
        _ => {
            "NOT PINNED: there are no two cores; every wait gives the core away, and no figure says anything \
              about two cores"
                .to_owned()
        }
    }
}

/// The first line, of a text whose lines stand behind each other too.
pub(crate) fn first_line(text: &str) -> String {
    text.split(['\n', ';']).next().unwrap_or_default().to_owned()
}

/// The text in lines of at most `width` characters, broken between words.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.extend([" ", word]);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// What the rows of a case are divided by, and where most of them ran.
pub(crate) fn foot(rows: &[Row]) -> Vec<String> {
    let mut foot = Vec::new();
    if let Some(metric) = summary::compared(rows) {
        let named =
            |what: &str, found: Option<(&Row, f64)>| found.map(|(row, _)| format!("{what}: {}", row.system));
        foot.extend(named("floor", summary::floor(rows, metric)));
        foot.extend(named("best rival", summary::best_rival(rows, metric)));
    }
    let usual = usual_placement(rows);
    let is_all = rows.iter().all(|row| row.placement == usual);
    foot.push(if is_all { usual.to_owned() } else { format!("where nothing else is noted: {usual}") });
    foot
}

/// Where most rows ran.
pub(crate) fn usual_placement(rows: &[Row]) -> &str {
    let count = |placement: &str| rows.iter().filter(|row| row.placement == placement).count();
    rows.iter().map(|row| row.placement.as_str()).rev().max_by_key(|placement| count(placement)).unwrap_or("")
}

/// Between what a row was measured, if not between processes: nothing that a thread can do helps two processes.
pub(crate) fn foreign_party(row: &Row) -> Option<&str> {
    row.placement.split(',').next().filter(|party| !party.is_empty() && *party != "processes")
}

/// What is unusual about a row.
pub(crate) fn notes(row: &Row, usual: &str) -> String {
    let mut notes = Vec::new();
    if row.placement != usual {
        let cores = |placement: &str| placement.split_once(", ").map(|(_, cores)| cores.to_owned());
        let is_party = cores(&row.placement) == cores(usual);
        let party = row.placement.split(',').next().unwrap_or_default();
        notes.push(if is_party { party.to_owned() } else { row.placement.clone() });
    }
    if row.retaken > 0 {
        notes.push(format!("{} retaken", row.retaken));
    }
    if row.stolen > STOLEN_NOTED {
        notes.push(format!("{:.0} % stolen", 100.0 * row.stolen));
    }
    notes.join(", ")
}

/// The rows that failed, and why.
pub(crate) fn failures(record: &Record) -> Vec<String> {
    let failed = record.rows.iter().filter_map(|row| Some((row, row.failed.as_ref()?)));
    failed.map(|(row, reason)| format!("{}: {}: {}: {reason}", row.group, row.system, row.case)).collect()
}

/// How far equal rows differ, group by group, and what disturbed: sentences.
pub(crate) fn noise(record: &Record) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for rows in record.rows.chunk_by(|a, b| a.group == b.group) {
        let group = &rows[0].group;
        lines.push(match record.noise.iter().find(|noise| noise.group == *group) {
            Some(noise) => format!(
                "{group}: of {} pairs of equal rows, the medians differ by at most {:.1} % ({}, {})",
                noise.pairs,
                (noise.factor - 1.0) * 100.0,
                noise.system,
                noise.case
            ),
            None => format!("{group}: no equal rows"),
        });
    }
    let rows = &record.rows;
    let disturbed = rows.iter().filter(|row| row.is_disturbed).count();
    let beside = rows.iter().filter(|row| row.line_ns.is_some()).count();
    let retaken: u32 = rows.iter().map(|row| row.retaken).sum();
    lines.push(format!("line: {disturbed} of {beside} rows disturbed; {retaken} samples were taken again"));
    if let Some(load) = record.load {
        let (others, stolen) = (100.0 * load.others, 100.0 * load.stolen);
        lines.push(format!(
            "cores: other processes used {others:.1} % of them, the hypervisor took {stolen:.1} %"
        ));
    }
    lines
}

/// A target's value, bound and verdict.
pub(crate) fn target(target: &Target) -> [String; 3] {
    let metric = target.metric.as_deref().and_then(Metric::find);
    let show = |value| metric.map_or_else(|| figure::ratio(value), |metric| Human(metric, value).to_string());
    let value = target.value.map_or_else(|| "-".to_owned(), show);
    let bound = format!("{} {}", if target.is_ceiling { "<=" } else { ">=" }, show(target.bound));
    let verdict = match target.is_met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "not measured",
    };
    [value, bound, verdict.to_owned()]
}

/// Bounds as they are printed on paper.
pub(crate) fn signs(text: &str) -> String {
    text.replace("<=", "≤").replace(">=", "≥")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{record, row};

    #[test]
    fn what_differs_is_noted_and_what_is_usual_is_not() {
        let mut row = row("flow", "64 B record", "rtrb", Metric::Rate, &[1.0]);
        assert_eq!(notes(&row, "processes, cores 0, 1"), "");
        (row.placement, row.retaken, row.stolen) = ("threads, cores 0, 1".to_owned(), 2, 0.031);
        assert_eq!(notes(&row, "processes, cores 0, 1"), "threads, 2 retaken, 3 % stolen");
    }

    #[test]
    fn below_a_case_stands_where_all_ran_or_where_those_without_a_note_did() {
        let mut rows =
            ["pipe", "rtrb"].map(|system| row("flow", "64 B record", system, Metric::Rate, &[1.0]));
        assert_eq!(foot(&rows).last().unwrap(), "processes, cores 0, 1");
        rows[1].placement = "threads, cores 0, 1".to_owned();
        assert_eq!(foot(&rows).last().unwrap(), "where nothing else is noted: processes, cores 0, 1");
    }

    #[test]
    fn a_text_is_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable", 3), ["unbreakable"]);
    }

    #[test]
    fn every_group_has_its_noise_or_none() {
        let lines = noise(&record());
        assert!(lines[0].starts_with("latency: of 1 pairs of equal rows"), "{lines:?}");
        assert_eq!(lines[1], "flow: no equal rows");
    }
}
