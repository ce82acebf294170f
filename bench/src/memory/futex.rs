//! Sleeping on a word in shared memory, and waking whoever sleeps there: the bare system calls.
//!
//! The word is shared between processes (no private flag). A sleep ends at its deadline at the latest.

#![allow(unsafe_code)] // because the calls take core's atomic words, and ours are the same bytes under another name.

use std::num::NonZeroU32;
use std::ptr;

use ringway_shm::primitive::AtomicU32;
use rustix::io::Errno;
use rustix::thread::futex::{Flags, wait_bitset, wake as wake_some};

use crate::stage::wait::{Deadline, Halt};

/// Sleeps until somebody wakes the word, unless it has another value than `seen`. Whatever ends the sleep, look again.
///
/// # Errors
///
/// `Late` after the deadline, or the kernel's refusal.
#[inline]
pub(crate) fn sleep(word: &AtomicU32, seen: u32, deadline: &Deadline<'_>) -> Result<(), Halt> {
    // SAFETY: the primitive's word is a transparent wrapper of core's, which the call takes; the reference is as long as
    // ours.
    let word = unsafe { &*ptr::from_ref(word).cast() };
    // Any bit: what an ordinary wake wakes. Unlike the plain call this one takes a moment, not a length.
    match wait_bitset(word, Flags::empty(), seen, Some(deadline.wakeup()), NonZeroU32::MAX) {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
        Err(Errno::TIMEDOUT) => Err(Halt::Late),
        Err(error) => Err(error.into()),
    }
}

/// Wakes one party that sleeps on the word, if there is one.
///
/// # Errors
///
/// The kernel's refusal.
#[inline]
pub(crate) fn wake(word: &AtomicU32) -> Result<(), Halt> {
    // SAFETY: as in `sleep`.
    let word = unsafe { &*ptr::from_ref(word).cast() };
    wake_some(word, Flags::empty(), 1)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use ringway_shm::primitive::AtomicU64;

    #[test]
    fn a_sleep_ends_at_the_deadline_or_at_once_when_the_word_changed() {
        let (word, stop) = (AtomicU32::new(5), AtomicU64::new(0));
        let deadline = Deadline::new(Duration::from_millis(5), &stop, false);
        assert_eq!(sleep(&word, 4, &deadline), Ok(()));
        assert_eq!(sleep(&word, 5, &deadline), Err(Halt::Late));
        assert_eq!(wake(&word), Ok(()));
    }
}
