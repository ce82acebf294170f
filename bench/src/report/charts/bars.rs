//! One figure of all systems of a case, the best on top: bars of what more is better of, dots of times.
//!
//! A bar begins at zero. Times of systems may differ a hundredfold, and are put on a scale of equal ratios, where a bar
//! would say nothing: a dot does. A whisker goes from the least sample to the largest.

use crate::plan::metric::Metric;
use crate::report::charts::{Styles, WIDTH};
use crate::report::figure::{self, Human};
use crate::report::record::{Role, Row};
use crate::report::svg::{Anchor, Drawing, Scale, Svg};
use crate::report::{phrases, summary};

/// The height of a row, of what stands above the rows and below them.
const ROW: f64 = 20.0;
const HEAD: f64 = 26.0;
const FOOT: f64 = 26.0;

/// Where the names end, the bars begin and end, and the figures end.
const NAMES: f64 = 236.0;
const START: f64 = 248.0;
const END: f64 = 740.0;
const FIGURES: [f64; 3] = [840.0, 910.0, WIDTH];

/// From which ratio of the largest to the least times stand on a scale of equal ratios.
const WIDE: f64 = 5.0;

/// A row of the drawing.
struct Bar<'a> {
    row: &'a Row,
    median: f64,
    min: f64,
    max: f64,
}

/// The drawing of a figure, if two systems have it. A system measured again is left out.
pub(crate) fn draw(rows: &[Row], metric: Metric, styles: &Styles<'_>) -> Option<Drawing> {
    let mut bars: Vec<Bar<'_>> = rows.iter().filter_map(|row| bar(row, metric)).collect();
    let sign = if metric.is_gain() { -1.0 } else { 1.0 };
    bars.sort_by(|a, b| (sign * a.median).total_cmp(&(sign * b.median)));
    if bars.len() < 2 {
        return None;
    }
    let bottom = HEAD + ROW * bars.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + FOOT);
    let scale = scale(&bars, metric);
    for tick in scale.0.ticks() {
        let x = scale.0.at(tick);
        svg.line("grid", (x, HEAD), (x, bottom));
        svg.text("faint", (x, bottom + 13.0), Anchor::Middle, &figure::tick(metric, tick));
    }
    let floor = summary::floor(rows, metric).map(|(_, median)| median);
    let rival = summary::best_rival(rows, metric).map(|(_, median)| median);
    for (x, (head, by)) in
        FIGURES.into_iter().zip([(metric.name(), Some(1.0)), ("/floor", floor), ("/rival", rival)])
    {
        svg.text("faint", (x, HEAD - 11.0), Anchor::End, if by.is_some() { head } else { "" });
    }
    if let Some(floor) = floor {
        let x = scale.0.at(floor);
        svg.line("floor", (x, HEAD - 3.0), (x, bottom));
        svg.text("faint", (x, HEAD - 11.0), Anchor::Middle, "floor");
    }
    let first = phrases::foreign_party(bars[0].row);
    let are_mixed = bars.iter().any(|bar| phrases::foreign_party(bar.row) != first);
    for (index, bar) in bars.iter().enumerate() {
        let y = HEAD + ROW * (index as f64 + 0.5);
        let party = phrases::foreign_party(bar.row).filter(|_| are_mixed);
        let party = party.map_or(String::new(), |party| format!(" ({party})"));
        draw_bar(&mut svg, bar, y, scale, &styles.class(bar.row));
        let weight = if bar.row.role == Role::Ringway { "strong" } else { "label" };
        svg.text(weight, (NAMES, y), Anchor::End, &format!("{}{party}", bar.row.system));
        let ratio = |by: Option<f64>| {
            by.and_then(|by| summary::ratio(bar.median, by)).map_or(String::new(), figure::ratio)
        };
        let texts = [Human(metric, bar.median).to_string(), ratio(floor), ratio(rival)];
        for (x, text) in FIGURES.into_iter().zip(texts) {
            svg.text("figure", (x, y), Anchor::End, &text);
        }
    }
    Some(svg.finish(&format!("{}: {}: {}", rows[0].group, rows[0].case, metric.name())))
}

fn bar(row: &Row, metric: Metric) -> Option<Bar<'_>> {
    let figure = row.figure(metric).filter(|_| !row.is_again())?;
    Some(Bar { row, median: figure.median?, min: figure.min?, max: figure.max? })
}

/// The scale, and whether it is one of equal ratios.
fn scale(bars: &[Bar<'_>], metric: Metric) -> (Scale, bool) {
    let most = bars.iter().map(|bar| bar.max).fold(0.0, f64::max);
    let least = bars.iter().map(|bar| bar.min).filter(|&min| min > 0.0).fold(f64::INFINITY, f64::min);
    let is_log = !metric.is_gain() && least.is_finite() && most > WIDE * least;
    let places = (START, END);
    if is_log {
        (Scale::log((least / 1.25, most * 1.1), places), true)
    } else {
        (Scale::linear((0.0, most * 1.02), places), false)
    }
}

fn draw_bar(svg: &mut Svg, bar: &Bar<'_>, y: f64, (scale, is_log): (Scale, bool), class: &str) {
    let [x, least, most] = [bar.median, bar.min, bar.max].map(|value| scale.at(value));
    if is_log {
        svg.line(&format!("stem {class}"), (START, y), (x, y));
        svg.line(&format!("whisker {class}"), (least, y), (most, y));
        svg.dot(&format!("dot {class}"), (x, y), 4.5);
    } else {
        svg.bar(&format!("bar {class}"), (START, y - 6.5), (x - START, 13.0));
        svg.line("range", (least, y), (most, y));
        for end in [least, most] {
            svg.line("range", (end, y - 3.0), (end, y + 3.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::record;

    #[test]
    fn the_best_stands_on_top_and_equal_rows_once() {
        let record = record();
        let rows = summary::of_case(&record.rows, "latency", "64 B round trip");
        let drawing = draw(rows, Metric::P50, &Styles::of(&record)).unwrap().to_string();
        let place = |name: &str| drawing.find(&format!(">{name}<")).unwrap();
        assert!(place("mailbox") < place("ringway slots") && place("ringway slots") < place("pipe"));
        assert!(!drawing.contains("(again)") && !drawing.contains("NaN"));
    }

    #[test]
    fn threads_beside_processes_are_named() {
        let mut record = record();
        record.rows[3].placement = "threads, cores 0, 1".to_owned();
        let drawing = draw(&record.rows[..4], Metric::P50, &Styles::of(&record)).unwrap().to_string();
        assert!(drawing.contains(">pipe (threads)<") && drawing.contains(">mailbox<"), "{drawing}");
    }

    #[test]
    fn one_system_alone_is_not_drawn() {
        let record = record();
        assert!(draw(&record.rows[..1], Metric::P50, &Styles::of(&record)).is_none());
        assert!(draw(&record.rows, Metric::Cpu, &Styles::of(&record)).is_none());
    }
}
