//! The steps: what a process reads, writes, and knows afterwards.

use super::digest::Digest;
use super::view::Knowledge;
use super::{Memory, Message, Race, Read, Thread, acquires, join, part, releases};
use ringway_shm::primitive::Ordering;

impl Memory {
    #[inline]
    pub(crate) fn load(&mut self, process: usize, word: usize, stale: u32, order: Ordering) -> Read {
        let entry = &self.words[word];
        let newest = entry.newest();
        let number = newest - stale;
        let message = entry.at(number);
        let thread = &mut self.threads[process];
        thread.digest = None;
        if number < newest {
            thread.reread(word, number);
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
        let message = self.message(value, Some((process as u8, step)));
        self.publish(process, word, message, order);
    }

    /// Makes a message the newest of a word; it hands on what its writer does, beside what it carries already.
    #[inline]
    fn publish(&mut self, process: usize, word: usize, mut message: Box<Message>, order: Ordering) {
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

    /// Somebody who is no party writes over payload: whether that races is nobody's matter.
    pub(crate) fn scribble_payload(&mut self, granule: u64, content: u64) {
        self.payload.overwrite(granule, content);
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
        // The release sequence goes on.
        message.carries.join(&entry.at(entry.newest()).carries);
        self.publish(process, word, message, order);
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
            // An order of fences is no message: it says what is seen, and not that payload is safe.
            thread.now.view.join(&self.sequential.view);
            self.sequential.view.join(&thread.now.view);
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
            thread.now.view.join(&self.heavy.view);
            let Thread { now, light, .. } = thread;
            light.join(now);
            self.end_stretch(process);
        }
    }

    pub(crate) fn heavy_fence(&mut self, process: usize, joined: impl Iterator<Item = usize>) {
        self.fence(process, Ordering::SeqCst);
        let mut now = core::mem::take(&mut self.threads[process].now);
        for other in joined.filter(|&other| other != process) {
            now.view.join(&self.threads[other].light.view);
        }
        self.heavy.view.join(&now.view);
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
}
