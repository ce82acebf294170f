//! The command line, as somebody at a terminal meets it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringway-fuzz"));
        let output = command.args(arguments).current_dir(&self.0).output().unwrap();
        let Output { status, stdout, stderr } = output;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { status: status.code(), out: text(stdout), err: text(stderr) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is in the target folder, and no test's matter.
        _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug)]
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// The token that a failure is told with.
    fn token(&self) -> &str {
        let token = self.out.lines().find_map(|line| line.trim().strip_prefix("token: "));
        token.unwrap_or_else(|| panic!("no token in {self:?}"))
    }
}

#[test]
fn list_names_every_scenario() {
    let said = Folder::new("list").run(&["list"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    for entry in ringway_fuzz::protocols::all() {
        assert!(said.out.contains(entry.scenario.name()), "{said:?}");
    }
    let planted = said.out.lines().find(|line| line.starts_with("planted ")).unwrap();
    assert!(planted.ends_with("(by name only)"), "{planted}");
}

#[test]
fn every_verb_has_help() {
    let folder = Folder::new("help");
    let said = folder.run(&["--help"]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    assert_eq!(folder.run(&[]).out, said.out);
    for verb in ["list", "run", "replay", "shrink", "explain", "mutate", "deep"] {
        assert!(said.out.contains(&format!("\n  {verb:8} ")), "{verb} in {}", said.out);
        let own = folder.run(&[verb, "--help"]);
        assert_eq!(
            (own.status, own.out.contains(&format!("ringway-fuzz {verb}"))),
            (Some(0), true),
            "{own:?}"
        );
    }
}

#[test]
fn a_scenario_that_is_well_is_told_in_a_line() {
    let folder = Folder::new("well");
    let said = folder.run(&["run", "slots-try", "--json", "report.json"]);
    assert_eq!((said.status, said.out.lines().count()), (Some(0), 1), "{said:?}");
    assert!(said.out.starts_with("slots-try ") && !said.out.contains("not complete"), "{said:?}");
    let json = std::fs::read_to_string(folder.0.join("report.json")).unwrap();
    assert!(json.contains(r#""scenario": "slots-try", "bounds": "weak""#), "{json}");
    assert!(!folder.0.join("fuzz-corpus").exists(), "nothing was found");
    for way in ["uniform", "priorities"] {
        let said = folder.run(&["run", "slots-try", "--strategy", way, "--runs", "50", "--seed=7"]);
        assert_eq!((said.status, said.out.contains("seed 7")), (Some(0), true), "{said:?}");
    }
}

#[test]
fn what_fails_is_told_kept_and_run_again() {
    let folder = Folder::new("fails");
    let first = folder.run(&["run", "planted"]);
    assert_eq!(first.status, Some(1), "{first:?}");
    assert!(first.out.contains("receiver panicked") && first.out.contains("without=4"), "shrunk: {first:?}");
    let token = first.token().to_owned();

    let again = folder.run(&["run", "planted"]);
    assert!(again.status == Some(1) && again.out.contains("corpus: 0 well, 1 failing, 0 stale"), "{again:?}");
    // It is not there without its name, and so is not what it was kept for.
    let others = folder.run(&["run", "slots-try"]);
    assert_eq!(others.status, Some(0), "{others:?}");

    let replayed = folder.run(&["replay", &token]);
    assert!(replayed.status == Some(1) && replayed.out.contains("receiver panicked"), "{replayed:?}");
    let shrunk = folder.run(&["shrink", &token]);
    assert_eq!((shrunk.status, shrunk.token()), (Some(0), token.as_str()), "{shrunk:?}");
    for arguments in [&["explain", &token][..], &["explain", &token, "--all"]] {
        let explained = folder.run(arguments);
        assert_eq!(explained.status, Some(0), "{explained:?}");
        assert!(explained.out.contains("STALE: the newest is 0x7, by sender at step"), "{explained:?}");
        assert!(!explained.out.contains('\x1b'), "no colours where there is no terminal");
        assert!(explained.out.lines().all(|line| line.chars().count() <= 120), "{}", explained.out);
    }
}

#[test]
fn where_nothing_can_be_kept_the_others_are_explored_all_the_same() {
    let folder = Folder::new("unkept");
    let said = folder.run(&["run", "planted", "slots-try", "--corpus", "/proc/no-such-folder"]);
    assert_eq!((said.status, said.err.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.out.contains("    not kept: /proc/no-such-folder: "), "{said:?}");
    assert!(said.out.lines().last().unwrap().starts_with("slots-try "), "{said:?}");
}

#[test]
fn who_closes_the_pipe_has_seen_enough() {
    use std::io::Read as _;
    let folder = Folder::new("closed");
    for arguments in [&["trace"][..], &["list"], &["explain", "planted~weak,without=4~4.1~3ffc6d48", "--all"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringway-fuzz"));
        command.args(arguments).current_dir(&folder.0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(child.wait().unwrap().success() && told.is_empty(), "{arguments:?}: {told}");
    }
}

#[test]
fn an_argument_that_is_no_text_is_said_to_be_none() {
    use std::os::unix::ffi::OsStrExt as _;
    let argument = std::ffi::OsStr::from_bytes(b"run\xff");
    let output = Command::new(env!("CARGO_BIN_EXE_ringway-fuzz")).arg(argument).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_token_that_means_nothing_any_more_is_stale() {
    let folder = Folder::new("stale");
    std::fs::create_dir(folder.0.join("kept")).unwrap();
    let lines = "# of long ago\nnowhere~weak~0.1~00000000\nslots-try~weak~0.1-9.1~12345678\nrubbish\n";
    std::fs::write(folder.0.join("kept/old"), lines).unwrap();
    let said = folder.run(&["run", "slots-try", "--corpus", "kept"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.out.contains("corpus: 0 well, 0 failing, 3 stale"), "{said:?}");
    for why in ["there is no such scenario", "has changed since", "not a token"] {
        assert!(said.out.contains(why), "{why}: {said:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_said_and_the_status_is_2() {
    let folder = Folder::new("unknown");
    let wrong: [&[&str]; 18] = [
        &["rin"],
        &["run", "no-such-scenario"],
        &["run", "--sead", "7"],
        &["run", "--runs", "many"],
        &["run", "--strategy", "luck"],
        &["run", "--bounds", "feeble"],
        &["run", "--seed", "1"],
        &["replay"],
        &["replay", "rubbish"],
        &["explain", "nowhere~weak~0.1~00000000"],
        &["deep"],
        &["deep", "--minutes", "1", "--log", "no-such-folder/log"],
        &["run", "slots-try", "--bounds", "weak,kills=999"],
        &["run", "slots-try", "--json", "no-such-folder/report.json"],
        &["run", "slots-try", "--corpus", "/dev/null"],
        &["mutate", "slots-try", "--file", "no-such-file"],
        &["trace", "slots-try"],
        &["list", "slots-try"],
    ];
    for arguments in wrong {
        let said = folder.run(arguments);
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{arguments:?}: {said:?}");
        assert!(said.err.starts_with("ringway-fuzz: "), "{said:?}");
        // A file that is not there is named.
        let file = arguments.iter().find(|word| word.contains('/')).unwrap_or(&"");
        assert!(said.err.contains(file), "{said:?}");
    }
}

#[test]
fn deep_writes_a_line_into_its_log() {
    let folder = Folder::new("deep");
    let said = folder.run(&["deep", "--minutes", "0.02", "slots-try", "--seed", "5", "--log", "log"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let log = std::fs::read_to_string(folder.0.join("log")).unwrap();
    assert!(log.lines().count() == 1 && log.contains("seed 5,") && log.contains(" 0 failures"), "{log}");
}

#[test]
fn mutants_are_told_with_their_fate() {
    let folder = Folder::new("mutate");
    let said = folder.run(&["mutate", "slots-try", "--file", "ring/src/cursor.rs"]);
    assert!(matches!(said.status, Some(0 | 1)) && said.err.is_empty(), "{said:?}");
    assert!(said.out.contains("killed    ring/src/cursor.rs:"), "{said:?}");
    assert!(said.out.lines().last().unwrap().contains(" mutants: "), "{said:?}");
    // The planted scenario fails as it is: nothing can be learned by it.
    let said = folder.run(&["mutate", "planted"]);
    assert!(said.status == Some(1) && said.err.contains("fails without any mutant"), "{said:?}");
}
