//! What makes figures of two runs say little about each other: different machines, builds and disturbances.

use crate::plan::metric::Metric;
use crate::report::figure::Human;
use crate::report::phrases;
use crate::report::record::Record;
use crate::report::summary::Spread;

/// How many times the one run's line may take what the other's took before a reader is warned.
const LINE: f64 = 1.2;

/// The share of the cores' time that others may take from a run before a reader is warned.
const LOAD: f64 = 0.02;

/// What makes figures of the two runs say little about each other.
pub(crate) fn of(earlier: &Record, later: &Record) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut differ = |what: &str, a: String, b: String| {
        if a != b {
            warnings.push(format!("{what} differs: {a} and {b}"));
        }
    };
    let (a, b) = (&earlier.machine, &later.machine);
    differ("the processor", a.processor.clone(), b.processor.clone());
    differ("the number of cores", a.cores.to_string(), b.cores.to_string());
    differ("the kernel", a.kernel.clone(), b.kernel.clone());
    let governor = |governor: &Option<String>| governor.clone().unwrap_or_else(|| "unknown".to_owned());
    differ("the governor", governor(&a.governor), governor(&b.governor));
    differ("what is done against the processor's faults", a.mitigations.join("; "), b.mitigations.join("; "));
    let cores = |record: &Record| match (record.placement.producer, record.placement.consumer) {
        (Some(producer), Some(consumer)) => {
            let siblings = if record.placement.is_siblings { " of one physical core" } else { "" };
            format!("{producer}, {consumer}{siblings}")
        }
        _ => "not pinned".to_owned(),
    };
    differ("the placement", cores(earlier), cores(later));
    differ("the method", earlier.method.join("; "), later.method.join("; "));
    differ("the clock", earlier.clock.name.clone(), later.clock.name.clone());
    let compiler =
        |record: &Record| record.rustc.as_deref().map_or_else(|| "unknown".to_owned(), phrases::first_line);
    differ("the compiler", compiler(earlier), compiler(later));
    for (which, record) in [("first", earlier), ("second", later)] {
        if let Some(load) = record.load.filter(|load| load.others + load.stolen > LOAD) {
            let (others, stolen) = (100.0 * load.others, 100.0 * load.stolen);
            warnings.push(format!(
                "in the {which} run other processes used {others:.0} % of the cores, the hypervisor took {stolen:.0} %"
            ));
        }
    }
    if let Some((a, b)) = line(earlier).zip(line(later))
        && (a / b).max(b / a) > LINE
    {
        warnings.push(format!(
            "the bare line took {} and {}: the cores were not equally near",
            Human(Metric::P50, a),
            Human(Metric::P50, b)
        ));
    }
    warnings
}

/// The line's usual round trip in a run.
fn line(record: &Record) -> Option<f64> {
    let lines = record.rows.iter().filter_map(|row| row.line_ns).filter(|&line| line > 0.0);
    Spread::of(lines.collect()).map(|spread| spread.median)
}
