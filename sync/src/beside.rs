//! Sleeping at a word, beside the life words of those who are to change it.
//!
//! ```text
//!   sleeper   word is w ─ look after the others ─ sleep while word is w and they live ─▶ look again, whatever ended it
//!   woken by  whoever changes the word, or the kernel as it marks a life word
//! ```
//!
//! The kernel wakes one of those who sleep at a life word that it marks; that one wakes the others, first of all. Where the
//! system cannot sleep at several words, it is the tick that looks after the living, and a short one.

use crate::Deadline;
use ringway_shm::primitive::kernel::{self, SLEEP_WORDS_MAX, Wake};
use ringway_shm::primitive::{AtomicU32, Ordering, fence};
use ringway_shm::{LifeWord, Owner, Region, Standing, SystemError};
use std::time::Duration;

/// The longest sleep: what a wake-up that died with somebody may cost.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// The longest sleep where not every death that matters would end it.
const TICK_ALONE: Duration = Duration::from_millis(20);

/// How a holder looks to who waits for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holder<'a> {
    /// It lives; what to sleep beside, if anything marks its death.
    Alive(Option<LifeWord<'a>>),
    /// It was killed, and may write yet.
    Dying,
    /// It writes no more.
    Gone,
}

/// How it stands with whoever holds something. No system call as long as its life word says that it lives.
pub(crate) fn look<'a>(region: &'a Region, owner: Owner) -> Result<Holder<'a>, SystemError> {
    // Acquire: the word that names the owner may have been read without; with this its row is that of its time, or a later one.
    // Pairs with the fence in `Participant::claim`, and with the Releases of those who write owners for other threads.
    fence(Ordering::Acquire);
    if let Some(life) = region.life(owner) {
        if life.alive != 0 {
            return Ok(Holder::Alive(Some(life)));
        }
    }
    Ok(match region.standing(owner)? {
        // Nobody marks its death, or it has just come.
        Standing::Alive => Holder::Alive(None),
        Standing::Dying => Holder::Dying,
        Standing::Gone => Holder::Gone,
    })
}

/// Whom a sleeper sleeps beside.
#[derive(Debug)]
pub(crate) struct Company<'a> {
    lives: [Option<LifeWord<'a>>; SLEEP_WORDS_MAX - 1],
    count: usize,
    /// Somebody's death would not end the sleep.
    is_partial: bool,
}

impl<'a> Company<'a> {
    pub(crate) fn none() -> Self {
        Self { lives: [const { None }; SLEEP_WORDS_MAX - 1], count: 0, is_partial: false }
    }

    /// Adds somebody who lives.
    pub(crate) fn add(&mut self, life: Option<LifeWord<'a>>) {
        match life {
            // Once is enough.
            Some(life)
                if self.lives[..self.count]
                    .iter()
                    .flatten()
                    .any(|one| core::ptr::eq(one.word, life.word)) => {}
            Some(life) if self.count < self.lives.len() => {
                self.lives[self.count] = Some(life);
                self.count += 1;
            }
            _ => self.is_partial = true,
        }
    }

    /// Sleeps while the word has its value and all these live. True if only the tick ended it.
    pub(crate) fn sleep(&self, word: &AtomicU32, value: u32, deadline: Deadline) -> bool {
        let now = kernel::now();
        let tick = if self.is_partial { TICK_ALONE } else { TICK };
        let lives = self.lives[..self.count].iter().flatten();
        let slept = if self.count == 0 {
            kernel::sleep(word, value, Some(deadline.or_after(now, tick)))
        } else {
            let mut words = [(word, value); SLEEP_WORDS_MAX];
            lives.clone().zip(&mut words[1..]).for_each(|(life, place)| *place = (life.word, life.alive));
            let until = |tick| Some(deadline.or_after(now, tick));
            let slept = kernel::sleep_at_any(&words[..=self.count], until(tick));
            slept.unwrap_or_else(|| kernel::sleep(word, value, until(TICK_ALONE)))
        };
        for life in lives {
            wake_others(life);
        }
        slept == Wake::TimedOut && !deadline.has_passed()
    }
}

/// Sleeps at a word beside one life word, if there is one, until the deadline or a tick.
pub(crate) fn sleep(word: &AtomicU32, value: u32, beside: Option<LifeWord<'_>>, deadline: Deadline) -> Wake {
    let now = kernel::now();
    let until = |tick| Some(deadline.or_after(now, tick));
    match beside {
        Some(life) => {
            let slept = kernel::sleep_at_either((word, value), (life.word, life.alive), until(TICK));
            wake_others(&life);
            slept.unwrap_or_else(|| kernel::sleep(word, value, until(TICK_ALONE)))
        }
        None => kernel::sleep(word, value, until(TICK_ALONE)),
    }
}

/// The kernel wakes one who sleeps at a life word that it marks; the others are ours to wake.
pub(crate) fn wake_others(life: &LifeWord<'_>) {
    // Relaxed: whoever is woken looks for itself.
    if life.word.load(Ordering::Relaxed) != life.alive {
        kernel::wake(life.word);
    }
}

/// Waits for somebody who is dying to be gone, which takes a fraction of a millisecond, unless it cannot be stopped just
/// now, or has much memory to give back.
///
/// Nobody tells of it, so it is asked: without a sleep at first, since the shortest one is some 50 us longer than what it was
/// told (the kernel's timer slack). Whoever is dying gets the core if it needs it.
#[derive(Debug, Default)]
pub(crate) struct Dying {
    questions: u32,
}

impl Dying {
    /// How many times the core is yielded before the first sleep: for about a millisecond, if nobody wants it.
    const YIELDS: u32 = 1024;
    /// The first sleep, and the longest.
    const SLICE: Duration = Duration::from_micros(20);
    const SLICE_MAX: Duration = Duration::from_millis(5);

    /// Passes the time between two questions; ends early if the word changes.
    pub(crate) fn pause(&mut self, word: &AtomicU32, value: u32, deadline: Deadline) {
        self.questions = self.questions.saturating_add(1);
        if self.questions <= Self::YIELDS {
            return ringway_shm::primitive::yield_core();
        }
        let doublings = ((self.questions - Self::YIELDS) / 8).min(8);
        let slice = (Self::SLICE * (1 << doublings)).min(Self::SLICE_MAX);
        kernel::sleep(word, value, Some(deadline.or_after(kernel::now(), slice)));
    }
}

/// Sleeps at a word that nobody in particular is to change. True if only the tick ended it.
pub(crate) fn sleep_alone(word: &AtomicU32, value: u32, deadline: Deadline) -> bool {
    let slept = kernel::sleep(word, value, Some(deadline.or_after(kernel::now(), TICK)));
    slept == Wake::TimedOut && !deadline.has_passed()
}
