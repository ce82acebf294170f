//! A lock for a few instructions: taken by one atomic instruction, given back by a store.
//!
//! ```text
//!   lock     0 ─▶ me                    one compare-and-swap
//!   unlock   0                          one store: while it is held, nobody else writes the word of a live holder
//!
//!   else     look ─ hint ─ look ... 64 times ─▶ the holder is gone? ─▶ me | INCONSISTENT
//!                                              yield the core, 8 times
//!                                              sleep at its life word: 50 us, twice that, ... 1 ms
//! ```
//!
//! Test and test-and-set (Rudolph and Segall, 1984) with the holder in the word. Nobody tells a sleeper that the lock is free:
//! that would cost the release an atomic instruction. So a sleep is short, and ends by itself or by the holder's death.
//!
//! | killed | leaves |
//! |---|---|
//! | before the word is its own | nothing |
//! | holding the lock | its token: whoever waits finds it gone at the next check, and takes the lock over |
//! | after the store | a lock that is free |
//! | taking over | its own token with INCONSISTENT: the next one does the same |
//!
//! What it deliberately does not do: be fair. Use a [`Mutex`](crate::Mutex) unless every holder is short and has a core.

use super::mutex::take_over;
use super::verbs::{Taken, lock};
use super::word::{INCONSISTENT, holder, owner};
use crate::beside::{self, Dying, Holder};
use crate::error::Refused;
use crate::layout::LockLine;
use crate::place::Place;
use crate::{Deadline, pace};
use ringway_shm::LifeWord;
use ringway_shm::primitive::{Ordering, kernel, spin_hint, yield_core};
use std::time::Duration;

/// Looks between two checks of the holder, before the first sleep.
const LOOKS: u32 = 64;
/// How often the core is yielded before the first sleep.
const YIELDS: u32 = 8;
/// The first sleep, and the longest.
const SLEEP: Duration = Duration::from_micros(50);
const SLEEP_MAX: Duration = Duration::from_millis(1);

lock! {
    /// A lock on a `T` in shared memory that is held for a few instructions.
    ///
    /// As a [`Mutex`](crate::Mutex), whose shapes and errors it has, but the release is a plain store, and whoever waits looks again
    /// and again: a while closely, then after giving up the core, then in sleeps of up to a millisecond, so that a holder that was
    /// preempted or stopped gets the core. Who comes last may be first.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::SpinLock;
    ///
    /// # let name = format!("doc-spin-{}", std::process::id());
    /// let clock = SpinLock::<[u64; 2]>::open_or_create(name.as_str())?;
    /// clock.lock()?.set([3, 4]);
    /// assert_eq!(clock.lock()?.get(), [3, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    SpinLock, SpinGuard, "SpinLock", "a spinlock", own: ()
}

/// Takes the lock, once the first try has failed.
#[cold]
#[inline(never)]
fn acquire(place: &Place<LockLine>, me: u64, deadline: Deadline) -> Result<Taken, Refused> {
    look(place, me, Some(deadline))
}

/// The same without waiting.
#[cold]
#[inline(never)]
fn try_acquire(place: &Place<LockLine>, me: u64, _: &()) -> Result<Taken, Refused> {
    look(place, me, None)
}

/// Gives the lock back: by a store, since nobody else writes the word as long as its holder lives. (In a forked child it is a store
/// into zeros of its own.)
#[inline(always)]
fn release(place: &Place<LockLine>, _: u64, is_inconsistent: bool) {
    let left = if is_inconsistent { INCONSISTENT } else { 0 };
    // Release: what was written under the lock is there for the next holder. Pairs with the Acquires that take it.
    place.line().word.store(left, Ordering::Release);
}

/// Looks until the lock is taken; once, if there is no deadline.
fn look(place: &Place<LockLine>, me: u64, deadline: Option<Deadline>) -> Result<Taken, Refused> {
    let word = &place.line().word;
    let looks_max = pace::unless_explored(LOOKS);
    let (mut looks, mut yields, mut length) = (0, pace::unless_explored(YIELDS), SLEEP);
    let mut dying = Dying::default();
    loop {
        // Relaxed: whoever takes the lock by what was found does so with Acquire.
        let found = word.load(Ordering::Relaxed);
        let Some(owner) = owner(found) else {
            let new = me | found & INCONSISTENT;
            // Acquire: as in `take`.
            match word.compare_exchange(found, new, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(Taken::from_free(found)),
                Err(_) => continue,
            }
        };
        if holder(found) == me {
            return Err(Refused::Deadlock);
        }
        if looks < looks_max && deadline.is_some() {
            looks += 1;
            spin_hint();
            continue;
        }
        looks = 0;
        let state = beside::look(place.region(), owner)?;
        if matches!(state, Holder::Gone) {
            match take_over(word, found, me, 0) {
                Ok(taken) => return Ok(taken),
                Err(_) => continue,
            }
        }
        let deadline = deadline.ok_or(Refused::WouldBlock)?;
        if deadline.has_passed() {
            return Err(Refused::TimedOut);
        }
        match state {
            Holder::Dying => dying.pause(word.low_half(), found as u32, deadline),
            _ if yields > 0 => {
                yields -= 1;
                yield_core();
            }
            Holder::Alive(life) => {
                doze(life, length, deadline);
                length = (length * 2).min(SLEEP_MAX);
                // One sleep, one look.
                looks = looks_max;
                if length == SLEEP_MAX {
                    // A long wait: the kernel may have marked nobody.
                    place.region().look_closely(owner)?;
                }
            }
            Holder::Gone => {}
        }
    }
}

/// Sleeps for a while, or until the holder dies.
fn doze(life: Option<LifeWord<'_>>, length: Duration, deadline: Deadline) {
    let until = deadline.or_after(kernel::now(), length);
    match life {
        Some(life) => {
            kernel::sleep(life.word, life.alive, Some(until));
            beside::wake_others(&life);
        }
        None => kernel::pause(until.saturating_sub(kernel::now())),
    }
}
