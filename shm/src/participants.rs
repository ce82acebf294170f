//! Who takes part in a region, and who of them is gone.
//!
//! ```text
//!   attach   lock the byte of a free row ─ generation + 1 ─ life word on the sentinel's list ─ word = LIVE (Release)
//!   detach   word = FREE ─ life word 0 and its sleepers woken, in one step ─ off the list ─ lock given back
//!
//!   an owner is a row and its generation
//!   told     its life word is marked: it is dying (the kernel woke one who sleeps at the word, and that one the others)
//!   proven   its lock byte is free, or its row has another generation: it is gone
//! ```
//!
//! The lock byte decides: whoever holds a row's byte owns the row, and nobody else writes it, so claiming one that a dead
//! process left needs no agreement. The byte is held by the address space (hold.rs), so that it is free when no thread of
//! the process can write to the region any more. The life word is the news of it (sentinel.rs): the kernel marks it when
//! the process is about to end, and wakes; until the byte is free as well the owner counts as dying, and what it owned is
//! left alone. A process in a sandbox that refuses threads has no life word, and is found gone by its byte alone.
//!
//! Neither asks for a process id, which repeats, or differs between PID namespaces; nor for time: a stopped process is
//! alive.
//!
//! | killed | leaves |
//! |---|---|
//! | before the lock | nothing |
//! | between the lock and the word | a row that looks free, or like its last owner's, whose byte is free: the next one's |
//! | while attached | a live word whose byte is free: gone. Whoever attaches next may claim the row |
//! | in detach, after the word | a free row |
//!
//! A generation is 32 bits wide: a row would have to change hands 2^32 times while somebody remembers an owner.

#![allow(unsafe_code)] // because rows are words at addresses in the region.

use crate::error::{Doing, ParticipateError};
use crate::hold::Hold;
use crate::layout::{FREE, PAGE, PROCESS, ROW_LOCKS, ROWS, Row, THREAD};
use crate::mapping::Mapping;
use crate::primitive::{Ordering, fence, kernel};
use crate::region::Region;
use crate::sentinel::{self, Enlisted};
use core::fmt;
use core::num::NonZeroU64;
use core::ptr::NonNull;
use std::sync::{Arc, PoisonError};

/// A row and the generation in which somebody owned it: who a word in the region belongs to. Never given out twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner(NonZeroU64);

impl Owner {
    pub(crate) fn new(row: u32, generation: u32) -> Self {
        // Row numbers are below 2^16, so the sum fits and is not zero.
        let bits = u64::from(generation) << 32 | (u64::from(row) + 1);
        Self(NonZeroU64::new(bits).expect("a row's number plus one is not zero"))
    }

    /// The owner as it stands in a word: generation in the upper half, row + 1 in the lowest 16 bits, zeros between.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// The owner that a word names, if it can be one: a stranger's word names whatever it likes.
    #[must_use]
    pub fn from_bits(bits: u64) -> Option<Self> {
        let row = bits & 0xffff_ffff;
        ((1..=0xffff).contains(&row)).then(|| NonZeroU64::new(bits).map(Self)).flatten()
    }

    /// The row's number.
    #[must_use]
    pub fn row(self) -> u32 {
        (self.to_bits() & 0xffff) as u32 - 1
    }

    /// The row's generation.
    #[must_use]
    pub fn generation(self) -> u32 {
        (self.to_bits() >> 32) as u32
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owner({}, generation {})", self.row(), self.generation())
    }
}

/// What a participant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A process: its handles may move between its threads.
    Process,
    /// A thread.
    Thread,
}

/// A row of our own; given back when dropped, or when the process dies.
///
/// [`Region::participant`] makes that of a process, [`Region::thread_participant`] that of a thread.
#[derive(Debug)]
pub struct Participant {
    owner: Owner,
    /// The row: in the page of the window, or, where a stand-in kernel keeps the hold, in the region's own
    /// mapping.
    row: NonNull<Row>,
    /// The page that the row stands in, and its lock.
    window: Hold,
    /// Kept for the row's sake where the window has no page.
    _mapping: Option<Arc<Mapping>>,
    /// Our life word's place on the sentinel's list; `None` where the system gave us no sentinel.
    enlisted: Option<Enlisted>,
}

// SAFETY: the row is atomic words, in an address range of the process that the participant keeps; nothing of
// it belongs to a thread.
unsafe impl Send for Participant {}
// SAFETY: what is shared through it are atomic words.
unsafe impl Sync for Participant {}

impl Participant {
    /// Claims a row that nobody holds.
    pub(crate) fn attach(region: &Region, kind: Kind) -> Result<Self, ParticipateError> {
        if region.is_read_only() {
            return Err(ParticipateError::ReadOnly);
        }
        if region.is_forked() {
            return Err(ParticipateError::Forked);
        }
        let rows = region.geometry().rows;
        let table = region.geometry().section(ROWS).expect("every region has a table of participants").offset;
        let at = |row: u64| table + row * size_of::<Row>() as u64;
        let bytes = ROW_LOCKS..ROW_LOCKS + u64::from(rows);
        let claimed = region.backing().window(bytes, |row| at(row) - at(row) % PAGE);
        let (row, window) = claimed.doing("claiming a row")?.ok_or(ParticipateError::TableFull { rows })?;
        let (address, mapping) = match window.page() {
            Some(page) => {
                let place = (at(row) % PAGE) as usize;
                (NonNull::new(page.as_ptr().wrapping_add(place).cast::<Row>()), None)
            }
            None => {
                let address = region.rows().as_ptr().wrapping_add(row as usize);
                (NonNull::new(address), Some(Arc::clone(region.mapping())))
            }
        };
        let address = address.expect("an address in a mapping");
        let owner = Owner::new(row as u32, 0);
        let mut participant = Self { owner, row: address, window, _mapping: mapping, enlisted: None };
        participant.claim(kind);
        Ok(participant)
    }

    /// Writes the row, whose byte is ours.
    fn claim(&mut self, kind: Kind) {
        let row = self.row();
        // Relaxed: whoever wrote it held the byte, which we hold now, so it is there.
        let generation = ((row.word.load(Ordering::Relaxed) >> 32) as u32).wrapping_add(1);
        let thread = u64::from(sentinel::thread_id());
        let process = u64::from(crate::process::process_id());
        // Relaxed: the Release of the life word publishes it. From here on the last owner is gone by the row as well.
        row.word.store(u64::from(generation) << 32 | u64::from(FREE), Ordering::Relaxed);
        // Relaxed, all: the word's Release publishes them.
        row.core.store(0, Ordering::Relaxed);
        row.held.store(0, Ordering::Relaxed);
        row.identity.store(process << 32 | thread, Ordering::Relaxed);
        row.attached_ns.store(u64::try_from(kernel::now().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let enlisted = if self.window.page().is_none() {
            sentinel::enlist_instead(&row.life)
        } else if self.window.has_private() {
            // SAFETY: the window has a private page behind it, which is this participant's alone and lives until the
            // window is dropped, which is after `detach`.
            unsafe { sentinel::enlist(&row.life) }
        } else {
            None
        };
        // Release: whoever finds this life word finds that it is not the last owner's. Pairs with the Acquires in
        // `Region::standing` and `Region::life`.
        row.life.store(enlisted.as_ref().map_or(0, Enlisted::alive), Ordering::Release);
        let state = if kind == Kind::Process { PROCESS } else { THREAD };
        // Release: the row is whole before it is live. Pairs with the Acquire in `Region::row`'s readers.
        row.word.store(u64::from(generation) << 32 | u64::from(state), Ordering::Release);
        // Release: whoever finds this owner in a word that this thread wrote from here on, by whatever ordering, finds its row
        // live. Pairs with the fence of who looks after an owner (`beside::look` in sync).
        fence(Ordering::Release);
        self.enlisted = enlisted;
        self.owner = Owner::new(self.owner.row(), generation);
    }

    /// Our row and its generation.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// Says on which core we run now, for those who wait for us.
    pub fn runs_on(&self, core: u32) {
        let word = &self.row().core;
        // Relaxed, both: a hint.
        if word.load(Ordering::Relaxed) != core.wrapping_add(1) {
            word.store(core.wrapping_add(1), Ordering::Relaxed);
        }
    }

    fn row(&self) -> &Row {
        // SAFETY: a row of the window's page, mapped as long as the window lives, or of the region's mapping, which `_mapping`
        // keeps; aligned; all of it is atomic words.
        unsafe { self.row.as_ref() }
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        crate::threads::forget(self.owner);
        if self.window.is_elsewhere() {
            return;
        }
        let row = self.row();
        // Release: what we did in the region is done before we are gone from it. Pairs with the Acquire in
        // `Region::standing`.
        row.word.store(u64::from(self.owner.generation()) << 32 | u64::from(FREE), Ordering::Release);
        // A Release: whoever finds this 0 finds that the row is nobody's. Pairs with the Acquires in `Region::standing` and
        // `Region::life`. In one step with the wake, and before the word is off its list: whoever sleeps at the word is woken
        // by this or by the kernel's mark, wherever we are killed.
        kernel::store_and_wake(&row.life, 0);
        if let Some(enlisted) = &self.enlisted {
            sentinel::delist(enlisted, &row.life);
        }
        // The window goes after this, and with it the lock.
    }
}

impl Region {
    /// This process's row, claimed at the first call and kept until the last clone of the answer is dropped.
    ///
    /// # Errors
    ///
    /// [`ParticipateError::TableFull`] when every row belongs to somebody alive.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, Region, Standing};
    ///
    /// let region = Region::anonymous(&Blueprint::new(1, 1))?;
    /// let me = region.participant()?;
    /// assert_eq!(region.standing(me.owner())?, Standing::Alive);
    /// let owner = me.owner();
    /// drop(me);
    /// assert_eq!(region.standing(owner)?, Standing::Gone);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn participant(&self) -> Result<Arc<Participant>, ParticipateError> {
        // Asked first: another thread of the parent may have had the lock when it forked.
        if self.is_forked() {
            return Err(ParticipateError::Forked);
        }
        let mut known = self.known().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(participant) = known.upgrade() {
            return Ok(participant);
        }
        let participant = Arc::new(Participant::attach(self, Kind::Process)?);
        *known = Arc::downgrade(&participant);
        Ok(participant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_its_bits() {
        for (row, generation) in [(0, 0), (0, u32::MAX), (4095, 1), (0xfffe, 7)] {
            let owner = Owner::new(row, generation);
            assert_eq!((owner.row(), owner.generation()), (row, generation));
            assert_eq!(Owner::from_bits(owner.to_bits()), Some(owner));
        }
        for bits in [0, 1 << 16, 1 << 32, u64::MAX, 0x1_0000_0000] {
            assert_eq!(Owner::from_bits(bits), None, "{bits:#x}");
        }
    }
}
