//! The distributions for the tools of HdrHistogram (<https://github.com/HdrHistogram/HdrHistogram>), in nanoseconds.
//!
//! For each row that has things timed one by one there are two files, named by its group, case and system: `.hgrm`, the
//! percentiles of all rounds together, which the plotter of that project reads, and `.hlog`, an interval log of
//! version 2 with one interval for each round. An interval's time is the sum of what was timed in it: when it was taken
//! is not known.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

use crate::plan::schedule::Row;
use crate::report::collect;
use crate::report::outputs::slug;
use crate::stage::sample::Sample;
use crate::stage::times::Times;

/// Lines for each halving of what is left, as the tools have them by themselves.
const STEPS: u32 = 5;

/// Writes both files of each row that has times.
///
/// # Errors
///
/// One cannot be written, by its name.
pub(crate) fn write(folder: &Path, rows: &[Row]) -> io::Result<()> {
    for row in rows {
        let samples = row.samples.as_deref().unwrap_or_default();
        let Some(times) = collect::times(samples) else { continue };
        let stem = [row.case.group(), &row.case.title(), &row.system].map(slug).join("-");
        write_file(&folder.join(format!("{stem}.hgrm")), percentiles(&nanoseconds(&times)).as_bytes())?;
        write_file(&folder.join(format!("{stem}.hlog")), &intervals(samples)?)?;
    }
    Ok(())
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    fs::File::create(path).and_then(|mut file| file.write_all(bytes)).map_err(named)
}

/// The times in whole nanoseconds.
fn nanoseconds(times: &Times) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed"));
    histogram.auto(true);
    for step in times.ticks.iter_recorded() {
        let ns = (step.value_iterated_to() as f64 * times.ns_per_tick).round() as u64;
        // It grows to whatever comes, so that nothing is refused.
        _ = histogram.record_n(ns, step.count_at_value());
    }
    histogram
}

/// The percentiles as `outputPercentileDistribution` of the Java library prints them.
fn percentiles(histogram: &Histogram<u64>) -> String {
    let mut text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n".to_owned();
    let mut total = 0;
    for step in histogram.iter_quantiles(STEPS) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64, step.quantile_iterated_to());
        let line = if quantile < 1.0 {
            format!("{value:12.3} {quantile:2.12} {total:10} {:14.2}\n", 1.0 / (1.0 - quantile))
        } else {
            format!("{value:12.3} {quantile:2.12} {total:10}\n")
        };
        text.push_str(&line);
    }
    let (mean, deviation) = (histogram.mean(), histogram.stdev());
    text.push_str(&format!("#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]\n"));
    let (max, count) = (histogram.max() as f64, histogram.len());
    text.push_str(&format!("#[Max     = {max:12.3}, Total count    = {count:12}]\n"));
    let buckets = histogram.buckets();
    text.push_str(&format!("#[Buckets = {buckets:12}, SubBuckets     = {:12}]\n", 2048));
    text
}

/// The interval log.
fn intervals(samples: &[Sample]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Compressed, since the readers in Java know no other.
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("in nanoseconds; one interval for each round, as long as what was timed in it");
    let mut log = builder.begin_log_with(&mut bytes, &mut serializer)?;
    let mut start = Duration::ZERO;
    for times in samples.iter().filter_map(|sample| sample.times.as_ref()) {
        let histogram = nanoseconds(times);
        let length = Duration::from_nanos((histogram.mean() * histogram.len() as f64) as u64);
        log.write_histogram(&histogram, start, length, None)
            .map_err(|error| io::Error::other(format!("an interval log: {error:?}")))?;
        start += length;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::plan::case::Case;

    #[test]
    fn names_of_files_are_slugs() {
        assert_eq!(slug("64 B round trip, apart"), "64-b-round-trip-apart");
        assert_eq!(slug("ringway slots (again)"), "ringway-slots-again");
    }

    #[test]
    fn percentiles_are_read_as_they_were_written() {
        let histogram = nanoseconds(&Times::new(1..=1000, 0.5));
        let text = percentiles(&histogram);
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect())
            .collect();
        let half = rows.iter().find(|row| row[1] == 0.5).unwrap();
        assert!((249.0..=251.0).contains(&half[0]) && half[3] == 2.0, "{half:?}");
        assert_eq!(rows.last().unwrap()[..], [500.0, 1.0, 1000.0]);
        assert!(rows.is_sorted_by(|a, b| a[0] <= b[0] && a[2] <= b[2]));
        assert!(text.contains("Total count    =         1000"), "{text}");
    }

    #[test]
    fn an_interval_log_has_each_round() {
        let sample = |from| Sample::timed(Case::RoundTrip, Times::new(from..from + 100, 2.0));
        let bytes = intervals(&[sample(1), sample(1001)]).unwrap();
        let mut read = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            let LogEntry::Interval(interval) = entry.unwrap() else { continue };
            let encoded = base64_of(interval.encoded_histogram());
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &encoded[..]).unwrap();
            read.push((histogram.len(), histogram.min()));
        }
        assert_eq!(read, [(100, 2), (100, 2002)]);
    }

    /// The bytes that a text in base 64 stands for.
    fn base64_of(text: &str) -> Vec<u8> {
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
        for digit in text.bytes().filter_map(|byte| digits.iter().position(|digit| *digit == byte)) {
            (bits, count) = (bits << 6 | digit as u32, count + 6);
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
            }
        }
        bytes
    }
}
