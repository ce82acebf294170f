//! What one side notes of its calls, in words that survive it.
//!
//! ```text
//!   word 0         entries that are whole, or begun          word 1   shared with the other side: rounds done
//!   entry          began | ended, 0 while it runs | kind << 60 | count << 48 | first number
//! ```

use super::clock::{Clock, Fenced};
use crate::actor::Board;
use ringway_shm::primitive::{AtomicU64, Ordering};

/// What a call did, or was about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers were sent.
    Push = 1,
    /// Numbers were received.
    Pop = 2,
    /// There was nothing.
    Empty = 3,
    /// There was no room.
    Full = 4,
    /// No call: a round begins here.
    Round = 5,
}

/// A call as it stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) count: u64,
    pub(super) first: u64,
    pub(super) began: u64,
    /// None: it was under way when its process was killed.
    pub(super) ended: Option<u64>,
}

const FIRST_AT: u64 = (1 << 48) - 1;
/// Words before the entries.
const HEAD: usize = 16;

/// One side's log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log<'a> {
    words: &'a [AtomicU64],
    clock: Clock,
    fenced: Fenced,
}

/// Words of logs with room for so many entries each.
pub(super) fn words(logs: usize, entries: usize) -> usize {
    logs * (HEAD + 3 * entries)
}

impl<'a> Log<'a> {
    /// The so-manieth of several on a board.
    pub(super) fn new(board: &'a Board, number: usize, entries: usize, clock: Clock, fenced: Fenced) -> Self {
        let one = words(1, entries);
        Self { words: &board[number * one..(number + 1) * one], clock, fenced }
    }

    fn len(self) -> usize {
        // Acquire: whoever reads a log of another has the entries. Pairs with the Release in `begin`.
        self.words[0].load(Ordering::Acquire) as usize
    }

    /// Room for so many entries more?
    pub(super) fn has_room(self, entries: usize) -> bool {
        HEAD + 3 * (self.len() + entries) <= self.words.len()
    }

    /// Notes that a call is about to begin that sends or receives this.
    pub(super) fn begin(self, kind: Kind, count: u64, first: u64) {
        let began = self.clock.before();
        let at = HEAD + 3 * self.len();
        for (ahead, value) in [began, 0, what(kind, count, first)].into_iter().enumerate() {
            self.words[at + ahead].store(value, Ordering::Relaxed);
        }
        // Release: the entry is whole when it counts, and it counts before anything of the call is done.
        self.words[0].store(self.len() as u64 + 1, Ordering::Release);
    }

    /// Notes that it has ended, and what it did.
    pub(super) fn end(self, kind: Kind, count: u64, first: u64) {
        let ended = self.clock.behind(self.fenced);
        let at = HEAD + 3 * (self.len() - 1);
        self.words[at + 2].store(what(kind, count, first), Ordering::Relaxed);
        // Release: an end comes with what it is the end of.
        self.words[at + 1].store(ended, Ordering::Release);
    }

    /// Takes the last entry away: the call did nothing that counts.
    pub(super) fn forget(self) {
        self.words[0].store(self.len() as u64 - 1, Ordering::Release);
    }

    /// Repeats the last entry's moments for numbers that came in the same call.
    pub(super) fn repeat(self, first: u64, count: u64) {
        let at = HEAD + 3 * self.len();
        let word = |at: usize| self.words[at].load(Ordering::Relaxed);
        let (began, ended) = (word(at - 3), word(at - 2));
        for (ahead, value) in [began, ended, what(Kind::Pop, count, first)].into_iter().enumerate() {
            self.words[at + ahead].store(value, Ordering::Relaxed);
        }
        self.words[0].store(self.len() as u64 + 1, Ordering::Release);
    }

    /// A round begins.
    pub(super) fn mark(self, round: u64) {
        self.begin(Kind::Round, 0, round);
        self.end(Kind::Round, 0, round);
    }

    /// Says that this side is done with a round.
    pub(super) fn is_done(self, rounds: u64) {
        // Release: what was done is there for whoever waits for it, with the Acquire in `done`.
        self.words[1].store(rounds, Ordering::Release);
    }

    pub(super) fn done(self) -> u64 {
        self.words[1].load(Ordering::Acquire)
    }

    pub(super) fn entries(self) -> Vec<Entry> {
        let entry = |at: usize| {
            let word = |ahead: usize| self.words[HEAD + 3 * at + ahead].load(Ordering::Acquire);
            let (began, ended, what) = (word(0), word(1), word(2));
            let kind = match what >> 60 {
                1 => Kind::Push,
                2 => Kind::Pop,
                3 => Kind::Empty,
                4 => Kind::Full,
                _ => Kind::Round,
            };
            let ended = Some(ended).filter(|&ended| ended != 0);
            Entry { kind, count: (what >> 48) & 0xfff, first: what & FIRST_AT, began, ended }
        };
        (0..self.len()).map(entry).collect()
    }
}

fn what(kind: Kind, count: u64, first: u64) -> u64 {
    debug_assert!(first <= FIRST_AT && count < 1 << 12);
    (kind as u64) << 60 | count << 48 | first
}
