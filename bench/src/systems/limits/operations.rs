//! What a processor or a kernel does for one thread: operations too short to be timed one by one.

use std::hint::black_box;

use rustix::process::getpid;

use crate::memory::futex;
use crate::memory::shared::Line;
use crate::stage::clock;
use crate::stage::wait::Halt;
use ringway_shm::primitive::{AtomicU32, AtomicU64, Ordering, fence, kernel, spin_hint};

/// What operations are done to. One that two cores do is done to the line.
#[derive(Debug)]
pub(crate) struct Things {
    line: Line,
    /// A word on which nobody sleeps.
    bell: AtomicU32,
    bytes: [u8; 64],
    has_counter: bool,
}

impl Things {
    /// Those of one sample. `has_counter` says what the clock reads.
    pub(crate) fn new(has_counter: bool) -> Self {
        let line = Line { word: AtomicU64::new(0) };
        Self { line, bell: AtomicU32::new(0), bytes: [0; 64], has_counter }
    }
}

/// Something that a thread does again and again.
pub(crate) trait Operation: 'static {
    /// Does it once.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    fn once(things: &Things) -> Result<(), Halt>;
}

/// Defines operations that cannot fail: each by what it does to the things.
macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident: |$things:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl Operation for $name {
                #[inline(always)]
                fn once($things: &Things) -> Result<(), Halt> {
                    $body;
                    Ok(())
                }
            }
        )*
    };
}

operations! {
    /// A load, as a party that waits makes it.
    Load: |things| {
        // Acquire: as a hand-over would need it. Nothing is read on the strength of it.
        black_box(things.line.word.load(Ordering::Acquire))
    };

    /// A store, as a party that hands over makes it.
    ReleaseStore: |things| {
        // Release: as a hand-over would need it. Nothing is published. The compiler must not see that it is the same value
        // each time: it would store it once.
        things.line.word.store(black_box(1), Ordering::Release)
    };

    /// An addition that no other party's gets into.
    FetchAdd: |things| {
        // AcqRel: as a claim would need it. Nothing depends on it.
        black_box(things.line.word.fetch_add(1, Ordering::AcqRel))
    };

    /// The same by a loop that begins anew when another party was quicker.
    CompareExchange: |things| {
        // Relaxed: the exchange checks it.
        let mut seen = things.line.word.load(Ordering::Relaxed);
        // AcqRel, Relaxed: as a claim would need it. Nothing depends on it.
        while let Err(now) =
            things.line.word.compare_exchange(seen, seen.wrapping_add(1), Ordering::AcqRel, Ordering::Relaxed)
        {
            seen = now;
        }
    };

    /// A full fence with nothing to wait for.
    SeqCstFence: |things| {
        // SeqCst: what it costs is the question. It orders nothing. Of two fences with nothing in between the compiler would
        // leave one.
        fence(Ordering::SeqCst);
        black_box(things);
    };

    /// The hint of a waiting loop.
    SpinHint: |_things| spin_hint();

    /// A reading of the clock that times round trips.
    ClockReading: |things| black_box(clock::ticks(things.has_counter));

    /// A copy of a line that is in the cache.
    MemoryCopy: |things| {
        let mut target = [0; 64];
        target.copy_from_slice(black_box(&things.bytes));
        black_box(&mut target);
    };

    /// The least that a system call takes.
    GetPid: |_things| black_box(getpid());
}

/// A wake-up where nobody sleeps.
pub(crate) struct FutexWake;

impl Operation for FutexWake {
    #[inline(always)]
    fn once(things: &Things) -> Result<(), Halt> {
        futex::wake(&things.bell)
    }
}

/// A fence in every thread that has asked for it, of which there is none.
pub(crate) struct Membarrier;

impl Operation for Membarrier {
    #[inline(always)]
    fn once(_: &Things) -> Result<(), Halt> {
        if kernel::heavy_fence() { Ok(()) } else { Err(Halt::Closed) }
    }
}

/// Whether the kernel does the last of them.
pub(super) fn has_membarrier() -> bool {
    kernel::heavy_fence()
}
