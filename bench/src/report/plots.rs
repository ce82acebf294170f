//! The page's drawings as files of their own, for documents that link to pictures.
//!
//! Each is named by its group, its case and what it shows. It has a light ground of its own, so that it reads on a page of
//! any colour, and the page's colours written out: not every program that draws knows names for them.

use std::io::{self, Write};
use std::path::Path;

use crate::report::charts::{self, Styles};
use crate::report::outputs::{self, slug};
use crate::report::record::Record;
use crate::report::summary;
use crate::report::svg::Drawing;

/// Where the colours are named, those for light ground first.
const COLOURS: &str = include_str!("page.css");

/// The looks of what is drawn, by the names of the colours.
const SHEET: &str = include_str!("drawing.css");

/// What a drawing alone has besides.
const ALONE: &str = "text { font: 12px sans-serif; }\n.ground { fill: var(--card); stroke: var(--rule); }\n\
                     text.title { font-size: 14px; font-weight: 600; }\n";

/// Writes all drawings of a record into a folder, which is made where there is none.
///
/// # Errors
///
/// One cannot be written.
pub(crate) fn write(folder: &Path, record: &Record) -> io::Result<()> {
    outputs::create_folder(folder)?;
    for (name, drawing) in all(record) {
        outputs::create(&folder.join(name))?.write_all(drawing.as_bytes())?;
    }
    Ok(())
}

/// The files: their names, and what is in them.
fn all(record: &Record) -> Vec<(String, String)> {
    let styles = Styles::of(record);
    let sheet = sheet();
    let mut files = Vec::new();
    for rows in record.rows.chunk_by(|a, b| a.group == b.group) {
        let mut drawings: Vec<(&str, String, Drawing)> =
            charts::of_group(rows, &styles).into_iter().map(|(what, drawing)| ("", what, drawing)).collect();
        for rows in summary::cases(rows) {
            let of_case = charts::of_case(rows, &styles).into_iter();
            drawings.extend(of_case.map(|(what, drawing)| (rows[0].case.as_str(), what, drawing)));
        }
        files.extend(drawings.into_iter().map(|(case, what, drawing)| {
            let name = slug(&[&rows[0].group, case, &what].join(" "));
            (format!("{name}.svg"), drawing.alone(&sheet))
        }));
    }
    files
}

/// The looks of a drawing alone, with the colours for light ground.
fn sheet() -> String {
    let light =
        COLOURS.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(light, _)| light);
    let named = light.split(';').filter_map(|line| line.trim().split_once(':'));
    named
        .filter(|(name, _)| name.starts_with("--"))
        .fold(format!("{ALONE}{SHEET}"), |sheet, (name, colour)| {
            sheet.replace(&format!("var({name})"), colour.trim())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::record;

    #[test]
    fn every_drawing_has_a_name_of_its_own_and_needs_nothing_else() {
        let files = all(&record());
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "latency-64-b-round-trip-p50.svg",
                "latency-64-b-round-trip-percentiles.svg",
                "flow-64-b-record-rate.svg"
            ]
        );
        for (_, drawing) in &files {
            assert!(drawing.contains("class=\"ground\"") && drawing.contains(".own { stroke: #d55e00; }"));
            assert!(!drawing.contains("var(") && !drawing.contains("url(") && !drawing.contains("NaN"));
        }
    }
}
