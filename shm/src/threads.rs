//! The rows that a thread has, one in each region in which it takes locks.
//!
//! ```text
//!   ROWS      the rows themselves: claimed at the first call, given back when the thread ends
//!   OWNERS    whose they are, for the last few regions: found again by one look at memory of the thread's own
//! ```
//!
//! A lock is taken by one atomic instruction, which stores who took it; so who a thread is must be known at once. What
//! `OWNERS` remembers is forgotten as soon as a row is given back, and by a forked child before it runs.

use crate::error::ParticipateError;
use crate::participants::{Kind, Owner, Participant};
use crate::region::Region;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Weak};

/// How many regions a thread remembers its rows of; each has its place, by its number.
const REMEMBERED: usize = 4;

thread_local! {
    /// The number of a region, and whose the thread's row in it is. Nothing is destroyed with it, so it can be looked at until
    /// the thread's last instruction.
    static OWNERS: [Cell<(u64, Option<Owner>)>; REMEMBERED] = const { [const { Cell::new((0, None)) }; REMEMBERED] };

    static ROWS: RefCell<Vec<(Weak<Region>, Rc<Participant>)>> = const { RefCell::new(Vec::new()) };
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

impl Region {
    /// This thread's row, claimed at the first call and kept until the thread ends, or next asks for a row of any region after
    /// this one was dropped. Dropping the answer frees nothing.
    ///
    /// # Errors
    ///
    /// [`ParticipateError::TableFull`] when every row belongs to somebody alive.
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
        Ok(self.thread_row()?.0)
    }

    /// Whose row is [`thread_participant`](Self::thread_participant)'s: found by one look, after the first call.
    ///
    /// # Errors
    ///
    /// [`ParticipateError::TableFull`] when every row belongs to somebody alive, [`ParticipateError::Forked`] in a child of the
    /// process that opened the region, [`ParticipateError::ThreadEnds`] when the thread has given its rows back already,
    /// because what runs is the destructor of another thread-local.
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
        let (row, is_kept) = self.thread_row()?;
        if !is_kept {
            return Err(ParticipateError::ThreadEnds);
        }
        let (number, owner) = (self.number(), row.owner());
        OWNERS.with(|owners| owners[number as usize % REMEMBERED].set((number, Some(owner))));
        Ok(owner)
    }

    /// The row, and whether it is kept until the thread ends.
    fn thread_row(self: &Arc<Self>) -> Result<(Rc<Participant>, bool), ParticipateError> {
        if self.is_forked() {
            return Err(ParticipateError::Forked);
        }
        // No row is claimed or given back while the list is borrowed: under hooks, a call to the kernel may
        // be where the thread goes on as another virtual process, which asks for a row of its own.
        let listed = ROWS.try_with(|rows| {
            let mut rows = rows.borrow_mut();
            let mut left = Vec::new();
            while let Some(at) = rows.iter().position(|(region, _)| region.strong_count() == 0) {
                left.push(rows.swap_remove(at));
            }
            let known = rows.iter().find(|(region, _)| std::ptr::eq(region.as_ptr(), Arc::as_ptr(self)));
            (known.map(|(_, participant)| Rc::clone(participant)), left)
        });
        let (known, left) = listed.unwrap_or_default();
        drop(left);
        if let Some(participant) = known {
            return Ok((participant, true));
        }
        let participant = Rc::new(Participant::attach(self, Kind::Thread)?);
        // A thread whose thread-locals are destroyed keeps the row only as long as the answer.
        let entry = (Arc::downgrade(self), Rc::clone(&participant));
        let is_kept = ROWS.try_with(|rows| rows.borrow_mut().push(entry)).is_ok();
        Ok((participant, is_kept))
    }
}
