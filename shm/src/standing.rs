//! How it stands with an owner: alive, dying, or gone.
//!
//! ```text
//!   row's word      another generation, or free            gone: it left, or somebody has its row
//!        │ the same
//!   life word       not marked                             alive
//!        │ marked, or one that nobody marks
//!   lock byte       free                                   gone
//!                   held                                   dying, or alive if nobody would have marked it
//! ```
//!
//! The row's word is read first and the lock asked last, so a lock that is free then is free for good of whoever wrote the
//! word. (Between, another may have claimed the row: then the lock is held, and the next look finds another generation.) In
//! between the row's word is read again, since the life word may be a later owner's.
//!
//! The kernel marks what it sees die, as far as it gets: it gives up a list at the first entry that it cannot read, and it
//! sees no power failure, nor anything of a file that was copied while it was in use. So whoever has waited long, and whoever
//! opens a file, looks closely: takes the lock byte of an owner that is gone and marks its word.

#![allow(unsafe_code)] // because rows are words at addresses in the region.

use crate::error::{Doing, SystemError};
use crate::layout::{FREE, PROCESS, ROW_LOCKS, Row, THREAD};
use crate::location::Location;
use crate::participants::{Kind, Owner};
use crate::primitive::{AtomicU32, Ordering, fence};
use crate::region::Region;
use crate::sentinel::DIED;
use rustix::io::Errno;

/// How it stands with an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It lives: it runs, waits or is stopped.
    Alive,
    /// It was killed or ended, and a thread of it may still be about to write. Ask again in a moment.
    Dying,
    /// It is gone, by death or by leaving, and will write no more. (In the moment in which somebody else claims its row, one
    /// that was gone may look as if it were dying.)
    Gone,
}

/// A row of the table, as it was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowEntry {
    /// Whose row it is, or was last.
    pub owner: Owner,
    /// What the owner is.
    pub kind: Kind,
    /// How it stands with it. A row of one that is [`Standing::Gone`] was left by a death, and is free to be claimed.
    pub standing: Standing,
    /// Its process id in its own PID namespace, as it said.
    pub process: u32,
    /// Its thread id in its own PID namespace, as it said.
    pub thread: u32,
    /// When it attached, in nanoseconds of the monotonic clock, as it said.
    pub attached_ns: u64,
}

/// The life word of another participant, to sleep at beside what one waits for.
///
/// As it marks the word the kernel wakes one of those who sleep there: whoever finds that it is not [`alive`](Self::alive) any
/// more wakes the others ([`kernel::wake`](crate::primitive::kernel::wake)).
#[derive(Clone, Copy, Debug)]
pub struct LifeWord<'a> {
    /// The word.
    pub word: &'a AtomicU32,
    /// Its value as long as the owner lives. Where nobody will mark the word, it is 0.
    pub alive: u32,
}

impl Region {
    /// How it stands with an owner. An owner that no row can have is gone.
    ///
    /// Who wants to take over what an owner had reads the word that names it, asks this, and changes exactly that word.
    ///
    /// # Errors
    ///
    /// [`SystemError`] when the system does not answer, as when this process's descriptors were closed under it; `EBADF` in a
    /// forked child, which has nothing of its parent's regions.
    pub fn standing(&self, owner: Owner) -> Result<Standing, SystemError> {
        self.is_at_home()?;
        let Some(row) = self.row(owner.row()) else { return Ok(Standing::Gone) };
        // Acquire: of an owner that left or was replaced, all it did in the region is there. Pairs with the Releases in
        // `Participant::claim` and its drop.
        let word = row.word.load(Ordering::Acquire);
        if (word >> 32) as u32 != owner.generation() || word as u32 == FREE {
            return Ok(Standing::Gone);
        }
        // Acquire: pairs with the full barrier of the kernel that marked it, and with the Releases of those who own the row
        // after the owner: if the life word is one of theirs, the row's word is found changed below.
        let life = row.life.load(Ordering::Acquire);
        // Relaxed: the Acquire of the life word makes it new enough, and if the owner is gone, the fence an Acquire of it.
        if row.word.load(Ordering::Relaxed) != word {
            // Acquire: as that of the word above, and with the same Releases.
            fence(Ordering::Acquire);
            return Ok(Standing::Gone);
        }
        if life != 0 && life & DIED == 0 && self.sees_every_mark() {
            return Ok(Standing::Alive);
        }
        // Marked, or never to be marked: the lock knows. It is asked after the word was read, so if it is free now, whoever
        // wrote the word is gone. (If it is not, another may own the row by now, and the next look will say so.)
        let held = self.backing().is_held(ROW_LOCKS + u64::from(owner.row()));
        Ok(match held.doing("asking for an owner")? {
            false => Standing::Gone,
            true if life & DIED != 0 => Standing::Dying,
            true => Standing::Alive,
        })
    }

    /// As [`standing`](Self::standing), without trusting the life word that says that it lives: the lock alone is asked.
    ///
    /// # Errors
    ///
    /// As [`standing`](Self::standing).
    pub fn is_gone(&self, owner: Owner) -> Result<bool, SystemError> {
        self.is_at_home()?;
        let Some(row) = self.row(owner.row()) else { return Ok(true) };
        // Acquire: as in `standing`.
        let word = row.word.load(Ordering::Acquire);
        if (word >> 32) as u32 != owner.generation() || word as u32 == FREE {
            return Ok(true);
        }
        let held = self.backing().is_held(ROW_LOCKS + u64::from(owner.row()));
        Ok(!held.doing("asking for an owner")?)
    }

    /// The life word of an owner that has one and has not been told dead. No system call.
    #[inline]
    #[must_use]
    pub fn life(&self, owner: Owner) -> Option<LifeWord<'_>> {
        let row = self.row(owner.row())?;
        // Acquire: the life word is that of this generation or of a later one. Pairs with the Release in
        // `Participant::claim`.
        let word = row.word.load(Ordering::Acquire);
        // Acquire: if it is of a later one, or taken back, the row's word is found changed. Pairs with the Releases in
        // `Participant::claim` and its drop.
        let alive = row.life.load(Ordering::Acquire);
        let is_same = row.word.load(Ordering::Relaxed) == word;
        let is_owner = is_same && (word >> 32) as u32 == owner.generation() && word as u32 != FREE;
        (is_owner && alive & DIED == 0).then_some(LifeWord { word: &row.life, alive })
    }

    /// The core on which an owner last said that it runs: a hint.
    #[must_use]
    pub fn last_core(&self, owner: Owner) -> Option<u32> {
        // Relaxed: a hint.
        self.row(owner.row())?.core.load(Ordering::Relaxed).checked_sub(1)
    }

    /// The rows that belong to somebody, or did when their owner died. Looking changes nothing.
    ///
    /// # Errors
    ///
    /// [`SystemError`] when the system does not answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, Kind, Region};
    ///
    /// let region = Region::anonymous(&Blueprint::new(1, 1))?;
    /// let me = region.participant()?;
    /// let rows = region.participants()?;
    /// assert_eq!((rows.len(), rows[0].owner, rows[0].kind), (1, me.owner(), Kind::Process));
    /// assert_eq!(rows[0].process, std::process::id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn participants(&self) -> Result<Vec<RowEntry>, SystemError> {
        self.is_at_home()?;
        let mut entries = Vec::new();
        for number in 0..self.geometry().rows {
            let Some(row) = self.row(number) else { break };
            // Acquire: the row behind it is whole. Pairs with the Release in `Participant::claim`.
            let word = row.word.load(Ordering::Acquire);
            let kind = match word as u32 {
                PROCESS => Kind::Process,
                THREAD => Kind::Thread,
                _ => continue,
            };
            let owner = Owner::new(number, (word >> 32) as u32);
            let identity = row.identity.load(Ordering::Relaxed);
            entries.push(RowEntry {
                owner,
                kind,
                standing: self.standing(owner)?,
                process: (identity >> 32) as u32,
                thread: identity as u32,
                attached_ns: row.attached_ns.load(Ordering::Relaxed),
            });
        }
        Ok(entries)
    }

    /// Marks the life words of owners that are gone and were never marked. The kernel marks what it sees die: it sees no
    /// power failure, and nothing of a file that was copied while it was in use.
    pub(crate) fn mark_unmarked(&self) -> rustix::io::Result<()> {
        (0..self.geometry().rows).try_for_each(|number| self.mark_if_gone(number))
    }

    /// Asks the lock of an owner that its life word calls alive, and marks the word if the owner is gone after all: where the
    /// kernel could not, since it gives up a list at the first entry that it cannot read. For whoever has waited for long.
    ///
    /// # Errors
    ///
    /// As [`standing`](Self::standing).
    pub fn look_closely(&self, owner: Owner) -> Result<(), SystemError> {
        self.mark_if_gone(owner.row()).doing("asking for an owner")
    }

    fn mark_if_gone(&self, number: u32) -> rustix::io::Result<()> {
        let Some(row) = self.row(number) else { return Ok(()) };
        // Relaxed: looked at again under the lock.
        let life = row.life.load(Ordering::Relaxed);
        let byte = ROW_LOCKS + u64::from(number);
        if self.is_read_only() || life == 0 || life & DIED != 0 || self.backing().is_held(byte)? {
            return Ok(());
        }
        // While the byte is ours nobody claims the row. (Who wants one meanwhile finds this one taken.)
        let Some(_ours) = self.backing().hold(byte, true)? else { return Ok(()) };
        // Relaxed, both: nobody stored anything after the owner was gone, and the lock told that it is.
        let _ = row.life.compare_exchange(life, life | DIED, Ordering::Relaxed, Ordering::Relaxed);
        Ok(())
    }

    /// Fails in a forked child, which would take zeros for the rows.
    pub(crate) fn is_at_home(&self) -> Result<(), SystemError> {
        if self.is_known_forked() {
            Err(SystemError::new("asking for an owner", Errno::BADF))
        } else {
            Ok(())
        }
    }

    /// Is an unmarked life word that of somebody alive? Not to a reader of a file, who could mark nothing when it came.
    fn sees_every_mark(&self) -> bool {
        !(self.is_read_only() && matches!(self.location(), Some(Location::File(_))))
    }

    /// A row of the table, if the region has that many.
    #[inline]
    fn row(&self, number: u32) -> Option<&Row> {
        if number >= self.geometry().rows {
            return None;
        }
        let row = self.rows().as_ptr().wrapping_add(number as usize);
        // SAFETY: a whole row of the table, whose length was checked against the number of rows, and which begins at a page
        // and is mapped while the region lives; all of it is atomic words.
        Some(unsafe { &*row })
    }
}
