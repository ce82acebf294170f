//! Where a primitive lies: a checked part of a region, whose bytes everybody may write.

#![allow(unsafe_code)] // because lines are atomic words at addresses in a region.

use crate::OpenError;
use crate::layout::{LINE, SPACE};
use crate::shared::Shared;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use ringway_shm::{Fingerprint, Region};
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// What may lie in a region: plain data, every bit pattern of which is a value, with a fingerprint. Implemented for every type
/// that is.
///
/// # Examples
///
/// ```
/// use ringway_shm::Fingerprint;
/// use ringway_shm::zerocopy::{FromBytes, Immutable, IntoBytes};
///
/// #[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Fingerprint)]
/// #[zerocopy(crate = "ringway_shm::zerocopy")] // not needed where the crate itself depends on zerocopy
/// #[repr(C)]
/// struct Account {
///     number: u64,
///     balance: i64,
/// }
///
/// fn is_plain<T: ringway_sync::Plain>() {}
/// is_plain::<Account>();
/// ```
pub trait Plain: Copy + FromBytes + IntoBytes + Immutable + Fingerprint + Send + Sync + 'static {}

impl<T: Copy + FromBytes + IntoBytes + Immutable + Fingerprint + Send + Sync + 'static> Plain for T {}

/// Bytes that a value takes `behind` bytes of its own line, in whole lines.
pub(crate) const fn cell_len<T>(behind: usize) -> usize {
    assert!(align_of::<T>() <= 64, "what is aligned to more than 64 bytes does not lie in a space");
    (behind + size_of::<T>()).next_multiple_of(LINE)
}

/// A part of a region, in which something lies that a type says ([`Shared`]).
#[derive(Clone)]
pub struct Spot {
    region: Arc<Region>,
    /// At a multiple of a line.
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: an address in a mapping that the region keeps; it belongs to no thread.
unsafe impl Send for Spot {}
// SAFETY: what is shared through it are atomic words, and copies.
unsafe impl Sync for Spot {}

impl fmt::Debug for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spot").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Spot {
    /// All of a region's space, once its kind and fingerprint were checked.
    pub(crate) fn whole(region: &Arc<Region>, needed: usize) -> Result<Self, OpenError> {
        let geometry = OpenError::Region(ringway_shm::OpenError::Rejected(ringway_shm::Rejected::Geometry));
        let (start, len) = region.section(SPACE).ok_or_else(|| geometry.clone())?;
        if len < needed {
            return Err(geometry);
        }
        Ok(Self { region: Arc::clone(region), start, len: needed })
    }

    /// A part of it, `offset` bytes from its start.
    ///
    /// # Panics
    ///
    /// When the part does not lie in it, or not at a multiple of 128.
    #[must_use]
    pub fn part<S: Shared>(&self, offset: usize) -> Self {
        assert!(offset % LINE == 0, "a part begins at a multiple of {LINE}, not at {offset}");
        assert!(
            offset <= self.len && S::LEN <= self.len - offset,
            "{} bytes at {offset} of {}",
            S::LEN,
            self.len
        );
        // SAFETY: within the section (asserted), which is mapped while the region lives.
        let start = unsafe { self.start.add(offset) };
        Self { region: Arc::clone(&self.region), start, len: S::LEN }
    }

    /// Whoever lays out a type of its own may hand on a spot that is another's: it has to be as long as what is to lie there.
    pub(crate) fn assert_holds<S: Shared>(&self) {
        assert!(S::LEN <= self.len, "{} bytes in {}", S::LEN, self.len);
    }

    pub(crate) fn region(&self) -> &Arc<Region> {
        &self.region
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

/// A line of atomic words, at the start of a spot.
#[derive(Debug)]
pub(crate) struct Place<L> {
    spot: Spot,
    line: PhantomData<fn() -> L>,
}

impl<L> Clone for Place<L> {
    fn clone(&self) -> Self {
        Self { spot: self.spot.clone(), line: PhantomData }
    }
}

impl<L: Line> Place<L> {
    /// The place of an `S`. Refuses a region that cannot be written.
    pub(crate) fn new<S: Shared>(spot: Spot) -> Result<Self, OpenError> {
        const { assert!(size_of::<L>() <= S::LEN) };
        spot.assert_holds::<S>();
        if spot.region.is_read_only() {
            return Err(OpenError::ReadOnly);
        }
        Ok(Self { spot, line: PhantomData })
    }

    #[inline(always)]
    pub(crate) fn region(&self) -> &Arc<Region> {
        &self.spot.region
    }

    #[inline(always)]
    pub(crate) fn line(&self) -> &L {
        // SAFETY: aligned to a line, as long as `new` asserted (`LEN`), mapped while the region lives, and of atomic words alone (`Line`).
        unsafe { self.spot.start.cast::<L>().as_ref() }
    }

    /// What lies behind the line. Within the spot for a `T` whose owner counted it in its length.
    #[inline(always)]
    pub(crate) fn behind<T>(&self) -> NonNull<T> {
        debug_assert!(size_of::<L>() + size_of::<T>() <= self.spot.len);
        // SAFETY: within the spot, which is as long as what the type says (`new`).
        unsafe { self.spot.start.add(size_of::<L>()) }.cast()
    }

    /// So many atomic words behind the line.
    pub(crate) fn cells(&self, count: usize) -> &[ringway_shm::primitive::AtomicU64] {
        let cells = self.behind::<ringway_shm::primitive::AtomicU64>();
        assert!(size_of::<L>() + count * 8 <= self.spot.len, "{count} cells");
        // SAFETY: aligned, within the spot (asserted), mapped while the region lives; atomic words.
        unsafe { core::slice::from_raw_parts(cells.as_ptr(), count) }
    }
}

/// A line of atomic words.
///
/// # Safety
///
/// * All of it is atomic words, aligned to 64 bytes at most, for which any bytes are a value.
pub(crate) unsafe trait Line {}

// SAFETY: see their declarations.
unsafe impl Line for crate::layout::LockLine {}
// SAFETY: as above.
unsafe impl Line for crate::layout::SemaphoreLine {}
// SAFETY: as above.
unsafe impl Line for crate::layout::GateLine {}
// SAFETY: as above.
unsafe impl Line for crate::layout::BarrierLine {}
