//! The words of a ring as somebody sees them who has the region mapped and is no party: positions, doors, seats, participants.

#![allow(unsafe_code)] // because words are read at addresses in the region.

use ringway::layout::{self, CONTROL, DATA, LINE_LEN, SEQUENCE_AT};
use ringway::{Region, shm};
use ringway_shm::primitive::{AtomicU32, AtomicU64, Ordering};
use std::fmt::Write as _;

/// The producer, as a role of a ring's region.
pub(crate) const PRODUCER: u32 = 0;
/// The consumer.
pub(crate) const CONSUMER: u32 = 1;

/// The control page of a ring.
#[derive(Clone, Copy)]
pub(crate) struct Control<'a>(&'a layout::Control);

impl<'a> Control<'a> {
    pub(crate) fn of(region: &'a Region) -> Self {
        let (start, len) = region.section(CONTROL).expect("a ring has a control section");
        assert!(len >= size_of::<layout::Control>());
        // SAFETY: the whole control section is mapped while the region lives, page-aligned, and long enough (asserted); it
        // consists of atomic words, which others may write meanwhile.
        Self(unsafe { start.cast::<layout::Control>().as_ref() })
    }

    /// The producer's position, as it published it. (All of these Acquire: who has seen a position sees what is before it.)
    pub(crate) fn tail(self) -> u64 {
        self.0.producer.tail.load(Ordering::Acquire)
    }

    /// The consumer's.
    pub(crate) fn head(self) -> u64 {
        self.0.consumer.head.load(Ordering::Acquire)
    }
}

/// The word at a byte of a section.
fn word(region: &Region, content: u32, at: u64) -> u64 {
    let (start, len) = region.section(content).expect("a section that a ring has");
    assert!(at.is_multiple_of(8) && at + 8 <= len as u64, "byte {at} of {len}");
    let word = start.as_ptr().cast::<AtomicU64>().wrapping_add(at as usize / 8);
    // SAFETY: a whole aligned word of a section (asserted) that is mapped while the region lives; atomic, so that others may
    // write it meanwhile.
    unsafe { &*word }.load(Ordering::Acquire)
}

/// The sequence word of a slot with a line of its own.
pub(crate) fn sequence(region: &Region, index: u64) -> u64 {
    word(region, DATA, index * LINE_LEN + SEQUENCE_AT)
}

/// The two words of a door: the counter, and whether the ringer is to fence.
fn door(bell: &ringway_sync::EventCount) -> (u32, u32) {
    let state = core::ptr::from_ref(bell).cast::<AtomicU32>();
    // SAFETY: an eventcount is two aligned words of four bytes, both atomic (docs/LAYOUT.md).
    let state_word = unsafe { &*state };
    // SAFETY: as above, the second one.
    let fences = unsafe { &*state.wrapping_add(1) };
    (state_word.load(Ordering::Acquire), fences.load(Ordering::Acquire))
}

/// Every word of a ring's control page, and every participant, for people.
pub(crate) fn told(region: &Region) -> String {
    let mut text = String::new();
    let Control(control) = Control::of(region);
    let (tail, head) = (Control(control).tail(), Control(control).head());
    let dropped = control.producer.dropped.load(Ordering::Acquire);
    let capacity = region.geometry().parameters[layout::CAPACITY];
    _ = writeln!(text, "    tail {tail}  head {head}  dropped {dropped}  capacity {capacity}");
    for (name, door_line) in [("arrived", &control.arrived), ("freed", &control.freed)] {
        let (state, fences) = door(&door_line.bell);
        let sleeps = if state & 1 == 1 { "nobody sleeps" } else { "somebody may sleep" };
        _ = writeln!(text, "    {name} {state:#x} ({sleeps})  fences {fences}");
    }
    for (name, seat, role) in
        [("producer", &control.producer_seat, PRODUCER), ("consumer", &control.consumer_seat, CONSUMER)]
    {
        _ = writeln!(text, "    {name} {}", seat_told(region, seat.holder.load(Ordering::Acquire), role));
    }
    text + &participants_told(region)
}

/// What a seat says, and what the kernel says of the role.
fn seat_told(region: &Region, word: u64, role: u32) -> String {
    let (generation, deaths, row) = (word >> 32, (word >> 17) & 0x7fff, word & 0xffff);
    let left = if word & 1 << 16 == 0 { "" } else { ", left" };
    let owner = shm::Owner::from_bits(word & 0xffff_ffff_0000_ffff);
    let standing = owner.map(|owner| region.standing(owner));
    let claimed = region.is_claimed(role);
    format!(
        "row+1 {row} generation {generation} deaths {deaths}{left}; it is {standing:?}, the role claimed: {claimed:?}"
    )
}

/// The table of participants, with how it stands with each.
pub(crate) fn participants_told(region: &Region) -> String {
    let mut text = String::new();
    match region.participants() {
        Ok(rows) => {
            for row in rows {
                let (owner, standing, life) = (row.owner, row.standing, region.life(row.owner));
                let life = life.map(|life| format!("{:#x}", life.word.load(Ordering::Acquire)));
                let (kind, process, thread) = (row.kind, row.process, row.thread);
                _ = writeln!(
                    text,
                    "    row {} generation {} {kind:?} {standing:?}  process {process} thread {thread}  life {}",
                    owner.row(),
                    owner.generation(),
                    life.unwrap_or_else(|| "no longer its own".to_owned())
                );
            }
        }
        Err(error) => _ = writeln!(text, "    participants: {error}"),
    }
    text
}
