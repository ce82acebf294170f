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
//! who has waited for [`PATIENCE`], and wakes at that moment if not before, sets STARVING; from then on a free lock is taken
//! only by who has slept for it, in the order in which they fell asleep, until one who has waited that long has it, and takes
//! STARVING away. (Go's mutex has a like rule, and puts who starves in front.) Those who are still passed over set it again when
//! they next wake in vain. A newcomer waits for them, but no longer than [`PATIENCE`] if nobody comes. One that is awake and has
//! no core says nothing, and is passed over until it runs.
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

use super::verbs::{Taken, lock};
use super::word::{INCONSISTENT, STARVING, WAITERS, holder, owner};
use crate::beside::{self, Dying, Holder};
use crate::error::Refused;
use crate::layout::LockLine;
use crate::place::{Place, Plain};
use crate::{Deadline, pace};
use ringway_shm::primitive::kernel::{self, Wake};
use ringway_shm::primitive::{AtomicU64, Ordering, spin_hint};
use std::sync::Arc;
use std::time::Duration;

/// How long somebody waits who then has those who come later stand back.
const PATIENCE: Duration = Duration::from_millis(1);

/// Looks at a lock that is taken, before a sleep. With sleepers there are none: they are next.
const SPINS: u32 = 100;

lock! {
    /// A lock on a `T` in shared memory, for processes and threads.
    ///
    /// The first state is free, around a `T` of zeros. Any thread of any process that has opened the region locks it, and has a
    /// row in the region from its first lock until it ends ([`Setup::participants`](crate::Setup::participants)).
    ///
    /// The guard gives copies ([`get`](crate::Guard::get), [`set`](crate::Guard::set), [`update`](crate::Guard::update)), which are safe whatever other
    /// processes do. [`in_place`](Self::in_place) is for references.
    ///
    /// A holder that dies, or ends its thread with the guard forgotten, leaves the lock to the next one, which is told by
    /// [`LockError::OwnerDied`](crate::LockError::OwnerDied) and has the lock: it repairs what it finds and says so
    /// ([`mark_consistent`](crate::Guard::mark_consistent)), or leaves that to the next. A panic while holding is an ordinary end, unless
    /// [`poison_on_panic`](Self::poison_on_panic) says otherwise.
    ///
    /// Whoever comes by takes a free lock. Once one has waited for a millisecond, and has a core to say so, those who come later
    /// stand back.
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
    Mutex, MutexGuard, "Mutex", "a mutex", own: StoodBack
}

/// Nanoseconds of the clock when a try of a handle first stood back for somebody who starves; 0 if none did.
#[derive(Clone)]
struct StoodBack(Arc<AtomicU64>);

impl Default for StoodBack {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }
}

impl<T: Plain, A: super::Access> Mutex<T, A> {
    /// How many sleeps, of all parties since the lock was made, were ended by their own time when a wake-up had been due: what
    /// died with somebody who had been woken. Wraps.
    #[must_use]
    pub fn repaired(&self) -> u32 {
        // Relaxed: for people.
        self.place.line().repaired.load(Ordering::Relaxed)
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
    // When patience ends: set before the first sleep.
    let mut patience = None;
    let mut has_starved = false;
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
                // Others may have waited for longer than we have.
                let starving = if has_starved { 0 } else { STARVING };
                let new = me | found & (INCONSISTENT | WAITERS | starving) | kept;
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
            Some(owner) => match beside::look(region, owner).inspect_err(|_| hand_on(word, kept))? {
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
        let impatient = *patience.get_or_insert(Deadline::after(PATIENCE));
        has_starved = impatient.has_passed_at(now);
        let wanted = found | WAITERS | if has_starved { STARVING } else { 0 };
        if wanted != found {
            // Relaxed: it tells the holder to wake, and nothing of other bytes.
            if let Err(now) = word.compare_exchange(found, wanted, Ordering::Relaxed, Ordering::Relaxed) {
                found = now;
                continue;
            }
        }
        let timed_out = if owner(found).is_none() {
            // Free, for somebody who starves, and who may have died.
            let until = deadline.min(impatient).or_after(now, 2 * PATIENCE);
            kernel::sleep(word.low_half(), wanted as u32, Some(until));
            false
        } else {
            let until = if has_starved { deadline } else { deadline.min(impatient) };
            beside::sleep(word.low_half(), wanted as u32, life, until) == Wake::TimedOut
        };
        kept = WAITERS;
        let slept_long = timed_out && has_starved;
        has_starved = impatient.has_passed();
        found = word.load(Ordering::Relaxed);
        was_tick = slept_long && owner(found).is_none() && !deadline.has_passed();
        if slept_long {
            // A long wait: the kernel may have marked nobody.
            if let Some(owner) = owner(found) {
                region.look_closely(owner).inspect_err(|_| hand_on(word, kept))?;
            }
        }
    }
}

/// Of one that leaves in the middle of a wait: a wake-up may have been meant for it that others need as well.
#[cold]
fn hand_on(word: &AtomicU64, kept: u64) {
    // Relaxed: it tells whoever has the lock, or has it next, to wake.
    word.fetch_or(kept, Ordering::Relaxed);
}

/// Takes the lock if that needs no waiting, once the first try has failed.
#[cold]
#[inline(never)]
fn try_acquire(place: &Place<LockLine>, me: u64, stood_back: &StoodBack) -> Result<Taken, Refused> {
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
                stood_back.0.store(0, Ordering::Relaxed);
                return Ok(taken);
            }
            // Each further round is somebody else's success.
            Err(now) => found = now,
        }
    }
}

/// Has this handle stood back for [`PATIENCE`] from a lock that is free for somebody who starves?
fn has_stood_back(StoodBack(stood_back): &StoodBack) -> bool {
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

/// Gives the lock back.
#[inline(always)]
fn release(place: &Place<LockLine>, me: u64, is_inconsistent: bool) {
    if !is_inconsistent {
        // Release: what was written under the lock is there for the next holder. Pairs with the Acquires that take it.
        let (release, relaxed) = (Ordering::Release, Ordering::Relaxed);
        if place.line().word.compare_exchange(me, 0, release, relaxed).is_ok() {
            return;
        }
    }
    release_slowly(place, me, is_inconsistent);
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
