//! What a thread has of a lock while it holds it: copies of the value, or references to it.
//!
//! ```text
//!   Guard          get ─ set ─ update      copies, whatever the other processes do
//!     of a lock that is `in_place`         Deref, DerefMut as well
//!   OwnerDied      the guard of a lock that a dead holder left, before anybody has looked at the value
//! ```

#![allow(unsafe_code)] // because the value lies at an address in a region.

use crate::place::Plain;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use ringway_shm::Owner;
use ringway_shm::primitive::{read_slot, write_slot};

/// How guards reach what they guard: [`Copies`] or [`InPlace`].
pub trait Access: sealed::Access + fmt::Debug + Clone + Copy + Send + Sync + 'static {}

/// Guards give copies. Safe, whatever other processes write.
#[derive(Clone, Copy, Debug)]
pub enum Copies {}

/// Guards give references as well, once somebody has promised that every writer follows the protocol.
#[derive(Clone, Copy, Debug)]
pub enum InPlace {}

impl Access for Copies {}
impl Access for InPlace {}

/// A lock whose guards these are: [`Mutex`](crate::Mutex) or [`SpinLock`](crate::SpinLock).
#[allow(private_bounds)] // because how a lock is given back is nobody else's.
pub trait Held: Release + 'static {
    /// What it guards.
    type Value: Plain;
    /// How its guards reach that.
    type Access: Access;
}

/// What a guard does with its lock.
pub(crate) trait Release: Clone {
    /// Where the value lies: aligned, mapped as long as the lock lives.
    fn value(&self) -> NonNull<u8>;

    /// Gives the lock back, if it is this token's.
    fn release(&self, me: u64, is_inconsistent: bool);

    /// Does a panic leave the value for inconsistent?
    fn poisons(&self) -> bool;
}

mod sealed {
    #[allow(unnameable_types)] // because nobody else implements it.
    pub trait Access {}
    impl Access for super::Copies {}
    impl Access for super::InPlace {}
}

/// A lock that is held by this thread. Given back when dropped, by this thread: it cannot be sent to another one.
///
/// In a forked child it holds nothing: what is read is zeros, and what is written is lost.
///
/// One that is forgotten ([`core::mem::forget`]) holds the lock until its thread ends; one that lies in a thread-local, until
/// that is destroyed.
///
/// # Examples
///
/// Nobody gives back what another thread holds, and nobody keeps a guard without its lock:
///
/// ```compile_fail,E0277
/// use ringway_sync::{Mutex, Setup};
///
/// let total: Mutex<u64> = Setup::new().anonymous().unwrap();
/// let guard = total.lock().unwrap();
/// std::thread::scope(|scope| _ = scope.spawn(move || drop(guard)));
/// ```
///
/// ```compile_fail,E0505
/// use ringway_sync::{Mutex, Setup};
///
/// let total: Mutex<u64> = Setup::new().anonymous().unwrap();
/// let guard = total.lock().unwrap();
/// drop(total);
/// drop(guard);
/// ```
///
/// ```compile_fail,E0277
/// use ringway_sync::{LockError, Setup, SpinLock};
///
/// let total: SpinLock<u64> = Setup::new().anonymous().unwrap();
/// let Err(LockError::OwnerDied(died)) = total.lock() else { return };
/// std::thread::spawn(move || drop(died.into_guard()));
/// ```
///
/// References to what a lock guards are for those who have promised that all follow the protocol:
///
/// ```compile_fail,E0614
/// use ringway_sync::{Mutex, Setup};
///
/// let total: Mutex<u64> = Setup::new().anonymous().unwrap();
/// *total.lock().unwrap() += 1;
/// ```
#[must_use = "the lock is given back when the guard is dropped"]
pub struct Guard<'a, L: Held> {
    /// Borrowed for `'a`, or, in a guard that came in an error and outlives what that was borrowed from, a box of our own.
    lock: NonNull<L>,
    me: u64,
    /// What there is to do beside giving the lock back; 0 nearly always.
    state: u8,
    /// Not to be sent: the lock is this thread's.
    thread: PhantomData<(*mut (), &'a L)>,
}

/// The lock is in a box of the guard's own.
const OWNED: u8 = 1;
/// What the lock guards may be half-written.
const INCONSISTENT: u8 = 2;
/// A panic that begins while the lock is held leaves what it guards for inconsistent.
const POISONS: u8 = 4;

// SAFETY: what other threads can do with a shared guard is to read the value, or through `Deref` to share it.
unsafe impl<L: Held + Sync> Sync for Guard<'_, L> where L::Value: Sync {}

impl<'a, L: Held> Guard<'a, L> {
    #[inline(always)]
    pub(super) fn borrowed(lock: &'a L, me: u64) -> Self {
        let state = if lock.poisons() { poisons() } else { 0 };
        Self { lock: NonNull::from(lock), me, state, thread: PhantomData }
    }

    #[inline(always)]
    fn lock(&self) -> &L {
        // SAFETY: borrowed as long as the guard lives, or in its box, which is freed when it is dropped.
        unsafe { self.lock.as_ref() }
    }

    #[inline(always)]
    fn value(&self) -> NonNull<L::Value> {
        self.lock().value().cast()
    }

    /// A copy of what the lock guards.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Mutex, Setup};
    ///
    /// let total: Mutex<u64> = Setup::new().anonymous()?;
    /// assert_eq!(total.lock()?.get(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    #[must_use]
    pub fn get(&self) -> L::Value {
        // SAFETY: aligned and readable; references to it exist only in guards of locks that are in place, and those are not read
        // through here by a racing thread, since the lock is ours.
        unsafe { read_slot(self.value().as_ptr()) }
    }

    /// Replaces what the lock guards. A holder that dies in the middle leaves it half-written, and the next one is told.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Mutex, Setup};
    ///
    /// let total: Mutex<u64> = Setup::new().anonymous()?;
    /// total.lock()?.set(7);
    /// assert_eq!(total.lock()?.get(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn set(&mut self, value: L::Value) {
        // SAFETY: aligned and writable; the lock is ours, and so is the guard, so that no reference to the value lives.
        unsafe { write_slot(self.value().as_ptr(), &value) }
    }

    /// Changes what the lock guards: on a copy, which is written back. If `change` panics, nothing is.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Mutex, Setup};
    ///
    /// let total: Mutex<u64> = Setup::new().anonymous()?;
    /// let before = total.lock()?.update(|n| core::mem::replace(n, 7));
    /// assert_eq!((before, total.lock()?.get()), (0, 7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn update<R>(&mut self, change: impl FnOnce(&mut L::Value) -> R) -> R {
        let mut value = self.get();
        let answer = change(&mut value);
        self.set(value);
        answer
    }

    /// May what the lock guards be half-written, since a holder died with it?
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.state & INCONSISTENT == 0
    }

    /// Says that what the lock guards is in order again. Otherwise the next holder is told of the death as well.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{LockError, Mutex, Setup};
    ///
    /// let total: Mutex<u64> = Setup::new().anonymous()?;
    /// let there = total.clone();
    /// std::thread::spawn(move || core::mem::forget(there.lock())).join().unwrap();
    /// let Err(LockError::OwnerDied(died)) = total.lock() else { panic!("its holder has ended") };
    /// let mut guard = died.into_guard();
    /// guard.set(0);
    /// guard.mark_consistent();
    /// drop(guard);
    /// assert!(total.lock().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mark_consistent(&mut self) {
        // The word says so when the lock is given back: whoever dies until then leaves it as it was found.
        self.state &= !INCONSISTENT;
    }
}

impl<L: Held> Guard<'static, L> {
    /// The guard of a lock that was left inconsistent.
    pub(super) fn owned(lock: L, me: u64, who: Option<Owner>) -> OwnerDied<L> {
        let state = OWNED | INCONSISTENT | if lock.poisons() { poisons() } else { 0 };
        let lock = NonNull::from(Box::leak(Box::new(lock)));
        OwnerDied { guard: Self { lock, me, state, thread: PhantomData }, who }
    }
}

impl<L: Held<Access = InPlace>> Deref for Guard<'_, L> {
    type Target = L::Value;

    #[inline(always)]
    fn deref(&self) -> &L::Value {
        // SAFETY: aligned, mapped as long as the lock that this borrows or has, and any bytes are a value. Nobody writes it while
        // the lock is ours: who called `in_place` promised that for other processes, and this one writes through `&mut self`. The
        // lock is ours until the guard is dropped or its thread has ended, behind which, as was promised, nobody looks.
        unsafe { self.value().as_ref() }
    }
}

impl<L: Held<Access = InPlace>> DerefMut for Guard<'_, L> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut L::Value {
        // SAFETY: as above; and nobody else has a reference while the guard is borrowed mutably.
        unsafe { self.value().as_mut() }
    }
}

/// [`POISONS`], unless a panic is under way already.
#[cold]
fn poisons() -> u8 {
    if std::thread::panicking() { 0 } else { POISONS }
}

impl<L: Held> Drop for Guard<'_, L> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.state == 0 {
            self.lock().release(self.me, false);
        } else {
            drop_slowly(self.lock, self.me, self.state);
        }
    }
}

/// Drops a guard with which there is more to do. Taken apart: a guard whose address nobody wants stays in registers.
#[cold]
#[inline(never)]
fn drop_slowly<L: Held>(lock: NonNull<L>, me: u64, state: u8) {
    let panics = state & POISONS != 0 && std::thread::panicking();
    // SAFETY: as in `Guard::lock`.
    unsafe { lock.as_ref() }.release(me, state & INCONSISTENT != 0 || panics);
    if state & OWNED != 0 {
        // SAFETY: `owned` made it of a box, and the guard is not looked at any more.
        drop(unsafe { Box::from_raw(lock.as_ptr()) });
    }
}

impl<L: Held> fmt::Debug for Guard<'_, L> {
    /// Shows the type only: the value may be large, and whoever is asked for it may not want to be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("is_consistent", &self.is_consistent()).finish_non_exhaustive()
    }
}

/// A lock that was got from a holder that died with it: what it guards may be half-written. Dropping this gives the lock back
/// as it was found.
///
/// # Examples
///
/// ```
/// use ringway_sync::{LockError, Mutex, Setup};
///
/// let total: Mutex<u64> = Setup::new().anonymous()?;
/// let there = total.clone();
/// std::thread::spawn(move || core::mem::forget(there.lock())).join().unwrap();
/// match total.lock() {
///     Err(LockError::OwnerDied(died)) => assert_eq!(died.into_guard().get(), 0),
///     _ => panic!("its holder has ended"),
/// };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OwnerDied<L: Held> {
    guard: Guard<'static, L>,
    who: Option<Owner>,
}

impl<L: Held> OwnerDied<L> {
    /// The lock, which is held.
    pub fn into_guard(self) -> Guard<'static, L> {
        self.guard
    }

    /// Who died with it, if it was taken over from that one just now. `None`: one before left it so.
    #[must_use]
    pub fn who(&self) -> Option<Owner> {
        self.who
    }
}

impl<L: Held> fmt::Debug for OwnerDied<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerDied").field("who", &self.who).finish_non_exhaustive()
    }
}
