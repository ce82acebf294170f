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
//! light ones say nothing of each other. That is weaker than what `membarrier` does on any machine.
//!
//! Whoever asks for a `SeqCst` access makes a `SeqCst` fence first, which is one of the ways in which compilers make it, and
//! stronger than C11 asks. Not modelled: loads that see a store of their own future (load buffering), and stores that enter
//! the modification order elsewhere than at its end. Only the newest messages of a word are kept, [`Memory::window`] of
//! them, and an old one is read again [`REREADS_MAX`] times at most while there are newer ones: C11 says that a store is seen
//! in the end, and not when.

mod digest;
mod race;
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
    /// How often it has read a message again of which there were newer ones, for each word.
    rereads: Vec<u8>,
    /// Computed when asked for.
    digest: Option<Digest>,
}

/// How often a process may read the same old message of a word while there are newer ones: a store is seen in the end.
const REREADS_MAX: u8 = 2;

impl Thread {
    /// Counts a read of an old message.
    fn reread(&mut self, word: usize, is_new_to_it: bool) {
        if self.rereads.len() <= word {
            self.rereads.resize(word + 1, 0);
        }
        self.rereads[word] = if is_new_to_it { 0 } else { self.rereads[word] + 1 };
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
        let is_worn = thread.rereads.get(word).is_some_and(|&count| count >= REREADS_MAX);
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

    #[inline]
    pub(crate) fn load(&mut self, process: usize, word: usize, stale: u32, order: Ordering) -> Read {
        let entry = &self.words[word];
        let newest = entry.newest();
        let number = newest - stale;
        let message = entry.at(number);
        let thread = &mut self.threads[process];
        thread.digest = None;
        if number < newest || thread.rereads.get(word).is_some_and(|&count| count > 0) {
            thread.reread(word, number == newest || number > thread.now.view.of(word));
        }
        thread.now.view.raise(word, number);
        if acquires(order) {
            thread.now.join(&message.carries);
        } else {
            thread.met.join(&message.carries);
        }
        let latest = entry.at(newest);
        Read { value: message.value, by: message.by, newest: (latest.value, latest.by) }
    }

    #[inline]
    pub(crate) fn store(&mut self, process: usize, word: usize, value: u64, order: Ordering, step: u32) {
        let mut message = self.message(value, Some((process as u8, step)));
        let number = self.words[word].newest() + 1;
        let thread = &mut self.threads[process];
        thread.digest = None;
        thread.now.view.raise(word, number);
        message.carries.join(if releases(order) { &thread.now } else { &thread.hands_on });
        message.carries.view.raise(word, number);
        self.push(word, message);
        if releases(order) {
            self.end_stretch(process);
        }
    }

    /// Somebody who is no party stores to a word.
    pub(crate) fn scribble(&mut self, word: usize, value: u64, step: u32) {
        let mut message = self.message(value, Some((u8::MAX, step)));
        message.carries.view.raise(word, self.words[word].newest() + 1);
        self.push(word, message);
    }

    /// Replaces the newest value by another, in one step. Returns what it was.
    #[inline]
    pub(crate) fn change(
        &mut self,
        process: usize,
        word: usize,
        value: u64,
        order: Ordering,
        step: u32,
    ) -> Read {
        let read_order = if acquires(order) { Ordering::Acquire } else { Ordering::Relaxed };
        let read = self.load(process, word, 0, read_order);
        let mut message = self.message(value, Some((process as u8, step)));
        let entry = &self.words[word];
        let number = entry.newest() + 1;
        // The release sequence goes on.
        message.carries.join(&entry.at(number - 1).carries);
        let thread = &mut self.threads[process];
        thread.now.view.raise(word, number);
        message.carries.join(if releases(order) { &thread.now } else { &thread.hands_on });
        message.carries.view.raise(word, number);
        self.push(word, message);
        if releases(order) {
            self.end_stretch(process);
        }
        read
    }

    fn push(&mut self, word: usize, mut message: Box<Message>) {
        let entry = &mut self.words[word];
        let number = entry.newest() + 1;
        message.digest = join(part(u64::from(number), message.value), message.carries.digest());
        // The word's own number goes into its term, so that equal histories of two words do not look alike.
        let keyed = |digest: Digest| join(part(word as u64, 0), digest);
        let mut change = keyed(message.digest);
        entry.messages.push_back(message);
        if entry.messages.len() > self.window {
            let old = entry.messages.pop_front().expect("more than the window");
            entry.first += 1;
            if old.digest != 0 {
                change = change.wrapping_sub(keyed(old.digest));
            }
            self.spare.push(old);
        }
        entry.digest = entry.digest.wrapping_add(change);
        self.digest = self.digest.wrapping_add(change);
    }

    /// What comes next is another stretch: who learns of what was, does not learn of it.
    fn end_stretch(&mut self, process: usize) {
        let clock = &mut self.threads[process].now.clock;
        clock.set(process, clock.of(process) + 1);
    }

    pub(crate) fn fence(&mut self, process: usize, order: Ordering) {
        let thread = &mut self.threads[process];
        thread.digest = None;
        if acquires(order) {
            let Thread { now, met, .. } = thread;
            now.join(met);
        }
        if order == Ordering::SeqCst {
            thread.now.join(&self.sequential);
            self.sequential.join(&thread.now);
        }
        if releases(order) {
            let Thread { now, hands_on, .. } = thread;
            hands_on.join(now);
            self.end_stretch(process);
        }
    }

    pub(crate) fn light_fence(&mut self, process: usize, has_joined: bool) {
        let thread = &mut self.threads[process];
        if has_joined {
            thread.digest = None;
            thread.now.join(&self.heavy);
            let Thread { now, light, .. } = thread;
            light.join(now);
            self.end_stretch(process);
        }
    }

    pub(crate) fn heavy_fence(&mut self, process: usize, joined: impl Iterator<Item = usize>) {
        self.fence(process, Ordering::SeqCst);
        let mut now = core::mem::take(&mut self.threads[process].now);
        for other in joined.filter(|&other| other != process) {
            now.join(&self.threads[other].light);
        }
        self.heavy.join(&now);
        self.threads[process].now = now;
        self.fence(process, Ordering::SeqCst);
    }

    /// A process hands on what it knows by something that is no word: a lock, its own death, a file.
    pub(crate) fn tell(&mut self, process: usize, to: &mut Knowledge) {
        to.join(&self.threads[process].now);
        self.threads[process].digest = None;
        self.end_stretch(process);
    }

    pub(crate) fn learn(&mut self, process: usize, from: &Knowledge) {
        self.threads[process].digest = None;
        self.threads[process].now.join(from);
    }

    /// A process is gone for good: what it knew is nobody's matter any more.
    pub(crate) fn forget(&mut self, process: usize) {
        let thread = &mut self.threads[process];
        let stretch = thread.now.clock.of(process);
        for knowledge in [&mut thread.now, &mut thread.met, &mut thread.hands_on, &mut thread.light] {
            knowledge.clear();
        }
        thread.now.clock.set(process, stretch);
        thread.digest = None;
    }

    /// The kernel reads a word for a process: the newest, which the process has seen then.
    pub(crate) fn look(&mut self, process: usize, word: usize) -> u64 {
        self.load(process, word, 0, Ordering::Relaxed).value
    }

    /// Payload is copied in or out; of what is written, with what stands there afterwards.
    pub(crate) fn touch(&mut self, process: usize, granule: u64, writes: Option<u64>) -> Result<(), Race> {
        self.payload.touch(granule, process, &self.threads[process].now.clock, writes)
    }

    /// A word is accessed where payload was, or will be.
    pub(crate) fn touch_word(
        &mut self,
        process: usize,
        word: usize,
        granule: u64,
        writes: bool,
    ) -> Result<(), Race> {
        if !self.words[word].is_mixed {
            return Ok(());
        }
        self.payload.touch_atomically(granule, process, &self.threads[process].now.clock, writes)
    }

    pub(crate) fn set_mixed(&mut self, word: usize) {
        self.words[word].is_mixed = true;
    }

    /// Digest of all that can be read, and of what one process knows.
    pub(crate) fn digest(&mut self, processes: usize) -> Digest {
        let mut digest = join(self.digest, self.sequential.digest());
        digest = join(digest, self.heavy.digest());
        digest = join(digest, self.payload.digest);
        for thread in &mut self.threads[..processes] {
            let known = *thread.digest.get_or_insert_with(|| {
                let parts = [&thread.now, &thread.met, &thread.hands_on, &thread.light];
                parts.iter().fold(0, |digest, part| join(digest, part.digest()))
            });
            digest = join(digest, known);
        }
        digest
    }
}
