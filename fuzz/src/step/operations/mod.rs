//! What is stepped through: a file for each sort of thing, a line for each operation.

mod participants;
mod parties;
mod planted;
mod regions;
mod rings;
mod waiting;

use super::sweep::Operation;

pub(crate) use planted::operation as planted;

/// Everything.
pub(crate) fn all() -> Vec<Operation> {
    [regions::all(), participants::all(), waiting::all(), rings::all()].into_iter().flatten().collect()
}
