//! R1 to R5, and the taking back of fences: the steps of a ringer.

use crate::scope::{Change, Mutant, SIDE_MAX, Scope};
use crate::wait::WaitAt;
use crate::world::{NEEDED, Step, Steps, WANTED, World};

/// The next step of a ringer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum RingAt {
    /// Loads `fences`, where a ringer follows another.
    Attach,
    Publish,
    Fence,
    Load,
    Change,
    Wake,
    /// Loads `fences`, after R5.
    Heed,
    /// After many fences for nobody: `fences` from WANTED to nought, which later loads may overtake.
    TakeBack,
    /// A full fence after that.
    BackFence,
    /// Loads `fences` after that.
    BackLoad,
    /// Loads the state after that.
    LastLook,
    Rest,
}

/// One process that rings, dead or alive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ringer {
    pub(crate) at: RingAt,
    pub(crate) dead: bool,
    pub(crate) fences: bool,
    pub(crate) items: u8,
    pub(crate) buffered: u8,
    /// Where in the buffer the taking back of fences waits: one more than the publications before it, or nought.
    pub(crate) taking_back: u8,
    pub(crate) loaded: u8,
    /// Fences for nobody in a row.
    pub(crate) quiet: u8,
}

impl Ringer {
    pub(crate) fn has_drained(&self) -> bool {
        self.buffered == 0 && self.taking_back == 0
    }

    /// One that takes the place of a dead one, with the items that are left.
    pub(crate) fn follows(&mut self) {
        *self = Self { at: RingAt::Attach, fences: false, loaded: 0, quiet: 0, ..*self };
    }
}

impl World {
    /// R1 to R5, one step.
    pub(crate) fn ring(&self, scope: &Scope<'_>, who: usize, steps: &mut Steps) {
        let at = self.ringers[who].at;
        let mut next = *self;
        let ringer = &mut next.ringers[who];
        match at {
            RingAt::Attach => {
                let heeds = scope.mutant != Mutant::SuccessorIsLight;
                ringer.fences = scope.ringers[who].fences || heeds && self.fences != 0;
                ringer.at = first_of_ring(scope);
                if ringer.items == 0 {
                    ringer.at = RingAt::Rest;
                }
            }
            RingAt::Publish => {
                ringer.items -= 1;
                ringer.buffered += 1;
                ringer.at = match (ringer.fences, scope.mutant) {
                    (_, Mutant::LoadBeforePublish) => after_load(scope, ringer.loaded),
                    (true, _) => RingAt::Fence,
                    (false, _) => RingAt::Load,
                };
            }
            RingAt::Fence => {
                ringer.at = RingAt::Load;
                next.drain(scope, who);
            }
            RingAt::Load => {
                ringer.loaded = self.state;
                ringer.at = match scope.mutant {
                    Mutant::LoadBeforePublish => RingAt::Publish,
                    _ => after_load(scope, ringer.loaded),
                };
                if ringer.at == RingAt::Change {
                    ringer.quiet = 0;
                } else if ringer.fences && !scope.ringers[who].fences {
                    ringer.quiet += 1;
                    if ringer.quiet >= scope.quiet_to_stop {
                        (ringer.at, ringer.quiet) = (RingAt::TakeBack, 0);
                    }
                }
            }
            RingAt::Change => {
                let mine = scope.change == Change::Add || self.state == ringer.loaded;
                ringer.at = match scope.mutant {
                    Mutant::WakeBeforeChange | Mutant::NoWake => RingAt::Heed,
                    _ if mine => RingAt::Wake,
                    _ => RingAt::Heed,
                };
                next.drain(scope, who);
                if mine {
                    next.state = self.state.wrapping_add(1);
                    next.needless += u8::from(self.waiters.iter().all(|waiter| waiter.at == WaitAt::Dead));
                }
            }
            RingAt::Wake => {
                ringer.at =
                    if scope.mutant == Mutant::WakeBeforeChange { RingAt::Change } else { RingAt::Heed };
                let mut woken_any = false;
                for sleeper in 0..SIDE_MAX {
                    if next.waiters[sleeper].at != WaitAt::Asleep {
                        continue;
                    }
                    woken_any = true;
                    if scope.mutant == Mutant::WakeOne {
                        let mut one = next;
                        one.waiters[sleeper].looks();
                        one.settle(scope, who, Step::Ring(who, at), steps);
                    } else {
                        next.waiters[sleeper].looks();
                    }
                }
                if woken_any && scope.mutant == Mutant::WakeOne {
                    return;
                }
            }
            RingAt::Heed => {
                ringer.fences = scope.ringers[who].fences || self.fences != 0;
                ringer.at = RingAt::Rest;
            }
            RingAt::TakeBack => {
                if self.fences == WANTED || self.fences == NEEDED && scope.mutant == Mutant::TakeBackNeeded {
                    next.drain_taking_back(scope, who);
                    let ringer = &mut next.ringers[who];
                    ringer.taking_back = ringer.buffered + 1;
                }
                next.ringers[who].at = match scope.mutant {
                    Mutant::NoFenceAfterTakingBack => RingAt::BackLoad,
                    _ => RingAt::BackFence,
                };
            }
            RingAt::BackFence => {
                ringer.at = RingAt::BackLoad;
                next.drain(scope, who);
            }
            RingAt::BackLoad => {
                // It reads what it has written itself.
                ringer.fences = ringer.taking_back == 0 && self.fences != 0;
                ringer.at = if scope.mutant == Mutant::NoLastLook { RingAt::Rest } else { RingAt::LastLook };
            }
            RingAt::LastLook => {
                ringer.loaded = self.state;
                ringer.at = match () {
                    () if self.state % 2 == 1 => RingAt::Rest,
                    () if ringer.fences => RingAt::Fence,
                    () => RingAt::Change,
                };
            }
            RingAt::Rest => unreachable!("a ringer at rest has no step"),
        }
        next.settle(scope, who, Step::Ring(who, at), steps);
    }

    /// Ends the ring of `who` where nothing is left of it, and files the step.
    fn settle(mut self, scope: &Scope<'_>, who: usize, step: Step, steps: &mut Steps) {
        let ringer = &mut self.ringers[who];
        if ringer.at == RingAt::Heed && (scope.ringers[who].fences || !scope.fences_may_be_asked_for()) {
            ringer.at = RingAt::Rest;
        }
        if ringer.at == RingAt::Rest && ringer.items > 0 {
            ringer.at = first_of_ring(scope);
        }
        let loaded_is_needed = match ringer.at {
            RingAt::Change => true,
            RingAt::Publish => scope.mutant == Mutant::LoadBeforePublish,
            _ => false,
        };
        if !loaded_is_needed {
            ringer.loaded = 0;
        }
        self.waiters.sort_unstable();
        steps.push((step, self));
    }
}

/// The first step of a ring.
pub(crate) fn first_of_ring(scope: &Scope<'_>) -> RingAt {
    if scope.mutant == Mutant::LoadBeforePublish { RingAt::Load } else { RingAt::Publish }
}

/// What follows R3 and R1, both done.
fn after_load(scope: &Scope<'_>, loaded: u8) -> RingAt {
    match scope.mutant {
        _ if loaded % 2 == 1 => RingAt::Rest,
        Mutant::WakeBeforeChange | Mutant::NoChange => RingAt::Wake,
        _ => RingAt::Change,
    }
}
