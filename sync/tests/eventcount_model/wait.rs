//! W1 to W5, and the asking for fences: the steps of a waiter.

use crate::ring::RingAt;
use crate::scope::{Mutant, Refusal, SIDE_MAX, Scope};
use crate::world::{NEEDED, Step, Steps, WANTED, World};

/// The next step of a waiter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum WaitAt {
    Look,
    /// `fences` from nought to WANTED, before W2.
    Ask,
    Load,
    Register,
    /// Whether fences are still wanted, for one that relies on them.
    Reload,
    /// Only in [`Mutant::ReloadBeforeRegistering`].
    ReloadEarly,
    /// Only in [`Mutant::AskAfterRegistering`].
    AskLate,
    /// Calls membarrier, which may be refused.
    Raise,
    HeavyFence,
    /// `fences` to NEEDED, then W2 again.
    Need,
    LookAgain,
    /// Only in [`Mutant::CancelAfterSecondLook`].
    Cancel,
    Wait,
    Asleep,
    Dead,
}

/// Who fences, as far as a waiter knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fencing {
    Heavy,
    /// Heavily, but the ringer was asked to.
    Wanted,
    /// Nobody, for certain: the ringer was asked to.
    Needed,
    Theirs,
}

/// One process that waits, dead or alive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Waiter {
    pub(crate) at: WaitAt,
    pub(crate) refusal: Refusal,
    pub(crate) asks: bool,
    pub(crate) fencing: Fencing,
    /// What the word was when it had asked.
    pub(crate) mark: Option<u8>,
    /// Sleeps that count towards asking.
    pub(crate) sleeps: u8,
    /// The sleep that it prepares ends at once.
    pub(crate) rattled: bool,
    /// What it read early, in [`Mutant::ReloadBeforeRegistering`].
    pub(crate) read: u8,
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
                waiter.asked(scope, Fencing::Wanted);
                waiter.at = WaitAt::Load;
                next.want();
            }
            WaitAt::Load => {
                waiter.ticket = self.state;
                if scope.mutant == Mutant::TrustAnyChange {
                    waiter.learn(self.state);
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
            WaitAt::ReloadEarly => {
                waiter.read = self.fences;
                waiter.at = WaitAt::Load;
            }
            WaitAt::Reload => next.reloaded(scope, who, self.fences),
            WaitAt::AskLate => {
                waiter.asked(scope, Fencing::Wanted);
                waiter.mark = Some(waiter.ticket);
                next.want();
                next.raise_heavy_fence(scope, who);
            }
            WaitAt::Raise => {
                let mut refused = *self;
                refused.waiters[who].at = WaitAt::Need;
                steps.push((Step::Wait(who, at), refused));
                next.reach_ringers(scope, who);
            }
            WaitAt::Need => {
                waiter.asked(scope, Fencing::Needed);
                if scope.mutant == Mutant::AskAfterRegistering {
                    waiter.mark = Some(waiter.ticket);
                    waiter.at = WaitAt::LookAgain;
                } else {
                    waiter.at = WaitAt::Load;
                }
                next.fences = NEEDED;
            }
            WaitAt::HeavyFence => {
                for reached in (0..SIDE_MAX).filter(|ringer| waiter.unreached & (1 << ringer) != 0) {
                    let mut after = *self;
                    after.drain(scope, reached);
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
                if waiter.rattled {
                    waiter.looks();
                } else if self.state == waiter.ticket || scope.mutant == Mutant::SleepUnchecked {
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
        let asks = scope.mutant != Mutant::AskAfterRegistering && waiter.is_about_to_ask(scope);
        let register = match scope.mutant {
            _ if asks => WaitAt::Ask,
            Mutant::ReloadBeforeRegistering if waiter.mark.is_some() || waiter.fencing == Fencing::Theirs => {
                WaitAt::ReloadEarly
            }
            _ => WaitAt::Load,
        };
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
        let has_just_asked = waiter.mark.is_none();
        let read = core::mem::take(&mut waiter.read);
        waiter.learn(waiter.ticket);
        match waiter.fencing {
            Fencing::Needed if has_just_asked => waiter.at = WaitAt::LookAgain,
            Fencing::Needed | Fencing::Theirs => match scope.mutant {
                Mutant::NoReload => waiter.at = WaitAt::LookAgain,
                Mutant::ReloadBeforeRegistering => self.reloaded(scope, who, read),
                _ => waiter.at = WaitAt::Reload,
            },
            Fencing::Heavy | Fencing::Wanted => self.counted(scope, who),
        }
    }

    /// One that relies on fences has looked whether they are still wanted, after its own full fence.
    fn reloaded(&mut self, scope: &Scope<'_>, who: usize, fences: u8) {
        let waiter = &mut self.waiters[who];
        if fences != 0 {
            waiter.at = WaitAt::LookAgain;
        } else {
            (waiter.fencing, waiter.mark, waiter.sleeps) = (Fencing::Heavy, None, 0);
            self.counted(scope, who);
        }
    }

    /// One that does not rely on fences makes the heavy one, or asks before that if that is to be wrong.
    fn counted(&mut self, scope: &Scope<'_>, who: usize) {
        let waiter = &mut self.waiters[who];
        if waiter.asks && scope.mutant == Mutant::AskAfterRegistering && waiter.is_about_to_ask(scope) {
            waiter.at = WaitAt::AskLate;
            return;
        }
        if waiter.asks && waiter.fencing == Fencing::Heavy {
            waiter.sleeps = (waiter.sleeps + 1).min(scope.sleeps_to_ask);
        }
        match scope.mutant {
            Mutant::SecondLookBeforeHeavyFence => waiter.at = WaitAt::LookAgain,
            Mutant::NoHeavyFence => self.fenced(scope, who),
            _ => self.raise_heavy_fence(scope, who),
        }
    }

    /// `fences` from nought to WANTED.
    fn want(&mut self) {
        if self.fences == 0 {
            self.fences = WANTED;
        }
    }

    fn raise_heavy_fence(&mut self, scope: &Scope<'_>, who: usize) {
        match self.waiters[who].refusal {
            Refusal::Never => self.reach_ringers(scope, who),
            Refusal::AtTimes => self.waiters[who].at = WaitAt::Raise,
            Refusal::Always => self.waiters[who].at = WaitAt::Need,
        }
    }

    /// W3 begins: the kernel reaches the registered one after another, in any order. One that was killed passed a
    /// barrier when it left its address space, and is reached just the same; one that does nothing more counts as reached.
    fn reach_ringers(&mut self, scope: &Scope<'_>, who: usize) {
        let waiter = &mut self.waiters[who];
        waiter.at = WaitAt::HeavyFence;
        for (place, (ringer, kind)) in self.ringers.iter().zip(scope.ringers).enumerate() {
            let idle = ringer.has_drained() && (ringer.dead || ringer.at == RingAt::Rest);
            waiter.unreached |= u8::from(kind.registered && !idle) << place;
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
    /// A place that nobody has.
    pub(crate) const NOBODY: Self = Self {
        at: WaitAt::Dead,
        refusal: Refusal::Never,
        asks: false,
        fencing: Fencing::Heavy,
        mark: None,
        sleeps: 0,
        rattled: false,
        read: 0,
        ticket: 0,
        place: 0,
        unreached: 0,
        seen: [0; SIDE_MAX],
    };

    pub(crate) fn looks(&mut self) {
        (self.at, self.ticket, self.place, self.rattled) = (WaitAt::Look, 0, 0, false);
    }

    pub(crate) fn dies(&mut self) {
        *self = Self::NOBODY;
    }

    /// Another one goes on in its place.
    pub(crate) fn is_followed(&mut self) {
        let Self { refusal, asks, seen, .. } = *self;
        *self = Self { at: WaitAt::Look, refusal, asks, seen, ..Self::NOBODY };
    }

    /// The ringer has died: the sleep that is prepared or slept ends.
    pub(crate) fn is_rattled(&mut self) {
        match self.at {
            WaitAt::Asleep => self.looks(),
            WaitAt::Look | WaitAt::Dead => {}
            _ => self.rattled = true,
        }
    }

    fn is_about_to_ask(&self, scope: &Scope<'_>) -> bool {
        self.asks && self.fencing == Fencing::Heavy && self.sleeps + 1 >= scope.sleeps_to_ask
    }

    /// It has asked for fences.
    fn asked(&mut self, scope: &Scope<'_>, fencing: Fencing) {
        self.fencing = if scope.mutant == Mutant::TrustAtOnce { Fencing::Theirs } else { fencing };
        (self.mark, self.sleeps) = (None, 0);
    }

    /// Compares the word with what it was when it had asked: has a ringer rung since?
    fn learn(&mut self, state: u8) {
        if matches!(self.fencing, Fencing::Wanted | Fencing::Needed)
            && *self.mark.get_or_insert(state) != state
        {
            (self.fencing, self.mark) = (Fencing::Theirs, None);
        }
    }

    /// Whether its sleep ends by itself.
    pub(crate) fn ticks(&self, scope: &Scope<'_>) -> bool {
        scope.tick || self.fencing == Fencing::Needed
    }
}
