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
    Equivalent {
        file: "sync/src/barrier/party.rs",
        fragment: LAST_LOOK,
        change: "no fence SeqCst",
        reason: LAST_LOOK_REASON,
    },
    Equivalent {
        file: "sync/src/barrier/party.rs",
        fragment: LAST_LOOK,
        change: "fence AcqRel instead of fence SeqCst",
        reason: LAST_LOOK_REASON,
    },
    Equivalent {
        file: "sync/src/lock/mutex.rs",
        fragment: "word.compare_exchange(found, new, Ordering::Acquire, Ordering::Relaxed)?;",
        change: "compare-exchange Relaxed/Relaxed instead of compare-exchange Acquire/Relaxed",
        reason: "the dead holder had taken the lock by Acquire, and all that it knew is learned by `Region::standing`, which found it gone",
    },
    Equivalent {
        file: "ring/src/seat.rs",
        fragment: "word.store(owner.to_bits() | u64::from(deaths) << DEATHS_AT, Ordering::Release);",
        change: "store Relaxed instead of store Release",
        reason: "who takes the seat hands on the row that its owner has, and of the thread that claimed it the fence in \
                 `Participant::claim` does the same; a virtual process has one thread: the Release is for the others of its process",
    },
    Equivalent {
        file: "sync/src/permits.rs",
        fragment: "cell.compare_exchange(0, me.to_bits(), Ordering::AcqRel, Ordering::Relaxed)",
        change: ACQUIRE_ONLY,
        reason: ACQUIRE_ONLY_REASON,
    },
    Equivalent {
        file: "sync/src/permits.rs",
        fragment: "cell.compare_exchange(found, me, Ordering::AcqRel, Ordering::Relaxed)",
        change: ACQUIRE_ONLY,
        reason: ACQUIRE_ONLY_REASON,
    },
];

const ACQUIRE_ONLY: &str = "compare-exchange Acquire/Relaxed instead of compare-exchange AcqRel/Relaxed";
const ACQUIRE_ONLY_REASON: &str = "of the thread that claimed the row the fence in `Participant::claim` does the same, and a virtual \
     process has one thread: the Release is for the others of its process";

/// The fence of a sleeper at a barrier.
const LAST_LOOK: &str = "fence(Ordering::SeqCst); // before the last look";
const LAST_LOOK_REASON: &str = "who is dropped meets the fence behind the arrival, and so does the phase; this one is for who takes a \
     seat at that moment, whose death would else be found at the tick: `mutate barrier-newcomer` shows it, which takes longer";

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
