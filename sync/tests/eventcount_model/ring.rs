//! R1 to R5: the steps of a ringer.

use crate::scope::{Change, Mutant, SIDE_MAX, Scope};
use crate::wait::WaitAt;
use crate::world::{Step, Steps, World};

/// The next step of a ringer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum RingAt {
    Publish,
    Fence,
    Load,
    Change,
    Wake,
    /// Loads `fence_wanted`, after R5.
    Heed,
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
    pub(crate) loaded: u8,
}

impl World {
    /// R1 to R5, one step.
    pub(crate) fn ring(&self, scope: &Scope<'_>, who: usize, steps: &mut Steps) {
        let at = self.ringers[who].at;
        let mut next = *self;
        let ringer = &mut next.ringers[who];
        match at {
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
                next.drain(who);
            }
            RingAt::Load => {
                ringer.loaded = self.state;
                ringer.at = match scope.mutant {
                    Mutant::LoadBeforePublish => RingAt::Publish,
                    _ => after_load(scope, ringer.loaded),
                };
            }
            RingAt::Change => {
                let mine = scope.change == Change::Add || self.state == ringer.loaded;
                ringer.at = match scope.mutant {
                    Mutant::WakeBeforeChange | Mutant::NoWake => RingAt::Heed,
                    _ if mine => RingAt::Wake,
                    _ => RingAt::Heed,
                };
                next.drain(who);
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
                ringer.fences |= self.fence_wanted;
                ringer.at = RingAt::Rest;
            }
            RingAt::Rest => unreachable!("a ringer at rest has no step"),
        }
        next.settle(scope, who, Step::Ring(who, at), steps);
    }

    /// Ends the ring of `who` where nothing is left of it, and files the step.
    fn settle(mut self, scope: &Scope<'_>, who: usize, step: Step, steps: &mut Steps) {
        let ringer = &mut self.ringers[who];
        if ringer.at == RingAt::Heed && (ringer.fences || !scope.fences_may_be_asked_for()) {
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
