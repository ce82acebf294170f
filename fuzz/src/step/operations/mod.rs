//! What is stepped through: a file for each sort of thing, a line for each operation.

mod barrier;
mod locks;
mod others;
mod participants;
mod parties;
mod permits;
mod planted;
mod regions;
mod rings;
mod signals;
mod waiting;

use super::sweep::Operation;

pub(crate) use planted::operation as planted;

/// Everything.
pub(crate) fn all() -> Vec<Operation> {
    let all = [
        regions::all(),
        participants::all(),
        waiting::all(),
        locks::all(),
        signals::all(),
        permits::all(),
        barrier::all(),
        rings::all(),
    ];
    all.into_iter().flatten().collect()
}
