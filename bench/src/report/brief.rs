//! The cases that matter most in one table, for the front page.

use crate::plan::case::Case;
use crate::plan::metric::Metric;
use crate::report::markdown::{named, table};
use crate::report::record::Record;
use crate::report::summary;

/// The cases, and the figures of each.
fn lines() -> Vec<(Case, Metric)> {
    let at_rate = Case::Open { per_second: 100_000 };
    let mut lines = vec![
        (Case::RoundTrip, Metric::P50),
        (Case::RoundTrip, Metric::P99),
        (at_rate, Metric::P50),
        (at_rate, Metric::P99),
    ];
    for length in [8, 64, 1024] {
        lines.extend([false, true].map(|batched| (Case::Slots { length, batched }, Metric::Rate)));
    }
    lines.extend(
        [64, 1024, 65536, 1 << 20].map(|length| (Case::Records { length, batched: false }, Metric::Rate)),
    );
    lines.extend([false, true].map(|together| (Case::Wakeup { together }, Metric::P50)));
    lines.extend(
        [(false, Metric::Rate), (true, Metric::P99), (true, Metric::Mean), (true, Metric::Max)]
            .map(|(trips, metric)| (Case::Crowd { trips }, metric)),
    );
    lines.push((Case::Death { busy: true }, Metric::P50));
    lines
}

/// The table. A case without rows has its line.
pub(crate) fn of(record: &Record) -> String {
    let lines = lines().into_iter().map(|(case, metric)| {
        let rows = summary::of_case(&record.rows, case.group(), &case.title());
        let manner = if matches!(case, Case::Wakeup { .. }) { ", both sleep" } else { "" };
        let figure = if metric == Metric::Rate { String::new() } else { format!(", {}", metric.name()) };
        let found = [summary::best_own, summary::best_rival, summary::limit]
            .map(|of| named(of(rows, metric), metric));
        [vec![format!("{}{manner}{figure}", case.title())], found.to_vec()].concat()
    });
    table(&["", "Ringway", "best rival", "the bare least"], "llll", &lines.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::record;

    #[test]
    fn each_case_has_its_line_whether_it_was_measured_or_not() {
        let text = of(&record());
        assert_eq!(text.lines().count(), 2 + lines().len());
        let trip =
            "| 64 B round trip, p50 | **80.0 ns** ringway slots | **760 ns** pipe | **70.0 ns** mailbox |";
        assert!(text.contains(trip), "{text}");
        assert!(text.contains("| killed peer, busy, p50 | - | - | - |"), "{text}");
    }

    #[test]
    fn each_figure_is_one_that_its_case_has() {
        assert!(lines().iter().all(|(case, metric)| case.metrics().contains(metric)));
    }
}
