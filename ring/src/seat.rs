//! Who sits on a side of the ring: one word a side, written by whoever has the side's role.
//!
//! ```text
//!   63            32 31      17 16   15         0
//!   ┌───────────────┬──────────┬────┬────────────┐     row + 1 = 0: nobody ever sat here
//!   │ generation    │ deaths   │left│ row + 1    │     left: the holder got up by itself
//!   └───────────────┴──────────┴────┴────────────┘     deaths: holders found dead by their successors, modulo 2^15
//! ```
//!
//! The role is a lock byte that the kernel keeps (`Claim`), so there is one writer at a time. A word that names a holder
//! which has not left, while the role is free, is a dead holder's; its successor counts that death in the same store in
//! which it takes the seat, so that no death is counted twice or not at all, wherever somebody is killed.
//!
//! | killed | leaves |
//! |---|---|
//! | before the store that takes the seat | the last holder's word; the next successor counts that one |
//! | holding the seat | its own word: dead, as its row says |
//! | after the store that leaves it | a seat that was left |
//!
//! **The witness** is what the other side remembers, so that each death is told once: how many it has told of, and whether
//! the holder that the word names is among them. It is told when there is nothing left of what the dead one sent (or,
//! to a producer, no room left), and only when the holder is proven gone: then its last store is there to be seen.

use ringway_shm::primitive::{AtomicU64, Ordering};
use ringway_shm::{Owner, Region, Standing};

/// The holder got up by itself.
const LEFT: u64 = 1 << 16;
/// Where the deaths are counted.
const DEATHS_AT: u32 = 17;
/// How far.
const DEATHS_MAX: u16 = (1 << 15) - 1;
/// The bits of an owner.
const OWNER: u64 = 0xffff_ffff_0000_ffff;

/// What a seat's word says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seat(u64);

impl Seat {
    fn look(word: &AtomicU64) -> Self {
        // Acquire: what the holder did before it took the seat, or left it, is there. Pairs with the Releases in `take`
        // and `leave`.
        Self(word.load(Ordering::Acquire))
    }

    fn owner(self) -> Option<Owner> {
        Owner::from_bits(self.0 & OWNER)
    }

    fn is_left(self) -> bool {
        self.0 & LEFT != 0
    }

    fn deaths(self) -> u16 {
        (self.0 >> DEATHS_AT) as u16 & DEATHS_MAX
    }
}

/// Takes the seat, whose role `owner` has claimed.
pub(crate) fn take(word: &AtomicU64, owner: Owner) {
    // Relaxed: only holders of the role write it, and it was handed over through the kernel's lock.
    let last = Seat(word.load(Ordering::Relaxed));
    let has_died = last.owner().is_some() && !last.is_left();
    let deaths = last.deaths().wrapping_add(u16::from(has_died)) & DEATHS_MAX;
    // Release: pairs with the Acquire in `Seat::look`.
    word.store(owner.to_bits() | u64::from(deaths) << DEATHS_AT, Ordering::Release);
}

/// Leaves the seat, by its holder.
pub(crate) fn leave(word: &AtomicU64) {
    // Relaxed: ours since `take`.
    let seat = word.load(Ordering::Relaxed);
    // Release: all that the holder sent or released is there. Pairs with the Acquire in `Seat::look`.
    word.store(seat | LEFT, Ordering::Release);
}

/// How it stands with the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Nobody sits there: never, or since a death that was told.
    Absent,
    /// Somebody alive does.
    Alive(Owner),
    /// Somebody does who is about to be gone.
    Dying,
    /// Somebody died, and it has not been told.
    Died,
    /// The last one left by itself.
    Left,
}

/// What one side remembers of the other side's seat.
#[derive(Debug)]
pub(crate) struct Witness {
    /// Deaths told, or counted before our time, modulo 2^15.
    told: u16,
    /// The holder whose death was told while its word still stood there.
    mourned: Option<Owner>,
    /// The word when its holder was last found alive, and who that was.
    alive: Option<(Seat, Owner)>,
}

impl Witness {
    /// One who takes no interest in deaths before its time, but in that of the last holder.
    pub(crate) fn of(word: &AtomicU64) -> Self {
        Self { told: Seat::look(word).deaths(), mourned: None, alive: None }
    }

    /// Is the other side as alive as it was at the last look? No system call.
    #[inline]
    pub(crate) fn is_well(&self, region: &Region, word: &AtomicU64) -> bool {
        self.alive.is_some_and(|(seat, owner)| {
            Seat::look(word) == seat && region.life(owner).is_some_and(|life| life.alive != 0)
        })
    }

    /// Who sat there when it was last found alive.
    pub(crate) fn last_alive(&self) -> Option<Owner> {
        self.alive.map(|(_, owner)| owner)
    }

    /// Looks after the other side, with the deaths that have not been told first.
    pub(crate) fn look(&mut self, region: &Region, word: &AtomicU64) -> Peer {
        let (peer, seat) = self.judge(region, word);
        self.alive = None;
        if self.counted(seat) != self.told {
            return Peer::Died;
        }
        if let Peer::Alive(owner) = peer {
            self.alive = Some((seat, owner));
        }
        peer
    }

    /// Looks for somebody alive: with whoever that is begins a new time, and of deaths before it none is told.
    pub(crate) fn meet(&mut self, region: &Region, word: &AtomicU64) -> Peer {
        let (peer, seat) = self.judge(region, word);
        if let Peer::Alive(owner) = peer {
            *self = Self { told: seat.deaths(), mourned: None, alive: Some((seat, owner)) };
        }
        peer
    }

    /// How it stands with whoever sits there now, and the word that was judged.
    fn judge(&self, region: &Region, word: &AtomicU64) -> (Peer, Seat) {
        let mut seat = Seat::look(word);
        // Each further round is a change of holder meanwhile. A stranger could change it for ever.
        for _ in 0..4 {
            let Some(owner) = seat.owner().filter(|&owner| self.mourned != Some(owner)) else {
                return (Peer::Absent, seat);
            };
            if seat.is_left() {
                return (Peer::Left, seat);
            }
            let standing = region.standing(owner).unwrap_or_else(|_| {
                // The lock cannot be asked, as when this process's descriptors were closed. The life word alone tells then.
                if region.life(owner).is_some() { Standing::Alive } else { Standing::Gone }
            });
            let again = Seat::look(word);
            match standing {
                Standing::Alive => return (Peer::Alive(owner), seat),
                Standing::Dying => return (Peer::Dying, seat),
                Standing::Gone if again == seat => return (Peer::Died, seat),
                Standing::Gone => seat = again,
            }
        }
        (Peer::Absent, seat)
    }

    /// Deaths that the word shows: those that successors counted, and that of the holder if it was told.
    fn counted(&self, seat: Seat) -> u16 {
        let is_mourned = seat.owner().is_some() && seat.owner() == self.mourned;
        seat.deaths().wrapping_add(u16::from(is_mourned)) & DEATHS_MAX
    }

    /// Remembers that a death was told.
    pub(crate) fn tell(&mut self, word: &AtomicU64) {
        let seat = Seat::look(word);
        if self.counted(seat) == self.told {
            // Not counted by a successor: it is the holder's whom the word names.
            self.mourned = seat.owner();
        }
        self.told = self.told.wrapping_add(1) & DEATHS_MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: u64 = 7 << 32 | 1;
    const BOB: u64 = 3 << 32 | 2;

    fn owner(bits: u64) -> Owner {
        Owner::from_bits(bits).unwrap()
    }

    #[test]
    fn a_seat_that_was_left_is_taken_without_a_death() {
        let word = AtomicU64::new(0);
        take(&word, owner(ANN));
        leave(&word);
        assert!(Seat::look(&word).is_left());
        take(&word, owner(BOB));
        let seat = Seat::look(&word);
        assert_eq!((seat.owner(), seat.is_left(), seat.deaths()), (Some(owner(BOB)), false, 0));
    }

    #[test]
    fn a_seat_that_was_not_left_is_taken_from_the_dead() {
        let word = AtomicU64::new(0);
        for deaths in 0..=u32::from(DEATHS_MAX) + 1 {
            take(&word, owner(if deaths % 2 == 0 { ANN } else { BOB }));
            assert_eq!(u32::from(Seat::look(&word).deaths()), deaths & u32::from(DEATHS_MAX));
        }
        assert_eq!(Seat::look(&word).owner(), Some(owner(ANN)));
    }
}
