//! A thread that does nothing but die with its process, so that the kernel tells of it at once.
//!
//! ```text
//!   sentinel ──▶ list head (private) ──▶ entry ──▶ entry ──▶ (head)       robust list: the kernel walks it when
//!                                          │         │                    the thread dies, whatever of
//!                          private page    ┆ +4096   ┆ +4096
//!                          shared page   life word  life word             each word that bears the thread's number:
//!                                                                         it sets OWNER_DIED and wakes a waiter
//! ```
//!
//! The kernel's robust list (Linux `Documentation/locking/robust-futex-ABI.rst`) is meant for mutexes: a thread says where
//! the list of its locks begins, and when it dies the kernel marks each and wakes one who sleeps at it. Here one thread
//! of the process never does anything else, and the words on its list are life words: `thread number | WAITERS` from
//! attach to detach. So a word is marked when the process dies, is killed or executes another program, and not when some
//! thread of it ends; and libc's own lists, of the threads that use its robust mutexes, are left alone.
//!
//! What the kernel follows lies in private memory. An entry stands exactly one page behind its life word, and there each
//! window (hold.rs) has a private page; a peer that scribbles over every shared byte can spoil its own news of us, and
//! nothing else.
//!
//! | killed | leaves |
//! |---|---|
//! | before an entry is linked, or before the word bears the number | a word that nobody marks: the row is not live yet |
//! | while an entry is linked or unlinked | a whole list: each is one store of one pointer |
//!
//! What it deliberately does not do: prove anything. A sentinel may die a moment before other threads of its process have
//! done their last store. The proof is the row's hold (hold.rs), and if there is no sentinel, as in a sandbox that refuses
//! threads, it is the hold alone that peers ask, at the tick of their wait.

#![allow(unsafe_code)] // because the kernel reads a list of raw pointers.

use crate::layout::PAGE;
use crate::primitive::kernel::{Call, pass};
use crate::primitive::{AtomicU32, light_fence};
use core::ptr::NonNull;
use std::sync::mpsc::channel;

/// Set by the kernel in a word whose owner died.
pub(crate) const DIED: u32 = 0x4000_0000;
/// Somebody may sleep at the word: without it the kernel wakes nobody.
pub(crate) const WAITERS: u32 = 0x8000_0000;
/// The number of the thread that owns the word.
pub(crate) const THREAD: u32 = 0x3fff_ffff;

/// The kernel looks at no more entries of one list.
const ENTRIES_MAX: usize = 2048;

/// What the kernel calls `struct robust_list`: an entry is the address of the next one, the last one's that of the head.
type Entry = *mut core::ffi::c_void;

/// What the kernel calls `struct robust_list_head`.
#[repr(C)]
struct Head {
    first: Entry,
    /// From an entry to its word, in bytes.
    offset: libc::c_long,
    pending: Entry,
}

/// The thread and its list. Lives as long as the process.
pub(crate) struct Sentinel {
    /// Leaked: the kernel may walk it at any moment from now on.
    head: NonNull<Head>,
    /// The thread's number in its own namespace.
    thread: u32,
    entries: usize,
}

// SAFETY: the head is only touched under the process's lock, and by the kernel.
unsafe impl Send for Sentinel {}

/// A word on a sentinel's list.
#[derive(Debug)]
pub(crate) struct Enlisted {
    entry: NonNull<u8>,
    thread: u32,
}

// SAFETY: an address in a window, which belongs to the process and to no thread; what is done with it is done under the
// process's lock.
unsafe impl Send for Enlisted {}
// SAFETY: shared use only learns the thread's number.
unsafe impl Sync for Enlisted {}

impl Enlisted {
    /// What the word must hold for the kernel to mark it and to wake.
    pub(crate) fn alive(&self) -> u32 {
        self.thread | WAITERS
    }
}

/// Puts a life word on a sentinel's list, starting one if need be. `None` where the system refuses.
///
/// # Safety
///
/// The page behind `life`'s page is private, mapped for writing, used by nobody else at the place of the entry, and stays
/// so until [`delist`].
pub(crate) unsafe fn enlist(life: &AtomicU32) -> Option<Enlisted> {
    let mut process = crate::process::this();
    let at = match process.sentinels.iter().position(|sentinel| sentinel.entries < ENTRIES_MAX) {
        Some(at) => at,
        None => {
            process.sentinels.push(Sentinel::start()?);
            process.sentinels.len() - 1
        }
    };
    let sentinel = &mut process.sentinels[at];
    let entry = NonNull::from(life).cast::<u8>().as_ptr().wrapping_add(PAGE as usize).cast::<Entry>();
    let link = sentinel.head.as_ptr().cast::<Entry>();
    // SAFETY: the head's first field; the head is leaked, and ours under the lock.
    let first = unsafe { link.read() };
    // SAFETY: the caller vouches for the place; aligned as the word is, to 8 bytes (asserted in layout.rs).
    unsafe { entry.write(first) };
    // The kernel looks when the process dies, at any instruction: the entry is whole before it is linked.
    light_fence();
    // SAFETY: as for the read; one store, after which the list is whole again.
    unsafe { link.write_volatile(entry.cast()) };
    sentinel.entries += 1;
    Some(Enlisted { entry: NonNull::new(entry.cast())?, thread: sentinel.thread })
}

/// Takes a word off its list, whose page may go then.
pub(crate) fn delist(enlisted: &Enlisted) {
    let mut process = crate::process::this();
    let Some(sentinel) = process.sentinels.iter_mut().find(|sentinel| sentinel.thread == enlisted.thread)
    else {
        return;
    };
    let entry = enlisted.entry.as_ptr().cast::<core::ffi::c_void>();
    let mut link = sentinel.head.as_ptr().cast::<Entry>();
    for _ in 0..sentinel.entries {
        // SAFETY: the head's link, or that of an entry that is still on the list, whose private page is mapped.
        let next = unsafe { link.read() };
        if next == entry {
            // SAFETY: the entry's page is mapped until this function returns.
            let after = unsafe { entry.cast::<Entry>().read() };
            // SAFETY: as for the read; one store, after which the list is whole again.
            unsafe { link.write_volatile(after) };
            light_fence();
            sentinel.entries -= 1;
            return;
        }
        link = next.cast();
    }
    debug_assert!(false, "a word is delisted once, from the list that it was put on");
}

impl Sentinel {
    /// Starts the thread, and waits until the kernel knows its list.
    fn start() -> Option<Self> {
        pass(Call::StartSentinel).ok()?;
        let (first, pending) = (core::ptr::null_mut(), core::ptr::null_mut());
        let head = Box::leak(Box::new(Head { first, offset: -(PAGE as libc::c_long), pending }));
        // The end of a list is its head.
        head.first = core::ptr::from_mut(head).cast();
        let head = NonNull::from(head);
        let address = head.as_ptr() as usize;
        let (tell, told) = channel();
        let signals = Signals::block();
        let started = std::thread::Builder::new()
            .name("ringway-sentinel".to_owned())
            .stack_size(64 << 10)
            .spawn(move || {
                // SAFETY: a head of the length that the kernel expects, which is never freed. This thread uses no robust
                // mutex of libc's, whose list this takes the place of.
                let set = unsafe { libc::syscall(libc::SYS_set_robust_list, address, size_of::<Head>()) };
                let _ = tell.send(if set == 0 { thread_id() } else { 0 });
                if set == 0 {
                    loop {
                        std::thread::park();
                    }
                }
            });
        drop(signals);
        let thread =
            started.ok().and_then(|_| told.recv().ok()).filter(|thread| (1..=THREAD).contains(thread));
        let Some(thread) = thread else {
            // SAFETY: leaked above; the thread did not start, or has told that the kernel does not know the head.
            drop(unsafe { Box::from_raw(head.as_ptr()) });
            return None;
        };
        Some(Self { head, thread, entries: 0 })
    }
}

/// This thread's number in its own PID namespace.
pub(crate) fn thread_id() -> u32 {
    u32::try_from(rustix::thread::gettid().as_raw_nonzero().get()).unwrap_or(0)
}

/// All signals blocked in this thread, and in those that it starts, until dropped: no handler of the application's runs in
/// a sentinel.
struct Signals(libc::sigset_t);

impl Signals {
    fn block() -> Option<Self> {
        // SAFETY: a signal set is plain integers, for which all-zero is valid.
        let mut all: libc::sigset_t = unsafe { core::mem::zeroed() };
        // SAFETY: as above.
        let mut before: libc::sigset_t = unsafe { core::mem::zeroed() };
        // SAFETY: writes the set that it is given.
        unsafe { libc::sigfillset(&raw mut all) };
        // SAFETY: two sets that live through the call.
        let blocked = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
        (blocked == 0).then_some(Self(before))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // SAFETY: the set that was in force before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, core::ptr::null_mut()) };
    }
}
