//! What a message costs by its length: nanoseconds of each, and bytes a second, both on scales of equal ratios.

use crate::plan::metric::Metric;
use crate::report::charts::{Styles, WIDTH, drawn, legend, legend_height};
use crate::report::figure::{self, Human};
use crate::report::record::{Role, Row};
use crate::report::svg::{Anchor, Drawing, Scale, Svg};

const HEIGHT: f64 = 270.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = HEIGHT - 40.0;

/// Where each of the two parts begins and ends.
const PARTS: [(f64, f64); 2] = [(60.0, 310.0), (396.0, 646.0)];

/// What the lines of one message a call are called, and those of many.
pub(crate) const MANNERS: [&str; 2] = ["one at a time", "batched"];

/// A system's lengths with the rates of each.
type Line<'a> = (&'a Row, Vec<(f64, f64)>);

/// The drawing of the rows of a group, those that pass on one message a call or many; if some system has several lengths.
pub(crate) fn draw(rows: &[Row], is_batched: bool, styles: &Styles<'_>) -> Option<Drawing> {
    let lines = lines(rows, is_batched);
    let longest = |line: &Line<'_>| line.1.last().map_or(0.0, |&(length, rate)| length * rate);
    let mut sorted: Vec<&Line<'_>> = lines.iter().filter(|(_, points)| is_sweep(points)).collect();
    sorted.sort_by(|a, b| longest(b).total_cmp(&longest(a)));
    let (shown, others) = drawn(&sorted.iter().map(|line| line.0).collect::<Vec<_>>());
    let shown: Vec<&Line<'_>> =
        sorted.into_iter().filter(|line| shown.iter().any(|row| row.system == line.0.system)).collect();
    if shown.is_empty() {
        return None;
    }
    let mut svg = Svg::new(WIDTH, HEIGHT.max(TOP + legend_height(shown.len(), &others)));
    draw_part(&mut svg, &shown, PARTS[0], Metric::Cost, "a message takes", styles, |_, rate| 1e9 / rate);
    draw_part(&mut svg, &shown, PARTS[1], Metric::Bandwidth, "bytes a second", styles, |length, rate| {
        length * rate
    });
    let entries: Vec<(String, String, String)> = shown
        .iter()
        .map(|line| {
            let bandwidth = Human(Metric::Bandwidth, longest(line)).to_string();
            (styles.class(line.0), line.0.system.clone(), bandwidth)
        })
        .collect();
    legend(&mut svg, TOP + 6.0, &entries, &others);
    let manner = MANNERS[usize::from(is_batched)];
    Some(svg.finish(&format!("{}: cost by length, {manner}", rows[0].group)))
}

/// The systems that have rates, with the lengths they have them of, the shortest first.
fn lines(rows: &[Row], is_batched: bool) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for row in rows.iter().filter(|row| row.is_batched == is_batched && !row.is_again()) {
        let Some(rate) = row.median(Metric::Rate).filter(|&rate| rate > 0.0) else { continue };
        let point = (row.length as f64, rate);
        match lines.iter_mut().find(|(first, _)| first.system == row.system) {
            Some((_, points)) => points.push(point),
            None => lines.push((row, vec![point])),
        }
    }
    for (_, points) in &mut lines {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines
}

/// Whether the cases of a group differ by their lengths, and not by something else.
fn is_sweep(points: &[(f64, f64)]) -> bool {
    points.len() > 1 && points.windows(2).all(|pair| pair[0].0 < pair[1].0)
}

fn draw_part(
    svg: &mut Svg,
    shown: &[&Line<'_>],
    places: (f64, f64),
    metric: Metric,
    title: &str,
    styles: &Styles<'_>,
    value: fn(f64, f64) -> f64,
) {
    let points = || shown.iter().flat_map(|(_, points)| points.iter().copied());
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, 0.0), |(least, most), value| {
            (f64::min(least, value), f64::max(most, value))
        })
    };
    let lengths = bounds(&mut points().map(|(length, _)| length));
    let values = bounds(&mut points().map(|(length, rate)| value(length, rate)));
    let (start, end) = places;
    let x = Scale::log(lengths, (start + 6.0, end - 6.0));
    let y = Scale::log((values.0 / 1.2, values.1 * 1.2), (BOTTOM, TOP));
    svg.text("strong", (start, TOP - 14.0), Anchor::Start, title);
    for tick in y.ticks() {
        svg.line("grid", (start, y.at(tick)), (end, y.at(tick)));
        svg.text("faint", (start - 7.0, y.at(tick)), Anchor::End, &figure::tick(metric, tick));
    }
    let mut marks: Vec<f64> = points().map(|(length, _)| length).collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    for length in marks {
        svg.line("grid", (x.at(length), TOP), (x.at(length), BOTTOM));
        let label = figure::tick(Metric::Resident, length);
        svg.text("faint", (x.at(length), BOTTOM + 14.0), Anchor::Middle, &label);
    }
    svg.text("faint", (f64::midpoint(start, end), BOTTOM + 31.0), Anchor::Middle, "length of a message");
    // The best over the others, and Ringway's over all.
    let mut order: Vec<&&Line<'_>> = shown.iter().rev().collect();
    order.sort_by_key(|(row, _)| row.role == Role::Ringway);
    for (row, points) in order {
        let class = styles.class(row);
        let places: Vec<(f64, f64)> =
            points.iter().map(|&(length, rate)| (x.at(length), y.at(value(length, rate)))).collect();
        svg.path(&format!("curve {class}"), &places);
        for &place in &places {
            svg.dot(&format!("dot {class}"), place, 2.6);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{record_of, row};

    #[test]
    fn a_line_goes_through_the_lengths_in_their_order() {
        let rate = |length: usize, rate: f64| {
            let mut row = row("flow", &format!("{length} B record"), "pipe", Metric::Rate, &[rate]);
            row.length = length;
            row
        };
        let record = record_of(vec![rate(1024, 5e6), rate(64, 6e6)]);
        assert_eq!(lines(&record.rows, false)[0].1, [(64.0, 6e6), (1024.0, 5e6)]);
        let drawing = draw(&record.rows, false, &Styles::of(&record)).unwrap().to_string();
        assert!(drawing.contains("1 KiB") && drawing.contains("5.12 GB/s"));
        assert!(draw(&record.rows, true, &Styles::of(&record)).is_none());
        assert!(draw(&record.rows[..1], false, &Styles::of(&record)).is_none());
    }

    #[test]
    fn cases_of_one_length_are_no_line() {
        let rate = |case: &str| row("mpmc", case, "pipe", Metric::Rate, &[1e6]);
        let record = record_of(vec![rate("1 to 1, 8 B"), rate("2 to 2, 8 B")]);
        assert!(draw(&record.rows, false, &Styles::of(&record)).is_none());
    }
}
