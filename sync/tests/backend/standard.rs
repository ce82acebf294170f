//! Events and locks of the standard library, for threads: that the traits ask for nothing that only Linux has.

#![allow(unsafe_code)] // because giving a lock back is unsafe in the trait.

use ringway_sync::Deadline;
use ringway_sync::backend::{Acquired, Event, Lock, LockError};
use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// A deadline does not say when it is, only whether it has passed: so it is asked again and again.
const SLICE: Duration = Duration::from_millis(1);

/// The count of its rings, and where to wait for the next.
#[derive(Default)]
pub(crate) struct Bell {
    rings: Mutex<u64>,
    rung: Condvar,
}

impl Event for Bell {
    type Announced = u64;

    fn prepare(&self) -> u64 {
        *self.rings.lock().unwrap()
    }

    fn sleep(&self, announced: u64, deadline: Deadline) {
        let mut rings = self.rings.lock().unwrap();
        while *rings == announced && !deadline.has_passed() {
            (rings, _) = self.rung.wait_timeout(rings, SLICE).unwrap();
        }
    }

    fn ring(&self) {
        *self.rings.lock().unwrap() += 1;
        self.rung.notify_all();
    }
}

/// Who has it, and where to wait for it.
#[derive(Default)]
pub(crate) struct Mutual {
    owner: Mutex<Option<ThreadId>>,
    given_back: Condvar,
}

impl Lock for Mutual {
    fn try_lock(&self) -> Result<Acquired, LockError> {
        let mut owner = self.owner.lock().unwrap();
        match *owner {
            None => {
                *owner = Some(thread::current().id());
                Ok(Acquired::Clean)
            }
            Some(id) if id == thread::current().id() => Err(LockError::Deadlock),
            Some(_) => Err(LockError::WouldBlock),
        }
    }

    fn lock_until(&self, deadline: Deadline) -> Result<Acquired, LockError> {
        loop {
            match self.try_lock() {
                Err(LockError::WouldBlock) if deadline.has_passed() => return Err(LockError::TimedOut),
                Err(LockError::WouldBlock) => {}
                answer => return answer,
            }
            let owner = self.owner.lock().unwrap();
            if owner.is_some() {
                drop(self.given_back.wait_timeout(owner, SLICE).unwrap());
            }
        }
    }

    unsafe fn unlock(&self) {
        *self.owner.lock().unwrap() = None;
        self.given_back.notify_one();
    }
}

/// Whether somebody has it, whoever that is.
#[derive(Default)]
pub(crate) struct Nameless {
    is_taken: Mutex<bool>,
    given_back: Condvar,
}

impl Lock for Nameless {
    fn try_lock(&self) -> Result<Acquired, LockError> {
        let was_taken = std::mem::replace(&mut *self.is_taken.lock().unwrap(), true);
        if was_taken { Err(LockError::WouldBlock) } else { Ok(Acquired::Clean) }
    }

    fn lock_until(&self, deadline: Deadline) -> Result<Acquired, LockError> {
        let mut is_taken = self.is_taken.lock().unwrap();
        while *is_taken {
            if deadline.has_passed() {
                return Err(LockError::TimedOut);
            }
            (is_taken, _) = self.given_back.wait_timeout(is_taken, SLICE).unwrap();
        }
        *is_taken = true;
        Ok(Acquired::Clean)
    }

    unsafe fn unlock(&self) {
        *self.is_taken.lock().unwrap() = false;
        self.given_back.notify_one();
    }
}
