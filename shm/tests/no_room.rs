//! No room is an error at once, never a signal at the first touch, and leaves nothing.

#![deny(unsafe_code)]

mod party;

use party::{Party, Tidy, skipped};
use ringway_shm::shared_memory::ShmemConf;
use ringway_shm::{Blueprint, CreateError, Lifetime, Permissions, Region, layout};
use std::process::Command;
use std::time::{Duration, Instant};

fn blueprint(len: u64) -> Blueprint {
    Blueprint::new(1, 1).section(layout::FIRST_OWN, len).unwrap()
}

fn no_room<T: std::fmt::Debug>(result: Result<T, CreateError>, blueprint: &Blueprint) {
    assert_eq!(result.unwrap_err(), CreateError::NoRoom { needed: blueprint.region_len() });
}

/// Runs an errand of this binary through a shell line that ends in `exec "$@"`; false if the shell line did not work.
fn through(program: &[&str], line: &str, errand: &str) -> bool {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).args(["sh", "-c", line, "sh"]).arg(std::env::current_exe().unwrap());
    party::sent(&mut command, "errand", errand);
    let mut party = Party::start(command);
    let status = party.ended();
    // 77: the surroundings could not be made; anything else that is no success is a failure of the errand.
    assert!(status.success() || status.code() == Some(77), "{errand}: {status}");
    status.success()
}

#[test]
fn errand() {
    match party::errand().as_deref() {
        None => {}
        Some("small") => in_a_small_file_system(),
        Some("limited") => under_a_limit_of_file_length(),
        Some(other) => panic!("no errand {other}"),
    }
}

#[test]
fn a_full_memory_file_system_is_an_error_and_not_a_signal() {
    // A file system of our own in place of the machine's, which only this child and its children see.
    let line = "mount -t tmpfs -o size=1m none /dev/shm 2>/dev/null || exit 77; exec \"$@\"";
    for program in [&["unshare", "--mount"][..], &["unshare", "--map-root-user", "--mount"]] {
        let possible = Command::new(program[0]).args(&program[1..]).arg("true").output();
        if possible.is_ok_and(|output| output.status.success()) && through(program, line, "small") {
            return;
        }
    }
    skipped("a_full_memory_file_system_is_an_error_and_not_a_signal", "no mount namespace of our own");
}

/// Everything here sees a `/dev/shm` of 1 MiB.
fn in_a_small_file_system() {
    let names = || std::fs::read_dir("/dev/shm").unwrap().count();
    let (large, half, small) = (blueprint(4 << 20), blueprint(700 << 10), blueprint(4096));
    assert_eq!(names(), 0);
    for round in 0..3 {
        let tidy = Tidy::new("large");
        no_room(Region::create(tidy.name(), &large, Permissions::default()), &large);
        no_room(Region::open_or_create(tidy.name(), &large, Permissions::default()), &large);
        no_room(Region::nameless(&large, Permissions::default()), &large);
        assert_eq!(names(), 0, "round {round}");

        let segment = ShmemConf::new().os_id(tidy.0.posix()).size(5 << 20).create().unwrap();
        no_room(Region::adopt(segment, &large, Duration::ZERO), &large);
        assert_eq!(names(), 0, "round {round}");
    }
    // Room that another region has is no room, and is room again when it goes.
    let (first, second) = (Tidy::new("first"), Tidy::new("second"));
    let region = Region::create(first.name(), &half, Permissions::default()).unwrap();
    no_room(Region::create(second.name(), &half, Permissions::default()), &half);
    let beside = Region::create(second.name(), &small, Permissions::default()).unwrap();
    drop((region, beside));
    let lasting = half.clone().lifetime(Lifetime::UntilUnlinked);
    drop(Region::create(second.name(), &lasting, Permissions::default()).unwrap());
    no_room(Region::create(first.name(), &half, Permissions::default()), &half);
    ringway_shm::unlink(&second.0).unwrap();
    // What was reserved can be touched to the last byte.
    let region = Region::create(first.name(), &half, Permissions::default()).unwrap();
    party::bytes::put(&region, layout::FIRST_OWN, 0, &vec![0xff; 700 << 10]);
    drop(region);
    assert_eq!(names(), 0);
}

#[test]
fn a_limit_of_file_length_is_an_error() {
    // In units of 512 bytes or of 1 KiB, as the shell has it: 2 or 4 MiB. The signal that the limit also raises is the
    // process's to ignore.
    let line = "trap '' XFSZ && ulimit -f 4096 || exit 77; exec \"$@\"";
    if !through(&["env"], line, "limited") {
        skipped("a_limit_of_file_length_is_an_error", "the limit could not be set");
    }
}

fn under_a_limit_of_file_length() {
    let (large, small) = (blueprint(16 << 20), blueprint(4096));
    let tidy = Tidy::new("limited");
    no_room(Region::anonymous(&large), &large);
    no_room(Region::create(tidy.name(), &large, Permissions::default()), &large);
    assert!(!tidy.is_there());
    Region::anonymous(&small).unwrap();
    Region::create(tidy.name(), &small, Permissions::default()).unwrap();
}

#[test]
fn more_than_the_machine_has_is_refused_at_once() {
    let giant = blueprint(1 << 43);
    let tidy = Tidy::new("giant");
    let start = Instant::now();
    no_room(Region::anonymous(&giant), &giant);
    no_room(Region::create(tidy.name(), &giant, Permissions::default()), &giant);
    assert!(!tidy.is_there());
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}
