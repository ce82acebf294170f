//! raw_sync's mutex, between processes: <https://docs.rs/raw_sync>. On Linux it is a pthread mutex behind a trait object.

#![allow(unsafe_code)] // because the library puts its lock where a bare pointer says.

use std::io;
use std::os::fd::OwnedFd;

use raw_sync::locks::{LockImpl, LockInit, Mutex};

use crate::endpoint::{Common, Lock};
use crate::memory::shared::Mapping;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};

/// Bytes of the memory that holds it: more than it needs.
const LENGTH: usize = 4096;

/// The system.
pub(super) fn systems() -> Vec<System> {
    vec![System::new("raw_sync").mutex::<Shared>()]
}

/// The mutex.
struct Shared {
    lock: Box<dyn LockImpl>,
    /// Keeps the lock mapped.
    _mapping: Mapping,
}

impl Common for Shared {
    type Kept = Self;

    fn create() -> io::Result<(Self, Vec<OwnedFd>)> {
        let mapping = Mapping::create(LENGTH)?;
        let descriptor = mapping.descriptor()?;
        let start = mapping.start();
        // SAFETY: a page of memory that nobody else has yet, and that is kept as long as the lock. The library does not
        // follow the second address, which is of what the lock protects.
        let (lock, _) = unsafe { Mutex::new(start, start) }.map_err(|error| failed(&*error))?;
        Ok((Self { lock, _mapping: mapping }, vec![descriptor]))
    }

    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let mapping = Mapping::attach(sole(descriptors)?)?;
        let start = mapping.start();
        // SAFETY: `create` put a lock there, and the mapping is kept as long as the lock.
        let (lock, _) = unsafe { Mutex::from_existing(start, start) }.map_err(|error| failed(&*error))?;
        Ok(Self { lock, _mapping: mapping })
    }
}

fn failed(error: &dyn std::error::Error) -> io::Error {
    io::Error::other(error.to_string())
}

impl Lock for Shared {
    #[inline]
    fn hold(&mut self, work: impl FnOnce(), _: &Deadline<'_>) -> Result<(), Halt> {
        let _guard = self.lock.lock().map_err(|_| Halt::Closed)?;
        work();
        Ok(())
    }
}
