//! How far the work is, on standard error: one line that is rewritten on a terminal, nothing elsewhere.

use std::io::{self, IsTerminal, Write};

/// Puts a line where the last one was.
pub(crate) fn rewrite(line: &str) {
    let mut output = io::stderr().lock();
    if output.is_terminal() {
        // Nothing is given up because nobody hears how far it is.
        // A line that is longer than the terminal is wide is cut (DECAWM off, and on again): a second row would stay.
        _ = output.write_all(format!("\r\x1b[K\x1b[?7l{line}\x1b[?7h").as_bytes());
        _ = output.flush();
    }
}

/// Takes the line away.
pub(crate) fn clear() {
    rewrite("");
}
