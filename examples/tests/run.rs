//! Each example runs alone with one command and says what it should.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs an example to its end; it bounds itself.
fn run(program: &str, arguments: &[&Path]) -> Output {
    Command::new(program).args(arguments).output().expect("the example starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file that is removed when dropped.
struct Sample(PathBuf);

impl Sample {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::write(&path, content).expect("the sample can be written");
        Self(path)
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn hello_is_said_by_another_process() {
    let output = run(env!("CARGO_BIN_EXE_hello"), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..2], ["hello", "from process"]);
    assert!(lines[2].parse::<u32>().is_ok_and(|process| process != std::process::id()), "{said}");
}

#[test]
fn a_file_arrives_intact() {
    // More than a ring holds, and no multiple of a record.
    let mut word = 0x2545_f491_4f6c_dd1du64;
    let large: Vec<u8> = std::iter::repeat_with(|| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word as u8
    })
    .take((5 << 20) + 12_345)
    .collect();
    for content in [&large[..], &large[..65_536], b"x", b""] {
        let sample = Sample::new(&format!("sample-{}", content.len()), content);
        let output = run(env!("CARGO_BIN_EXE_transfer"), &[&sample.0]);
        let said = text(&output.stdout);
        assert!(output.status.success(), "{said}{}", text(&output.stderr));
        let digest = |prefix| {
            let line = said.lines().find(|line| line.starts_with(prefix)).expect("both ends report");
            line.split_whitespace().nth(1).expect("a digest").to_owned()
        };
        assert_eq!(digest("sent"), digest("received"));
        assert!(said.contains(&format!("{} bytes", content.len())), "{said}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = run(env!("CARGO_BIN_EXE_transfer"), &[Path::new("/no/such/file")]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("/no/such/file"), "{}", text(&output.stderr));
}

#[test]
fn an_end_that_is_given_nonsense_says_so_in_a_phrase() {
    for (program, argument) in [
        (env!("CARGO_BIN_EXE_hello"), "no/such"),
        (env!("CARGO_BIN_EXE_hello"), "no-such-ring"),
        (env!("CARGO_BIN_EXE_transfer"), "--bogus"),
    ] {
        let output = run(program, &[Path::new(argument)]);
        let said = text(&output.stderr);
        assert!(!output.status.success());
        assert!(said.lines().count() == 1 && !said.contains('{'), "{said}");
    }
}
