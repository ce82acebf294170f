//! Data in a space, that something else guards.

#![allow(unsafe_code)] // because the value lies at an address in a region.

use crate::OpenError;
use crate::place::{Plain, Spot, cell_len};
use crate::shared::{Shared, by_name};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use ringway_shm::Region;
use ringway_shm::fingerprint::Hash;
use ringway_shm::primitive::{read_slot, write_slot};
use std::sync::Arc;

/// A `T` in shared memory, without a lock: whoever uses it sees to it that nobody writes at the same time, by a lock or a
/// barrier beside it. Where somebody does, a copy may be of both, and nothing worse.
///
/// # Examples
///
/// ```
/// use ringway_sync::Data;
///
/// # let name = format!("doc-data-{}", std::process::id());
/// let table = Data::<[u32; 100]>::open_or_create(name.as_str())?;
/// table.set(&[7; 100]);
/// assert_eq!(table.get(), [7; 100]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Data<T> {
    spot: Spot,
    value: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Data<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data").field("region", &self.spot.region().location()).finish_non_exhaustive()
    }
}

impl<T> Clone for Data<T> {
    fn clone(&self) -> Self {
        Self { spot: self.spot.clone(), value: PhantomData }
    }
}

impl<T: Plain> Shared for Data<T> {
    const LEN: usize = cell_len::<T>(0);
    const FINGERPRINT: u128 = Hash::new().bytes(b"Data").fingerprint(T::FINGERPRINT).finish();

    fn at(spot: Spot) -> Result<Self, OpenError> {
        if spot.region().is_read_only() {
            return Err(OpenError::ReadOnly);
        }
        Ok(Self { spot, value: PhantomData })
    }
}

impl<T: Plain> Data<T> {
    by_name!("data");

    /// A copy of it.
    #[must_use]
    pub fn get(&self) -> T {
        // SAFETY: aligned and readable for a `T`, as `Shared::LEN` and a spot's start see to; no reference to it is ever made.
        unsafe { read_slot(self.place().as_ptr()) }
    }

    /// Replaces it.
    pub fn set(&self, value: &T) {
        // SAFETY: as above, and writable: `at` refuses another region.
        unsafe { write_slot(self.place().as_ptr(), value) }
    }

    /// The region it lies in.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        self.spot.region()
    }

    fn place(&self) -> NonNull<T> {
        self.spot.start().cast()
    }
}
