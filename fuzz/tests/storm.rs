//! Storms and histories from the command line: short ones, one with a hang that was planted, and what is said to those who type
//! something else. The program is the one that Cargo built for the tests; it builds the killers beside it, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is in the target folder, and no test's matter.
        _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug)]
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

fn run(arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_ringway-fuzz")).args(arguments).output().unwrap();
    let Output { status, stdout, stderr } = output;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { status: status.code(), out: text(stdout), err: text(stderr) }
}

/// The number before a word of the last line.
fn counted(said: &Said, word: &str) -> u64 {
    let last = said.out.lines().last().unwrap_or_default();
    let before = last.split(word).next().unwrap_or_default().trim_end();
    before
        .rsplit([' ', '('])
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{word} in {said:?}"))
}

/// Names that a storm has made and left in memory.
fn names() -> Vec<String> {
    let entries = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains("-storm-")).collect()
}

/// Those of them whose process has ended.
fn left_behind() -> Vec<String> {
    let is_left = |name: &String| {
        let process = name.split("-storm-").nth(1).and_then(|rest| rest.split('-').next());
        process.is_some_and(|process| !Path::new("/proc").join(process).exists())
    };
    names().into_iter().filter(is_left).collect()
}

#[test]
fn every_scenario_comes_through_a_short_storm() {
    // What somebody's storm left that was killed itself is not this one's.
    let before = left_behind();
    let rings = ["bytes", "mirrored", "slots", "lines", "named-bytes", "named-lines"];
    let primitives = ["mutex", "spinlock", "permits", "semaphore", "barrier-break", "barrier-drop"];
    for name in rings.iter().chain(&["places"]).chain(&primitives) {
        let said = run(&["storm", name, "--kills", "25", "--processes", "4"]);
        assert_eq!(said.status, Some(0), "{name}: {said:?}");
        assert!(said.out.starts_with("storm --seed ") && said.out.contains(": 0 wrong"), "{name}: {said:?}");
        assert!(counted(&said, "kills") >= 25 && counted(&said, "starts") >= 25, "{name}: {said:?}");
        assert!(!rings.contains(name) || counted(&said, "messages") > 0, "{name}: {said:?}");
        assert!(!primitives.contains(name) || counted(&said, "turns") > 0, "{name}: {said:?}");
    }
    let left: Vec<String> = left_behind().into_iter().filter(|name| !before.contains(name)).collect();
    assert_eq!(left, [] as [String; 0]);
}

#[test]
fn all_of_them_blow_at_once_and_say_what_they_came_to() {
    let folder = Folder::new("storm");
    let file = folder.0.join("storm.json");
    let said = run(&["storm", "--seconds", "2", "--seed", "7", "--json", file.to_str().unwrap()]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.out.starts_with("storm --seed 7\n"), "{said:?}");
    assert!(counted(&said, "stops") > 0 && counted(&said, "regions") >= 13, "{said:?}");
    let json = fs::read_to_string(file).unwrap();
    assert!(json.starts_with("{\"seed\": 7, \"kills\": ") && json.ends_with("\"wrong\": null}\n"), "{json}");
}

#[test]
fn who_hangs_is_told_with_all_words_owners_calls_and_stacks() {
    let said = run(&["storm", "planted-hang", "--seconds", "60", "--processes", "2"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.out.contains("wrong: planted-hang-0 consumer 1: a call has not ended in 1s: it hangs"),
        "{said:?}"
    );
    assert!(said.out.contains(": 1 wrong"), "{said:?}");
    for told in [
        "arrived 0x",
        "(somebody may sleep)",
        "producer row+1",
        "Process Alive",
        "recv_until, 0 messages done, 1 under way",
        "State:\tS (sleeping)",
        "stack of ",
        "recv_until",
    ] {
        assert!(said.err.contains(told), "{told} in {}", said.err);
    }
}

#[test]
fn a_short_history_is_explained() {
    let said = run(&["history", "--operations", "100000", "--seed", "7"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.out.starts_with("history --seed 7 (") && said.out.contains(": 0 wrong"), "{said:?}");
    assert!(counted(&said, "operations") >= 100_000 && counted(&said, "short histories") > 1000, "{said:?}");
    for way in ["--processes", "--threads"] {
        let said = run(&["history", "lines", "--operations", "20000", way]);
        assert_eq!(said.status, Some(0), "{said:?}");
    }
}

#[test]
fn a_program_of_ones_own_is_killed_started_again_and_checked() {
    let folder = Folder::new("storm-exe");
    let noted = folder.0.join("noted");
    // Each copy notes that it was started, and sleeps until it is killed.
    let script = format!("echo $0 $RINGWAY_STORM_COPY >> {}; exec sleep 60", noted.display());
    let check = folder.0.join("check.sh");
    fs::write(
        &check,
        format!("#!/bin/sh\necho $RINGWAY_STORM_KILLS\ngrep -q '^one-1 1$' {}\n", noted.display()),
    )
    .unwrap();
    let check = format!("sh {}", check.display());
    let storm =
        ["storm", "--seconds", "1", "--exe", "sh", "--copies", "2", "--every", "20", "--check", &check];
    let said = run(&[&storm[..], &["--", "-c", &script, "{copy:none,one}-{copy}"]].concat());
    assert_eq!(said.status, Some(0), "{said:?}");
    let kills: Vec<u64> =
        said.out.lines().nth(1).unwrap().split(',').map(|kills| kills.parse().unwrap()).collect();
    assert_eq!((kills.len(), kills.iter().sum::<u64>()), (2, counted(&said, "kills")), "{said:?}");
    let started = fs::read_to_string(&noted).unwrap().lines().count() as u64;
    assert!(started > 2 && started <= counted(&said, "starts"), "{started} of {said:?}");
}

#[test]
fn a_program_that_ends_otherwise_or_hangs_or_fails_its_check_is_wrong() {
    let storm = |words: &[&str]| {
        run(&[&["storm", "--seconds", "20", "--kill", "STOP", "--exe", "sh"], words].concat())
    };
    let said = storm(&["--", "-c", "exit 7"]);
    assert!(said.status == Some(1) && said.out.contains("exited with 7"), "{said:?}");
    let said = storm(&["--", "-c", "kill -SEGV $$"]);
    assert!(said.status == Some(1) && said.out.contains("was ended by signal 11"), "{said:?}");
    let said = run(&["storm", "--seconds", "0.1", "--exe", "sleep", "--check", "false", "--", "60"]);
    assert!(said.status == Some(1) && said.out.contains("the check exited with 1"), "{said:?}");
    let said = run(&["storm", "--exe", "/no/such/program"]);
    assert!(said.status == Some(1) && said.out.contains("does not start"), "{said:?}");
    let said = storm(&["--", "-c", "touch $RINGWAY_STORM_ALIVE; exec sleep 60"]);
    assert!(said.status == Some(1) && said.out.contains("it hangs"), "{said:?}");
}

#[test]
fn the_help_says_it_and_what_cannot_be_is_refused() {
    for verb in ["storm", "history"] {
        let said = run(&[verb, "--help"]);
        assert_eq!(
            (said.status, said.out.contains(&format!("usage: ringway-fuzz {verb}"))),
            (Some(0), true),
            "{said:?}"
        );
        assert!(said.out.lines().all(|line| line.len() <= 120), "{said:?}");
        assert!(run(&["--help"]).out.contains(&format!("\n  {verb:8} ")));
    }
    for line in [
        "storm no-such-scenario",
        "storm --seconds 1 --kills 1",
        "storm --seconds x",
        "storm --seconds -1",
        "storm --processes 0",
        "storm --copies 2",
        "storm -- words",
        "storm slots --exe true",
        "storm --exe true --kill SEGV",
        "storm --exe true --copies 0",
        "storm --exe true --processes 3",
        "history no-such-ring",
        "history --processes --threads",
        "history --operations many",
    ] {
        let said = run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!((said.status, said.err.lines().count()), (Some(2), 2), "{line}: {said:?}");
    }
}
