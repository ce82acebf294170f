//! `step`, as somebody at a terminal meets it.

#![cfg(target_arch = "x86_64")]

use std::process::{Command, Output};

#[derive(Debug)]
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

fn step(arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringway-fuzz"));
    let Output { status, stdout, stderr } = command.arg("step").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { status: status.code(), out: text(stdout), err: text(stderr) }
}

/// The number before a word of the last line.
fn count(said: &Said, of: &str) -> u64 {
    let last = said.out.lines().last().unwrap_or_default();
    let before = last.split(of).next().unwrap_or_default();
    let number = before.trim_end().rsplit(' ').next().and_then(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("no number of {of:?} in {said:?}"))
}

#[test]
fn a_kill_and_a_stop_anywhere_in_a_send_and_a_receive_harm_nobody() {
    let said =
        step(&["slots: try_send, one waiting", "lines: try_recv, two waiting", "bytes: recv_until, waits"]);
    assert_eq!((said.status, count(&said, "wrong")), (Some(0), 0), "{said:?}");
    assert!(count(&said, "operations") == 3 && count(&said, "kills") > 40, "{said:?}");
    assert!(count(&said, "stops") > 40, "{said:?}");
}

#[test]
fn a_kill_and_a_stop_anywhere_in_a_verb_of_a_primitive_harm_nobody() {
    let said = step(&[
        "mutex: unlock, one waiting",
        "spinlock: unlock, one waiting",
        "semaphore: release, two waiting",
        "permits: release, two waiting",
        "barrier: arrive, the last, two waiting",
    ]);
    assert_eq!((said.status, count(&said, "wrong")), (Some(0), 0), "{said:?}");
    assert!(count(&said, "operations") == 5 && count(&said, "kills") > 30, "{said:?}");
    assert!(count(&said, "stops") > 40, "{said:?}");
}

#[test]
fn a_kill_of_who_recovers_harms_nobody() {
    let said = step(&["mirrored: try_send", "--only", "recover", "--at", "9"]);
    assert_eq!((said.status, count(&said, "wrong")), (Some(0), 0), "{said:?}");
    assert!(count(&said, "recoverers") > 60, "{said:?}");
}

#[test]
fn what_is_wrong_is_found_and_can_be_had_again() {
    let said = step(&["planted"]);
    assert_eq!((said.status, count(&said, "wrong")), (Some(1), 1), "{said:?}");
    assert!(said.out.contains("are not equal") && said.out.contains("in <"), "{said:?}");
    let again = said.out.lines().find_map(|line| line.trim().strip_prefix("step 'planted' "));
    let again: Vec<&str> = again.expect("how to do it again").split(' ').collect();
    let said = step(&[&["planted"], again.as_slice()].concat());
    assert_eq!((said.status, count(&said, "kills")), (Some(1), 0), "{said:?}");
}

#[test]
fn the_list_has_every_sort_of_operation_and_every_verb_of_a_ring() {
    let said = step(&["--list"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    for part in [
        "name: create",
        "file: open_or_create, leftover",
        "ring by name: open",
        "region: adopt as guest",
        "rows: drop claim, two waiting",
        "bell: sleep, two waiting",
        "bytes: batch, try_send, flush, two waiting",
        "mirrored: producer attach, one waiting",
        "slots: try_view, release",
        "lines: send_many_until, waits",
        "lines: await_producer, in vain",
        "mutex: lock, and the holder dies, two waiting behind",
        "spinlock: lock_or_repair of the dead",
        "semaphore: release two, one waiting",
        "binary: release, it was released",
        "permits: release, a dead one had waited",
        "barrier: arrive_and_drop, drops, a seat is free",
    ] {
        assert!(said.out.lines().any(|line| line == part), "no {part:?} in {said:?}");
    }
    assert!(!said.out.contains("planted"), "{said:?}");
}

#[test]
fn a_function_of_another_program_is_stepped_through_by_its_name() {
    // The program that complains of an unknown verb says its own name.
    let program = env!("CARGO_BIN_EXE_ringway-fuzz");
    let function = ["--exe", program, "--symbol", "ringway_fuzz::command::name_of"];
    let said = step(&[&function[..], &["--check", "exit 0", "--", "no-verb"]].concat());
    assert_eq!((said.status, count(&said, "wrong")), (Some(0), 0), "{said:?}");
    assert!(count(&said, "kills") >= 2, "{said:?}");
    let said = step(&[&function[..], &["--check", "exit 3", "--", "no-verb"]].concat());
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.err.contains("killed when it had returned"), "{said:?}");
}

#[test]
fn what_cannot_be_done_is_said() {
    for (arguments, why) in [
        (&["no such operation"][..], "no operation's name contains"),
        (&["--only", "maim"], "kill, stop or recover"),
        (&["--jobs", "0"], "--jobs 0"),
        (&["--symbol", "put"], "--exe is missing"),
        (&["--exe", "/no/such/program", "--symbol", "put"], "/no/such/program"),
        (&["--exe", env!("CARGO_BIN_EXE_ringway-fuzz")], "--symbol is missing"),
        (&["--exe", env!("CARGO_BIN_EXE_ringway-fuzz"), "--symbol", "no_such_function"], "has no function"),
        (&["--", "more"], "is too much"),
    ] {
        let said = step(arguments);
        assert_eq!(said.status, Some(2), "{arguments:?}: {said:?}");
        assert!(said.err.contains(why), "{arguments:?}: {said:?}");
    }
}
