//! `hostile`, as somebody at a terminal meets it.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The program with these words, begun here; a compiler other than the machine's, if one is named.
    fn run_with(&self, arguments: &[&str], compiler: Option<&str>) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringway-fuzz"));
        command.arg("hostile").args(arguments).current_dir(&self.0);
        compiler.map(|compiler| command.env("CXX", compiler));
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { status: status.code(), out: text(stdout), err: text(stderr) }
    }

    fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, None)
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
    /// Where a finding was kept.
    fn kept(&self) -> &str {
        let line = self.out.lines().find_map(|line| line.trim().strip_prefix("kept in "));
        let line = line.unwrap_or_else(|| panic!("nothing was kept: {self:?}"));
        line.split_once(" (").map_or(line, |(path, _)| path)
    }
}

#[test]
fn what_is_there_to_be_found_is_found_by_chance_kept_and_replayed() {
    let folder = Folder::new("chance");
    let said = folder.run(&["planted", "--plain", "--seconds", "60", "--seed", "7", "--corpus", "kept"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.out.contains("1 found") && said.out.contains("was ended by signal 11"), "{said:?}");
    let path = said.kept();
    let replayed = folder.run(&["replay", "planted", path]);
    assert_eq!(replayed.status, Some(1), "{replayed:?}");
    assert!(replayed.out.contains(": was ended by signal 11"), "{replayed:?}");
    // The same by the target's own program, and well by another one's.
    let program = |name: &str| Command::new(name).arg(path).current_dir(&folder.0).output().unwrap();
    assert_eq!(program(env!("CARGO_BIN_EXE_planted")).status.signal(), Some(11));
    assert!(program(env!("CARGO_BIN_EXE_bytes")).status.success());
}

#[test]
fn no_target_finds_anything_in_a_few_thousand_inputs_by_chance() {
    let folder = Folder::new("well");
    let said = folder.run(&["--plain", "--runs", "4000", "--jobs", "2"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    for name in ["bytes", "slots", "lines", "region", "waiting", "primitives"] {
        let line = said.out.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        assert!(line.contains(" 4000 runs, 0 found"), "{said:?}");
    }
    assert!(!said.out.contains("planted") && !folder.0.join("fuzz-corpus").exists(), "{said:?}");
}

#[test]
fn each_kind_of_ring_bears_a_process_that_scribbles() {
    let said = Folder::new("live").run(&["live", "--seconds", "0.5", "--seed", "3"]);
    assert_eq!((said.status, said.out.lines().count()), (Some(0), 4), "{said:?}");
    assert!(said.out.lines().all(|line| line.ends_with("0 found, seed 3")), "{said:?}");
}

#[test]
fn what_cannot_be_is_said() {
    let folder = Folder::new("usage");
    for arguments in [&["nothing", "--plain"][..], &["live", "bytes"], &["replay", "bytes"], &["--runs", "x"]]
    {
        let said = folder.run(arguments);
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{said:?}");
    }
    assert!(
        folder.run(&["nothing"]).err.contains("there are bytes, slots, lines, region, waiting, primitives")
    );
    assert_eq!(folder.run(&["replay", "bytes", "no-such-file"]).status, Some(2));
    let help = folder.run(&["--help"]);
    assert!(help.status == Some(0) && help.out.contains("ringway-fuzz hostile live"), "{help:?}");
}

#[test]
fn without_a_compiler_for_libfuzzer_it_says_what_to_install() {
    let said = Folder::new("compiler").run_with(&["bytes"], Some("no-such-compiler"));
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.err.contains("install g++ or clang") && said.err.contains("--plain"), "{said:?}");
}

#[test]
#[ignore = "builds everything once more, with AddressSanitizer: some minutes"]
fn what_is_there_to_be_found_is_found_by_libfuzzer() {
    let folder = Folder::new("libfuzzer");
    let said = folder.run(&["planted", "bytes", "--seconds", "10", "--seed", "7"]);
    if said.err.contains("install g++ or clang") {
        eprintln!("SKIPPED: {}", said.err);
        return;
    }
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.out.contains("AddressSanitizer: SEGV"), "{said:?}");
    let bytes = said.out.lines().find(|line| line.starts_with("bytes ")).unwrap();
    assert!(bytes.contains(" 0 found"), "{said:?}");
    let replayed = folder.run(&["replay", "planted", said.kept()]);
    assert!(replayed.status == Some(1) && replayed.out.contains("signal 11"), "{replayed:?}");
}
