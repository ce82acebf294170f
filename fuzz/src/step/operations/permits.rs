//! Permits: acquired, waited for, released, taken over from the dead, with nobody, one and two others asleep for one.
//!
//! ```text
//!   region     two permits
//!   victim     ── mark ── the verb ── mark ──▶ gives back what it has, leaves
//!   holder     has those that are to be missing, and gives them back, or dies with them
//!   others     asleep for a permit; each takes one, sees that nobody else has it, and gives it back
//!   after      both can be had, neither twice, and a third one not
//! ```

mod stage;

use super::others::WHO;
use crate::step::sweep::{Operation, Stage};
use stage::PermitStage;

/// How many there are.
const COUNT: usize = 2;

/// What the victim does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// There is one.
    Acquire,
    TryAcquire,
    /// There is none.
    TryInVain,
    AcquireInVain,
    /// There is none, and one is given back.
    Wait,
    /// There is none, and who has them dies.
    Bereaved,
    /// Who had them has died.
    TakeOver,
    TryTakeOver,
    /// The victim has both, or one and somebody else the other.
    ReleaseOfBoth,
    Release,
}

use Verb::*;

const VERBS: [(&str, Verb); 10] = [
    ("acquire", Acquire),
    ("try_acquire", TryAcquire),
    ("try_acquire in vain", TryInVain),
    ("try_acquire_for in vain", AcquireInVain),
    ("acquire, and be woken", Wait),
    ("acquire, and the holder dies", Bereaved),
    ("acquire of the dead", TakeOver),
    ("try_acquire of the dead", TryTakeOver),
    ("release of both", ReleaseOfBoth),
    ("release", Release),
];

impl Verb {
    fn has_others(self) -> bool {
        matches!(self, AcquireInVain | Wait | Bereaved | ReleaseOfBoth | Release)
    }

    /// How many somebody else has.
    fn held(self) -> usize {
        match self {
            ReleaseOfBoth => 0,
            Acquire | TryAcquire | Release => 1,
            _ => 2,
        }
    }

    fn follows_a_death(self) -> bool {
        matches!(self, TakeOver | TryTakeOver)
    }
}

pub(crate) fn all() -> Vec<Operation> {
    let mut all = Vec::new();
    for (name, verb) in VERBS {
        for (who, others) in WHO {
            let is_left_out =
                others.are_dead && verb != Release || others.are_behind && !matches!(verb, Wait | Bereaved);
            if others.count > 0 && !verb.has_others() || is_left_out {
                continue;
            }
            let set = move || PermitStage::set(verb, others).map(|stage| Box::new(stage) as Box<dyn Stage>);
            let name = format!("permits: {name}{who}");
            let has_recoverer = others.count == 0 && (verb.held() < COUNT || verb.follows_a_death());
            all.push(Operation { name, has_recoverer, set: Box::new(set) });
        }
    }
    all
}
