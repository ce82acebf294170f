//! The C library's semaphore between processes (sem_overview(7)).

#![allow(unsafe_code)] // because the C library takes addresses.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;

use crate::endpoint::{Common, Semaphore};
use crate::memory::shared::Mapping;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};

/// The system.
pub(super) fn system() -> System {
    System::new("sem_t").semaphore::<Shared>()
}

/// The semaphore, at the start of a file that processes map.
struct Shared(Mapping);

impl Shared {
    /// Where it is, as long as `self`.
    #[inline(always)]
    fn place(&self) -> *mut libc::sem_t {
        self.0.start().cast()
    }
}

impl Common for Shared {
    type Kept = Self;

    fn create() -> io::Result<(Self, Vec<OwnedFd>)> {
        const IS_SHARED: libc::c_int = 1;
        let shared = Self(Mapping::create(size_of::<libc::sem_t>())?);
        // SAFETY: a mapping starts at a page, and nobody else has this one yet.
        checked(unsafe { libc::sem_init(shared.place(), IS_SHARED, 0) })?;
        let descriptor = shared.0.descriptor()?;
        Ok((shared, vec![descriptor]))
    }

    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let mapping = Mapping::attach(sole(descriptors)?)?;
        if mapping.length() < size_of::<libc::sem_t>() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self(mapping))
    }
}

/// What a call that leaves its error elsewhere returned, as a result.
#[inline(always)]
fn checked(result: libc::c_int) -> Result<(), Errno> {
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

#[cold]
fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

impl Semaphore for Shared {
    #[inline]
    fn post(&mut self) -> Result<(), Halt> {
        // SAFETY: the semaphore was initialised before this process was started, and is mapped as long as `self`.
        checked(unsafe { libc::sem_post(self.place()) })?;
        Ok(())
    }

    #[inline]
    fn wait(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        // SAFETY: as in `post`.
        while let Err(error) = checked(unsafe { libc::sem_wait(self.place()) }) {
            if error != Errno::INTR {
                return Err(error.into());
            }
            deadline.look()?;
        }
        Ok(())
    }

    fn count(&mut self) -> Result<u64, Halt> {
        let mut count = 0;
        // SAFETY: as in `post`; `count` lives through the call.
        checked(unsafe { libc::sem_getvalue(self.place(), &raw mut count) })?;
        Ok(u64::from(count.cast_unsigned()))
    }
}
