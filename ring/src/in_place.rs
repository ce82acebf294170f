//! The wrapper that says: this handle's user has promised that the peers of its ring follow the protocol;
//! and the slices of the ring that this allows, shown to the door when they are handed out.

#![allow(unsafe_code)] // because the slices over shared bytes are formed here, for whom the promise was made.

use core::ops::{Deref, DerefMut};
use ringway_shm::Region;
use ringway_shm::primitive::{touch_read, touch_write};
use std::sync::Arc;

/// A handle that may hand out slices of its ring, made by the `unsafe` method `in_place` of the handle.
///
/// It does everything that the handle does. The promise was made for one region: another handle that is put in this one's
/// place hands out no slices of another region, but panics.
#[derive(Debug)]
pub struct InPlace<H> {
    handle: H,
    promised: Arc<Region>,
}

impl<H> InPlace<H> {
    pub(crate) fn new(handle: H, region: &Arc<Region>) -> Self {
        Self { handle, promised: Arc::clone(region) }
    }

    /// Takes the promise back.
    pub fn into_inner(self) -> H {
        self.handle
    }

    /// Checks that the handle is still one of the region for which the promise was made. `DerefMut` lets safe code put
    /// another handle here.
    #[inline(always)]
    pub(crate) fn check(&self, region: &Arc<Region>) {
        assert!(Arc::ptr_eq(&self.promised, region), "the promise of in_place was made for another region");
    }
}

impl<H> Deref for InPlace<H> {
    type Target = H;

    #[inline(always)]
    fn deref(&self) -> &H {
        &self.handle
    }
}

impl<H> DerefMut for InPlace<H> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut H {
        &mut self.handle
    }
}

/// A slice of the ring, to be read.
///
/// # Safety
///
/// - `count` values at `address` lie in the ring's mapping, aligned and initialised, while the slice lives.
/// - By the promise of `in_place`, nobody writes them while it lives.
#[inline(always)]
pub(crate) unsafe fn slice<'a, T>(address: *const T, count: usize) -> &'a [T] {
    touch_read(address.cast(), count * size_of::<T>());
    // SAFETY: the caller's contract is the same.
    unsafe { core::slice::from_raw_parts(address, count) }
}

/// A slice of the ring, to be written.
///
/// # Safety
///
/// - `count` values at `address` lie in the ring's mapping, aligned and initialised, while the slice lives.
/// - By the promise of `in_place`, nobody else writes or reads them while it lives.
#[inline(always)]
pub(crate) unsafe fn slice_mut<'a, T>(address: *mut T, count: usize) -> &'a mut [T] {
    touch_write(address.cast(), count * size_of::<T>());
    // SAFETY: the caller's contract is the same.
    unsafe { core::slice::from_raw_parts_mut(address, count) }
}
