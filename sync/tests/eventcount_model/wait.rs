//! W1 to W5: the steps of a waiter.

use crate::ring::RingAt;
use crate::scope::{Mutant, SIDE_MAX, Scope, Trust};
use crate::world::{Step, Steps, World};

/// The next step of a waiter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum WaitAt {
    Look,
    /// Sets `fence_wanted`, before the first W2 of a refused waiter.
    Ask,
    Load,
    Register,
    HeavyFence,
    LookAgain,
    /// Only in [`Mutant::CancelAfterSecondLook`].
    Cancel,
    Wait,
    Asleep,
    Dead,
}

/// One process that waits, dead or alive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Waiter {
    pub(crate) at: WaitAt,
    pub(crate) refused: bool,
    pub(crate) trusts: bool,
    pub(crate) mark: Option<u8>,
    pub(crate) ticket: u8,
    /// The next word to look at.
    pub(crate) place: u8,
    /// The ringers that the membarrier under way has yet to reach, one bit each.
    pub(crate) unreached: u8,
    pub(crate) seen: [u8; SIDE_MAX],
}

impl World {
    /// W1 to W5, one step.
    pub(crate) fn wait(&self, scope: &Scope<'_>, who: usize, steps: &mut Steps) {
        let first = steps.len();
        self.wait_unordered(scope, who, steps);
        steps[first..].iter_mut().for_each(|(_, next)| next.waiters.sort_unstable());
    }

    /// The same, leaving each waiter in its place.
    pub(crate) fn wait_unordered(&self, scope: &Scope<'_>, who: usize, steps: &mut Steps) {
        let at = self.waiters[who].at;
        let mut next = *self;
        let waiter = &mut next.waiters[who];
        match at {
            WaitAt::Look | WaitAt::LookAgain => next.look(scope, who),
            WaitAt::Ask => {
                next.fence_wanted = true;
                next.waiters[who].at = WaitAt::Load;
            }
            WaitAt::Load => {
                let light = self.ringers.iter().any(|ringer| !ringer.fences);
                waiter.trusts |= waiter.refused
                    && match scope.trust {
                        Trust::AnyChange | Trust::OneRing => {
                            waiter.mark.is_some_and(|mark| mark != self.state)
                        }
                        Trust::NoLightRinger => !light,
                    };
                waiter.ticket = self.state;
                if waiter.refused && scope.trust == Trust::AnyChange {
                    waiter.mark.get_or_insert(self.state);
                }
                if self.state % 2 == 0 {
                    next.registered(scope, who);
                } else {
                    waiter.at = WaitAt::Register;
                }
            }
            WaitAt::Register => {
                if self.state == waiter.ticket || scope.mutant == Mutant::RegisterByAdding {
                    if waiter.mark == Some(self.state) {
                        waiter.mark = Some(self.state.wrapping_add(1)); // Its own change is no ring.
                    }
                    waiter.ticket = self.state.wrapping_add(1);
                    next.state = waiter.ticket;
                    next.registered(scope, who);
                } else {
                    waiter.at = WaitAt::Load;
                }
            }
            WaitAt::HeavyFence => {
                for reached in (0..SIDE_MAX).filter(|ringer| waiter.unreached & (1 << ringer) != 0) {
                    let mut after = *self;
                    after.drain(reached);
                    after.waiters[who].unreached &= !(1 << reached);
                    after.fenced(scope, who);
                    steps.push((Step::Wait(who, at), after));
                }
                return;
            }
            WaitAt::Cancel => {
                if self.state == waiter.ticket {
                    next.state = self.state.wrapping_add(1);
                }
                waiter.looks();
            }
            WaitAt::Wait => {
                if self.state == waiter.ticket || scope.mutant == Mutant::SleepUnchecked {
                    waiter.at = WaitAt::Asleep;
                    waiter.ticket = 0;
                } else {
                    waiter.looks();
                }
            }
            WaitAt::Asleep => {
                if !waiter.ticks(scope) {
                    return;
                }
                waiter.looks();
            }
            WaitAt::Dead => return,
        }
        steps.push((Step::Wait(who, at), next));
    }

    /// W1 or W4: one word of the condition. The words are not read at one moment.
    fn look(&mut self, scope: &Scope<'_>, who: usize) {
        let waiter = &mut self.waiters[who];
        let place = usize::from(waiter.place);
        let known = if scope.queue { &mut self.taken[place] } else { &mut waiter.seen[place] };
        if self.published[place] > *known {
            *known += 1; // A queue's take is one locked operation.
            if waiter.at == WaitAt::LookAgain && scope.mutant == Mutant::CancelAfterSecondLook {
                waiter.place = 0;
                waiter.at = WaitAt::Cancel;
            } else {
                waiter.looks();
            }
            return;
        }
        waiter.place += 1;
        if usize::from(waiter.place) < scope.ringers.len() {
            return;
        }
        waiter.place = 0;
        let register = if waiter.refused && !self.fence_wanted { WaitAt::Ask } else { WaitAt::Load };
        match (waiter.at, scope.mutant) {
            (WaitAt::Look, Mutant::SecondLookBeforeRegistering) => waiter.at = WaitAt::LookAgain,
            (WaitAt::Look, _) | (_, Mutant::SecondLookBeforeRegistering) => waiter.at = register,
            (_, Mutant::SecondLookBeforeHeavyFence) => self.raise_heavy_fence(scope, who),
            _ => waiter.at = WaitAt::Wait,
        }
    }

    /// W2 is done.
    fn registered(&mut self, scope: &Scope<'_>, who: usize) {
        let waiter = &mut self.waiters[who];
        if waiter.refused && scope.trust == Trust::OneRing {
            waiter.mark.get_or_insert(waiter.ticket);
        }
        match scope.mutant {
            Mutant::SecondLookBeforeHeavyFence => waiter.at = WaitAt::LookAgain,
            Mutant::NoHeavyFence => self.fenced(scope, who),
            _ => self.raise_heavy_fence(scope, who),
        }
    }

    /// W3 begins: the kernel reaches the registered one after another, in any order. One that was killed passed a
    /// barrier when it left its address space, and is reached just the same; one that does nothing more counts as reached.
    fn raise_heavy_fence(&mut self, scope: &Scope<'_>, who: usize) {
        let waiter = &mut self.waiters[who];
        waiter.at = WaitAt::HeavyFence;
        if !waiter.refused {
            for (place, (ringer, kind)) in self.ringers.iter().zip(scope.ringers).enumerate() {
                let idle = ringer.buffered == 0 && (ringer.dead || ringer.at == RingAt::Rest);
                waiter.unreached |= u8::from(kind.registered && !idle) << place;
            }
        }
        self.fenced(scope, who);
    }

    /// W3 is done, if it has reached everybody.
    fn fenced(&mut self, scope: &Scope<'_>, who: usize) {
        let waiter = &mut self.waiters[who];
        if waiter.unreached == 0 {
            waiter.at = match scope.mutant {
                Mutant::NoSecondLook
                | Mutant::SecondLookBeforeRegistering
                | Mutant::SecondLookBeforeHeavyFence => WaitAt::Wait,
                _ => WaitAt::LookAgain,
            };
        }
    }
}

impl Waiter {
    pub(crate) fn looks(&mut self) {
        self.at = WaitAt::Look;
        self.ticket = 0;
        self.place = 0;
    }

    pub(crate) fn dies(&mut self) {
        *self = Self { trusts: false, mark: None, unreached: 0, seen: [0; SIDE_MAX], ..*self };
        self.looks();
        self.at = WaitAt::Dead;
        self.refused = false;
    }

    /// Whether its sleep ends by itself.
    pub(crate) fn ticks(&self, scope: &Scope<'_>) -> bool {
        scope.tick || self.refused && !self.trusts
    }
}
