//! What the C library has between processes: mutexes, robust mutexes, spinlocks and barriers (pthreads(7)).
//!
//! Each lies at the start of a file of its own that all processes map. The measuring process initialises it before any of
//! them attaches, and destroys none: it ends with its memory. A robust mutex whose holder died is handed to the next one
//! with the word of it (`EOWNERDEAD`), who says that what it protects is in order and goes on.

#![allow(unsafe_code)] // because the C library takes addresses.

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use crate::endpoint::{Barrier, Channel, Common, Lock, Mourner, Shape};
use crate::memory::shared::Mapping;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};

/// The systems.
pub(super) fn systems() -> Vec<System> {
    vec![
        System::new("pthread mutex").mutex::<Shared<Mutex>>(),
        System::new("pthread robust mutex").mutex::<Shared<Robust>>().owner_deaths::<Widowed>(),
        System::new("pthread spinlock").spinlock::<Shared<Spinlock>>(),
        System::new("pthread barrier").barrier::<Shared<Meeting>>(),
    ]
}

/// What the C library calls an object, and how one is made that processes share.
trait Object {
    /// Its bytes.
    type Bytes;

    /// Makes one at `place`.
    ///
    /// # Safety
    ///
    /// `place` is aligned, and its bytes are the caller's alone.
    unsafe fn initialise(place: *mut Self::Bytes) -> io::Result<()>;
}

/// An object in memory that processes share.
struct Shared<O: Object> {
    mapping: Mapping,
    object: PhantomData<O>,
}

impl<O: Object> Shared<O> {
    /// The object. It is there as long as `self`.
    #[inline(always)]
    fn place(&self) -> *mut O::Bytes {
        self.mapping.start().cast()
    }
}

impl<O: Object> Common for Shared<O> {
    type Kept = Self;

    fn create() -> io::Result<(Self, Vec<OwnedFd>)> {
        let shared = Self { mapping: Mapping::create(size_of::<O::Bytes>())?, object: PhantomData };
        // SAFETY: a mapping starts at a page, and nobody else has this one yet.
        unsafe { O::initialise(shared.place()) }?;
        let descriptor = shared.mapping.descriptor()?;
        Ok((shared, vec![descriptor]))
    }

    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let mapping = Mapping::attach(sole(descriptors)?)?;
        if mapping.length() < size_of::<O::Bytes>() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self { mapping, object: PhantomData })
    }
}

/// What a call of the C library returned, as a result.
#[inline(always)]
fn checked(error: libc::c_int) -> Result<(), Errno> {
    if error == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(error)) }
}

/// A mutex.
struct Mutex;

impl Object for Mutex {
    type Bytes = libc::pthread_mutex_t;

    unsafe fn initialise(place: *mut Self::Bytes) -> io::Result<()> {
        // SAFETY: as the caller promises.
        unsafe { initialise_mutex(place, libc::PTHREAD_MUTEX_STALLED) }
    }
}

/// A mutex that tells of its holder's death.
struct Robust;

impl Object for Robust {
    type Bytes = libc::pthread_mutex_t;

    unsafe fn initialise(place: *mut Self::Bytes) -> io::Result<()> {
        // SAFETY: as the caller promises.
        unsafe { initialise_mutex(place, libc::PTHREAD_MUTEX_ROBUST) }
    }
}

/// Makes a mutex that processes share.
///
/// # Safety
///
/// `place` is aligned, and its bytes are the caller's alone.
unsafe fn initialise_mutex(place: *mut libc::pthread_mutex_t, robustness: libc::c_int) -> io::Result<()> {
    let mut attributes = MaybeUninit::uninit();
    let attributes: *mut libc::pthread_mutexattr_t = attributes.as_mut_ptr();
    // SAFETY: the attributes are this function's own, here and below.
    checked(unsafe { libc::pthread_mutexattr_init(attributes) })?;
    // SAFETY: they were initialised above.
    checked(unsafe { libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) })?;
    // SAFETY: as above.
    checked(unsafe { libc::pthread_mutexattr_setrobust(attributes, robustness) })?;
    // SAFETY: as above; the mutex's bytes are the caller's alone, as it promises.
    checked(unsafe { libc::pthread_mutex_init(place, attributes) })?;
    Ok(())
}

impl Lock for Shared<Mutex> {
    #[inline]
    fn hold(&mut self, work: impl FnOnce(), _: &Deadline<'_>) -> Result<(), Halt> {
        // SAFETY: the object was initialised before this process was started, and is mapped as long as `self`.
        checked(unsafe { libc::pthread_mutex_lock(self.place()) })?;
        work();
        // SAFETY: as above; this thread holds it.
        checked(unsafe { libc::pthread_mutex_unlock(self.place()) })?;
        Ok(())
    }
}

impl Lock for Shared<Robust> {
    #[inline]
    fn hold(&mut self, work: impl FnOnce(), _: &Deadline<'_>) -> Result<(), Halt> {
        // Nobody dies here: `EOWNERDEAD` is a failure.
        // SAFETY: the object was initialised before this process was started, and is mapped as long as `self`.
        checked(unsafe { libc::pthread_mutex_lock(self.place()) })?;
        work();
        // SAFETY: as above; this thread holds it.
        checked(unsafe { libc::pthread_mutex_unlock(self.place()) })?;
        Ok(())
    }
}

/// A spinlock.
struct Spinlock;

impl Object for Spinlock {
    type Bytes = libc::pthread_spinlock_t;

    unsafe fn initialise(place: *mut Self::Bytes) -> io::Result<()> {
        // SAFETY: as the caller promises.
        checked(unsafe { libc::pthread_spin_init(place, libc::PTHREAD_PROCESS_SHARED) })?;
        Ok(())
    }
}

impl Lock for Shared<Spinlock> {
    #[inline]
    fn hold(&mut self, work: impl FnOnce(), _: &Deadline<'_>) -> Result<(), Halt> {
        // SAFETY: the object was initialised before this process was started, and is mapped as long as `self`.
        checked(unsafe { libc::pthread_spin_lock(self.place()) })?;
        work();
        // SAFETY: as above; this thread holds it.
        checked(unsafe { libc::pthread_spin_unlock(self.place()) })?;
        Ok(())
    }
}

/// A barrier of two.
struct Meeting;

impl Object for Meeting {
    type Bytes = libc::pthread_barrier_t;

    unsafe fn initialise(place: *mut Self::Bytes) -> io::Result<()> {
        let mut attributes = MaybeUninit::uninit();
        let attributes: *mut libc::pthread_barrierattr_t = attributes.as_mut_ptr();
        // SAFETY: the attributes are this function's own, here and below.
        checked(unsafe { libc::pthread_barrierattr_init(attributes) })?;
        // SAFETY: they were initialised above.
        checked(unsafe { libc::pthread_barrierattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) })?;
        // SAFETY: as above; the barrier's bytes are the caller's alone, as it promises.
        checked(unsafe { libc::pthread_barrier_init(place, attributes, 2) })?;
        Ok(())
    }
}

impl Barrier for Shared<Meeting> {
    #[inline]
    fn wait(&mut self, _: &Deadline<'_>) -> Result<(), Halt> {
        // SAFETY: the object was initialised before this process was started, and is mapped as long as `self`.
        match unsafe { libc::pthread_barrier_wait(self.place()) } {
            libc::PTHREAD_BARRIER_SERIAL_THREAD => Ok(()),
            error => Ok(checked(error)?),
        }
    }
}

/// A robust mutex whose holder is killed.
struct Widowed;

impl Channel for Widowed {
    type Near = Shared<Robust>;
    type Far = Shared<Robust>;

    fn create(_: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        Shared::create()
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let shared = Shared::<Robust>::attach(descriptors)?;
        // SAFETY: the object was initialised before this process was started. It is mapped until the process ends.
        checked(unsafe { libc::pthread_mutex_lock(shared.place()) })?;
        Ok(shared)
    }
}

impl Mourner for Shared<Robust> {
    fn mourn(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        // This call counts by the clock on the wall.
        let (now, left) = (clock_gettime(ClockId::Realtime), deadline.left()?);
        let end =
            libc::timespec { tv_sec: now.tv_sec + left.as_secs().cast_signed() + 1, tv_nsec: now.tv_nsec };
        // SAFETY: the object was initialised by this process, and is mapped as long as `self`; `end` lives through the call.
        match checked(unsafe { libc::pthread_mutex_timedlock(self.place(), &raw const end) }) {
            Err(Errno::OWNERDEAD) => {
                // SAFETY: as above; this thread holds it.
                checked(unsafe { libc::pthread_mutex_consistent(self.place()) })?;
                // SAFETY: as above.
                checked(unsafe { libc::pthread_mutex_unlock(self.place()) })?;
                Ok(())
            }
            Err(Errno::TIMEDOUT) => Err(Halt::Late),
            Err(error) => Err(error.into()),
            Ok(()) => Err(Halt::Wrong("the lock was free while its holder lived")),
        }
    }
}
