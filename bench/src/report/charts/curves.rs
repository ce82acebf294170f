//! How long the slowest took: percentiles of the systems of a case, as HdrHistogram's plotter draws them.
//!
//! Along the lower axis each power of ten is a tenth of what was left: 90 %, 99 %, 99.9 %. The last point is the longest
//! of all, and stands where one of as many would.

use crate::plan::metric::Metric;
use crate::report::charts::{Styles, WIDTH, drawn, legend, legend_height};
use crate::report::figure::{self, Human};
use crate::report::record::{Role, Row};
use crate::report::svg::{Anchor, Drawing, Scale, Svg};

const HEIGHT: f64 = 330.0;
const START: f64 = 62.0;
const END: f64 = 640.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = HEIGHT - 40.0;

/// The drawing, if some row has a curve.
pub(crate) fn draw(rows: &[Row], styles: &Styles<'_>) -> Option<Drawing> {
    let mut sorted: Vec<&Row> = rows.iter().filter(|row| row.curve.len() > 1 && !row.is_again()).collect();
    sorted.sort_by(|a, b| middle(a).total_cmp(&middle(b)));
    let (mut shown, others) = drawn(&sorted);
    let all = shown.iter().flat_map(|row| points(row));
    let (most_left, least, most) = all.fold((1.0, f64::INFINITY, 0.0), |(left, least, most), (x, ns)| {
        (f64::max(left, x), f64::min(least, ns), f64::max(most, ns))
    });
    if !least.is_finite() {
        return None;
    }
    let x = Scale::log((1.0, most_left * 1.05), (START, END));
    let y = Scale::log((least / 1.15, most * 1.15), (BOTTOM, TOP));
    let mut svg = Svg::new(WIDTH, HEIGHT.max(TOP + legend_height(shown.len(), &others)));
    axes(&mut svg, x, y, most_left);
    // The slowest first: in the legend it stands as high as its line, and Ringway's lines lie over the others.
    shown.reverse();
    let mut order = shown.clone();
    order.sort_by_key(|row| row.role == Role::Ringway);
    for row in order {
        let line: Vec<(f64, f64)> = points(row).map(|(left, ns)| (x.at(left), y.at(ns))).collect();
        svg.path(&format!("curve {}", styles.class(row)), &line);
    }
    let entries = shown
        .iter()
        .map(|row| (styles.class(row), row.system.clone(), Human(Metric::P50, middle(row)).to_string()));
    legend(&mut svg, TOP + 8.0, &entries.collect::<Vec<_>>(), &others);
    Some(svg.finish(&format!("{}: {}: percentiles", rows[0].group, rows[0].case)))
}

/// The points of a row: one in how many takes longer, and how long.
fn points(row: &Row) -> impl Iterator<Item = (f64, f64)> {
    let last = row.timed.max(1) as f64;
    let above_zero = row.curve.iter().filter(|(_, ns)| *ns > 0.0);
    above_zero.map(move |&(quantile, ns)| ((1.0 / (1.0 - quantile)).min(last), ns))
}

/// The median: of the rounds, as the table has it, or of all that was timed.
fn middle(row: &Row) -> f64 {
    let of_all = || row.curve.iter().find(|(quantile, _)| *quantile >= 0.5).map(|&(_, ns)| ns);
    row.median(Metric::P50).or_else(of_all).unwrap_or(f64::INFINITY)
}

fn axes(svg: &mut Svg, x: Scale, y: Scale, most_left: f64) {
    for tick in y.ticks() {
        svg.line("grid", (START, y.at(tick)), (END, y.at(tick)));
        svg.text("faint", (START - 8.0, y.at(tick)), Anchor::End, &figure::tick(Metric::P50, tick));
    }
    let labels = ["least", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"];
    let places = [1.0, 2.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6];
    for (label, place) in labels.into_iter().zip(places).filter(|(_, place)| *place <= most_left) {
        svg.line("grid", (x.at(place), TOP), (x.at(place), BOTTOM));
        svg.text("faint", (x.at(place), BOTTOM + 14.0), Anchor::Middle, label);
    }
    svg.text(
        "faint",
        (f64::midpoint(START, END), BOTTOM + 31.0),
        Anchor::Middle,
        "share that took no longer",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::record;

    #[test]
    fn a_curve_ends_with_the_longest_of_as_many_as_there_were() {
        let record = record();
        let pipe = record.rows.iter().find(|row| row.timed > 0).unwrap();
        assert_eq!(points(pipe).last(), Some((1000.0, 31_000.0)));
        let drawing = draw(&record.rows[..4], &Styles::of(&record)).unwrap().to_string();
        assert!(drawing.contains("99.9 %") && !drawing.contains("99.99 %") && !drawing.contains("inf"));
    }

    #[test]
    fn rows_without_curves_are_no_drawing() {
        let record = record();
        assert!(draw(&record.rows[..2], &Styles::of(&record)).is_none());
    }
}
