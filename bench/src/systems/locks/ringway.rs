//! Ringway's primitives, between processes: its mutex and spinlock, its semaphores, its permits and its barrier.
//!
//! All wait as they do when nothing is chosen. Each lies in a region of its own, without a name. `ringway permits` is a set of
//! one permit, which begins taken: to post is to give it back.

use std::io;
use std::mem;
use std::os::fd::{AsFd, OwnedFd};

use ringway_sync::{
    AcquireError, BarrierError, BinarySemaphore, LockError, Mutex, Party, Permit, Permits, Setup, Shared,
    SpinLock,
};

use crate::endpoint::{Barrier, Channel, Common, Lock, Mourner, Semaphore, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};

/// The systems.
pub(super) fn systems() -> Vec<System> {
    vec![
        System::new("ringway mutex").mutex::<Mutex<u64>>().owner_deaths::<Widowed>(),
        System::new("ringway spinlock").spinlock::<SpinLock<u64>>(),
        System::new("ringway semaphore").semaphore::<ringway_sync::Semaphore>(),
        System::new("ringway binary semaphore").semaphore::<BinarySemaphore>(),
        System::new("ringway permits").semaphore::<Taken>(),
        System::new("ringway barrier").barrier::<Party>(),
    ]
}

/// A primitive in a region of its own, and what a process is to inherit of it.
fn create<S: Shared>(region: impl FnOnce(&S) -> &ringway_shm::Region) -> io::Result<(S, Vec<OwnedFd>)> {
    let shared: S = Setup::new().anonymous().map_err(io::Error::other)?;
    let descriptor = region(&shared).inheritable().map_err(io::Error::other)?;
    Ok((shared, vec![descriptor]))
}

fn attach<S: Shared>(descriptors: Vec<OwnedFd>) -> io::Result<S> {
    Setup::new().inherit(sole(descriptors)?.as_fd()).map_err(io::Error::other)
}

/// What is made, and used as it is.
macro_rules! common {
    ($primitive:ty) => {
        impl Common for $primitive {
            type Kept = Self;

            fn create() -> io::Result<(Self, Vec<OwnedFd>)> {
                create(|shared: &Self| shared.region())
            }

            fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
                attach(descriptors)
            }
        }
    };
}

/// What is locked. Nobody dies here: a guard that comes with news of it is a failure.
macro_rules! lock {
    ($lock:ty) => {
        common!($lock);

        impl Lock for $lock {
            #[inline]
            fn hold(&mut self, work: impl FnOnce(), deadline: &Deadline<'_>) -> Result<(), Halt> {
                let _guard = self.lock_until(deadline.moment()).map_err(|error| match error {
                    LockError::TimedOut => Halt::Late,
                    _ => Halt::Closed,
                })?;
                work();
                Ok(())
            }
        }
    };
}

lock!(Mutex<u64>);
lock!(SpinLock<u64>);
common!(ringway_sync::Semaphore);
common!(BinarySemaphore);

/// A failed wait for a permit as the end of a sample.
fn not_acquired(error: AcquireError) -> Halt {
    if error == AcquireError::TimedOut { Halt::Late } else { Halt::Closed }
}

impl Semaphore for ringway_sync::Semaphore {
    #[inline]
    fn post(&mut self) -> Result<(), Halt> {
        self.release(1).map_err(|_| Halt::Closed)
    }

    #[inline]
    fn wait(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.try_acquire_until(deadline.moment()).map_err(not_acquired)
    }

    fn count(&mut self) -> Result<u64, Halt> {
        Ok(u64::from(ringway_sync::Semaphore::count(self)))
    }
}

impl Semaphore for BinarySemaphore {
    #[inline]
    fn post(&mut self) -> Result<(), Halt> {
        self.release().map_err(|_| Halt::Closed)
    }

    #[inline]
    fn wait(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.try_acquire_until(deadline.moment()).map_err(not_acquired)
    }

    fn count(&mut self) -> Result<u64, Halt> {
        Ok(u64::from(self.is_released()))
    }
}

/// A permit, and who has it.
struct Taken {
    permits: Permits<1>,
    permit: Option<Permit<1>>,
}

impl Common for Taken {
    type Kept = Permits<1>;

    fn create() -> io::Result<(Permits<1>, Vec<OwnedFd>)> {
        create(|shared: &Permits<1>| shared.region())
    }

    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let permits: Permits<1> = attach(descriptors)?;
        let permit = permits.try_acquire().map_err(io::Error::other)?;
        Ok(Self { permits, permit: Some(permit) })
    }
}

impl Semaphore for Taken {
    #[inline]
    fn post(&mut self) -> Result<(), Halt> {
        self.permit = None;
        Ok(())
    }

    #[inline]
    fn wait(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.permit = Some(self.permits.try_acquire_until(deadline.moment()).map_err(not_acquired)?);
        Ok(())
    }

    fn count(&mut self) -> Result<u64, Halt> {
        Ok(self.permits.available() as u64)
    }
}

impl Common for Party {
    type Kept = ringway_sync::Barrier;

    fn create() -> io::Result<(ringway_sync::Barrier, Vec<OwnedFd>)> {
        let (barrier, descriptors) = create(|shared: &ringway_sync::Barrier| shared.region())?;
        barrier.expect(2).map_err(io::Error::other)?;
        Ok((barrier, descriptors))
    }

    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        attach::<ringway_sync::Barrier>(descriptors)?.join().map_err(io::Error::other)
    }
}

impl Barrier for Party {
    #[inline]
    fn wait(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        match self.wait_until(deadline.moment()) {
            Ok(_) => Ok(()),
            Err(BarrierError::TimedOut) => Err(Halt::Late),
            Err(_) => Err(Halt::Closed),
        }
    }
}

/// A mutex whose holder is killed.
struct Widowed;

impl Channel for Widowed {
    type Near = Mutex<u64>;
    type Far = Mutex<u64>;

    fn create(_: Shape) -> io::Result<(Mutex<u64>, Vec<OwnedFd>)> {
        <Mutex<u64> as Common>::create()
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Mutex<u64>> {
        let mutex: Mutex<u64> = attach(descriptors)?;
        // Held until the process is killed: this thread does nothing else.
        mem::forget(mutex.lock().map_err(|error| io::Error::other(error.to_string()))?);
        Ok(mutex)
    }
}

impl Mourner for Mutex<u64> {
    fn mourn(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        match self.lock_until(deadline.moment()) {
            Err(LockError::OwnerDied(_)) => Ok(()),
            Err(LockError::TimedOut) => Err(Halt::Late),
            Err(_) => Err(Halt::Closed),
            Ok(_) => Err(Halt::Wrong("the lock was free while its holder lived")),
        }
    }
}
