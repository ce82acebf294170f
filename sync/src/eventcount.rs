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
//! fences for itself.
//!
//! **Or asks for fences.** A sleeper whose heavy fence is refused asks the ringers to fence: `fences` is [`NEEDED`]. One that
//! sleeps again and again, and has a single ringer, does so as well, since a fence for each publication is then the cheaper
//! one: `fences` is [`WANTED`]. A ringer learns of it in its next ring, by which the word leaves the even value that it was
//! given after the question; from then on the sleeper does without the heavy fence, and until then it goes on with it, or,
//! where it has none, sleeps in slices of a millisecond. (Where fences are needed and there are several ringers, those that
//! have not rung yet delay it by one slice of twenty.) A ringer that has fenced many times while nobody slept takes what is
//! wanted back:
//!
//! ```text
//!   sleeper    word even ─ full fence ─ fences = 0? then S3 after all        ringer    fences = 0 ─ full fence ─ light from now on
//! ```
//!
//! Again one of them sees the other: a sleeper that still read WANTED made the word even before the ringer's fence, so the
//! ringer's next look finds it even.
//!
//! | killed | leaves |
//! |---|---|
//! | sleeper, anywhere | an even word: the next ring costs one wake call that wakes nobody |
//! | ringer, between R1 and R4 | a sleeper that its own tick wakes, or the ringer's life word that it sleeps at as well |
//! | ringer, between R4 and R5 | the same; a later ring finds the word odd, and does not wake it either |
//! | sleeper, after it has asked for fences | ringers that fence: if they are only wanted, until one takes it back |
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

/// Where sleeps follow each other and are short, each begins at the bell alone, which is cheaper, and goes on beside the life
/// word when it gets long.
const FIRST: Duration = Duration::from_millis(8);

/// [`EventCount::fences`]: a sleeper that sleeps again and again would rather have the ringer fence.
const WANTED: u32 = 1;
/// [`EventCount::fences`]: a sleeper cannot have its heavy fence. Never taken back.
const NEEDED: u32 = 2;

/// So many sleeps in a row make a sleeper ask for fences.
const SLEEPS_TO_ASK: u32 = 8;

/// So many publications in a row that nobody slept for make a ringer take back that fences are wanted.
const QUIET_TO_STOP: u32 = 64;

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
///         sleeper.sleep(&BELL, ticket, None, Deadline::NEVER, true);
///     }
/// }
/// producer.join().unwrap();
/// ```
#[derive(Debug)]
#[repr(C)]
pub struct EventCount {
    /// The counter. Sleepers make it even, ringers add one to an even one.
    state: AtomicU32,
    /// Shall ringers fence? 0, [`WANTED`] or [`NEEDED`]. Sleepers raise it, a ringer takes WANTED back.
    fences: AtomicU32,
}

const _: () = assert!(size_of::<EventCount>() == 8);

impl EventCount {
    /// One at which nobody sleeps yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(0), fences: AtomicU32::new(0) }
    }

    /// Is nobody asleep, for certain? Zeros, as a forked child finds them where its parent had a region, say no.
    #[inline(always)]
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        // Relaxed: the fences order it after the publication (R2, S3).
        self.state.load(Ordering::Relaxed) & 1 == 1
    }

    /// S2: the even word.
    fn make_even(&self) -> u32 {
        // Relaxed, all: the fence behind it, heavy or not, orders it before the look. It acquires as well what a ring had published
        // that has changed the word: pairs with the Release of R4.
        let order = Ordering::Relaxed;
        let mut state = self.state.load(order);
        while state & 1 == 1 {
            let even = state.wrapping_add(1);
            match self.state.compare_exchange_weak(state, even, order, order) {
                Ok(_) => return even,
                Err(found) => state = found,
            }
        }
        state
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
    /// The heavy fences of sleepers do not reach it.
    is_alone: bool,
    /// Publications in a row that it fenced and nobody slept for.
    quiet: u32,
}

impl Ringer {
    /// Gets ready to ring: lets the heavy fences of sleepers reach this process, if it may.
    #[must_use]
    pub fn at(bell: &EventCount) -> Self {
        let is_alone = !kernel::join_heavy_fences();
        // Relaxed, here and below: it says how to fence, and nothing of other bytes. What is raised after this is learned in the
        // next ring. What a predecessor took back is known to whoever took its side over, through the kernel's lock.
        Self { fences: is_alone || bell.fences.load(Ordering::Relaxed) != 0, is_alone, quiet: 0 }
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
            // R2, where the heavy fence does not reach us or is not made. Pairs with the one in `Sleeper::prepare`.
            fence(Ordering::SeqCst);
            if bell.is_quiet() {
                return self.stay_fencing(bell);
            }
        }
        self.quiet = 0;
        // R4. Release: what was published is there before the word, for a sleeper that takes this change for an answer and leaves
        // its heavy fence out. Pairs with the fence behind `make_even`. Relaxed otherwise: another ring was faster, and wakes.
        let (state, relaxed) = (bell.state.load(Ordering::Relaxed), Ordering::Relaxed);
        let odd = state.wrapping_add(1);
        if state & 1 == 0 && bell.state.compare_exchange(state, odd, Ordering::Release, relaxed).is_ok() {
            kernel::wake(&bell.state);
        }
        // Orders our change of the word before the look at `fences`: a sleeper that raised it before the word was even is seen.
        fence(Ordering::SeqCst);
        self.fences = self.is_alone || bell.fences.load(Ordering::Relaxed) != 0;
    }

    /// After a fence for nobody: is it still wanted?
    fn stay_fencing(&mut self, bell: &EventCount) {
        self.quiet = self.quiet.saturating_add(1);
        if self.quiet < QUIET_TO_STOP || self.is_alone {
            return;
        }
        self.quiet = 0;
        // Relaxed, both: the fence behind it orders it before our next look. Where fences are wanted there is no other ringer.
        let _ = bell.fences.compare_exchange(WANTED, 0, Ordering::Relaxed, Ordering::Relaxed);
        // Pairs with the fence in `Sleeper::prepare`: a sleeper that read WANTED after its own has made the word even, and we
        // see it in our next look, light as it is.
        fence(Ordering::SeqCst);
        self.fences = bell.fences.load(Ordering::Relaxed) != 0;
    }
}

/// What the word was when a sleeper made ready.
#[derive(Clone, Copy, Debug)]
#[must_use = "a sleeper that made ready looks once more, and then sleeps or leaves"]
pub struct Ticket {
    state: u32,
}

/// What one that sleeps knows about its eventcount.
#[derive(Debug)]
pub struct Sleeper {
    fencing: Fencing,
    /// There is never more than one ringer at a time.
    has_one_ringer: bool,
    /// Sleeps in a row, as far as they count.
    sleeps: u32,
}

/// Who fences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fencing {
    /// We do, for the ringers as well.
    Heavy,
    /// We do, but have asked the ringer to, before the word was this.
    Wanted(u32),
    /// We cannot, and have asked the ringers to, before the word was this.
    Needed(u32),
    /// The ringers do.
    Theirs,
}

impl Default for Sleeper {
    fn default() -> Self {
        Self::new()
    }
}

impl Sleeper {
    /// One that has not slept yet.
    #[must_use]
    pub fn new() -> Self {
        Self { fencing: Fencing::Heavy, has_one_ringer: false, sleeps: 0 }
    }

    /// One whose eventcount has one ringer at a time, and no sleeper beside it that may ask for fences: the answer to one
    /// would pass for an answer to the other.
    #[must_use]
    pub fn of_one_ringer() -> Self {
        Self { has_one_ringer: true, ..Self::new() }
    }

    /// Announces a sleep (S2, S3). The caller then looks once more, and sleeps if there is still nothing.
    pub fn prepare(&mut self, bell: &EventCount) -> Ticket {
        let asks = self.fencing == Fencing::Heavy && self.has_one_ringer && self.sleeps >= SLEEPS_TO_ASK - 1;
        if asks {
            // Before the word is made even: otherwise a ring in between, which knows nothing of it, would pass for an answer.
            // Relaxed, both: the fence orders it before that. Pairs with R4 and R5.
            let _ = bell.fences.compare_exchange(0, WANTED, Ordering::Relaxed, Ordering::Relaxed);
            fence(Ordering::SeqCst);
        }
        let state = bell.make_even();
        if asks {
            self.fencing = Fencing::Wanted(state);
        }
        // The word has left the even value that it was given after the question, which only a ring does: that ring read the
        // question.
        if matches!(self.fencing, Fencing::Wanted(then) | Fencing::Needed(then) if then != state) {
            self.fencing = Fencing::Theirs;
        }
        if matches!(self.fencing, Fencing::Theirs | Fencing::Needed(_)) {
            // S3, where the ringers fence. Pairs with the full fence in `Ringer::wake` and, for the load behind it, with the
            // one in `Ringer::stay_fencing`.
            fence(Ordering::SeqCst);
            if bell.fences.load(Ordering::Relaxed) != 0 {
                return Ticket { state };
            }
            // Taken back.
            (self.fencing, self.sleeps) = (Fencing::Heavy, 0);
        }
        self.sleeps = self.sleeps.saturating_add(1);
        // S3. Pairs with the light fence in `Ringer::is_needed`.
        if kernel::heavy_fence() {
            return Ticket { state };
        }
        // Again before the word is made even: as above.
        bell.fences.store(NEEDED, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let state = bell.make_even();
        self.fencing = Fencing::Needed(state);
        // S3 of a ringer that fences already. What it saves is a slice of a millisecond.
        fence(Ordering::SeqCst); // for this sleep alone
        Ticket { state }
    }

    /// Sleeps (S5) until the bell is rung, the owner of the life word beside it dies, the deadline passes, or the tick does
    /// that is the insurance against wakers that died: whatever it was, the caller looks again. `is_first`: it has not slept
    /// in this wait yet. True when nothing came before the tick or the deadline: then it is time to look closely.
    pub fn sleep(
        &mut self,
        bell: &EventCount,
        ticket: Ticket,
        beside: Option<LifeWord<'_>>,
        deadline: Deadline,
        is_first: bool,
    ) -> bool {
        let now = kernel::now();
        let until = |tick: Duration| Some(deadline.or_after(now, self.tick_max(tick)));
        let at_the_bell = |tick: Duration| kernel::sleep(&bell.state, ticket.state, until(tick));
        let is_short = is_first && beside.is_some() && self.fencing == Fencing::Theirs;
        let slept = match beside {
            _ if is_short => at_the_bell(FIRST),
            // A life word of 0 is one that nobody will mark.
            Some(life) if life.alive != 0 => {
                let (here, there) = ((&bell.state, ticket.state), (life.word, life.alive));
                let slept = kernel::sleep_at_either(here, there, until(TICK));
                // The kernel wakes one who sleeps at a life word that it marks; the others are ours to wake.
                if slept == Some(Wake::Woken) && life.word.load(Ordering::Relaxed) != life.alive {
                    kernel::wake(life.word);
                }
                slept.unwrap_or_else(|| at_the_bell(TICK_ALONE))
            }
            Some(_) => at_the_bell(TICK_ALONE),
            None => at_the_bell(TICK),
        };
        if slept == Wake::TimedOut {
            // A long sleep: fences for each publication would not pay now.
            self.sleeps = 0;
        }
        slept == Wake::TimedOut && !is_short
    }

    /// Sleeps no longer than `slice`, for whoever waits for something that rings no bell.
    pub fn doze(&mut self, bell: &EventCount, ticket: Ticket, slice: Duration, deadline: Deadline) {
        kernel::sleep(&bell.state, ticket.state, Some(deadline.or_after(kernel::now(), slice)));
    }

    fn tick_max(&self, tick: Duration) -> Duration {
        match self.fencing {
            Fencing::Needed(_) => TICK_UNFENCED,
            Fencing::Theirs if !self.has_one_ringer => tick.min(TICK_ALONE),
            _ => tick,
        }
    }
}
