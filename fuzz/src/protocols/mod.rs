//! Ringway's own protocols, as scenarios.

pub mod lifecycle;

pub mod participants;
pub mod rings;

use crate::scenario::Scenario;
use crate::world::Bounds;

/// A scenario, how far it is explored, and what it is about.
#[derive(Debug)]
pub struct Entry {
    /// The scenario.
    pub scenario: std::rc::Rc<Scenario>,
    /// The bounds of an exhaustive search that takes seconds at most.
    pub bounds: Bounds,
    /// What it shows, in a line.
    pub about: &'static str,
}

impl Entry {
    /// One entry.
    #[must_use]
    pub fn new(scenario: Scenario, bounds: Bounds, about: &'static str) -> Self {
        Self { scenario: std::rc::Rc::new(scenario), bounds, about }
    }
}

/// Every scenario of Ringway's.
#[must_use]
pub fn all() -> Vec<Entry> {
    let files = [rings::all(), lifecycle::all(), participants::all()];
    files.into_iter().flatten().collect()
}
