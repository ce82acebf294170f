//! What may happen next.
//!
//! ```text
//!   first      whoever ran last goes on, and sees what is newest; then the others
//!   due        the kernel's part of a death; one that was stopped goes on
//!   variants   what else a step may come to: an old value, a failure for no reason
//!   time       if nobody can do anything
//!   mischief   kills, stops, restarts, a hostile party
//! ```

use super::moves::Move;
use super::process::{Pending, Proc, Status};
use super::state::{PAYLOAD_FROM, SPIN_PASSES, State};

impl State {
    /// Fills in what may happen next; the first is that whoever ran last goes on, or somebody else if that one cannot.
    pub(crate) fn find_options(&mut self) {
        let mut options = core::mem::take(&mut self.options);
        options.clear();
        let count = self.processes.len();
        if let Some(process) = self.alone {
            options.push(Move::Step { process: process as u8, stale: 0 });
            if self.may_die(process) {
                options.push(Move::Kill(process as u8));
            }
            self.options = options;
            return;
        }
        let order = |at: usize| (self.current + at) % count;
        for process in (0..count).map(order) {
            if self.can_step(process) {
                options.push(Move::Step { process: process as u8, stale: 0 });
            }
        }
        let mut due = options.len();
        for (process, entry) in self.processes.iter().enumerate() {
            match entry.status {
                Status::Killed if !entry.is_marked && !self.kernel.enlisted(process).is_empty() => {
                    options.push(Move::Mark(process as u8));
                }
                Status::Killed => options.push(Move::Bury(process as u8)),
                Status::Stalled => options.push(Move::Resume(process as u8)),
                _ => continue,
            }
            due += 1;
        }
        let ready = due;
        for at in 0..count {
            self.find_variants(order(at), &mut options);
        }
        self.nobody_can = ready == 0;
        if ready == 0 {
            self.find_time(&mut options);
        }
        self.find_mischief(&mut options);
        self.options = options;
    }

    fn can_step(&self, process: usize) -> bool {
        let entry = &self.processes[process];
        entry.status == Status::Running
            && match entry.pending {
                Pending::Spin { stores } => stores != self.stores,
                Pending::Asleep { .. } => false,
                Pending::Last => self.is_last(process),
                _ => true,
            }
    }

    /// Are the heavy fences of a process refused, as in a sandbox?
    pub(crate) fn refuses_heavy_fences(&self, process: usize) -> bool {
        !self.unfenced.is_empty() && self.unfenced.contains(&self.processes[process].name)
    }

    /// Have all others come to their ends?
    fn is_last(&self, process: usize) -> bool {
        let has_ended = |entry: &Proc| matches!(entry.status, Status::Done | Status::Buried);
        self.processes.iter().enumerate().all(|(number, entry)| number == process || has_ended(entry))
    }

    /// Does it wait for others?
    pub(crate) fn is_blocked(&self, process: usize) -> bool {
        self.processes[process].status == Status::Running && !self.can_step(process)
    }

    /// The other outcomes of a process's step.
    fn find_variants(&self, process: usize, options: &mut Vec<Move>) {
        let entry = &self.processes[process];
        if entry.status != Status::Running {
            return;
        }
        let step = |stale: u32| Move::Step { process: process as u8, stale: stale as u16 };
        match entry.pending {
            Pending::Load { word } if self.bounds.weak => {
                options.extend((1..=self.memory.stale(process, word)).map(step));
            }
            Pending::CompareExchange { word, current, weak } => {
                if self.bounds.weak {
                    let fails = |stale: &u32| self.memory.peek(word, *stale) != current;
                    options.extend((1..=self.memory.stale(process, word)).filter(fails).map(step));
                }
                if weak && self.left.spurious > 0 && self.memory.peek(word, 0) == current {
                    options.push(Move::Fail { process: process as u8, errno: 0 });
                }
            }
            Pending::Call(errors) if self.left.faults > 0 => {
                options.extend(errors.iter().map(|&errno| Move::Fail { process: process as u8, errno }));
            }
            Pending::Asleep { until } => {
                if self.left.spurious > 0 {
                    options.push(Move::Wake(process as u8));
                }
                if self.left.early > 0 && until.is_some() {
                    options.push(Move::Pass(process as u8));
                }
            }
            _ => {}
        }
    }

    /// Nobody can do anything: time passes, or the run is over.
    fn find_time(&self, options: &mut Vec<Move>) {
        let alive = |entry: &Proc| entry.status == Status::Running;
        if !self.processes.iter().any(alive) {
            options.insert(0, Move::End);
            return;
        }
        let moment = |entry: &Proc| match entry.pending {
            Pending::Asleep { until } => until,
            Pending::Spin { .. } => Some(self.kernel.clock + SPIN_PASSES),
            _ => None,
        };
        let next = self.processes.iter().enumerate().filter(|(_, entry)| alive(entry));
        let next = next.filter_map(|(number, entry)| Some((moment(entry)?, number))).min();
        if let Some((_, process)) = next {
            let pass = Move::Pass(process as u8);
            options.retain(|&option| option != pass);
            options.insert(0, pass);
        }
    }

    /// Faults from outside.
    fn find_mischief(&self, options: &mut Vec<Move>) {
        for (number, entry) in self.processes.iter().enumerate() {
            let process = number as u8;
            match entry.status {
                Status::Running => {
                    if self.left.kills > 0 {
                        options.push(Move::Kill(process));
                        if self.bounds.lingers && !entry.is_marked && !self.kernel.enlisted(number).is_empty()
                        {
                            options.push(Move::Mark(process));
                        }
                    } else if entry.is_marked {
                        options.push(Move::Kill(process));
                    }
                    if self.left.stalls > 0 {
                        options.push(Move::Stall(process));
                    }
                }
                Status::Killed | Status::Buried
                    if self.left.restarts > 0
                        && !entry.was_restarted
                        && self.last.is_none_or(|last| last == entry.body) =>
                {
                    options.push(Move::Restart(process));
                }
                _ => {}
            }
        }
        if self.left.scribbles > 0 && self.hostile.is_some() {
            let values = self.hostile.as_ref().map_or(0, |hostile| hostile.values.len()) as u8;
            let words = self.places.words_in_use(&self.memory).map(|word| word as u16);
            let payload = (0..self.payload.len()).map(|at| PAYLOAD_FROM + at as u16);
            for word in words.chain(payload) {
                options.extend((0..values).map(|value| Move::Scribble { word, value }));
            }
        }
    }

    /// Is what the process that runs is about to do nobody else's matter? It is, if its process cannot be killed before
    /// it: the end may tell, by a store, or by what is noted behind a load.
    pub(crate) fn is_own(&self, process: usize, pending: Pending) -> bool {
        !self.may_die(process) && self.is_private(process, pending)
    }

    /// Can it be killed? One whose life words are marked will be, and that kill is counted already.
    pub(crate) fn may_die(&self, process: usize) -> bool {
        self.left.kills > 0 || self.processes[process].is_marked
    }

    /// Can no other process tell it, or change it?
    pub(crate) fn is_private(&self, process: usize, pending: Pending) -> bool {
        match pending {
            Pending::Load { word } => self.places.is_own(word, process, false),
            Pending::Store { word } => self.places.is_own(word, process, true),
            Pending::CompareExchange { word, weak, .. } => {
                self.places.is_own(word, process, true) && !(weak && self.left.spurious > 0)
            }
            _ => false,
        }
    }

    /// The step of whoever runs, if it is nobody else's matter.
    pub(crate) fn own_step(&self) -> Option<Move> {
        let entry = self.processes.get(self.current)?;
        let is_own = entry.status == Status::Running && self.is_own(self.current, entry.pending);
        is_own.then_some(Move::Step { process: self.current as u8, stale: 0 })
    }
}
