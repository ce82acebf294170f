//! What a process knows: of each word how new a value it must see at least, and of each process how much happened before.
//!
//! A view (Kaiser, Dang, Dreyer, Lahav and Vafeiadis, "Strong Logic for Weak Memory", 2017) names for each word a message
//! of its history; a clock (Fidge, 1988; Mattern, 1989) counts for each process the stretches of it that happened before.
//! Both only grow. Views decide what may be read, clocks whether two accesses to payload race.

use super::digest::{Digest, join, mix, part};

/// The most words of shared memory that one run may touch.
pub const WORDS_MAX: usize = 128;
/// The most processes of one run, restarted ones counted again.
pub const PROCESSES_MAX: usize = 8;

/// For each word the number of a message.
#[derive(Clone)]
pub(crate) struct View {
    messages: [u32; WORDS_MAX],
    /// All words from here on stand at 0.
    len: u16,
    digest: Digest,
}

impl View {
    pub(crate) const EMPTY: Self = Self { messages: [0; WORDS_MAX], len: 0, digest: 0 };

    #[inline(always)]
    pub(crate) fn of(&self, word: usize) -> u32 {
        self.messages[word]
    }

    #[inline(always)]
    pub(crate) fn raise(&mut self, word: usize, message: u32) {
        let old = self.messages[word];
        if message > old {
            let term = |message: u32| if message == 0 { 0 } else { part(word as u64, u64::from(message)) };
            self.digest = self.digest.wrapping_sub(term(old)).wrapping_add(term(message));
            self.messages[word] = message;
            self.len = self.len.max(word as u16 + 1);
        }
    }

    #[inline]
    pub(crate) fn join(&mut self, other: &Self) {
        if self.digest != other.digest {
            for word in 0..usize::from(other.len) {
                if other.messages[word] > self.messages[word] {
                    self.raise(word, other.messages[word]);
                }
            }
        }
    }

    fn clear(&mut self) {
        self.messages[..usize::from(self.len)].fill(0);
        (self.len, self.digest) = (0, 0);
    }
}

/// For each process how many of its stretches happened before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock([u32; PROCESSES_MAX]);

impl Clock {
    pub(crate) const ZERO: Self = Self([0; PROCESSES_MAX]);

    #[inline(always)]
    pub(crate) fn of(&self, process: usize) -> u32 {
        self.0[process]
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, process: usize, stretch: u32) {
        self.0[process] = stretch;
    }

    #[inline(always)]
    fn join(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(other.0) {
            *ours = (*ours).max(theirs);
        }
    }

    /// A process whose last access is in this clock and not in `other`.
    #[inline]
    pub(crate) fn beyond(&self, other: &Self) -> Option<usize> {
        (0..PROCESSES_MAX).find(|&process| self.0[process] > other.0[process])
    }

    #[inline]
    pub(super) fn digest(&self) -> Digest {
        self.0
            .chunks_exact(2)
            .fold(0, |digest, pair| mix(digest, u64::from(pair[0]) << 32 | u64::from(pair[1])))
    }
}

/// What a process, a message or a lock knows.
#[derive(Clone)]
pub(crate) struct Knowledge {
    pub(crate) view: View,
    pub(crate) clock: Clock,
}

impl Knowledge {
    pub(crate) const NONE: Self = Self { view: View::EMPTY, clock: Clock::ZERO };

    #[inline]
    pub(crate) fn join(&mut self, other: &Self) {
        self.view.join(&other.view);
        self.clock.join(&other.clock);
    }

    pub(crate) fn clear(&mut self) {
        self.view.clear();
        self.clock = Clock::ZERO;
    }

    #[inline]
    pub(crate) fn digest(&self) -> Digest {
        join(self.view.digest, self.clock.digest())
    }
}

impl Default for Knowledge {
    fn default() -> Self {
        Self::NONE
    }
}
