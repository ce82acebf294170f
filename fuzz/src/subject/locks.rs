//! Ringway's primitives as the killers see them: a region of one of them, and both locks by one face.

use ringway_shm::layout::PAGE;
use ringway_shm::{Blueprint, Owner, Region};
use ringway_sync::layout::{KIND_SPACE, KIND_VERSION, SPACE};
use ringway_sync::{Deadline, Guard, Held, LockError, Mutex, Setup, Shared, SpinLock};
use std::os::fd::{AsFd, OwnedFd};

/// What the locks guard: words that are equal, unless somebody is in the middle of changing them.
pub(crate) type Words = [u64; 8];

/// A region of primitives without a name, to be handed on. Made without handles: some of them have a row from the beginning.
pub(crate) fn anonymous<S: Shared>(rows: u32) -> Result<OwnedFd, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let blueprint = Blueprint::new(KIND_SPACE, KIND_VERSION).fingerprint(S::FINGERPRINT);
    let blueprint = blueprint.rows(rows).map_err(|error| text(&error))?;
    let len = (S::LEN as u64).next_multiple_of(PAGE);
    let blueprint = blueprint.section(SPACE, len).map_err(|error| text(&error))?;
    let region = Region::anonymous(&blueprint).map_err(|error| text(&error))?;
    region.inheritable().map_err(|error| text(&error))
}

/// Handles of what lies there.
pub(crate) fn inherit<S: Shared>(descriptor: &OwnedFd) -> Result<S, String> {
    Setup::new().inherit(descriptor.as_fd()).map_err(|error| error.to_string())
}

/// A lock, with every verb of it.
pub(crate) trait Lock: Shared + Held<Value = Words> {
    /// What it is called on the command line.
    const NAME: &'static str;
    /// Does whoever waits sleep until it is woken?
    const SLEEPS_LONG: bool;

    fn lock_by(&self, deadline: Deadline) -> Result<Guard<'_, Self>, LockError<Self>>;

    fn try_to_lock(&self) -> Result<Guard<'_, Self>, LockError<Self>>;

    fn repair(&self, repair: impl FnOnce(&mut Words)) -> Result<Guard<'_, Self>, LockError<Self>>;

    fn holder(&self) -> Option<Owner>;

    /// The owner that this thread is, which has a row from then on.
    fn me(&self) -> Result<Owner, String>;

    /// Sleeps that were ended by the tick.
    fn ticks(&self) -> u64;
}

macro_rules! lock {
    ($lock:ident, $name:literal, $sleeps_long:literal, $ticks:expr) => {
        impl Lock for $lock<Words> {
            const NAME: &'static str = $name;
            const SLEEPS_LONG: bool = $sleeps_long;

            fn lock_by(&self, deadline: Deadline) -> Result<Guard<'_, Self>, LockError<Self>> {
                self.lock_until(deadline)
            }

            fn try_to_lock(&self) -> Result<Guard<'_, Self>, LockError<Self>> {
                self.try_lock()
            }

            fn repair(&self, repair: impl FnOnce(&mut Words)) -> Result<Guard<'_, Self>, LockError<Self>> {
                self.lock_or_repair(repair)
            }

            fn holder(&self) -> Option<Owner> {
                self.owner()
            }

            fn me(&self) -> Result<Owner, String> {
                self.region().thread_owner().map_err(|error| error.to_string())
            }

            fn ticks(&self) -> u64 {
                let ticks: fn(&Self) -> u64 = $ticks;
                ticks(self)
            }
        }
    };
}

lock!(Mutex, "mutex", true, |lock| u64::from(lock.repaired()));
// Its sleeps are short, and all end by their own time.
lock!(SpinLock, "spinlock", false, |_| 0);

/// Words that are equal: what whoever gets a lock clean has to find.
pub(crate) fn value<L: Lock>(guard: &Guard<'_, L>) -> Result<u64, String> {
    let words = guard.get();
    if words.iter().all(|word| *word == words[0]) {
        Ok(words[0])
    } else {
        Err(format!("a lock was got clean around {words:?}"))
    }
}
