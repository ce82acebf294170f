//! Sleeping until another process has published something, at no cost to those who publish while nobody sleeps.
//!
//! An eventcount (Vyukov, "Eventcounts", 2008; folly's `EventCount`) in one word, a counter whose lowest bit says whether
//! anybody may be asleep:
//!
//! ```text
//!   even   somebody may be asleep (all-zero, too: the first ring finds out)          odd   quiet
//!
//!   sleeper                                          ringer
//!   S1  look: nothing there                          R1  publish
//!   S2  make the word even, remember it              R2  light fence
//!   S3  heavy fence                                  R3  odd? done: one load of a line that nobody writes
//!   S4  look again: nothing there                    R4  word + 1  (even to odd)
//!   S5  sleep while the word is what it was          R5  wake all who sleep at it, if R4 was ours
//! ```
//!
//! **No wake-up is lost.** Either the sleeper's look at S4 sees what R1 published, or the ringer's load at R3 sees the even
//! word of S2: the fences forbid that both are missed. If the load sees it, R4 changes the word before R5 wakes, so that a
//! sleeper which has not reached S5 does not fall asleep there. The word only ever goes up, so it does not come back to what
//! a slow sleeper remembers. Of two ringers one does R4; the other is done, since the wake of the first is still to come.
//! (`tests/eventcount_model.rs` checks all of this exhaustively, by a model with store buffers.)
//!
//! **The sleeper pays.** A full fence at R2 would cost every publication some twenty cycles, so it is the heavy fence at
//! S3 (`membarrier`) that makes the light one full, in every process that joined. A ringer whose process could not join
//! fences for itself. A sleeper whose heavy fence is refused asks the ringers to fence (`fence_wanted`), which each learns
//! in its next ring. Until one has rung since, it sleeps in slices of a millisecond; after that one ringer can lose it no
//! wake-up, and where there are several, those that have not rung yet delay it by one slice of twenty.
//!
//! | killed | leaves |
//! |---|---|
//! | sleeper, anywhere | an even word: the next ring costs one wake call that wakes nobody |
//! | ringer, between R1 and R4 | a sleeper that its own tick wakes, or the ringer's life word that it sleeps at as well |
//! | ringer, between R4 and R5 | the same; a later ring finds the word odd, and does not wake it either |
//!
//! What it deliberately does not do: count, hand anything over, or say why a sleep ended. Whoever wakes looks again.

use crate::Deadline;
use ringway_shm::LifeWord;
use ringway_shm::primitive::kernel::{self, Wake};
use ringway_shm::primitive::{AtomicU32, Ordering, fence, light_fence};
use std::time::Duration;

/// The longest sleep: what a wake-up that died with its waker may cost.
const TICK: Duration = Duration::from_millis(250);

/// The longest sleep beside a life word whose marking cannot wake.
const TICK_ALONE: Duration = Duration::from_millis(20);

/// The longest sleep as long as the ringers may not have learned that they have to fence.
const TICK_UNFENCED: Duration = Duration::from_millis(1);

/// The word to sleep at. All-zero is its initial state. It lies in a region, on a line that only sleepers and those who
/// wake them write.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{AtomicU32, Ordering};
/// use ringway_sync::{Deadline, EventCount, Ringer, Sleeper};
///
/// static BELL: EventCount = EventCount::new();
/// static ITEMS: AtomicU32 = AtomicU32::new(0);
///
/// let producer = std::thread::spawn(|| {
///     ITEMS.store(1, Ordering::Release);
///     Ringer::at(&BELL).ring(&BELL);
/// });
/// let mut sleeper = Sleeper::new();
/// while ITEMS.load(Ordering::Acquire) == 0 {
///     let ticket = sleeper.prepare(&BELL);
///     if ITEMS.load(Ordering::Acquire) == 0 {
///         sleeper.sleep(&BELL, ticket, None, Deadline::NEVER);
///     }
/// }
/// producer.join().unwrap();
/// ```
#[derive(Debug)]
#[repr(C)]
pub struct EventCount {
    /// The counter. Sleepers make it even, ringers add one to an even one.
    state: AtomicU32,
    /// 1: a sleeper cannot have its heavy fence, so ringers fence from now on. Set by sleepers, never reset.
    fence_wanted: AtomicU32,
}

const _: () = assert!(size_of::<EventCount>() == 8);

impl EventCount {
    /// One at which nobody sleeps yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(0), fence_wanted: AtomicU32::new(0) }
    }

    /// Is nobody asleep, for certain? Zeros, as a forked child finds them where its parent had a region, say no.
    #[inline(always)]
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        // Relaxed: the fences order it after the publication (R2, S3).
        self.state.load(Ordering::Relaxed) & 1 == 1
    }
}

impl Default for EventCount {
    fn default() -> Self {
        Self::new()
    }
}

/// What one that rings knows about its eventcount.
#[derive(Debug)]
pub struct Ringer {
    /// It fences for itself.
    fences: bool,
}

impl Ringer {
    /// Gets ready to ring: lets the heavy fences of sleepers reach this process, if it may.
    #[must_use]
    pub fn at(bell: &EventCount) -> Self {
        // Relaxed: what is set after this is learned in the next ring.
        let fences = !kernel::join_heavy_fences() || bell.fence_wanted.load(Ordering::Relaxed) != 0;
        Self { fences }
    }

    /// Must [`ring`](Self::ring) do more than look? True in a forked child, too.
    #[inline(always)]
    #[must_use]
    pub fn is_needed(&self, bell: &EventCount) -> bool {
        // R2. Pairs with the heavy fence in `Sleeper::prepare`.
        light_fence();
        !bell.is_quiet() || self.fences
    }

    /// Wakes whoever sleeps until what this thread has just published is there. No system call if nobody does.
    #[inline(always)]
    pub fn ring(&mut self, bell: &EventCount) {
        if self.is_needed(bell) {
            self.wake(bell);
        }
    }

    /// The rest of [`ring`](Self::ring), when it [is needed](Self::is_needed).
    #[cold]
    #[inline(never)]
    pub fn wake(&mut self, bell: &EventCount) {
        if self.fences {
            // R2, where the heavy fence does not reach us. Pairs with the one in `Sleeper::prepare`.
            fence(Ordering::SeqCst);
            if bell.is_quiet() {
                return;
            }
        }
        // R4. Relaxed, both: the call to the kernel orders it before the wake, and sleepers compare it in the kernel.
        let state = bell.state.load(Ordering::Relaxed);
        let odd = state.wrapping_add(1);
        let order = Ordering::Relaxed;
        if state & 1 == 0 && bell.state.compare_exchange(state, odd, order, order).is_ok() {
            kernel::wake(&bell.state);
        }
        // Relaxed: a sleeper that set it before it slept is seen, since it saw our change of the state after that.
        self.fences |= bell.fence_wanted.load(Ordering::Relaxed) != 0;
    }
}

/// What the word was when a sleeper made ready.
#[derive(Clone, Copy, Debug)]
#[must_use = "a sleeper that made ready looks once more, and then sleeps or leaves"]
pub struct Ticket {
    state: u32,
}

/// What one that sleeps knows about its eventcount.
#[derive(Debug, Default)]
pub struct Sleeper {
    fencing: Fencing,
}

/// Who fences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fencing {
    /// We do, for the ringers as well.
    #[default]
    Heavy,
    /// The ringers do, once they have learned it: the word was this when they were asked.
    Asked(u32),
    /// The ringers do.
    Learned,
}

impl Sleeper {
    /// One that has not slept yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces a sleep (S2, S3). The caller then looks once more, and sleeps if there is still nothing.
    pub fn prepare(&mut self, bell: &EventCount) -> Ticket {
        let mut state = bell.state.load(Ordering::Relaxed);
        while state & 1 == 1 {
            // Relaxed: the fence behind it orders it before the look.
            let even = state.wrapping_add(1);
            match bell.state.compare_exchange_weak(state, even, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => state = even,
                Err(found) => state = found,
            }
        }
        // S3. Pairs with the light fence in `Ringer::is_needed`, or with the full one in `Ringer::wake`.
        if self.fencing != Fencing::Heavy || !kernel::heavy_fence() {
            self.fence_among_all(bell, state);
        }
        Ticket { state }
    }

    /// S3 without a heavy fence.
    #[cold]
    fn fence_among_all(&mut self, bell: &EventCount, state: u32) {
        match self.fencing {
            Fencing::Heavy => {
                // Relaxed: the fence below orders it before the sleep; a ringer that answers has seen it.
                bell.fence_wanted.store(1, Ordering::Relaxed);
                self.fencing = Fencing::Asked(state);
            }
            // The word has left the even value that it had at the question, which only a ring does: that ring took the slow
            // path, and read the question there.
            Fencing::Asked(then) if then != state => self.fencing = Fencing::Learned,
            Fencing::Asked(_) | Fencing::Learned => {}
        }
        fence(Ordering::SeqCst);
    }

    /// Sleeps (S5) until the bell is rung, the owner of the life word beside it dies, the deadline passes, or the tick does
    /// that is the insurance against wakers that died: whatever it was, the caller looks again.
    pub fn sleep(
        &mut self,
        bell: &EventCount,
        ticket: Ticket,
        beside: Option<LifeWord<'_>>,
        deadline: Deadline,
    ) {
        let now = kernel::now();
        let until = |tick: Duration| Some(deadline.or_after(now, self.tick_max(tick)));
        let Some(life) = beside else {
            kernel::sleep(&bell.state, ticket.state, until(TICK));
            return;
        };
        // A life word of 0 is one that nobody will mark.
        if life.alive != 0 {
            let (here, there) = ((&bell.state, ticket.state), (life.word, life.alive));
            if let Some(wake) = kernel::sleep_at_either(here, there, until(TICK)) {
                // The kernel wakes one who sleeps at a life word that it marks; the others are ours to wake.
                if wake == Wake::Woken && life.word.load(Ordering::Relaxed) != life.alive {
                    kernel::wake(life.word);
                }
                return;
            }
        }
        kernel::sleep(&bell.state, ticket.state, until(TICK_ALONE));
    }

    /// Sleeps no longer than `slice`, for whoever waits for something that rings no bell.
    pub fn doze(&mut self, bell: &EventCount, ticket: Ticket, slice: Duration, deadline: Deadline) {
        kernel::sleep(&bell.state, ticket.state, Some(deadline.or_after(kernel::now(), slice)));
    }

    fn tick_max(&self, tick: Duration) -> Duration {
        match self.fencing {
            Fencing::Heavy => tick,
            Fencing::Asked(_) => TICK_UNFENCED,
            Fencing::Learned => tick.min(TICK_ALONE),
        }
    }
}
