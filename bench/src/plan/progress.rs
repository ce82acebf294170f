//! Where the run is, on standard error: one line that is rewritten on a terminal, one line per case elsewhere.

use std::io::{self, IsTerminal, Write};

use crate::plan::case::Case;
use crate::plan::schedule::{Entry, label};

/// The progress of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u32,
    taken: u32,
    is_terminal: bool,
    last: Option<Case>,
}

impl Progress {
    /// The start of a run of `total` samples.
    pub(crate) fn new(total: u32) -> Self {
        Self { total, taken: 0, is_terminal: io::stderr().is_terminal(), last: None }
    }

    /// The next sample is about to be taken.
    pub(crate) fn step(&mut self, entry: &Entry, round: u32) {
        let mut output = io::stderr().lock();
        // A run is not given up because nobody hears how far it is: failed writes are left alone here and below.
        if self.is_terminal {
            let label = label(entry.case, &entry.system);
            _ = write!(output, "\r\x1b[K[{:>3}/{}] {label}, round {round}", self.taken + 1, self.total);
            _ = output.flush();
        } else if self.last != Some(entry.case) {
            _ = writeln!(
                output,
                "[{:>3}/{}] {}: {}",
                self.taken + 1,
                self.total,
                entry.case.group(),
                entry.case.title()
            );
        }
        self.last = Some(entry.case);
        self.taken += 1;
    }

    /// All samples are taken.
    pub(crate) fn end(&self) {
        if self.is_terminal {
            _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
