//! One side of a ring among the living: its seat, whom it wakes, where it sleeps, and what becomes of the other side.
//!
//! ```text
//!   producer   after a commit    ring `arrived`        no room: sleep at `freed`      ┐ and beside it at the life word
//!   consumer   after a release   ring `freed`          no message: sleep at `arrived` ┘ of whoever sits on the other side
//!
//!   look ─ in vain ─ pause ─ ... ─ check ─┬─ the peer left or died?  look once more ─ in vain ─▶ Closed, PeerDead
//!                                         ├─ the deadline passed                            ─▶ TimedOut
//!                                         ├─ time to sleep?          announce it ─ look once more ─ in vain ─▶ sleep
//!                                         └─ else                    look again
//! ```
//!
//! The handle looks; this file only says what comes between two looks. After each of its findings that is about to end the
//! wait there is one more look, since what was found happened after all that the peer ever sent.
//!
//! Who takes a seat, or leaves it, rings the other side's bell, so that one that sleeps without a peer, or beside the life
//! word of the last one, looks again.
//!
//! In a forked child all of this is zeros: the bell is not quiet, so the first commit or release asks why, and the answer is
//! that the handle is the parent's.

use crate::error::{Corruption, Ending};
use crate::layout::Control;
use crate::memory::{Board, Memory};
use crate::seat::{self, Peer, Witness};
use crate::setup::Side;
use ringway_shm::primitive::{AtomicU64, kernel};
use ringway_shm::{Claim, Region};
use ringway_sync::{Deadline, EventCount, Next, Pace, Ringer, Sleeper, Step, Ticket, Wait, WaitStrategy};
use std::sync::Arc;
use std::time::Duration;

/// How long to sleep between two questions whether a dying peer is gone: it takes a few milliseconds at most, unless it
/// cannot be stopped just now. The first questions follow each other fast.
const DYING: Duration = Duration::from_micros(200);
const DYING_LONG: Duration = Duration::from_millis(5);
const DYING_FAST: u32 = 64;

/// One side, as long as its handle lives.
#[derive(Debug)]
pub(crate) struct Party {
    side: Side,
    board: Board,
    pace: Pace,
    ringer: Ringer,
    sleeper: Sleeper,
    witness: Witness,
    /// A death was told to a call that had something else to say first.
    owed: bool,
    claim: Claim,
}

/// A wait, between its looks.
#[derive(Debug)]
pub(crate) struct Waiting {
    wait: Wait,
    /// A sleep was announced, and the look after it is under way.
    announced: Option<Ticket>,
    /// The other side is found ended, and the last look is under way.
    ending: Option<Ending>,
    /// Times that the peer was found dying.
    dying: u32,
}

impl Waiting {
    /// Passes the time after a look in vain. True when it is time for [`Party::check`].
    #[inline(always)]
    pub(crate) fn pause(&mut self) -> bool {
        self.wait.pause() == Step::Check
    }
}

impl Party {
    /// Takes the seat of a side whose role was claimed, and wakes the other side to see it.
    pub(crate) fn sit(claim: Claim, side: Side, memory: &Memory) -> Self {
        let board = memory.board();
        let (ours, theirs) = seats(&board, side);
        let witness = Witness::of(theirs);
        let mut ringer = Ringer::at(bell(&board, side));
        seat::take(ours, claim.owner());
        ringer.ring(bell(&board, side));
        let (pace, sleeper) = (Pace::new(WaitStrategy::default()), Sleeper::of_one_ringer());
        Self { side, pace, ringer, sleeper, witness, owed: false, claim, board }
    }

    pub(crate) fn region(&self) -> &Arc<Region> {
        self.claim.region()
    }

    pub(crate) fn set_strategy(&mut self, strategy: WaitStrategy) {
        self.pace.set_strategy(strategy);
    }

    /// Do the two sides take turns, as far as is known?
    #[inline(always)]
    pub(crate) fn is_exchange(&self) -> bool {
        self.pace.is_exchange()
    }

    /// Tells the other side, if it sleeps, of what this side has just published. `bell` is where it sleeps. False in a forked
    /// child: nothing was published.
    #[inline(always)]
    #[must_use]
    pub(crate) fn ring(&mut self, bell: &EventCount) -> bool {
        !self.ringer.is_needed(bell) || self.ring_after_all(bell)
    }

    #[cold]
    #[inline(never)]
    fn ring_after_all(&mut self, bell: &EventCount) -> bool {
        if self.region().is_known_forked() {
            return false;
        }
        self.ringer.wake(bell);
        // Who is woken wants to know on which core it will be answered.
        self.claim.participant().runs_on(kernel::this_core());
        true
    }

    /// Is this the process that the handle was made in? For verbs that publish nothing; `bell` is as for
    /// [`ring`](Self::ring).
    #[inline(always)]
    pub(crate) fn is_here(&self, bell: &EventCount) -> bool {
        bell.is_quiet() || self.is_at_home()
    }

    #[cold]
    #[inline(never)]
    fn is_at_home(&self) -> bool {
        !self.region().is_known_forked()
    }

    /// Why something in the region cannot be: because it is not there, in a forked child.
    #[cold]
    pub(crate) fn explain(&self, corruption: Corruption) -> Ending {
        if self.region().is_known_forked() { Ending::Forked } else { Ending::Corrupt(corruption) }
    }

    /// After a try that found nothing: is there no reason to say more than that? No system call if there is none.
    #[inline]
    pub(crate) fn is_peer_well(&self) -> bool {
        let (_, theirs) = seats(&self.board, self.side);
        !self.owed && self.witness.is_well(self.region(), theirs)
    }

    /// Asks the other side's lock, whatever its life word says.
    #[cold]
    #[inline(never)]
    fn look_closely(&self) {
        if let Some(owner) = self.witness.last_alive() {
            // What cannot be asked now is asked the next time.
            let _ = self.region().look_closely(owner);
        }
    }

    /// The reason, if there is one. The caller looks once more, and if that is in vain too, it says [`tell`](Self::tell).
    #[cold]
    #[inline(never)]
    pub(crate) fn ending(&mut self) -> Option<Ending> {
        if self.owed {
            return Some(Ending::PeerDead);
        }
        let (_, theirs) = seats(&self.board, self.side);
        match self.witness.look(self.claim.region(), theirs) {
            Peer::Alive(_) | Peer::Dying => None,
            // A forked child finds zeros: nobody there, or not the death among them that it was told of.
            Peer::Absent => (!self.is_at_home()).then_some(Ending::Forked),
            Peer::Died => Some(if self.is_at_home() { Ending::PeerDead } else { Ending::Forked }),
            Peer::Left => Some(Ending::Closed),
        }
    }

    /// Remembers that an ending is told: a death is told once.
    pub(crate) fn tell(&mut self, ending: Ending) -> Ending {
        if ending == Ending::PeerDead && !core::mem::take(&mut self.owed) {
            let (_, theirs) = seats(&self.board, self.side);
            self.witness.tell(theirs);
        }
        ending
    }

    /// Takes back that a death was told: the call says something else, and the next one says it.
    pub(crate) fn owe_death(&mut self) {
        self.owed = true;
    }

    /// Begins a wait, after a first look in vain.
    #[inline]
    pub(crate) fn begin(&mut self, deadline: Deadline) -> Waiting {
        Waiting { wait: self.pace.begin(deadline), announced: None, ending: None, dying: 0 }
    }

    /// Learns from a wait that has brought what it waited for: did it bring more than the one thing?
    #[inline]
    pub(crate) fn learn(&mut self, waiting: &Waiting, brought_more: bool) {
        self.pace.learn(&waiting.wait, brought_more);
    }

    /// What comes after a look in vain, now and then: ends the wait, sleeps, or neither. The caller looks again.
    #[cold]
    #[inline(never)]
    pub(crate) fn check(&mut self, waiting: &mut Waiting) -> Result<(), Ending> {
        if let Some(ending) = waiting.ending.take() {
            return Err(self.tell(ending));
        }
        if let Some(ticket) = waiting.announced.take() {
            return self.sleep(waiting, ticket);
        }
        if !self.is_peer_well() {
            waiting.ending = self.ending();
            if waiting.ending.is_some() {
                return Ok(());
            }
        }
        let core = kernel::this_core();
        self.claim.participant().runs_on(core);
        // In one process both sides have one row, which says where one of them is.
        let ours = self.claim.owner();
        let peers = self.witness.last_alive().filter(|&owner| owner != ours);
        let peers = peers.and_then(|owner| self.region().last_core(owner));
        match waiting.wait.check(peers == Some(core)) {
            Next::Look => {
                if waiting.wait.is_long() {
                    self.look_closely();
                }
                Ok(())
            }
            Next::TimedOut => Err(Ending::TimedOut),
            Next::Sleep => {
                if !self.is_at_home() {
                    return Err(Ending::Forked);
                }
                waiting.announced = Some(self.sleeper.prepare(door(&self.board, self.side)));
                Ok(())
            }
        }
    }

    /// Sleeps, after the look that followed the announcement was in vain.
    fn sleep(&mut self, waiting: &mut Waiting, ticket: Ticket) -> Result<(), Ending> {
        let (_, theirs) = seats(&self.board, self.side);
        let (region, door) = (self.claim.region(), door(&self.board, self.side));
        let deadline = waiting.wait.deadline();
        let is_first = waiting.wait.sleeps();
        match self.witness.look(region, theirs) {
            Peer::Died => waiting.ending = Some(Ending::PeerDead),
            Peer::Left => waiting.ending = Some(Ending::Closed),
            Peer::Dying => {
                waiting.dying += 1;
                let slice = if waiting.dying < DYING_FAST { DYING } else { DYING_LONG };
                self.sleeper.doze(door, ticket, slice, deadline);
            }
            Peer::Absent => {
                self.sleeper.sleep(door, ticket, None, deadline, is_first);
            }
            Peer::Alive(owner) => {
                // A life word that was marked in this moment: the next look finds it.
                let life = region.life(owner);
                if life.is_some() && self.sleeper.sleep(door, ticket, life, deadline, is_first) {
                    self.look_closely();
                }
            }
        }
        Ok(())
    }

    /// Waits until somebody alive sits on the other side. That is a new beginning: deaths before it are not told any more.
    pub(crate) fn await_peer(&mut self, deadline: Deadline) -> Result<(), Ending> {
        loop {
            if !self.is_at_home() {
                return Err(Ending::Forked);
            }
            let ticket = self.sleeper.prepare(door(&self.board, self.side));
            let (_, theirs) = seats(&self.board, self.side);
            match self.witness.meet(self.claim.region(), theirs) {
                Peer::Alive(_) => {
                    self.owed = false;
                    return Ok(());
                }
                _ if deadline.has_passed() => return Err(Ending::TimedOut),
                Peer::Dying => self.sleeper.doze(door(&self.board, self.side), ticket, DYING_LONG, deadline),
                Peer::Absent | Peer::Left | Peer::Died => {
                    self.sleeper.sleep(door(&self.board, self.side), ticket, None, deadline, false);
                }
            }
        }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        if self.region().is_known_forked() {
            return;
        }
        let (ours, _) = seats(&self.board, self.side);
        seat::leave(ours);
        self.ringer.ring(bell(&self.board, self.side));
        // The role goes with the claim, after this.
    }
}

/// The seat of a side, and that of the other.
fn seats(control: &Control, side: Side) -> (&AtomicU64, &AtomicU64) {
    let (producer, consumer) = (&control.producer_seat.holder, &control.consumer_seat.holder);
    match side {
        Side::Producer => (producer, consumer),
        Side::Consumer => (consumer, producer),
    }
}

/// Where a side sleeps.
fn door(control: &Control, side: Side) -> &EventCount {
    match side {
        Side::Producer => &control.freed.bell,
        Side::Consumer => &control.arrived.bell,
    }
}

/// Where the other side sleeps.
fn bell(control: &Control, side: Side) -> &EventCount {
    match side {
        Side::Producer => &control.arrived.bell,
        Side::Consumer => &control.freed.bell,
    }
}
