//! The ring's shared bytes: the one module that touches them.
//!
//! Everything here is safe to call with any position, whatever a peer wrote: a position is masked into the data
//! section, and a length that does not fit is a bug of ours, asserted. What a peer wrote may be nonsense; it is never
//! out of bounds.
//!
//! ```text
//!   position & mask ──▶ offset      one copy if it ends before the section does, or the mapping is mirrored;
//!                                   else two: to the end, and from the start
//! ```

#![allow(unsafe_code)] // because raw shared memory is this file's one job; its callers have none.

use crate::layout::{CONTROL, Control, DATA};
use core::marker::PhantomData;
use core::ptr::NonNull;
use ringway_shm::primitive::{AtomicU64, copy_in, copy_out, prefetch_read, read_slot, write_slot};
use ringway_shm::{Mirror, Region, SystemError};
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A ring's region, kept mapped, with the address of its data.
#[derive(Debug)]
pub(crate) struct Memory {
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

    /// The region behind it.
    pub(crate) fn region(&self) -> &Arc<Region> {
        &self.region
    }
}

/// The data section of a byte ring.
#[derive(Debug)]
pub(crate) struct Bytes {
    memory: Memory,
    capacity: u64,
}

impl Bytes {
    /// The first `capacity` bytes of the data section, a power of two that `setup` has checked.
    pub(crate) fn new(memory: Memory, capacity: u64) -> Self {
        assert!(capacity.is_power_of_two() && capacity >= 8 && capacity <= memory.data_len as u64);
        assert!(memory.mirror.is_none() || capacity == memory.data_len as u64);
        Self { memory, capacity }
    }

    #[inline(always)]
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    #[inline(always)]
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Do the bytes behind the end show the start again?
    #[inline(always)]
    pub(crate) fn is_mirrored(&self) -> bool {
        self.memory.mirror.is_some()
    }

    /// Where a position lies in the section.
    #[inline(always)]
    pub(crate) fn offset(&self, position: u64) -> u64 {
        position & (self.capacity - 1)
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
        prefetch_read(self.memory.data.as_ptr().wrapping_add(self.offset(position) as usize));
    }

    /// Copies private bytes to a position.
    #[inline(always)]
    #[cfg_attr(feature = "model", track_caller)]
    pub(crate) fn write(&self, position: u64, source: &[u8]) {
        let (offset, first) = self.first_part(position, source.len());
        let target = self.memory.data.as_ptr().wrapping_add(offset);
        // SAFETY: `first_part` keeps `offset + first` inside what is mapped; the source is private and as long.
        unsafe { copy_in(source.as_ptr(), target, first) };
        if first < source.len() {
            let rest = &source[first..];
            // SAFETY: what is left is shorter than the section (asserted in `first_part`) and starts at its start.
            unsafe { copy_in(rest.as_ptr(), self.memory.data.as_ptr(), rest.len()) };
        }
    }

    /// Copies `len` bytes from a position into private memory that has room for them.
    ///
    /// # Safety
    ///
    /// - `target` is writable for `len` bytes of private memory.
    #[inline(always)]
    #[cfg_attr(feature = "model", track_caller)]
    unsafe fn read_raw(&self, position: u64, target: *mut u8, len: usize) {
        let (offset, first) = self.first_part(position, len);
        let source = self.memory.data.as_ptr().wrapping_add(offset);
        // SAFETY: `first_part` keeps `offset + first` inside what is mapped; the target is private and as long.
        unsafe { copy_out(source, target, first) };
        if first < len {
            // SAFETY: what is left is shorter than the section and starts at its start; the target has room for it.
            unsafe { copy_out(self.memory.data.as_ptr(), target.wrapping_add(first), len - first) };
        }
    }

    /// Fills a private slice from a position.
    #[inline(always)]
    #[cfg_attr(feature = "model", track_caller)]
    pub(crate) fn read(&self, position: u64, target: &mut [u8]) {
        // SAFETY: a private slice of that length.
        unsafe { self.read_raw(position, target.as_mut_ptr(), target.len()) }
    }

    /// Makes `target` hold exactly the `len` bytes at a position.
    #[inline(always)]
    #[cfg_attr(feature = "model", track_caller)]
    pub(crate) fn read_vec(&self, position: u64, target: &mut Vec<u8>, len: usize) {
        target.clear();
        target.reserve(len);
        // SAFETY: just reserved.
        unsafe { self.read_raw(position, target.as_mut_ptr(), len) };
        // SAFETY: the capacity is at least `len`, and the copy has filled that many bytes.
        unsafe { target.set_len(len) };
    }

    /// Address of `len` contiguous bytes at a position.
    ///
    /// # Panics
    ///
    /// When they are not contiguous here.
    pub(crate) fn contiguous(&self, position: u64, len: usize) -> NonNull<u8> {
        let (offset, first) = self.first_part(position, len);
        assert!(first == len, "the caller keeps records contiguous");
        // SAFETY: inside what is mapped, by `first_part`.
        unsafe { self.memory.data.add(offset) }
    }

    /// Offset of a position, and how many of `len` bytes follow it before the section ends.
    #[inline(always)]
    fn first_part(&self, position: u64, len: usize) -> (usize, usize) {
        let (offset, capacity) = (self.offset(position) as usize, self.capacity as usize);
        assert!(len <= capacity, "the caller checks lengths against the capacity");
        let first = if self.is_mirrored() { len } else { len.min(capacity - offset) };
        (offset, first)
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

    /// How many of `count` slots from a position on lie before the end of the section.
    #[inline(always)]
    pub(crate) fn before_end(&self, position: u64, count: usize) -> usize {
        let to_end = self.capacity() - (position & self.mask);
        count.min(usize::try_from(to_end).unwrap_or(usize::MAX))
    }

    /// Writes one slot.
    #[inline(always)]
    #[cfg_attr(feature = "model", track_caller)]
    pub(crate) fn write(&self, position: u64, value: &T) {
        // SAFETY: a slot of the section, aligned; no reference covers it.
        unsafe { write_slot(self.slot(position).as_ptr(), *value) }
    }

    /// Reads one slot.
    #[inline(always)]
    #[cfg_attr(feature = "model", track_caller)]
    pub(crate) fn read(&self, position: u64) -> T {
        // SAFETY: a slot of the section, aligned; no reference covers it.
        unsafe { read_slot(self.slot(position).as_ptr()) }
    }

    /// Writes slots from a position on, over the end if need be.
    #[cfg_attr(feature = "model", track_caller)]
    pub(crate) fn write_many(&self, position: u64, values: &[T]) {
        assert!(values.len() as u64 <= self.capacity(), "the caller checks lengths against the capacity");
        let (first, rest) = values.split_at(self.before_end(position, values.len()));
        for (at, part) in [(position, first), (position.wrapping_add(first.len() as u64), rest)] {
            // SAFETY: the part's slots lie before the end of the section; the source is a private slice.
            unsafe { copy_in(part.as_ptr().cast(), self.slot(at).as_ptr().cast(), size_of_val(part)) };
        }
    }

    /// Reads slots from a position on, over the end if need be.
    #[cfg_attr(feature = "model", track_caller)]
    pub(crate) fn read_many(&self, position: u64, values: &mut [T]) {
        assert!(values.len() as u64 <= self.capacity(), "the caller checks lengths against the capacity");
        let (first, rest) = values.split_at_mut(self.before_end(position, values.len()));
        let second = position.wrapping_add(first.len() as u64);
        for (at, part) in [(position, first), (second, rest)] {
            // SAFETY: the part's slots lie before the end of the section; the target is a private slice, for which
            // every bit pattern is a value.
            unsafe { copy_out(self.slot(at).as_ptr().cast(), part.as_mut_ptr().cast(), size_of_val(part)) };
        }
    }
}
