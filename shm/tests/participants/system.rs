//! What a party does to itself: ends, forks, and whatever else has no safe name.

#![allow(unsafe_code)] // because all of it are `libc` calls.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::os::fd::OwnedFd;

/// Ends this process after two minutes, whatever becomes of those who sent it. A forked child has to ask for itself.
pub(crate) fn end_in_time() {
    end_within(120);
    // A core file of a process that is meant to abort is of use to nobody.
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}

/// Ends this process after so many seconds.
pub(crate) fn end_within(seconds: u32) {
    // SAFETY: takes a number.
    unsafe { libc::alarm(seconds) };
}

/// Ends this process at once: nothing is dropped.
pub(crate) fn leave(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

/// Ends this process by a store where nothing is.
pub(crate) fn fault() {
    let nowhere = core::ptr::without_provenance_mut::<u8>(8);
    // SAFETY: none; the page at zero is never mapped, and the process ends here, as its sender wants.
    unsafe { nowhere.write_volatile(0) };
}

/// Forks. The child does `deed` and ends, badly if that panics; the answer is the child's number.
pub(crate) fn fork(deed: impl FnOnce()) -> Pid {
    // SAFETY: the child goes on in `parted` only, and ends in it. Of what the parent's other threads may hold it uses the
    // allocator, which the C library keeps whole, and the standard streams, which none of them uses meanwhile.
    parted(unsafe { libc::fork() }, deed)
}

/// As [`fork`], without the C library: no handler runs.
pub(crate) fn fork_bare(deed: impl FnOnce()) -> Pid {
    // SAFETY: as above; no other thread of the parent allocates meanwhile.
    let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    parted(i32::try_from(child).unwrap(), deed)
}

fn parted(child: libc::pid_t, deed: impl FnOnce()) -> Pid {
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if let Some(child) = Pid::from_raw(child) {
        return child;
    }
    // What the parent asked for is not the child's.
    end_in_time();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(deed));
    if done.is_err() {
        crate::party::answer("a forked child panicked");
    }
    leave(i32::from(done.is_err()));
}

/// Waits for a child's end, and says whether it ended well.
pub(crate) fn reap(child: Pid) -> bool {
    let status = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty());
    status.unwrap().is_some_and(|(_, status)| status.exit_status() == Some(0))
}

/// A process that is no child of ours, killed when dropped.
pub(crate) struct Orphan(OwnedFd);

impl Orphan {
    pub(crate) fn new(number: &str) -> Self {
        let number = Pid::from_raw(number.parse().unwrap()).unwrap();
        Self(pidfd_open(number, PidfdFlags::empty()).unwrap())
    }

    pub(crate) fn kill(&self) {
        pidfd_send_signal(&self.0, Signal::KILL).unwrap();
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        // It may have ended.
        let _ = pidfd_send_signal(&self.0, Signal::KILL);
    }
}
