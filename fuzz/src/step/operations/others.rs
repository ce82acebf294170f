//! Others that are asleep for what the victim has, or comes to have: how many, when they come, and how long all of it may take.

use crate::actor::Actor;
use crate::step::scene::Notes;
use std::time::Duration;

/// A wait in vain.
pub(super) const SHORT: Duration = Duration::from_millis(20);
/// Everybody goes on by then, though the machine may have other things to do.
pub(super) const LATEST: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Others {
    pub(super) count: u64,
    /// They are killed before the verb begins.
    pub(super) are_dead: bool,
    /// They fall asleep behind the victim: the wake-up is the victim's.
    pub(super) are_behind: bool,
}

pub(super) const WHO: [(&str, Others); 6] = [
    ("", Others { count: 0, are_dead: false, are_behind: false }),
    (", one waiting", Others { count: 1, are_dead: false, are_behind: false }),
    (", two waiting", Others { count: 2, are_dead: false, are_behind: false }),
    (", a dead one had waited", Others { count: 1, are_dead: true, are_behind: false }),
    (", one waiting behind", Others { count: 1, are_dead: false, are_behind: true }),
    (", two waiting behind", Others { count: 2, are_dead: false, are_behind: true }),
];

impl Others {
    /// They come, and fall asleep one after the other. Those that are alive then.
    pub(super) fn come(
        self,
        notes: &Notes,
        life: impl Fn() -> Result<(), String>,
    ) -> Result<Vec<Actor>, String> {
        let mut waiting = Vec::new();
        for _ in 0..self.count {
            let mut one = notes.start(&life)?;
            notes.until_asleep("one that waits", &one)?;
            if self.are_dead {
                one.kill();
            } else {
                waiting.push(one);
            }
        }
        Ok(waiting)
    }
}
