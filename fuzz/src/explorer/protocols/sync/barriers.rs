//! Barriers: nobody passes a phase before all have arrived in it, and nobody waits for one who will not come.
//!
//! ```text
//!   cell n, p   written by party p before it arrives in phase n, read by the others behind it
//! ```
//!
//! What must hold:
//!
//! * Who passes a phase finds what each party did before that arrived in it: otherwise the copies race.
//! * A phase is passed once by each, phases count by one, and one party at most is told that it was the last.
//! * A broken barrier names the seat of one who is dead, or has left.
//! * Who waits gets on, as long as those who are missing come, or die, or leave.

use super::{Entry, LINE_AT, is_anybody_doomed, on_time, says_who, space};
use crate::explorer::scenario::{End, Process, Scenario};
use crate::explorer::world::{Bounds, image};
use ringway_shm::primitive::{Ordering, kernel};
use ringway_sync::layout::{BEHIND, SPACE};
use ringway_sync::{
    Barrier, BarrierError, Broken, Deadline, JoinError, OnDeath, Party, Passed, Shared, WaitStrategy,
};
use std::time::Duration;

/// Longer than those who have left or died can keep anybody from a seat.
const JOINS: Duration = Duration::from_millis(600);

/// Shorter than a tick.
const SOON: Duration = Duration::from_millis(20);

fn cell(phase: u32, party: usize) -> usize {
    phase as usize * 4 + party
}

fn barrier(me: &Process, parties: u32, on_death: OnDeath) -> Barrier {
    let barrier = Barrier::attach(&me.region()).expect("a barrier lies there");
    barrier.expect_with(parties, on_death).expect("all say the same");
    says_who(me, me.region().participant().expect("the row it has").owner());
    barrier
}

/// Takes a seat, by which it is known from then on.
fn seated(me: &Process, mut party: Party) -> Party {
    party.set_wait_strategy(WaitStrategy::Sleep);
    me.note("seat", u64::from(party.seat()));
    party
}

fn joined(parties: u32, on_death: OnDeath) -> impl Fn(&Process) -> Party {
    move |me| {
        let barrier = barrier(me, parties, on_death);
        seated(me, barrier.join().expect("a free seat"))
    }
}

/// A barrier is broken by one who has died, or has said that it leaves.
fn is_true(me: &Process, broken: Broken) {
    let (is_dead, has_left) = me.at_this_moment(|now| {
        let of_seat = |note: &crate::explorer::world::Note| note.value == u64::from(broken.seat);
        // One that died as it took the seat has not said so.
        let mut unseated = (0..3).filter(|&body| now.notes("seat").all(|note| note.process != body));
        let dead = now.notes("seat").filter(of_seat).any(|note| now.is_doomed(note.process))
            || unseated.any(|body| now.is_doomed(body));
        (dead, now.notes("leaves").any(|note| of_seat(&note)))
    });
    assert!(if broken.died { is_dead } else { has_left }, "{broken}, it says");
}

/// Passes a phase; false if the barrier is broken.
fn pass(me: &Process, party: &mut Party, phase: u32, others: &[usize]) -> bool {
    me.put(cell(phase, me.body()), 1);
    match on_time(me, "arrive_and_wait", || party.arrive_and_wait()) {
        Ok(passed) => {
            assert_eq!(passed.phase, phase);
            if passed.is_last {
                me.note("last", u64::from(phase));
            }
            for &other in others {
                let was_there = me.get(cell(phase, other)) == 1;
                assert!(was_there || me.at_this_moment(|now| now.is_doomed(other)), "{other} was not there");
            }
            true
        }
        Err(BarrierError::Broken(broken)) => {
            is_true(me, broken);
            me.note("broken", u64::from(phase));
            false
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn one_is_last(end: &End<'_>) -> Result<(), String> {
    let mut last = end.values("last");
    last.sort_unstable();
    match last.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two were the last ones of phase {}", pair[0])),
        None => Ok(()),
    }
}

/// All pass so many phases.
fn phases(title: &str, parties: usize, phases: u32, on_death: OnDeath) -> Scenario {
    let mut scenario = space::<Barrier>(title).end(one_is_last);
    for number in 0..parties {
        let others: Vec<_> = (0..parties).filter(|&other| other != number).collect();
        let ready = joined(parties as u32, on_death);
        scenario = scenario.process_with(format!("party{number}"), ready, move |me, mut party| {
            let passed = (0..phases).all(|phase| pass(me, &mut party, phase, &others));
            assert!(passed || is_anybody_doomed(me, parties), "broken by nobody");
            assert!(passed || on_death == OnDeath::Break, "broken, and the dead are to be dropped");
            me.keep(party);
        });
    }
    scenario
}

/// Seats are taken in the run.
fn joins(title: &str) -> Scenario {
    let mut scenario = space::<Barrier>(title).end(one_is_last);
    for number in 0..2 {
        let ready = |me: &Process| barrier(me, 2, OnDeath::Break);
        scenario = scenario.process_with(format!("party{number}"), ready, move |me, barrier| {
            let mut party = seated(me, me.attempt("join", || barrier.join()).expect("a free seat"));
            me.put(cell(0, number), 1);
            match me.wait("wait_until", JOINS, || party.wait_until(Deadline::after(JOINS))) {
                Ok(_) => assert_eq!(me.get(cell(0, 1 - number)), 1),
                Err(BarrierError::Broken(broken)) => is_true(me, broken),
                // The other one died before it took a seat.
                Err(BarrierError::TimedOut) => assert!(is_anybody_doomed(me, 2), "nobody came"),
                Err(error) => panic!("{error:?}"),
            }
            me.keep(party);
        });
    }
    scenario
}

/// One arrives and does not wait, one arrives for the last time: whichever of them is late, the phase is passed.
fn passed_by(title: &str) -> Scenario {
    let phase = |end: &End<'_>| end.word_at(LINE_AT) as u32 >> 8;
    space::<Barrier>(title)
        .process_with("arriver", joined(2, OnDeath::Break), |me, mut party| {
            me.attempt("arrive", || party.arrive()).expect("it is whole");
            me.keep(party);
        })
        .process_with("leaver", joined(2, OnDeath::Break), |me, party| {
            me.attempt("arrive_and_drop", || party.arrive_and_drop()).expect("it is whole");
        })
        .end(
            move |end| {
                if phase(end) == 1 { Ok(()) } else { Err("both arrived, and neither saw it".to_owned()) }
            },
        )
}

/// One leaves without a word: whoever finds its seat empty finds as well that the barrier is broken.
fn emptied(title: &str) -> Scenario {
    space::<Barrier>(title)
        .process_with("leaver", joined(2, OnDeath::Break), |me, party| {
            me.attempt("leave", || drop(party));
        })
        .process("looker", |me| {
            let region = me.region();
            // Acquire: as one that takes a seat. Relaxed: the seat brings it.
            let seat = image::word(&region, SPACE, BEHIND / 8).load(Ordering::Acquire);
            let word = image::word(&region, SPACE, 0).load(Ordering::Relaxed);
            assert!(seat != 0 || word & 2 != 0, "empty, and it is whole");
        })
}

/// All but the last have arrived before the run. The first one waits; who helps looks once, and goes on or not.
fn last(title: &str, helpers: usize, on_death: OnDeath) -> Scenario {
    let parties = helpers + 2;
    let arrived = move |me: &Process| {
        let mut party = joined(parties as u32, on_death)(me);
        party.arrive().expect("it is whole");
        party
    };
    let told = move |me: &Process, answer: Result<Passed, BarrierError>| match answer {
        Ok(passed) => {
            assert_eq!(passed.phase, 0);
            let was_there = me.get(cell(0, parties - 1)) == 1;
            assert!(
                was_there || me.at_this_moment(|now| now.is_doomed(parties - 1)),
                "the last one was not there"
            );
        }
        Err(BarrierError::Broken(broken)) => {
            assert_eq!(on_death, OnDeath::Break);
            is_true(me, broken);
        }
        Err(error) => assert_eq!(error, BarrierError::WouldBlock),
    };
    let mut scenario = space::<Barrier>(title).process_with("waiter", arrived, move |me, mut party| {
        let answer = on_time(me, "wait", || party.wait());
        assert_ne!(answer, Err(BarrierError::WouldBlock));
        told(me, answer);
        me.keep(party);
    });
    for number in 0..helpers {
        scenario = scenario.process_with(format!("helper{number}"), arrived, move |me, mut party| {
            told(me, me.attempt("try_wait", || party.try_wait()));
            me.keep(party);
        });
    }
    scenario.process_with("last", joined(parties as u32, on_death), move |me, mut party| {
        me.put(cell(0, me.body()), 1);
        match me.attempt("arrive", || party.arrive()) {
            Ok(()) => {}
            Err(BarrierError::Broken(broken)) => is_true(me, broken),
            Err(error) => panic!("{error:?}"),
        }
        me.keep(party);
    })
}

/// One waits for a seat that nobody has taken yet, and one takes it. When that one dies, with the seat, the sleeper is woken by
/// it, and by no tick.
fn newcomer(title: &str) -> Scenario {
    let arrived = |me: &Process| {
        let mut party = joined(2, OnDeath::Break)(me);
        party.arrive().expect("it is whole");
        party
    };
    space::<Barrier>(title)
        .process_with("waiter", arrived, |me, mut party| {
            let began = kernel::now();
            let answer = me.wait("wait_until", JOINS, || party.wait_until(Deadline::after(JOINS)));
            assert!(answer.is_ok() || is_anybody_doomed(me, 2), "{answer:?}");
            let took = kernel::now() - began;
            let was_seated = me.at_this_moment(|now| now.notes("joined").any(|_| true));
            assert!(!was_seated || took < SOON, "{took:?}");
            me.keep(party);
        })
        .process_with(
            "comer",
            |me| barrier(me, 2, OnDeath::Break),
            |me, barrier| {
                let mut party = me.attempt("join", || barrier.join()).expect("a free seat");
                me.note("joined", 1);
                me.attempt("arrive", || party.arrive()).expect("it is whole");
                me.keep(party);
            },
        )
}

/// One says that it will not come again, the others go on.
fn drops(title: &str, parties: usize) -> Scenario {
    let leaves = |me: &Process, party: Party| {
        me.put(cell(0, me.body()), 1);
        me.attempt("arrive_and_drop", || party.arrive_and_drop()).expect("it is whole");
    };
    let ready = || joined(parties as u32, OnDeath::Break);
    let mut scenario = space::<Barrier>(title).end(one_is_last).process_with("leaver", ready(), leaves);
    for number in 1..parties {
        let stay: Vec<_> = (1..parties).filter(|&other| other != number).collect();
        let all: Vec<_> = stay.iter().copied().chain([0]).collect();
        scenario = scenario.process_with(format!("party{number}"), ready(), move |me, mut party| {
            assert!(pass(me, &mut party, 0, &all), "broken by nobody");
            assert!(pass(me, &mut party, 1, &stay), "broken by nobody");
            me.keep(party);
        });
    }
    scenario
}

/// One arrives for the last time, and another one comes for its seat, which is nobody's any more.
fn late_comer(title: &str) -> Scenario {
    drops(title, 2).process_with(
        "comer",
        |me| barrier(me, 2, OnDeath::Break),
        |me, barrier| {
            let refused = me.attempt("join", || barrier.join());
            // A barrier that nobody is in begins anew: not as long as its other party lives.
            assert!(matches!(refused, Err(JoinError::Full { parties: 2 })), "{refused:?}");
        },
    )
}

/// One leaves without a word.
fn leaves(title: &str, on_death: OnDeath) -> Scenario {
    let mut scenario = space::<Barrier>(title).end(one_is_last);
    scenario = scenario.process_with("leaver", joined(3, on_death), |me, party| {
        me.note("leaves", u64::from(party.seat()));
        me.attempt("leave", || drop(party));
    });
    for number in 1..3 {
        scenario =
            scenario.process_with(format!("party{number}"), joined(3, on_death), move |me, mut party| {
                let passed = pass(me, &mut party, 0, &[3 - number]);
                assert_eq!(passed, on_death == OnDeath::Drop, "one has left");
                me.keep(party);
            });
    }
    scenario
}

/// All leave, and join again: it begins anew, once for all of them.
fn anew(title: &str, on_death: OnDeath) -> Scenario {
    let mut scenario = space::<Barrier>(title).end(one_is_last);
    for number in 0..2 {
        let ready = move |me: &Process| {
            let barrier = barrier(me, 2, on_death);
            let party = barrier.join().expect("a free seat");
            (barrier, party)
        };
        scenario = scenario.process_with(format!("party{number}"), ready, move |me, (barrier, party)| {
            me.attempt("leave", || drop(party));
            let party = on_time(me, "join_until", || barrier.join_until(Deadline::after(JOINS)));
            let mut party = seated(me, party.unwrap_or_else(|error| panic!("{error:?}")));
            me.put(cell(0, number), 1);
            match me.wait("wait_until", JOINS, || party.wait_until(Deadline::after(JOINS))) {
                Ok(passed) => {
                    me.note("passed", u64::from(passed.phase));
                    if passed.is_last {
                        me.note("last", u64::from(passed.phase));
                    }
                    let is_there = me.get(cell(0, 1 - number)) == 1;
                    assert!(is_there || is_anybody_doomed(me, 2), "it was not there");
                }
                Err(BarrierError::Broken(broken)) => {
                    assert!(broken.died && is_anybody_doomed(me, 2), "{broken}");
                }
                // The other one died before it came again.
                Err(BarrierError::TimedOut) => assert!(is_anybody_doomed(me, 2), "nobody came"),
                Err(error) => panic!("{error:?}"),
            }
            me.keep(party);
        });
    }
    scenario.end(|end| {
        let passed = end.values("passed");
        let is_one = passed.windows(2).all(|pair| pair[0] == pair[1]);
        if is_one { Ok(()) } else { Err(format!("phases {passed:?} of one barrier")) }
    })
}

/// One seat for which two come after a first one has left: one after the other, each begins anew.
fn one_seat(title: &str) -> Scenario {
    let alone = |me: &Process, mut party: Party| {
        let before = me.get(cell(0, 0));
        me.put(cell(0, 0), before + 1);
        assert_eq!(me.get(cell(0, 0)), before + 1, "two have one seat");
        let passed = me.attempt("try_wait", || party.try_wait());
        passed.unwrap_or_else(|error| panic!("{error:?}"));
        me.attempt("leave", || drop(party));
    };
    let first = |me: &Process| barrier(me, 1, OnDeath::Break).join().expect("a free seat");
    let mut scenario = space::<Barrier>(title).process_with("first", first, alone);
    for number in 1..3 {
        let ready = |me: &Process| barrier(me, 1, OnDeath::Break);
        scenario = scenario.process_with(format!("next{number}"), ready, move |me, barrier| {
            match me.attempt("join", || barrier.join()) {
                Ok(party) => alone(me, party),
                Err(JoinError::Full { .. } | JoinError::Broken(_)) => me.note("full", 1),
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    scenario
}

/// The scenarios of this file.
#[must_use]
pub(super) fn all() -> Vec<Entry> {
    use OnDeath::{Break, Drop};
    const WEAK: Bounds = Bounds::WEAK;
    const STRONG: Bounds = Bounds::STRONG;
    vec![
        Entry::new(phases("barrier2", 2, 1, Break).wakes_are_due(), WEAK, "2 parties, 1 phase"),
        Entry::new(
            phases("barrier2-phases", 2, 2, Break).wakes_are_due(),
            STRONG.spurious(1),
            "2 parties, 2 phases, 1 spurious end of a sleep",
        ),
        Entry::new(phases("barrier3", 3, 1, Break).wakes_are_due(), STRONG, "3 parties, 1 phase"),
        Entry::new(joins("barrier-join").wakes_are_due(), STRONG, "2 take seats, and pass"),
        Entry::new(joins("barrier-join-kill"), STRONG.kills(1), "the same, one is killed anywhere"),
        Entry::new(
            phases("barrier2-kill", 2, 1, Break),
            STRONG.kills(1),
            "2 parties, one is killed anywhere, and breaks it",
        ),
        Entry::new(
            phases("barrier2-lingers", 2, 1, Break),
            WEAK.kills(1).lingering(),
            "the same where memory is weak, and it runs on for a while",
        ),
        Entry::new(
            phases("barrier2-drop-kill", 2, 1, Drop),
            STRONG.kills(1),
            "2 parties, one is killed anywhere, and dropped",
        ),
        Entry::new(
            phases("barrier2-drop-lingers", 2, 1, Drop),
            WEAK.kills(1).lingering(),
            "the same where memory is weak, and it runs on for a while",
        ),
        Entry::new(
            phases("barrier2-phases-kill", 2, 2, Break),
            STRONG.kills(1),
            "2 parties, 2 phases, one is killed anywhere",
        ),
        Entry::new(
            phases("barrier3-kill", 3, 1, Break),
            STRONG.kills(1),
            "3 parties, one is killed anywhere",
        ),
        Entry::new(
            phases("barrier3-kill2", 3, 1, Break),
            STRONG.kills(2),
            "the same, two are killed: the one who breaks it may die as well",
        ),
        Entry::new(
            phases("barrier3-drop-kill", 3, 1, Drop),
            STRONG.kills(1),
            "3 parties, one is killed and dropped",
        ),
        Entry::new(
            phases("barrier3-drop-kill2", 3, 1, Drop),
            STRONG.kills(2),
            "3 parties, two are killed and dropped",
        ),
        Entry::new(
            drops("barrier-arrive-and-drop", 2).wakes_are_due(),
            WEAK,
            "one arrives for the last time, one goes on alone",
        ),
        Entry::new(
            drops("barrier-arrive-and-drop3", 3).wakes_are_due(),
            STRONG,
            "one arrives for the last time, two go on",
        ),
        Entry::new(late_comer("barrier-dropped-seat"), STRONG, "a seat that was dropped is not taken"),
        Entry::new(leaves("barrier-left", Break).wakes_are_due(), STRONG, "one leaves: the others are told"),
        Entry::new(leaves("barrier-left-drop", Drop).wakes_are_due(), STRONG, "one leaves: the others go on"),
        Entry::new(
            anew("barrier-anew", Break).wakes_are_due_beyond(Duration::from_millis(1)),
            STRONG,
            "both leave and join again",
        ),
        Entry::new(anew("barrier-anew-kill", Break), STRONG.kills(1), "the same, one is killed anywhere"),
        Entry::new(
            anew("barrier-anew-drop-kill", Drop),
            STRONG.kills(1),
            "the same where the dead are dropped",
        ),
        Entry::new(
            passed_by("barrier-passed-by"),
            WEAK,
            "one arrives and goes, one arrives for the last time",
        ),
        Entry::new(emptied("barrier-emptied"), WEAK, "a seat is empty only when the barrier is broken"),
        Entry::new(
            newcomer("barrier-newcomer"),
            WEAK.kills(1),
            "one waits, one takes a seat and dies: its death is heard of at once",
        ),
        Entry::new(
            last("barrier2-last-kill2", 0, Break),
            STRONG.kills(2),
            "one waits for the last one, both may be killed",
        ),
        Entry::new(
            last("barrier3-last-kill", 1, Break),
            STRONG.kills(1),
            "one waits, one looks, the last one comes; one is killed anywhere",
        ),
        Entry::new(
            last("barrier3-last-kill2", 1, Break),
            STRONG.kills(2),
            "one waits; the last one is killed, and who looks and breaks it, too",
        ),
        Entry::new(
            last("barrier3-last-drop-kill2", 1, Drop),
            STRONG.kills(2),
            "one waits; the last one is killed, and who looks and drops it, too",
        ),
        Entry::new(one_seat("barrier-seat"), STRONG, "one seat, which two want after a first one"),
        Entry::new(one_seat("barrier-seat-kill"), STRONG.kills(1), "the same, one is killed anywhere"),
    ]
}
