//! Ringway's own protocols, as scenarios.

mod account;
pub mod bytes;
pub mod eventcount;
pub mod lifecycle;
pub mod participants;
pub mod planted;
pub mod rings;
pub mod sync;

use crate::explorer::scenario::Scenario;
use crate::explorer::world::Bounds;

/// A scenario, how far it is explored, and what it is about.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The scenario.
    pub scenario: std::rc::Rc<Scenario>,
    /// The bounds of an exhaustive search that takes seconds at most.
    pub bounds: Bounds,
    /// What it shows, in a line.
    pub about: &'static str,
    /// The bounds of long searches by chance.
    pub wide: Bounds,
    /// Is it explored only if it is named? Something is wrong with it on purpose, or it takes long.
    pub is_on_demand: bool,
}

impl Entry {
    /// One entry. Chance goes further than the exhaustive search: twice as often where the bounds say how often, and with
    /// stops, early and spurious ends of sleeps, and spurious failures in any case, since everybody has to bear those.
    #[must_use]
    pub fn new(scenario: Scenario, bounds: Bounds, about: &'static str) -> Self {
        let wide = Bounds {
            kills: bounds.kills.saturating_mul(2),
            restarts: bounds.restarts.saturating_mul(2),
            faults: bounds.faults.saturating_mul(2),
            scribbles: bounds.scribbles.saturating_mul(2),
            stalls: bounds.stalls.max(2),
            spurious: bounds.spurious.max(2),
            early: bounds.early.max(2),
            ..bounds
        };
        Self { scenario: std::rc::Rc::new(scenario), bounds, about, wide, is_on_demand: false }
    }

    /// The bounds of long searches by chance.
    #[must_use]
    pub fn wide(self, wide: Bounds) -> Self {
        Self { wide, ..self }
    }

    /// Searches by chance kill no more than this, either.
    #[must_use]
    pub fn kills_at_most(self, kills: u8) -> Self {
        let wide = Bounds { kills: self.wide.kills.min(kills), ..self.wide };
        Self { wide, ..self }
    }

    /// Explored only if it is named.
    #[must_use]
    pub fn on_demand(self) -> Self {
        Self { is_on_demand: true, ..self }
    }
}

/// Every scenario of Ringway's.
#[must_use]
pub fn all() -> Vec<Entry> {
    let shm = [lifecycle::all(), participants::all()];
    let files = shm.into_iter().chain([eventcount::all(), sync::all(), rings::all(), bytes::all()]);
    files.flatten().collect()
}
