//! The rows that a thread has, one in each region in which it takes locks.
//!
//! ```text
//!   ROWS      the rows themselves: claimed at the first call, given back when the thread ends
//!   OWNERS    whose they are, for the last few regions: found again by one look at memory of the thread's own
//! ```
//!
//! A lock is taken by one atomic instruction, which stores who took it; so who a thread is must be known at once. What
//! `OWNERS` remembers is forgotten as soon as a row is given back, and by a forked child before it runs.
//!
//! **When the thread ends.** A guard may lie in a thread-local, and be used by its destructor; so the rows go after all
//! thread-locals, by the destructor of a key of `pthread_key_create` in the last round but one of those that there are. (Rust's
//! thread-locals are destroyed before all keys, or, where libc does not do that, by a key in the first round.) The thread that
//! `main` runs in gives its rows back with the process.

#![allow(unsafe_code)] // because keys of pthread are `libc` calls, and keep an address.

use crate::error::{Doing, ParticipateError};
use crate::participants::{Kind, Owner, Participant};
use crate::region::Region;
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, OnceLock, Weak};

/// How many regions a thread remembers its rows of; each has its place, by its number.
const REMEMBERED: usize = 4;

/// The round of destructors in which the rows go: POSIX promises four, and in the last one a sanitizer takes its own leave of the
/// thread.
const ROUNDS: u32 = 3;

/// A thread's rows, each with its region.
type Rows = Vec<(Weak<Region>, Rc<Participant>)>;

/// The key, once it was made; or why not.
static KEY: OnceLock<core::result::Result<libc::pthread_key_t, i32>> = OnceLock::new();

/// What the key leads to, until the thread ends.
#[derive(Default)]
struct Kept {
    rows: RefCell<Rows>,
    /// Rounds of destructors so far.
    rounds: Cell<u32>,
}

thread_local! {
    /// The number of a region, and whose the thread's row in it is. Nothing is destroyed with it, so it can be looked at until
    /// the thread's last instruction.
    static OWNERS: [Cell<(u64, Option<Owner>)>; REMEMBERED] = const { [const { Cell::new((0, None)) }; REMEMBERED] };

    /// Where the rows are; null before the first, and when they were given back.
    static KEPT: Cell<*const Kept> = const { Cell::new(core::ptr::null()) };

    /// Were they given back?
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

/// What a thread remembers of its rows.
///
/// Virtual threads take turns on one thread of the system, and each has rows of its own: whoever lets one go on
/// [exchanges](Self::exchange) what is remembered here for what is remembered of that one, and back when it pauses. Dropped, the
/// rows are given back: the thread has ended.
#[cfg(feature = "model")]
#[derive(Debug, Default)]
pub struct ThreadRows {
    owners: [(u64, Option<Owner>); REMEMBERED],
    rows: Rows,
}

#[cfg(feature = "model")]
impl ThreadRows {
    /// Exchanges this for what the calling thread remembers.
    pub fn exchange(&mut self) {
        OWNERS.with(|owners| {
            owners.iter().zip(&mut self.owners).for_each(|(cell, kept)| *kept = cell.replace(*kept));
        });
        // A thread that ends has no virtual threads any more.
        let _ = with_rows(|rows| core::mem::swap(&mut *rows.borrow_mut(), &mut self.rows));
    }
}

/// Forgets whose a row is that is about to be given back.
pub(crate) fn forget(owner: Owner) {
    OWNERS.with(|owners| {
        // One of another region may look the same: it is found again.
        let named = owners.iter().filter(|cell| cell.get().1 == Some(owner));
        named.for_each(|cell| cell.set((0, None)));
    });
}

/// Forgets everything, in a forked child, which has one thread.
pub(crate) fn forget_all() {
    OWNERS.with(|owners| owners.iter().for_each(|cell| cell.set((0, None))));
}

/// Does something with this thread's rows, which are kept until it ends.
fn with_rows<R>(action: impl FnOnce(&RefCell<Rows>) -> R) -> Result<R, ParticipateError> {
    if ENDS.get() {
        return Err(ParticipateError::ThreadEnds);
    }
    let mut kept = KEPT.get();
    if kept.is_null() {
        kept = keep()?;
    }
    // SAFETY: what `keep` leaked, and only `give_back` frees, which takes the address away first; of this thread alone.
    let kept = unsafe { &*kept };
    Ok(action(&kept.rows))
}

/// Has the thread keep rows from now on.
#[cold]
fn keep() -> Result<*const Kept, ParticipateError> {
    let doing = "making ready for the end of a thread";
    let key = *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: fills what it is given; the destructor takes what `pthread_setspecific` below is given.
        let failed = unsafe { libc::pthread_key_create(&raw mut key, Some(give_back)) };
        if failed == 0 { Ok(key) } else { Err(failed) }
    });
    let key = key.map_err(Errno::from_raw_os_error).doing(doing)?;
    let kept = Box::into_raw(Box::<Kept>::default());
    // SAFETY: a key that was made above and is never deleted.
    let failed = unsafe { libc::pthread_setspecific(key, kept.cast_const().cast()) };
    if failed != 0 {
        // SAFETY: leaked just now, and nobody else knows of it.
        drop(unsafe { Box::from_raw(kept) });
        return Err(Errno::from_raw_os_error(failed)).doing(doing)?;
    }
    KEPT.set(kept);
    Ok(kept)
}

/// The end of the thread: in the last round but one its rows are given back.
unsafe extern "C" fn give_back(kept: *mut core::ffi::c_void) {
    let kept = kept.cast::<Kept>();
    // SAFETY: what `keep` leaked for this thread.
    let rounds = unsafe { &(*kept).rounds };
    rounds.set(rounds.get() + 1);
    if rounds.get() < ROUNDS {
        if let Some(Ok(key)) = KEY.get() {
            // SAFETY: a key that is never deleted. Where it is refused the rows are given back now.
            if unsafe { libc::pthread_setspecific(*key, kept.cast_const().cast()) } == 0 {
                return;
            }
        }
    }
    ENDS.set(true);
    KEPT.set(core::ptr::null());
    // SAFETY: leaked by `keep`; nobody finds it any more.
    drop(unsafe { Box::from_raw(kept) });
}

impl Region {
    /// This thread's row, claimed at the first call and kept until the thread ends, or next asks for a row of any region after
    /// this one was dropped. Dropping the answer frees nothing.
    ///
    /// # Errors
    ///
    /// [`ParticipateError::TableFull`] when every row belongs to somebody alive, [`ParticipateError::Forked`] in a child of the
    /// process that opened the region, [`ParticipateError::ThreadEnds`] when the thread has given its rows back already, behind
    /// the destructors of all thread-locals.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, Region, Standing};
    /// use std::sync::Arc;
    ///
    /// let region = Arc::new(Region::anonymous(&Blueprint::new(1, 1))?);
    /// let there = Arc::clone(&region);
    /// let owner = std::thread::spawn(move || there.thread_participant().map(|me| me.owner())).join().unwrap()?;
    /// assert_eq!(region.standing(owner)?, Standing::Gone);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn thread_participant(self: &Arc<Self>) -> Result<Rc<Participant>, ParticipateError> {
        if self.is_forked() {
            return Err(ParticipateError::Forked);
        }
        // No row is claimed or given back while the list is borrowed: under hooks, a call to the kernel may
        // be where the thread goes on as another virtual process, which asks for a row of its own.
        let (known, left) = with_rows(|rows| {
            let mut rows = rows.borrow_mut();
            let mut left = Vec::new();
            while let Some(at) = rows.iter().position(|(region, _)| region.strong_count() == 0) {
                left.push(rows.swap_remove(at));
            }
            let known = rows.iter().find(|(region, _)| std::ptr::eq(region.as_ptr(), Arc::as_ptr(self)));
            (known.map(|(_, participant)| Rc::clone(participant)), left)
        })?;
        drop(left);
        if let Some(participant) = known {
            return Ok(participant);
        }
        let participant = Rc::new(Participant::attach(self, Kind::Thread)?);
        let entry = (Arc::downgrade(self), Rc::clone(&participant));
        with_rows(|rows| rows.borrow_mut().push(entry))?;
        Ok(participant)
    }

    /// Whose row is [`thread_participant`](Self::thread_participant)'s: found by one look, after the first call.
    ///
    /// # Errors
    ///
    /// As [`thread_participant`](Self::thread_participant).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, Region};
    /// use std::sync::Arc;
    ///
    /// let region = Arc::new(Region::anonymous(&Blueprint::new(1, 1))?);
    /// assert_eq!(region.thread_owner()?, region.thread_participant()?.owner());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn thread_owner(self: &Arc<Self>) -> Result<Owner, ParticipateError> {
        let number = self.number();
        let (known, owner) = OWNERS.with(|owners| owners[number as usize % REMEMBERED].get());
        match owner {
            Some(owner) if known == number => Ok(owner),
            _ => self.learn_thread_owner(),
        }
    }

    #[cold]
    #[inline(never)]
    fn learn_thread_owner(self: &Arc<Self>) -> Result<Owner, ParticipateError> {
        let (number, owner) = (self.number(), self.thread_participant()?.owner());
        OWNERS.with(|owners| owners[number as usize % REMEMBERED].set((number, Some(owner))));
        Ok(owner)
    }
}
