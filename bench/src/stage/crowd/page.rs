//! The page of a crowd: the director's orders, a place for each party's answers, and what the parties share besides.
//!
//! ```text
//!   go, over      number of the last run that began, that is over     (the director writes these)
//!   stop          not zero once somebody gave up                      (all)
//!   ended         ends of queues that were received in a run          (consumers)
//!   drained       not zero once those were all ends of a run          (consumers)
//!   pair          two words that are equal to whoever holds the lock  (whoever holds the lock)
//!   phases        what each party of a barrier has come to            (that party)
//!   places        what each party has done                            (that party)
//!   late          how long each round trip of a pair took, in ticks   (the pair's caller)
//! ```

use std::mem::offset_of;

use crate::memory::shared::{Line, Words};
use crate::stage::wait::{Deadline, Halt};
use ringway_shm::primitive::{AtomicU32, AtomicU64, Ordering};

/// Parties of a crowd at most.
pub(super) const PARTIES_MAX: usize = 8;

/// Pairs of parties at most.
pub(crate) const PAIRS: usize = PARTIES_MAX / 2;

/// Runs of a sample: the first warms up.
pub(super) const RUNS: usize = 2;

/// Round trips of a pair in a run of which the times are kept, at most: the last ones.
pub(super) const TIMES_MAX: usize = 1 << 18;

/// What is shared.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Page {
    orders: Orders,
    stop: Line,
    ended: [Line; RUNS],
    drained: [Line; RUNS],
    pair: Pair,
    pub(super) phases: [Line; 2],
    places: [Place; PARTIES_MAX],
    pub(super) late: [[AtomicU32; TIMES_MAX]; PAIRS],
}

#[repr(C, align(128))]
#[derive(Debug)]
struct Orders {
    /// Number of the last run that began, from 1. Written by the director only.
    go: AtomicU64,
    /// Number of the last run that is over; at most `go`. Written by the director only.
    over: AtomicU64,
    /// Whether the processor's counter is the clock. Written by the director before the first run.
    has_counter: AtomicU64,
}

/// Two words that are equal to whoever holds the lock.
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct Pair {
    first: AtomicU64,
    second: AtomicU64,
}

/// A party's answers.
#[repr(C, align(128))]
#[derive(Debug)]
struct Place {
    /// Number of the last run that the party is ready for. Written by the party only.
    ready: AtomicU64,
    /// Number of the last run that it has done; at most `ready`. Written by the party only, after what follows.
    done: AtomicU64,
    start: AtomicU64,
    end: AtomicU64,
    count: AtomicU64,
    sum: AtomicU64,
    squares: AtomicU64,
}

const _: () = assert!(offset_of!(Page, stop) == 0x080);
const _: () = assert!(size_of::<Place>() == 0x080);

#[allow(unsafe_code)] // because the contract of `Words` is a promise that the compiler cannot check.
// SAFETY: all fields are atomic words, or arrays and structures of such.
unsafe impl Words for Page {}

/// How much a party has done in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many things.
    pub count: u64,
    /// The sum of the messages among them, wrapping.
    pub sum: u64,
    /// The sum of their squares, wrapping. The messages' sum alone would not tell the two around one from that one twice.
    pub squares: u64,
}

impl Tally {
    /// One message more.
    #[inline(always)]
    pub(crate) fn add(&mut self, message: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(message);
        self.squares = self.squares.wrapping_add(message.wrapping_mul(message));
    }

    /// What several parties have done together.
    pub(crate) fn total(tallies: &[Self]) -> Self {
        tallies.iter().fold(Self::default(), |all, one| Self {
            count: all.count + one.count,
            sum: all.sum.wrapping_add(one.sum),
            squares: all.squares.wrapping_add(one.squares),
        })
    }
}

impl Pair {
    /// Adds one to both, and says whether they were equal. Only for whoever holds the lock.
    #[inline(always)]
    pub(crate) fn step(&self) -> bool {
        // Relaxed: plain words, which the lock protects; nothing but the lock makes these steps whole.
        let (first, second) = (self.first.load(Ordering::Relaxed), self.second.load(Ordering::Relaxed));
        self.first.store(first.wrapping_add(1), Ordering::Relaxed);
        self.second.store(second.wrapping_add(1), Ordering::Relaxed);
        first == second
    }

    /// Both, once nobody takes steps any more.
    pub(crate) fn read(&self) -> (u64, u64) {
        // Relaxed: ordered by the Acquire of `done`.
        (self.first.load(Ordering::Relaxed), self.second.load(Ordering::Relaxed))
    }
}

impl Page {
    /// The stop word.
    pub(super) fn stop_word(&self) -> &AtomicU64 {
        &self.stop.word
    }

    /// Says that somebody gave up.
    pub(super) fn stop(&self) {
        for line in [&self.stop].into_iter().chain(&self.drained) {
            // Relaxed: nothing is read on the strength of the word.
            line.word.store(1, Ordering::Relaxed);
        }
    }

    /// The words that the holder of a lock steps.
    pub(crate) fn pair(&self) -> &Pair {
        &self.pair
    }

    /// The clock of all parties.
    pub(super) fn has_counter(&self) -> bool {
        // Relaxed: ordered by the Acquire of `go`.
        self.orders.has_counter.load(Ordering::Relaxed) != 0
    }

    /// Director: what the clock is.
    pub(super) fn set_clock(&self, has_counter: bool) {
        // Relaxed: published by `go`.
        self.orders.has_counter.store(u64::from(has_counter), Ordering::Relaxed);
    }

    /// Director: lets all parties go, who are at the barrier.
    pub(super) fn start(&self, run: usize) {
        // Relaxed: published by `go`.
        self.pair.first.store(0, Ordering::Relaxed);
        self.pair.second.store(0, Ordering::Relaxed);
        // Release: publishes the above. Pairs with the Acquire in `await_start`.
        self.orders.go.store(run as u64, Ordering::Release);
    }

    /// Director: ends the run.
    pub(super) fn end(&self, run: usize) {
        // Relaxed: the parties end at some moment after this one; nothing is read on the strength of it.
        self.orders.over.store(run as u64, Ordering::Relaxed);
    }

    /// Whether the run is over.
    #[inline(always)]
    pub(super) fn is_over(&self, run: usize) -> bool {
        // Relaxed: see `end`.
        self.orders.over.load(Ordering::Relaxed) >= run as u64
    }

    /// Director: waits until the first `parties` are ready for a run.
    pub(super) fn await_ready(
        &self,
        parties: usize,
        run: usize,
        deadline: &Deadline<'_>,
    ) -> Result<(), Halt> {
        await_all(self.places[..parties].iter().map(|place| &place.ready), run, deadline)
    }

    /// Director: waits until the first `parties` have done a run.
    pub(super) fn await_done(&self, parties: usize, run: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        await_all(self.places[..parties].iter().map(|place| &place.done), run, deadline)
    }

    /// Party: says that it is ready, and waits until the run begins.
    pub(super) fn await_start(&self, index: usize, run: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        // Release: whatever was prepared is there. Pairs with the Acquire in `await_all`.
        self.places[index].ready.store(run as u64, Ordering::Release);
        let mut wait = deadline.wait();
        // Acquire: pairs with the Release in `start`.
        while self.orders.go.load(Ordering::Acquire) < run as u64 {
            wait.poll()?;
        }
        Ok(())
    }

    /// Party: says what it has done in the ticks from `start` to `end`.
    pub(super) fn tell_done(&self, index: usize, run: usize, start: u64, end: u64, tally: Tally) {
        let place = &self.places[index];
        // Relaxed: published by `done`.
        place.start.store(start, Ordering::Relaxed);
        place.end.store(end, Ordering::Relaxed);
        place.count.store(tally.count, Ordering::Relaxed);
        place.sum.store(tally.sum, Ordering::Relaxed);
        place.squares.store(tally.squares, Ordering::Relaxed);
        // Release: publishes the above. Pairs with the Acquire in `await_all`.
        place.done.store(run as u64, Ordering::Release);
    }

    /// Director: what each of the first `parties` has done, and how many ticks that took from the first start to the last
    /// end.
    pub(super) fn tallies(&self, parties: usize) -> (Vec<Tally>, u64) {
        let places = &self.places[..parties];
        // Relaxed: ordered by the Acquire of `done`.
        let read = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let tally = |place: &Place| Tally {
            count: read(&place.count),
            sum: read(&place.sum),
            squares: read(&place.squares),
        };
        let start = places.iter().map(|place| read(&place.start)).min().unwrap_or(0);
        let end = places.iter().map(|place| read(&place.end)).max().unwrap_or(0);
        (places.iter().map(tally).collect(), end.saturating_sub(start).max(1))
    }

    /// Consumer: says that it has received the ends of `count` producers' messages, of `producers` in this run.
    pub(super) fn tell_ended(&self, run: usize, count: u64, producers: u64) {
        // Relaxed: each consumer answers for its own messages; that they are all there is judged once all are done.
        let earlier = self.ended[run - 1].word.fetch_add(count, Ordering::Relaxed);
        if earlier + count >= producers {
            self.drained[run - 1].word.store(1, Ordering::Relaxed);
        }
    }

    /// The word that is not zero once no message of the run will come any more.
    pub(super) fn drained_word(&self, run: usize) -> &AtomicU64 {
        &self.drained[run - 1].word
    }

    /// The first `count` times of a pair, or as many as there is room for.
    pub(crate) fn times(&self, pair: usize, count: u64) -> impl Iterator<Item = u32> {
        let kept = usize::try_from(count).unwrap_or(TIMES_MAX).min(TIMES_MAX);
        // Relaxed: ordered by the Acquire of `done`.
        self.late[pair][..kept].iter().map(|ticks| ticks.load(Ordering::Relaxed))
    }
}

/// Waits until all of the words are at `run`, without using the core meanwhile.
fn await_all<'a>(
    words: impl Iterator<Item = &'a AtomicU64>,
    run: usize,
    deadline: &Deadline<'_>,
) -> Result<(), Halt> {
    for word in words {
        // Acquire: pairs with the Release in `await_start` and `tell_done`.
        while word.load(Ordering::Acquire) < run as u64 {
            deadline.nap()?;
        }
    }
    Ok(())
}
