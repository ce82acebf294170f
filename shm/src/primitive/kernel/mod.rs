//! The kernel behind the door: the few calls that regions and waiting are made of, and the clock.
//!
//! ```text
//!   files.rs    the file that a region lies in: made, sized, reserved, sealed, named
//!   locks.rs    lock bytes, taken and asked for
//!   sleep.rs    sleeping at a word, waking those who do, and the fence that the sleeper pays for
//!   heap.rs     what stands in for all this where Miri runs the program
//! ```
//!
//! Each function is one step of a protocol: a system call, repeated where a signal interrupts it, with its
//! older form where a kernel does not know the newer. With the feature `model` it first shows itself to the
//! hooks as a [`Call`], which may fail it; where the hooks bring a kernel of their own, the calls that it
//! answers go there instead. What it deliberately does not do: decide what a failure means. That is the
//! caller's protocol.

#![allow(unsafe_code)] // because counting cores, and asking which of them this is, are `libc` calls.

/// Returns the answer of the kernel that stands in for the real one, if the hooks bring one; with the feature
/// `model` off there is none to ask.
macro_rules! instead {
    (|$kernel:ident| $answer:expr) => {
        #[cfg(feature = "model")]
        if let Some(hooks) = crate::primitive::model::installed() {
            if let Some($kernel) = hooks.instead() {
                return $answer;
            }
        }
    };
}
pub(crate) use instead;

/// Under Miri, returns the answer that stands in for that of the kernel; elsewhere there is nothing of it.
macro_rules! on_the_heap {
    ($answer:expr) => {
        #[cfg(miri)]
        if cfg!(miri) {
            return $answer;
        }
    };
}
pub(crate) use on_the_heap;

mod files;
#[cfg(miri)]
pub(crate) mod heap;
mod locks;
mod sleep;

pub(crate) use files::*;
pub(crate) use locks::*;
pub use sleep::{
    CHANGE_MAX, Change, SLEEP_WORDS_MAX, Wake, change_and_wake, heavy_fence, join_heavy_fences, pause, sleep,
    sleep_at_any, sleep_at_either, store_and_wake, store_low_and_wake, wake, wake_some,
};

use rustix::io::Result;
use std::path::Path;
use std::time::Duration;

/// A call to the kernel that is about to happen, as the hooks see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call<'a> {
    /// An anonymous, sealable file.
    Memfd,
    /// A nameless file in a directory.
    OpenNameless(&'a Path),
    /// A new file under a name of its own.
    OpenNew(&'a Path),
    /// An existing file.
    Open(&'a Path),
    /// A fresh description of an open descriptor.
    Reopen,
    /// The file's length.
    Truncate(u64),
    /// Every page up to the length.
    Reserve(u64),
    /// Bytes written at the start.
    Write(usize),
    /// Bytes read at the start.
    Read(usize),
    /// Permission bits.
    Mode(u32),
    /// Group.
    Group(u32),
    /// Seals, for good.
    Seal,
    /// A name for a nameless file.
    Link(&'a Path),
    /// A name taken away.
    Unlink(&'a Path),
    /// What a path or descriptor is.
    Stat,
    /// The bytes shown in memory.
    Map(usize),
    /// A lock byte taken, as reader or as writer.
    Lock {
        /// Which byte.
        byte: u64,
        /// As the only holder?
        exclusive: bool,
    },
    /// A lock byte given back.
    Unlock(u64),
    /// Is there a holder that excludes us?
    LockHeld(u64),
    /// The names in a directory.
    ListDirectory(&'a Path),
    /// This process will be reached by the heavy fences of others.
    JoinHeavyFences,
    /// A fence in this thread and in every running thread of the processes that joined.
    HeavyFence,
    /// Sleep while words have given values.
    Sleep(&'a [Watched]),
    /// Wake those who sleep at the word of this address.
    Wake(usize),
    /// Change a word and wake those who sleep at it.
    ChangeAndWake {
        /// Address of the word, or of the word of 64 bits whose lower half it is.
        address: usize,
        /// How it changes.
        change: Change,
    },
    /// A thread of ours that does nothing but die with the process.
    StartSentinel,
}

/// A word to sleep at, and the value that it must still have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Address of the word in this process; `model::locate` turns it into region and offset.
    pub address: usize,
    /// The value at which to sleep.
    pub value: u32,
}

/// Shows a call to the hooks; with the feature `model` off there is nothing to show it to.
#[inline(always)]
pub(crate) fn pass(call: Call<'_>) -> Result<()> {
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        if let super::model::Verdict::Fail(errno) = hooks.kernel(&call) {
            return Err(rustix::io::Errno::from_raw_os_error(errno));
        }
    }
    let _ = call;
    Ok(())
}

/// Does a kernel of the hooks stand in for the real one?
#[inline(always)]
pub(crate) fn is_stood_in() -> bool {
    instead!(|_kernel| true);
    cfg!(miri)
}

/// What a stand-in kernel answers, as the real one would say it.
#[cfg(feature = "model")]
pub(crate) fn answer<T>(answer: core::result::Result<T, i32>) -> Result<T> {
    answer.map_err(rustix::io::Errno::from_raw_os_error)
}

/// Time since an arbitrary point that is the same for every process, not counting sleep of the machine.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::kernel;
///
/// assert!(kernel::now() <= kernel::now());
/// ```
#[must_use]
pub fn now() -> Duration {
    #[cfg(feature = "model")]
    if let Some(now) = super::model::installed().and_then(|hooks| hooks.now()) {
        return now;
    }
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Random bytes.
pub(crate) fn random() -> Result<[u8; 16]> {
    instead!(|kernel| Ok(kernel.random()));
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(bytes)
}

/// How many cores of the machine are running; 1 if the system does not say.
///
/// # Examples
///
/// ```
/// assert!(ringway_shm::primitive::kernel::cores() >= 1);
/// ```
#[must_use]
pub fn cores() -> usize {
    // SAFETY: asks for a number; touches no memory of ours.
    let cores = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(cores).unwrap_or(1).max(1)
}

/// The number of the core that this thread runs on now; it may run on another a moment later. 0 if the system does not
/// say.
///
/// # Examples
///
/// ```
/// let core: u32 = ringway_shm::primitive::kernel::this_core();
/// # let _ = core;
/// ```
#[must_use]
pub fn this_core() -> u32 {
    #[cfg(feature = "model")]
    if let Some(core) = super::model::installed().and_then(|hooks| hooks.core()) {
        return core;
    }
    on_the_heap!(0);
    // SAFETY: asks for a number; touches no memory of ours.
    let core = unsafe { libc::sched_getcpu() };
    u32::try_from(core).unwrap_or(0)
}
