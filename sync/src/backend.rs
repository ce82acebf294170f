//! What a system must offer for processes to wait for each other: the traits behind which another backend fits.
//!
//! ```text
//!   Event   what EventCount does by futex         prepare ─ look ─ sleep        publish ─ ring
//!   Lock    what a mutex does                      try_lock, lock_until          unlock
//! ```
//!
//! On Linux, rings and primitives use [`EventCount`] as it is, without these traits between: its ring is
//! one load. The traits say what a backend on another system's events and mutexes has to keep, and one suite of tests runs
//! over all of them (`tests/backend.rs`).

use crate::{Deadline, EventCount, Ringer, Sleeper, Ticket};
use core::fmt;

/// Something to sleep at until another party has published something.
///
/// The promise: of a sleeper that prepares, looks, finds nothing and sleeps, and a ringer that publishes and rings, either
/// the look sees the publication or the sleep ends. A sleep may end for no reason, and ends at the deadline; whoever wakes
/// looks again.
pub trait Event: Sync {
    /// What a sleeper remembers between its announcement and its sleep.
    type Announced;

    /// Announces a sleep. What is looked at afterwards and found missing will be rung for.
    fn prepare(&self) -> Self::Announced;

    /// Sleeps until the bell is rung or the deadline passes. May end early.
    fn sleep(&self, announced: Self::Announced, deadline: Deadline);

    /// Wakes all who sleep until what this thread has published is there.
    fn ring(&self);
}

/// How a lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// From its last owner, who had given it back, or for the first time.
    Clean,
    /// From an owner that died with it: what it guards may be half-written. A backend that cannot know never says so.
    FromDead,
}

/// Why a lock was not got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody has it, and the call does not wait.
    WouldBlock,
    /// Somebody had it until the deadline.
    TimedOut,
    /// This thread has it already.
    Deadlock,
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WouldBlock => "the lock is taken",
            Self::TimedOut => "the lock was not free in time",
            Self::Deadlock => "this thread has the lock already",
        })
    }
}

impl core::error::Error for LockError {}

/// Something that one party at a time has.
///
/// The promise: between an acquisition and its [`unlock`](Self::unlock) nobody else acquires, and what was written before
/// an unlock is there after the next acquisition.
pub trait Lock: Sync {
    /// Takes the lock if it is free. Never waits.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`] or [`LockError::Deadlock`].
    fn try_lock(&self) -> Result<Acquired, LockError>;

    /// Takes the lock, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`] or [`LockError::Deadlock`].
    fn lock_until(&self, deadline: Deadline) -> Result<Acquired, LockError>;

    /// Gives the lock back.
    ///
    /// # Safety
    ///
    /// * This thread has it, by an acquisition that was not given back yet.
    #[allow(unsafe_code)] // because giving back what somebody else has would break what the lock guards.
    unsafe fn unlock(&self);
}

/// The eventcount, for code that is written over the trait: each call begins anew, and so knows nothing of earlier ones.
///
/// # Examples
///
/// ```
/// use ringway_sync::backend::Event;
/// use ringway_sync::{Deadline, EventCount};
/// use std::time::Duration;
///
/// let bell = EventCount::new();
/// let announced = bell.prepare();
/// bell.sleep(announced, Deadline::after(Duration::from_millis(1)));
/// bell.ring();
/// ```
impl Event for EventCount {
    type Announced = (Sleeper, Ticket);

    fn prepare(&self) -> Self::Announced {
        let mut sleeper = Sleeper::new();
        let ticket = sleeper.prepare(self);
        (sleeper, ticket)
    }

    fn sleep(&self, (mut sleeper, ticket): Self::Announced, deadline: Deadline) {
        sleeper.sleep(self, ticket, None, deadline, true);
    }

    fn ring(&self) {
        Ringer::at(self).ring(self);
    }
}
