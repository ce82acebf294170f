//! What belongs to this process and to no child that is forked from it.
//!
//! ```text
//!            parent                                       child
//!   region   shared mapping ── MADV_DONTFORK ──▶          nothing, then zeros of its own (the handler of `fork`)
//!   handle   works                                        finds a zero where its door stands, looks, answers `Forked`
//!   lock     held by the address space (hold.rs)          none
//!   sentinel a thread                                     none; started anew when the child attaches something
//! ```
//!
//! A forked child has the parent's memory and descriptors, and so its handles, but it is another process: what it wrote
//! through them would be written in the parent's name. So no mapping of a region goes over to a child. Where `fork` runs
//! the handlers of `pthread_atfork`, private zeros are put in their place, so that a handle which does not know yet that
//! it was forked reads and writes those, meets the zero of a door that asks to be looked at, and then finds that it lives
//! elsewhere than it was made ([`Home`]). A child made by a bare `clone` system call has nothing there and faults.
//!
//! One lock guards what the process keeps about itself. It is held while a fork happens, so that a child never finds it
//! taken by a thread that it does not have.

#![allow(unsafe_code)] // because handlers of fork are registered, and mappings replaced, by `libc` calls.

use crate::primitive::kernel::on_the_heap;
use crate::primitive::{AtomicU32, Ordering};
use crate::sentinel::Sentinel;
use core::ptr::NonNull;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// How often this process's ancestors forked, down to it.
static FORKS: AtomicU32 = AtomicU32::new(0);

static PROCESS: Mutex<Process> = Mutex::new(Process { number: 0, ranges: Vec::new(), sentinels: Vec::new() });

/// What the process keeps about itself.
pub(crate) struct Process {
    /// Whose it is.
    number: u32,
    /// Mappings that no child shall have.
    ranges: Vec<Range>,
    /// The threads whose deaths tell of the process's.
    pub(crate) sentinels: Vec<Sentinel>,
}

struct Range {
    start: usize,
    len: usize,
}

/// The process, under its lock.
pub(crate) fn this() -> MutexGuard<'static, Process> {
    static HANDLERS: Once = Once::new();
    HANDLERS.call_once(|| {
        // SAFETY: three functions that live as long as the program; what they may do in a child is argued at each.
        let registered =
            unsafe { libc::pthread_atfork(Some(before_fork), Some(after_in_parent), Some(after_in_child)) };
        // Without handlers a child's handles fault instead of answering; there is nobody to tell.
        debug_assert_eq!(registered, 0);
    });
    locked()
}

/// The process, under its lock. In a child that was forked behind the handlers' back nothing of it is ours: neither the
/// parent's threads nor what lies by now where the parent's mappings were.
fn locked() -> MutexGuard<'static, Process> {
    let mut process = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    let number = process_id();
    if process.number != number {
        *process = Process { number, ranges: Vec::new(), sentinels: Vec::new() };
    }
    process
}

/// No fork happens while this is held: for descriptors that no child shall inherit, not even for a moment.
pub(crate) fn without_forks() -> Option<MutexGuard<'static, Process>> {
    // Hooks may stop a thread at any call, and others would wait for the lock that it holds.
    #[cfg(feature = "model")]
    if crate::primitive::model::is_installed() {
        return None;
    }
    Some(this())
}

/// The process that something was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    forks: u32,
    process: u32,
}

impl Home {
    /// This process.
    pub(crate) fn here() -> Self {
        // Relaxed: written in a child before it has a second thread.
        Self { forks: FORKS.load(Ordering::Relaxed), process: process_id() }
    }

    /// Are we in a child of the process that it was made in?
    ///
    /// The count of forks knows a child that got its parent's number in another PID namespace, the number one that was
    /// forked behind the handlers' back.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.is_forked() || self.process != process_id()
    }

    /// The same, without a system call: not of a child that was forked behind the handlers' back, which has no memory of the
    /// region to touch.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        // Relaxed: written in a child before it has a second thread.
        self.forks != FORKS.load(Ordering::Relaxed)
    }
}

/// This process's number in its own namespace.
pub(crate) fn process_id() -> u32 {
    // Virtual processes do not fork, and ask often.
    #[cfg(feature = "model")]
    if crate::primitive::model::has_kernel() {
        static OURS: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
        return *OURS.get_or_init(ask);
    }
    ask()
}

fn ask() -> u32 {
    rustix::process::getpid().as_raw_nonzero().get() as u32
}

/// Keeps a mapping of a region from children.
///
/// # Safety
///
/// * `start..start + len` is mapped, belongs to the caller alone, and is in whole pages.
/// * The caller calls [`give_back`] before it unmaps it.
pub(crate) unsafe fn keep_from_children(start: NonNull<u8>, len: usize) -> rustix::io::Result<()> {
    on_the_heap!(Ok(()));
    // SAFETY: the caller's own mapping; the advice changes nothing of it here.
    unsafe { rustix::mm::madvise(start.as_ptr().cast(), len, Advice::LinuxDontFork) }?;
    put_zeros_in_children(start, len);
    Ok(())
}

/// Has children find zeros where a mapping was that they do not get.
pub(crate) fn put_zeros_in_children(start: NonNull<u8>, len: usize) {
    this().ranges.push(Range { start: start.as_ptr() as usize, len });
}

/// Ends [`keep_from_children`] or [`put_zeros_in_children`], for a mapping that is about to go.
pub(crate) fn give_back(start: NonNull<u8>) {
    this().ranges.retain(|range| range.start != start.as_ptr() as usize);
}

thread_local! {
    /// The lock of the process, while this thread forks.
    static FORKING: RefCell<Option<MutexGuard<'static, Process>>> = const { RefCell::new(None) };
}

/// Takes the lock: no other thread is in the middle of anything that it guards.
extern "C" fn before_fork() {
    // First: what is registered for the end of a thread may take the loader's lock.
    let _ = FORKING.try_with(|forking| forking.borrow().is_some());
    let process = locked();
    // A thread that forks while its thread-locals are destroyed keeps nothing: its child then waits for nobody, since
    // the guard is dropped here.
    let _ = FORKING.try_with(|forking| forking.replace(Some(process)));
}

extern "C" fn after_in_parent() {
    let _ = FORKING.try_with(|forking| forking.replace(None));
}

/// Puts zeros where the parent's regions were. In a child of several threads only a few calls are allowed: mapping
/// memory is one system call, and the lock that is given back is one that this thread holds.
extern "C" fn after_in_child() {
    let process = FORKING.try_with(RefCell::take).ok().flatten();
    FORKS.fetch_add(1, Ordering::Relaxed);
    crate::threads::forget_all();
    let Some(mut process) = process else { return };
    for range in &process.ranges {
        let (start, access) = (range.start as *mut core::ffi::c_void, ProtFlags::READ | ProtFlags::WRITE);
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        // SAFETY: the range was a mapping of a region in the parent, which the child does not have; the handles that know
        // of it know it as shared memory, of which they believe nothing. Where it fails they fault.
        let _ = unsafe { rustix::mm::mmap_anonymous(start, range.len, access, flags) };
    }
    // The child does not have the parent's other threads. (Their private lists are left as they are: memory of the
    // parent's that nobody looks at.)
    process.sentinels.clear();
}
