//! Both ends are killed and stopped again and again, and one of them at each point of a call, and no number is missing; and the
//! check finds it where one is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kill_your_own");

/// The folder of a test, which goes with it, and its ring.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let name = format!("kill-your-own-{}", self.0.file_name().unwrap().to_str().unwrap());
        // After a check that went well there is none.
        _ = ringway::shm::unlink(&ringway::Name::new(&name).unwrap());
        _ = fs::remove_dir_all(&self.0);
    }
}

/// The program `ringway-fuzz`, as the killers are built.
fn killers(arguments: &[&str]) -> Output {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../killers");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/Cargo.toml");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--package", "ringway-fuzz", "--no-default-features"])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .status()
        .unwrap();
    assert!(built.success());
    Command::new(target.join("release/ringway-fuzz")).args(arguments).output().unwrap()
}

#[test]
fn no_number_is_missing_or_doubled_however_often_both_ends_are_killed() {
    let folder = Folder::new("kill-your-own");
    let check = format!("{PROGRAM} check {}", folder.text());
    let said = killers(&[
        "storm",
        "--seconds",
        "2",
        "--kill",
        "KILL,STOP,TERM",
        "--exe",
        PROGRAM,
        "--check",
        &check,
        "--",
        "{copy:count,take}",
        folder.text(),
    ]);
    let out = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success() && out.contains(": 0 wrong"), "{said:?}");
    assert!(out.contains("none is missing, none is there twice"), "{out}");
    assert!(!out.contains("\n0 kills"), "{out}");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn no_number_is_missing_or_doubled_wherever_the_sender_is_killed() {
    let folder = Folder::new("kill-your-own-step");
    let check = format!("{PROGRAM} check {}", folder.text());
    let function = ["step", "--exe", PROGRAM, "--symbol", "put_one", "--check", &check];
    let said = killers(&[&function[..], &["--", "count", folder.text()]].concat());
    let out = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success() && out.contains(" 0 wrong") && !out.contains(" 0 kills"), "{said:?}");
}

#[test]
fn a_number_that_is_missing_is_found() {
    let folder = Folder::new("kill-your-own-missing");
    let numbers: Vec<u8> = [0u64, 1, 3].iter().flat_map(|number| number.to_le_bytes()).collect();
    fs::write(folder.0.join("received"), numbers).unwrap();
    let said = Command::new(PROGRAM).args(["check", folder.text()]).output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("3 stands where 2 should"), "{said:?}");
}
