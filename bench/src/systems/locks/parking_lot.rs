//! parking_lot's mutex, between threads: <https://docs.rs/parking_lot>.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::endpoint::Lock;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;

/// The system.
pub(super) fn systems() -> Vec<System> {
    vec![System::new("parking_lot").thread_mutex::<Shared>()]
}

/// The mutex.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<()>>);

impl Lock for Shared {
    #[inline]
    fn hold(&mut self, work: impl FnOnce(), _: &Deadline<'_>) -> Result<(), Halt> {
        let _guard = self.0.lock();
        work();
        Ok(())
    }
}
