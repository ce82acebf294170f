//! The protocols of `shm` explored: everything holds at small scope, and what is planted is found.

use ringway_fuzz::protocols::{Entry, lifecycle, participants};
use ringway_fuzz::{Bounds, Process, Scenario, explore};
use ringway_shm::layout::ATTACHED;
use ringway_shm::primitive::model::{FileId, Open};
use ringway_shm::primitive::{Ordering, spin_hint};
use ringway_shm::{Blueprint, Owner, Permissions, Region, remove_leftovers};
use std::os::fd::AsFd;
use std::rc::Rc;

/// Those that take more than a second or two without optimisation: for the command line.
const LARGE: &[&str] = &[
    "name-last2-kill",
    "name-last2-fault",
    "name-unlink-fault",
    "role3",
    "life2",
    "name-leave-open-sweep-kill",
];

/// Explores those of which the name begins so.
fn all_well(entries: Vec<Entry>, is_among: impl Fn(&str) -> bool) {
    let mut explored = 0;
    for entry in entries {
        let name = entry.scenario.name();
        if is_among(name) && !LARGE.contains(&name) {
            let report = explore(&entry.scenario, entry.bounds);
            println!("{report}");
            report.expect_all_well();
            explored += 1;
        }
    }
    assert!(explored > 0);
    // What is named in the virtual kernel is named there alone.
    assert!(!lifecycle::name().path().exists());
}

fn has_deaths(name: &str) -> bool {
    name.contains("-kill") || name.contains("-fault") || name.contains("settled")
}

#[test]
fn a_name_leads_to_one_whole_region_whoever_comes_and_goes() {
    all_well(lifecycle::all(), |name| !has_deaths(name));
}

#[test]
fn a_name_serves_the_next_one_whoever_dies_or_fails() {
    all_well(lifecycle::all(), has_deaths);
}

fn participants(name: &str) {
    all_well(participants::all(), |known| known == name);
}

#[test]
fn a_role_has_one_holder_whoever_dies_with_it() {
    all_well(participants::all(), |name| name.starts_with("role"));
}

#[test]
fn a_row_has_one_owner_at_a_time_who_is_named_once() {
    all_well(participants::all(), |name| name.starts_with("row"));
}

#[test]
fn one_that_lives_is_alive() {
    all_well(participants::all(), |name| name.starts_with("standing"));
}

/// It was called gone by a second look at its row that did not acquire what it had done.
#[test]
fn of_an_owner_that_left_while_it_was_asked_for_all_that_it_wrote_is_there() {
    participants("gone");
    participants("gone2");
}

/// Its life word was taken off the list before those who slept at it were woken.
#[test]
fn whoever_sleeps_at_the_life_word_of_one_that_is_killed_while_it_leaves_is_woken() {
    participants("life");
}

/// A mistake is found, and the same without it is all well.
fn is_found(sort: &str, bounds: Bounds, scenario: impl Fn(bool) -> Scenario) {
    explore(&Rc::new(scenario(false)), bounds).expect_all_well();
    let report = explore(&Rc::new(scenario(true)), bounds);
    let failure = report.failure().expect("the mistake is found");
    assert_eq!(failure.sort(), sort, "{failure}");
}

fn blueprint() -> Blueprint {
    Blueprint::new(1, 1).rows(1).expect("a small region")
}

fn meet(_: &Process) -> Region {
    Region::open_or_create(lifecycle::name(), &blueprint(), Permissions::default()).expect("a region")
}

/// Stays a party that has its name.
fn stay(me: &Process, region: Region) {
    let (named, file) = me.at_this_moment(|now| (now.named(&lifecycle::name()), now.file(&region)));
    assert_eq!(named, file, "a party lost its name");
    me.note("stays", file.expect("a file of the run"));
    me.keep(region);
}

/// Those who stay have their name in the end.
fn named(scenario: Scenario) -> Scenario {
    scenario.end(|end| {
        match end.values("stays").iter().find(|&&file| end.named(&lifecycle::name()) != Some(file)) {
            Some(_) => Err("a party lost its name".to_owned()),
            None => Ok(()),
        }
    })
}

fn id(file: impl AsFd) -> FileId {
    let stat = rustix::fs::fstat(file).expect("an open file");
    FileId { device: stat.st_dev, number: stat.st_ino }
}

#[test]
fn a_creator_that_is_no_party_before_it_has_its_name_is_found() {
    is_found("broken property", Bounds::STRONG, |planted| {
        let creator = move |me: &Process| {
            let region = Region::nameless(&blueprint(), Permissions::default()).expect("a region");
            if planted {
                me.kernel().unlock(id(&region), ATTACHED, false);
            }
            region.publish(lifecycle::name()).expect("the name is free");
            if planted {
                me.kernel().lock(id(&region), ATTACHED, false).expect("a lock");
            }
            me.note("stays", me.at_this_moment(|now| now.file(&region)).expect("a file of the run"));
            me.keep(region);
        };
        let sweeper = |_: &Process| drop(remove_leftovers().expect("the names are listed"));
        named(Scenario::new("attached-late").process("creator", creator).process("sweeper", sweeper))
    });
}

#[test]
fn a_leaver_that_does_not_ask_whether_it_is_the_last_is_found() {
    is_found("broken property", Bounds::STRONG, |planted| {
        let leaver = move |me: &Process, region: Region| {
            if planted {
                me.kernel().unlink(&lifecycle::name().path()).expect("the name is there");
            }
            drop(region);
        };
        let scenario = Scenario::new("leaves-unasked").process_with("leaver", meet, leaver);
        named(scenario.process_with("other", meet, |me, region| {
            me.note("stays", me.at_this_moment(|now| now.file(&region)).expect("a file of the run"));
            me.keep(region);
        }))
    });
}

#[test]
fn an_opener_that_does_not_look_at_the_name_again_is_found() {
    is_found("panic", Bounds::STRONG, |planted| {
        let opener = move |me: &Process| {
            if !planted {
                return stay(me, meet(me));
            }
            let path = lifecycle::name().path();
            let Ok(file) = me.kernel().open(Open::Existing { path: &path, read_only: false }) else { return };
            if me.kernel().lock(id(&file), ATTACHED, false) == Ok(true) {
                let held = me.at_this_moment(|now| (now.named(&lifecycle::name()), now.file(&file)));
                assert_eq!(held.0, held.1, "a party lost its name");
            }
        };
        let scenario = Scenario::new("opens-blindly").process_with("leaver", meet, |_, region| drop(region));
        named(scenario.process("opener", opener))
    });
}

#[test]
fn a_remover_that_does_not_look_where_the_name_leads_is_found() {
    is_found("broken property", Bounds::STRONG, |planted| {
        let forsake = |me: &Process| {
            let region = meet(me);
            me.kernel().unlock(id(&region), ATTACHED, false);
            me.keep(region);
        };
        let remover = move |me: &Process| {
            if !planted {
                return drop(remove_leftovers().expect("the names are listed"));
            }
            let path = lifecycle::name().path();
            let Ok(file) = me.kernel().open(Open::Existing { path: &path, read_only: false }) else { return };
            if me.kernel().lock(id(&file), ATTACHED, true) == Ok(true) {
                let _ = me.kernel().unlink(&path);
                me.kernel().unlock(id(&file), ATTACHED, true);
            }
        };
        let scenario = Scenario::new("removes-blindly").process_with("dead", forsake, |_, ()| ());
        named(scenario.process("remover", remover).process("newcomer", |me| stay(me, meet(me))))
    });
}

/// A holder that writes what is its own, and leaves or dies, and another one who takes it for gone.
fn inherited(title: &str, is_gone: impl Fn(&Region, Owner) -> bool + 'static) -> Scenario {
    let come = |me: &Process| {
        let claim = me.region().claim(1).expect("the role is free");
        // Relaxed: written before the run.
        me.word(0).store(claim.owner().to_bits(), Ordering::Relaxed);
        claim
    };
    let write = |me: &Process, claim| {
        me.put(0, 7);
        drop(claim);
    };
    let heir = move |me: &Process| {
        // Relaxed: as above.
        let owner = Owner::from_bits(me.word(0).load(Ordering::Relaxed)).expect("an owner");
        me.wait_for_ever("its end", || {
            while !is_gone(&me.region(), owner) {
                spin_hint();
            }
        });
        me.put(0, 8);
    };
    Scenario::new(title).words(1).process_with("holder", come, write).process("heir", heir)
}

#[test]
fn whoever_believes_the_life_word_alone_is_found() {
    is_found("race", Bounds::WEAK.kills(1).lingering(), |planted| {
        inherited("told-is-proven", move |region, owner| match planted {
            true => region.life(owner).is_none(),
            false => region.is_gone(owner) == Ok(true),
        })
    });
}

#[test]
fn whoever_takes_a_role_without_its_lock_is_found() {
    is_found("race", Bounds::WEAK, |planted| {
        let body = move |me: &Process| {
            let region = me.region();
            let claim = if planted { None } else { region.claim(1).ok() };
            if claim.is_some() || (planted && region.is_claimed(1) == Ok(false)) {
                me.put(0, me.body() as u64);
            }
            me.keep(claim);
        };
        Scenario::new("role-unlocked").words(1).process("one", body).process("two", body)
    });
}

/// The two were taken for the same: a dead process says nothing any more of what it did.
#[test]
fn what_a_dead_process_was_about_to_write_is_there_or_not() {
    let scenario = Scenario::new("dead-payload")
        .words(1)
        .process_with(
            "writer",
            |me| me.region().claim(1).expect("the role is free"),
            |me, claim| {
                me.put(0, 7);
                me.keep(claim);
                me.wait_for_ever("its death", spin_hint);
            },
        )
        .process("reader", |me| {
            me.outlive_the_others();
            if let Ok(claim) = me.region().claim(1) {
                me.note("found", me.get(0));
                me.keep(claim);
            }
        })
        .outcome(|end| format!("{:?}", end.values("found")));
    let report = explore(&Rc::new(scenario), Bounds::WEAK.kills(1));
    report.expect_all_well();
    assert!(report.outcomes.contains("[0]") && report.outcomes.contains("[7]"), "{:?}", report.outcomes);
}
