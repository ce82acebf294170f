//! One state of all processes and of the memory between them, and every step that may follow it.
//!
//! Each ringer publishes by a plain store to a word of its own: the count of its items. So its store buffer holds
//! consecutive counts and is kept as their number, `buffered`; no ringer ever loads its own word. The one other store that
//! enters the buffer is the taking back of fences: a locked operation on x86-64, but not what the protocol counts on. All
//! else is locked, and drains the buffer.

use std::hash::{Hash, Hasher};

use crate::ring::{RingAt, Ringer, first_of_ring};
use crate::scope::{Kill, Mutant, Refusal, SIDE_MAX, Scope};
use crate::wait::{Fencing, WaitAt, Waiter};

/// What the trace of a failure is made of.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // because the fields are only printed.
pub(crate) enum Step {
    Ring(usize, RingAt),
    Wait(usize, WaitAt),
    DrainBufferOf(usize),
    KillRinger(usize, RingAt),
    KillWaiter(usize, WaitAt),
}

/// `fences`: a waiter would rather have the ringer fence.
pub(crate) const WANTED: u8 = 1;
/// `fences`: a waiter is refused membarrier.
pub(crate) const NEEDED: u8 = 2;

/// A state of everything. Waiters are kept in order, since it does not matter which of two equal ones does what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) state: u8,
    /// Nought, [`WANTED`] or [`NEEDED`].
    pub(crate) fences: u8,
    pub(crate) may_kill: bool,
    /// How often a ringer entered its slow path when no waiter was alive.
    pub(crate) needless: u8,
    pub(crate) published: [u8; SIDE_MAX],
    pub(crate) taken: [u8; SIDE_MAX],
    pub(crate) ringers: [Ringer; SIDE_MAX],
    pub(crate) waiters: [Waiter; SIDE_MAX],
}

/// In few large words, since most of an exploration is this.
impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let [a, b, c] = self.published;
        let [d, e, f] = self.taken;
        hasher.write_u64(u64::from_le_bytes([self.state, self.fences, a, b, c, d, e, f]));
        for Ringer { at, dead, fences, items, buffered, taking_back, loaded, quiet } in self.ringers {
            let flags = u8::from(dead) << 1 | u8::from(fences);
            let bytes = [at as u8, flags, items, buffered, taking_back, loaded, quiet, 0];
            hasher.write_u64(u64::from_le_bytes(bytes));
        }
        for Waiter { at, fencing, mark, ticket, place, unreached, sleeps, seen: [a, b, c], .. } in
            self.waiters
        {
            let trust = (fencing as u8) << 4 | sleeps;
            hasher.write_u64(u64::from_le_bytes([at as u8, ticket, place, unreached, a, b, c, trust]));
            hasher.write_u64(u64::from(mark.unwrap_or(1)));
        }
    }
}

/// Where the steps that may follow are put.
pub(crate) type Steps = Vec<(Step, World)>;

impl World {
    /// A new region: everything nought, everybody about to begin.
    pub(crate) fn new(scope: &Scope<'_>) -> Self {
        let idle = Ringer {
            at: RingAt::Rest,
            dead: false,
            fences: true,
            items: 0,
            buffered: 0,
            taking_back: 0,
            loaded: 0,
            quiet: 0,
        };
        let mut ringers = [idle; SIDE_MAX];
        let mut waiters = [Waiter::NOBODY; SIDE_MAX];
        for (ringer, kind) in ringers.iter_mut().zip(scope.ringers) {
            ringer.at = first_of_ring(scope);
            ringer.items = kind.items;
            ringer.fences = kind.fences;
        }
        for (waiter, kind) in waiters.iter_mut().zip(scope.waiters) {
            waiter.at = WaitAt::Look;
            (waiter.refusal, waiter.asks) = (kind.refusal, kind.asks);
        }
        waiters.sort_unstable();
        let may_kill = scope.kill != Kill::Nobody;
        Self {
            state: scope.state,
            fences: 0,
            may_kill,
            needless: 0,
            published: [0; SIDE_MAX],
            taken: [0; SIDE_MAX],
            ringers,
            waiters,
        }
    }

    /// Puts every step that may follow into `steps`.
    pub(crate) fn follow(&self, scope: &Scope<'_>, steps: &mut Steps) {
        for who in 0..scope.ringers.len() {
            let ringer = &self.ringers[who];
            if !ringer.has_drained() {
                let mut next = *self;
                next.drain_one(scope, who);
                steps.push((Step::DrainBufferOf(who), next));
            }
            if ringer.dead || ringer.at == RingAt::Rest {
                continue;
            }
            self.ring(scope, who, steps);
            if self.may_kill && scope.kill == Kill::OneRinger {
                let mut next = *self;
                next.ringers[who].dead = true;
                next.may_kill = false;
                steps.push((Step::KillRinger(who, ringer.at), next));
            }
            if self.may_kill && scope.kill == Kill::OneRingerWithSuccessor {
                let mut next = *self;
                next.drain(scope, who);
                next.ringers[who].follows();
                next.waiters.iter_mut().for_each(Waiter::is_rattled);
                next.waiters.sort_unstable();
                next.may_kill = false;
                steps.push((Step::KillRinger(who, ringer.at), next));
            }
        }
        for who in 0..SIDE_MAX {
            let waiter = &self.waiters[who];
            if waiter.at == WaitAt::Dead {
                continue;
            }
            self.wait(scope, who, steps);
            if self.may_kill && scope.kill == Kill::OneWaiter {
                let mut next = *self;
                next.waiters[who].dies();
                next.may_kill = false;
                steps.push((Step::KillWaiter(who, waiter.at), next));
            }
            if self.may_kill && scope.kill == Kill::OneWaiterWithSuccessor {
                let mut next = *self;
                next.waiters[who].is_followed();
                next.waiters.sort_unstable();
                next.may_kill = false;
                steps.push((Step::KillWaiter(who, waiter.at), next));
            }
        }
    }

    /// Whether no ringer will do anything any more, so that a sleeper without a tick sleeps for ever.
    fn ringers_are_at_rest(&self) -> bool {
        self.ringers.iter().all(|ringer| ringer.has_drained() && (ringer.dead || ringer.at == RingAt::Rest))
    }

    /// Whether what `who` waits for is in memory.
    fn holds(&self, scope: &Scope<'_>, who: usize) -> bool {
        let known = if scope.queue { &self.taken } else { &self.waiters[who].seen };
        self.published.iter().zip(known).any(|(published, known)| published > known)
    }

    /// Whether somebody sleeps for ever although what it waits for is there.
    pub(crate) fn somebody_is_left_asleep(&self, scope: &Scope<'_>) -> bool {
        self.ringers_are_at_rest()
            && (0..SIDE_MAX).any(|who| {
                let waiter = &self.waiters[who];
                waiter.at == WaitAt::Asleep && !waiter.ticks(scope) && self.holds(scope, who)
            })
    }

    /// The same, and nobody is awake who would take the item of a queue instead.
    pub(crate) fn a_wake_up_is_lost(&self, scope: &Scope<'_>) -> bool {
        let nobody_else = || {
            let mut alive = self.waiters.iter().filter(|waiter| waiter.at != WaitAt::Dead);
            alive.all(|waiter| waiter.at == WaitAt::Asleep && !waiter.ticks(scope))
        };
        self.somebody_is_left_asleep(scope) && (!scope.queue || nobody_else())
    }

    /// Whether a ringer died after R1 and before R5 was done.
    pub(crate) fn a_ringer_died_in_its_ring(&self) -> bool {
        let within = [RingAt::Fence, RingAt::Load, RingAt::Change, RingAt::Wake];
        self.ringers.iter().any(|ringer| ringer.dead && within.contains(&ringer.at))
    }

    /// Whether somebody sleeps for ever although a ringer that lives to its end has published what it has not seen.
    pub(crate) fn a_live_ringer_was_not_heard(&self, scope: &Scope<'_>) -> bool {
        self.a_wake_up_is_lost(scope)
            && self.waiters.iter().filter(|waiter| waiter.at == WaitAt::Asleep).any(|waiter| {
                (0..SIDE_MAX).any(|who| !self.ringers[who].dead && self.published[who] > waiter.seen[who])
            })
    }

    /// Whether somebody who is always refused membarrier relies on fences that are not asked for.
    pub(crate) fn a_need_is_forgotten(&self) -> bool {
        let relies = |waiter: &Waiter| matches!(waiter.fencing, Fencing::Needed | Fencing::Theirs);
        self.fences == 0
            && self.waiters.iter().any(|waiter| waiter.refusal == Refusal::Always && relies(waiter))
    }

    /// Whether some waiter relies on fences, and on nothing else.
    pub(crate) fn somebody_trusts(&self) -> bool {
        self.waiters.iter().any(|waiter| waiter.fencing == Fencing::Theirs)
    }

    /// Whether each live waiter whose condition holds gets what it waits for when all others stand still for ever: the
    /// buffers are drained, and a sleep ends only by its tick.
    pub(crate) fn every_waiter_proceeds_alone(&self, scope: &Scope<'_>, steps: &mut Steps) -> bool {
        let mut drained = *self;
        (0..scope.ringers.len()).for_each(|who| drained.drain(scope, who));
        (0..SIDE_MAX).filter(|who| self.waiters[*who].at != WaitAt::Dead && drained.holds(scope, *who)).all(
            |who| {
                let mut world = drained;
                (0..96).any(|_| {
                    steps.clear();
                    world.wait_unordered(scope, who, steps);
                    if let Some((_, next)) = steps.pop() {
                        world = next;
                    }
                    world.waiters[who].seen != drained.waiters[who].seen || world.taken != drained.taken
                })
            },
        )
    }

    fn drain_one(&mut self, scope: &Scope<'_>, who: usize) {
        let ringer = &mut self.ringers[who];
        if ringer.taking_back == 1 {
            if self.fences == WANTED || scope.mutant == Mutant::TakeBackNeeded {
                self.fences = 0;
            }
        } else {
            ringer.buffered -= 1;
            self.published[who] += 1;
        }
        ringer.taking_back = ringer.taking_back.saturating_sub(1);
    }

    pub(crate) fn drain(&mut self, scope: &Scope<'_>, who: usize) {
        while !self.ringers[who].has_drained() {
            self.drain_one(scope, who);
        }
    }

    /// Drains as far as an earlier taking back.
    pub(crate) fn drain_taking_back(&mut self, scope: &Scope<'_>, who: usize) {
        while self.ringers[who].taking_back > 0 {
            self.drain_one(scope, who);
        }
    }
}
