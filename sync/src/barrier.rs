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
//! | breaking, dropping, leaving | the step, or a seat that somebody gone has |
//! | beginning anew | a broken barrier without parties, until the last step |
//!
//! What it deliberately does not do: more parties than [`PARTIES_MAX`].

use crate::beside::{self, Company, Dying, Holder};
use crate::error::{BarrierError, Broken, JoinError};
use crate::layout::{BEHIND, BarrierLine, LINE};
use crate::place::{Place, Spot};
use crate::shared::{Shared, by_name};
use crate::{Deadline, Next, OpenError, Pace, Step, WaitStrategy};
use ringway_shm::fingerprint::Hash;
use ringway_shm::primitive::{AtomicU64, Ordering, fence, kernel};
use ringway_shm::{Owner, Participant, Region, SystemError};
use std::sync::Arc;
use std::time::Duration;

/// Most parties of a barrier.
pub const PARTIES_MAX: u32 = 32;

const SLEEPERS: u64 = 1;
const BROKEN: u64 = 2;
const LEFT: u64 = 4;
const SEAT_AT: u32 = 3;
const PHASE_AT: u32 = 8;
const ARRIVED_AT: u32 = 32;

/// A seat: its owner, and in bits 16 to 31, which are zero in an owner, the lowest bits of the phase with which the barrier had
/// begun.
const BEGUN_AT: u32 = 16;

/// [`BarrierLine::expected`]: how many parties, and whether the dead are dropped.
const PARTIES: u32 = 0xff;
const DROPS: u32 = 0x100;

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
        Ok(Self { place: Place::new(spot)?, participant })
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

    /// Takes a seat: from now on this party is waited for.
    ///
    /// # Errors
    ///
    /// [`JoinError::Full`], [`JoinError::NotSetUp`]; [`JoinError::Broken`] as long as somebody is in it who was when it broke;
    /// [`JoinError::Forked`], [`JoinError::System`].
    pub fn join(&self) -> Result<Party, JoinError> {
        if self.region().is_known_forked() {
            return Err(JoinError::Forked);
        }
        let line = self.place.line();
        // Relaxed: as in `expect_with`.
        let expected = line.expected.load(Ordering::Relaxed);
        let parties = expected & PARTIES;
        if !(1..=PARTIES_MAX).contains(&parties) {
            return Err(JoinError::NotSetUp);
        }
        let rules = Rules { all: u32::MAX >> (PARTIES_MAX - parties), drops: expected & DROPS != 0 };
        // Each round is a step of this call, or of somebody else's.
        loop {
            // Acquire, both: of what was begun anew everything is there. Pairs with the Releases in `begin_anew`.
            let dropped = line.dropped.load(Ordering::Acquire);
            let word = line.word.load(Ordering::Acquire);
            if word & BROKEN == 0 {
                match self.take_seat(rules, dropped) {
                    Seat::Taken { seat, mine } => {
                        self.rouse();
                        let pace = Pace::new(WaitStrategy::default());
                        let barrier = self.clone();
                        return Ok(Party { barrier, rules, seat, mine, arrived: None, pace, is_done: false });
                    }
                    Seat::Late => continue,
                    Seat::None => {}
                }
            }
            // Pairs with the fence in `take_seat`: of one that takes a seat and one that has found the barrier broken and looks for
            // parties, one sees the other.
            fence(Ordering::SeqCst);
            if self.has_somebody(rules, dropped)? {
                return Err(if word & BROKEN == 0 {
                    JoinError::Full { parties }
                } else {
                    self.told(word).into()
                });
            }
            // Relaxed: of whoever was seen to be gone, and of the word, all that came before is there. If it is still the same, the
            // word that was read between was that of this beginning, and so were the seats.
            if line.dropped.load(Ordering::Relaxed) != dropped {
                continue;
            }
            // Nobody is in it any more.
            if word & BROKEN == 0 {
                // Relaxed, both: it hands nothing on. From here on nobody joins until it was begun anew.
                let order = Ordering::Relaxed;
                let _ = line.word.compare_exchange(word, broken(word, 0, LEFT), order, order);
            } else {
                self.begin_anew(rules, word, dropped);
            }
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

    /// Takes a seat in which nobody of this beginning is.
    fn take_seat(&self, rules: Rules, dropped: u64) -> Seat {
        let line = self.place.line();
        let mine = self.participant.owner().to_bits() | begun(dropped) << BEGUN_AT;
        for seat in seats_in(rules.all & !(dropped as u32)) {
            let cell = &self.seats()[seat as usize];
            // Acquire: of one that sits there since a later beginning, that beginning is there. Pairs with the AcqRel below.
            let found = cell.load(Ordering::Acquire);
            if sitting(found, dropped).is_some() {
                continue;
            }
            // Relaxed: as above.
            if found != 0 && line.dropped.load(Ordering::Relaxed) >> ARRIVED_AT != dropped >> ARRIVED_AT {
                return Seat::Late;
            }
            // AcqRel: what its last party did is there, and ours is for those who find us. Pairs with itself.
            if cell.compare_exchange(found, mine, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                return Seat::Late;
            }
            // Pairs with the fence in `join`.
            fence(Ordering::SeqCst);
            // Acquire: if this is the word of a new beginning, so is what is looked at next.
            let is_broken = line.word.load(Ordering::Acquire) & BROKEN != 0;
            let now = line.dropped.load(Ordering::Relaxed);
            // (A seat that was dropped is emptied after that.)
            if is_broken || now >> ARRIVED_AT != dropped >> ARRIVED_AT || now & 1 << seat != 0 {
                let _ = cell.compare_exchange(mine, 0, Ordering::Relaxed, Ordering::Relaxed);
                return Seat::Late;
            }
            return Seat::Taken { seat, mine };
        }
        Seat::None
    }

    /// Is there a party that is not gone?
    fn has_somebody(&self, rules: Rules, dropped: u64) -> Result<bool, SystemError> {
        for seat in seats_in(rules.all) {
            // Acquire: pairs with the AcqRel of who took it.
            let cell = self.seats()[seat as usize].load(Ordering::Acquire);
            let Some(owner) = sitting(cell, dropped) else { continue };
            if !matches!(beside::look(self.region(), owner)?, Holder::Gone) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Begins a barrier anew that is broken, and in which nobody is any more: with the phase behind the broken one. Another one may
    /// be at it as well: each change is of exactly what was found, and what was found is of one beginning, or is what another one
    /// has begun, and only the word is left to be changed.
    fn begin_anew(&self, rules: Rules, word: u64, dropped: u64) {
        let line = self.place.line();
        let whole = after(word);
        let next = u64::from(phase(whole)) << ARRIVED_AT;
        if dropped != next {
            for seat in seats_in(rules.all) {
                let cell = &self.seats()[seat as usize];
                // Relaxed, all: of those who are gone there is nothing to be handed on.
                let found = cell.load(Ordering::Relaxed);
                if sitting(found, dropped).is_some() {
                    let _ = cell.compare_exchange(found, 0, Ordering::Relaxed, Ordering::Relaxed);
                }
            }
            // AcqRel, as below: what is done above is there for whoever finds the barrier whole. Pairs with the Acquires in `join`.
            match line.dropped.compare_exchange(dropped, next, Ordering::AcqRel, Ordering::Relaxed) {
                Err(found) if found != next => return,
                _ => {}
            }
        }
        let _ = line.word.compare_exchange(word, whole, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Has those who sleep look again: something has changed beside the word.
    fn rouse(&self) {
        let word = &self.place.line().word;
        // Pairs with the fence in `Party::wait_slowly`: either the sleeper's look behind it sees the change, or we see the bit.
        fence(Ordering::SeqCst);
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
        // AcqRel: what each party did before it arrived is there for all behind the phase: of each arrival the next one goes on, and
        // the last begins the phase. Pairs with the Acquires in `Party::wait_until`.
        word.compare_exchange(found, new, Ordering::AcqRel, Ordering::Relaxed)?;
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
        // Acquire: pairs with the Releases in `begin_anew`, in case it was begun anew meanwhile.
        let mut found = line.dropped.load(Ordering::Acquire);
        while found & 1 << seat == 0 {
            // Release: what the party did is there for who waits for it no more. Pairs with the Acquires that look.
            match line.dropped.compare_exchange(found, found | 1 << seat, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => break,
                Err(now) => found = now,
            }
        }
        // Pairs with the fence in `Party::arrive`: either the arrival sees this, or we see the arrival.
        fence(Ordering::SeqCst);
        self.go_on_if_complete(rules);
        self.rouse();
    }

    /// Begins the next phase if all have arrived; true if it was by us.
    fn go_on_if_complete(&self, rules: Rules) -> bool {
        let line = self.place.line();
        // Acquire: pairs with the Releases in `drop_seat` and `change`.
        let dropped = line.dropped.load(Ordering::Acquire) as u32;
        let mut found = line.word.load(Ordering::Acquire);
        while found & BROKEN == 0 && rules.is_complete(arrived(found), dropped) {
            match self.change(found, after(found)) {
                Ok(()) => return true,
                Err(now) => found = now,
            }
        }
        false
    }
}

/// What was said of the barrier, as each party remembers it.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// The seats that there are.
    all: u32,
    /// Are the dead dropped?
    drops: bool,
}

impl Rules {
    /// Has every seat arrived, or is it not waited for? Not if nobody is: a phase is passed by somebody.
    fn is_complete(self, arrived: u32, dropped: u32) -> bool {
        (arrived | dropped) & self.all == self.all && arrived & self.all & !dropped != 0
    }
}

/// What came of the search for a seat.
enum Seat {
    Taken {
        seat: u32,
        mine: u64,
    },
    /// Somebody else changed something meanwhile.
    Late,
    None,
}

/// The numbers of the seats in a mask.
fn seats_in(mask: u32) -> impl Iterator<Item = u32> {
    (0..PARTIES_MAX).filter(move |seat| mask & 1 << seat != 0)
}

/// The phase with which the barrier began, as far as a seat remembers it.
fn begun(dropped: u64) -> u64 {
    dropped >> ARRIVED_AT & 0xffff
}

/// Whose a seat is, or was in an earlier beginning.
fn owner_in(cell: u64) -> Option<Owner> {
    Owner::from_bits(cell & !(0xffff << BEGUN_AT))
}

/// Who sits in a seat. One of an earlier beginning does not.
fn sitting(cell: u64, dropped: u64) -> Option<Owner> {
    if cell >> BEGUN_AT & 0xffff == begun(dropped) { owner_in(cell) } else { None }
}

fn arrived(word: u64) -> u32 {
    (word >> ARRIVED_AT) as u32
}

fn phase(word: u64) -> u32 {
    word as u32 >> PHASE_AT
}

/// The word of the next phase: whole, nobody has arrived, nobody sleeps.
fn after(word: u64) -> u64 {
    u64::from((word as u32 >> PHASE_AT).wrapping_add(1) << PHASE_AT)
}

/// The word of a barrier that is broken: nobody sleeps, since all are woken.
fn broken(word: u64, seat: u32, why: u64) -> u64 {
    word & !(SLEEPERS | 31 << SEAT_AT) | BROKEN | why | u64::from(seat) << SEAT_AT
}

/// A phase that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passed {
    /// Which: how many were passed before, modulo 2^24.
    pub phase: u32,
    /// Was it this party that ended it? True of one party of a phase at most.
    pub is_last: bool,
}

/// A seat at a barrier. Dropped, it leaves: which breaks the barrier, unless its dead are to be dropped, or
/// [`arrive_and_drop`](Self::arrive_and_drop) was called.
#[derive(Debug)]
pub struct Party {
    barrier: Barrier,
    rules: Rules,
    seat: u32,
    /// What stands there as long as it sits.
    mine: u64,
    /// The phase in which it has arrived and not been let by yet, and whether its arrival was the last one.
    arrived: Option<(u32, bool)>,
    pace: Pace,
    /// It has left.
    is_done: bool,
}

impl Party {
    /// Arrives, and does not wait. Once in a phase: called again in the same, it changes nothing; called when that one is passed, it
    /// arrives in the next.
    ///
    /// # Errors
    ///
    /// [`BarrierError::Broken`], [`BarrierError::Forked`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Barrier, BarrierError, Setup};
    ///
    /// let barrier: Barrier = Setup::new().anonymous()?;
    /// barrier.expect(2)?;
    /// let (mut one, mut two) = (barrier.join()?, barrier.join()?);
    /// one.arrive()?;
    /// assert_eq!(one.try_wait(), Err(BarrierError::WouldBlock));
    /// two.arrive()?;
    /// assert_eq!((one.wait()?.is_last, two.wait()?.is_last), (false, true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn arrive(&mut self) -> Result<(), BarrierError> {
        self.is_here()?;
        if self.look()?.is_none() && self.arrived.is_some() {
            return Ok(());
        }
        self.arrive_now()
    }

    /// Arrives, in a phase in which it has not.
    fn arrive_now(&mut self) -> Result<(), BarrierError> {
        let line = self.barrier.place.line();
        let mine = 1 << self.seat;
        loop {
            // Acquire: what those did who are not waited for any more is there. Pairs with the Release in `drop_seat`.
            let dropped = line.dropped.load(Ordering::Acquire) as u32;
            // Relaxed: the change is of what was found.
            let found = line.word.load(Ordering::Relaxed);
            if found & BROKEN != 0 {
                return Err(self.barrier.told(found).into());
            }
            let is_last = self.rules.is_complete(arrived(found) | mine, dropped);
            let new = if is_last { after(found) } else { found | u64::from(mine) << ARRIVED_AT };
            if self.barrier.change(found, new).is_err() {
                continue;
            }
            self.arrived = Some((phase(found), is_last));
            if !is_last {
                // Pairs with the fence in `drop_seat`: either we see who is not waited for, or that one sees that we have arrived.
                fence(Ordering::SeqCst);
                if self.barrier.go_on_if_complete(self.rules) {
                    self.arrived = Some((phase(found), true));
                }
            }
            return Ok(());
        }
    }

    /// Waits until the phase in which this party [has arrived](Self::arrive) is passed; arrives, if it has not.
    ///
    /// # Errors
    ///
    /// [`BarrierError::Broken`]; [`BarrierError::Forked`], [`BarrierError::System`].
    pub fn wait(&mut self) -> Result<Passed, BarrierError> {
        self.wait_until(Deadline::NEVER)
    }

    /// Looks whether the phase is passed, or somebody who is missing is gone. Never waits.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`BarrierError::WouldBlock`].
    pub fn try_wait(&mut self) -> Result<Passed, BarrierError> {
        self.has_arrived()?;
        loop {
            if let Some(passed) = self.look()? {
                return Ok(passed);
            }
            // Whoever asks again and again is told of a death as well. Each further round is a step of this call, or of somebody
            // else's.
            if !self.missing()?.is_settled {
                return Err(BarrierError::WouldBlock);
            }
        }
    }

    /// As [`wait`](Self::wait), no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`BarrierError::TimedOut`]: the party has arrived, and the next call waits on.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Passed, BarrierError> {
        self.wait_until(Deadline::after(timeout))
    }

    /// As [`wait`](Self::wait), until a deadline.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    pub fn wait_until(&mut self, deadline: impl Into<Deadline>) -> Result<Passed, BarrierError> {
        self.has_arrived()?;
        if let Some(passed) = self.look()? {
            return Ok(passed);
        }
        let mut wait = self.pace.begin(deadline.into());
        let passed = loop {
            if let Some(passed) = self.look()? {
                break passed;
            }
            if wait.pause() == Step::Check {
                if let Some(passed) = self.check(&mut wait)? {
                    break passed;
                }
            }
        };
        self.pace.learn(&wait, false);
        Ok(passed)
    }

    /// Arrives and waits until all have: C++'s `arrive_and_wait`.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn arrive_and_wait(&mut self) -> Result<Passed, BarrierError> {
        self.wait()
    }

    /// Arrives for this phase and is not waited for in the next ones: C++'s `arrive_and_drop`.
    ///
    /// # Errors
    ///
    /// [`BarrierError::Broken`], [`BarrierError::Forked`]; it has left all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Barrier, Setup};
    ///
    /// let barrier: Barrier = Setup::new().anonymous()?;
    /// barrier.expect(2)?;
    /// let (mut one, two) = (barrier.join()?, barrier.join()?);
    /// two.arrive_and_drop()?;
    /// one.arrive_and_wait()?;
    /// one.arrive_and_wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn arrive_and_drop(mut self) -> Result<(), BarrierError> {
        if self.barrier.region().is_known_forked() {
            return Err(BarrierError::Forked);
        }
        // Relaxed: it is said, and changes nothing.
        let found = self.barrier.place.line().word.load(Ordering::Relaxed);
        self.leave(true);
        if found & BROKEN == 0 { Ok(()) } else { Err(self.barrier.told(found).into()) }
    }

    /// The seat: 0 to the number of parties, less one. No other party that lives has it.
    #[must_use]
    pub fn seat(&self) -> u32 {
        self.seat
    }

    /// Chooses how the calls of this party that have to wait pass their time. A new one spins and then sleeps.
    pub fn set_wait_strategy(&mut self, strategy: WaitStrategy) {
        self.pace.set_strategy(strategy);
    }

    /// Arrives, unless it has and was not let by yet.
    fn has_arrived(&mut self) -> Result<(), BarrierError> {
        self.is_here()?;
        if self.arrived.is_some() { Ok(()) } else { self.arrive_now() }
    }

    /// A forked child would wait for parties that it does not see.
    fn is_here(&self) -> Result<(), BarrierError> {
        if self.barrier.region().is_known_forked() { Err(BarrierError::Forked) } else { Ok(()) }
    }

    /// Is the phase passed in which this party has arrived?
    #[inline]
    fn look(&mut self) -> Result<Option<Passed>, BarrierError> {
        let Some((phase_of, is_last)) = self.arrived else { return Ok(None) };
        // Acquire: what every party did before it arrived is there. Pairs with the Release in `Barrier::change`.
        let found = self.barrier.place.line().word.load(Ordering::Acquire);
        if phase(found) != phase_of {
            return self.is_passed(phase_of, is_last);
        }
        if found & BROKEN != 0 {
            return Err(self.barrier.told(found).into());
        }
        Ok(None)
    }

    fn is_passed(&mut self, phase: u32, is_last: bool) -> Result<Option<Passed>, BarrierError> {
        // A forked child finds zeros, which may be another phase.
        if self.barrier.region().is_known_forked() {
            return Err(BarrierError::Forked);
        }
        self.arrived = None;
        Ok(Some(Passed { phase, is_last }))
    }

    /// Looks after those who are missing, and then decides how to go on: looks again, or sleeps.
    #[cold]
    #[inline(never)]
    fn check(&mut self, wait: &mut crate::Wait) -> Result<Option<Passed>, BarrierError> {
        let core = kernel::this_core();
        self.barrier.participant.runs_on(core);
        let missing = self.missing()?;
        if missing.is_settled {
            return Ok(None);
        }
        let others_core = missing.only.and_then(|owner| self.barrier.region().last_core(owner));
        match wait.check(others_core == Some(core)) {
            Next::Look => Ok(None),
            Next::TimedOut => self.look()?.map_or(Err(BarrierError::TimedOut), |passed| Ok(Some(passed))),
            Next::Sleep => self.sleep(wait),
        }
    }

    fn sleep(&mut self, wait: &mut crate::Wait) -> Result<Option<Passed>, BarrierError> {
        let line = self.barrier.place.line();
        // Relaxed: the change is of what was found.
        let found = line.word.load(Ordering::Relaxed);
        let is_still = self.arrived.is_some_and(|(phase_of, _)| phase(found) == phase_of);
        if !is_still || found & BROKEN != 0 {
            return Ok(None);
        }
        if found & SLEEPERS == 0 && self.barrier.change(found, found | SLEEPERS).is_err() {
            return Ok(None);
        }
        // Pairs with the fence in `Barrier::rouse`: either the look below sees who has joined or is not waited for any more, or that
        // one sees the bit.
        fence(Ordering::SeqCst);
        let low = (found | SLEEPERS) as u32;
        let missing = self.missing()?;
        if missing.is_settled {
            return Ok(None);
        }
        if missing.is_dying {
            let mut dying = Dying::default();
            dying.pause(line.word.low_half(), low, wait.deadline());
            return Ok(None);
        }
        wait.sleeps();
        let was_tick = missing.company.sleep(line.word.low_half(), low, wait.deadline());
        if was_tick {
            // A long wait: the kernel may have marked nobody.
            for seat in seats_in(self.rules.all) {
                if let Some(owner) = owner_in(self.barrier.seats()[seat as usize].load(Ordering::Relaxed)) {
                    self.barrier.region().look_closely(owner)?;
                }
            }
        }
        let passed = self.look()?;
        if was_tick && passed.is_some() {
            self.barrier.place.line().repaired.fetch_add(1, Ordering::Relaxed);
        }
        Ok(passed)
    }

    /// Looks after those who have not arrived, and settles what is to be settled of those who are gone.
    fn missing(&self) -> Result<Missing<'_>, BarrierError> {
        let (barrier, rules) = (&self.barrier, self.rules);
        let mut missing =
            Missing { company: Company::none(), only: None, is_dying: false, is_settled: false };
        if barrier.go_on_if_complete(rules) {
            missing.is_settled = true;
            return Ok(missing);
        }
        let line = barrier.place.line();
        // Relaxed, both: whom to sleep beside; what is done about them is a change of what was found.
        let (found, dropped) = (line.word.load(Ordering::Relaxed), line.dropped.load(Ordering::Relaxed));
        let mut count = 0;
        for seat in seats_in(rules.all & !arrived(found) & !(dropped as u32)) {
            // Acquire: pairs with the AcqRel of who took the seat.
            let cell = barrier.seats()[seat as usize].load(Ordering::Acquire);
            let Some(owner) = sitting(cell, dropped) else { continue };
            count += 1;
            missing.only = if count == 1 { Some(owner) } else { None };
            match beside::look(barrier.region(), owner)? {
                Holder::Alive(life) => missing.company.add(life),
                Holder::Dying => missing.is_dying = true,
                Holder::Gone => {
                    missing.is_settled = true;
                    // Of who is gone all is there: whether it has said that it will not come, or got up. Relaxed, both: by the
                    // Acquires of `Region::standing`.
                    let is_there = barrier.seats()[seat as usize].load(Ordering::Relaxed) == cell;
                    if !is_there || line.dropped.load(Ordering::Relaxed) != dropped {
                        return Ok(missing);
                    }
                    if rules.drops {
                        barrier.drop_seat(seat, rules);
                    } else {
                        // In the phase in which it is missing, or not at all.
                        let _ = barrier.change(found, broken(found, seat, 0));
                    }
                    return Ok(missing);
                }
            }
        }
        Ok(missing)
    }

    /// Gets up.
    fn leave(&mut self, politely: bool) {
        self.is_done = true;
        let barrier = &self.barrier;
        if politely || self.rules.drops {
            barrier.drop_seat(self.seat, self.rules);
        } else {
            barrier.break_by(self.seat, LEFT);
        }
        // Behind that: a seat that is empty is one that somebody may yet take. Release: for who takes it then. Pairs with the
        // AcqRel in `take_seat`.
        let cell = &barrier.seats()[self.seat as usize];
        let _ = cell.compare_exchange(self.mine, 0, Ordering::Release, Ordering::Relaxed);
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        if !self.is_done && !self.barrier.region().is_known_forked() {
            self.leave(false);
        }
    }
}

/// Those who have not arrived.
struct Missing<'a> {
    company: Company<'a>,
    /// The one who is missing, if there is one.
    only: Option<Owner>,
    is_dying: bool,
    /// Something was found and changed: look again.
    is_settled: bool,
}
