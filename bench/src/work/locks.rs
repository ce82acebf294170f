//! Locks, semaphores and barriers: how often a second, and whether they do what they are for.
//!
//! ```text
//!   lock        whoever holds it adds one to each of two plain words, which must be equal; in the end both are as many
//!               as the parties counted
//!   semaphore   one party posts and takes; in the end there is nothing to take
//!   barrier     each party says which phase it has come to, waits, and must see the other in that phase or the next
//! ```
//!
//! Party 0 of a barrier decides when the last phase has come, and says so before it waits: it must not leave the other one
//! waiting.

use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;

use crate::endpoint::{Barrier, Common, Lock, Semaphore};
use crate::plan::case::{Case, Primitive};
use crate::plan::metric::Metric;
use crate::stage::crowd::{
    Member, Outcome, ProcessTeam, Tally, Team, ThreadTeam, Turn, for_each, least_share,
};
use crate::stage::measure::Seat;
use crate::stage::sample::Sample;
use crate::stage::wait::Halt;

/// How many times something is done between two looks at whether the time is over.
const CHUNK: u64 = 32;

/// What a phase is marked with that is the last one.
const LAST: u64 = 1 << 63;

/// The parties that use a primitive as `U` does.
pub(crate) struct Using<P, U>(PhantomData<(P, U)>);

/// How a party uses a primitive.
pub(crate) trait Use<P> {
    /// Uses it until the turn is over, and says how often.
    fn run(primitive: &mut P, turn: &Turn<'_>) -> Result<u64, Halt>;

    /// Whether, once all parties have used it `count` times together, it has done what it is for.
    fn is_right(_count: u64, _outcome: &Outcome<'_>) -> bool {
        true
    }
}

/// A party.
pub(crate) struct Party<P, U> {
    primitive: P,
    way: PhantomData<fn() -> U>,
}

impl<P, U: Use<P>> Party<P, U> {
    fn new(primitive: P) -> Self {
        Self { primitive, way: PhantomData }
    }
}

/// How many parties there are.
fn parties(case: Case) -> usize {
    match case {
        Case::Sync(Primitive::Mutex { parties }) => usize::from(parties),
        Case::Sync(Primitive::Barrier) => 2,
        _ => 1,
    }
}

impl<P: Common, U: Use<P>> ProcessTeam for Using<P, U> {
    type Kept = (P::Kept, Vec<OwnedFd>);
    type Member = Party<P, U>;

    fn create(case: Case) -> io::Result<(Self::Kept, Vec<Vec<OwnedFd>>)> {
        let (kept, descriptors) = P::create()?;
        let passed = for_each(parties(case), &descriptors)?;
        Ok(((kept, descriptors), passed))
    }

    fn join(_: Case, _: &Seat, descriptors: Vec<OwnedFd>) -> io::Result<Self::Member> {
        Ok(Party::new(P::attach(descriptors)?))
    }
}

impl<P: Clone + Default + Send + 'static, U: Use<P> + 'static> ThreadTeam for Using<P, U> {
    type Member = Party<P, U>;

    fn create(case: Case) -> Vec<Self::Member> {
        let primitive = P::default();
        (0..parties(case)).map(|_| Party::new(primitive.clone())).collect()
    }
}

impl<P, U: Use<P>> Member for Party<P, U> {
    fn run(&mut self, turn: &Turn<'_>) -> Result<Tally, Halt> {
        Ok(Tally { count: U::run(&mut self.primitive, turn)?, ..Tally::default() })
    }
}

impl<P, U: Use<P>> Team for Using<P, U> {
    fn judge(case: Case, outcome: &Outcome<'_>) -> Result<Sample, String> {
        let counts = outcome.tallies.iter().map(|tally| tally.count);
        let all: u64 = counts.clone().sum();
        if !U::is_right(all, outcome) {
            return Err(format!("it was taken {all} times, and not each time by one alone"));
        }
        // All parties of a barrier pass each phase.
        let done = if case == Case::Sync(Primitive::Barrier) { all / counts.len() as u64 } else { all };
        let mut figures = vec![(Metric::Rate, outcome.rate(done))];
        if case.metrics().contains(&Metric::Share) {
            figures.push((Metric::Share, least_share(counts)));
        }
        Ok(Sample::of(figures))
    }
}

/// Locking and unlocking.
pub(crate) struct Locking;

impl<L: Lock> Use<L> for Locking {
    fn run(lock: &mut L, turn: &Turn<'_>) -> Result<u64, Halt> {
        let pair = turn.page().pair();
        let (mut count, mut is_whole) = (0, true);
        loop {
            for _ in 0..CHUNK {
                lock.hold(|| is_whole &= pair.step(), turn.deadline)?;
            }
            count += CHUNK;
            if turn.is_over() {
                break;
            }
        }
        if is_whole { Ok(count) } else { Err(Halt::Wrong("two parties held the lock at once")) }
    }

    fn is_right(count: u64, outcome: &Outcome<'_>) -> bool {
        outcome.page.pair().read() == (count, count)
    }
}

/// Posting and taking.
pub(crate) struct Posting;

impl<S: Semaphore> Use<S> for Posting {
    fn run(semaphore: &mut S, turn: &Turn<'_>) -> Result<u64, Halt> {
        let mut count = 0;
        loop {
            for _ in 0..CHUNK {
                semaphore.post()?;
                semaphore.wait(turn.deadline)?;
            }
            count += CHUNK;
            if turn.is_over() {
                break;
            }
        }
        if semaphore.count()? == 0 { Ok(count) } else { Err(Halt::Wrong("what was taken is still there")) }
    }
}

/// Waiting for each other.
pub(crate) struct Meeting;

impl<B: Barrier> Use<B> for Meeting {
    fn run(barrier: &mut B, turn: &Turn<'_>) -> Result<u64, Halt> {
        let other = 1 - turn.index();
        let mut is_right = true;
        // The phases of a run follow those of the run before, which a party may still see.
        let first = (turn.run() as u64) << 48;
        for phase in first + 1.. {
            let is_last = turn.index() == 0 && turn.is_over();
            turn.set_phase(if is_last { phase | LAST } else { phase });
            barrier.wait(turn.deadline)?;
            let seen = turn.phase(other);
            is_right &= (phase..=phase + 1).contains(&(seen & !LAST));
            // A fault is told in the end: the other one is not left waiting.
            if is_last || seen == phase | LAST {
                return if is_right {
                    Ok(phase - first)
                } else {
                    Err(Halt::Wrong("a party left the barrier before the other one came"))
                };
            }
        }
        Err(Halt::Late)
    }
}
