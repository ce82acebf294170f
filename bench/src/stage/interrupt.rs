//! A user who has seen enough: the run ends after the sample that is being taken, so that what was made for it is taken away.
//!
//! A process that ended at once would leave the files of those systems that have names. The parties of the sample are
//! interrupted as well, where the signal comes from a terminal, and their sample fails.

#![allow(unsafe_code)] // because a signal's handler is set by libc.

use std::io;

use ringway_shm::primitive::{AtomicU64, Ordering};

/// Not zero once the user has seen enough.
static SEEN_ENOUGH: AtomicU64 = AtomicU64::new(0);

/// Notes the signal. A second one ends the process at once.
extern "C" fn note(signal: libc::c_int) {
    // Relaxed: nothing is read on the strength of the word.
    SEEN_ENOUGH.store(1, Ordering::Relaxed);
    // SAFETY: the default is a valid disposition, and `signal` may be called in a handler (signal-safety(7)).
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// From now on an interrupt ends the run, and not the process.
///
/// # Errors
///
/// The kernel's refusal.
pub(crate) fn watch() -> io::Result<()> {
    let handler: extern "C" fn(libc::c_int) = note;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler does what a handler may, and lives as long as the program.
        if unsafe { libc::signal(signal, handler as libc::sighandler_t) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether the user has seen enough.
pub(crate) fn has_come() -> bool {
    // Relaxed: as in `note`.
    SEEN_ENOUGH.load(Ordering::Relaxed) != 0
}
