//! Where the run is, on standard error: one line that is rewritten on a terminal, one line per case elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::plan::case::Case;
use crate::plan::schedule::{Entry, label};

/// The progress of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What all samples are to take, and those before this one.
    planned: Duration,
    passed: Duration,
    start: Instant,
    is_terminal: bool,
    last: Option<Case>,
}

impl Progress {
    /// The start of a run whose samples are to take `planned`.
    pub(crate) fn new(planned: Duration) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { planned, passed: Duration::ZERO, start: Instant::now(), is_terminal, last: None }
    }

    /// The next sample is about to be taken, which is to take `planned`.
    pub(crate) fn step(&mut self, entry: &Entry, round: u32, planned: Duration) {
        let mut output = io::stderr().lock();
        let (percent, left) = self.estimate();
        // A run is not given up because nobody hears how far it is: failed writes are left alone here and below.
        if self.is_terminal {
            let label = label(entry.case, &entry.system);
            _ = write!(output, "\r\x1b[K[{percent:>3} %, {left} left] {label}, round {round}");
            _ = output.flush();
        } else if self.last != Some(entry.case) {
            let (group, title) = (entry.case.group(), entry.case.title());
            _ = writeln!(output, "[{percent:>3} %, {left} left] {group}: {title}");
        }
        self.last = Some(entry.case);
        self.passed += planned;
    }

    /// How many hundredths of the run are over, and what the rest takes at the pace so far.
    fn estimate(&self) -> (u32, String) {
        let share = self.passed.div_duration_f64(self.planned.max(Duration::from_millis(1)));
        let left = self.planned.saturating_sub(self.passed);
        let pace = if share < 0.02 { 1.0 } else { self.start.elapsed().div_duration_f64(self.passed) };
        let seconds = left.mul_f64(pace).as_secs();
        ((100.0 * share) as u32, format!("{}:{:02}", seconds / 60, seconds % 60))
    }

    /// All samples are taken.
    pub(crate) fn end(&self) {
        if self.is_terminal {
            _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
