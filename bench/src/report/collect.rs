//! Makes the record of a run: the facts before anything is measured, the rows after.

use std::env;
use std::fs;

use crate::plan::case::Case;
use crate::plan::metric::Metric;
use crate::plan::schedule::{self, LINE_MAX, Schedule};
use crate::report::record::{Absent, Clock, Cores, Figure, Load, Machine, Record, Role, Row, SCHEMA};
use crate::report::summary::{self, Spread};
use crate::report::{date, targets};
use crate::stage;
use crate::stage::place::Placement;
use crate::stage::sample::Sample;
use crate::stage::times::Times;
use crate::systems;

/// Points of a curve for each tenth part of what is left: enough for a smooth line.
const POINTS: u32 = 8;

/// A record without rows. `machine` was read before this process was pinned, and has fewer cores since.
pub(crate) fn facts(
    machine: stage::place::Machine,
    placement: Placement,
    clock: &stage::clock::Clock,
    schedule: Schedule,
) -> Record {
    Record {
        schema: SCHEMA,
        date: date::now(),
        command: env::args().collect(),
        commit: option_env!("RINGWAY_BENCH_COMMIT").map(str::to_owned),
        rustc: option_env!("RINGWAY_BENCH_RUSTC").map(str::to_owned),
        machine: described(machine),
        placement: Cores {
            producer: placement.producer(),
            consumer: placement.consumer(),
            is_siblings: placement.is_siblings(),
        },
        method: method(schedule),
        clock: Clock { name: clock.name().to_owned(), cost_ns: finite(clock.cost_ns) },
        load: None,
        rows: Vec::new(),
        absent: systems::absent()
            .into_iter()
            .map(|systems::Absent { name, reason }| Absent { name: name.to_owned(), reason })
            .collect(),
        noise: Vec::new(),
        targets: Vec::new(),
    }
}

/// The record with what was measured. `load` is what shares of the cores other processes and the hypervisor took.
pub(crate) fn complete(facts: Record, measured: &[schedule::Row], load: Option<(f64, f64)>) -> Record {
    let lines = measured.iter().filter_map(line);
    let best_line_ns = lines.map(|line| line.min).fold(f64::INFINITY, f64::min);
    let limits: Vec<String> = systems::floor::systems().into_iter().map(|system| system.name).collect();
    let rows: Vec<Row> = measured.iter().map(|measured| row(measured, best_line_ns, &limits)).collect();
    Record {
        load: load.map(|(others, stolen)| Load { others, stolen }),
        noise: summary::noise(&rows),
        targets: targets::of(&rows, systems::take_part),
        rows,
        ..facts
    }
}

fn row(measured: &schedule::Row, best_line_ns: f64, limits: &[String]) -> Row {
    let schedule::Row { case, system, placement, samples, retaken } = measured;
    let shape = case.shape();
    let line = line(measured);
    let (samples, failed) = match samples {
        Ok(samples) if samples.is_empty() => (&[][..], Some("no sample".to_owned())),
        Ok(samples) => (&samples[..], None),
        Err(reason) => (&[][..], Some(reason.clone())),
    };
    let times = times(samples);
    let metrics = case.metrics().iter().filter(|_| failed.is_none());
    Row {
        group: case.group().to_owned(),
        case: case.title(),
        system: system.clone(),
        role: role(*case, system, limits),
        length: shape.length,
        is_batched: shape.batched,
        placement: placement.clone(),
        rounds: samples.len(),
        retaken: *retaken,
        stolen: samples.iter().map(|sample| sample.stolen).fold(0.0, f64::max),
        line_ns: line.map(|line| line.median),
        line_max_ns: line.map(|line| line.max),
        is_disturbed: line.is_some_and(|line| line.max > LINE_MAX * best_line_ns),
        figures: metrics.map(|&metric| figure(samples, times.as_ref(), metric)).collect(),
        timed: times.as_ref().map_or(0, |times| times.ticks.len()),
        curve: times.as_ref().map(curve).unwrap_or_default(),
        failed,
    }
}

fn role(case: Case, system: &str, limits: &[String]) -> Role {
    match system {
        _ if case.floor() == Some(system) => Role::Floor,
        // Nor are the machine's limits rivals of each other.
        _ if matches!(case, Case::Limit(_)) || limits.iter().any(|limit| limit == system) => Role::Limit,
        _ if system.starts_with("ringway") => Role::Ringway,
        _ => Role::Rival,
    }
}

/// The figure of all samples; of a percentile that none of them tells alone, that of all their times together.
fn figure(samples: &[Sample], all: Option<&Times>, metric: Metric) -> Figure {
    let figures = samples.iter().flat_map(|sample| &sample.figures);
    let of_metric = figures.filter(|(name, value)| *name == metric && value.is_finite());
    let samples: Vec<f64> = of_metric.map(|&(_, value)| rounded(value)).collect();
    let together = || {
        let quantile = metric.quantile()?;
        let told = all.filter(|times| times.tells(quantile))?.at(quantile);
        Spread::of(vec![rounded(told)])
    };
    let spread = Spread::of(samples.clone()).or_else(together);
    Figure {
        metric,
        unit: metric.unit().to_owned(),
        median: spread.map(|spread| spread.median),
        min: spread.map(|spread| spread.min),
        max: spread.map(|spread| spread.max),
        samples,
    }
}

/// The bare line's round trips beside a row, one per sample, where the case has them.
fn line(row: &schedule::Row) -> Option<Spread> {
    let samples = row.samples.as_ref().ok()?;
    let lines = samples.iter().filter_map(|sample| sample.line_ns).filter(|line| line.is_finite());
    Spread::of(lines.map(rounded).collect())
}

/// What all samples timed one by one.
pub(crate) fn times(samples: &[Sample]) -> Option<Times> {
    let mut times = samples.iter().filter_map(|sample| sample.times.as_ref());
    let mut all = times.next()?.clone();
    times.for_each(|others| all.add(others));
    Some(all)
}

/// Quantiles of all times, as far as there are as many times as it takes to tell them, and the longest.
fn curve(times: &Times) -> Vec<(f64, f64)> {
    let told = |quantile: &f64| times.tells(*quantile);
    let longest = times.ticks.max() as f64 * times.ns_per_tick;
    let points = quantiles().into_iter().filter(told).map(|quantile| (quantile, times.at(quantile)));
    let points = points.chain([(1.0, longest)]).filter(|(_, ns)| ns.is_finite());
    points.map(|(quantile, ns)| (quantile, rounded(ns))).collect()
}

/// The tenths up to a half, then ever closer to all.
fn quantiles() -> Vec<f64> {
    let tenths = (0..10).map(|tenth| f64::from(tenth) / 10.0);
    let closer = (1..=5 * POINTS).map(|point| 1.0 - 10f64.powf(-f64::from(point) / f64::from(POINTS)));
    // As users write them, where a power of ten yields nearly that: 0.99 and not 0.9900000000000001.
    let mut quantiles: Vec<f64> =
        tenths.chain(closer).map(|quantile| (quantile * 1e9).round() / 1e9).collect();
    quantiles.sort_by(f64::total_cmp);
    quantiles.dedup();
    quantiles
}

fn described(known: stage::place::Machine) -> Machine {
    let trimmed = |text: String| text.trim().to_owned();
    Machine {
        processor: known.processor,
        cores: known.cores,
        kernel: known.kernel,
        governor: fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
            .ok()
            .map(trimmed),
        mitigations: mitigations(),
    }
}

/// What the kernel does against faults that the processor has.
fn mitigations() -> Vec<String> {
    let files = fs::read_dir("/sys/devices/system/cpu/vulnerabilities").into_iter().flatten().flatten();
    let fault = |file: fs::DirEntry| {
        let text = fs::read_to_string(file.path()).ok()?;
        let name = file.file_name().into_string().ok()?;
        (text.trim() != "Not affected").then(|| format!("{name}: {}", text.trim()))
    };
    let mut faults: Vec<String> = files.filter_map(fault).collect();
    faults.sort();
    faults
}

fn method(schedule: Schedule) -> Vec<String> {
    let rounds = |case| schedule.rounds(case);
    let (latency, flow) = (rounds(Case::RoundTrip), rounds(Case::Records { length: 64, batched: false }));
    vec![
        format!(
            "round trips and flows: {} and {} rounds of {} and {} ms a row; the systems in turns",
            latency.rounds,
            flow.rounds,
            latency.lengths.timed.as_millis(),
            flow.lengths.timed.as_millis()
        ),
        "every message is verified; a disturbed sample is taken again".to_owned(),
    ]
}

/// The value to six digits: more than any sample has.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::case::Limit;
    use crate::systems::AGAIN;

    #[test]
    fn a_curve_has_no_quantile_that_too_few_times_tell() {
        let curve = curve(&Times::new(1..=1000, 1.0));
        assert_eq!(curve.first().map(|point| point.0), Some(0.0));
        assert_eq!(curve.last(), Some(&(1.0, 1000.0)));
        let quantiles: Vec<f64> = curve.iter().map(|point| point.0).collect();
        assert!(quantiles.contains(&0.5) && quantiles.contains(&0.99) && quantiles.contains(&0.999));
        assert!(!quantiles.contains(&0.9999) && quantiles.is_sorted());
    }

    #[test]
    fn a_row_is_disturbed_when_its_line_was_slow_once() {
        let case = Case::Slots { length: 8, batched: false };
        let sample = |line| Sample { line_ns: Some(line), ..Sample::of(vec![(Metric::Rate, 1.0)]) };
        let measured = |lines: [f64; 2]| schedule::Row {
            case,
            system: "a".to_owned(),
            placement: String::new(),
            samples: Ok(lines.map(sample).to_vec()),
            retaken: 0,
        };
        let rows = [[40.0, 45.0], [45.0, 400.0]].map(|lines| row(&measured(lines), 40.0, &[]));
        assert_eq!(rows.map(|row| row.is_disturbed), [false, true]);
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let sample = |rate| Sample::of(vec![(Metric::Rate, rate)]);
        let figure = figure(&[sample(f64::NAN), sample(3.0), sample(f64::INFINITY)], None, Metric::Rate);
        assert_eq!((figure.samples, figure.median), (vec![3.0], Some(3.0)));
    }

    #[test]
    fn what_the_machine_can_do_is_no_rival_of_the_rest_that_it_can() {
        let roles = ["load", "eventfd"].map(|system| role(Case::Limit(Limit::Alone), system, &[]));
        assert_eq!(roles, [Role::Limit; 2]);
    }

    #[test]
    fn a_limit_measured_again_is_no_rival() {
        let again = format!("copy{AGAIN}");
        let case = Case::Records { length: 64, batched: false };
        let limits = ["copy".to_owned(), again.clone()];
        let roles = ["copy", &again, "ringway bytes", "pipe"].map(|system| role(case, system, &limits));
        assert_eq!(roles, [Role::Floor, Role::Limit, Role::Ringway, Role::Rival]);
    }
}
