//! Sleeping at a word that other processes share, waking them, and the fence that the sleeper pays for.
//!
//! A sleep ends by a wake, by a word that no longer has its value, by a signal, or at its moment: which of them it was
//! says nothing about what the sleeper waits for, so it looks again in any case. Words are shared between processes, so no
//! call here says that they are private.

#![allow(unsafe_code)] // because futexes and membarrier are `libc` calls with addresses.

#[cfg(feature = "model")]
use super::answer;
use super::{Call, Watched, pass};
use crate::primitive::{AtomicU32, Ordering};
use rustix::io::{Errno, Result};
use std::sync::OnceLock;
use std::time::Duration;

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Somebody woke it, a signal came, or a word had another value already.
    Woken,
    /// The moment came.
    TimedOut,
}

/// Lets this much time go by, sleeping at no word: for what has no word to sleep at, as the names of a file
/// system.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::kernel;
/// use std::time::Duration;
///
/// let before = kernel::now();
/// kernel::pause(Duration::from_millis(1));
/// assert!(kernel::now() - before >= Duration::from_millis(1));
/// ```
pub fn pause(length: Duration) {
    instead!(|kernel| kernel.pause(length));
    std::thread::sleep(length);
}

/// Sleeps while `word` has `value`, until somebody [`wake`]s it or the monotonic clock shows `until`.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{AtomicU32, kernel};
/// use std::time::Duration;
///
/// let word = AtomicU32::new(1);
/// assert_eq!(kernel::sleep(&word, 0, None), kernel::Wake::Woken);
/// let until = kernel::now() + Duration::from_millis(1);
/// assert_eq!(kernel::sleep(&word, 1, Some(until)), kernel::Wake::TimedOut);
/// ```
pub fn sleep(word: &AtomicU32, value: u32, until: Option<Duration>) -> Wake {
    instead!(|kernel| answer(kernel.sleep(&[watched(word, value)], until)).unwrap_or_else(wake_of));
    if let Err(errno) = pass(Call::Sleep(&[watched(word, value)])) {
        return wake_of(errno);
    }
    let until = until.map(timespec);
    let timeout = until.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    let nobody: *const u32 = core::ptr::null();
    // SAFETY: a word and a time that live through the call; the kernel reads both and writes neither.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_futex,
            core::ptr::from_ref(word),
            libc::FUTEX_WAIT_BITSET,
            value,
            timeout,
            nobody,
            libc::FUTEX_BITSET_MATCH_ANY,
        )
    };
    if answer == 0 { Wake::Woken } else { wake_of(last_errno()) }
}

/// Sleeps while both words have their values, until one is woken or the monotonic clock shows `until`.
///
/// Where the kernel or a sandbox refuses that (before Linux 5.16, or by a filter of system calls), the answer is `None`,
/// and nothing was slept: the caller sleeps at one word, in slices, and looks at the other.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{AtomicU32, kernel};
/// use std::time::Duration;
///
/// let (bell, life) = (AtomicU32::new(1), AtomicU32::new(7));
/// let until = kernel::now() + Duration::from_millis(1);
/// let wake = kernel::sleep_at_either((&bell, 1), (&life, 7), Some(until));
/// assert!(matches!(wake, None | Some(kernel::Wake::TimedOut)));
/// ```
pub fn sleep_at_either(
    (first, first_value): (&AtomicU32, u32),
    (second, second_value): (&AtomicU32, u32),
    until: Option<Duration>,
) -> Option<Wake> {
    static REFUSED: OnceLock<()> = OnceLock::new();
    // What a stand-in kernel refuses says nothing about the real one.
    instead!(|kernel| {
        let watched = [watched(first, first_value), watched(second, second_value)];
        match answer(kernel.sleep(&watched, until)) {
            Ok(wake) => Some(wake),
            Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => None,
            Err(errno) => Some(wake_of(errno)),
        }
    });
    on_the_heap!(None);
    if REFUSED.get().is_some() {
        return None;
    }
    let watched = [watched(first, first_value), watched(second, second_value)];
    let slept = pass(Call::Sleep(&watched)).and_then(|()| wait_for_any(&watched, until));
    match slept {
        Ok(()) => Some(Wake::Woken),
        Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => {
            // A filter once installed stays; what is refused once is refused for good.
            let _ = REFUSED.set(());
            None
        }
        Err(errno) => Some(wake_of(errno)),
    }
}

fn watched(word: &AtomicU32, value: u32) -> Watched {
    Watched { address: core::ptr::from_ref(word) as usize, value }
}

/// `futex_waitv` on two words, which the caller keeps alive.
fn wait_for_any(watched: &[Watched; 2], until: Option<Duration>) -> Result<()> {
    /// What the kernel calls `struct futex_waitv`.
    #[repr(C)]
    struct Waiter {
        value: u64,
        address: u64,
        flags: u32,
        reserved: u32,
    }
    /// The words are 32 bits wide; the absence of the private flag says that they are shared.
    const FUTEX2_SIZE_U32: u32 = 2;
    let waiters = watched.map(|watched| Waiter {
        value: u64::from(watched.value),
        address: watched.address as u64,
        flags: FUTEX2_SIZE_U32,
        reserved: 0,
    });
    let until = until.map(timespec);
    let timeout = until.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: words, list and time live through the call; the kernel only reads them.
    let answer = unsafe {
        libc::syscall(libc::SYS_futex_waitv, waiters.as_ptr(), 2u32, 0u32, timeout, libc::CLOCK_MONOTONIC)
    };
    if answer >= 0 { Ok(()) } else { Err(last_errno()) }
}

/// Wakes all who sleep at `word`, in whatever process; says how many.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{AtomicU32, kernel};
///
/// assert_eq!(kernel::wake(&AtomicU32::new(0)), 0);
/// ```
pub fn wake(word: &AtomicU32) -> usize {
    instead!(|kernel| kernel.wake(core::ptr::from_ref(word) as usize));
    if pass(Call::Wake(core::ptr::from_ref(word) as usize)).is_err() {
        return 0;
    }
    // SAFETY: a word that lives through the call; the kernel does not touch it.
    let answer =
        unsafe { libc::syscall(libc::SYS_futex, core::ptr::from_ref(word), libc::FUTEX_WAKE, i32::MAX) };
    usize::try_from(answer).unwrap_or(0)
}

/// The largest value that [`store_and_wake`] stores: the kernel takes 12 bits, and the highest is a sign.
const STORED_MAX: u32 = 0x7ff;

/// Stores a small value in `word` and wakes all who sleep at it, in whatever process, in one call to the
/// kernel; says how many. A process that is killed does both or neither.
///
/// The store is a Release with a full barrier behind it. The kernel makes it by an exchange in the word's
/// place (`FUTEX_WAKE_OP`, `SET`): on x86-64 `xchg`, which is a full barrier, on aarch64 a
/// store-release-exclusive in a loop, followed by `dmb ish`. It makes it under the lock of its list of
/// sleepers and looks at the list afterwards. So whoever is about to sleep is on the list by then and is
/// woken, or compares the word afterwards and finds the value.
///
/// Where a sandbox refuses the call, it is a store and a [`wake`], which a death may part.
///
/// # Panics
///
/// When `value` is above 2047, which the kernel cannot be told.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{AtomicU32, Ordering, kernel};
///
/// let word = AtomicU32::new(7);
/// assert_eq!(kernel::store_and_wake(&word, 1), 0);
/// assert_eq!(word.load(Ordering::Acquire), 1);
/// ```
pub fn store_and_wake(word: &AtomicU32, value: u32) -> usize {
    assert!(value <= STORED_MAX, "{value} is stored and woken for: the largest is {STORED_MAX}");
    let address = core::ptr::from_ref(word);
    instead!(|kernel| kernel.store_and_wake(address as usize, value));
    let answer = match pass(Call::StoreAndWake { address: address as usize, value }) {
        Ok(()) => wake_op(word, value),
        Err(_) => -1,
    };
    usize::try_from(answer).unwrap_or_else(|_| store_then_wake(word, value))
}

/// `FUTEX_WAKE_OP` that sets `word` and wakes all who sleep there; negative where it is refused, and then
/// nothing was stored.
fn wake_op(word: &AtomicU32, value: u32) -> libc::c_long {
    on_the_heap!(-1);
    // The second word to wake at is the same, where nobody is left by then, whatever the comparison with 0
    // says.
    let (first, second) = (i32::MAX, 0usize);
    let operation = libc::FUTEX_OP(libc::FUTEX_OP_SET, value as i32, libc::FUTEX_OP_CMP_EQ, 0);
    let address = core::ptr::from_ref(word);
    // SAFETY: a word that lives through the call, of a type that may be written through a shared reference.
    unsafe { libc::syscall(libc::SYS_futex, address, libc::FUTEX_WAKE_OP, first, second, address, operation) }
}

#[cold]
fn store_then_wake(word: &AtomicU32, value: u32) -> usize {
    // AcqRel, and the barrier that the system call is: what the one call would have been.
    word.swap(value, Ordering::AcqRel);
    wake(word)
}

/// Lets the [`heavy_fence`]s of other processes reach this one; false where the kernel or a sandbox refuses. Asked once
/// for a process, and again by a forked child, which does not inherit it for certain.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::kernel;
///
/// if kernel::join_heavy_fences() {
///     assert!(kernel::heavy_fence());
/// }
/// ```
#[must_use]
pub fn join_heavy_fences() -> bool {
    instead!(|kernel| kernel.join_heavy_fences());
    pass(Call::JoinHeavyFences).is_ok() && membarrier(libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED)
}

/// A full fence in this thread and in every running thread of each process that [joined](join_heavy_fences); false where
/// the kernel or a sandbox refuses.
///
/// Pairs with [`light_fence`](crate::primitive::light_fence): of a store and a load on each side, with this fence between
/// them on one and the light one on the other, at least one load sees the other side's store.
///
/// # Examples
///
/// ```
/// let fenced: bool = ringway_shm::primitive::kernel::heavy_fence();
/// # let _ = fenced;
/// ```
#[must_use]
pub fn heavy_fence() -> bool {
    instead!(|kernel| kernel.heavy_fence());
    pass(Call::HeavyFence).is_ok() && membarrier(libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED)
}

fn membarrier(command: libc::c_int) -> bool {
    on_the_heap!(super::heap::membarrier());
    // SAFETY: the call takes numbers only.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0u32, 0i32) == 0 }
}

/// What the failure of a sleep says.
fn wake_of(errno: Errno) -> Wake {
    match errno {
        Errno::TIMEDOUT => Wake::TimedOut,
        // EAGAIN: a word had another value. EINTR: a signal came. All else would be a bug of ours; to look again is right
        // after anything.
        _ => Wake::Woken,
    }
}

fn timespec(moment: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(moment.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(moment.subsec_nanos() as i32),
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
