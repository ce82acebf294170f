//! Synchronization between processes for [Ringway](https://docs.rs/ringway): primitives in shared memory that keep working
//! when somebody is killed while it holds, waits or wakes; and the waiting that rings are made of.
//!
//! ```text
//!   Mutex<T>, SpinLock<T>             one at a time; the death of a holder is told to the next with the lock
//!   Semaphore, BinarySemaphore        signals that anybody gives, and nobody owns
//!   Permits<N>                        N at a time; those of the dead come back
//!   Barrier                           all or nobody; who dies breaks it, or is dropped
//!   Data<T>                           what one of these guards
//!
//!   Shared, Setup, Plan               the doors: by name in one line, or in a region that you lay out
//!
//!   Pace, Wait                        watch a while: how closely and how long is learned
//!   EventCount                        then sleep: rung at no cost while nobody does
//!   Deadline                          until then
//!   backend                           the traits behind which another system's events and locks fit
//! ```
//!
//! This crate knows nothing of rings.

#![deny(unsafe_code)]

pub mod backend;
mod barrier;
mod beside;
mod data;
mod deadline;
mod error;
mod eventcount;
mod gate;
pub mod layout;
mod lock;
mod pace;
mod permits;
mod place;
mod plan;
mod semaphore;
mod setup;
mod shared;
mod strategy;

pub use barrier::{Barrier, OnDeath, PARTIES_MAX, Party, Passed};
pub use data::Data;
pub use deadline::Deadline;
pub use error::{
    AcquireError, BarrierError, Broken, CreateError, JoinError, LockError, OpenError, ReleaseError,
};
pub use eventcount::{EventCount, Ringer, Sleeper, Ticket};
pub use lock::{Access, Copies, Guard, Held, InPlace, Mutex, MutexGuard, OwnerDied, SpinGuard, SpinLock};
pub use pace::{Next, Pace, Step, Wait};
pub use permits::{Permit, Permits};
pub use place::{Plain, Spot};
pub use plan::{Plan, Planned, Space};
pub use semaphore::{BinarySemaphore, Semaphore};
pub use setup::Setup;
pub use shared::{Shared, shared_hash};
pub use strategy::WaitStrategy;

#[cfg(feature = "derive")]
pub use ringway_sync_derive::Shared;
