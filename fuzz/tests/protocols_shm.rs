//! The protocols of `shm` explored: everything holds at small scope, and what is planted is found.

use ringway_fuzz::protocols::{Entry, lifecycle};
use ringway_fuzz::{Bounds, Process, Scenario, explore};
use ringway_shm::layout::ATTACHED;
use ringway_shm::primitive::model::{FileId, Open};
use ringway_shm::{Blueprint, Permissions, Region, remove_leftovers};
use std::os::fd::AsFd;
use std::rc::Rc;

/// Those that take more than a second or two without optimisation: for the command line.
const LARGE: &[&str] = &["name-last2-kill", "name-last2-fault", "name-unlink-fault"];

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
