//! Where an exploration is, on standard error: one line that is rewritten on a terminal, nothing elsewhere.

use crate::explore::{Explorer, Report};
use std::io::{self, IsTerminal, Write};

/// Has an explorer say how far it is, if somebody looks.
pub(super) fn shown(explorer: Explorer) -> Explorer {
    if io::stderr().is_terminal() { explorer.telling(show) } else { explorer }
}

fn show(report: &Report) {
    let seconds = report.elapsed.as_secs_f64();
    let speed = report.steps as f64 / seconds.max(1e-6) / 1e6;
    let (name, states, runs, steps) = (&report.scenario, report.states, report.runs, report.steps);
    rewrite(&format!(
        "{name:24} {states:>9} states {runs:>10} runs {steps:>12} steps {speed:>6.1} M steps/s {seconds:>6.1} s"
    ));
}

/// Puts a line where the last one was.
pub(super) fn rewrite(line: &str) {
    let mut output = io::stderr().lock();
    if output.is_terminal() {
        // Nothing is given up because nobody hears how far it is.
        // A line that is longer than the terminal is wide is cut (DECAWM off, and on again): a second row would stay.
        _ = output.write_all(format!("\r\x1b[K\x1b[?7l{line}\x1b[?7h").as_bytes());
        _ = output.flush();
    }
}

/// Takes the line away.
pub(super) fn clear() {
    rewrite("");
}
