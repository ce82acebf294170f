//! What happens when an option is taken that is no process's step.

use super::failure::Failure;
use super::moves::Move;
use super::process::{InCall, Pending, Proc, Status};
use super::state::{SPIN_PASSES, State};
use crate::explorer::memory::{join, mix, part};
use std::collections::VecDeque;
use std::time::Duration;

/// Times in a row that nothing but time can pass, before nobody is thought to wait for anything.
const IDLE_MAX: u32 = 64;

impl State {
    /// Does what is no process's step. Says who goes on, if it is one's step.
    pub(crate) fn perform(&mut self, chosen: Move) -> Option<usize> {
        if self.expected.is_some() && self.own_step() != Some(chosen) {
            self.expected.as_mut().and_then(VecDeque::pop_front);
        }
        self.moves.push(chosen);
        self.steps += 1;
        if self.steps > self.bounds.steps {
            self.fail(Failure::Endless { steps: self.bounds.steps });
        }
        match chosen {
            Move::Step { process, .. } | Move::Fail { process, .. } => {
                if let Move::Fail { errno, .. } = chosen {
                    let left = if errno == 0 { &mut self.left.spurious } else { &mut self.left.faults };
                    *left -= 1;
                    self.is_disturbed |= errno != 0;
                }
                (self.granted, self.alone) = (chosen, None);
                self.current = usize::from(process);
                self.begin_operation(self.current);
                self.processes[self.current].steps += 1;
                // That it went on is all that some steps tell it.
                self.hears(self.current, 0);
                return Some(self.current);
            }
            Move::End => return None,
            _ => {}
        }
        let process = chosen.process().unwrap_or(usize::MAX);
        self.tell(chosen.process(), Some(chosen), None, |_| String::new());
        match chosen {
            Move::Wake(_) => {
                self.left.spurious -= 1;
                self.wake_process(process, false);
            }
            Move::Pass(_) => self.pass(process),
            Move::Kill(_) => self.kill(process),
            Move::Mark(_) => {
                if self.processes[process].status == Status::Running {
                    self.left.kills -= 1;
                    self.is_disturbed = true;
                }
                self.processes[process].is_marked = true;
                self.mark(process);
            }
            Move::Bury(_) => {
                self.processes[process].status = Status::Buried;
                self.kernel.bury(process, &mut self.memory);
                self.stores += 1;
            }
            Move::Stall(_) => {
                self.left.stalls -= 1;
                self.is_disturbed = true;
                self.processes[process].status = Status::Stalled;
            }
            Move::Resume(_) => self.processes[process].status = Status::Running,
            Move::Scribble { word, value } => {
                self.left.scribbles -= 1;
                self.is_disturbed = true;
                let values = self.hostile.as_ref().map_or(&[][..], |hostile| &hostile.values);
                let value = values[usize::from(value)];
                self.scribble(usize::from(word), value);
            }
            Move::Restart(_) | Move::Step { .. } | Move::Fail { .. } | Move::End => {}
        }
        None
    }

    /// A sleeper goes on.
    pub(crate) fn wake_process(&mut self, process: usize, timed_out: bool) {
        let entry = &mut self.processes[process];
        entry.pending = Pending::Step;
        entry.timed_out = timed_out;
        self.kernel.awake(process);
    }

    fn kill(&mut self, process: usize) {
        if !self.processes[process].is_marked {
            self.left.kills -= 1;
        }
        self.is_disturbed = true;
        self.alone = None;
        self.kernel.awake(process);
        self.moment += 1;
        // What had not begun never happened.
        self.processes[process].beginning = None;
        let moment = self.moment;
        for operation in &mut self.operations {
            if operation.process == process && operation.ended.is_none() {
                operation.killed = Some(moment);
            }
        }
        self.operations_digest = mix(self.operations_digest, process as u64 | 1 << 33);
        let entry = &mut self.processes[process];
        entry.status = Status::Killed;
        entry.call = None;
        // What it had heard does not matter any more.
        entry.heard = join(part(process as u64, 0xdead), entry.touched);
    }

    /// Time passes, until a sleeper's moment has come or a spinner has waited a while.
    fn pass(&mut self, process: usize) {
        let is_idle = self.nobody_can;
        let until = match self.processes[process].pending {
            Pending::Asleep { until: Some(until) } => until,
            _ => self.kernel.clock + SPIN_PASSES,
        };
        if is_idle {
            self.idle += 1;
            if self.idle > IDLE_MAX {
                self.fail(Failure::Livelock { waiting: self.waiting() });
            }
        } else {
            self.left.early -= 1;
            self.is_disturbed = true;
        }
        let overdue = |entry: &&Proc| {
            let late = |call: InCall| call.until.is_some_and(|moment| until > moment);
            entry.status == Status::Running && entry.call.is_some_and(late)
        };
        if let Some(late) = self.processes.iter().find(overdue) {
            let call = late.call.map_or("", |call| call.name);
            let failure = Failure::Overdue { process: late.name.clone(), call };
            self.fail(failure);
        }
        let is_asleep = matches!(self.processes[process].pending, Pending::Asleep { .. });
        let is_long = |longest: Duration| until.saturating_sub(self.kernel.clock) > longest;
        if is_asleep && is_idle && self.wakes_are_due.is_some_and(is_long) && !self.is_disturbed {
            let failure = Failure::LostWake { process: self.name(process).to_owned() };
            self.fail(failure);
        }
        self.kernel.clock = self.kernel.clock.max(until);
        if is_asleep {
            self.wake_process(process, true);
        } else {
            // It passes for all who spin: if one alone looked again, the others would wait for it for ever.
            for entry in &mut self.processes {
                if entry.status == Status::Running && matches!(entry.pending, Pending::Spin { .. }) {
                    entry.pending = Pending::Step;
                }
            }
        }
    }

    /// Those who are neither done nor dead, for people.
    pub(crate) fn waiting(&self) -> Vec<String> {
        let waits = |entry: &&Proc| matches!(entry.status, Status::Running | Status::Stalled);
        let told = |entry: &Proc| match (entry.pending, entry.call) {
            (Pending::Asleep { .. }, Some(call)) => format!("{} asleep in {}", entry.name, call.name),
            (Pending::Asleep { .. }, None) => format!("{} asleep", entry.name),
            (_, Some(call)) => format!("{} spinning in {}", entry.name, call.name),
            _ => format!("{} spinning", entry.name),
        };
        self.processes.iter().filter(waits).map(told).collect()
    }
}
