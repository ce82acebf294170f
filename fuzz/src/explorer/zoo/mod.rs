//! Algorithms with a known bug each, by which the explorer proves itself: what it does not find here it finds nowhere.
//!
//! ```text
//!   orderings.rs   an ordering or a fence that is missing     rings, seqlocks, sleepers, flags
//!   steps.rs       steps that are taken for one               stacks, counters, barriers, locks
//!   deaths.rs      a death, or a delay that looks like one    queues, leases, records
//! ```
//!
//! Each is shown beside its mended twin, which is the same algorithm but for the mistake, and in which the same search finds
//! nothing. The scopes are as small as the bug allows; each says why that is enough.

mod deaths;
mod orderings;
mod steps;

use crate::explorer::scenario::Scenario;
use crate::explorer::world::Bounds;
use std::rc::Rc;

/// A broken algorithm, what must be found in it, and its mended twin.
#[derive(Debug)]
pub struct Exhibit {
    /// The broken one.
    pub broken: Rc<Scenario>,
    /// How far it is explored.
    pub bounds: Bounds,
    /// What must be found: a [`Failure::sort`](crate::Failure::sort).
    pub sort: &'static str,
    /// What is wrong with it, in a line.
    pub about: &'static str,
    /// Why the scope is enough, in a line.
    pub scope: &'static str,
    /// The one in which nothing is wrong, and how far that is explored.
    pub mended: Option<(Rc<Scenario>, Bounds)>,
    /// Why a search by chance does not find it, if it does not.
    pub missed_by_chance: Option<&'static str>,
}

impl Exhibit {
    /// A broken algorithm without a twin.
    #[must_use]
    pub fn new(broken: Scenario, bounds: Bounds, sort: &'static str) -> Self {
        let broken = Rc::new(broken);
        Self { broken, bounds, sort, about: "", scope: "", mended: None, missed_by_chance: None }
    }

    /// What is wrong with it.
    #[must_use]
    pub fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// Why the scope is enough.
    #[must_use]
    pub fn scope(self, scope: &'static str) -> Self {
        Self { scope, ..self }
    }

    /// Its twin, within the same bounds.
    #[must_use]
    pub fn mended(self, mended: Scenario) -> Self {
        let bounds = self.bounds;
        self.mended_within(mended, bounds)
    }

    /// Its twin, within bounds of its own.
    #[must_use]
    pub fn mended_within(self, mended: Scenario, bounds: Bounds) -> Self {
        Self { mended: Some((Rc::new(mended), bounds)), ..self }
    }

    /// Chance does not find it.
    #[must_use]
    pub fn missed_by_chance(self, why: &'static str) -> Self {
        Self { missed_by_chance: Some(why), ..self }
    }
}

/// Every exhibit.
#[must_use]
pub fn all() -> Vec<Exhibit> {
    [orderings::all(), steps::all(), deaths::all()].into_iter().flatten().collect()
}
