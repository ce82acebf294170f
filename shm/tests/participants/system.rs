//! What a party does to itself: ends, forks, and whatever else has no safe name.

#![allow(unsafe_code)] // because all of it are `libc` calls.

use core::ptr::NonNull;
use ringway_shm::primitive::AtomicU32;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

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

/// Ends the calling thread as `pthread_exit` does at last, without unwinding it; the process goes on.
pub(crate) fn end_thread() -> ! {
    // SAFETY: the thread owns nothing that anybody else waits for; its stack is that of the process.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("a thread went on after its end");
}

/// Maps a page of this process's own where nothing is, for as long as it lives.
pub(crate) fn map_at(start: NonNull<u8>) -> &'static AtomicU32 {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
    // SAFETY: replaces nothing.
    let page = unsafe { mmap_anonymous(start.as_ptr().cast(), 4096, access, flags) }.unwrap();
    assert_eq!(page, start.as_ptr().cast());
    // SAFETY: mapped above, and never unmapped.
    unsafe { start.cast().as_ref() }
}

/// Closes all descriptors but the standard ones, behind everybody's back.
pub(crate) fn close_all_descriptors() {
    // SAFETY: whoever owns a descriptor here is what the test is about.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) };
    assert_eq!(closed, 0, "{}", std::io::Error::last_os_error());
}

/// Opens `/dev/null` under a descriptor number that is not in use.
pub(crate) fn open_stranger(number: i32) {
    let file = std::fs::File::open("/dev/null").unwrap();
    if file.as_raw_fd() == number {
        core::mem::forget(file);
        return;
    }
    // SAFETY: the number is not open, so nothing is replaced.
    let got = unsafe { libc::dup2(file.as_raw_fd(), number) };
    assert_eq!(got, number, "{}", std::io::Error::last_os_error());
}

/// The file behind a descriptor number, if one is open.
pub(crate) fn file_behind(number: i32) -> Option<(u64, u64)> {
    let file = std::fs::metadata(format!("/proc/self/fd/{number}")).ok()?;
    Some((file.dev(), file.ino()))
}

/// Has the children of this process be numbered from one; false where that is refused.
pub(crate) fn unshare_process_numbers() -> bool {
    // SAFETY: takes a number; concerns later children alone.
    unsafe { libc::unshare(libc::CLONE_NEWPID) == 0 }
}

/// Does this thread let every signal through?
pub(crate) fn blocks_no_signal() -> bool {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    status.lines().any(|line| line == "SigBlk:\t0000000000000000")
}

/// From now on these system calls fail in this thread and in those that it starts; false where filters are refused.
pub(crate) fn refuse(calls: &[libc::c_long], errno: i32) -> bool {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let number = core::mem::offset_of!(libc::seccomp_data, nr) as u32;
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, number)];
    for &call in calls {
        let code = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
        program.push(libc::sock_filter { code, jt: 0, jf: 1, k: call as u32 });
        program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | errno as u32));
    }
    program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers; the process gains no privileges from programs that it executes.
    let bounded = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: a program that lives through the call, which copies it.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    bounded == 0 && set == 0
}
