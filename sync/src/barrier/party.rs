//! A party: it arrives, waits for the others, and leaves.

use super::Barrier;
use super::word::*;
use crate::beside::{self, Company, Dying, Holder};
use crate::error::BarrierError;
use crate::{Deadline, Next, Pace, Step, WaitStrategy};
use ringway_shm::Owner;
use ringway_shm::primitive::{Ordering, fence, kernel};
use std::time::Duration;

/// A phase that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passed {
    /// Which: how many were passed before, modulo 2^24.
    pub phase: u32,
    /// Was it this party that ended it? True of one party of a phase at most.
    pub is_last: bool,
}

/// A seat at a barrier. Dropped, it leaves: which breaks the barrier, unless its dead are to be dropped, or
/// [`arrive_and_drop`](Self::arrive_and_drop) was called.
#[derive(Debug)]
pub struct Party {
    barrier: Barrier,
    rules: Rules,
    seat: u32,
    /// What stands there as long as it sits.
    mine: u64,
    /// The phase in which it has arrived and not been let by yet, and whether its arrival was the last one.
    arrived: Option<(u32, bool)>,
    pace: Pace,
    /// It has left.
    is_done: bool,
}

impl Party {
    pub(super) fn new(barrier: Barrier, rules: Rules, seat: u32, mine: u64) -> Self {
        let pace = Pace::new(WaitStrategy::default());
        Self { barrier, rules, seat, mine, arrived: None, pace, is_done: false }
    }

    /// Arrives, and does not wait. Once in a phase: called again in the same, it changes nothing; called when that one is passed, it
    /// arrives in the next.
    ///
    /// # Errors
    ///
    /// [`BarrierError::Broken`], [`BarrierError::Forked`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Barrier, BarrierError, Setup};
    ///
    /// let barrier: Barrier = Setup::new().anonymous()?;
    /// barrier.expect(2)?;
    /// let (mut one, mut two) = (barrier.join()?, barrier.join()?);
    /// one.arrive()?;
    /// assert_eq!(one.try_wait(), Err(BarrierError::WouldBlock));
    /// two.arrive()?;
    /// assert_eq!((one.wait()?.is_last, two.wait()?.is_last), (false, true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn arrive(&mut self) -> Result<(), BarrierError> {
        self.is_here()?;
        if self.look()?.is_none() && self.arrived.is_some() {
            return Ok(());
        }
        self.arrive_now()
    }

    /// Arrives, in a phase in which it has not.
    fn arrive_now(&mut self) -> Result<(), BarrierError> {
        let line = self.barrier.place.line();
        let mine = 1 << self.seat;
        loop {
            // Acquire: what those did who are not waited for any more is there. Pairs with the Release in `drop_seat`.
            let dropped = line.dropped.load(Ordering::Acquire) as u32;
            // Relaxed: the change is of what was found.
            let found = line.word.load(Ordering::Relaxed);
            if found & BROKEN != 0 {
                return Err(self.barrier.told(found).into());
            }
            let is_last = self.rules.is_complete(arrived(found) | mine, dropped);
            let new = if is_last { after(found) } else { found | u64::from(mine) << ARRIVED_AT };
            if self.barrier.change(found, new).is_err() {
                continue;
            }
            self.arrived = Some((phase(found), is_last));
            if !is_last {
                // Pairs with the fence in `drop_seat`: either we see who is not waited for, or that one sees that we have arrived.
                fence(Ordering::SeqCst);
                if self.barrier.go_on_if_complete(self.rules) {
                    self.arrived = Some((phase(found), true));
                }
            }
            return Ok(());
        }
    }

    /// Waits until the phase in which this party [has arrived](Self::arrive) is passed; arrives, if it has not.
    ///
    /// # Errors
    ///
    /// [`BarrierError::Broken`]; [`BarrierError::Forked`], [`BarrierError::System`].
    pub fn wait(&mut self) -> Result<Passed, BarrierError> {
        self.wait_until(Deadline::NEVER)
    }

    /// Looks whether the phase is passed, or somebody who is missing is gone. Never waits.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`BarrierError::WouldBlock`].
    pub fn try_wait(&mut self) -> Result<Passed, BarrierError> {
        self.has_arrived()?;
        loop {
            if let Some(passed) = self.look()? {
                return Ok(passed);
            }
            // Whoever asks again and again is told of a death as well. Each further round is a step of this call, or of somebody
            // else's.
            if !self.missing()?.is_settled {
                return Err(BarrierError::WouldBlock);
            }
        }
    }

    /// As [`wait`](Self::wait), no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`BarrierError::TimedOut`]: the party has arrived, and the next call waits on.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Passed, BarrierError> {
        self.wait_until(Deadline::after(timeout))
    }

    /// As [`wait`](Self::wait), until a deadline.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    pub fn wait_until(&mut self, deadline: impl Into<Deadline>) -> Result<Passed, BarrierError> {
        self.has_arrived()?;
        if let Some(passed) = self.look()? {
            return Ok(passed);
        }
        let mut wait = self.pace.begin(deadline.into());
        let passed = loop {
            if let Some(passed) = self.look()? {
                break passed;
            }
            if wait.pause() == Step::Check {
                if let Some(passed) = self.check(&mut wait)? {
                    break passed;
                }
            }
        };
        self.pace.learn(&wait, false);
        Ok(passed)
    }

    /// Arrives and waits until all have: C++'s `arrive_and_wait`.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn arrive_and_wait(&mut self) -> Result<Passed, BarrierError> {
        self.wait()
    }

    /// Arrives for this phase and is not waited for in the next ones: C++'s `arrive_and_drop`.
    ///
    /// # Errors
    ///
    /// [`BarrierError::Broken`], [`BarrierError::Forked`]; it has left all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Barrier, Setup};
    ///
    /// let barrier: Barrier = Setup::new().anonymous()?;
    /// barrier.expect(2)?;
    /// let (mut one, two) = (barrier.join()?, barrier.join()?);
    /// two.arrive_and_drop()?;
    /// one.arrive_and_wait()?;
    /// one.arrive_and_wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn arrive_and_drop(mut self) -> Result<(), BarrierError> {
        if self.barrier.region().is_known_forked() {
            return Err(BarrierError::Forked);
        }
        // Relaxed: it is said, and changes nothing.
        let found = self.barrier.place.line().word.load(Ordering::Relaxed);
        self.leave(true);
        if found & BROKEN == 0 { Ok(()) } else { Err(self.barrier.told(found).into()) }
    }

    /// The seat: 0 to the number of parties, less one. No other party that lives has it.
    #[must_use]
    pub fn seat(&self) -> u32 {
        self.seat
    }

    /// Chooses how the calls of this party that have to wait pass their time. A new one spins and then sleeps.
    pub fn set_wait_strategy(&mut self, strategy: WaitStrategy) {
        self.pace.set_strategy(strategy);
    }

    /// Arrives, unless it has and was not let by yet.
    fn has_arrived(&mut self) -> Result<(), BarrierError> {
        self.is_here()?;
        if self.arrived.is_some() { Ok(()) } else { self.arrive_now() }
    }

    /// A forked child would wait for parties that it does not see.
    fn is_here(&self) -> Result<(), BarrierError> {
        if self.barrier.region().is_known_forked() { Err(BarrierError::Forked) } else { Ok(()) }
    }

    /// Is the phase passed in which this party has arrived?
    #[inline]
    fn look(&mut self) -> Result<Option<Passed>, BarrierError> {
        let Some((phase_of, is_last)) = self.arrived else { return Ok(None) };
        // Acquire: what every party did before it arrived is there. Pairs with the Release in `Barrier::change`.
        let found = self.barrier.place.line().word.load(Ordering::Acquire);
        if phase(found) != phase_of {
            return self.is_passed(phase_of, is_last);
        }
        if found & BROKEN != 0 {
            return Err(self.barrier.told(found).into());
        }
        Ok(None)
    }

    fn is_passed(&mut self, phase: u32, is_last: bool) -> Result<Option<Passed>, BarrierError> {
        // A forked child finds zeros, which may be another phase.
        if self.barrier.region().is_known_forked() {
            return Err(BarrierError::Forked);
        }
        self.arrived = None;
        Ok(Some(Passed { phase, is_last }))
    }

    /// Looks after those who are missing, and then decides how to go on: looks again, or sleeps.
    #[cold]
    #[inline(never)]
    fn check(&mut self, wait: &mut crate::Wait) -> Result<Option<Passed>, BarrierError> {
        let core = kernel::this_core();
        self.barrier.participant.runs_on(core);
        let missing = self.missing()?;
        if missing.is_settled {
            return Ok(None);
        }
        let others_core = missing.only.and_then(|owner| self.barrier.region().last_core(owner));
        match wait.check(others_core == Some(core)) {
            Next::Look => Ok(None),
            Next::TimedOut => self.look()?.map_or(Err(BarrierError::TimedOut), |passed| Ok(Some(passed))),
            Next::Sleep => self.sleep(wait),
        }
    }

    fn sleep(&mut self, wait: &mut crate::Wait) -> Result<Option<Passed>, BarrierError> {
        let line = self.barrier.place.line();
        // Relaxed: the change is of what was found.
        let found = line.word.load(Ordering::Relaxed);
        let is_still = self.arrived.is_some_and(|(phase_of, _)| phase(found) == phase_of);
        if !is_still || found & BROKEN != 0 {
            return Ok(None);
        }
        if found & SLEEPERS == 0 && self.barrier.change(found, found | SLEEPERS).is_err() {
            return Ok(None);
        }
        // Pairs with the fence in `Barrier::rouse`: either the look below sees who has joined or is not waited for any more, or that
        // one sees the bit.
        fence(Ordering::SeqCst); // before the last look
        let low = (found | SLEEPERS) as u32;
        let missing = self.missing()?;
        if missing.is_settled {
            return Ok(None);
        }
        if missing.is_dying {
            let mut dying = Dying::default();
            dying.pause(line.word.low_half(), low, wait.deadline());
            return Ok(None);
        }
        wait.sleeps();
        let was_tick = missing.company.sleep(line.word.low_half(), low, wait.deadline());
        if was_tick {
            // A long wait: the kernel may have marked nobody.
            for seat in seats_in(self.rules.all) {
                if let Some(owner) = owner_in(self.barrier.seats()[seat as usize].load(Ordering::Relaxed)) {
                    self.barrier.region().look_closely(owner)?;
                }
            }
        }
        let passed = self.look()?;
        if was_tick && passed.is_some() {
            self.barrier.place.line().repaired.fetch_add(1, Ordering::Relaxed);
        }
        Ok(passed)
    }

    /// Looks after those who have not arrived, and settles what is to be settled of those who are gone.
    fn missing(&self) -> Result<Missing<'_>, BarrierError> {
        let (barrier, rules) = (&self.barrier, self.rules);
        let mut missing =
            Missing { company: Company::none(), only: None, is_dying: false, is_settled: false };
        if barrier.go_on_if_complete(rules) {
            missing.is_settled = true;
            return Ok(missing);
        }
        let line = barrier.place.line();
        // Relaxed, both: whom to sleep beside; what is done about them is a change of what was found.
        let (found, dropped) = (line.word.load(Ordering::Relaxed), line.dropped.load(Ordering::Relaxed));
        let mut count = 0;
        for seat in seats_in(rules.all & !arrived(found) & !(dropped as u32)) {
            // Relaxed: `beside::look` begins with a fence for it.
            let cell = barrier.seats()[seat as usize].load(Ordering::Relaxed);
            let Some(owner) = sitting(cell, dropped) else { continue };
            count += 1;
            missing.only = if count == 1 { Some(owner) } else { None };
            match beside::look(barrier.region(), owner)? {
                Holder::Alive(life) => missing.company.add(life),
                Holder::Dying => missing.is_dying = true,
                Holder::Gone => {
                    missing.is_settled = true;
                    // Of who is gone all is there: whether it has said that it will not come, or got up. Relaxed, both: by the
                    // Acquires of `Region::standing`.
                    let is_there = barrier.seats()[seat as usize].load(Ordering::Relaxed) == cell;
                    if !is_there || line.dropped.load(Ordering::Relaxed) != dropped {
                        return Ok(missing);
                    }
                    if rules.drops {
                        barrier.drop_seat(seat, rules);
                    } else {
                        // In the phase in which it is missing, or not at all.
                        let _ = barrier.change(found, broken(found, seat, 0));
                    }
                    return Ok(missing);
                }
            }
        }
        Ok(missing)
    }

    /// Gets up.
    fn leave(&mut self, politely: bool) {
        self.is_done = true;
        let barrier = &self.barrier;
        if politely || self.rules.drops {
            barrier.drop_seat(self.seat, self.rules);
        } else {
            barrier.break_by(self.seat, LEFT);
        }
        // Behind that: a seat that is empty is one that somebody may yet take. Release: whoever finds it empty finds that it was
        // dropped, or that the barrier is broken. Pairs with the AcqRel in `take_seat`.
        let cell = &barrier.seats()[self.seat as usize];
        let _ = cell.compare_exchange(self.mine, 0, Ordering::Release, Ordering::Relaxed);
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        if !self.is_done && !self.barrier.region().is_known_forked() {
            self.leave(false);
        }
    }
}

/// Those who have not arrived.
struct Missing<'a> {
    company: Company<'a>,
    /// The one who is missing, if there is one.
    only: Option<Owner>,
    is_dying: bool,
    /// Something was found and changed: look again.
    is_settled: bool,
}
