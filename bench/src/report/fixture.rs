//! Records for tests: a row of any figure, and a small run.

use crate::plan::metric::Metric;
use crate::report::record::{Clock, Cores, Figure, Load, Machine, Record, Role, Row, SCHEMA};
use crate::report::summary::Spread;
use crate::report::{summary, targets};

/// A row with one figure.
pub(crate) fn row(group: &str, case: &str, system: &str, metric: Metric, samples: &[f64]) -> Row {
    let spread = Spread::of(samples.to_vec());
    let role = match system {
        "copy" | "mailbox" | "futex" => Role::Floor,
        _ if system.starts_with("ringway") => Role::Ringway,
        _ => Role::Rival,
    };
    let figure = Figure {
        metric,
        unit: metric.unit().to_owned(),
        median: spread.map(|spread| spread.median),
        min: spread.map(|spread| spread.min),
        max: spread.map(|spread| spread.max),
        samples: samples.to_vec(),
    };
    Row {
        group: group.to_owned(),
        case: case.to_owned(),
        system: system.to_owned(),
        role,
        length: 64,
        is_batched: false,
        placement: "processes, cores 0, 1".to_owned(),
        rounds: samples.len(),
        retaken: 0,
        stolen: 0.0,
        line_ns: None,
        line_max_ns: None,
        is_disturbed: false,
        figures: vec![figure],
        timed: 0,
        curve: Vec::new(),
        failed: None,
    }
}

/// A run that has these rows.
pub(crate) fn record_of(rows: Vec<Row>) -> Record {
    Record {
        schema: SCHEMA,
        date: "2026-11-26T21:43:14Z".to_owned(),
        command: vec!["ringway-bench".to_owned()],
        commit: None,
        rustc: Some("rustc 1.95.0".to_owned()),
        machine: Machine {
            processor: "Thing 3000".to_owned(),
            cores: 2,
            kernel: "Linux 6.18".to_owned(),
            governor: None,
            mitigations: Vec::new(),
        },
        placement: Cores { producer: Some(0), consumer: Some(1), is_siblings: false },
        method: vec!["the systems in turns".to_owned()],
        clock: Clock { name: "cycle counter".to_owned(), cost_ns: Some(8.0) },
        load: Some(Load { others: 0.01, stolen: 0.0 }),
        noise: summary::noise(&rows),
        targets: targets::of(&rows, |_, _| true),
        rows,
        absent: Vec::new(),
    }
}

/// A small run: a floor, equal rows, a rival with a curve, a row without a figure and one that failed.
pub(crate) fn record() -> Record {
    let trip = |system, samples: &[f64]| row("latency", "64 B round trip", system, Metric::P50, samples);
    let mut pipe = trip("pipe", &[760.0, 751.0, 770.0]);
    pipe.timed = 1000;
    pipe.curve = vec![(0.0, 700.0), (0.5, 760.0), (0.9, 800.0), (0.99, 890.0), (1.0, 31_000.0)];
    let flow = |system, samples: &[f64]| row("flow", "64 B record", system, Metric::Rate, samples);
    let mut failed = flow("rtrb <1>", &[]);
    (failed.figures, failed.failed) = (Vec::new(), Some("message 5 came where 4 was due".to_owned()));
    record_of(vec![
        trip("mailbox", &[70.0, 71.0, 69.0]),
        trip("ringway slots", &[80.0, 79.5, 81.0]),
        trip("ringway slots (again)", &[82.0, 79.0, 81.0]),
        pipe,
        flow("copy", &[4e8, 4.1e8]),
        flow("ringway bytes", &[3e8, 3.1e8]),
        flow("pipe", &[]),
        failed,
    ])
}
