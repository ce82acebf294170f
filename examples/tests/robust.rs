//! The examples whose processes are killed while they hold something: each proves its result, and leaves nothing behind.

#![forbid(unsafe_code)]

mod stage;

use stage::{Ended, Stage, eventually};
use std::fs;
use std::path::Path;

const BANK: &str = env!("CARGO_BIN_EXE_bank");
const PHASES: &str = env!("CARGO_BIN_EXE_phases");
const CONNECTION_POOL: &str = env!("CARGO_BIN_EXE_connection_pool");

/// Is there something in shared memory under the name that a program makes of its number?
fn is_left(name: &str, process: u32) -> bool {
    let name = format!("{name}-{process}");
    let mut entries = fs::read_dir(Path::new("/dev/shm")).expect("a listing");
    entries.any(|entry| {
        let text = entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
        text.is_ok_and(|text| text.ends_with(&name))
    })
}

/// Runs a program to its end, which has to be a good one.
fn run(program: &str, name: &str, arguments: &[&str]) -> Ended {
    let stage = Stage::new(name);
    let running = stage.start(program, arguments);
    let process = running.process();
    let ended = running.succeeds();
    assert_eq!(ended.err, "");
    assert!(!is_left(name, process));
    ended
}

/// The number in front of a phrase.
fn number(said: &str, phrase: &str) -> u64 {
    let before = said.rsplit_once(phrase).unwrap_or_else(|| panic!("{phrase}: {said}")).0;
    let word = before.split_whitespace().last().expect("a word");
    word.parse().unwrap_or_else(|_| panic!("{word} before {phrase}"))
}

#[test]
fn no_money_is_lost_with_whoever_is_killed() {
    let said = run(BANK, "bank", &["1.5"]).out;
    assert!(said.contains("and was 16000 each time"), "{said}");
    assert!(number(&said, " transfers;") > 0 && number(&said, " processes were killed") > 0, "{said}");
}

#[test]
fn whoever_is_left_of_a_barrier_is_told_or_goes_on() {
    let said = run(PHASES, "phases", &[]).out;
    for phrase in [
        "the three others are told that the party of seat ",
        "4 processes passed phase 40 together",
        "3 processes passed phase 40 together",
    ] {
        assert!(said.contains(phrase), "{phrase}: {said}");
    }
}

#[test]
fn connections_come_back_from_whoever_is_killed() {
    let said = run(CONNECTION_POOL, "connection-pool", &[]).out;
    assert!(number(&said, " processes were killed") >= number(&said, " of them with a connection"), "{said}");
    assert!(number(&said, " of them with a connection") >= 30, "{said}");
    assert!(said.contains("all 3 connections are free again"), "{said}");
}

#[test]
fn where_the_first_process_is_killed_the_others_end() {
    for (program, name, arguments, phrase) in [
        (BANK, "bank", &["60"][..], "transfers,"),
        (PHASES, "phases", &[], "one is killed"),
        (CONNECTION_POOL, "connection-pool", &[], "one is killed"),
    ] {
        let stage = Stage::new(&format!("first-{name}"));
        let mut running = stage.start(program, arguments);
        // From then on there are others who take the name away.
        eventually("it is under way", || running.out().contains(phrase));
        running.kill();
        let process = running.process();
        // The last one to leave takes the name away.
        eventually("all have left", || !is_left(name, process));
    }
}

#[test]
fn what_cannot_work_is_said_at_once() {
    let stage = Stage::new("robust-said");
    for (program, arguments, phrase) in [
        (BANK, &["soon"][..], "soon is no number of seconds"),
        (BANK, &["-1"], "-1 is no number of seconds"),
        (BANK, &["1", "2"], "a number of seconds is all"),
        (BANK, &["clerk", "no-such-bank", "0", "1"], "no region named no-such-bank"),
        (BANK, &["clerk", "no/such", "0", "1"], "cannot stand at byte 2 of a name"),
        (PHASES, &["soon"], "there is nothing to be said"),
        (PHASES, &["party", "no-such-stage", "0", "1", "drop"], "no region named no-such-stage"),
        (CONNECTION_POOL, &["soon"], "there is nothing to be said"),
        (CONNECTION_POOL, &["worker", "no-such-pool", "1"], "no region named no-such-pool"),
    ] {
        stage.start(program, arguments).fails_with(phrase);
    }
}
