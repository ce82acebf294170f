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
//! nothing else. (One that cuts a region's file short ends the list there for the kernel, which gives up at a word that it
//! cannot reach. Whoever waits for long asks the lock as well: standing.rs.)
//!
//! | killed | leaves |
//! |---|---|
//! | before an entry is linked, or before the word bears the number | a word that nobody marks: the row is not live yet |
//! | while an entry is linked or unlinked | a whole list: each is one store of one pointer |
//!
//! A kernel that stands in for the real one (feature `model`) marks the words itself, and there is no list.
//!
//! What it deliberately does not do: prove anything. A sentinel may die a moment before other threads of its process have
//! done their last store. The proof is the row's hold (hold.rs), and if there is no sentinel, as in a sandbox that refuses
//! threads, it is the hold alone that peers ask, at the tick of their wait.

#![allow(unsafe_code)] // because the kernel reads a list of raw pointers.

use crate::layout::PAGE;
use crate::primitive::kernel::{Call, instead, on_the_heap, pass};
use crate::primitive::{AtomicU32, Ordering, light_fence};
use core::ptr::NonNull;

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
    /// `None` of a word that a stand-in kernel marks.
    entry: Option<NonNull<u8>>,
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
    let has_room = |sentinel: &Sentinel| sentinel.entries < ENTRIES_MAX;
    let mut process = crate::process::this();
    if !process.sentinels.iter().any(has_room) {
        // Not under the lock: to start a thread may take libc's locks. Two that do so at once start two.
        drop(process);
        let sentinel = Sentinel::start()?;
        process = crate::process::this();
        process.sentinels.push(sentinel);
    }
    let sentinel = process.sentinels.iter_mut().find(|sentinel| has_room(sentinel))?;
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
    Some(Enlisted { entry: NonNull::new(entry.cast()), thread: sentinel.thread })
}

/// Has a stand-in kernel mark a life word when the calling process dies. `None` where it refuses, or where
/// there is none.
pub(crate) fn enlist_instead(life: &AtomicU32) -> Option<Enlisted> {
    instead!(|kernel| {
        let thread = kernel.enlist(core::ptr::from_ref(life) as usize)?;
        Some(Enlisted { entry: None, thread: thread & THREAD })
    });
    on_the_heap!(Some(Enlisted { entry: None, thread: thread_id() & THREAD }));
    let _ = life;
    None
}

/// Takes a word off its list, whose page may go then.
pub(crate) fn delist(enlisted: &Enlisted, life: &AtomicU32) {
    let Some(entry) = enlisted.entry else { return delist_instead(life) };
    let mut process = crate::process::this();
    let Some(sentinel) = process.sentinels.iter_mut().find(|sentinel| sentinel.thread == enlisted.thread)
    else {
        return;
    };
    let entry = entry.as_ptr().cast::<core::ffi::c_void>();
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

/// Ends [`enlist_instead`]. Where no kernel stands in any more, nobody marks the word.
fn delist_instead(life: &AtomicU32) {
    instead!(|kernel| kernel.delist(core::ptr::from_ref(life) as usize));
    let _ = life;
}

/// What a new sentinel and the thread that starts it tell each other. Leaked when the sentinel lives.
#[repr(C)]
struct Start {
    /// First, so that its address is that of the whole.
    head: Head,
    /// 0 until the kernel knows the list; then the thread's number, or [`REFUSED`].
    thread: AtomicU32,
}

/// The kernel did not take the list.
const REFUSED: u32 = u32::MAX;

/// Stack of a sentinel, in bytes: it calls four functions of the kernel.
const STACK: usize = 64 << 10;

impl Sentinel {
    /// Starts the thread, and waits until the kernel knows its list. `None` where the system refuses.
    ///
    /// By `pthread_create` and not by the standard library, which registers what is to run at a thread's end, allocates, and
    /// panics in the new thread where it cannot.
    fn start() -> Option<Self> {
        // While there may be one thread only: of a process with several, the kernel has to wait until each core has come by its
        // scheduler. Whether it was taken matters to who rings, and is asked there.
        let _ = crate::primitive::kernel::join_heavy_fences();
        pass(Call::StartSentinel).ok()?;
        let (first, pending) = (core::ptr::null_mut(), core::ptr::null_mut());
        let head = Head { first, offset: -(PAGE as libc::c_long), pending };
        let start = Box::leak(Box::new(Start { head, thread: AtomicU32::new(0) }));
        // The end of a list is its head.
        start.head.first = (&raw mut start.head).cast();
        let (head, address) = (NonNull::from(&mut start.head), core::ptr::from_mut(start));
        let signals = Signals::block();
        let started = spawn(address.cast(), Some(STACK)) || spawn(address.cast(), None);
        drop(signals);
        // SAFETY: leaked above, and given back below only.
        let told = unsafe { &(*address).thread };
        // Acquire: pairs with the Release in `watch`.
        while started && told.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        let thread = told.load(Ordering::Acquire);
        if started && (1..=THREAD).contains(&thread) {
            return Some(Self { head, thread, entries: 0 });
        }
        // SAFETY: leaked above; the thread did not start, or its last look at it was to tell that the kernel refused.
        drop(unsafe { Box::from_raw(address) });
        None
    }
}

/// Starts [`watch`] in a thread of its own, with so much stack or what is usual.
fn spawn(start: *mut core::ffi::c_void, stack: Option<usize>) -> bool {
    // SAFETY: plain data for the calls below, for which all-zero is a place to begin.
    let mut attributes: libc::pthread_attr_t = unsafe { core::mem::zeroed() };
    // SAFETY: fills what it is given.
    if unsafe { libc::pthread_attr_init(&raw mut attributes) } != 0 {
        return false;
    }
    // SAFETY: initialised above.
    unsafe { libc::pthread_attr_setdetachstate(&raw mut attributes, libc::PTHREAD_CREATE_DETACHED) };
    if let Some(stack) = stack {
        // SAFETY: as above. A stack too small for the program's thread-locals is refused at the start.
        unsafe { libc::pthread_attr_setstacksize(&raw mut attributes, stack) };
    }
    let mut thread = 0;
    // SAFETY: `watch` takes the address of a `Start`, which its caller keeps until it has told.
    let started = unsafe { libc::pthread_create(&raw mut thread, &raw const attributes, watch, start) };
    // SAFETY: initialised above, and not used any more.
    unsafe { libc::pthread_attr_destroy(&raw mut attributes) };
    started == 0
}

/// The sentinel.
extern "C" fn watch(start: *mut core::ffi::c_void) -> *mut core::ffi::c_void {
    let start = start.cast::<Start>();
    // SAFETY: a head of the length that the kernel expects, which is not freed once the kernel knows it. This thread uses no
    // robust mutex of libc's, whose list this takes the place of.
    let set = unsafe { libc::syscall(libc::SYS_set_robust_list, start, size_of::<Head>()) };
    // SAFETY: names this thread; reads a string that lives.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"ringway-sentinel".as_ptr()) };
    // SAFETY: whoever started us waits for this store.
    let thread = unsafe { &(*start).thread };
    // Release: the kernel knows the list. Pairs with the Acquire in `Sentinel::start`.
    thread.store(if set == 0 { thread_id() } else { REFUSED }, Ordering::Release);
    if set == 0 {
        loop {
            // SAFETY: sleeps until a signal, and all are blocked.
            unsafe { libc::pause() };
        }
    }
    core::ptr::null_mut()
}

/// This thread's number in its own PID namespace.
pub(crate) fn thread_id() -> u32 {
    // A virtual process has one thread.
    #[cfg(feature = "model")]
    if crate::primitive::model::has_kernel() {
        return crate::process::process_id();
    }
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
