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

use super::guard::{Access, Copies, Guard, Held, InPlace, Release};
use super::mutex::{Taken, take_over};
use super::word::{INCONSISTENT, holder, owner, token};
use crate::beside::{self, Dying, Holder};
use crate::error::{LockError, Refused};
use crate::layout::{BEHIND, LockLine};
use crate::place::{Place, Plain, Spot, cell_len};
use crate::shared::{Shared, by_name};
use crate::{Deadline, OpenError, pace};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use ringway_shm::fingerprint::Hash;
use ringway_shm::primitive::{Ordering, kernel, spin_hint, yield_core};
use ringway_shm::{LifeWord, Owner, Region};
use std::sync::Arc;
use std::time::Duration;

/// Looks between two checks of the holder, before the first sleep.
const LOOKS: u32 = 64;
/// How often the core is yielded before the first sleep.
const YIELDS: u32 = 8;
/// The first sleep, and the longest.
const SLEEP: Duration = Duration::from_micros(50);
const SLEEP_MAX: Duration = Duration::from_millis(1);

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
pub struct SpinLock<T, A = Copies> {
    place: Place<LockLine>,
    poisons: bool,
    guards: PhantomData<(fn() -> T, A)>,
}

impl<T: Plain> Shared for SpinLock<T> {
    const LEN: usize = cell_len::<T>(BEHIND);
    const FINGERPRINT: u128 = Hash::new().bytes(b"SpinLock").fingerprint(T::FINGERPRINT).finish();

    fn at(spot: Spot) -> Result<Self, OpenError> {
        Ok(Self { place: Place::new(spot)?, poisons: false, guards: PhantomData })
    }
}

impl<T: Plain> SpinLock<T> {
    by_name!("a spinlock");

    /// The lock with guards that give references to what it guards.
    ///
    /// # Safety
    ///
    /// * As [`Mutex::in_place`](crate::Mutex::in_place).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Setup, SpinLock};
    ///
    /// let pair: SpinLock<[u64; 2]> = Setup::new().anonymous()?;
    /// // SAFETY: nobody else has the region.
    /// let pair = unsafe { pair.in_place() };
    /// pair.lock()?[1] = 7;
    /// assert_eq!(pair.lock()?[1], 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[allow(unsafe_code)] // because references to shared bytes are a promise about others.
    #[must_use]
    pub unsafe fn in_place(self) -> SpinLock<T, InPlace> {
        SpinLock { place: self.place, poisons: self.poisons, guards: PhantomData }
    }
}

impl<T: Plain, A: Access> SpinLock<T, A> {
    /// Takes the lock, waiting as long as it takes.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`](crate::Mutex::lock).
    #[inline(always)]
    pub fn lock(&self) -> Result<SpinGuard<'_, T, A>, LockError<Self>> {
        self.lock_until(Deadline::NEVER)
    }

    /// Takes the lock, waiting no longer than `timeout`, and the rest of a last sleep of a millisecond at most.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock), and [`LockError::TimedOut`].
    pub fn lock_timeout(&self, timeout: Duration) -> Result<SpinGuard<'_, T, A>, LockError<Self>> {
        self.lock_until(Deadline::after(timeout))
    }

    /// Takes the lock, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock), and [`LockError::TimedOut`].
    #[inline(always)]
    pub fn lock_until(&self, deadline: impl Into<Deadline>) -> Result<SpinGuard<'_, T, A>, LockError<Self>> {
        self.take(|me| acquire(&self.place, me, Some(deadline.into())))
    }

    /// Takes the lock if it is free, or its holder is gone. Never waits.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock), and [`LockError::WouldBlock`].
    #[inline(always)]
    pub fn try_lock(&self) -> Result<SpinGuard<'_, T, A>, LockError<Self>> {
        self.take(|me| acquire(&self.place, me, None))
    }

    /// Takes the lock, and repairs first what a dead holder may have left half-written, as
    /// [`Mutex::lock_or_repair`](crate::Mutex::lock_or_repair).
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock), but [`LockError::OwnerDied`].
    pub fn lock_or_repair(
        &self,
        repair: impl FnOnce(&mut T),
    ) -> Result<SpinGuard<'_, T, A>, LockError<Self>> {
        match self.lock() {
            Err(LockError::OwnerDied(died)) => {
                let mut guard = died.into_guard();
                guard.update(repair);
                guard.mark_consistent();
                Ok(guard)
            }
            answer => answer,
        }
    }

    /// As [`Mutex::poison_on_panic`](crate::Mutex::poison_on_panic).
    #[must_use]
    pub fn poison_on_panic(self) -> Self {
        Self { poisons: true, ..self }
    }

    /// Who has the lock at this moment; dead or alive.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        // Relaxed: it may be another's by the time that it is told.
        owner(self.place.line().word.load(Ordering::Relaxed))
    }

    /// The region it lies in.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        self.place.region()
    }

    #[inline(always)]
    fn take(
        &self,
        acquire: impl FnOnce(u64) -> Result<Taken, Refused>,
    ) -> Result<SpinGuard<'_, T, A>, LockError<Self>> {
        let me = match self.place.region().thread_owner() {
            Ok(me) => token(me),
            Err(error) => return Err(Refused::from(error).into()),
        };
        // Acquire: what the last holder wrote is there. Pairs with the Release in `release`.
        let free = self.place.line().word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed);
        if free.is_err() {
            self.told(me, acquire(me))?;
        }
        Ok(Guard::borrowed(self, me))
    }

    /// What is to be said of a lock that was not free at once.
    #[cold]
    #[inline(never)]
    fn told(&self, me: u64, taken: Result<Taken, Refused>) -> Result<(), LockError<Self>> {
        match taken {
            Ok(Taken::Clean) => Ok(()),
            Ok(Taken::Inconsistent { who }) => Err(LockError::OwnerDied(Guard::owned(self.clone(), me, who))),
            Err(refused) => Err(refused.into()),
        }
    }
}

impl<T, A> fmt::Debug for SpinLock<T, A> {
    /// Shows where it lies: a look at it would be one more access.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinLock").field("region", &self.place.region().location()).finish_non_exhaustive()
    }
}

impl<T, A> Clone for SpinLock<T, A> {
    fn clone(&self) -> Self {
        Self { place: self.place.clone(), poisons: self.poisons, guards: PhantomData }
    }
}

/// A [`SpinLock`] that is held by this thread; given back when dropped.
pub type SpinGuard<'a, T, A = Copies> = Guard<'a, SpinLock<T, A>>;

impl<T: Plain, A: Access> Held for SpinLock<T, A> {
    type Value = T;
    type Access = A;
}

impl<T: Plain, A: Access> Release for SpinLock<T, A> {
    #[inline(always)]
    fn value(&self) -> NonNull<u8> {
        self.place.behind::<T>().cast()
    }

    #[inline(always)]
    fn release(&self, _: u64, is_inconsistent: bool) {
        let left = if is_inconsistent { INCONSISTENT } else { 0 };
        // Release: what was written under the lock is there for the next holder. Pairs with the Acquires that take it. (In a
        // forked child it is a store into zeros of its own.)
        self.place.line().word.store(left, Ordering::Release);
    }

    #[inline(always)]
    fn poisons(&self) -> bool {
        self.poisons
    }
}

/// Takes the lock, once the first try has failed; waits if there is a deadline.
#[cold]
#[inline(never)]
fn acquire(place: &Place<LockLine>, me: u64, deadline: Option<Deadline>) -> Result<Taken, Refused> {
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
