//! What the standard library has, between threads.

use std::sync::{Arc, Mutex, PoisonError};

use crate::endpoint::{Barrier, Lock};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;

/// The system.
pub(super) fn system() -> System {
    System::new("std").thread_mutex::<StdMutex>().thread_barrier::<StdBarrier>()
}

/// A mutex.
#[derive(Clone, Default)]
struct StdMutex(Arc<Mutex<()>>);

impl Lock for StdMutex {
    #[inline]
    fn hold(&mut self, work: impl FnOnce(), _: &Deadline<'_>) -> Result<(), Halt> {
        let _guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work();
        Ok(())
    }
}

/// A barrier of two.
#[derive(Clone)]
struct StdBarrier(Arc<std::sync::Barrier>);

impl Default for StdBarrier {
    fn default() -> Self {
        Self(Arc::new(std::sync::Barrier::new(2)))
    }
}

impl Barrier for StdBarrier {
    #[inline]
    fn wait(&mut self, _: &Deadline<'_>) -> Result<(), Halt> {
        self.0.wait();
        Ok(())
    }
}
