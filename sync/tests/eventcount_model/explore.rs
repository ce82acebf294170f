//! Breadth first through every state that a scope can reach.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use crate::scope::{Kill, Mutant, Scope};
use crate::world::{Step, Steps, World};

/// What an exploration found.
pub(crate) struct Found {
    pub(crate) states: usize,
    /// The shortest way to a state that was looked for, if there is one.
    pub(crate) way: Option<Vec<Step>>,
    /// Whether every run comes to its end: there is no way round in a circle. Only said if `way` is none.
    pub(crate) ends: bool,
    /// The most slow paths for nobody in one run.
    pub(crate) needless: u8,
}

/// Visits every state of `scope`, as far as the first one that is `sought`.
pub(crate) fn explore(scope: &Scope<'_>, mut sought: impl FnMut(&World) -> bool) -> Found {
    let first = World::new(scope);
    let mut index: HashMap<World, u32, BuildHasherDefault<Mixer>> = HashMap::default();
    // Each state with the one it was reached from, and by which step.
    let mut states: Vec<(World, u32, Option<Step>)> = vec![(first, 0, None)];
    let mut edges: Vec<(u32, u32)> = Vec::new();
    let mut steps = Steps::new();
    let mut needless = 0;
    index.insert(first, 0);
    let mut now = 0;
    while let Some((world, ..)) = states.get(now).copied() {
        needless = needless.max(world.needless);
        if sought(&world) {
            return Found { states: states.len(), way: Some(way_to(&states, now)), ends: false, needless };
        }
        let from = u32::try_from(now).expect("so many states do not fit the memory");
        steps.clear();
        world.follow(scope, &mut steps);
        for (step, next) in steps.drain(..) {
            let to = u32::try_from(states.len()).expect("so many states do not fit the memory");
            let to = match index.entry(next) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    states.push((next, from, Some(step)));
                    *new.insert(to)
                }
            };
            edges.push((from, to));
        }
        now += 1;
    }
    Found { states: states.len(), way: None, ends: has_no_circle(states.len(), &edges), needless }
}

/// The steps from the beginning to the state `at`.
fn way_to(states: &[(World, u32, Option<Step>)], mut at: usize) -> Vec<Step> {
    let mut way = Vec::new();
    while let (_, from, Some(step)) = states[at] {
        way.push(step);
        at = from as usize;
    }
    way.reverse();
    way
}

/// Takes away states that nothing leads to, until none is left or those that remain go round in a circle. `edges` are
/// in the order of the states they lead away from.
fn has_no_circle(count: usize, edges: &[(u32, u32)]) -> bool {
    let mut ways_in = vec![0_u32; count];
    for (_, to) in edges {
        ways_in[*to as usize] += 1;
    }
    let mut free: Vec<u32> =
        (0..).zip(&ways_in).filter(|(_, ways)| **ways == 0).map(|(state, _)| state).collect();
    let mut taken = 0;
    while let Some(state) = free.pop() {
        taken += 1;
        let first = edges.partition_point(|(from, _)| *from < state);
        for (_, to) in edges[first..].iter().take_while(|(from, _)| *from == state) {
            ways_in[*to as usize] -= 1;
            if ways_in[*to as usize] == 0 {
                free.push(*to);
            }
        }
    }
    taken == count
}

/// Says in one line how large a scope was.
pub(crate) fn tell(scope: &Scope<'_>, states: usize) {
    let items: Vec<u8> = scope.ringers.iter().map(|ringer| ringer.items).collect();
    let kill = match scope.kill {
        Kill::Nobody => "",
        Kill::OneWaiter => ", a waiter killed",
        Kill::OneRinger => ", a ringer killed",
        Kill::OneWaiterWithSuccessor => ", a waiter killed and followed",
        Kill::OneRingerWithSuccessor => ", a ringer killed and followed",
    };
    let mutant = match scope.mutant {
        Mutant::None => String::new(),
        mutant => format!(", {mutant:?}"),
    };
    let asking = if scope.fences_may_be_asked_for() {
        format!(", asked after {}, taken back after {}", scope.sleeps_to_ask, scope.quiet_to_stop)
    } else {
        String::new()
    };
    eprintln!(
        "{states:>8} states: {} waiters, ringers of {items:?} items, {:?}{}{}{asking}{kill}{mutant}",
        scope.waiters.len(),
        scope.change,
        if scope.queue { ", a queue" } else { "" },
        if scope.tick { ", ticks" } else { "" },
    );
}

/// A quick hash: the states are no stranger's.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
