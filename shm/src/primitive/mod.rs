//! The one door between Ringway's protocols and the machine: atomics, payload copies, the kernel calls that make, find,
//! lock and remove regions and that sleep and wake, the clock and every spin.
//!
//! ```text
//!   ring, sync, shm ──▶ primitive ──▶ core::sync::atomic, volatile copies, system calls
//!                          │
//!                          └─ feature `model`: the hooks of `model::Hooks`, when a thread installed some
//! ```
//!
//! Nothing else names `core::sync::atomic` (clippy's `disallowed-types` keeps it so) but the hand-written twin in a test. The types are
//! `#[repr(transparent)]` over core's, so they lie in a region as they are. With the feature `model` off every function
//! here is the plain operation, inlined; a test compares the instructions of a push and a pop with a hand-written twin.
//! With it on, a thread may install hooks that see each operation with its address, its ordering and its source line,
//! and may stand in for it. With it on and no hooks installed, it does the same after one look.
//!
//! What it deliberately does not do: choose orderings. They are argued where they are used.

mod atomic;
mod copy;
pub mod kernel;
#[cfg(feature = "model")]
pub mod model;
mod spin;
mod touch;

pub use atomic::{AtomicU32, AtomicU64, Ordering, fence, light_fence};
pub use copy::{copy_in, copy_out, prefetch_read, prefetch_write, read_slot, read_slot_into, write_slot};
pub use spin::{Backoff, spin_hint, yield_core};
pub use touch::{touch_read, touch_write};

/// Is the door built with hooks (feature `model`)? What users run is built without.
pub const HAS_HOOKS: bool = cfg!(feature = "model");
