//! The rows for a program: one object per figure, in one array.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use crate::plan::metric::Metric;
use crate::plan::schedule::Row;
use crate::report::summary::{line, spread};

/// One figure of one row.
#[derive(Debug, Serialize)]
struct Figure<'a> {
    group: &'static str,
    system: &'a str,
    case: String,
    metric: &'static str,
    unit: &'static str,
    /// Absent, as are the other two, where a check failed.
    median: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    /// The bare line's round trip beside the row's samples, where the case has one: the median of them, and the longest.
    line_ns: Option<f64>,
    line_max_ns: Option<f64>,
    placement: &'a str,
    rounds: usize,
    /// Why there is no figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<&'a str>,
}

/// Makes the file, before anything is measured for it.
///
/// # Errors
///
/// The file cannot be made, by its name.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    File::create(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Writes one object per figure, in an array.
///
/// # Errors
///
/// The file cannot be written.
pub(crate) fn write(file: File, rows: &[Row]) -> io::Result<()> {
    let figures: Vec<Figure<'_>> =
        rows.iter().flat_map(|row| row.case.metrics().iter().map(|&metric| figure(row, metric))).collect();
    let mut file = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut file, &figures)?;
    writeln!(file)?;
    file.flush()
}

fn figure(row: &Row, metric: Metric) -> Figure<'_> {
    let spread = spread(row, metric);
    Figure {
        group: row.case.group(),
        system: &row.system,
        case: row.case.title(),
        metric: metric.name(),
        unit: metric.unit(),
        median: spread.map(|spread| spread.median),
        min: spread.map(|spread| spread.min),
        max: spread.map(|spread| spread.max),
        line_ns: line(row).map(|line| line.median),
        line_max_ns: line(row).map(|line| line.max),
        placement: &row.placement,
        rounds: row.samples.as_ref().map_or(0, Vec::len),
        failed: row.samples.as_ref().err().map(String::as_str),
    }
}
