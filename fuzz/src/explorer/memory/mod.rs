//! The memory that virtual processes share: a history of messages for each word, of which a read may choose an old one.
//!
//! ```text
//!   word        message 0 ── message 1 ── message 2 ── message 3        in modification order
//!                              ▲            ▲            ▲
//!               must see       │            │ may see    │ may see      from what the reader knows on
//!
//!   message     value, and what its writer knew, if it was a release
//! ```
//!
//! The operational model of release, acquire and relaxed accesses and of fences with views (Kaiser and others, "Strong
//! Logic for Weak Memory", 2017; Kang, Hur, Lahav, Vafeiadis and Dreyer, "A Promising Semantics for Relaxed-Memory
//! Concurrency", 2017, without its promises):
//!
//! | step | reads | knows afterwards |
//! |---|---|---|
//! | load | any message not older than known | that one; with Acquire, what its writer knew, too |
//! | store | | its own new message, the newest; with Release the message carries what the writer knows |
//! | change | the newest | both; its message carries on what the one that it replaces carried (release sequence) |
//! | Acquire fence | | what the relaxed loads before it would have learned |
//! | Release fence | | the relaxed stores behind it carry what is known here |
//! | SeqCst fence | | what all earlier ones knew, and they hand it on |
//! | light fence | | what all heavy ones knew that came before |
//! | heavy fence | | as a SeqCst fence, and what each process that joined knew at its last light fence |
//!
//! The light and heavy fence are those of C++ proposal P1202: of a light and a heavy one, one comes before the other; two
//! light ones say nothing of each other. That is weaker than what `membarrier` does on any machine. The order of these three
//! kinds of fences decides what is seen, and makes no payload safe: that takes a message, as in C11.
//!
//! Whoever asks for a `SeqCst` access makes a `SeqCst` fence first, which is one of the ways in which compilers make it, and
//! stronger than C11 asks. Not modelled: loads that see a store of their own future (load buffering), and stores that enter
//! the modification order elsewhere than at its end. Only the newest messages of a word are kept, [`Memory::window`] of
//! them, and an old one is read again [`REREADS_MAX`] times at most while there are newer ones: C11 says that a store is seen
//! in the end, and not when.

mod digest;
mod race;
mod steps;
mod view;

pub(crate) use digest::{Digest, join, mix, part};
pub(crate) use race::{GRANULE, Multiply, Payload, Race};
pub(crate) use view::Knowledge;
pub use view::{PROCESSES_MAX, WORDS_MAX};

use ringway_shm::primitive::Ordering;
use std::collections::VecDeque;

/// Does it learn from what it reads?
pub(crate) fn acquires(order: Ordering) -> bool {
    matches!(order, Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst)
}

/// Does it hand on what it knows?
pub(crate) fn releases(order: Ordering) -> bool {
    matches!(order, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst)
}

/// One value that a word had.
struct Message {
    value: u64,
    /// What whoever acquires it learns.
    carries: Knowledge,
    digest: Digest,
    /// Who wrote it, and at which step of the run.
    by: Option<(u8, u32)>,
}

/// A word of shared memory.
struct Word {
    /// Number of the first message that is kept.
    first: u32,
    messages: VecDeque<Box<Message>>,
    /// Sum over the messages.
    digest: Digest,
    /// Was it touched in this run?
    is_used: bool,
    /// Is it payload at other times?
    is_mixed: bool,
}

impl Word {
    fn newest(&self) -> u32 {
        self.first + self.messages.len() as u32 - 1
    }

    fn at(&self, number: u32) -> &Message {
        &self.messages[(number - self.first) as usize]
    }
}

/// What a process knows, by which of its steps.
#[derive(Default)]
struct Thread {
    now: Knowledge,
    /// What its relaxed loads have met, for an Acquire fence.
    met: Knowledge,
    /// What its relaxed stores carry, since a Release fence.
    hands_on: Knowledge,
    /// What it knew at its last light fence.
    light: Knowledge,
    /// For each word a message, and how often it was read again while there were newer ones. It counts as long as the process
    /// may still see that message.
    rereads: Vec<(u32, u8)>,
    /// Computed when asked for.
    digest: Option<Digest>,
}

/// How often a process may read the same old message of a word while there are newer ones: a store is seen in the end.
const REREADS_MAX: u8 = 2;

impl Thread {
    /// Counts a read of an old message.
    fn reread(&mut self, word: usize, message: u32) {
        if self.rereads.len() <= word {
            self.rereads.resize(word + 1, (0, 0));
        }
        let (known, count) = &mut self.rereads[word];
        // What it had not seen before is no repetition.
        let is_again = message == self.now.view.of(word);
        *count = if *known == message && is_again { *count + 1 } else { u8::from(is_again) };
        *known = message;
    }

    fn compute_digest(&self) -> Digest {
        let parts = [&self.now, &self.met, &self.hands_on, &self.light];
        let known = parts.iter().fold(0, |digest, part| join(digest, part.digest()));
        let counts = (0..self.rereads.len()).map(|word| (word as u64, self.rereads(word)));
        let counts = counts.filter(|&(_, count)| count > 0);
        counts.fold(known, |digest, (word, count)| mix(digest, word << 8 | u64::from(count)))
    }

    /// How often it has read again what is the oldest that it may see of a word.
    fn rereads(&self, word: usize) -> u8 {
        let is_that = |&&(message, _): &&(u32, u8)| message == self.now.view.of(word);
        self.rereads.get(word).filter(is_that).map_or(0, |&(_, count)| count)
    }
}

/// Who wrote the value that was read, and how much newer ones there were.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) value: u64,
    /// Process and step; none of a value from before the run.
    pub(crate) by: Option<(u8, u32)>,
    /// The newest value and who wrote it.
    pub(crate) newest: (u64, Option<(u8, u32)>),
}

/// The memory.
pub(crate) struct Memory {
    words: Vec<Word>,
    /// Those that were touched.
    used: Vec<usize>,
    threads: Vec<Thread>,
    sequential: Knowledge,
    heavy: Knowledge,
    payload: Payload,
    /// Messages of a word that are kept.
    window: usize,
    /// Sum over the words.
    digest: Digest,
    /// Messages of the past, to be used again.
    #[allow(clippy::vec_box)] // because a message is large, and goes back to a word's list.
    spare: Vec<Box<Message>>,
    is_mixed_news: bool,
}

impl Memory {
    pub(crate) fn new(window: usize) -> Self {
        Self {
            words: Vec::new(),
            used: Vec::new(),
            threads: (0..PROCESSES_MAX).map(|_| Thread::default()).collect(),
            sequential: Knowledge::NONE,
            heavy: Knowledge::NONE,
            payload: Payload::default(),
            window: window.max(1),
            digest: 0,
            spare: Vec::new(),
            is_mixed_news: false,
        }
    }

    /// Forgets the run, but not which words there are.
    pub(crate) fn reset(&mut self) {
        for word in self.used.drain(..) {
            let word = &mut self.words[word];
            self.spare.extend(word.messages.drain(..));
            (word.first, word.digest, word.is_used) = (0, 0, false);
        }
        for (number, thread) in self.threads.iter_mut().enumerate() {
            for knowledge in [&mut thread.now, &mut thread.met, &mut thread.hands_on, &mut thread.light] {
                knowledge.clear();
            }
            thread.now.clock.set(number, 1);
            thread.rereads.clear();
            thread.digest = None;
        }
        self.sequential.clear();
        self.heavy.clear();
        self.payload.reset();
        self.digest = 0;
    }

    /// A word that nobody has touched before, in any run.
    pub(crate) fn add_word(&mut self) -> usize {
        let fresh = Word { first: 0, messages: VecDeque::new(), digest: 0, is_used: false, is_mixed: false };
        self.words.push(fresh);
        self.words.len() - 1
    }

    pub(crate) fn is_used(&self, word: usize) -> bool {
        self.words[word].is_used
    }

    /// Takes the value that a word has at the beginning of the run.
    pub(crate) fn begin_word(&mut self, word: usize, value: u64) {
        let message = self.message(value, None);
        let entry = &mut self.words[word];
        debug_assert!(!entry.is_used);
        entry.is_used = true;
        entry.messages.push_back(message);
        self.used.push(word);
    }

    fn message(&mut self, value: u64, by: Option<(u8, u32)>) -> Box<Message> {
        match self.spare.pop() {
            Some(mut message) => {
                message.carries.clear();
                (message.value, message.by, message.digest) = (value, by, 0);
                message
            }
            None => Box::new(Message { value, carries: Knowledge::NONE, digest: 0, by }),
        }
    }

    /// The number of a word's newest message.
    #[inline]
    pub(crate) fn newest(&self, word: usize) -> u32 {
        self.words[word].newest()
    }

    /// In which stretch of its own a process is.
    #[inline]
    pub(crate) fn stretch(&self, process: usize) -> u32 {
        self.threads[process].now.clock.of(process)
    }

    /// How many older values than the newest a process may read, if memory is weak.
    #[inline]
    pub(crate) fn stale(&self, process: usize, word: usize) -> u32 {
        let entry = &self.words[word];
        let thread = &self.threads[process];
        let oldest = thread.now.view.of(word).max(entry.first);
        let is_worn = thread.rereads(word) >= REREADS_MAX;
        entry.newest() - if is_worn { (oldest + 1).min(entry.newest()) } else { oldest }
    }

    /// The value that a process would read.
    #[inline]
    pub(crate) fn peek(&self, word: usize, stale: u32) -> u64 {
        let entry = &self.words[word];
        entry.at(entry.newest() - stale).value
    }

    /// Overwrites a word as if it had always been so: before the run begins, or after it has ended.
    pub(crate) fn overwrite(&mut self, word: usize, value: u64) {
        let entry = &mut self.words[word];
        let newest = entry.messages.back_mut().expect("a word that is used has a message");
        newest.value = value;
    }

    pub(crate) fn set_mixed(&mut self, word: usize) {
        self.is_mixed_news |= !core::mem::replace(&mut self.words[word].is_mixed, true);
    }

    /// Was a word found to be payload, too, since this was asked? Earlier accesses to it left no shadow then.
    pub(crate) fn was_mixed_news(&mut self) -> bool {
        core::mem::take(&mut self.is_mixed_news)
    }

    /// Was this copied to or from, in this run?
    pub(crate) fn is_payload(&self, granule: u64) -> bool {
        self.payload.has(granule)
    }

    /// Digest of all that can be read, and of what one process knows.
    pub(crate) fn digest(&mut self, processes: usize) -> Digest {
        let mut digest = join(self.digest, self.sequential.digest());
        digest = join(digest, self.heavy.digest());
        digest = join(digest, self.payload.digest);
        for thread in &mut self.threads[..processes] {
            let known = thread.digest.unwrap_or_else(|| thread.compute_digest());
            thread.digest = Some(known);
            digest = join(digest, known);
        }
        digest
    }
}
