//! Locks, semaphores and barriers.
//!
//! Boost.Interprocess's `interprocess_mutex` has no rows: on Linux it is the C library's mutex between processes, which has.

use super::System;

mod bare;
mod pthread;
mod ringway;
mod semaphore;
mod standard;

super::rivals! {
    "parking_lot" parking_lot,
    "raw_sync" raw_sync,
}

/// All of them.
pub(super) fn all() -> Vec<System> {
    let mut systems = bare::systems();
    systems.extend(ringway::systems());
    systems.extend(pthread::systems());
    systems.push(semaphore::system());
    systems.push(standard::system());
    systems.extend(self::systems());
    systems
}
