//! Processes that the killers start, and nobody else: forked, told what to do, stopped, killed, and never left behind.
//!
//! ```text
//!   director (one thread, no region of its own claimed)
//!      │ fork                                    Board    words that director and actors share
//!      ├──▶ actor: run() ─ exit status
//!      ├──▶ actor ...                            dropped: killed and reaped; killed too when the director dies
//! ```
//!
//! A forked child is a process of its own to Ringway: it attaches afresh, by descriptor or by name. The director stays
//! without handles and without a second thread, so its children begin in order.

#![allow(unsafe_code)] // because processes are forked, and words shared with them.

use core::ops::Deref;
use core::ptr::NonNull;
use ringway_shm::primitive::AtomicU64;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::mm::{MapFlags, ProtFlags};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus};
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Exited(i32),
    Killed(i32),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with {status}"),
            Self::Killed(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}

/// Exit status of an actor that panicked.
pub(crate) const PANICKED: i32 = 101;

/// A process that was started here; killed and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Actor {
    process: Pid,
    ending: Option<Ending>,
}

impl Actor {
    /// Starts a process that runs this and exits with its answer.
    pub(crate) fn start(run: impl FnOnce() -> i32) -> io::Result<Self> {
        let director = rustix::process::getpid();
        // SAFETY: the director has one thread, so the child may do whatever a process may.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                // Whoever loses its director ends with it, also if it was lost before this line.
                _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
                if rustix::process::getppid() != Some(director) {
                    // SAFETY: ends the process.
                    unsafe { libc::_exit(PANICKED) };
                }
                // What a panic unwinds through is this process's own, and is dropped as in any program that panics.
                let status = catch_unwind(AssertUnwindSafe(run)).unwrap_or(PANICKED);
                // SAFETY: ends the process without what the parent registered for its own end.
                unsafe { libc::_exit(status) }
            }
            process => Ok(Self::of(Pid::from_raw(process).expect("a child has a number"))),
        }
    }

    /// Takes charge of a child that was started in another way.
    pub(crate) fn of(process: Pid) -> Self {
        Self { process, ending: None }
    }

    /// Its number.
    pub(crate) fn id(&self) -> Pid {
        self.process
    }

    /// Says that it has ended, for whoever has reaped it.
    pub(crate) fn has_ended(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }

    /// Sends it a signal, if it has not been reaped.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.ending.is_none() {
            // Whoever has ended and is not reaped takes it, too.
            _ = rustix::process::kill_process(self.process, signal);
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<Ending> {
        self.look(WaitOptions::NOHANG)
    }

    /// Stops it, and returns when every thread of it stands still: true, unless it has ended.
    pub(crate) fn stop(&mut self) -> bool {
        self.signal(Signal::STOP);
        while self.ending.is_none() {
            let changes = WaitOptions::UNTRACED | WaitOptions::CONTINUED;
            match rustix::process::waitpid(Some(self.process), changes) {
                Ok(Some((_, status))) if status.stopped() => return true,
                // It was let go on before, or by somebody else: by the kernel, when a shell ends that had started us.
                Ok(Some((_, status))) if status.continued() => self.signal(Signal::STOP),
                Ok(Some((_, status))) => self.ending = ending(status),
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => self.ending = Some(Ending::Killed(0)),
            }
        }
        false
    }

    /// Waits for its end, so long at most.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<Ending> {
        let began = Instant::now();
        while self.ended().is_none() {
            let left = limit.checked_sub(began.elapsed())?;
            self.until_it_ends(left.min(Duration::from_millis(100)));
        }
        self.ending
    }

    /// Sleeps until it has ended, or so long.
    fn until_it_ends(&self, limit: Duration) {
        let Ok(process) = rustix::process::pidfd_open(self.process, PidfdFlags::empty()) else { return };
        let mut watched = [PollFd::new(&process, PollFlags::IN)];
        let limit = Timespec { tv_sec: 0, tv_nsec: limit.subsec_nanos().into() };
        // Whatever ends it, the caller looks.
        _ = rustix::event::poll(&mut watched, Some(&limit));
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Ending {
        self.signal(Signal::KILL);
        loop {
            // A process that was killed ends; one that traces it reaps it by this as well.
            if let Some(ending) = self.look(WaitOptions::empty()) {
                return ending;
            }
        }
    }

    fn look(&mut self, options: WaitOptions) -> Option<Ending> {
        if self.ending.is_none() {
            self.ending = match rustix::process::waitpid(Some(self.process), options) {
                Ok(Some((_, status))) => ending(status),
                Ok(None) | Err(rustix::io::Errno::INTR) => None,
                // Somebody else has reaped it: it has ended.
                Err(_) => Some(Ending::Killed(0)),
            };
        }
        self.ending
    }
}

/// The end that a status tells of; none if it tells of a stop.
pub(crate) fn ending(status: WaitStatus) -> Option<Ending> {
    let exited = status.exit_status().map(Ending::Exited);
    exited.or(status.terminating_signal().map(Ending::Killed))
}

impl Drop for Actor {
    fn drop(&mut self) {
        if self.ending.is_none() {
            self.kill();
        }
    }
}

/// Words that the director shares with the actors that it starts after this: zero at first.
#[derive(Debug)]
pub(crate) struct Board {
    words: NonNull<AtomicU64>,
    count: usize,
}

// SAFETY: an address range of the process, all of it atomic words.
unsafe impl Send for Board {}
// SAFETY: as above.
unsafe impl Sync for Board {}

impl Board {
    pub(crate) fn new(count: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let anywhere = core::ptr::null_mut();
        // SAFETY: a fresh range of the kernel's choice.
        let words = unsafe { rustix::mm::mmap_anonymous(anywhere, count * 8, access, MapFlags::SHARED) }?;
        Ok(Self { words: NonNull::new(words.cast()).expect("no mapping lies at zero"), count })
    }
}

impl Deref for Board {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: `count` aligned words, zero from birth, mapped until the drop; all of them atomic, so that others may write
        // them meanwhile.
        unsafe { core::slice::from_raw_parts(self.words.as_ptr(), self.count) }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: the range of this board alone, of which no reference outlives it.
        let unmapped = unsafe { rustix::mm::munmap(self.words.as_ptr().cast(), self.count * 8) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}
