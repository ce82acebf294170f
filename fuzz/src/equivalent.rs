//! Mutants that survive and may: weaker orderings of which somebody has shown that nobody can tell them apart.
//!
//! An entry names a line by a part of it, not by its number, so that it stays what it is when the file around it changes.

/// A mutant that may survive.
#[derive(Clone, Copy, Debug)]
pub struct Equivalent {
    /// The end of the file's path.
    pub file: &'static str,
    /// A part of the source line.
    pub fragment: &'static str,
    /// The change, as [`Mutant::change`](crate::Mutant::change) says it.
    pub change: &'static str,
    /// Why nobody can tell.
    pub reason: &'static str,
}

/// The list.
pub const EQUIVALENT: &[Equivalent] = &[];

/// Why a mutant may survive, if somebody has shown it.
#[must_use]
pub fn reason(file: &str, source_line: &str, change: &str) -> Option<&'static str> {
    entry(file, source_line, change).map(|entry| entry.reason)
}

pub(crate) fn entry(file: &str, source_line: &str, change: &str) -> Option<&'static Equivalent> {
    let is_it = |entry: &&Equivalent| {
        file.ends_with(entry.file) && source_line.contains(entry.fragment) && change == entry.change
    };
    EQUIVALENT.iter().find(is_it)
}
