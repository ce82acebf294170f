//! The ring's shared bytes: the one module that touches them.
//!
//! Everything here is safe to call with any position, whatever a peer wrote: a position is masked into the data
//! section, and what would run over the end of the mapping is a bug of ours, asserted. What a peer wrote may be nonsense;
//! it is never out of bounds.
//!
//! ```text
//!   position & mask ──▶ offset      offset + len <= mapped      mapped: the section, or twice the section if mirrored
//! ```

#![allow(unsafe_code)] // because raw shared memory is this file's one job; its callers have none.

mod ahead;
mod lines;

pub(crate) use lines::Lines;

use crate::layout::{CONTROL, Control, DATA};
use core::marker::PhantomData;
use core::ptr::NonNull;
use ringway_shm::primitive::{
    AtomicU64, copy_in, copy_out, prefetch_read, prefetch_write, read_slot, read_slot_into, write_slot,
};
use ringway_shm::{Mirror, Region, SystemError};
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Bytes from which on a slot has the better part of a cache line to itself.
pub(crate) const LARGE_SLOT: usize = 32;

/// A ring's region, kept mapped, with the address of its data. Public for the compiler, as what stands in `slots::layout`
/// is: nobody outside can name it.
#[derive(Debug)]
pub struct Memory {
    control: NonNull<Control>,
    data: NonNull<u8>,
    data_len: usize,
    mirror: Option<Mirror>,
    region: Arc<Region>,
}

// SAFETY: the addresses are of mappings that `region` and `mirror` keep alive, and belong to no thread.
unsafe impl Send for Memory {}
// SAFETY: what is shared through a `&Memory` are atomic words and addresses.
unsafe impl Sync for Memory {}

impl Memory {
    /// Finds the sections of a region whose geometry `setup` has checked.
    pub(crate) fn new(region: Arc<Region>, mirrored: bool) -> Result<Self, SystemError> {
        let (control, control_len) =
            region.section(CONTROL).expect("checked: the region has a control section");
        let (data, data_len) = region.section(DATA).expect("checked: the region has a data section");
        assert!(control_len >= size_of::<Control>());
        let mirror = if mirrored { Some(region.mirror(DATA)?) } else { None };
        let data = mirror.as_ref().map_or(data, Mirror::start);
        Ok(Self { control: control.cast(), data, data_len, mirror, region })
    }

    /// The positions.
    #[inline(always)]
    pub(crate) fn control(&self) -> &Control {
        // SAFETY: page-aligned, long enough (asserted in `new`), mapped as long as `self.region` lives; all fields are
        // atomic words, which others may write while the reference lives.
        unsafe { self.control.as_ref() }
    }

    /// The control page alone.
    pub(crate) fn board(&self) -> Board {
        Board { control: self.control, _region: Arc::clone(&self.region) }
    }

    /// The region behind it.
    pub(crate) fn region(&self) -> &Arc<Region> {
        &self.region
    }
}

/// The control page of a ring, kept mapped, for what is off the straight path.
#[derive(Debug)]
pub(crate) struct Board {
    control: NonNull<Control>,
    _region: Arc<Region>,
}

// SAFETY: as of `Memory`.
unsafe impl Send for Board {}
// SAFETY: as of `Memory`.
unsafe impl Sync for Board {}

impl core::ops::Deref for Board {
    type Target = Control;

    fn deref(&self) -> &Control {
        // SAFETY: as in `Memory::control`, by which the address was found.
        unsafe { self.control.as_ref() }
    }
}

/// The data section of a byte ring.
#[derive(Debug)]
pub(crate) struct Bytes {
    memory: Memory,
    mask: u64,
    /// Bytes in a row from the start of the section: its capacity, or twice that if mirrored.
    mapped: u64,
}

impl Bytes {
    /// The first `capacity` bytes of the data section, a power of two that `setup` has checked.
    pub(crate) fn new(memory: Memory, capacity: u64) -> Self {
        assert!(capacity.is_power_of_two() && capacity >= 8 && capacity <= memory.data_len as u64);
        let mapped = match &memory.mirror {
            Some(mirror) => {
                assert!(
                    capacity == mirror.len() as u64,
                    "a mirror shows the section again right behind its end"
                );
                2 * capacity
            }
            None => capacity,
        };
        Self { memory, mask: capacity - 1, mapped }
    }

    #[inline(always)]
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    #[inline(always)]
    pub(crate) fn capacity(&self) -> u64 {
        self.mask + 1
    }

    /// Bytes in a row from a position on, before the mapping ends.
    #[inline(always)]
    pub(crate) fn in_a_row(&self, position: u64) -> u64 {
        self.mapped - self.offset(position)
    }

    /// Bytes from a position on to the end of the section.
    pub(crate) fn to_end(&self, position: u64) -> u64 {
        self.capacity() - self.offset(position)
    }

    /// Where a position lies in the section.
    #[inline(always)]
    fn offset(&self, position: u64) -> u64 {
        position & self.mask
    }

    /// The word of the record header at a position; an odd position is rounded down.
    #[inline(always)]
    pub(crate) fn header(&self, position: u64) -> &AtomicU64 {
        let offset = self.offset(position) as usize & !7;
        let word = self.memory.data.as_ptr().wrapping_add(offset).cast::<AtomicU64>();
        // SAFETY: a multiple of 8 below the capacity, itself a multiple of 8, so the word lies in the section, which is
        // mapped while `self` lives. Payload bytes are copied there too, never behind a reference.
        unsafe { &*word }
    }

    /// Asks for the line at a position, which is about to be read.
    #[inline(always)]
    pub(crate) fn prefetch(&self, position: u64) {
        prefetch_read(self.start(position));
    }

    /// Asks for the lines some way behind a record of `length` bytes at `tail`, if all of them are `free`.
    #[inline(always)]
    pub(crate) fn ask_to_write(&self, tail: u64, length: u64, free: u64) {
        if length <= ahead::LENGTH_MAX && free >= ahead::AHEAD + length + ahead::LINE {
            let first = tail.wrapping_add(ahead::AHEAD);
            for at in (0..length).step_by(ahead::LINE as usize) {
                prefetch_write(self.start(first.wrapping_add(at)));
            }
        }
    }

    /// Asks for the lines some way behind a record of `length` bytes at `head`, if all of them are in the `backlog`.
    #[inline(always)]
    pub(crate) fn ask_to_read(&self, head: u64, length: u64, backlog: u64) {
        if length <= ahead::LENGTH_MAX && backlog >= ahead::AHEAD + length + ahead::LINE {
            let first = head.wrapping_add(ahead::AHEAD);
            for at in (0..length).step_by(ahead::LINE as usize) {
                prefetch_read(self.start(first.wrapping_add(at)));
            }
        }
    }

    /// Address of the byte at a position.
    #[inline(always)]
    fn start(&self, position: u64) -> *mut u8 {
        self.memory.data.as_ptr().wrapping_add(self.offset(position) as usize)
    }

    /// Copies private bytes to a position.
    #[inline(always)]
    pub(crate) fn write(&self, position: u64, source: &[u8]) {
        let target = self.address(position, source.len());
        // SAFETY: `address` keeps the target inside what is mapped; the source is private and as long.
        unsafe { copy_in(source.as_ptr(), target, source.len()) };
    }

    /// Fills a private slice from a position.
    #[inline(always)]
    pub(crate) fn read(&self, position: u64, target: &mut [u8]) {
        let source = self.address(position, target.len());
        // SAFETY: `address` keeps the source inside what is mapped; the target is private and as long.
        unsafe { copy_out(source, target.as_mut_ptr(), target.len()) };
    }

    /// Makes `target` hold exactly the `len` bytes at a position.
    #[inline(always)]
    pub(crate) fn read_vec(&self, position: u64, target: &mut Vec<u8>, len: usize) {
        let source = self.address(position, len);
        target.clear();
        target.reserve(len);
        // SAFETY: `address` keeps the source inside what is mapped; the target is private and has room for `len`.
        unsafe { copy_out(source, target.as_mut_ptr(), len) };
        // SAFETY: the capacity is at least `len`, and the copy has filled that many bytes.
        unsafe { target.set_len(len) };
    }

    /// Address of `len` bytes in a row at a position.
    ///
    /// # Panics
    ///
    /// When that many are not in a row: a bug of the caller, who checks lengths by [`in_a_row`](Self::in_a_row).
    #[inline(always)]
    pub(crate) fn address(&self, position: u64, len: usize) -> *mut u8 {
        assert!(len as u64 <= self.in_a_row(position), "a record runs over the end of the mapping");
        self.start(position)
    }
}

/// The data section of a ring of typed slots.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    memory: Memory,
    mask: u64,
    slot: PhantomData<fn() -> T>,
}

impl<T: Copy + FromBytes + IntoBytes + Immutable> Slots<T> {
    /// The first `capacity` slots of the data section, a power of two that `setup` has checked.
    pub(crate) fn new(memory: Memory, capacity: u64) -> Self {
        const { assert!(size_of::<T>() > 0, "a slot has at least one byte") };
        const { assert!(align_of::<T>() <= 4096, "a slot is aligned to a page at most") };
        let len = capacity.checked_mul(size_of::<T>() as u64);
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

    /// Address of the slot of a position.
    #[inline(always)]
    pub(crate) fn slot(&self, position: u64) -> NonNull<T> {
        let index = (position & self.mask) as usize;
        // SAFETY: `index < capacity` and `capacity` slots lie in the section (asserted in `new`); it starts at a page,
        // and a slot's size is a multiple of its alignment.
        unsafe { self.memory.data.cast::<T>().add(index) }
    }

    /// Asks for the line of a slot that is about to be read.
    #[inline(always)]
    pub(crate) fn prefetch(&self, position: u64) {
        prefetch_read(self.slot(position).as_ptr().cast());
    }

    /// Whether lines are asked for ahead: not of small slots, of which several share a line on which the other side may be
    /// at work, nor of long ones.
    pub(crate) const ASKS: bool = size_of::<T>() >= LARGE_SLOT && size_of::<T>() as u64 <= ahead::LENGTH_MAX;

    /// Slots ahead for which lines are asked for.
    const AHEAD: u64 = ahead::AHEAD.div_ceil(size_of::<T>() as u64);

    /// Asks for the lines of a slot some way behind the one at `tail`, if it and the next, which may share a line with it,
    /// are `free`.
    #[inline(always)]
    pub(crate) fn ask_to_write(&self, tail: u64, free: u64) {
        if Self::ASKS && free > Self::AHEAD + 1 {
            let start = self.slot(tail.wrapping_add(Self::AHEAD)).as_ptr().cast::<u8>();
            for at in (0..size_of::<T>()).step_by(ahead::LINE as usize) {
                prefetch_write(start.wrapping_add(at));
            }
        }
    }

    /// Asks for the lines of a slot some way behind the one at `head`, if it and the next are in the `backlog`.
    #[inline(always)]
    pub(crate) fn ask_to_read(&self, head: u64, backlog: u64) {
        if Self::ASKS && backlog > Self::AHEAD + 1 {
            let start = self.slot(head.wrapping_add(Self::AHEAD)).as_ptr().cast::<u8>();
            for at in (0..size_of::<T>()).step_by(ahead::LINE as usize) {
                prefetch_read(start.wrapping_add(at));
            }
        }
    }

    /// How many of `count` slots from a position on lie before the end of the section.
    #[inline(always)]
    pub(crate) fn before_end(&self, position: u64, count: usize) -> usize {
        let to_end = self.capacity() - (position & self.mask);
        count.min(usize::try_from(to_end).unwrap_or(usize::MAX))
    }

    /// Writes one slot.
    #[inline(always)]
    pub(crate) fn write(&self, position: u64, value: &T) {
        // SAFETY: a slot of the section, aligned; no reference covers it.
        unsafe { write_slot(self.slot(position).as_ptr(), value) }
    }

    /// Reads one slot.
    #[inline(always)]
    pub(crate) fn read(&self, position: u64) -> T {
        // SAFETY: a slot of the section, aligned; no reference covers it.
        unsafe { read_slot(self.slot(position).as_ptr()) }
    }

    /// Reads one slot into its place.
    #[inline(always)]
    pub(crate) fn read_into(&self, position: u64, value: &mut T) {
        // SAFETY: a slot of the section, aligned; no reference covers it.
        unsafe { read_slot_into(self.slot(position).as_ptr(), value) }
    }

    /// Writes slots from a position on, over the end if need be.
    pub(crate) fn write_many(&self, position: u64, values: &[T]) {
        assert!(values.len() as u64 <= self.capacity(), "the caller checks lengths against the capacity");
        let (first, rest) = values.split_at(self.before_end(position, values.len()));
        let second = position.wrapping_add(first.len() as u64);
        for (at, part) in [(position, first), (second, rest)].into_iter().filter(|(_, part)| !part.is_empty())
        {
            // SAFETY: the part's slots lie before the end of the section; the source is a private slice.
            unsafe { copy_in(part.as_ptr().cast(), self.slot(at).as_ptr().cast(), size_of_val(part)) };
        }
    }

    /// Reads slots from a position on, over the end if need be.
    pub(crate) fn read_many(&self, position: u64, values: &mut [T]) {
        assert!(values.len() as u64 <= self.capacity(), "the caller checks lengths against the capacity");
        let (first, rest) = values.split_at_mut(self.before_end(position, values.len()));
        let second = position.wrapping_add(first.len() as u64);
        for (at, part) in [(position, first), (second, rest)].into_iter().filter(|(_, part)| !part.is_empty())
        {
            // SAFETY: the part's slots lie before the end of the section; the target is a private slice, for which
            // every bit pattern is a value.
            unsafe { copy_out(self.slot(at).as_ptr().cast(), part.as_mut_ptr().cast(), size_of_val(part)) };
        }
    }
}
