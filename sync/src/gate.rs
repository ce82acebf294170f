//! Where those sleep who wait for a word elsewhere to change: an eventcount whose both sides fence.
//!
//! ```text
//!   odd   somebody may sleep                          even   nobody does
//!
//!   sleeper                                           whoever changes something
//!   make it odd ─ full fence ─ look ─ sleep           change ─ full fence ─ odd? make it even, wake all
//! ```
//!
//! As [`EventCount`](crate::EventCount), for changes that are rare enough to pay for a fence, and are made by many.

use ringway_shm::primitive::{AtomicU32, Ordering, fence, kernel};

/// Somebody may sleep.
const ASLEEP: u32 = 1;

/// Announces a sleep; the caller looks once more, and then sleeps while the gate has this value.
pub(crate) fn announce(gate: &AtomicU32) -> u32 {
    // Relaxed, all: the fence orders it before the look. It counts up, so that a value does not come back while somebody
    // remembers it.
    let mut ticket = gate.load(Ordering::Relaxed);
    while ticket & ASLEEP == 0 {
        let odd = ticket.wrapping_add(1);
        ticket = match gate.compare_exchange_weak(ticket, odd, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => odd,
            Err(found) => found,
        };
    }
    // Pairs with the fence in `open`: either the look behind this sees the change, or `open` sees the odd value.
    fence(Ordering::SeqCst);
    ticket
}

/// Wakes all who sleep until what this thread has just changed is so. No system call if nobody does.
pub(crate) fn open(gate: &AtomicU32) {
    // Pairs with the fence in `announce`.
    fence(Ordering::SeqCst);
    // Relaxed, both: whoever is woken looks for itself. Of two that open it one wakes, and its wake is still to come.
    let found = gate.load(Ordering::Relaxed);
    let even = found.wrapping_add(1);
    if found & ASLEEP != 0 && gate.compare_exchange(found, even, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    {
        kernel::wake(gate);
    }
}
