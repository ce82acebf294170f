//! Runs by chance: any option at each choice, or by priorities.
//!
//! By priorities is the way of Burckhardt, Kothari, Musuvathi and Nagarakatte, "A Randomized Scheduler with Probabilistic
//! Guarantees of Finding Bugs" (2010): each process has a priority drawn by lot, the highest that can go on does, and at a
//! few moments, drawn by lot as well, the one that runs gets the lowest. A bug that needs `d` such moments in `n` processes
//! and `k` steps is found by a run with a probability of at least `1 / (n * k^(d-1))`.

use super::{Explorer, Found, Patience, Report, collect, go_on};
use crate::explorer::scenario::Scenario;
use crate::explorer::world::{Chooser, Ended, Move, State, World};
use crate::lot::Lot;
use std::cell::RefCell;
use std::rc::Rc;

/// How chance decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// Any option, with a liking for whoever runs.
    Uniform,
    /// By priorities, which change at so many moments of about so many steps.
    Priorities {
        /// Moments of change.
        changes: u32,
        /// Steps of a run, about.
        steps: u32,
    },
}

struct Chance {
    way: Way,
    lot: Lot,
    choices: Vec<u16>,
    check: u32,
    priorities: [u64; crate::explorer::memory::PROCESSES_MAX],
    changes: Vec<u32>,
    lowest: u64,
}

impl Chance {
    fn new(way: Way) -> Self {
        Self {
            way,
            lot: Lot::new(0),
            choices: Vec::new(),
            check: 0,
            priorities: [0; crate::explorer::memory::PROCESSES_MAX],
            changes: Vec::new(),
            lowest: 0,
        }
    }

    fn begin(&mut self, seed: u64) {
        self.lot = Lot::new(seed);
        self.choices.clear();
        self.check = 0;
        self.changes.clear();
        self.lowest = 1 << 32;
        for priority in &mut self.priorities {
            *priority = (1 << 33) + self.lot.draw() % (1 << 32);
        }
        if let Way::Priorities { changes, steps } = self.way {
            for _ in 0..changes {
                let at = self.lot.below(steps as usize) as u32;
                self.changes.push(at);
            }
        }
    }

    fn pick(&mut self, state: &State) -> usize {
        let options = &state.options;
        let due = options.iter().filter(|option| option.is_due()).count();
        // What is not due is mischief: now and then.
        if due == 0 || (due < options.len() && self.lot.below(12) == 0) {
            return self.lot.below(options.len());
        }
        match self.way {
            Way::Uniform if self.lot.below(3) > 0 && options[0].is_due() => 0,
            Way::Uniform => self.any_due(options),
            Way::Priorities { .. } => self.by_priority(state),
        }
    }

    fn any_due(&mut self, options: &[Move]) -> usize {
        loop {
            let option = self.lot.below(options.len());
            if options[option].is_due() {
                return option;
            }
        }
    }

    fn by_priority(&mut self, state: &State) -> usize {
        if self.changes.contains(&state.steps) {
            self.lowest -= 1;
            self.priorities[state.current] = self.lowest;
        }
        let priority = |option: &Move| option.process().map_or(0, |process| self.priorities[process]);
        let highest = state.options.iter().filter(|option| option.is_due()).map(priority).max().unwrap_or(0);
        let is_among = |option: &Move| option.is_due() && priority(option) == highest;
        let among: Vec<usize> = (0..state.options.len()).filter(|&at| is_among(&state.options[at])).collect();
        // The first sees the newest.
        if self.lot.below(2) == 0 { among[0] } else { among[self.lot.below(among.len())] }
    }
}

/// Runs of a warm-up.
const WARM_UP: u64 = 300;

/// Lets chance show who accesses what, in a world whose own runs are still to come.
pub(super) fn warm_up(world: &World) {
    let chance = Rc::new(RefCell::new(Chance::new(Way::Uniform)));
    let chooser = world.swap_chooser(Box::new(Hand(Rc::clone(&chance))));
    for seed in 0..WARM_UP {
        chance.borrow_mut().begin(seed);
        world.run();
    }
    world.swap_chooser(chooser);
    world.state.borrow_mut().places.assume();
}

struct Hand(Rc<RefCell<Chance>>);

impl Chooser for Hand {
    fn choose(&mut self, state: &mut State) -> Option<usize> {
        let mut chance = self.0.borrow_mut();
        let chosen = chance.pick(state);
        chance.choices.push(chosen as u16);
        chance.check = go_on(chance.check, state.options.len(), chosen);
        Some(chosen)
    }
}

pub(super) fn random(explorer: &Explorer, scenario: &Rc<Scenario>, way: Way, seed: u64, runs: u64) -> Report {
    let mut report = explorer.report(scenario);
    report.seed = Some(seed);
    let mut patience = Patience::new(explorer);
    let chance = Rc::new(RefCell::new(Chance::new(way)));
    let world = World::new(scenario, explorer.bounds, Box::new(Hand(Rc::clone(&chance))));
    world.state.borrow_mut().weakening = explorer.weakening;
    let installed = world.install();
    for run in 0..runs {
        chance.borrow_mut().begin(seed.wrapping_add(run.wrapping_mul(0xd6e8_feb8_6659_fd93)));
        let ended = world.run();
        report.runs += 1;
        report.steps += u64::from(world.state.borrow().steps);
        if ended == Ended::Failed {
            if let Some(failure) = world.state.borrow_mut().failure.take() {
                let chance = chance.borrow();
                let token = explorer.token(scenario, &chance.choices, None, chance.check);
                report.found = Some(Found { failure, token });
            }
            break;
        }
        collect(&world, scenario, ended, &mut report);
        if patience.is_over(&mut report) {
            break;
        }
    }
    drop(installed);
    report.elapsed = patience.began.elapsed();
    report
}
