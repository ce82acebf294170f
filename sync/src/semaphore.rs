//! Semaphores that anybody may release: signals that are counted, or one that is remembered.
//!
//! ```text
//!   count   twice the permits, and in bit 0 that somebody may sleep
//!
//!   acquire   2n ─▶ 2(n - 1)          one compare-and-swap
//!   release   2n ─▶ 2(n + k)          one compare-and-swap
//!
//!   else      none: look a while ─ set the bit ─ sleep at the word ─ again
//!   release   with the bit: add and wake k, in one call to the kernel; nobody there? take the bit away
//! ```
//!
//! Dijkstra's semaphore, as glibc has it since 2.21 with the sleepers' bit in the place of their count, so that no sleeper has
//! to sign off and a killed one is forgotten. Whoever has slept sets the bit again as it takes a permit, or gives up: others
//! may be asleep as well. The bit is only taken away from a word with permits, at which nobody is about to sleep.
//!
//! **Guessed, not read.** Whoever releases takes it that there are no permits, and whoever acquires that there is one: so it is
//! where a semaphore tells of one thing at a time. A compare-and-swap that is wrong says what there is, and costs about as much
//! as the read would have; a read of the word behind a change of it waits for that one to be done.
//!
//! **Nobody owns a permit.** One that was taken by a process that dies is gone: nothing says whose it was, or that it was to
//! come back. For that there are [`Permits`](crate::Permits).
//!
//! | killed | leaves |
//! |---|---|
//! | acquiring | a permit less, or not; the bit at most: one call to wake nobody |
//! | releasing | all of it or nothing: with sleepers it is one call to the kernel |
//! | releasing more than 1,000 with sleepers, before it wakes them | all of it, and sleepers whose ticks end their sleep |
//! | releasing, before it takes the bit away | the bit: as above |
//! | woken, before it takes a permit or sleeps again | a wake-up that is lost, but no permit: the next release wakes, or the tick (`repaired` counts) |

use crate::beside;
use crate::error::{AcquireError, ReleaseError};
use crate::layout::SemaphoreLine;
use crate::place::{Place, Spot};
use crate::shared::{Shared, by_name};
use crate::{Deadline, OpenError, pace};
use ringway_shm::Region;
use ringway_shm::fingerprint::Hash;
use ringway_shm::primitive::kernel::{self, Change};
use ringway_shm::primitive::{AtomicU32, Ordering, spin_hint};
use std::sync::Arc;
use std::time::Duration;

/// Somebody may sleep.
const WAITERS: u32 = 1;
/// One permit.
const ONE: u32 = 2;

/// Looks at a word without permits, before a sleep.
const SPINS: u32 = 100;

/// Permits that the call to the kernel which adds and wakes adds at most.
const AT_ONCE: u32 = 1000;

/// A counting semaphore in shared memory: C++'s `counting_semaphore`, POSIX's `sem_t`.
///
/// It begins without permits. Anybody releases, whoever acquired: nobody owns a permit, and one that was taken by a process
/// that dies is gone. Where permits have to come back, use [`Permits`](crate::Permits).
///
/// A handle needs no row in the region.
///
/// # Examples
///
/// ```
/// use ringway_sync::Semaphore;
///
/// # let name = format!("doc-semaphore-{}", std::process::id());
/// let jobs = Semaphore::open_or_create(name.as_str())?;
/// jobs.release(2)?;
/// jobs.acquire()?;
/// assert_eq!(jobs.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Semaphore {
    place: Place<SemaphoreLine>,
}

/// A semaphore that is there or not: a release of one that is there changes nothing.
///
/// Otherwise as [`Semaphore`].
///
/// # Examples
///
/// ```
/// use ringway_sync::BinarySemaphore;
///
/// # let name = format!("doc-binary-{}", std::process::id());
/// let changed = BinarySemaphore::open_or_create(name.as_str())?;
/// changed.release()?;
/// changed.release()?;
/// changed.acquire()?;
/// assert!(changed.try_acquire().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BinarySemaphore {
    place: Place<SemaphoreLine>,
}

macro_rules! shared {
    ($name:ident, $text:literal, $what:literal) => {
        impl Shared for $name {
            const LEN: usize = crate::layout::LINE;
            const FINGERPRINT: u128 = Hash::new().bytes($text).finish();

            fn at(spot: Spot) -> Result<Self, OpenError> {
                Ok(Self { place: Place::new::<Self>(spot)? })
            }
        }

        impl $name {
            by_name!($what);

            /// Takes a permit, waiting as long as it takes.
            ///
            /// # Errors
            ///
            /// [`AcquireError::Forked`].
            #[inline(always)]
            pub fn acquire(&self) -> Result<(), AcquireError> {
                self.try_acquire_until(Deadline::NEVER)
            }

            /// Takes a permit if there is one. Never waits.
            ///
            /// # Errors
            ///
            /// [`AcquireError::WouldBlock`], [`AcquireError::Forked`].
            #[inline(always)]
            pub fn try_acquire(&self) -> Result<(), AcquireError> {
                if take(&self.place.line().count, 0) { Ok(()) } else { refuse(&self.place) }
            }

            /// Takes a permit, waiting no longer than `timeout`.
            ///
            /// # Errors
            ///
            /// [`AcquireError::TimedOut`], [`AcquireError::Forked`].
            pub fn try_acquire_for(&self, timeout: Duration) -> Result<(), AcquireError> {
                self.try_acquire_until(Deadline::after(timeout))
            }

            /// Takes a permit, waiting until a deadline.
            ///
            /// # Errors
            ///
            /// [`AcquireError::TimedOut`], [`AcquireError::Forked`].
            #[inline(always)]
            pub fn try_acquire_until(&self, deadline: impl Into<Deadline>) -> Result<(), AcquireError> {
                let word = &self.place.line().count;
                // What is there is guessed, not read: see the head. Acquire: as in `take`.
                let guess = word.compare_exchange(ONE, 0, Ordering::Acquire, Ordering::Relaxed);
                if guess.is_ok() || take(word, 0) { Ok(()) } else { wait(&self.place, deadline.into()) }
            }

            /// As [`Mutex::repaired`](crate::Mutex::repaired).
            #[must_use]
            pub fn repaired(&self) -> u32 {
                // Relaxed: for people.
                self.place.line().repaired.load(Ordering::Relaxed)
            }

            /// The region it lies in.
            #[must_use]
            pub fn region(&self) -> &Arc<Region> {
                self.place.region()
            }
        }
    };
}

shared!(Semaphore, b"Semaphore", "a semaphore");
shared!(BinarySemaphore, b"BinarySemaphore", "a binary semaphore");

impl Semaphore {
    /// The most permits there can be: 1,073,741,823.
    pub const MAX: u32 = (1 << 30) - 1;

    /// Adds permits, and wakes as many of those who wait.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::Overflow`], and nothing was added, when there would be more than [`MAX`](Self::MAX);
    /// [`ReleaseError::Forked`].
    #[inline(always)]
    pub fn release(&self, permits: u32) -> Result<(), ReleaseError> {
        // A forked child finds zeros at first.
        if permits <= Self::MAX && !self.place.region().is_known_forked() {
            let word = &self.place.line().count;
            // Release: what was done before is there for whoever takes the permit. Pairs with the Acquires of those who take.
            let (release, relaxed) = (Ordering::Release, Ordering::Relaxed);
            // What is there is guessed, not read: see the head.
            let Err(found) = word.compare_exchange(0, permits * ONE, release, relaxed) else { return Ok(()) };
            if found & WAITERS == 0 && permits <= Self::MAX.saturating_sub(found / ONE) {
                // Release: as above.
                if word.compare_exchange(found, found + permits * ONE, release, relaxed).is_ok() {
                    return Ok(());
                }
            }
        }
        self.release_slowly(permits)
    }

    #[cold]
    #[inline(never)]
    fn release_slowly(&self, permits: u32) -> Result<(), ReleaseError> {
        let word = &self.place.line().count;
        if self.place.region().is_known_forked() {
            return Err(ReleaseError::Forked);
        }
        // Relaxed: as in `release`.
        let mut found = word.load(Ordering::Relaxed);
        loop {
            // Of several that release at once by the kernel each looks before it adds; the word has room for many who did.
            if permits > Self::MAX.saturating_sub(found / ONE) {
                return Err(ReleaseError::Overflow { max: Self::MAX });
            }
            if found & WAITERS != 0 && (1..=AT_ONCE).contains(&permits) {
                // A Release (`change_and_wake`), which pairs as above.
                if kernel::change_and_wake(word, Change::Add(permits * ONE), permits as usize) == 0 {
                    forget_waiters(word, word.load(Ordering::Relaxed));
                }
                return Ok(());
            }
            // Release: as in `release`.
            let (release, relaxed) = (Ordering::Release, Ordering::Relaxed);
            match word.compare_exchange(found, found + permits * ONE, release, relaxed) {
                Ok(_) => break,
                Err(now) => found = now,
            }
        }
        if found & WAITERS != 0 && permits > 0 {
            kernel::wake_some(word, permits as usize);
        }
        Ok(())
    }

    /// How many permits there are at this moment.
    #[must_use]
    pub fn count(&self) -> u32 {
        // Relaxed: it may be another number by the time that it is told.
        self.place.line().count.load(Ordering::Relaxed) / ONE
    }
}

impl BinarySemaphore {
    /// Lets one go by; changes nothing if one may go by already.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::Forked`].
    #[inline(always)]
    pub fn release(&self) -> Result<(), ReleaseError> {
        let word = &self.place.line().count;
        if self.place.region().is_known_forked() {
            return Err(ReleaseError::Forked);
        }
        // Release: as in `Semaphore::release`. If it is there already it is so by a change that our Release goes on from.
        let (release, relaxed) = (Ordering::Release, Ordering::Relaxed);
        if word.compare_exchange(0, ONE, release, relaxed).is_ok() {
            return Ok(());
        }
        release_one_slowly(word);
        Ok(())
    }

    /// May one go by at this moment?
    #[must_use]
    pub fn is_released(&self) -> bool {
        // Relaxed: as `Semaphore::count`.
        self.place.line().count.load(Ordering::Relaxed) >= ONE
    }
}

#[cold]
#[inline(never)]
fn release_one_slowly(word: &AtomicU32) {
    // Relaxed: the Release is that of the change.
    let mut found = word.load(Ordering::Relaxed);
    loop {
        if found & WAITERS != 0 {
            // A Release (`change_and_wake`), which pairs with the Acquires of those who take.
            if kernel::change_and_wake(word, Change::Store(ONE | WAITERS), 1) == 0 {
                forget_waiters(word, ONE | WAITERS);
            }
            return;
        }
        // Release: as in `release`; of one that is there already too, for what was done before this call.
        match word.compare_exchange(found, ONE, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => found = now,
        }
    }
}

/// Takes the bit away when a wake-up found nobody.
fn forget_waiters(word: &AtomicU32, found: u32) {
    // From a word with permits only: nobody falls asleep at that one. Relaxed: it says nothing of other bytes, and goes on from
    // the Releases before it.
    if found >= ONE && found & WAITERS != 0 {
        let _ = word.compare_exchange(found, found & !WAITERS, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Takes a permit if there is one, and sets what is `kept`.
#[inline(always)]
fn take(word: &AtomicU32, kept: u32) -> bool {
    // Relaxed: whoever takes by it does so with Acquire.
    let mut found = word.load(Ordering::Relaxed);
    while found >= ONE {
        // Acquire: what was done before the release is there. Pairs with the Releases of those who release.
        let taken = (found - ONE) | kept;
        match word.compare_exchange_weak(found, taken, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(now) => found = now,
        }
    }
    false
}

#[cold]
fn refuse(place: &Place<SemaphoreLine>) -> Result<(), AcquireError> {
    // A forked child finds zeros, which are no permits.
    Err(if place.region().is_known_forked() { AcquireError::Forked } else { AcquireError::WouldBlock })
}

#[cold]
#[inline(never)]
fn wait(place: &Place<SemaphoreLine>, deadline: Deadline) -> Result<(), AcquireError> {
    let (line, word) = (place.line(), &place.line().count);
    if place.region().is_known_forked() {
        return Err(AcquireError::Forked);
    }
    let mut looks = pace::looks(SPINS);
    // The bit, once we have slept: others may sleep as well.
    let mut kept = 0;
    let mut was_tick = false;
    loop {
        if take(word, kept) {
            if was_tick {
                line.repaired.fetch_add(1, Ordering::Relaxed);
            }
            return Ok(());
        }
        if looks > 0 && kept == 0 {
            looks -= 1;
            spin_hint();
            continue;
        }
        // Relaxed: it tells whoever releases to wake, and nothing of other bytes. That a word without permits is the one that
        // is slept at is what the kernel sees to.
        let found = word.fetch_or(WAITERS, Ordering::Relaxed) | WAITERS;
        if found >= ONE {
            continue;
        }
        if deadline.has_passed() {
            // The bit is set: a wake-up that was meant for us is made up for by the next release.
            return Err(AcquireError::TimedOut);
        }
        was_tick = beside::sleep_alone(word, found, deadline);
        kept = WAITERS;
    }
}
