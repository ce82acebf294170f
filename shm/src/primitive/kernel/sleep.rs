//! Sleeping at a word that other processes share, waking them, and the fence that the sleeper pays for.
//!
//! A sleep ends by a wake, by a word that no longer has its value, by a signal, or at its moment: which of them it was
//! says nothing about what the sleeper waits for, so it looks again in any case. Words are shared between processes, so no
//! call here says that they are private.

#![allow(unsafe_code)] // because futexes and membarrier are `libc` calls with addresses.

#[cfg(feature = "model")]
use super::answer;
use super::{Call, Watched, pass};
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
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
    instead!(|kernel| answer(kernel.sleep(&[watched((word, value))], until)).unwrap_or_else(wake_of));
    if let Err(errno) = pass(Call::Sleep(&[watched((word, value))])) {
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

/// Was a sleep at several words ever refused?
static SEVERAL_REFUSED: OnceLock<()> = OnceLock::new();

/// Most words that one sleep can be at.
pub const SLEEP_WORDS_MAX: usize = 128;

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
    first: (&AtomicU32, u32),
    second: (&AtomicU32, u32),
    until: Option<Duration>,
) -> Option<Wake> {
    sleep_at_all::<2>(&[watched(first), watched(second)], until)
}

/// As [`sleep_at_either`], at as many as [`SLEEP_WORDS_MAX`] words.
///
/// # Panics
///
/// When there are no words, or more.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{AtomicU32, kernel};
///
/// let (one, two, three) = (AtomicU32::new(1), AtomicU32::new(2), AtomicU32::new(3));
/// let wake = kernel::sleep_at_any(&[(&one, 1), (&two, 2), (&three, 7)], None);
/// assert!(matches!(wake, None | Some(kernel::Wake::Woken)), "the third has another value");
/// ```
pub fn sleep_at_any(words: &[(&AtomicU32, u32)], until: Option<Duration>) -> Option<Wake> {
    assert!((1..=SLEEP_WORDS_MAX).contains(&words.len()), "a sleep at {} words", words.len());
    let nothing = Watched { address: 0, value: 0 };
    let mut all = [nothing; SLEEP_WORDS_MAX];
    all.iter_mut().zip(words).for_each(|(place, &word)| *place = watched(word));
    sleep_at_all::<SLEEP_WORDS_MAX>(&all[..words.len()], until)
}

/// The same, at as many as `MOST` words.
fn sleep_at_all<const MOST: usize>(watched: &[Watched], until: Option<Duration>) -> Option<Wake> {
    // What a stand-in kernel refuses says nothing about the real one.
    instead!(|kernel| {
        match answer(kernel.sleep(watched, until)) {
            Ok(wake) => Some(wake),
            Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => None,
            Err(errno) => Some(wake_of(errno)),
        }
    });
    on_the_heap!(None);
    if SEVERAL_REFUSED.get().is_some() {
        return None;
    }
    let slept = pass(Call::Sleep(watched)).and_then(|()| wait_for_any::<MOST>(watched, until));
    match slept {
        Ok(()) => Some(Wake::Woken),
        Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => {
            // A filter once installed stays; what is refused once is refused for good.
            let _ = SEVERAL_REFUSED.set(());
            None
        }
        Err(errno) => Some(wake_of(errno)),
    }
}

fn watched((word, value): (&AtomicU32, u32)) -> Watched {
    Watched { address: core::ptr::from_ref(word) as usize, value }
}

/// `futex_waitv` on words that the caller keeps alive, at most `MOST`.
fn wait_for_any<const MOST: usize>(watched: &[Watched], until: Option<Duration>) -> Result<()> {
    /// What the kernel calls `struct futex_waitv`.
    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Waiter {
        value: u64,
        address: u64,
        flags: u32,
        reserved: u32,
    }
    /// The words are 32 bits wide; the absence of the private flag says that they are shared.
    const FUTEX2_SIZE_U32: u32 = 2;
    let nobody = Waiter { value: 0, address: 0, flags: FUTEX2_SIZE_U32, reserved: 0 };
    debug_assert!(watched.len() <= MOST);
    let mut waiters = [nobody; MOST];
    for (waiter, watched) in waiters.iter_mut().zip(watched) {
        (waiter.value, waiter.address) = (u64::from(watched.value), watched.address as u64);
    }
    let count = watched.len() as u32;
    let until = until.map(timespec);
    let timeout = until.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: words, list and time live through the call; the kernel only reads them, and `count` entries of the list.
    let answer = unsafe {
        libc::syscall(libc::SYS_futex_waitv, waiters.as_ptr(), count, 0u32, timeout, libc::CLOCK_MONOTONIC)
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
    wake_some(word, usize::MAX)
}

/// Wakes as many as `most` of those who sleep at `word`, first those who have slept longest; says how many.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{AtomicU32, kernel};
///
/// assert_eq!(kernel::wake_some(&AtomicU32::new(0), 1), 0);
/// ```
pub fn wake_some(word: &AtomicU32, most: usize) -> usize {
    instead!(|kernel| kernel.wake(core::ptr::from_ref(word) as usize, most));
    if pass(Call::Wake(core::ptr::from_ref(word) as usize)).is_err() {
        return 0;
    }
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    // SAFETY: a word that lives through the call; the kernel does not touch it.
    let answer = unsafe { libc::syscall(libc::SYS_futex, core::ptr::from_ref(word), libc::FUTEX_WAKE, most) };
    usize::try_from(answer).unwrap_or(0)
}

/// What [`change_and_wake`] does to a word. The kernel takes 12 bits, and the highest is a sign: no more than
/// [`CHANGE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Stores this.
    Store(u32),
    /// Adds this, wrapping.
    Add(u32),
}

/// The largest number in a [`Change`].
pub const CHANGE_MAX: u32 = 0x7ff;

/// Changes `word` and wakes as many as `most` of those who sleep at it, in whatever process, in one call to the
/// kernel; says how many. A process that is killed does both or neither.
///
/// The change is a Release with a full barrier behind it. The kernel makes it by one atomic instruction in the word's
/// place (`FUTEX_WAKE_OP`): on x86-64 `xchg` or `lock xadd`, which are full barriers, on aarch64 a
/// store-release-exclusive in a loop, followed by `dmb ish`. It makes it under the lock of its list of
/// sleepers and looks at the list afterwards. So whoever is about to sleep is on the list by then and is
/// woken, or compares the word afterwards and finds the change.
///
/// Where a sandbox refuses the call, it is a change and a [`wake_some`], which a death may part.
///
/// # Panics
///
/// When the number is above [`CHANGE_MAX`], which the kernel cannot be told.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{AtomicU32, Ordering, kernel};
///
/// let word = AtomicU32::new(7);
/// assert_eq!(kernel::change_and_wake(&word, kernel::Change::Store(1), 1), 0);
/// assert_eq!(kernel::change_and_wake(&word, kernel::Change::Add(2), 1), 0);
/// assert_eq!(word.load(Ordering::Acquire), 3);
/// ```
pub fn change_and_wake(word: &AtomicU32, change: Change, most: usize) -> usize {
    let address = core::ptr::from_ref(word);
    wake_with(address, change, most).unwrap_or_else(|| {
        // AcqRel, and the barrier that the system call is: what the one call would have been.
        match change {
            Change::Store(value) => word.swap(value, Ordering::AcqRel),
            Change::Add(value) => word.fetch_add(value, Ordering::AcqRel),
        };
        wake_some(word, most)
    })
}

/// As [`change_and_wake`] with [`Change::Store`], of the lower half of a word of 64 bits, at which others sleep
/// ([`AtomicU64::low_half`]). Where a sandbox refuses the call, the upper half is set to zero as well, so it must mean nothing
/// from then on.
///
/// # Panics
///
/// When `value` is above [`CHANGE_MAX`].
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{AtomicU64, Ordering, kernel};
///
/// let word = AtomicU64::new(7 << 32 | 5);
/// kernel::store_low_and_wake(&word, 1, 1);
/// assert_eq!(word.load(Ordering::Acquire) as u32, 1);
/// ```
pub fn store_low_and_wake(word: &AtomicU64, value: u32, most: usize) -> usize {
    wake_with(core::ptr::from_ref(word).cast(), Change::Store(value), most).unwrap_or_else(|| {
        // AcqRel: as above. The whole word, since no access of ours is to half of it.
        word.swap(u64::from(value), Ordering::AcqRel);
        wake_some(word.low_half(), most)
    })
}

/// As [`change_and_wake`] with [`Change::Store`], waking all.
///
/// # Panics
///
/// When `value` is above [`CHANGE_MAX`].
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
    change_and_wake(word, Change::Store(value), usize::MAX)
}

/// The one call; `None` where it is refused, and then nothing was changed.
fn wake_with(word: *const AtomicU32, change: Change, most: usize) -> Option<usize> {
    let (Change::Store(number) | Change::Add(number)) = change;
    assert!(number <= CHANGE_MAX, "{number} is stored or added: the largest is {CHANGE_MAX}");
    instead!(|kernel| Some(kernel.change_and_wake(word as usize, change, most)));
    pass(Call::ChangeAndWake { address: word as usize, change }).ok()?;
    on_the_heap!(None);
    // A sanitizer does not see what the kernel changes: it would take whoever goes on by that for a racer.
    if cfg!(ringway_plain_copies) {
        return None;
    }
    let operation = match change {
        Change::Store(_) => libc::FUTEX_OP_SET,
        Change::Add(_) => libc::FUTEX_OP_ADD,
    };
    // The kernel wakes at a second word if a comparison of what the word was holds, and one at the least: it is not to hold.
    let never = (libc::FUTEX_OP_CMP_EQ, -1);
    let operation = libc::FUTEX_OP(operation, number as i32, never.0, never.1);
    let (most, second) = (i32::try_from(most).unwrap_or(i32::MAX), 0usize);
    // SAFETY: a word that lives through the call, of a type that may be written through a shared reference.
    let answer =
        unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE_OP, most, second, word, operation) };
    usize::try_from(answer).ok()
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
