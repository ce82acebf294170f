//! The barrier: joined, arrived at, waited for, left, dropped, broken by the dead and begun anew, with nobody, one and two
//! others asleep at it; where the dead break it, and where they are dropped.
//!
//! ```text
//!   victim     ── mark ── the verb ── mark ──▶ passes as many phases as the others, leaves
//!   others     asleep at the first phase; pass two, or are told who broke it, and leave
//!   late       a party that arrives, or dies, once the victim sleeps
//!   after      all were told the same of each phase, and of the right seat; then as many as the barrier is for join and pass
//! ```

mod afterwards;
mod stage;

use crate::step::sweep::{Operation, Stage};
use ringway_sync::OnDeath;
use stage::BarrierStage;

/// What the victim does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// There is a seat.
    Join,
    /// There is a barrier that is broken, and in which nobody is any more.
    BeginAnew,
    /// Others are missing.
    Arrive,
    /// Nobody else is.
    ArriveLast,
    /// It has arrived before.
    Wait,
    ArriveAndWait,
    TryInVain,
    WaitInVain,
    /// Who is missing dies.
    Bereaved,
    ArriveAndDrop,
    Drop,
}

use Verb::*;

const VERBS: [(&str, Verb); 11] = [
    ("join", Join),
    ("join, and begin anew", BeginAnew),
    ("arrive", Arrive),
    ("arrive, the last", ArriveLast),
    ("wait", Wait),
    ("arrive_and_wait", ArriveAndWait),
    ("try_wait in vain", TryInVain),
    ("wait_timeout in vain", WaitInVain),
    ("arrive_and_wait, and one dies", Bereaved),
    ("arrive_and_drop", ArriveAndDrop),
    ("drop party", Drop),
];

impl Verb {
    /// Is a party missing that is not the victim?
    fn has_late(self) -> bool {
        matches!(self, Arrive | Wait | ArriveAndWait | TryInVain | WaitInVain | Bereaved)
    }

    /// Can a process that comes after a death find a seat at the side of the dead?
    fn may_be_recovered(self) -> bool {
        matches!(self, Join | BeginAnew | ArriveLast | ArriveAndDrop | Drop)
    }
}

pub(crate) fn all() -> Vec<Operation> {
    let mut all = Vec::new();
    for (name, verb) in VERBS {
        for (mode, on_death) in [("", OnDeath::Break), (", drops", OnDeath::Drop)] {
            for (others, who) in ["", ", one waiting", ", two waiting"].into_iter().enumerate() {
                if others > 0 && verb == BeginAnew {
                    continue;
                }
                let set = move || {
                    let stage = BarrierStage::set(verb, on_death, others, 0)?;
                    Ok(Box::new(stage) as Box<dyn Stage>)
                };
                let name = format!("barrier: {name}{mode}{who}");
                all.push(Operation { name, has_recoverer: false, set: Box::new(set) });
            }
            if verb.may_be_recovered() {
                let set = move || {
                    let stage = BarrierStage::set(verb, on_death, 0, 1)?;
                    Ok(Box::new(stage) as Box<dyn Stage>)
                };
                let name = format!("barrier: {name}{mode}, a seat is free");
                all.push(Operation { name, has_recoverer: true, set: Box::new(set) });
            }
        }
    }
    all
}
