//! One run, by choices that are known.

use super::{Explorer, Found, Trace, go_on};
use crate::explorer::scenario::Scenario;
use crate::explorer::token::Token;
use crate::explorer::world::{Chooser, Failure, Move, Places, State, World};
use std::cell::RefCell;
use std::rc::Rc;

/// Steps of one process alone after which its call is thought to have no end.
const ALONE_MAX: u32 = 2000;

/// Choices, and then the first option each time.
#[derive(Clone)]
pub(super) struct Replay {
    choices: Vec<u16>,
    /// A choice that is no option's number: is it taken modulo their count?
    wraps: bool,
    at: usize,
    check: u32,
    /// What the check is to come to when the choices have been made, and whether it did.
    expected: u32,
    is_known: bool,
    /// Those that were really made.
    made: Vec<u16>,
    /// Who runs alone after them.
    alone: Option<usize>,
    alone_since: Option<(u32, u32)>,
}

impl Replay {
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self { wraps: true, ..Self::of_choices(bytes.iter().map(|&byte| u16::from(byte)).collect()) }
    }

    pub(super) fn of_token(token: &Token) -> Self {
        let alone = token.alone.map(usize::from);
        Self { alone, expected: token.check, ..Self::of_choices(token.choices.clone()) }
    }

    fn of_choices(choices: Vec<u16>) -> Self {
        Self {
            choices,
            wraps: false,
            at: 0,
            check: 0,
            expected: 0,
            is_known: false,
            made: Vec::new(),
            alone: None,
            alone_since: None,
        }
    }

    /// Knows the run again if it is the token's so far. (A run that does not fail any more goes on where the token's ended.)
    fn recognize(&mut self) {
        self.is_known |= self.at >= self.choices.len() && self.check == self.expected;
    }

    fn choose(&mut self, state: &mut State) -> Option<usize> {
        self.recognize();
        let options = state.options.len();
        let wanted = self.choices.get(self.at).copied();
        self.at += 1;
        if let (None, Some(process)) = (wanted, self.alone) {
            return self.go_on_alone(state, process);
        }
        let chosen = usize::from(wanted.unwrap_or(0));
        let chosen = if self.wraps { chosen % options } else { chosen.min(options - 1) };
        self.check = go_on(self.check, options, chosen);
        self.made.push(chosen as u16);
        Some(chosen)
    }

    fn go_on_alone(&mut self, state: &mut State, process: usize) -> Option<usize> {
        let entry = &state.processes[process];
        let (steps, calls) = *self.alone_since.get_or_insert((entry.steps, entry.calls));
        let step = Move::Step { process: process as u8, stale: 0 };
        let option = state.options.iter().position(|&option| option == step);
        // One that never began is in no call.
        if entry.calls != calls || entry.call.is_none() {
            return None;
        }
        if option.is_none() || entry.steps - steps > ALONE_MAX {
            let call = entry.call.map_or("a call", |call| call.name);
            let failure = Failure::Wedged { process: entry.name.clone(), call };
            state.fail(failure);
            return None;
        }
        option
    }
}

struct Hand(Rc<RefCell<Replay>>);

impl Chooser for Hand {
    fn choose(&mut self, state: &mut State) -> Option<usize> {
        self.0.borrow_mut().choose(state)
    }
}

/// What a run by known choices came to.
pub(crate) struct Replayed {
    pub(crate) found: Option<Found>,
    pub(crate) trace: Trace,
    /// Is it the token's run? Otherwise the scenario or what it runs has changed since.
    pub(crate) is_known: bool,
}

pub(super) fn once(explorer: &Explorer, scenario: &Rc<Scenario>, replay: Replay, traced: bool) -> Replayed {
    let replay = Rc::new(RefCell::new(replay));
    let world = World::new(scenario, explorer.bounds, Box::new(Hand(Rc::clone(&replay))));
    world.state.borrow_mut().weakening = explorer.weakening;
    world.state.borrow_mut().trace = traced.then(Vec::new);
    let installed = world.install();
    let fresh = replay.borrow().clone();
    world.run();
    if world.state.borrow_mut().memory.was_mixed_news() {
        // The same once more, by one who knows which words are payload, too.
        *replay.borrow_mut() = fresh;
        world.run();
    }
    drop(installed);
    let mut state = world.state.borrow_mut();
    let mut replay = replay.borrow_mut();
    replay.recognize();
    let alone = replay.alone.map(|process| process as u8);
    let found = state.failure.take().map(|failure| {
        let token = explorer.token(scenario, &replay.made, alone, replay.check);
        Found { failure, token }
    });
    Replayed { found, trace: state.trace.take().unwrap_or_default(), is_known: replay.is_known }
}

/// Repeats what happened in a reduced run, as one that is not reduced.
#[derive(Default)]
struct Guide {
    /// Does it end where the reduced run did?
    ends: bool,
    made: Vec<u16>,
    check: u32,
}

struct GuidingHand(Rc<RefCell<Guide>>);

impl Chooser for GuidingHand {
    fn choose(&mut self, state: &mut State) -> Option<usize> {
        let mut guide = self.0.borrow_mut();
        let next = state.own_step().or_else(|| state.expected.as_ref()?.front().copied());
        // What the reduced run failed at may be one of the steps that it took at once.
        let next = if guide.ends { next? } else { next.unwrap_or(state.options[0]) };
        // Where that is no option the run is another one; the token says so when it is run again.
        let chosen = state.options.iter().position(|&option| option == next)?;
        guide.check = go_on(guide.check, state.options.len(), chosen);
        guide.made.push(chosen as u16);
        Some(chosen)
    }
}

/// The token of a run that happened so in a reduced search, which knew so much about places.
pub(super) fn guided(
    explorer: &Explorer,
    scenario: &Rc<Scenario>,
    moves: Vec<Move>,
    places: Places,
    alone: Option<u8>,
) -> Token {
    let guide = Rc::new(RefCell::new(Guide { ends: alone.is_some(), ..Guide::default() }));
    let world = World::new(scenario, explorer.bounds, Box::new(GuidingHand(Rc::clone(&guide))));
    {
        let mut state = world.state.borrow_mut();
        state.weakening = explorer.weakening;
        state.adopt(places);
        state.to_expect = Some(moves.into());
    }
    let installed = world.install();
    world.run();
    if world.state.borrow_mut().memory.was_mixed_news() {
        *guide.borrow_mut() = Guide { ends: alone.is_some(), ..Guide::default() };
        world.run();
    }
    drop(installed);
    let guide = guide.borrow();
    explorer.token(scenario, &guide.made, alone, guide.check)
}
