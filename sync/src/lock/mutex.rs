//! A lock that survives its holders.
//!
//! ```text
//!   lock     0 ─▶ me                          one compare-and-swap
//!   unlock   me ─▶ 0                          one compare-and-swap
//!
//!   else     free        ─▶ me, with the flags that stay; INCONSISTENT is told (`OwnerDied`)
//!            mine        ─▶ `Deadlock`
//!            its holder is gone ─▶ me | INCONSISTENT, told with the guard; dying: ask again in a moment
//!            taken       ─▶ look a while ─ set WAITERS ─ sleep at the word, beside the holder's life word ─ again
//!   unlock   with WAITERS: flags that stay, and one is woken, in one call to the kernel
//! ```
//!
//! The three states of Drepper's mutex ("Futexes Are Tricky", 2011) with the holder in the word. Who holds the lock is a row
//! of the region's table and its generation, never a number of a process or thread, which repeat.
//!
//! **Who slept takes WAITERS along.** A wake-up is for one sleeper, and WAITERS goes with the release that gives it. So
//! whoever has slept sets it again as it takes the lock, or sleeps on: others may be asleep as well.
//!
//! **Fairness.** A lock that is free is taken by who comes by: handing it over would cost a change of thread each time. One
//! who has waited for [`PATIENCE`] sets STARVING; from then on a free lock is taken only by who has slept for it, first come,
//! first served (Go's mutex has this rule). Whoever takes it then takes STARVING away; those who are still passed over set it
//! again. A newcomer waits for them, but no longer than [`PATIENCE`] if nobody comes.
//!
//! | killed | leaves |
//! |---|---|
//! | before the word is its own | nothing; WAITERS or STARVING at most: one call to wake nobody, one wait of a newcomer |
//! | holding the lock | its token: who waits beside its life word is woken, finds it gone, takes the lock over |
//! | in the release | all of it or nothing: with sleepers it is one call to the kernel |
//! | woken, before it takes the lock or sleeps again | a wake-up that is lost: the next release that sees WAITERS wakes, or the tick (`repaired` counts) |
//! | taking over | its own token with INCONSISTENT: the next one does the same |
//!
//! What it deliberately does not do: look at what it guards, inherit priorities, or believe a clock about the dead.

use super::guard::{Access, Copies, Guard, Held, InPlace, Release};
use super::word::{INCONSISTENT, STARVING, WAITERS, holder, owner, token};
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
use ringway_shm::primitive::kernel;
use ringway_shm::primitive::{AtomicU64, Ordering, spin_hint};
use ringway_shm::{Owner, Region};
use std::sync::Arc;
use std::time::Duration;

/// How long somebody who waits may be passed over by those who come later.
const PATIENCE: Duration = Duration::from_millis(1);

/// Looks at a lock that is taken, before a sleep. With sleepers there are none: they are next.
const SPINS: u32 = 100;

/// A lock on a `T` in shared memory, for processes and threads.
///
/// The first state is free, around a `T` of zeros. Any thread of any process that has opened the region locks it, and has a
/// row in the region from its first lock until it ends ([`Setup::participants`](crate::Setup::participants)).
///
/// The guard gives copies ([`get`](Guard::get), [`set`](Guard::set), [`update`](Guard::update)), which are safe whatever other
/// processes do. [`in_place`](Self::in_place) is for references.
///
/// A holder that dies, or ends its thread with the guard forgotten, leaves the lock to the next one, which is told by
/// [`LockError::OwnerDied`] and has the lock: it repairs what it finds and says so
/// ([`mark_consistent`](Guard::mark_consistent)), or leaves that to the next. A panic while holding is an ordinary end, unless
/// [`poison_on_panic`](Self::poison_on_panic) says otherwise.
///
/// Of those who wait nobody is passed over for more than a millisecond by those who come later.
///
/// # Examples
///
/// ```
/// use ringway_sync::Mutex;
///
/// # let name = format!("doc-mutex-{}", std::process::id());
/// let total = Mutex::<u64>::open_or_create(name.as_str())?; // the same line in each process
/// total.lock()?.update(|n| *n += 1);
/// assert_eq!(total.lock()?.get(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Mutex<T, A = Copies> {
    place: Place<LockLine>,
    /// Nanoseconds of the clock when a try of this handle first stood back for somebody who starves; 0 if none did.
    stood_back: Arc<AtomicU64>,
    poisons: bool,
    guards: PhantomData<(fn() -> T, A)>,
}

impl<T: Plain> Shared for Mutex<T> {
    const LEN: usize = cell_len::<T>(BEHIND);
    const FINGERPRINT: u128 = Hash::new().bytes(b"Mutex").fingerprint(T::FINGERPRINT).finish();

    fn at(spot: Spot) -> Result<Self, OpenError> {
        let (place, stood_back) = (Place::new(spot)?, Arc::new(AtomicU64::new(0)));
        Ok(Self { place, stood_back, poisons: false, guards: PhantomData })
    }
}

impl<T: Plain> Mutex<T> {
    by_name!("a mutex");

    /// The lock with guards that give references to what it guards.
    ///
    /// # Safety
    ///
    /// * As long as a guard of this handle lives, no process writes what it guards but through a guard: every process that can
    ///   write the region follows this protocol. (With [`get`](Guard::get) and [`set`](Guard::set) nothing depends on that but
    ///   the value.)
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Mutex, Setup};
    ///
    /// let numbers: Mutex<[u64; 100]> = Setup::new().anonymous()?;
    /// // SAFETY: nobody else has the region.
    /// let numbers = unsafe { numbers.in_place() };
    /// let mut guard = numbers.lock()?;
    /// guard[7] = 1;
    /// assert_eq!(guard.iter().sum::<u64>(), 1);
    /// # drop(guard);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[allow(unsafe_code)] // because references to shared bytes are a promise about others.
    #[must_use]
    pub unsafe fn in_place(self) -> Mutex<T, InPlace> {
        let Self { place, stood_back, poisons, .. } = self;
        Mutex { place, stood_back, poisons, guards: PhantomData }
    }
}

impl<T: Plain, A: Access> Mutex<T, A> {
    /// Takes the lock, waiting as long as it takes.
    ///
    /// # Errors
    ///
    /// [`LockError::OwnerDied`], with the guard, when its last holder died with it; [`LockError::Deadlock`] when this thread
    /// has it; [`LockError::Forked`]; [`LockError::Participate`] when the region has no row for the thread;
    /// [`LockError::System`] when the system does not answer for a holder.
    #[inline(always)]
    pub fn lock(&self) -> Result<MutexGuard<'_, T, A>, LockError<Self>> {
        self.lock_until(Deadline::NEVER)
    }

    /// Takes the lock, waiting no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock), and [`LockError::TimedOut`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{LockError, Mutex, Setup};
    /// use std::time::Duration;
    ///
    /// let total: Mutex<u64> = Setup::new().anonymous()?;
    /// let guard = total.lock()?;
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         let late = total.lock_timeout(Duration::from_millis(1));
    ///         assert!(matches!(late, Err(LockError::TimedOut)));
    ///     });
    /// });
    /// # drop(guard);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock_timeout(&self, timeout: Duration) -> Result<MutexGuard<'_, T, A>, LockError<Self>> {
        self.lock_until(Deadline::after(timeout))
    }

    /// Takes the lock, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock), and [`LockError::TimedOut`].
    #[inline(always)]
    pub fn lock_until(&self, deadline: impl Into<Deadline>) -> Result<MutexGuard<'_, T, A>, LockError<Self>> {
        self.take(|me| acquire(&self.place, me, deadline.into()))
    }

    /// Takes the lock if it is free, or its holder is gone. Never waits.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock), and [`LockError::WouldBlock`]: somebody has it, or has waited for it for long and is next.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{LockError, Mutex, Setup};
    ///
    /// let total: Mutex<u64> = Setup::new().anonymous()?;
    /// let guard = total.try_lock()?;
    /// assert!(matches!(total.try_lock(), Err(LockError::Deadlock)), "this thread has it");
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert!(matches!(total.try_lock(), Err(LockError::WouldBlock))));
    /// });
    /// # drop(guard);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T, A>, LockError<Self>> {
        self.take(|me| try_acquire(&self.place, me, &self.stood_back))
    }

    /// Takes the lock; what a dead holder may have left half-written is given to `repair` first, a copy that is then written
    /// back and taken for consistent.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock), but [`LockError::OwnerDied`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Mutex, Setup};
    ///
    /// let pair: Mutex<[u64; 2]> = Setup::new().anonymous()?;
    /// let guard = pair.lock_or_repair(|pair| pair[1] = pair[0])?;
    /// assert_eq!(guard.get(), [0, 0]);
    /// # drop(guard);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock_or_repair(
        &self,
        repair: impl FnOnce(&mut T),
    ) -> Result<MutexGuard<'_, T, A>, LockError<Self>> {
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

    /// Has guards of this handle that end in a panic leave the lock as a death would: the next one is told
    /// [`LockError::OwnerDied`].
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

    /// How many sleeps, of all parties since the lock was made, were ended by their own time when a wake-up had been due: what
    /// died with somebody who had been woken. Wraps.
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

    #[inline(always)]
    fn take(
        &self,
        acquire: impl FnOnce(u64) -> Result<Taken, Refused>,
    ) -> Result<MutexGuard<'_, T, A>, LockError<Self>> {
        let me = match self.place.region().thread_owner() {
            Ok(me) => token(me),
            Err(error) => return Err(Refused::from(error).into()),
        };
        // Acquire: what the last holder wrote is there. Pairs with the Releases in `release` and `release_slowly`.
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

impl<T, A> fmt::Debug for Mutex<T, A> {
    /// Shows where it lies: a look at it would be one more access.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("region", &self.place.region().location()).finish_non_exhaustive()
    }
}

impl<T, A> Clone for Mutex<T, A> {
    fn clone(&self) -> Self {
        let (place, stood_back) = (self.place.clone(), Arc::clone(&self.stood_back));
        Self { place, stood_back, poisons: self.poisons, guards: PhantomData }
    }
}

/// A [`Mutex`] that is held by this thread; given back when dropped.
pub type MutexGuard<'a, T, A = Copies> = Guard<'a, Mutex<T, A>>;

impl<T: Plain, A: Access> Held for Mutex<T, A> {
    type Value = T;
    type Access = A;
}

impl<T: Plain, A: Access> Release for Mutex<T, A> {
    #[inline(always)]
    fn value(&self) -> NonNull<u8> {
        self.place.behind::<T>().cast()
    }

    #[inline(always)]
    fn release(&self, me: u64, is_inconsistent: bool) {
        let word = &self.place.line().word;
        if !is_inconsistent {
            // Release: what was written under the lock is there for the next holder. Pairs with the Acquires that take it.
            let (release, relaxed) = (Ordering::Release, Ordering::Relaxed);
            if word.compare_exchange(me, 0, release, relaxed).is_ok() {
                return;
            }
        }
        release_slowly(&self.place, me, is_inconsistent);
    }

    #[inline(always)]
    fn poisons(&self) -> bool {
        self.poisons
    }
}

/// How a lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Clean,
    /// What it guards may be half-written; from whom it was taken over, if it was by us.
    Inconsistent {
        who: Option<Owner>,
    },
}

impl Taken {
    pub(super) fn from_free(word: u64) -> Self {
        if word & INCONSISTENT == 0 { Self::Clean } else { Self::Inconsistent { who: None } }
    }
}

/// Takes a lock over from a holder that is gone.
pub(super) fn take_over(word: &AtomicU64, found: u64, me: u64, kept: u64) -> Result<Taken, u64> {
    let new = me | INCONSISTENT | found & WAITERS | kept;
    // Acquire: what the dead one wrote is there, as far as it got: it was found gone by the Acquires of `Region::standing`, or by the
    // kernel's lock. And what those before it wrote, whose release the dead one's own change of the word goes on from.
    word.compare_exchange(found, new, Ordering::Acquire, Ordering::Relaxed)?;
    Ok(Taken::Inconsistent { who: owner(found) })
}

/// Takes the lock, once the first try has failed.
#[cold]
#[inline(never)]
fn acquire(place: &Place<LockLine>, me: u64, deadline: Deadline) -> Result<Taken, Refused> {
    let (line, region) = (place.line(), place.region());
    let word = &line.word;
    let mut looks = pace::looks(SPINS);
    let mut began = None;
    // WAITERS, once we have slept: others may sleep as well.
    let mut kept = 0;
    let mut was_tick = false;
    let mut dying = Dying::default();
    // Relaxed, here and below: whoever takes the lock by what was found does so with Acquire.
    let mut found = word.load(Ordering::Relaxed);
    loop {
        let mut life = None;
        match owner(found) {
            // Who has not slept leaves it to those who starve.
            None if found & STARVING == 0 || kept != 0 => {
                let new = me | found & (INCONSISTENT | WAITERS) | kept;
                // Acquire: as in `take`.
                match word.compare_exchange_weak(found, new, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => {
                        if was_tick {
                            line.repaired.fetch_add(1, Ordering::Relaxed);
                        }
                        return Ok(Taken::from_free(found));
                    }
                    Err(now) => found = now,
                }
                continue;
            }
            None => {}
            Some(_) if holder(found) == me => return Err(Refused::Deadlock),
            Some(owner) => match beside::look(region, owner)? {
                Holder::Gone => match take_over(word, found, me, kept) {
                    Ok(taken) => return Ok(taken),
                    Err(now) => {
                        found = now;
                        continue;
                    }
                },
                Holder::Dying if !deadline.has_passed() => {
                    dying.pause(word.low_half(), found as u32, deadline);
                    found = word.load(Ordering::Relaxed);
                    continue;
                }
                Holder::Dying => {}
                Holder::Alive(beside) => life = beside,
            },
        }
        if looks > 0 && kept == 0 && found & WAITERS == 0 {
            looks -= 1;
            spin_hint();
            found = word.load(Ordering::Relaxed);
            continue;
        }
        let now = kernel::now();
        if deadline.has_passed_at(now) {
            // A wake-up may have been meant for us that others need as well.
            let left = found | kept;
            match word.compare_exchange(found, left, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Err(Refused::TimedOut),
                Err(now) => found = now,
            }
            continue;
        }
        let has_starved = now.saturating_sub(*began.get_or_insert(now)) >= PATIENCE;
        let wanted = found | WAITERS | if has_starved { STARVING } else { 0 };
        if wanted != found {
            // Relaxed: it tells the holder to wake, and nothing of other bytes.
            if let Err(now) = word.compare_exchange(found, wanted, Ordering::Relaxed, Ordering::Relaxed) {
                found = now;
                continue;
            }
        }
        was_tick = false;
        if owner(found).is_some() {
            was_tick = beside::sleep(word.low_half(), wanted as u32, life, deadline);
        } else {
            // Free, for somebody who starves, and who may have died.
            kernel::sleep(word.low_half(), wanted as u32, Some(deadline.or_after(now, PATIENCE)));
        }
        kept = WAITERS;
        found = word.load(Ordering::Relaxed);
        if was_tick {
            // A long wait: the kernel may have marked nobody.
            if let Some(owner) = owner(found) {
                region.look_closely(owner)?;
            }
            was_tick = owner(found).is_none();
        }
    }
}

/// Takes the lock if that needs no waiting, once the first try has failed.
#[cold]
#[inline(never)]
fn try_acquire(place: &Place<LockLine>, me: u64, stood_back: &AtomicU64) -> Result<Taken, Refused> {
    let word = &place.line().word;
    // Relaxed, as in `acquire`.
    let mut found = word.load(Ordering::Relaxed);
    loop {
        let taken = match owner(found) {
            None if found & STARVING != 0 && !has_stood_back(stood_back) => return Err(Refused::WouldBlock),
            None => {
                let new = me | found & (INCONSISTENT | WAITERS);
                // Acquire: as in `take`.
                let taken = word.compare_exchange(found, new, Ordering::Acquire, Ordering::Relaxed);
                taken.map(|_| Taken::from_free(found))
            }
            Some(_) if holder(found) == me => return Err(Refused::Deadlock),
            Some(owner) => match beside::look(place.region(), owner)? {
                Holder::Gone => take_over(word, found, me, 0),
                // Another has it now, maybe.
                Holder::Alive(_) | Holder::Dying => return Err(Refused::WouldBlock),
            },
        };
        match taken {
            Ok(taken) => {
                stood_back.store(0, Ordering::Relaxed);
                return Ok(taken);
            }
            // Each further round is somebody else's success.
            Err(now) => found = now,
        }
    }
}

/// Has this handle stood back for [`PATIENCE`] from a lock that is free for somebody who starves?
fn has_stood_back(stood_back: &AtomicU64) -> bool {
    let now = u64::try_from(kernel::now().as_nanos()).unwrap_or(u64::MAX);
    // Relaxed, both: the handle's own.
    match stood_back.load(Ordering::Relaxed) {
        0 => {
            stood_back.store(now, Ordering::Relaxed);
            false
        }
        since => now.saturating_sub(since) >= PATIENCE.as_nanos() as u64,
    }
}

/// Gives the lock back when somebody may sleep, or when what it guards is not consistent.
#[cold]
#[inline(never)]
fn release_slowly(place: &Place<LockLine>, me: u64, is_inconsistent: bool) {
    let word = &place.line().word;
    // Relaxed, both: the Release is that of the change.
    let mut found = word.load(Ordering::Relaxed);
    loop {
        if holder(found) != me {
            // The zeros of a forked child, or what a stranger wrote: there is nothing of ours to give back.
            return;
        }
        let left = found & STARVING | if is_inconsistent { INCONSISTENT } else { 0 };
        if found & WAITERS != 0 {
            // A Release (`store_low_and_wake`), which pairs with the Acquires that take the lock. Whoever sets STARVING in this moment
            // sets it again.
            kernel::store_low_and_wake(word, left as u32, 1);
            return;
        }
        // Release: as above.
        match word.compare_exchange(found, left, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => found = now,
        }
    }
}
