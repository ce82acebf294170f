//! A barrier that notices when somebody will never come.
//!
//! ```text
//!   63        32 31     8 7    3   2      1       0
//!   ┌───────────┬────────┬──────┬──────┬────────┬──────────┐
//!   │ arrived   │ phase  │ seat │ left │ broken │ sleepers │       one word; the kernel sleeps at its lower half
//!   └───────────┴────────┴──────┴──────┴────────┴──────────┘
//!
//!   join      a seat: 0 ─▶ me
//!   arrive    one more has arrived                    one compare-and-swap; of the last one it is
//!             the next phase, in which nobody has     the same, and those who sleep are woken
//!   wait      the phase is another? by ─ look a while ─ set `sleepers` ─ look after the seats that are missing
//!             ─ sleep at the word, beside their life words ─ again
//! ```
//!
//! That all have arrived and that the next phase begins is one step, so there is no moment between the two to die in. The one
//! who takes it was missing when the others looked, so they sleep beside its life word, and are woken by it or by its death.
//!
//! **Somebody who is gone** is found by those who wait for it. Either it breaks the barrier, by one more change of the word,
//! or, where that was chosen, it is not waited for any more (`dropped`). Whoever leaves does the same for itself. A seat that is
//! dropped counts as arrived; whoever sees that all have arrived by that begins the next phase. A party that arrives looks at
//! `dropped` behind a full fence, and who drops looks at the word behind one: one of them sees the other.
//!
//! **A broken barrier** stays broken for this phase, and for all who are in it. When all of them have left, or are gone, the
//! next one to join begins it anew.
//!
//! | killed | leaves |
//! |---|---|
//! | joining, before it rouses those who sleep | a seat that they do not sleep beside: found gone at the tick (`repaired` counts) |
//! | before it has arrived | a seat that is missing: found gone by those who wait |
//! | behind its arrival | an arrival; missing in the next phase |
//! | as the last one, behind the step | the next phase, and sleepers that its life word wakes |
//! | beginning the next phase for one that was dropped, behind the step | the next phase, and sleepers whose ticks end their sleep |
//! | breaking, dropping, leaving | the step, or a seat that somebody gone has |
//! | beginning anew | a broken barrier without parties, until the last step |
//!
//! What it deliberately does not do: more parties than [`PARTIES_MAX`].

mod party;
mod seats;
mod word;

pub use party::{Party, Passed};
pub use word::PARTIES_MAX;

use crate::error::{Broken, JoinError};
use crate::layout::{BEHIND, BarrierLine, LINE};
use crate::place::{Place, Spot};
use crate::shared::{Shared, by_name};
use crate::{Deadline, OpenError};
use ringway_shm::fingerprint::Hash;
use ringway_shm::primitive::{AtomicU64, Ordering, fence, kernel};
use ringway_shm::{Participant, Region};
use std::sync::Arc;
use std::time::Duration;
use word::*;

/// How long a call that waits for a seat sleeps between two looks.
const JOIN_SLICE: Duration = Duration::from_millis(1);

/// What becomes of a barrier when a party dies, or leaves without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnDeath {
    /// It is broken: all who wait, and all who arrive, are told by whom.
    #[default]
    Break,
    /// The party is not waited for any more.
    Drop,
}

/// A barrier in shared memory, at which as many parties as were [expected](Self::expect) wait for each other, phase by phase.
///
/// Each party [joins](Self::join), and from then on is waited for. One that dies breaks the barrier, or is dropped, by choice.
///
/// # Examples
///
/// ```
/// use ringway_sync::{Barrier, Setup};
///
/// let barrier: Barrier = Setup::new().anonymous()?;
/// barrier.expect(2)?;
/// let (mut here, there) = (barrier.join()?, barrier.clone());
/// let other = std::thread::spawn(move || there.join().unwrap().arrive_and_wait().map(|passed| passed.phase));
/// assert_eq!(here.arrive_and_wait()?.phase, 0);
/// assert_eq!(other.join().unwrap()?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Barrier {
    place: Place<BarrierLine>,
    participant: Arc<Participant>,
}

impl Shared for Barrier {
    const LEN: usize = (BEHIND + 8 * PARTIES_MAX as usize).next_multiple_of(LINE);
    const FINGERPRINT: u128 = Hash::new().bytes(b"Barrier").finish();

    fn at(spot: Spot) -> Result<Self, OpenError> {
        let participant = spot.region().participant()?;
        Ok(Self { place: Place::new::<Self>(spot)?, participant })
    }
}

impl Barrier {
    by_name!("a barrier");

    /// Says how many parties it is for: 1 to [`PARTIES_MAX`]. Said once for all; whoever says it again says the same.
    ///
    /// # Errors
    ///
    /// [`JoinError::Expects`] when somebody has said otherwise, [`JoinError::Parties`], [`JoinError::Forked`].
    pub fn expect(&self, parties: u32) -> Result<(), JoinError> {
        self.expect_with(parties, OnDeath::Break)
    }

    /// As [`expect`](Self::expect), and what becomes of it when a party dies.
    ///
    /// # Errors
    ///
    /// As [`expect`](Self::expect).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Barrier, OnDeath, Setup};
    ///
    /// let barrier: Barrier = Setup::new().anonymous()?;
    /// barrier.expect_with(2, OnDeath::Drop)?;
    /// let mut party = barrier.join()?;
    /// drop(barrier.join()?);
    /// party.arrive_and_wait()?; // alone
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expect_with(&self, parties: u32, on_death: OnDeath) -> Result<(), JoinError> {
        if !(1..=PARTIES_MAX).contains(&parties) {
            return Err(JoinError::Parties { max: PARTIES_MAX });
        }
        if self.region().is_known_forked() {
            return Err(JoinError::Forked);
        }
        let wanted = parties | if on_death == OnDeath::Drop { DROPS } else { 0 };
        // Relaxed: the number says nothing of other bytes.
        let (word, order) = (&self.place.line().expected, Ordering::Relaxed);
        match word.compare_exchange(0, wanted, order, order) {
            Err(found) if found != wanted => Err(JoinError::Expects { parties: found & PARTIES }),
            _ => Ok(()),
        }
    }

    /// As [`join`](Self::join), but waits until a deadline for a seat, and for those who are in a broken barrier to leave it.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn join_until(&self, deadline: impl Into<Deadline>) -> Result<Party, JoinError> {
        let deadline = deadline.into();
        loop {
            match self.join() {
                Err(JoinError::Full { .. } | JoinError::Broken(_)) if !deadline.has_passed() => {
                    kernel::pause(deadline.remaining().unwrap_or(JOIN_SLICE).min(JOIN_SLICE));
                }
                answer => return answer,
            }
        }
    }

    /// How many parties it is for; `None` if nobody has said.
    #[must_use]
    pub fn parties(&self) -> Option<u32> {
        // Relaxed: as in `expect_with`.
        let parties = self.place.line().expected.load(Ordering::Relaxed) & PARTIES;
        if parties == 0 { None } else { Some(parties) }
    }

    /// The phase that is under way: how many were passed, modulo 2^24.
    #[must_use]
    pub fn phase(&self) -> u32 {
        // Relaxed: it may be over by the time that it is told.
        phase(self.place.line().word.load(Ordering::Relaxed))
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

    fn seats(&self) -> &[AtomicU64] {
        self.place.cells(PARTIES_MAX as usize)
    }

    /// Has those who sleep look again: something has changed beside the word, and behind that was a full fence. It pairs with the
    /// one in `Party::sleep`: either the sleeper's look behind it sees the change, or we see the bit.
    fn rouse(&self) {
        let word = &self.place.line().word;
        // Relaxed, both: whoever is woken looks for itself.
        let mut found = word.load(Ordering::Relaxed);
        while found & SLEEPERS != 0 {
            match word.compare_exchange(found, found & !SLEEPERS, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    kernel::wake(word.low_half());
                    return;
                }
                Err(now) => found = now,
            }
        }
    }

    /// Who broke the barrier.
    fn told(&self, word: u64) -> Broken {
        let seat = (word >> SEAT_AT & 31) as u32;
        // Relaxed: for people.
        let who = owner_in(self.seats()[seat as usize].load(Ordering::Relaxed));
        Broken { seat, who, died: word & LEFT == 0 }
    }

    /// Changes the word, and wakes those who sleep at what it was. False if it was another one by then.
    fn change(&self, found: u64, new: u64) -> Result<(), u64> {
        let word = &self.place.line().word;
        // Release: what each party did before it arrived is there for all behind the phase. Each change goes on the release of the
        // ones before it, and the one that begins the phase goes on all of them. Pairs with the Acquire in `Party::look`, which
        // everybody passes who passes a phase, the last one as well.
        word.compare_exchange(found, new, Ordering::Release, Ordering::Relaxed)?;
        if found & SLEEPERS != 0 && new & SLEEPERS == 0 {
            kernel::wake(word.low_half());
        }
        Ok(())
    }

    /// Breaks the barrier, in this phase, unless somebody has.
    fn break_by(&self, seat: u32, why: u64) {
        // Relaxed: the change is of what was found.
        let mut found = self.place.line().word.load(Ordering::Relaxed);
        while found & BROKEN == 0 {
            match self.change(found, broken(found, seat, why)) {
                Ok(()) => return,
                Err(now) => found = now,
            }
        }
    }

    /// Waits for a seat no more, and begins the next phase if that was all that it lacked.
    fn drop_seat(&self, seat: u32, rules: Rules) {
        let line = self.place.line();
        // Release: what the party did is there for who waits for it no more. Pairs with the Acquires that look, of this drop and of
        // those before it. (Whoever drops sits here itself, so it is not begun anew meanwhile.)
        line.dropped.fetch_or(1 << seat, Ordering::Release);
        // Pairs with the fence in `Party::arrive_now`: either the arrival sees this, or we see the arrival.
        fence(Ordering::SeqCst);
        self.go_on_if_complete(rules);
        self.rouse();
    }

    /// Begins the next phase if all have arrived; true if it was by us.
    fn go_on_if_complete(&self, rules: Rules) -> bool {
        let line = self.place.line();
        // Acquire: pairs with the Release in `drop_seat`.
        let dropped = line.dropped.load(Ordering::Acquire) as u32;
        // Relaxed: the change is of what was found, and goes on the releases of those who have arrived.
        let mut found = line.word.load(Ordering::Relaxed);
        while found & BROKEN == 0 && rules.is_complete(arrived(found), dropped) {
            match self.change(found, after(found)) {
                Ok(()) => return true,
                Err(now) => found = now,
            }
        }
        false
    }
}
