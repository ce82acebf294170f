//! Who sits at a barrier: taking a seat, and beginning anew when nobody is there any more.

use super::Barrier;
use super::party::Party;
use super::word::*;
use crate::beside::{self, Holder};
use crate::error::JoinError;
use ringway_shm::SystemError;
use ringway_shm::primitive::{Ordering, fence};

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

impl Barrier {
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
                        return Ok(Party::new(self.clone(), rules, seat, mine));
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
}
