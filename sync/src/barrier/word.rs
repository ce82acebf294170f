//! The words of a barrier: the one that all change, and a seat.

use ringway_shm::Owner;

/// Most parties of a barrier.
pub const PARTIES_MAX: u32 = 32;

pub(super) const SLEEPERS: u64 = 1;
pub(super) const BROKEN: u64 = 2;
pub(super) const LEFT: u64 = 4;
pub(super) const SEAT_AT: u32 = 3;
pub(super) const PHASE_AT: u32 = 8;
pub(super) const ARRIVED_AT: u32 = 32;

/// A seat: its owner, and in bits 16 to 31, which are zero in an owner, the lowest bits of the phase with which the barrier had
/// begun.
pub(super) const BEGUN_AT: u32 = 16;
/// [`BarrierLine::expected`]: how many parties, and whether the dead are dropped.
pub(super) const PARTIES: u32 = 0xff;
pub(super) const DROPS: u32 = 0x100;

/// What was said of the barrier, as each party remembers it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// The seats that there are.
    pub(super) all: u32,
    /// Are the dead dropped?
    pub(super) drops: bool,
}

impl Rules {
    /// Has every seat arrived, or is it not waited for? Not if nobody is: a phase is passed by somebody.
    pub(super) fn is_complete(self, arrived: u32, dropped: u32) -> bool {
        (arrived | dropped) & self.all == self.all && arrived & self.all & !dropped != 0
    }
}

/// The numbers of the seats in a mask.
pub(super) fn seats_in(mask: u32) -> impl Iterator<Item = u32> {
    (0..PARTIES_MAX).filter(move |seat| mask & 1 << seat != 0)
}

/// The phase with which the barrier began, as far as a seat remembers it.
pub(super) fn begun(dropped: u64) -> u64 {
    dropped >> ARRIVED_AT & 0xffff
}

/// Whose a seat is, or was in an earlier beginning.
pub(super) fn owner_in(cell: u64) -> Option<Owner> {
    Owner::from_bits(cell & !(0xffff << BEGUN_AT))
}

/// Who sits in a seat. One of an earlier beginning does not.
pub(super) fn sitting(cell: u64, dropped: u64) -> Option<Owner> {
    if cell >> BEGUN_AT & 0xffff == begun(dropped) { owner_in(cell) } else { None }
}

pub(super) fn arrived(word: u64) -> u32 {
    (word >> ARRIVED_AT) as u32
}

pub(super) fn phase(word: u64) -> u32 {
    word as u32 >> PHASE_AT
}

/// The word of the next phase: whole, nobody has arrived, nobody sleeps.
pub(super) fn after(word: u64) -> u64 {
    u64::from((word as u32 >> PHASE_AT).wrapping_add(1) << PHASE_AT)
}

/// The word of a barrier that is broken: nobody sleeps, since all are woken.
pub(super) fn broken(word: u64, seat: u32, why: u64) -> u64 {
    word & !(SLEEPERS | 31 << SEAT_AT) | BROKEN | why | u64::from(seat) << SEAT_AT
}
