//! What comes through the door of `shm`, turned into steps of the run.
//!
//! A step that others can see is a choice: whoever is next may be somebody else. A step that nobody else can see (a fence of
//! release or acquire, a copy of payload, whose races are found by their clocks and not by their order) is taken at once.
//! That is the partial-order reduction. Where kills are possible, a copy is a choice between going on and dying only.

use super::World;
use super::calls::{NO_ROOM, REFUSED};
use super::failure::Failure;
use super::moves::Move;
use super::places::Spot;
use super::process::Pending;
use super::site::Use;
use super::state::State;
use crate::explorer::memory::{GRANULE, mix, part};
use crate::explorer::scenario::digest_of;
use ringway_shm::primitive::Ordering;
use ringway_shm::primitive::kernel::{Call, Watched};
use ringway_shm::primitive::model::{Action, Copy, Hooks, Kernel, Outcome, Step, Verdict};
use rustix::io::Errno;
use std::panic::Location;
use std::time::Duration;

type At = &'static Location<'static>;

impl Hooks for World {
    fn atomic(&self, step: &Step) -> Outcome {
        if self.is_aside() {
            return self.perform_aside(step);
        }
        let (address, width) = (step.address(), step.width());
        let Some((word, spot)) = self.word_at(address, width) else { return step.perform() };
        if self.is_before() {
            let outcome = step.perform();
            if outcome.stored {
                let mut state = self.state.borrow_mut();
                let value = super::image::read_word(address, width);
                state.memory.overwrite(word, value);
            }
            return outcome;
        }
        let action = step.action();
        let pending = match action {
            Action::Load => Pending::Load { word },
            Action::CompareExchange { current, weak, .. } => Pending::CompareExchange { word, current, weak },
            _ => Pending::Store { word },
        };
        let (order, failure) = self.state.borrow_mut().orders(step);
        if order == Ordering::SeqCst {
            self.point(Pending::Step);
            let mut state = self.state.borrow_mut();
            let process = state.current;
            state.memory.fence(process, Ordering::SeqCst);
        }
        let granted = self.point_unless_own(pending);
        let mut state = self.state.borrow_mut();
        let process = state.current;
        state.accessed(word, process, action_reads(action), action != Action::Load);
        let stale = if let Move::Step { stale, .. } = granted { u32::from(stale) } else { 0 };
        let message = state.memory.newest(word) - stale;
        let outcome = state.atomic(process, word, step, (order, failure), granted);
        if !outcome.stored {
            state.looked(process, word, message);
        }
        let writes = outcome.stored;
        if let Err(race) = state.memory.touch_word(process, word, spot, writes) {
            state.race(process, spot, race);
        }
        state.hears(process, outcome.value);
        // Of two messages with one value it matters which one was seen, to whoever waits for another one.
        state.hears(process, u64::from(message) << 1 | u64::from(outcome.stored));
        outcome
    }

    fn fence(&self, order: Ordering, site: At) {
        if self.is_aside() || self.is_before() {
            return;
        }
        if order == Ordering::SeqCst {
            self.point(Pending::Step);
        }
        let mut state = self.state.borrow_mut();
        let process = state.current;
        if let Some(Use::Fence(order)) = state.weakened(site, Use::Fence(order.into())) {
            state.memory.fence(process, order.into());
        }
        state.tell(Some(process), None, Some(site), |_| format!("fence {order:?}"));
    }

    fn light_fence(&self, site: At) {
        if self.is_aside() || self.is_before() {
            return;
        }
        let has_joined = {
            let state = self.state.borrow();
            state.kernel.has_joined(state.current)
        };
        // Before or after somebody's heavy fence: others can tell.
        if has_joined {
            self.point(Pending::Step);
        }
        let mut state = self.state.borrow_mut();
        let process = state.current;
        if state.weakened(site, Use::LightFence).is_some() {
            state.memory.light_fence(process, has_joined);
        }
        state.tell(Some(process), None, Some(site), |_| "light fence".to_owned());
    }

    fn copy(&self, copy: &Copy) {
        if self.is_aside() {
            if !self.is_gone() {
                self.state.borrow_mut().is_strange = true;
                copy.perform();
            }
            return;
        }
        if self.is_before() {
            copy.perform();
            return self.overwrite_words(copy.address(), copy.len());
        }
        self.point_alone();
        self.touched(copy.address(), copy.len(), copy.is_into_region(), Some(copy), copy.site());
    }

    fn touch(&self, address: usize, len: usize, writes: bool, site: At) {
        if !self.is_aside() && !self.is_before() {
            self.point_alone();
            self.touched(address, len, writes, None, site);
        }
    }

    fn spin(&self, site: At) {
        if self.is_aside() || self.is_before() {
            return;
        }
        let spin = {
            let mut state = self.state.borrow_mut();
            let process = state.current;
            state.spins(process)
        };
        self.point(spin);
        let mut state = self.state.borrow_mut();
        let process = state.current;
        state.tell(Some(process), None, Some(site), |_| "looks again".to_owned());
    }

    fn now(&self) -> Option<Duration> {
        let mut state = self.state.borrow_mut();
        let (clock, process) = (state.kernel.clock, state.current);
        if !self.is_aside() && !self.is_before() {
            state.hears(process, clock.as_nanos() as u64);
        }
        Some(clock)
    }

    /// Each process has a core to itself.
    fn core(&self) -> Option<u32> {
        Some(self.state.borrow().current as u32)
    }

    /// Calls about what a file contains: nobody else sees it before the file has a name.
    fn kernel(&self, call: &Call<'_>) -> Verdict {
        if self.is_aside() || self.is_before() {
            return Verdict::Real;
        }
        let errors = match call {
            Call::Reserve(_) | Call::Truncate(_) => NO_ROOM,
            Call::Mode(_) | Call::Group(_) | Call::Seal | Call::Map(_) => REFUSED,
            _ => &[],
        };
        let granted = if errors.is_empty() || self.state.borrow().left.faults == 0 {
            self.point_alone();
            Move::Step { process: 0, stale: 0 }
        } else {
            self.point(Pending::Call(errors))
        };
        let mut state = self.state.borrow_mut();
        let process = state.current;
        state.tell(Some(process), Some(granted), None, |_| format!("{call:?}"));
        // What it did to a file stays when it is dead.
        let touched = &mut state.processes[process].touched;
        *touched = mix(*touched, digest_of(&core::mem::discriminant(call)));
        match granted {
            Move::Fail { errno, .. } => {
                state.hears(process, errno as u64);
                Verdict::Fail(errno)
            }
            _ => Verdict::Real,
        }
    }

    fn instead(&self) -> Option<&dyn Kernel> {
        Some(self)
    }
}

impl World {
    /// An atomic operation past the run.
    fn perform_aside(&self, step: &Step) -> Outcome {
        if self.is_gone() && step.action() != Action::Load && self.is_shared(step.address()) {
            return Outcome { value: 0, stored: true };
        }
        if step.action() != Action::Load {
            // A panic may be under way in the middle of anything.
            if let Ok(mut state) = self.state.try_borrow_mut() {
                state.is_strange = true;
            }
        }
        step.perform()
    }

    pub(super) fn is_shared(&self, address: usize) -> bool {
        self.state.try_borrow_mut().is_ok_and(|mut state| state.places.spot(address).is_some())
    }

    /// A call to the kernel that others can see: who it is that makes it, and the error if it is to fail.
    pub(super) fn call(&self, errors: &'static [i32]) -> Result<std::cell::RefMut<'_, State>, i32> {
        let granted = if self.is_before() { Move::End } else { self.point(Pending::Call(errors)) };
        let mut state = self.state.borrow_mut();
        match granted {
            Move::Fail { errno, .. } => {
                let process = state.current;
                state.hears(process, errno as u64 | 1 << 40);
                let error = Errno::from_raw_os_error(errno);
                state.tell(Some(process), Some(granted), None, |_| format!("a call fails with {error:?}"));
                Err(errno)
            }
            _ => Ok(state),
        }
    }

    /// Payload is read or written, by a copy or in place.
    fn touched(&self, address: usize, len: usize, writes: bool, copy: Option<&Copy>, site: At) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let process = state.current;
        let Some(spot) = state.places.span(address, len) else {
            let (name, there) =
                (state.name(process).to_owned(), state.places.spot(address).map_or(0, |at| at.1));
            return state.fail(Failure::Outside { process: name, bytes: (len, there) });
        };
        if let Some(copy) = copy {
            copy.perform();
        }
        if writes {
            state.payload.extend(spot.parts(len));
        }
        if len == 0 {
            return;
        }
        let first = address - address % GRANULE as usize;
        for (number, granule) in spot.granules(len).enumerate() {
            if let Some(word) = state.places.word_over(granule) {
                state.memory.set_mixed(word);
                if writes {
                    state.rewritten(process, word);
                }
            }
            // What is written in place is not shown; it depends on what its writer was told.
            let content = || match copy {
                Some(_) => super::image::read_word(first + number * GRANULE as usize, 4),
                None => state.processes[process].heard as u64,
            };
            if let Err(race) = state.memory.touch(process, granule, writes.then(content)) {
                state.race(process, granule, race);
            }
        }
        let deed = mix(
            part(spot.first, len as u64),
            u64::from(state.memory.stretch(process)) << 1 | u64::from(writes),
        );
        let mut touched = mix(state.processes[process].touched, deed as u64);
        if let Some(copy) = copy.filter(|_| writes) {
            super::image::read_payload(copy.address(), len, |word| touched = mix(touched, word));
        }
        state.processes[process].touched = touched;
        // What was read decides what comes next.
        if !writes {
            super::image::read_payload(address, len, |word| state.hears(process, word));
        }
        state.tell(Some(process), None, Some(site), |state| {
            let deed = if writes { "writes" } else { "reads" };
            format!("{deed} {len} bytes of payload at {}", state.places.text(spot.first))
        });
    }

    /// Words that were copied over before the run begins.
    fn overwrite_words(&self, address: usize, len: usize) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let Some(spot) = state.places.span(address, len) else { return };
        state.payload.extend(spot.parts(len));
        for granule in spot.granules(len) {
            if let Some(word) = state.places.word_over(granule).filter(|&word| state.memory.is_used(word)) {
                let known = state.places.known(word);
                state.memory.overwrite(word, super::image::read_word(known.address, known.width));
            }
        }
    }

    /// The word at an address; `None` for private memory.
    pub(super) fn word_at(&self, address: usize, width: u8) -> Option<(usize, Spot)> {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let (spot, _) = state.places.spot(address)?;
        match state.places.word(spot, width, address, &mut state.memory) {
            Some(word) => Some((word, spot)),
            None => {
                state.fail(Failure::TooManyWords);
                None
            }
        }
    }

    pub(super) fn watched(&self, watched: &[Watched]) -> Vec<(usize, u64)> {
        let word = |watched: &Watched| Some((self.word_at(watched.address, 4)?.0, u64::from(watched.value)));
        watched.iter().filter_map(word).collect()
    }

    /// Sleeps until woken; true when its moment came.
    pub(super) fn asleep(&self) -> bool {
        self.point_again();
        let mut state = self.state.borrow_mut();
        let process = state.current;
        let timed_out = state.processes[process].timed_out;
        state.hears(process, u64::from(timed_out) | 1 << 41);
        timed_out
    }
}

/// Does an atomic operation read?
fn action_reads(action: Action) -> bool {
    !matches!(action, Action::Store(_))
}
