//! The watchdog: whose calls do not end, and everything that can be known of a process that hangs.

#![allow(unsafe_code)] // because a signal handler is set.

use crate::actor::Actor;
use rustix::process::Signal;
use std::backtrace::Backtrace;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

/// The last call of a process that was seen, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    calls: u64,
    since: Instant,
    looks: u32,
}

/// So many looks in vain make a hang: a director that was away itself has seen nothing.
const LOOKS_MIN: u32 = 20;

impl Beat {
    pub(super) fn new() -> Self {
        Self { calls: 0, since: Instant::now(), looks: 0 }
    }

    /// It was stopped for so long, which does not count.
    pub(super) fn stood_still(&mut self, pause: Duration) {
        self.since += pause;
    }

    /// Is it more than `patience` since the process began another call?
    pub(super) fn is_hanging(&mut self, calls: u64, patience: Duration) -> bool {
        if calls != self.calls {
            *self = Self { calls, ..Self::new() };
        }
        self.looks += 1;
        self.looks > LOOKS_MIN && self.since.elapsed() > patience
    }
}

/// Has this process say where it is when it is asked to ([`stack`]).
pub(super) fn listen() {
    extern "C" fn tell(_: i32) {
        // A handler should not allocate, and this one does: whoever is asked hangs and will be killed. If it hangs in the
        // allocator, its stack is missing.
        let stack = Backtrace::force_capture();
        _ = writeln!(std::io::stderr().lock(), "    stack of {}:\n{stack}", std::process::id());
        // Whoever asked waits for this.
        _ = rustix::process::kill_process(rustix::process::getpid(), Signal::STOP);
    }
    let handler: extern "C" fn(i32) = tell;
    // SAFETY: sets a handler of the right kind for a signal that nothing else here uses.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
}

/// What the kernel knows of each thread of a process.
pub(super) fn told_by_the_kernel(actor: &Actor) -> String {
    let mut text = String::new();
    let folder = format!("/proc/{}/task", actor.id().as_raw_pid());
    let threads = fs::read_dir(folder).into_iter().flatten().flatten();
    for thread in threads {
        let part = |name: &str| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        let status = part("status");
        let state = status.lines().find(|line| line.starts_with("State:")).unwrap_or_default();
        let (wchan, syscall) = (part("wchan"), part("syscall"));
        let number = thread.file_name();
        text += &format!(
            "    thread {}  {state}  wchan {}  syscall {}\n",
            number.display(),
            wchan.trim(),
            syscall.trim()
        );
        // Root's to read, as a rule.
        text.extend(part("stack").lines().map(|line| format!("      {line}\n")));
    }
    text
}

/// Has a process print its stack, and waits until it has: it stands still then, and is not let go on.
pub(super) fn stack(actor: &Actor) {
    actor.signal(Signal::USR1);
    let (status, began) = (format!("/proc/{}/status", actor.id().as_raw_pid()), Instant::now());
    let is_told = || fs::read_to_string(&status).unwrap_or_default().contains("State:\tT");
    while !is_told() && began.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Has a debugger print the stacks of a process, if there is one.
pub(super) fn stacks_by_debugger(actor: &Actor) {
    if let Ok(said) = Command::new("gdb")
        .args(["--batch", "--quiet", "-ex", "thread apply all bt", "-p"])
        .arg(actor.id().as_raw_pid().to_string())
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .output()
    {
        let text = String::from_utf8_lossy(&said.stdout);
        let lines = text.lines().filter(|line| line.starts_with('#') || line.starts_with("Thread"));
        lines.for_each(|line| eprintln!("      {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_on_does_not_hang_and_who_was_not_looked_at_neither() {
        let mut beat = Beat::new();
        assert!(!beat.is_hanging(0, Duration::ZERO), "one look is not enough");
        assert!((0..100).all(|call| !beat.is_hanging(call, Duration::ZERO)));
        assert!((0..100).any(|_| beat.is_hanging(99, Duration::ZERO)));
        let mut stopped = beat;
        stopped.stood_still(Duration::from_secs(3600));
        assert!(!stopped.is_hanging(99, Duration::ZERO), "a stop does not count");
        assert!((0..100).all(|_| !beat.is_hanging(99, Duration::from_secs(3600))));
    }
}
