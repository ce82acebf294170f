//! Whose turn it is: between any two steps that others can see, somebody chooses.
//!
//! ```text
//!   a process is about to take a step ── decide ─┬─ the same process: take it
//!                                                ├─ another: suspend, and that one goes on
//!                                                └─ something else happens first, and who is next is asked again
//! ```

use super::failure::Failure;
use super::moves::Move;
use super::process::Pending;
use super::state::State;
use super::{World, fiber};

impl World {
    /// The process that runs is about to take a step that others can see: who is next? Returns when it is this one's turn.
    pub(super) fn point(&self, pending: Pending) -> Move {
        {
            let mut state = self.state.borrow_mut();
            let current = state.current;
            state.processes[current].pending = pending;
        }
        self.point_again()
    }

    /// The same, unless the step is nobody else's matter.
    pub(super) fn point_unless_own(&self, pending: Pending) -> Move {
        {
            let mut state = self.state.borrow_mut();
            let process = state.current;
            let goes_on = state.reduces && state.steps < state.bounds.steps;
            if goes_on && state.is_own(process, pending) {
                state.steps += 1;
                state.processes[process].steps += 1;
                state.hears(process, 0);
                return Move::Step { process: process as u8, stale: 0 };
            }
            if goes_on && state.is_private(process, pending) {
                // To die before it is all that may happen instead.
                state.alone = Some(process);
            }
        }
        self.point(pending)
    }

    /// The same, of what is pending already.
    pub(super) fn point_again(&self) -> Move {
        let me = self.state.borrow().current;
        let next = self.decide();
        if next != Some(me) {
            self.next.set(next);
            fiber::suspend();
        }
        self.state.borrow().granted
    }

    /// The process that runs is about to take a step that nobody else sees.
    pub(super) fn point_alone(&self) {
        {
            let mut state = self.state.borrow_mut();
            let current = state.current;
            let is_attacked = state.left.scribbles > 0 && state.hostile.is_some();
            if !is_attacked && !state.may_die(current) {
                return;
            }
            // Between two copies a stranger may write: then it is a step as any other.
            state.alone = (!is_attacked).then_some(current);
            state.processes[current].pending = Pending::Step;
        }
        self.point_again();
    }

    /// Lets things happen until a process is to go on; `None` at the end of the run.
    pub(super) fn decide(&self) -> Option<usize> {
        loop {
            let mut state = self.state.borrow_mut();
            if state.failure.is_some() || (state.reduces && state.is_news) {
                return None;
            }
            if !self.scenario.always.is_empty() {
                let check = |state: &State| {
                    let mut checks = self.scenario.always.iter();
                    checks.find_map(|check| check(&crate::explorer::scenario::Moment::new(state)).err())
                };
                if let Some(message) = check(&state) {
                    state.fail(Failure::Broken { message });
                    return None;
                }
            }
            state.find_options();
            let option = match state.options.len() {
                0 => {
                    let failure = Failure::Stuck { waiting: state.waiting() };
                    state.fail(failure);
                    return None;
                }
                // Whoever searches must hear of one who waits where nobody should.
                1 if !state.tries_in_vain() => 0,
                _ => match self.chooser.borrow_mut().choose(&mut state) {
                    Some(option) => {
                        state.choices += 1;
                        option
                    }
                    None => {
                        self.cut.set(true);
                        return None;
                    }
                },
            };
            let chosen = state.options[option];
            if chosen == Move::End {
                return None;
            }
            if let Some(process) = state.perform(chosen) {
                return Some(process);
            }
            if let Move::Restart(process) = chosen {
                drop(state);
                self.restart(usize::from(process));
            }
        }
    }

    pub(super) fn restart(&self, dead: usize) {
        let started = {
            let mut state = self.state.borrow_mut();
            state.left.restarts -= 1;
            let entry = &mut state.processes[dead];
            entry.was_restarted = true;
            let (body, incarnation) = (entry.body, entry.incarnation + 1);
            let name = format!("{}#{}", self.scenario.bodies[body].name, incarnation + 1);
            state.add_process(name, body, incarnation)
        };
        if let Some(process) = started {
            self.spawn(process);
        }
    }
}
