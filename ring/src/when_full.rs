//! What a producer does with a message for which there is no room: wait, or drop it and count it.
//!
//! ```text
//!   no room ─▶ Wait         the try says Full, the waiting verbs wait
//!          └─▶ DropNewest   dropped += 1, and the verb says Ok: nothing waits, the older messages stay
//! ```
//!
//! Only the producer writes the count, by a load and a store. A producer that is killed between the decision to drop and
//! the store leaves a message that was neither sent nor counted, the same as if it had been killed before the call. The
//! next producer goes on from the count that it finds.

use crate::layout::Control;
use ringway_shm::primitive::Ordering;

/// What the sending verbs of a producer do when there is no room.
///
/// # Examples
///
/// ```
/// use ringway::{Config, WhenFull, slots};
///
/// let region = std::sync::Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(2))?);
/// let mut tx = slots::Producer::<u64>::attach(&region)?;
/// let mut rx = slots::Consumer::<u64>::attach(&region)?;
/// tx.set_when_full(WhenFull::DropNewest);
/// for value in 1..=5 {
///     tx.send(&value)?;
/// }
/// assert_eq!((rx.recv()?, rx.recv()?, rx.dropped()), (1, 2, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait, where the verb waits, or say that the ring is full. What a producer does that was told nothing.
    #[default]
    Wait,
    /// Drop the message that is to be sent, count it, and say `Ok`. The sending verbs never wait then, and never say that
    /// the ring is full. Those that reserve say or wait as with [`Wait`](Self::Wait), but their tries tell of no end of the
    /// consumer.
    DropNewest,
}

/// Counts `count` messages as dropped. For the producer only.
#[cold]
pub(crate) fn count_dropped(control: &Control, count: u64) {
    let word = &control.producer.dropped;
    // Relaxed, both: only this producer writes the word, and it says nothing of other bytes. A message that is committed
    // later carries it along: who receives that one finds this count, or a later one.
    let dropped = word.load(Ordering::Relaxed).wrapping_add(count);
    word.store(dropped, Ordering::Relaxed);
}

/// Messages dropped since the ring was made.
pub(crate) fn dropped(control: &Control) -> u64 {
    // Relaxed: a count, and whatever stands there is one.
    control.producer.dropped.load(Ordering::Relaxed)
}
