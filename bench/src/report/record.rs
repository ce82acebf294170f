//! A run as one record: what was measured, on what and how, and what came of it.
//!
//! Whatever is shown (the table, the page, a comparison) is made of this alone, and so can be made of a file as well. Values
//! are in the units of their metrics ([`Metric::unit`]). A value that is no number is left out, so that a file has none.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Serializer, Value};

use crate::plan::metric::Metric;
use crate::report::lines::Lines;
use crate::systems::AGAIN;

/// The version of what follows. A file of another one is refused.
pub(crate) const SCHEMA: u64 = 1;

/// A run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// [`SCHEMA`].
    pub schema: u64,
    /// When it began: `2026-11-26T21:43:14Z`.
    pub date: String,
    /// The command line.
    pub command: Vec<String>,
    /// The commit it was built of, and what `rustc -vV` said, where the build knew.
    pub commit: Option<String>,
    pub rustc: Option<String>,
    pub machine: Machine,
    pub placement: Cores,
    /// How long and how often it was measured: sentences.
    pub method: Vec<String>,
    pub clock: Clock,
    /// What shares of the cores others took meanwhile, where the kernel told.
    pub load: Option<Load>,
    /// Case by case, in the order of the report.
    pub rows: Vec<Row>,
    pub absent: Vec<Absent>,
    pub noise: Vec<Noise>,
    pub targets: Vec<Target>,
}

/// The machine, as far as it bears on the figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub processor: String,
    /// How many cores the run could use.
    pub cores: usize,
    pub kernel: String,
    /// What chooses the processor's frequency, and what the kernel does against its faults, where it says so.
    pub governor: Option<String>,
    pub mitigations: Vec<String>,
}

/// The cores of the two parties, where they were pinned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cores {
    pub producer: Option<usize>,
    pub consumer: Option<usize>,
    /// Whether they are two threads of one physical core.
    pub is_siblings: bool,
}

/// What timed the round trips, and what a reading of it costs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Clock {
    pub name: String,
    pub cost_ns: Option<f64>,
}

/// Shares of the time of the parties' cores.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Of other processes.
    pub others: f64,
    /// Of other machines on the same hardware.
    pub stolen: f64,
}

/// One system in one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub group: String,
    pub case: String,
    pub system: String,
    pub role: Role,
    /// Bytes of a message, and whether many are passed on in one call.
    pub length: usize,
    pub is_batched: bool,
    pub placement: String,
    /// How many samples there are, how many more were disturbed and taken again, and the largest share of its cores' time
    /// that the hypervisor took from one of them.
    pub rounds: usize,
    pub retaken: u32,
    pub stolen: f64,
    /// The bare line's round trip beside the samples, where the case has one: the median of them, and the longest.
    pub line_ns: Option<f64>,
    pub line_max_ns: Option<f64>,
    pub is_disturbed: bool,
    /// The one that is compared first.
    pub figures: Vec<Figure>,
    /// How many things were timed one by one, and how long they took: quantiles, and the nanoseconds at each.
    pub timed: u64,
    pub curve: Vec<(f64, f64)>,
    /// Why there are no figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// The floor of its case: what the others are divided by.
    Floor,
    /// Another of the machine's limits.
    Limit,
    Ringway,
    Rival,
}

/// One figure of a row: of its samples, in the order in which they were taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    #[serde(with = "by_name")]
    pub metric: Metric,
    /// For readers of the file: the metric says it as well.
    pub unit: String,
    pub median: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub samples: Vec<f64>,
}

/// A system that was not measured, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Absent {
    pub name: String,
    pub reason: String,
}

/// How far the medians of equal rows of a group differ: the larger by the smaller, at most, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Noise {
    pub group: String,
    pub pairs: usize,
    pub factor: f64,
    pub system: String,
    pub case: String,
}

/// What Ringway is meant to reach, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub name: String,
    /// Absent where a row is missing.
    pub value: Option<f64>,
    pub bound: f64,
    /// Whether the value has to be at most the bound, not at least.
    pub is_ceiling: bool,
    /// The figure that is bounded; absent for a ratio.
    pub metric: Option<String>,
    pub is_met: Option<bool>,
}

impl Row {
    /// A figure, if it was measured.
    pub(crate) fn figure(&self, metric: Metric) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.metric == metric)
    }

    /// The median of a figure.
    pub(crate) fn median(&self, metric: Metric) -> Option<f64> {
        self.figure(metric)?.median
    }

    /// Whether it is the second row of its system.
    pub(crate) fn is_again(&self) -> bool {
        self.system.ends_with(AGAIN)
    }
}

/// Writes a record.
///
/// # Errors
///
/// The file cannot be written.
pub(crate) fn write(file: impl Write, record: &Record) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    record.serialize(&mut Serializer::with_formatter(&mut file, Lines::default()))?;
    writeln!(file)?;
    file.flush()
}

/// Reads a record.
///
/// # Errors
///
/// The file cannot be read, or is no record, or one of another version; by its name.
pub(crate) fn read(path: &Path) -> io::Result<Record> {
    let named = |what: String| io::Error::other(format!("{}: {what}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    parse(&text).map_err(|reason| named(format!("not a record of ringway-bench: {reason}")))
}

/// Reads a record of its text, or says why it is none.
pub(crate) fn parse(text: &str) -> Result<Record, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match value.get("schema").and_then(Value::as_u64) {
        Some(SCHEMA) => serde_json::from_value(value).map_err(|error| error.to_string()),
        Some(other) => Err(format!("its schema is {other}, and this program reads {SCHEMA}")),
        None => Err("it has no schema number".to_owned()),
    }
}

/// A metric as its name.
mod by_name {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::plan::metric::Metric;

    #[allow(clippy::trivially_copy_pass_by_ref)] // because serde passes every field so.
    pub(super) fn serialize<S: Serializer>(metric: &Metric, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(metric.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metric, D::Error> {
        let name = String::deserialize(deserializer)?;
        Metric::find(&name).ok_or_else(|| D::Error::custom(format_args!("no figure is called `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = fixture::record();
        let mut file = Vec::new();
        write(&mut file, &record).unwrap();
        let read = parse(std::str::from_utf8(&file).unwrap()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{record:?}"));
    }

    #[test]
    fn what_is_no_record_is_said_to_be_none() {
        assert!(parse("[]").unwrap_err().contains("no schema"));
        assert!(parse("{\"schema\": 99}").unwrap_err().contains("its schema is 99"));
        assert!(parse("{\"schema\": 1}").unwrap_err().contains("missing field"));
        assert!(parse("{").is_err());
    }
}
