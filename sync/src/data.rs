//! Data in a space, that something else guards.
//!
//! It is copied in words of 8 bytes by relaxed atomic accesses: what orders them is the lock or the barrier beside it, and where
//! there is none, a copy may be of several writes, but each of its words is of one.

#![allow(unsafe_code)] // because the words lie at addresses in a region.

use crate::OpenError;
use crate::place::{Plain, Spot, cell_len};
use crate::shared::{Shared, by_name};
use core::fmt;
use core::marker::PhantomData;
use ringway_shm::Region;
use ringway_shm::fingerprint::Hash;
use ringway_shm::primitive::{AtomicU64, Ordering};
use std::sync::Arc;

/// A `T` in shared memory, without a lock: whoever uses it sees to it that nobody writes at the same time, by a lock or a
/// barrier beside it. Where somebody does, a copy may be of both, and nothing worse: each 8 bytes of it are of one.
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
        spot.assert_holds::<Self>();
        Ok(Self { spot, value: PhantomData })
    }
}

impl<T: Plain> Data<T> {
    by_name!("data");

    /// A copy of it.
    #[must_use]
    pub fn get(&self) -> T {
        let mut value = T::new_zeroed();
        for (bytes, word) in value.as_mut_bytes().chunks_mut(8).zip(self.words()) {
            // Relaxed: see the head of this file.
            let word = word.load(Ordering::Relaxed).to_ne_bytes();
            bytes.copy_from_slice(&word[..bytes.len()]);
        }
        value
    }

    /// Replaces it.
    pub fn set(&self, value: &T) {
        for (bytes, word) in value.as_bytes().chunks(8).zip(self.words()) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            // Relaxed: as above. Behind the end of the value there is nothing but this.
            word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
        }
    }

    /// The region it lies in.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        self.spot.region()
    }

    fn words(&self) -> &[AtomicU64] {
        let count = size_of::<T>().div_ceil(8);
        debug_assert!(count * 8 <= Self::LEN);
        // SAFETY: the words of the spot, which begins at a line and has `LEN` bytes (`at`), whole lines; mapped while the region lives;
        // nobody accesses them otherwise.
        unsafe { core::slice::from_raw_parts(self.spot.start().as_ptr().cast(), count) }
    }
}
