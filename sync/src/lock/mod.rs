//! Locks around a value.

mod guard;
mod mutex;
mod spin;
mod word;

pub use guard::{Access, Copies, Guard, Held, InPlace, OwnerDied};
pub use mutex::{Mutex, MutexGuard};
pub use spin::{SpinGuard, SpinLock};
