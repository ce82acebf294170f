//! The data section of a ring of slots in the latency layout: one line of 64 bytes for each slot and its sequence word.
//!
//! ```text
//!   position & mask ──▶ index      line = start + index * 64      slot at 0, sequence word at 56
//! ```

#![allow(unsafe_code)] // because this is a part of the one module that touches a ring's shared bytes.

use super::Memory;
use crate::layout::{LINE_LEN, SEQUENCE_AT};
use core::marker::PhantomData;
use ringway_shm::primitive::{AtomicU64, read_slot, read_slot_into, write_slot};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The lines, each with a slot of `T`.
#[derive(Debug)]
pub(crate) struct Lines<T> {
    memory: Memory,
    mask: u64,
    slot: PhantomData<fn() -> T>,
}

impl<T: Copy + FromBytes + IntoBytes + Immutable> Lines<T> {
    /// The first `capacity` lines of the data section, a power of two that `setup` has checked.
    pub(crate) fn new(memory: Memory, capacity: u64) -> Self {
        const { assert!(size_of::<T>() > 0, "a slot has at least one byte") };
        const { assert!(size_of::<T>() as u64 <= SEQUENCE_AT, "a slot ends before its sequence word") };
        const { assert!(align_of::<T>() <= 8, "a line is aligned for its slot") };
        let len = capacity.checked_mul(LINE_LEN);
        assert!(capacity.is_power_of_two() && len.is_some_and(|len| len <= memory.data_len as u64));
        Self { memory, mask: capacity - 1, slot: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    #[inline(always)]
    pub(crate) fn capacity(&self) -> u64 {
        self.mask + 1
    }

    /// How many of `count` slots from a position on lie before the end of the section.
    #[inline(always)]
    pub(crate) fn before_end(&self, position: u64, count: usize) -> usize {
        let to_end = self.capacity() - (position & self.mask);
        count.min(usize::try_from(to_end).unwrap_or(usize::MAX))
    }

    /// Address of the line of a position. The section holds `capacity` lines (asserted in `new`), and starts at a page.
    #[inline(always)]
    fn line(&self, position: u64) -> *mut u8 {
        let index = (position & self.mask) as usize;
        self.memory.data.as_ptr().wrapping_add(index * LINE_LEN as usize)
    }

    /// The sequence word of a position's slot.
    #[inline(always)]
    pub(crate) fn sequence(&self, position: u64) -> &AtomicU64 {
        let word = self.line(position).wrapping_add(SEQUENCE_AT as usize).cast::<AtomicU64>();
        // SAFETY: an aligned word of a line of the section, which is mapped while `self` lives. Slots end before it
        // (asserted in `new`), so it is never anything but an atomic word.
        unsafe { &*word }
    }

    /// Writes one slot.
    #[inline(always)]
    pub(crate) fn write(&self, position: u64, value: &T) {
        // SAFETY: the begin of a line of the section, long and aligned enough (asserted in `new`); no reference covers it.
        unsafe { write_slot(self.line(position).cast(), value) }
    }

    /// Reads one slot.
    #[inline(always)]
    pub(crate) fn read(&self, position: u64) -> T {
        // SAFETY: the begin of a line of the section, long and aligned enough (asserted in `new`); no reference covers it.
        unsafe { read_slot(self.line(position).cast()) }
    }

    /// Reads one slot into its place.
    #[inline(always)]
    pub(crate) fn read_into(&self, position: u64, value: &mut T) {
        // SAFETY: the begin of a line of the section, long and aligned enough (asserted in `new`); no reference covers it.
        unsafe { read_slot_into(self.line(position).cast(), value) }
    }
}
