//! What a storm blows over: groups of processes with something in common, and an account of it.
//!
//! A new scenario is a file that implements [`Group`], and a line in [`SCENARIOS`].

use super::names::Names;
use super::pair::Pair;
use super::planted::Hang;
use super::post::Post;
use super::regions::Places;
use crate::lot::Lot;
use crate::subject::{Lines, Mirrored, Padded, Slots};
use std::time::Duration;

/// What can be asked for by name.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Is it there only when it is named?
    pub(super) is_on_demand: bool,
    /// Makes a group, the so-manieth of its scenario.
    pub(super) group: fn(usize) -> Result<Box<dyn Group>, String>,
}

/// Every scenario.
pub(super) const SCENARIOS: &[Scenario] = &[
    line("bytes", "a byte ring that wraps by padding", Pair::<Padded>::group),
    line("mirrored", "a byte ring that wraps by a mirrored mapping", Pair::<Mirrored>::group),
    line("slots", "a ring of slots close together", Pair::<Slots>::group),
    line("lines", "a ring of slots with a line each", Pair::<Lines>::group),
    line("named-bytes", "a byte ring by name, which goes with its last party", Names::<Padded>::group),
    line("named-lines", "a ring of lines by name, which goes with its last party", Names::<Lines>::group),
    line("places", "roles and rows of a region, claimed and given back", Places::group),
    Scenario {
        is_on_demand: true,
        ..line("planted-hang", "a consumer that nothing will wake: the watchdog has to find it", |_| {
            Hang::group()
        })
    },
];

const fn line(
    name: &'static str,
    about: &'static str,
    group: fn(usize) -> Result<Box<dyn Group>, String>,
) -> Scenario {
    Scenario { name, about, is_on_demand: false, group }
}

/// How a process was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Killed,
    Left,
}

/// What a group came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) messages: u64,
    pub(super) lost: u64,
    /// Rings, or regions, that there were.
    pub(super) regions: u64,
}

/// Processes with something in common. All but [`act`](Self::act) and [`last`](Self::last) is the director's; an error is what
/// is wrong.
///
/// The posts are those of the parties, and one more for whoever the group starts itself.
pub(super) trait Group {
    /// What the parties are called.
    fn parties(&self) -> &'static [&'static str];

    /// What a party does, in its own process.
    fn act(&self, party: usize, posts: &[Post<'_>], lot: Lot) -> Result<(), String>;

    /// A party is about to be started.
    fn begins(&mut self, _party: usize, _posts: &[Post<'_>]) -> Result<(), String> {
        Ok(())
    }

    /// A party is stopped, and stands still.
    fn stands_still(&mut self, _party: usize, _posts: &[Post<'_>], _lot: &mut Lot) -> Result<(), String> {
        Ok(())
    }

    /// A party is gone.
    fn ended(&mut self, party: usize, posts: &[Post<'_>], end: End) -> Result<(), String>;

    /// What one more process does when all are gone, to see that all is as it should be.
    fn last(&self, posts: &[Post<'_>]) -> Result<(), String>;

    /// That one is gone, too: the sum.
    fn close(&mut self, posts: &[Post<'_>]) -> Result<Sum, String>;

    /// All words that matter, for people.
    fn words(&self) -> String;

    /// The verbs of a party, as its post numbers them.
    fn verb(&self, party: usize, at: usize) -> &'static str;

    /// How long a call may take before it is a hang.
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Are its processes neither killed nor stopped?
    fn is_left_alone(&self) -> bool {
        false
    }
}
