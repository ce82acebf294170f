//! Rows of the table of participants, the roles of those who have one, and the proof that somebody is gone.
//!
//! ```text
//!   owner     attach ── write payload ── detach            killed anywhere; its kernel part may come late (mark, bury)
//!   watcher   standing, life word ── Gone: reads what the owner wrote
//!   heir      the same row, another generation; the same role
//! ```
//!
//! What must hold:
//!
//! * Nobody alive is ever said to be gone, or dying; who was killed is gone in the end, and stays so.
//! * Of whoever is gone everything that it wrote is there, and nothing more comes: there is no race with it.
//! * A role has one holder: what only holders write is never written by two at a time.
//! * An owner is named once.

use super::Entry;
use crate::explorer::scenario::{End, Process, Scenario};
use crate::explorer::world::Bounds;
use ringway_shm::primitive::{Ordering, kernel, spin_hint};
use ringway_shm::{Blueprint, ClaimError, Owner, Participant, ParticipateError, Region, Standing, layout};
use std::sync::Arc;
use std::time::Duration;

const ROLE: u32 = 3;
/// The cell that only the holder of the role writes, or the owner of the row.
const HELD: usize = 0;
/// The word in which an owner says who it is.
const WHO: usize = 0;
/// Longer than a claim tries a role that is taken.
const CLAIM: Duration = Duration::from_millis(4);

/// A region of some words and cells, and so many rows.
fn table(title: &str, rows: u32) -> Scenario {
    Scenario::new(title).region(move || {
        // As that of `Scenario::words`, so that its words and cells are known.
        let with = |blueprint: Blueprint, content| blueprint.section(content, layout::PAGE);
        let blueprint = Blueprint::new(1, 1).rows(rows);
        let blueprint = blueprint.and_then(|blueprint| with(blueprint, layout::FIRST_OWN));
        let blueprint = blueprint.and_then(|blueprint| with(blueprint, layout::FIRST_OWN + 1));
        Region::anonymous(&blueprint.expect("a small region")).expect("a region of a few pages")
    })
}

/// Is the process dead, or about to be?
fn is_doomed(me: &Process, body: usize) -> bool {
    me.at_this_moment(|now| now.is_doomed(body))
}

fn owner_in(me: &Process, word: usize) -> Owner {
    // Relaxed: written before the run.
    Owner::from_bits(me.word(word).load(Ordering::Relaxed)).expect("an owner")
}

/// A row for a process, whose owner is noted and said in a word.
fn attach(me: &Process, word: usize) -> Option<Arc<Participant>> {
    let region = me.region();
    match me.attempt("participant", || region.participant()) {
        Ok(row) => {
            me.note("owner", row.owner().to_bits());
            me.word(word).store(row.owner().to_bits(), Ordering::Relaxed);
            Some(row)
        }
        Err(ParticipateError::TableFull { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Every owner was named once.
fn named_once(end: &End<'_>) -> Result<(), String> {
    let mut owners = end.values("owner");
    owners.sort_unstable();
    match owners.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two were owner {:#x}", pair[0])),
        None => Ok(()),
    }
}

/// Holds the role for a while, if it is free: two at a time would race for the cell.
fn hold(me: &Process) {
    let region = me.region();
    let value = 1 + me.body() as u64;
    match me.wait("claim", CLAIM, || region.claim(ROLE)) {
        Ok(claim) => {
            me.note("owner", claim.owner().to_bits());
            let before = me.get(HELD);
            me.put(HELD, value);
            assert_eq!(me.get(HELD), value, "another one holds the role");
            me.note("found", before);
            me.attempt("give back", || drop(claim));
        }
        Err(ClaimError::Taken) => me.note("taken", value),
        Err(error) => panic!("{error}"),
    }
}

/// Several want one role.
fn roles(title: &str, parties: usize) -> Scenario {
    let mut scenario = table(title, 4).end(named_once).outcome(|end| format!("{:?}", end.values("found")));
    for number in 0..parties {
        scenario = scenario.process(format!("party{number}"), hold);
    }
    scenario
}

/// One holds a role, and others who have their rows want it.
fn inherited(title: &str, heirs: usize) -> Scenario {
    let take = |me: &Process| if me.incarnation() == 0 { me.region().claim(ROLE).ok() } else { None };
    let mut scenario = table(title, 4)
        .process_with("holder", take, |me, claim| {
            if claim.is_some() {
                me.put(HELD, 7);
                me.attempt("give back", || drop(claim));
            }
        })
        .outcome(|end| format!("{:?}", end.values("found")));
    for number in 0..heirs {
        let ready = |me: &Process| me.region().participant().expect("a free row");
        scenario = scenario.process_with(format!("heir{number}"), ready, |me, row| {
            hold(me);
            me.keep(row);
        });
    }
    scenario
}

/// The role is free in the end, whoever died with it.
fn free_in_the_end(scenario: Scenario) -> Scenario {
    scenario.process("last", |me| {
        me.outlive_the_others();
        let region = me.region();
        let claimed = me.attempt("is_claimed", || region.is_claimed(ROLE));
        assert_eq!(claimed, Ok(false), "nobody is there, and the role is taken");
        me.keep(me.wait("claim", CLAIM, || region.claim(ROLE)).expect("nobody is there"));
    })
}

/// An owner that writes, and leaves if it is not killed before.
fn owner(title: &str, rows: u32) -> Scenario {
    let come = |me: &Process| if me.incarnation() == 0 { attach(me, WHO) } else { None };
    table(title, rows).process_with("owner", come, |me, row| {
        if let Some(row) = row {
            me.put(HELD, 7);
            me.attempt("detach", || drop(row));
        }
    })
}

/// One that is there, and stays as it is.
fn lives(me: &Process, row: Option<Arc<Participant>>) {
    if let Some(row) = row {
        me.put(HELD, 7);
        // Relaxed: what a live process does at any moment.
        me.word(WHO + 1).store(1, Ordering::Relaxed);
        me.keep(row);
    }
}

/// Asks how it stands with the owner until it is gone; then all it wrote is there, and nothing more comes.
fn watch(me: &Process, owner: Owner) {
    let region = me.region();
    let mut was_dying = false;
    me.wait_for_ever("standing", || {
        loop {
            match me.attempt("standing", || region.standing(owner)) {
                Ok(Standing::Alive) => assert!(!was_dying, "alive after it was dying"),
                Ok(Standing::Dying) => was_dying = true,
                Ok(Standing::Gone) => break,
                Err(error) => panic!("{error}"),
            }
            spin_hint();
        }
    });
    me.note("found", me.get(HELD));
    assert_eq!(region.is_gone(owner), Ok(true));
    assert_eq!(region.standing(owner), Ok(Standing::Gone));
}

/// The same, by the lock alone.
fn watch_the_lock(me: &Process, owner: Owner) {
    let region = me.region();
    me.wait_for_ever("is_gone", || {
        while me.attempt("is_gone", || region.is_gone(owner)) == Ok(false) {
            spin_hint();
        }
    });
    me.note("found", me.get(HELD));
}

/// Asks again and again, while the row may pass to another: who was gone is never alive again.
fn watch_on(me: &Process, owner: Owner) {
    let region = me.region();
    let mut was_gone = false;
    for _ in 0..3 {
        let standing = me.attempt("standing", || region.standing(owner)).expect("the kernel answers");
        assert!(!(was_gone && standing == Standing::Alive), "alive after it was gone");
        was_gone |= standing == Standing::Gone;
        let life = me.attempt("life", || region.life(owner));
        assert!(
            !(was_gone && life.is_some_and(|life| life.alive != 0)),
            "it is gone, and its life word lives"
        );
    }
}

/// Reads the table while others come: a row that belongs to somebody is whole.
fn list(me: &Process) {
    let region = me.region();
    for _ in 0..2 {
        for entry in me.attempt("participants", || region.participants()).expect("the kernel answers") {
            assert!(
                entry.process != 0 && entry.thread != 0 && entry.attached_ns != 0,
                "half a row: {entry:?}"
            );
        }
    }
}

/// Asks how it stands with one that lives.
fn ask(me: &Process, body: usize, owner: Owner) {
    let region = me.region();
    for _ in 0..2 {
        let standing = me.attempt("standing", || region.standing(owner)).expect("the kernel answers");
        let gone = me.attempt("is_gone", || region.is_gone(owner)).expect("the kernel answers");
        assert!(standing == Standing::Alive || is_doomed(me, body), "{standing:?}, and it lives");
        let was_killed = me.at_this_moment(|now| now.was_killed(body));
        assert!(was_killed || (standing != Standing::Gone && !gone), "gone, and it still runs");
    }
}

/// Sleeps at the owner's life word until it is marked, or taken back, and wakes the next one.
fn sleep_until_dead(me: &Process, owner: Owner) {
    sleep_in_turns(me, owner, None);
}

/// The same, in sleeps that end by themselves, as those of rings do.
fn sleep_by_ticks(me: &Process, owner: Owner) {
    sleep_in_turns(me, owner, Some(Duration::from_millis(250)));
}

fn sleep_in_turns(me: &Process, owner: Owner, tick: Option<Duration>) {
    let region = me.region();
    me.wait_for_ever("sleep at a life word", || {
        while let Some(life) = region.life(owner) {
            kernel::sleep(life.word, life.alive, tick.map(|tick| kernel::now() + tick));
            // The kernel wakes one.
            kernel::wake(life.word);
        }
    });
    watch(me, owner);
}

/// Attaches as soon as there is a row.
fn succeed(me: &Process, word: usize) -> Option<Arc<Participant>> {
    me.wait_for_ever("participant", || {
        loop {
            match attach(me, word) {
                Some(row) => return Some(row),
                None => spin_hint(),
            }
        }
    })
}

/// The one row of an owner, which another wants.
fn succession(title: &str) -> Scenario {
    owner(title, 1)
        .process_with(
            "heir",
            |me| owner_in(me, WHO),
            |me, dead| {
                let row = succeed(me, WHO + 1).expect("it waits");
                assert!(row.owner().generation() > dead.generation());
                assert_eq!(row.owner().row(), dead.row());
                me.note("found", me.get(HELD));
                me.put(HELD, 9);
                let region = me.region();
                assert_eq!(region.standing(dead), Ok(Standing::Gone), "its row is another's");
                assert_eq!(region.life(dead).map(|life| life.alive), None);
                let standing = region.standing(row.owner());
                assert!(
                    standing == Ok(Standing::Alive) || is_doomed(me, me.body()),
                    "{standing:?} of oneself"
                );
                me.keep(row);
            },
        )
        .end(named_once)
}

/// Two want the one row that an owner leaves or dies with.
fn rivals(title: &str) -> Scenario {
    let body = |me: &Process| {
        if let Some(row) = attach(me, WHO + 1 + me.body()) {
            me.put(HELD, me.body() as u64);
            me.attempt("detach", || drop(row));
        }
    };
    owner(title, 1).process("heir0", body).process("heir1", body).end(named_once)
}

/// Somebody looks closely at an owner, while its row passes to another: that one is not marked.
fn looked_at(title: &str) -> Scenario {
    owner(title, 1)
        .process_with(
            "doubter",
            |me| owner_in(me, WHO),
            |me, owner| {
                let region = me.region();
                me.attempt("look_closely", || region.look_closely(owner)).expect("the kernel answers");
            },
        )
        .process("heir", |me| {
            if let Some(row) = attach(me, WHO + 1) {
                let region = me.region();
                for _ in 0..2 {
                    let standing = me.attempt("standing", || region.standing(row.owner()));
                    let killed = is_doomed(me, me.body());
                    assert!(killed || standing == Ok(Standing::Alive), "{standing:?} of oneself");
                    assert!(killed || region.life(row.owner()).is_some(), "one that lives is marked");
                }
                me.keep(row);
            }
        })
        .end(named_once)
}

fn full(title: &str) -> Scenario {
    table(title, 1).process_with("owner", |me| attach(me, WHO), lives).process("late", |me| {
        let region = me.region();
        let refused = me.attempt("participant", || region.participant().map(|row| row.owner()));
        assert_eq!(refused, Err(ParticipateError::TableFull { rows: 1 }));
        let refused = me.wait("claim", CLAIM, || region.claim(ROLE).map(|claim| claim.owner()));
        let table_is_full = ParticipateError::TableFull { rows: 1 };
        assert_eq!(refused, Err(ClaimError::Participate(table_is_full)));
    })
}

fn asked(title: &str) -> Scenario {
    table(title, 4).process_with("owner", |me| attach(me, WHO), lives).process_with(
        "asker",
        |me| owner_in(me, WHO),
        |me, owner| ask(me, 0, owner),
    )
}

fn watcher(scenario: Scenario, name: &str, body: fn(&Process, Owner)) -> Scenario {
    let scenario = scenario.process_with(name, |me| owner_in(me, WHO), body);
    scenario.outcome(|end| format!("{:?}", end.values("found")))
}

/// The scenarios of this file.
#[must_use]
pub fn all() -> Vec<Entry> {
    let (plain, killed) = (Bounds::WEAK, Bounds::WEAK.kills(1));
    vec![
        Entry::new(roles("role2", 2), plain, "two attach and claim one role: one holder at a time"),
        Entry::new(roles("role3", 3), plain, "three do"),
        Entry::new(free_in_the_end(roles("role2-kill", 2)), killed, "two do, one is killed anywhere"),
        Entry::new(
            free_in_the_end(inherited("role-heir-kill", 1)),
            killed.restarts(1),
            "a holder or its heir is killed, and one is started again: the role is free in the end",
        ),
        Entry::new(
            inherited("role-heir-lingers", 1),
            killed.lingering(),
            "the holder runs on after the kernel has marked it: its heir waits for the proof",
        ),
        Entry::new(
            inherited("role-heirs2-kill2", 2),
            Bounds::WEAK.kills(2).lingering(),
            "two heirs of a holder, two of the three killed, who run on for a while",
        ),
        Entry::new(asked("standing"), plain, "one that lives is alive, whatever it does"),
        Entry::new(asked("standing-kill"), killed.lingering(), "and it is until it is killed"),
        Entry::new(
            watcher(owner("gone-by-lock", 4), "watcher", watch_the_lock),
            killed,
            "the same, by the lock alone",
        ),
        Entry::new(
            watcher(owner("gone-for-good", 1), "watcher", watch_on).process("heir", |me| {
                if let Some(row) = attach(me, WHO + 1) {
                    me.keep(row);
                }
            }),
            killed,
            "who is gone is not alive again when its row is another's",
        ),
        Entry::new(
            table("life-fresh", 2)
                .process("comer", |me| {
                    if let Some(row) = attach(me, WHO) {
                        me.keep(row);
                    }
                })
                .process("watcher", |me| {
                    // Relaxed: who it is came by a way that orders nothing.
                    if let Some(owner) = Owner::from_bits(me.word(WHO).load(Ordering::Relaxed)) {
                        let region = me.region();
                        let life = me.attempt("life", || region.life(owner));
                        assert!(life.is_none_or(|life| life.alive != 0), "a life word of before its time");
                    }
                }),
            plain,
            "the life word of an owner is not that of the row before it",
        ),
        Entry::new(
            table("row-listed", 2)
                .process("comer", |me| {
                    if let Some(row) = attach(me, WHO) {
                        me.keep(row);
                    }
                })
                .process("lister", list),
            plain,
            "a row that is found in the table is whole",
        ),
        Entry::new(
            watcher(owner("gone", 4), "watcher", watch),
            Bounds::WEAK.kills(1).lingering(),
            "who leaves or dies anywhere is gone in the end, and all that it wrote is there",
        ),
        Entry::new(
            watcher(watcher(owner("gone2", 4), "watcher0", watch), "watcher1", watch),
            killed,
            "the same, and two watch",
        ),
        Entry::new(
            watcher(owner("life", 4), "sleeper", sleep_until_dead).wakes_are_due(),
            killed.lingering(),
            "a death or a leaving wakes who sleeps at the life word",
        ),
        Entry::new(
            watcher(watcher(owner("life2", 4), "sleeper0", sleep_until_dead), "sleeper1", sleep_until_dead),
            killed,
            "the same, and two sleep, of which the kernel wakes one",
        )
        // The one that it wakes wakes the other, unless it dies as well: the next scenario.
        .kills_at_most(1),
        Entry::new(
            watcher(watcher(owner("life2-kill2", 4), "sleeper0", sleep_by_ticks), "sleeper1", sleep_by_ticks),
            Bounds::WEAK.kills(2),
            "the same, and the one that was woken may die before it wakes the other: whose tick ends its sleep",
        ),
        Entry::new(
            succession("row-heir"),
            killed.lingering(),
            "the row of one that is gone is claimed again",
        ),
        Entry::new(rivals("row-rivals"), plain, "two want the row of one that leaves"),
        Entry::new(rivals("row-rivals-kill2"), Bounds::WEAK.kills(2), "the same, two of the three killed"),
        Entry::new(
            looked_at("row-doubted-kill"),
            killed,
            "who looks closely at a dead owner does not mark the next one",
        ),
        Entry::new(full("row-full"), plain, "a full table is an error that says so"),
    ]
}
