//! What a storm blows over: groups of processes with something in common, and an account of it.
//!
//! A new scenario is a file that implements [`Group`], and a line in [`SCENARIOS`].

use super::locks::Locks;
use super::names::Names;
use super::pair::Pair;
use super::permits::Pool;
use super::phases::Phases;
use super::planted::Hang;
use super::post::Post;
use super::regions::Places;
use super::signals::Signals;
use crate::lot::Lot;
use crate::subject::locks::Words;
use crate::subject::{Lines, Mirrored, Padded, Slots};
use ringway_shm::primitive::{AtomicU64, Ordering};
use ringway_sync::{Mutex, SpinLock};
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
    line("mutex", "a mutex, and what it guards", Locks::<Mutex<Words>>::group),
    line("spinlock", "a spinlock, and what it guards", Locks::<SpinLock<Words>>::group),
    line("permits", "permits, which come back from the dead", Pool::group),
    line("semaphore", "a semaphore, whose permits do not", Signals::group),
    line("barrier-break", "a barrier that the dead break", Phases::breaks),
    line("barrier-drop", "a barrier at which the dead are dropped", Phases::drops),
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
    /// What was had of a primitive: a lock, a permit, a phase.
    pub(super) turns: u64,
    /// Who was told that somebody died with a lock, or that a barrier is broken.
    pub(super) told: u64,
    /// Permits that were taken over from the dead.
    pub(super) reclaimed: u64,
    /// Sleeps that were ended by the tick when a wake-up had been due.
    pub(super) ticks: u64,
}

/// What parties of a primitive are called, and so many they are where other scenarios blow as well.
pub(super) const NAMES: &[&str] = &[
    "ann", "bob", "cid", "dot", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "lee", "mia", "ned", "oto",
    "pia",
];
pub(super) const SMALL: usize = 4;

/// The mark of a party's incarnation, by which it says outside of a region what it has in it.
pub(super) fn mark(party: usize, incarnation: u64) -> u64 {
    incarnation << 8 | (party as u64 + 1)
}

/// Marks what was got. The error says whose mark was found there, if that one has neither given it back nor been killed.
pub(super) fn met(word: &AtomicU64, mine: u64, posts: &[Post<'_>]) -> Result<(), String> {
    // AcqRel: whoever gave it back has marked it so before.
    let found = word.swap(mine, Ordering::AcqRel);
    let (party, incarnation) = ((found & 0xff) as usize, found >> 8);
    if found == 0 || posts[party - 1].is_doomed(incarnation) {
        return Ok(());
    }
    Err(format!("party {} of incarnation {incarnation}", party - 1))
}

/// Processes with something in common. All but [`act`](Self::act) and [`last`](Self::last) is the director's; an error is what
/// is wrong.
///
/// The posts are those of the parties, and one more for whoever the group starts itself.
pub(super) trait Group {
    /// What the parties are called.
    fn parties(&self) -> &'static [&'static str];

    /// So many processes are wished for, where no other scenario blows.
    fn widen(&mut self, _processes: usize) {}

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
