//! The atomic words that lie in a region, and the fence.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // because this is the door they stand behind.
#![allow(unsafe_code)] // because the kernel sleeps at halves of words.

use core::sync::atomic;

pub use core::sync::atomic::Ordering;

/// One operation, with the hooks looked up first when the feature `model` is on.
macro_rules! through_the_door {
    ($word:expr, $width:literal, $order:expr, $action:expr, $plain:expr, $answer:expr) => {{
        #[cfg(feature = "model")]
        if let Some(hooks) = super::model::installed() {
            let step = super::model::Step::new(&raw const $word as usize, $width, $order, $action);
            let outcome = hooks.atomic(&step);
            #[allow(clippy::redundant_closure_call)]
            return $answer(outcome);
        }
        $plain
    }};
}

macro_rules! shared_word {
    ($name:ident, $value:ident, $core:ty, $width:literal, $doc:literal) => {
        #[doc = $doc]
        ///
        /// `#[repr(transparent)]` over core's type of the same name; all-zero bytes are the value zero.
        ///
        /// # Examples
        ///
        /// ```
        #[doc = concat!("use ringway_shm::primitive::{", stringify!($name), ", Ordering};")]
        ///
        #[doc = concat!("let word = ", stringify!($name), "::new(1);")]
        /// assert_eq!(word.fetch_add(2, Ordering::Relaxed), 1);
        /// assert_eq!(word.load(Ordering::Acquire), 3);
        /// ```
        #[repr(transparent)]
        pub struct $name($core);

        impl $name {
            /// A word outside any region, for private state and for tests.
            #[must_use]
            pub const fn new(value: $value) -> Self {
                Self(<$core>::new(value))
            }

            /// The word's value.
            #[inline(always)]
            #[must_use]
            #[cfg_attr(feature = "model", track_caller)]
            pub fn load(&self, order: Ordering) -> $value {
                through_the_door!(
                    self.0,
                    $width,
                    order,
                    super::model::Action::Load,
                    self.0.load(order),
                    |o: super::model::Outcome| { o.value as $value }
                )
            }

            /// Stores `value`.
            #[inline(always)]
            #[cfg_attr(feature = "model", track_caller)]
            pub fn store(&self, value: $value, order: Ordering) {
                through_the_door!(
                    self.0,
                    $width,
                    order,
                    super::model::Action::Store(u64::from(value)),
                    self.0.store(value, order),
                    |_: super::model::Outcome| ()
                )
            }

            /// Stores `value` and returns what was there.
            #[inline(always)]
            #[cfg_attr(feature = "model", track_caller)]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                through_the_door!(
                    self.0,
                    $width,
                    order,
                    super::model::Action::Swap(u64::from(value)),
                    self.0.swap(value, order),
                    |o: super::model::Outcome| o.value as $value
                )
            }

            /// Adds, wrapping, and returns what was there.
            #[inline(always)]
            #[cfg_attr(feature = "model", track_caller)]
            pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                through_the_door!(
                    self.0,
                    $width,
                    order,
                    super::model::Action::Add(u64::from(value)),
                    self.0.fetch_add(value, order),
                    |o: super::model::Outcome| o.value as $value
                )
            }

            /// Sets the bits of `value` and returns what was there.
            #[inline(always)]
            #[cfg_attr(feature = "model", track_caller)]
            pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                through_the_door!(
                    self.0,
                    $width,
                    order,
                    super::model::Action::Or(u64::from(value)),
                    self.0.fetch_or(value, order),
                    |o: super::model::Outcome| o.value as $value
                )
            }

            /// Keeps only the bits of `value` and returns what was there.
            #[inline(always)]
            #[cfg_attr(feature = "model", track_caller)]
            pub fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                through_the_door!(
                    self.0,
                    $width,
                    order,
                    super::model::Action::And(u64::from(value)),
                    self.0.fetch_and(value, order),
                    |o: super::model::Outcome| o.value as $value
                )
            }

            /// Stores `new` if the word is `current`.
            ///
            /// # Errors
            ///
            /// What stands there instead of `current`.
            #[inline(always)]
            #[cfg_attr(feature = "model", track_caller)]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                through_the_door!(
                    self.0,
                    $width,
                    success,
                    super::model::Action::CompareExchange {
                        current: u64::from(current),
                        new: u64::from(new),
                        failure,
                        weak: false
                    },
                    self.0.compare_exchange(current, new, success, failure),
                    |o: super::model::Outcome| if o.stored {
                        Ok(o.value as $value)
                    } else {
                        Err(o.value as $value)
                    }
                )
            }

            /// Like [`compare_exchange`](Self::compare_exchange), but may fail though the word is `current`.
            ///
            /// # Errors
            ///
            /// What stands there, which may be `current`.
            #[inline(always)]
            #[cfg_attr(feature = "model", track_caller)]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                through_the_door!(
                    self.0,
                    $width,
                    success,
                    super::model::Action::CompareExchange {
                        current: u64::from(current),
                        new: u64::from(new),
                        failure,
                        weak: true
                    },
                    self.0.compare_exchange_weak(current, new, success, failure),
                    |o: super::model::Outcome| if o.stored {
                        Ok(o.value as $value)
                    } else {
                        Err(o.value as $value)
                    }
                )
            }
        }

        impl core::fmt::Debug for $name {
            /// Shows the type only: a look at the value would be one more shared access.
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

shared_word!(AtomicU32, u32, atomic::AtomicU32, 4, "A 32-bit word that other processes may read and write.");
shared_word!(AtomicU64, u64, atomic::AtomicU64, 8, "A 64-bit word that other processes may read and write.");

impl AtomicU64 {
    /// The lower half, for the kernel to sleep and wake at, and to change
    /// ([`store_low_and_wake`](super::kernel::store_low_and_wake)). It is not loaded or stored as a word of its own: what
    /// accesses of two sizes to one place mean, Rust leaves open, and the processors and the kernel that Ringway runs on do not.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::primitive::{AtomicU64, kernel};
    ///
    /// let word = AtomicU64::new(7 << 32 | 5);
    /// assert_eq!(kernel::sleep(word.low_half(), 4, None), kernel::Wake::Woken, "the lower half is 5");
    /// ```
    #[must_use]
    pub fn low_half(&self) -> &AtomicU32 {
        // Miri takes a sleep for an access of four bytes, which it does not allow beside those of eight. There a sleep at another
        // word ends at once, as any may, since no half that somebody sleeps at is 0.
        super::kernel::on_the_heap!({
            static ELSEWHERE: AtomicU32 = AtomicU32::new(0);
            &ELSEWHERE
        });
        // SAFETY: the first four of eight bytes that live as long, aligned to more, of a type that is changed through shared
        // references. Little-endian, so they are the lower half (lib.rs refuses other machines).
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}

/// A fence of the given ordering, as [`core::sync::atomic::fence`].
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{Ordering, fence};
///
/// fence(Ordering::Acquire);
/// ```
#[inline(always)]
#[cfg_attr(feature = "model", track_caller)]
pub fn fence(order: Ordering) {
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        return hooks.fence(order, core::panic::Location::caller());
    }
    atomic::fence(order);
}

/// A fence that costs nothing where it stands: it keeps the compiler from moving accesses over it, and the
/// [`heavy_fence`](super::kernel::heavy_fence) of whoever waits for this thread makes it a full one.
///
/// Of a store and a load on each side, with this fence between them on one and the heavy one on the other, at least one
/// load sees the other side's store (the asymmetric fences of C++ proposal P1202).
///
/// # Examples
///
/// ```
/// ringway_shm::primitive::light_fence();
/// ```
#[inline(always)]
#[cfg_attr(feature = "model", track_caller)]
pub fn light_fence() {
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        return hooks.light_fence(core::panic::Location::caller());
    }
    atomic::compiler_fence(atomic::Ordering::SeqCst);
}
