//! A robust mutex of the C library, in memory that processes share.

#![allow(unsafe_code)] // because mutexes of the C library are made, locked and unlocked by address.

use crate::party::DEADLINE;
use core::mem::MaybeUninit;
use ringway_shm::{Region, layout};
use std::sync::Arc;

/// One of the mutexes in a region's first section of its own.
#[derive(Clone)]
pub(crate) struct SharedMutex {
    place: *mut libc::pthread_mutex_t,
    _region: Arc<Region>,
}

// SAFETY: the mutex is there for all threads, and the region is held.
unsafe impl Send for SharedMutex {}
// SAFETY: as above.
unsafe impl Sync for SharedMutex {}

impl SharedMutex {
    /// The mutex of a number.
    pub(crate) fn at(region: &Arc<Region>, number: usize) -> Self {
        let (start, len) = region.section(layout::FIRST_OWN).unwrap();
        let offset = number * size_of::<libc::pthread_mutex_t>().next_multiple_of(64);
        assert!(offset + 64 <= len);
        Self { place: start.as_ptr().wrapping_add(offset).cast(), _region: Arc::clone(region) }
    }

    /// Makes it, before anybody else knows of it.
    pub(crate) fn make(&self) {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: attributes are made before they are set and used.
        assert_eq!(unsafe { libc::pthread_mutexattr_init(attributes.as_mut_ptr()) }, 0);
        let attributes = attributes.as_mut_ptr();
        // SAFETY: made above.
        let shared = unsafe { libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) };
        // SAFETY: made above.
        let robust = unsafe { libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST) };
        // SAFETY: a place of its own for a mutex, and attributes made above.
        let made = unsafe { libc::pthread_mutex_init(self.place, attributes) };
        assert_eq!((shared, robust, made), (0, 0, 0));
    }

    /// Locks it; 0 or an error number.
    pub(crate) fn lock(&self) -> i32 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let until = libc::timespec { tv_sec: (now + DEADLINE).as_secs() as libc::time_t, tv_nsec: 0 };
        // SAFETY: made by `make` in the process that sent this one, or here.
        unsafe { libc::pthread_mutex_timedlock(self.place, &raw const until) }
    }

    /// Unlocks it; 0 or an error number.
    pub(crate) fn unlock(&self) -> i32 {
        // SAFETY: as for `lock`.
        unsafe { libc::pthread_mutex_unlock(self.place) }
    }
}
