//! Permits: as many as there are cells, whoever dies.
//!
//! What must hold:
//!
//! * A permit is one's alone, and who has it sees what the last holder did: otherwise the copies race.
//! * Each cell is free, or has one who takes part as its owner, at every moment.
//! * Who waits gets on: woken while nobody is killed, and by a death or a tick otherwise.
//! * Permits are there again in the end.

use super::{BEHIND_AT, Entry, is_doomed, on_time, says_who, space};
use crate::explorer::scenario::{Moment, Process, Scenario};
use crate::explorer::world::Bounds;
use ringway_shm::primitive::kernel;
use ringway_sync::{AcquireError, Deadline, Permit, Permits, Shared};
use std::time::Duration;

/// How long a holder has a permit that others want for less.
const HOLD: Duration = Duration::from_millis(2);

fn ready<const N: usize>(me: &Process) -> Permits<N> {
    let permits = Permits::<N>::attach(&me.region()).expect("permits lie there");
    says_who(me, me.region().participant().expect("the row it has").owner());
    permits
}

/// Uses the thing that a permit is for.
fn uses<const N: usize>(me: &Process, permit: Permit<N>) {
    let (number, mine) = (permit.number(), 1 + me.body() as u64);
    me.note("found", me.get(number));
    me.put(number, mine);
    assert_eq!(me.get(number), mine, "another one has the permit");
    me.attempt("release", || drop(permit));
}

fn turn<const N: usize>(me: &Process, permits: &Permits<N>) {
    let permit = on_time(me, "acquire", || permits.acquire());
    uses(me, permit.unwrap_or_else(|error| panic!("{error:?}")));
}

/// Each cell is free, or somebody's who takes part.
fn conserved<const N: usize>(now: &Moment<'_>) -> Result<(), String> {
    let owners = now.values("owner");
    let cells = (0..N as u64).map(|cell| now.word_at(BEHIND_AT + cell * 8));
    match { cells }.find(|cell| *cell != 0 && !owners.contains(cell)) {
        Some(cell) => Err(format!("a permit of {cell:#x}, who is nobody")),
        None => Ok(()),
    }
}

fn takers<const N: usize>(title: &str, parties: usize, rounds: usize) -> Scenario {
    let mut scenario = space::<Permits<N>>(title).always(conserved::<N>);
    for number in 0..parties {
        scenario = scenario.process_with(format!("taker{number}"), ready::<N>, move |me, permits| {
            (0..rounds).for_each(|_| turn(me, &permits));
            me.keep(permits);
        });
    }
    scenario
}

/// In the end they are all there, those of the dead as well.
fn all_there<const N: usize>(scenario: Scenario) -> Scenario {
    scenario.process_with("last", ready::<N>, |me, permits| {
        me.outlive_the_others();
        // A try may not see yet what the others gave back.
        let all: Vec<_> = (0..N).map(|_| on_time(me, "acquire", || permits.acquire())).collect();
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        let more = me.attempt("try_acquire", || permits.try_acquire());
        assert_eq!(more.err(), Some(AcquireError::WouldBlock));
        me.keep(all);
    })
}

/// Each has one from the start, and so many more want one.
fn held<const N: usize>(title: &str, others: usize) -> Scenario {
    let mut scenario = space::<Permits<N>>(title).always(conserved::<N>);
    for number in 0..N {
        let holds = |me: &Process| ready::<N>(me).acquire().expect("one for each");
        scenario = scenario.process_with(format!("holder{number}"), holds, |me, permit| {
            me.put(permit.number(), 9);
            me.attempt("release", || drop(permit));
        });
    }
    for number in 0..others {
        scenario = scenario.process_with(format!("taker{number}"), ready::<N>, move |me, permits| {
            turn(me, &permits);
            me.keep(permits);
        });
    }
    scenario
}

/// One has the permit for a while; one waits for less, or tries, and one for as long as it takes.
fn deadlines(title: &str) -> Scenario {
    space::<Permits<1>>(title)
        .wakes_are_due_beyond(HOLD)
        .process_with("holder", ready::<1>, |me, permits| {
            let permit = on_time(me, "acquire", || permits.acquire());
            kernel::pause(HOLD);
            uses(me, permit.unwrap_or_else(|error| panic!("{error:?}")));
        })
        .process_with("timed", ready::<1>, |me, permits| {
            let until = Deadline::after(HOLD);
            match me.wait("try_acquire_until", HOLD, || permits.try_acquire_until(until)) {
                Ok(permit) => uses(me, permit),
                Err(error) => assert_eq!(error, AcquireError::TimedOut),
            }
            match me.attempt("try_acquire", || permits.try_acquire()) {
                Ok(permit) => uses(me, permit),
                Err(error) => assert_eq!(error, AcquireError::WouldBlock),
            }
        })
        .process_with("patient", ready::<1>, |me, permits| turn(me, &permits))
}

/// Nobody alive loses its permit to one who tries.
fn kept(title: &str) -> Scenario {
    let hold = |me: &Process| {
        let permits = ready::<1>(me);
        let permit = permits.acquire().expect("nobody else is there yet");
        me.put(0, 9);
        permit
    };
    space::<Permits<1>>(title)
        .process_with("holder", hold, |me, permit| {
            me.put(0, 10);
            me.keep(permit);
        })
        .process_with("trier", ready::<1>, |me, permits| {
            let holder = permits.holders();
            match me.attempt("try_acquire", || permits.try_acquire()) {
                Ok(permit) => {
                    assert!(is_doomed(me, holder[0]), "its holder lives");
                    assert_eq!(permits.reclaimed(), 1);
                    uses(me, permit);
                }
                Err(error) => assert_eq!(error, AcquireError::WouldBlock),
            }
        })
}

/// The scenarios of this file.
#[must_use]
pub(super) fn all() -> Vec<Entry> {
    const WEAK: Bounds = Bounds::WEAK;
    vec![
        Entry::new(
            takers::<1>("permits", 2, 1).wakes_are_due(),
            WEAK.spurious(1),
            "2 take the one permit, 1 spurious end of a sleep",
        ),
        Entry::new(
            takers::<1>("permits-again", 2, 2).wakes_are_due(),
            Bounds::STRONG,
            "2 take the one permit twice each",
        ),
        Entry::new(takers::<1>("permits3", 3, 1).wakes_are_due(), Bounds::STRONG, "3 take the one permit"),
        Entry::new(takers::<2>("permits3-two", 3, 1).wakes_are_due(), Bounds::STRONG, "3 take two permits"),
        Entry::new(
            all_there::<1>(takers::<1>("permits-kill", 2, 1)),
            WEAK.kills(1),
            "2 take the one permit, one is killed anywhere",
        ),
        Entry::new(
            all_there::<1>(takers::<1>("permits-kill2", 2, 1)),
            WEAK.kills(2).lingering(),
            "the same, both may be killed, and run on for a while",
        ),
        Entry::new(
            takers::<1>("permits3-kill2", 3, 1),
            Bounds::STRONG.kills(2),
            "3 take the one permit, two are killed: one who takes over may die as well",
        ),
        Entry::new(
            all_there::<1>(takers::<1>("permits2-kill2", 2, 1)),
            Bounds::STRONG.kills(2),
            "2 take the one permit, both may be killed",
        ),
        Entry::new(
            held::<1>("permits-held3-kill2", 2),
            Bounds::STRONG.kills(2),
            "one has the one permit, two want it: the holder is killed, and who takes over, too",
        ),
        Entry::new(
            all_there::<2>(held::<2>("permits-two-held-kill2", 0)),
            Bounds::STRONG.kills(2),
            "two have one each, both may be killed, and a last one gets both",
        ),
        Entry::new(deadlines("permits-until"), Bounds::STRONG, "one waits until a deadline, one for ever"),
        Entry::new(
            kept("permits-kept"),
            WEAK.kills(1).lingering(),
            "who holds one keeps it as long as it lives",
        ),
    ]
}
