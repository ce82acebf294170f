//! Whose a region is, who may open it, and what of that a creator may choose.

use crate::party::{self, Party, Tidy, is_root, skipped};
use crate::{blueprint, create, open, open_or_create, open_reading};
use ringway_shm::{
    Access, CreateError, Name, OpenError, Permissions, Region, list, remove_leftovers, unlink,
};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The user that is nobody, and no group of ours.
const NOBODY: u32 = 65_534;
const NO_GROUP: u32 = 3_999_999_999;

/// Another process that acts for one of these tests.
#[test]
fn errand() {
    let Some(errand) = party::errand() else { return };
    let (deed, text) = errand.split_once(' ').unwrap();
    let name = Name::new(text).unwrap();
    match deed {
        "umask" => every_mode_is_honoured(&name),
        "group" => a_group_of_others_is_refused(&name),
        // As nobody, at a region of the machine that belongs to root.
        "stranger" => {
            let name = Name::machine(text).unwrap();
            assert_eq!(open(&name).unwrap_err(), OpenError::PermissionDenied);
            assert_eq!(open_reading(&name).unwrap_err(), OpenError::PermissionDenied);
            assert_eq!(unlink(&name).unwrap_err(), OpenError::PermissionDenied);
            let entry = list().unwrap().into_iter().find(|entry| entry.name == name).unwrap();
            assert_eq!((entry.geometry, entry.in_use), (Err(OpenError::PermissionDenied), true));
            assert!(!remove_leftovers().unwrap().contains(&name));
        }
        other => panic!("no deed {other}"),
    }
    party::answer("done");
}

fn done(command: Command) {
    let mut party = Party::start(command);
    assert!(party.ended().success());
    assert_eq!(party.hear(), "done");
}

fn mode(name: &Name) -> u32 {
    name.path().metadata().unwrap().mode() & 0o7777
}

#[test]
fn a_region_is_its_owners_alone_unless_said_otherwise() {
    let tidy = Tidy::new("mode");
    let region = create(tidy.name());
    assert_eq!(mode(&tidy.0), 0o600);
    let meta = tidy.0.path().metadata().unwrap();
    assert_eq!(
        (meta.uid(), meta.gid()),
        (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
    );
    drop(region);
}

#[test]
fn the_mode_is_honoured_whatever_the_umask() {
    // In a process of its own, since there is one umask for all threads.
    let tidy = Tidy::new("umask");
    done(party::command("rights::errand", &format!("umask {}", tidy.0.text())));
}

fn every_mode_is_honoured(name: &Name) {
    let tidy = Tidy(name.clone());
    for umask in [0o000, 0o022, 0o077, 0o777] {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
        for asked in [0o600, 0o660, 0o666, 0o640, 0o644] {
            let permissions = Permissions { mode: asked, group: None };
            let region = Region::create(name.clone(), &blueprint(), permissions).unwrap();
            assert_eq!(mode(name), asked, "umask {umask:o}");
            drop(region);
            unlink(name).unwrap();
        }
        let region = create(name.clone());
        assert_eq!(mode(name), 0o600, "umask {umask:o}");
        drop(region);
        unlink(name).unwrap();
    }
    assert!(!tidy.is_there());
}

#[test]
fn an_existing_region_keeps_its_mode() {
    let tidy = Tidy::new("keeps");
    let region = create(tidy.name());
    let permissions = Permissions { mode: 0o666, group: None };
    let same = Region::open_or_create(tidy.name(), &blueprint(), permissions).unwrap();
    assert_eq!(same.geometry(), region.geometry());
    assert_eq!(mode(&tidy.0), 0o600);
}

#[test]
fn our_own_group_may_be_asked_for() {
    let tidy = Tidy::new("group");
    let own = rustix::process::getegid().as_raw();
    let group = if is_root() { 1234 } else { own };
    let permissions = Permissions { mode: 0o660, group: Some(group) };
    let _region = Region::create(tidy.name(), &blueprint(), permissions).unwrap();
    let meta = tidy.0.path().metadata().unwrap();
    assert_eq!((meta.gid(), mode(&tidy.0)), (group, 0o660));
}

/// Sends nobody on an errand; false if nobody may not even start this binary.
fn nobody_does(errand: &str) -> bool {
    let mut command = party::command("rights::errand", errand);
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    let mut trial = Command::new(std::env::current_exe().unwrap());
    trial.arg("--list").uid(NOBODY).gid(NOBODY).current_dir("/");
    let possible = trial.output().is_ok_and(|output| output.status.success());
    if possible {
        done(command);
    }
    possible
}

#[test]
fn a_group_that_is_not_ours_is_refused() {
    let tidy = Tidy::new("group");
    if !is_root() {
        a_group_of_others_is_refused(&tidy.0);
    } else if !nobody_does(&format!("group {}", tidy.0.text())) {
        skipped("a_group_that_is_not_ours_is_refused", "an unprivileged user cannot start this binary");
    }
}

fn a_group_of_others_is_refused(name: &Name) {
    let tidy = Tidy(name.clone());
    let permissions = Permissions { mode: 0o660, group: Some(NO_GROUP) };
    let refusal = CreateError::Permissions { mode: 0o660, group: Some(NO_GROUP) };
    assert_eq!(Region::create(name.clone(), &blueprint(), permissions).unwrap_err(), refusal);
    assert_eq!(Region::open_or_create(name.clone(), &blueprint(), permissions).unwrap_err(), refusal);
    assert!(!tidy.is_there());
}

#[test]
fn a_region_of_another_user_is_refused_unless_it_is_wanted() {
    if !is_root() {
        skipped("a_region_of_another_user_is_refused_unless_it_is_wanted", "only root can give files away");
        return;
    }
    let tidy = Tidy::new("foreign");
    let region = create(tidy.name());
    std::os::unix::fs::chown(tidy.0.path(), Some(NOBODY), None).unwrap();

    let refusal = OpenError::ForeignOwner { owner: NOBODY };
    assert_eq!(open(&tidy.0).unwrap_err(), refusal);
    assert_eq!(open_reading(&tidy.0).unwrap_err(), refusal);
    assert_eq!(open_or_create(&tidy.0).unwrap_err(), CreateError::Open(Box::new(refusal)));
    let exists = CreateError::Exists { location: tidy.name().into() };
    assert_eq!(Region::create(tidy.name(), &blueprint(), Permissions::default()).unwrap_err(), exists);
    for read_only in [false, true] {
        let access = Access { foreign_owner: true, read_only, ..Access::default() };
        let wanted = Region::open(tidy.name(), &blueprint().expected(), access).unwrap();
        assert_eq!(wanted.geometry(), region.geometry());
    }
    assert_eq!(list().unwrap().iter().find(|entry| entry.name == tidy.0).unwrap().owner, NOBODY);
}

#[test]
fn a_leftover_of_another_user_is_not_ours_to_remove() {
    if !is_root() {
        skipped("a_leftover_of_another_user_is_not_ours_to_remove", "only root can give files away");
        return;
    }
    let _sweeping = party::sweeping();
    // At rest, of another user, and its checksum is right: what a dead stranger leaves.
    let tidy = Tidy::new("stranger");
    let mortal = blueprint().lifetime(ringway_shm::Lifetime::LastParty);
    let kept = Region::create(tidy.name(), &mortal, Permissions::default()).unwrap();
    let bytes = std::fs::read(tidy.0.path()).unwrap();
    drop(kept);
    std::fs::write(tidy.0.path(), bytes).unwrap();
    std::os::unix::fs::chown(tidy.0.path(), Some(NOBODY), None).unwrap();

    assert!(!remove_leftovers().unwrap().contains(&tidy.0));
    assert!(tidy.is_there());
    assert_eq!(open(&tidy.0).unwrap_err(), OpenError::ForeignOwner { owner: NOBODY });
    let entry = list().unwrap().into_iter().find(|entry| entry.name == tidy.0).unwrap();
    assert!(!entry.in_use && entry.geometry.is_ok());
    // Unless somebody says so.
    unlink(&tidy.0).unwrap();
}

#[test]
fn what_may_not_be_opened_is_said_to_be_so() {
    if !is_root() {
        skipped("what_may_not_be_opened_is_said_to_be_so", "only root can start a process of another user");
        return;
    }
    let text = party::fresh_name("shut").text().to_owned();
    let tidy = Tidy(Name::machine(&text).unwrap());
    let _region = create(tidy.name());
    if !nobody_does(&format!("stranger {text}")) {
        skipped("what_may_not_be_opened_is_said_to_be_so", "an unprivileged user cannot start this binary");
    }
}
