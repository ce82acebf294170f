//! The alarm: a signal that ends a system call which sleeps and takes no deadline (reading a pipe, a socket, an eventfd).
//!
//! The signal does nothing by itself; the call fails with `INTR`, and its caller looks at the clock. One that comes just
//! before the call would be missed, hence it is repeated. It goes to the process's first thread.

#![allow(unsafe_code)] // because neither a signal's handler nor the timer is offered as a safe call.

use std::io;
use std::ptr;
use std::time::Duration;

/// How often the signal is repeated.
const AGAIN: Duration = Duration::from_millis(50);

/// An alarm that is set. Dropping it turns it off. A process has one.
#[derive(Debug)]
pub(crate) struct Alarm(());

impl Alarm {
    /// Sets it to go off after `length`.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn set(length: Duration) -> io::Result<Self> {
        let handler: extern "C" fn(libc::c_int) = ignore;
        // SAFETY: all-zero bytes are a value of this structure of numbers: no flags (so that calls are not restarted)
        // and an empty set of blocked signals.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as libc::sighandler_t;
        // SAFETY: `action` is complete and lives through the call, and its handler does nothing, which is allowed at
        // any moment.
        let refused = unsafe { libc::sigaction(libc::SIGALRM, &raw const action, ptr::null_mut()) };
        if refused != 0 {
            return Err(io::Error::last_os_error());
        }
        arm(length, AGAIN)?;
        Ok(Self(()))
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // Zero turns the timer off, which the kernel does not refuse.
        _ = arm(Duration::ZERO, Duration::ZERO);
    }
}

extern "C" fn ignore(_: libc::c_int) {}

fn arm(length: Duration, again: Duration) -> io::Result<()> {
    let timer = libc::itimerval { it_value: timeval(length), it_interval: timeval(again) };
    // SAFETY: `timer` lives through the call.
    match unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn timeval(length: Duration) -> libc::timeval {
    libc::timeval { tv_sec: length.as_secs().cast_signed(), tv_usec: i64::from(length.subsec_micros()) }
}
