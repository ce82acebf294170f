//! How a waiting loop passes its time: one hint, and a back-off that ends in giving up the core.

#![allow(clippy::disallowed_methods)] // because this is the door they stand behind.

use crossbeam_utils::Backoff as Steps;

/// Tells the processor that this is a waiting loop (`pause` on x86-64, `isb`/`yield` on aarch64).
///
/// It halves the round trip of a cache line between two cores on the machines measured: the loop's next loads do not
/// pile up on a line that another core is about to write.
///
/// # Examples
///
/// ```
/// ringway_shm::primitive::spin_hint();
/// ```
#[inline(always)]
#[cfg_attr(feature = "model", track_caller)]
pub fn spin_hint() {
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        return hooks.spin(core::panic::Location::caller());
    }
    core::hint::spin_loop();
}

/// Waits a little longer at each step: first by the spin hint, then by giving the core to whoever needs it.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::Backoff;
///
/// let backoff = Backoff::new();
/// backoff.pause();
/// ```
#[derive(Debug, Default)]
pub struct Backoff(Steps);

impl Backoff {
    /// A back-off at its first step.
    #[must_use]
    pub fn new() -> Self {
        Self(Steps::new())
    }

    /// One step: 1, 2, 4, ... 64 hints, and from then on a yield of the core each time.
    #[inline]
    #[cfg_attr(feature = "model", track_caller)]
    pub fn pause(&self) {
        #[cfg(feature = "model")]
        if let Some(hooks) = super::model::installed() {
            return hooks.spin(core::panic::Location::caller());
        }
        self.0.snooze();
    }
}

/// Gives the core to whoever else can run on it.
///
/// # Examples
///
/// ```
/// ringway_shm::primitive::yield_core();
/// ```
#[inline]
#[cfg_attr(feature = "model", track_caller)]
pub fn yield_core() {
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        return hooks.spin(core::panic::Location::caller());
    }
    std::thread::yield_now();
}
