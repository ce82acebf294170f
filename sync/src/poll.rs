//! Waiting by watching: spin while an answer is likely near, then give the core away between looks.
//!
//! ```text
//!   look ─ hint ─ look ─ hint ─ ...  SPINS times       the peer runs on another core: an answer in about 100 ns
//!   look ─ yield ─ look ─ yield ─ ... to the deadline  the peer may need this core
//! ```
//!
//! On a machine with one core there is no first part: whoever is waited for cannot run while we spin.

use crate::Deadline;
use ringway_shm::primitive::{Backoff, spin_hint};
use std::sync::OnceLock;

/// How many looks before the core is given away: some 30 microseconds, several times what two cores that take turns
/// need for an answer.
const SPINS: u32 = 2_000;

/// Tries until `attempt` has an answer or the deadline passes; tries at least once, and once more at the end.
///
/// # Examples
///
/// ```
/// use ringway_sync::{Deadline, poll};
/// use std::time::Duration;
///
/// let mut looks = 0;
/// let third = poll(Deadline::NEVER, || { looks += 1; (looks == 3).then_some("there") });
/// assert_eq!(third, Some("there"));
/// assert_eq!(poll(Deadline::after(Duration::from_millis(1)), || None::<()>), None);
/// ```
#[inline]
pub fn poll<R>(deadline: Deadline, mut attempt: impl FnMut() -> Option<R>) -> Option<R> {
    match attempt() {
        None => poll_on(deadline, attempt),
        answer => answer,
    }
}

/// The rest of a wait that did not end at once.
fn poll_on<R>(deadline: Deadline, mut attempt: impl FnMut() -> Option<R>) -> Option<R> {
    let spins = if has_one_core() { 0 } else { SPINS };
    for _ in 0..spins {
        spin_hint();
        if let Some(answer) = attempt() {
            return Some(answer);
        }
    }
    let backoff = Backoff::new();
    while !deadline.has_passed() {
        backoff.pause();
        if let Some(answer) = attempt() {
            return Some(answer);
        }
    }
    attempt()
}

/// May this process run on one core only? Asked once: a later change of its affinity costs speed, not progress.
fn has_one_core() -> bool {
    static ONE_CORE: OnceLock<bool> = OnceLock::new();
    *ONE_CORE.get_or_init(|| std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1))
}
