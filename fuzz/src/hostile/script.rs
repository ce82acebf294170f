//! Scripts: an image of a ring, then calls of both sides, and between any two of them whatever a hostile peer may write.

use super::Watch;
use super::guard::until_guarded;
use super::input::Input;
use super::stage::{Kind, Odd, Of, Shape, Stage, Wide};
use super::tamper::{empty_at, others, set_up, tamper};
use super::victim::Victim;
use super::watched::Watched;
use ringway::slots::{self, Latency};
use ringway::{WaitStrategy, bytes};
use std::cell::RefCell;
use std::collections::HashMap;

/// Acts of one script, at most.
const ACTS_MAX: usize = 64;

/// What a script is mostly about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Positions, headers, sequence words; waits have deadlines that have passed.
    Messages,
    /// Doors, seats, rows; waits last some microseconds.
    Waits,
}

/// Plays a script on a ring of one of these shapes.
pub(crate) fn play(bytes: &[u8], shapes: &[Shape], about: About, watch: &mut dyn Watch) {
    thread_local! {
        static STAGES: RefCell<HashMap<Shape, Stage>> = RefCell::new(HashMap::new());
    }
    let mut input = Input::new(bytes);
    let shape = input.choose(shapes);
    // Away from its place meanwhile: one that a script has panicked on is not used again.
    let stage = STAGES.with_borrow_mut(|stages| stages.remove(&shape));
    let mut stage = stage.unwrap_or_else(|| Stage::new(shape));
    let script = match (shape.kind, shape.of) {
        (Kind::Padded | Kind::Mirrored, _) => on::<bytes::Producer, bytes::Consumer>,
        (Kind::Slots, Of::Odd) => on::<slots::Producer<Odd>, slots::Consumer<Odd>>,
        (Kind::Slots, Of::Wide) => on::<slots::Producer<Wide>, slots::Consumer<Wide>>,
        (Kind::Slots, _) => on::<slots::Producer<u64>, slots::Consumer<u64>>,
        (Kind::Lines, Of::Odd) => on::<slots::Producer<Odd, Latency>, slots::Consumer<Odd, Latency>>,
        (Kind::Lines, Of::Wide) => on::<slots::Producer<Wide, Latency>, slots::Consumer<Wide, Latency>>,
        (Kind::Lines, _) => on::<slots::Producer<u64, Latency>, slots::Consumer<u64, Latency>>,
    };
    script(&mut stage, &mut input, about, watch);
    STAGES.with_borrow_mut(|stages| stages.insert(shape, stage));
}

fn on<P: Victim, C: Victim>(stage: &mut Stage, input: &mut Input<'_>, about: About, watch: &mut dyn Watch) {
    set_up(stage, input);
    let may_wait = about == About::Waits;
    // Of a lie that they cannot begin with, scripts learn little: mostly both sides are there.
    let sides = input.below(8);
    let (mut tx, mut rx) = until_guarded(|| {
        let mut tx = (sides != 6).then(|| Watched::<P>::new(stage, watch));
        let mut rx = (sides != 7).then(|| Watched::<C>::new(stage, watch));
        let handles = usize::from(tx.as_mut().is_some_and(has)) + usize::from(rx.as_mut().is_some_and(has));
        // Each handle of a mirrored ring has a mirror of its own.
        if stage.shape.kind != Kind::Mirrored || stage.has_mirrors(handles) {
            return Some((tx, rx));
        }
        tx.iter_mut().for_each(|tx| tx.leave(stage, watch));
        rx.iter_mut().for_each(|rx| rx.leave(stage, watch));
        None
    });
    for _ in 0..ACTS_MAX {
        if input.is_over() {
            break;
        }
        match input.below(16) {
            0..=2 => tx.iter_mut().for_each(|tx| tx.call(stage, input, may_wait, watch)),
            3..=6 => rx.iter_mut().for_each(|rx| rx.call(stage, input, may_wait, watch)),
            7 => replace(&mut tx, stage, input, watch),
            8 => replace(&mut rx, stage, input, watch),
            9 => {
                let strategy =
                    input.choose(&[WaitStrategy::Sleep, WaitStrategy::SpinThenSleep, WaitStrategy::Spin]);
                tx.iter_mut().filter_map(Watched::victim).for_each(|tx| tx.set_wait_strategy(strategy));
                rx.iter_mut().filter_map(Watched::victim).for_each(|rx| rx.set_wait_strategy(strategy));
            }
            10 if may_wait || input.one_in(4) => {
                tx.iter_mut().for_each(|tx| tx.ask(stage, input, may_wait, watch));
            }
            11 if may_wait || input.one_in(4) => {
                rx.iter_mut().for_each(|rx| rx.ask(stage, input, may_wait, watch));
            }
            10..=13 if may_wait => others(stage, input),
            _ => tamper(stage, input),
        }
    }
    tx.iter_mut().for_each(|tx| tx.leave(stage, watch));
    rx.iter_mut().for_each(|rx| rx.leave(stage, watch));
}

fn has<V: Victim>(watched: &mut Watched<V>) -> bool {
    watched.victim().is_some()
}

/// Drops a handle and attaches another. Who has met corruption mostly finds a ring that is in order again.
fn replace<V: Victim>(
    side: &mut Option<Watched<V>>,
    stage: &mut Stage,
    input: &mut Input<'_>,
    watch: &mut dyn Watch,
) {
    let is_spent = side.as_ref().is_none_or(Watched::is_spent);
    if let Some(watched) = side {
        watched.leave(stage, watch);
    }
    if is_spent && !input.one_in(4) {
        let position = input.word() & !7;
        empty_at(stage, position);
    }
    *side = (!input.one_in(8)).then(|| Watched::new(stage, watch));
}
