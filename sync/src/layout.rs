//! Every shared byte of a space of primitives, drawn once and checked by the compiler.
//!
//! ```text
//!   region of kind SPACE, one section: what was laid out, each at a multiple of 128
//!
//!   Mutex<T>, SpinLock<T>      0x00 LockLine            0x40 T
//!   Semaphore, BinarySemaphore 0x00 SemaphoreLine
//!   Permits<N>                 0x00 GateLine            0x40 N cells of 8 bytes
//!   Barrier                    0x00 BarrierLine         0x40 32 seats of 8 bytes
//!   Data<T>                    0x00 T
//! ```
//!
//! An owner in a word is a row of the region's table and its generation. All-zero is the first state of everything: a
//! lock that is free around a value of zeros, a semaphore without permits, a barrier without parties.

use core::mem::{offset_of, size_of};
use ringway_shm::layout::FIRST_OWN;
use ringway_shm::primitive::{AtomicU32, AtomicU64};

/// [`Section::content`](ringway_shm::layout::Section::content) of the primitives.
pub const SPACE: u32 = FIRST_OWN;
/// Kind of a region that holds primitives and data.
pub const KIND_SPACE: u32 = 0x0001_0100;
/// Version of that kind's layout.
pub const KIND_VERSION: u32 = 1;

/// Everything in a space begins at a multiple of this.
pub const LINE: usize = 128;
/// Where what a line guards begins, behind it.
pub const BEHIND: usize = 64;

/// A lock.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct LockLine {
    /// Who has it: generation in the upper half, row + 1 in bits 4 to 19, 0 if nobody has; then the upper half means nothing.
    /// Bit 0: somebody may sleep. Bit 1: what it guards may be half-written. Bit 2: somebody who waits was passed over for long.
    /// Others set bits 0 and 2; all else is written by who takes it and who has it.
    pub word: AtomicU64,
    /// How many sleeps at it were ended by their own time when a wake-up had been due. For people; wraps.
    pub repaired: AtomicU32,
    /// Zero.
    pub reserved_a: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU64; 6],
}

/// A semaphore.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct SemaphoreLine {
    /// Twice the count; bit 0: somebody may sleep.
    pub count: AtomicU32,
    /// As [`LockLine::repaired`].
    pub repaired: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU64; 7],
}

/// Where those sleep who wait for a cell behind it to change.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct GateLine {
    /// A counter whose lowest bit says that somebody may sleep: sleepers make it odd, whoever wakes them even.
    pub gate: AtomicU32,
    /// As [`LockLine::repaired`].
    pub repaired: AtomicU32,
    /// How many cells of dead holders were taken over. For people; wraps.
    pub reclaimed: AtomicU32,
    /// Zero.
    pub reserved_a: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU64; 6],
}

/// A barrier.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct BarrierLine {
    /// Upper half: the seats that have arrived in this phase. Lower half: bit 0 somebody may sleep; bit 1 broken; bit 2 why, 0 its
    /// party died, 1 it left; bits 3 to 7 by which seat; bits 8 to 31 the phase, which wraps.
    pub word: AtomicU64,
    /// Upper half: the phase with which the barrier began, or was begun anew. Lower half: the seats that are not waited for any more.
    pub dropped: AtomicU64,
    /// How many parties it is for, 0 if nobody has said, and bit 8: the dead are dropped. Written once.
    pub expected: AtomicU32,
    /// As [`LockLine::repaired`].
    pub repaired: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU64; 5],
}

const _: () = assert!(size_of::<LockLine>() == BEHIND && size_of::<SemaphoreLine>() == BEHIND);
const _: () = assert!(size_of::<GateLine>() == BEHIND && size_of::<BarrierLine>() == BEHIND);
const _: () = assert!(offset_of!(LockLine, word) == 0x00 && offset_of!(LockLine, repaired) == 0x08);
const _: () =
    assert!(offset_of!(SemaphoreLine, count) == 0x00 && offset_of!(SemaphoreLine, repaired) == 0x04);
const _: () = assert!(offset_of!(GateLine, gate) == 0x00 && offset_of!(GateLine, repaired) == 0x04);
const _: () = assert!(offset_of!(GateLine, reclaimed) == 0x08);
const _: () = assert!(offset_of!(BarrierLine, word) == 0x00 && offset_of!(BarrierLine, dropped) == 0x08);
const _: () = assert!(offset_of!(BarrierLine, expected) == 0x10 && offset_of!(BarrierLine, repaired) == 0x14);
