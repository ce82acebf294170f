//! Locks around a value.
//!
//! ```text
//!   word.rs     who has it, in one word           mutex.rs, spin.rs    how it is taken and given back
//!   verbs.rs    what its users see of it          guard.rs             what they have of it while they hold it
//! ```

mod guard;
mod mutex;
mod spin;
mod verbs;
mod word;

pub use guard::{Access, Copies, Guard, Held, InPlace, OwnerDied};
pub use mutex::{Mutex, MutexGuard};
pub use spin::{SpinGuard, SpinLock};
