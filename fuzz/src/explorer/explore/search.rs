//! Every run within the bounds: depth first, by running again from the beginning, each state once.
//!
//! ```text
//!   run    choices so far ── a choice that is new: its state is known? ── yes: the run is cut here
//!                                                       │ no: remember it, take its first option
//!   next   the last choice that has an option left takes it; what was behind it is forgotten
//! ```
//!
//! A state's digest covers the histories of all words, what each process knows, everything that each was ever told, the
//! virtual kernel, what is left of the bounds, and what the scenario noted: whatever the rest of a run depends on.
//!
//! **Accesses that nobody else can tell.** A read of a word that no other process ever writes, and a write to one that no
//! other ever accesses, need not be choices: they are taken at once. Which words those are is learned: from some runs by
//! chance, and whenever a search meets an access that is news, it begins anew, knowing that. When it ends without news, what
//! was assumed held in every run. A token's choices are those without this reduction.
//!
//! **Calls that end alone.** From each state the search takes, among others, the option that a process goes on and sees what
//! is newest. These edges form, for each process, the runs in which nobody else moves. When all states are known, the
//! longest way along them from anywhere in a call to its end is the bound that is reported; a circle, or a place where the
//! process only waits, is a call that does not end.

use super::{Explorer, Found, LongestCall, Patience, Report, collect};
use crate::explorer::memory::Multiply;
use crate::explorer::scenario::Scenario;
use crate::explorer::world::{Chooser, Ended, Failure, Move, State, Status, World};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::rc::Rc;

/// A choice on the way.
#[derive(Clone, Copy)]
struct Frame {
    chosen: u16,
    options: u16,
    state: u32,
}

/// Where a process gets by a step of its own that sees the newest.
#[derive(Clone, Copy)]
struct Edge {
    target: u32,
    steps: u16,
    /// Was it in a call that has to end alone when it began?
    in_call: bool,
    /// Did that call end on the way?
    ended: bool,
}

const NOWHERE: Edge = Edge { target: u32::MAX, steps: 0, in_call: false, ended: false };

/// What is remembered of a state.
struct Node {
    /// The state before it, and the option that led here.
    parent: u32,
    option: u16,
    /// Processes that are in such a call and cannot go on by themselves.
    waits: u8,
}

/// The step that was last chosen, of whose end the next state tells.
#[derive(Clone, Copy)]
struct Departed {
    state: u32,
    process: usize,
    steps: u32,
    calls: u32,
    in_call: bool,
}

#[derive(Default)]
struct Search {
    path: Vec<Frame>,
    depth: usize,
    known: HashMap<u128, u32, BuildHasherDefault<Multiply>>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// Processes that have edges.
    width: usize,
    departed: Option<Departed>,
    /// The names of calls, as they were met.
    calls: BTreeMap<usize, &'static str>,
    has_drifted: Option<usize>,
    /// Choices to make instead.
    followed: Option<std::vec::IntoIter<u16>>,
}

/// The chooser's end of a search.
struct Hand(Rc<RefCell<Search>>);

impl Chooser for Hand {
    fn choose(&mut self, state: &mut State) -> Option<usize> {
        self.0.borrow_mut().choose(state)
    }
}

impl Search {
    fn choose(&mut self, state: &mut State) -> Option<usize> {
        let options = state.options.len();
        if let Some(followed) = &mut self.followed {
            return followed.next().map(usize::from);
        }
        if let Some(frame) = self.path.get(self.depth).copied() {
            if usize::from(frame.options) != options {
                self.has_drifted = Some(self.depth);
                return None;
            }
            self.depth += 1;
            let chosen = usize::from(frame.chosen);
            if self.depth == self.path.len() {
                let option = state.options[chosen];
                self.depart(state, frame.state, option);
            }
            return Some(chosen);
        }
        let digest = state.digest();
        let next = self.nodes.len() as u32;
        let mut is_new = false;
        let number = *self.known.entry(digest).or_insert_with(|| {
            is_new = true;
            next
        });
        self.arrive(state, number);
        if !is_new {
            return None;
        }
        let last = self.path.last();
        let (parent, option) = last.map_or((u32::MAX, 0), |frame| (frame.state, frame.chosen));
        self.nodes.push(Node { parent, option, waits: waiting(state) });
        self.edges.resize(self.nodes.len() * self.width, NOWHERE);
        self.path.push(Frame { chosen: 0, options: options as u16, state: number });
        self.depth += 1;
        let option = state.options[0];
        self.depart(state, number, option);
        Some(0)
    }

    /// A step begins.
    fn depart(&mut self, state: &mut State, from: u32, option: Move) {
        self.departed = None;
        if let Move::Step { process, stale: 0 } = option {
            let process = usize::from(process);
            let entry = &mut state.processes[process];
            entry.first_end = None;
            let attempt = entry.call.filter(|call| call.ends_alone && call.until.is_none());
            if let Some(call) = attempt {
                self.calls.insert(process, call.name);
            }
            let in_call = attempt.is_some();
            self.departed =
                Some(Departed { state: from, process, steps: entry.steps, calls: entry.calls, in_call });
        }
    }

    /// It has led somewhere.
    fn arrive(&mut self, state: &State, target: u32) {
        let Some(departed) = self.departed.take() else { return };
        let entry = &state.processes[departed.process];
        let at = departed.state as usize * self.width + departed.process;
        // Where nobody else had anything to do, it may have gone on behind the end of its call.
        let until = entry.first_end.filter(|_| departed.in_call).unwrap_or(entry.steps);
        let steps = (until - departed.steps).min(u32::from(u16::MAX)) as u16;
        let ended = entry.calls != departed.calls || matches!(entry.status, Status::Done);
        if let Some(edge) = self.edges.get_mut(at) {
            *edge = Edge { target, steps, in_call: departed.in_call, ended };
        }
    }

    /// Goes on to the next run; false if there is none.
    fn advance(&mut self) -> bool {
        (self.depth, self.departed) = (0, None);
        while let Some(frame) = self.path.last_mut() {
            if frame.chosen + 1 < frame.options {
                frame.chosen += 1;
                return true;
            }
            self.path.pop();
        }
        false
    }

    /// Has the next run make these choices, and end there.
    fn follow(&mut self, choices: Vec<u16>) {
        (self.depth, self.departed, self.path) = (0, None, Vec::new());
        self.followed = Some(choices.into_iter());
    }

    /// The choices that lead to a state.
    fn way_to(&self, mut state: u32) -> Vec<u16> {
        let mut choices = Vec::new();
        while let Some(node) = self.nodes.get(state as usize) {
            if node.parent == u32::MAX {
                break;
            }
            choices.push(node.option);
            state = node.parent;
        }
        choices.reverse();
        choices
    }

    /// The longest way to the end of a call by one process alone; or the state and the process of one that has no end.
    fn longest(&self) -> Result<Option<LongestCall>, (u32, usize)> {
        let mut longest: Option<(u32, usize)> = None;
        for process in 0..self.width {
            // 0: not looked at; 1: on the way; otherwise the steps plus two.
            let mut steps = vec![0u32; self.nodes.len()];
            for begin in 0..self.nodes.len() {
                if steps[begin] != 0 {
                    continue;
                }
                let mut way = Vec::new();
                let mut at = begin;
                let mut rest = loop {
                    if steps[at] == 1 {
                        return Err((begin as u32, process));
                    }
                    if steps[at] > 1 {
                        break steps[at] - 2;
                    }
                    let edge = self.edges[at * self.width + process];
                    if self.nodes[at].waits >> process & 1 == 1 {
                        return Err((at as u32, process));
                    }
                    if !edge.in_call {
                        steps[at] = 2;
                        break 0;
                    }
                    steps[at] = 1;
                    way.push(at);
                    if edge.ended || edge.target == u32::MAX {
                        break 0;
                    }
                    at = edge.target as usize;
                };
                for &at in way.iter().rev() {
                    rest += u32::from(self.edges[at * self.width + process].steps);
                    steps[at] = rest + 2;
                }
                if rest > longest.map_or(0, |longest| longest.0) {
                    longest = Some((rest, process));
                }
            }
        }
        let named = |(steps, process): (u32, usize)| {
            let call = self.calls.get(&process).copied().unwrap_or("a call").to_owned();
            LongestCall { steps, call }
        };
        Ok(longest.map(named))
    }
}

/// Processes that are in an attempt and wait for others.
fn waiting(state: &State) -> u8 {
    let waits = |&process: &usize| {
        let entry = &state.processes[process];
        let attempts = entry.call.is_some_and(|call| call.ends_alone && call.until.is_none());
        attempts && entry.status == Status::Running && state.is_blocked(process)
    };
    (0..state.processes.len()).filter(waits).fold(0, |bits, process| bits | 1 << process)
}

pub(super) fn exhaustive(explorer: &Explorer, scenario: &Rc<Scenario>) -> Report {
    let mut report = explorer.report(scenario);
    let mut patience = Patience::new(explorer);
    let search = Rc::new(RefCell::new(Search::default()));
    let width = scenario.bodies.len() + usize::from(explorer.bounds.restarts);
    search.borrow_mut().width = width;
    let world = World::new(scenario, explorer.bounds, Box::new(Hand(Rc::clone(&search))));
    world.state.borrow_mut().weakening = explorer.weakening;
    world.state.borrow_mut().sites = explorer.collects.then(BTreeMap::new);
    let reduces = scenario.always.is_empty() && explorer.bounds.scribbles == 0 && explorer.reduces;
    let installed = world.install();
    if reduces {
        super::random::warm_up(&world);
        world.state.borrow_mut().reduces = true;
    }
    loop {
        let ended = world.run();
        report.runs += 1;
        report.steps += u64::from(world.state.borrow().steps);
        if reduces && world.state.borrow().is_news {
            // Somebody accessed what was thought to be another's own: all over again, knowing that.
            world.state.borrow_mut().places.assume();
            *search.borrow_mut() = Search { width, ..Search::default() };
            report.outcomes.clear();
            continue;
        }
        if let Some(choice) = search.borrow().has_drifted {
            world.state.borrow_mut().failure = Some(Failure::Drift { choice });
        }
        if world.state.borrow().failure.is_some() {
            break;
        }
        if ended == Ended::Complete {
            collect(&world, scenario, ended, &mut report);
            // Whoever took the last step took it to its end.
            let state = world.state.borrow();
            search.borrow_mut().arrive(&state, u32::MAX);
        }
        if !search.borrow_mut().advance() {
            report.is_complete = true;
            break;
        }
        let states = search.borrow().nodes.len();
        report.states = states as u64;
        if states > explorer.limits.states || patience.is_over(&mut report) {
            break;
        }
    }
    let mut alone = None;
    report.states = search.borrow().nodes.len() as u64;
    report.sites = world.state.borrow_mut().sites.take().unwrap_or_default();
    if report.is_complete {
        let longest = search.borrow().longest();
        match longest {
            Ok(longest) => {
                let plain = world.state.borrow().longest_plain;
                let plain = plain.map(|(steps, call)| LongestCall { steps, call: call.to_owned() });
                report.longest = longest.max(plain).filter(|longest| longest.steps > 0);
            }
            Err((state, process)) => {
                let call = search.borrow().calls.get(&process).copied().unwrap_or("a call");
                let choices = search.borrow().way_to(state);
                search.borrow_mut().follow(choices);
                world.run();
                let name = world.state.borrow().name(process).to_owned();
                world.state.borrow_mut().failure = Some(Failure::Wedged { process: name, call });
                alone = Some(process as u8);
            }
        }
    }
    drop(installed);
    if world.state.borrow().failure.is_some() {
        report.found = Some(told(explorer, scenario, &world, alone));
    }
    report.elapsed = patience.began.elapsed();
    report
}

/// A failure with a token. The search may have taken steps at once that a token makes choices of: so what happened is run
/// once more without that.
fn told(explorer: &Explorer, scenario: &Rc<Scenario>, world: &World, alone: Option<u8>) -> Found {
    let failure = world.state.borrow_mut().failure.take().expect("a run that failed");
    let moves = world.state.borrow().moves.clone();
    let mut places = core::mem::take(&mut world.state.borrow_mut().places);
    if !world.state.borrow().reduces {
        places.assume_nothing();
    }
    let token = super::replay::guided(explorer, scenario, moves, places, alone);
    Found { failure, token }
}
