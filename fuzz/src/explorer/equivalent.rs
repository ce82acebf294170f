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
pub const EQUIVALENT: &[Equivalent] = &[
    Equivalent {
        file: "sync/src/eventcount.rs",
        fragment: UNFENCED,
        change: "no fence SeqCst",
        reason: UNFENCED_REASON,
    },
    Equivalent {
        file: "sync/src/eventcount.rs",
        fragment: UNFENCED,
        change: "fence AcqRel instead of fence SeqCst",
        reason: UNFENCED_REASON,
    },
];

/// The second fence of a sleeper whose heavy fence was refused. The line before it says so.
const UNFENCED: &str = "fence(Ordering::SeqCst); // for this sleep alone";
const UNFENCED_REASON: &str = "as long as a sleeper does not know that its ringer fences, its sleeps end by a slice of a millisecond: \
     without this fence a ring may be missed for that long, and no longer";

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
