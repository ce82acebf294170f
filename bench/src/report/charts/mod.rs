//! The drawings of a page: one figure of all systems, percentiles, costs of messages of several lengths.
//!
//! Colours tell who a system is, in every drawing of a page the same: Ringway's have one and differ by dashes, which are
//! dealt out anew in each group; the machine's limits are grey; the rivals take turns with the others of a set that the colour-blind can tell apart (Okabe and Ito,
//! <https://jfly.uni-koeln.de/color/>) and with dashes.

use crate::plan::metric::Metric;
use crate::report::record::{Record, Role, Row};
use crate::report::svg::{Anchor, Drawing, Svg};
use crate::report::{phrases, summary};

mod bars;
mod curves;
mod sizes;

/// The width of all drawings.
const WIDTH: f64 = 980.0;

/// Where a legend begins, beside what it explains.
const LEGEND: f64 = 664.0;

/// The height of a line of a legend, and of one that names systems without a line.
const LINE: f64 = 17.0;
const OTHER: f64 = 14.0;

/// Colours of rivals, and kinds of dashes of any system.
const COLOURS: usize = 5;
const DASHES: usize = 4;

/// The most rivals, and systems of Ringway, in a drawing of lines. The table has all.
const RIVALS: usize = 7;
const OWN: usize = 3;

/// The drawings of a group, if its cases differ by their lengths: what each shows, and the drawing.
pub(crate) fn of_group(rows: &[Row], styles: &Styles<'_>) -> Vec<(String, Drawing)> {
    let sizes = [false, true].map(|is_batched| {
        let name = format!("cost by length, {}", sizes::MANNERS[usize::from(is_batched)]);
        Some((name, sizes::draw(rows, is_batched, styles)?))
    });
    sizes.into_iter().flatten().collect()
}

/// The drawings of a case: what each shows, and the drawing.
pub(crate) fn of_case(rows: &[Row], styles: &Styles<'_>) -> Vec<(String, Drawing)> {
    // Beside the figure that is compared, those that say something else of a system.
    let metrics = summary::compared(rows).into_iter().chain([Metric::Open, Metric::Resident]);
    let bars =
        metrics.filter_map(|metric| Some((metric.name().to_owned(), bars::draw(rows, metric, styles)?)));
    let curves = curves::draw(rows, styles).map(|drawing| ("percentiles".to_owned(), drawing));
    bars.chain(curves).collect()
}

/// How the systems of a record are drawn.
#[derive(Clone, Debug)]
pub(crate) struct Styles<'a> {
    rivals: Vec<&'a str>,
    /// With the group in which they come.
    own: Vec<(&'a str, &'a str)>,
    limits: Vec<&'a str>,
}

impl<'a> Styles<'a> {
    /// Of all systems, in the order in which they come.
    pub(crate) fn of(record: &'a Record) -> Self {
        let of = |roles: &'static [Role]| {
            let rows = record.rows.iter().filter(|row| roles.contains(&row.role) && !row.is_again());
            rows.map(|row| (row.group.as_str(), row.system.as_str()))
        };
        let system = |(_, system)| system;
        Self {
            rivals: without_repetitions(of(&[Role::Rival]).map(system)),
            own: without_repetitions(of(&[Role::Ringway])),
            limits: without_repetitions(of(&[Role::Floor, Role::Limit]).map(system)),
        }
    }

    /// The classes of a system's colour and dashes.
    fn class(&self, row: &Row) -> String {
        let place = |names: &[&str]| names.iter().position(|name| *name == row.system).unwrap_or(0);
        match row.role {
            Role::Ringway => {
                let mut of_group = self.own.iter().filter(|(group, _)| *group == row.group);
                let place = of_group.position(|(_, system)| *system == row.system).unwrap_or(0);
                format!("own dash{}", place % DASHES)
            }
            Role::Floor => "limit dash1".to_owned(),
            Role::Limit => format!("limit dash{}", (place(&self.limits) + 2) % DASHES),
            Role::Rival => {
                let place = place(&self.rivals);
                format!("rival{} dash{}", place % COLOURS, place / COLOURS % DASHES)
            }
        }
    }
}

fn without_repetitions<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut found, item| {
        if !found.contains(&item) {
            found.push(item);
        }
        found
    })
}

/// The rows of which a drawing has a line, of rows that are sorted, the best first; and the names of the others.
fn drawn<'a>(sorted: &[&'a Row]) -> (Vec<&'a Row>, Vec<&'a str>) {
    let mut room = [(Role::Rival, RIVALS), (Role::Ringway, OWN), (Role::Floor, 1), (Role::Limit, 2)];
    let (mut drawn, mut others) = (Vec::new(), Vec::new());
    for &row in sorted {
        match room.iter_mut().find(|(role, left)| *role == row.role && *left > 0) {
            Some((_, left)) => {
                *left -= 1;
                drawn.push(row);
            }
            None => others.push(row.system.as_str()),
        }
    }
    (drawn, others)
}

/// How high a legend is.
fn legend_height(entries: usize, others: &[&str]) -> f64 {
    LINE * (entries as f64 + 1.0) + OTHER * unnamed(others).len() as f64
}

/// Names lines beside a drawing, from `top` down: the class of each, its name, what is said of it.
fn legend(svg: &mut Svg, top: f64, entries: &[(String, String, String)], others: &[&str]) {
    let mut y = top;
    for (class, name, figure) in entries {
        let weight = if class.starts_with("own") { "strong" } else { "label" };
        svg.path(&format!("curve {class}"), &[(LEGEND, y), (LEGEND + 22.0, y)]);
        svg.text(weight, (LEGEND + 29.0, y), Anchor::Start, name);
        svg.text("figure", (WIDTH, y), Anchor::End, figure);
        y += LINE;
    }
    for line in unnamed(others) {
        svg.text("faint", (LEGEND, y + 4.0), Anchor::Start, &line);
        y += OTHER;
    }
}

/// What is said of the systems that have no line.
fn unnamed(others: &[&str]) -> Vec<String> {
    if others.is_empty() {
        return Vec::new();
    }
    phrases::wrapped(&format!("not drawn: {}", others.join(", ")), 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{record, row};

    #[test]
    fn of_many_rivals_the_best_are_drawn_and_the_rest_named() {
        let names: Vec<String> = (0..20).map(|index| format!("rival {index}")).collect();
        let rows: Vec<Row> =
            names.iter().map(|name| row("flow", "64 B record", name, Metric::Rate, &[1.0])).collect();
        let (drawn, others) = drawn(&rows.iter().collect::<Vec<_>>());
        assert_eq!((drawn.len(), others.len()), (RIVALS, 20 - RIVALS));
    }

    #[test]
    fn a_system_looks_the_same_in_every_drawing() {
        let record = record();
        let styles = Styles::of(&record);
        let classes: Vec<String> =
            record.rows.iter().filter(|row| row.system == "pipe").map(|row| styles.class(row)).collect();
        assert_eq!(classes, ["rival0 dash0", "rival0 dash0"]);
    }
}
