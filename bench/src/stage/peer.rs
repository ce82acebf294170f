//! The peer: this executable once more, which inherits the descriptors of one sample and ends with it.
//!
//! A started peer is always reaped: by [`Peer::finish`], or when the value is dropped. It is killed, by its id, when it
//! does not leave by itself. It ends with its parent (the kernel kills it then), and it has the same deadline.

#![allow(unsafe_code)] // because descriptors cross an exec as numbers.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// How long a peer may take to leave once it has nothing more to do.
const LEAVE: Duration = Duration::from_secs(1);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_micros(50);

/// A running peer.
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
}

impl Peer {
    /// Starts `executable` with `arguments` and `--descriptors` with the numbers of `descriptors`, which it inherits.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn start(
        executable: &Path,
        arguments: &[String],
        descriptors: &[OwnedFd],
    ) -> io::Result<Self> {
        let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let list: Vec<String> = numbers.iter().map(RawFd::to_string).collect();
        let mut command = Command::new(executable);
        command.args(arguments).arg("--descriptors").arg(list.join(","));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let inherit = move || numbers.iter().try_for_each(|&number| keep_across_exec(number));
        // SAFETY: between fork and exec only the system call in `keep_across_exec` is made, which is safe after a fork.
        unsafe { command.pre_exec(inherit) };
        Ok(Self { child: command.spawn()? })
    }

    /// Its id, if it has one.
    pub(crate) fn id(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Sends the signal that kills it.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }

    /// Waits until a peer that was killed is gone.
    ///
    /// # Errors
    ///
    /// How it ended, if not by that.
    pub(crate) fn reap_killed(mut self) -> Result<(), String> {
        let status = self.child.wait().map_err(|error| format!("the peer cannot be awaited: {error}"))?;
        if status.signal() == Some(Signal::KILL.as_raw()) {
            return Ok(());
        }
        Err(self.complaint(status))
    }

    /// Waits for the peer to leave, kills it when it does not, and says what it complained about, if anything.
    ///
    /// # Errors
    ///
    /// Its complaint, in one line.
    pub(crate) fn finish(mut self) -> Result<(), String> {
        let status = self.await_exit().map_err(|error| format!("the peer cannot be awaited: {error}"))?;
        let Some(status) = status else { return Err("the peer had to be killed".to_owned()) };
        if status.success() {
            return Ok(());
        }
        Err(self.complaint(status))
    }

    /// What a peer that ended with `status` said last, or else the status.
    fn complaint(&mut self, status: ExitStatus) -> String {
        let mut complaint = String::new();
        if let Some(mut stream) = self.child.stderr.take() {
            // What cannot be read is not reported: the exit status below still is.
            _ = stream.read_to_string(&mut complaint);
        }
        match complaint.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => line.trim().to_owned(),
            None => format!("the peer ended with {status}"),
        }
    }

    /// The exit status, or nothing when the peer had to be killed.
    fn await_exit(&mut self) -> io::Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if start.elapsed() > LEAVE {
                self.child.kill()?;
                self.child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // Nothing can be done about a refusal here, and a peer that is gone refuses.
            _ = self.child.kill();
            _ = self.child.wait();
        }
    }
}

/// Clears the flag that closes a descriptor at exec. Runs in the child only.
fn keep_across_exec(number: RawFd) -> io::Result<()> {
    // SAFETY: the parent keeps the descriptor open until the child was started.
    let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    Ok(fcntl_setfd(descriptor, FdFlags::empty())?)
}

/// In the peer: asks the kernel to end this process with its parent, whose id is `parent`.
///
/// # Errors
///
/// The kernel's refusal, or `NotFound` when the parent is gone already.
pub(crate) fn end_with(parent: i32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the line above.
    match getppid() {
        Some(id) if id.as_raw_nonzero().get() == parent => Ok(()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// In the peer: the descriptors it inherited, which the parent named by their numbers.
///
/// # Errors
///
/// `InvalidInput` for a number of the standard streams or one that is not open.
pub(crate) fn inherited(numbers: &[RawFd]) -> io::Result<Vec<OwnedFd>> {
    numbers
        .iter()
        .map(|&number| {
            if number <= 2 || !Path::new(&format!("/proc/self/fd/{number}")).exists() {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            // SAFETY: the number is open, and nothing in this process owns it: the parent opened it for this process to
            // inherit, and this is the one call, made before anything else is opened.
            Ok(unsafe { OwnedFd::from_raw_fd(number) })
        })
        .collect()
}
