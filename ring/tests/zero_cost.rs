//! The door costs nothing: with the feature `model` off, a push and a pop are as many instructions as written by hand.
//!
//! Builds `zero_cost/twin.rs` apart (a workspace build would switch `model` on), and counts the instructions from each
//! function's entry to its first return, which is the path that finds room, or something there. What is compared is the
//! count.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Instructions that the ring's path may have more than its twin's: a pop's answer has four outcomes where the twin has an
/// `Option`, and makes room for them on the stack and gives it back. (With `model` on there are some forty more.)
const MORE_MAX: usize = 2;

#[test]
fn a_push_and_a_pop_cost_what_they_cost_by_hand() {
    let assembly = build();
    let count = |function| {
        let path = hot_path(&assembly, function);
        assert!(path.len() > 5, "{function} has a body: {path:?}");
        println!("{function}: {} instructions\n{}", path.len(), path.join("\n"));
        path.len()
    };
    let (push, push_twin) = (count("push_through_the_door"), count("push_by_hand"));
    let (pop, pop_twin) = (count("pop_through_the_door"), count("pop_by_hand"));
    assert!(push <= push_twin + MORE_MAX, "push: {push} instructions, by hand {push_twin}");
    assert!(pop <= pop_twin + MORE_MAX, "pop: {pop} instructions, by hand {pop_twin}");
}

/// The assembly of the twin's program, optimised, without the feature `model`.
fn build() -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("zero_cost");
    let status = Command::new(env!("CARGO"))
        .args(["rustc", "--quiet", "--release", "--package", "ringway", "--example", "zero_cost_twin"])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "--target-dir"])
        .arg(&target)
        .args(["--", "--emit", "asm,link", "-C", "debuginfo=0", "-C", "codegen-units=1"])
        .env_remove("RUSTFLAGS")
        .status();
    assert!(status.expect("cargo runs").success(), "the twin builds");
    let folder = target.join("release/examples");
    let twin = Command::new(folder.join("zero_cost_twin")).status();
    assert!(twin.expect("the twin runs").success(), "the twin does what the ring does");
    let assembly = newest(&folder, "s").expect("cargo left the assembly");
    std::fs::read_to_string(assembly).expect("the assembly is readable")
}

/// The last file written with this extension.
fn newest(folder: &Path, extension: &str) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let files = files.filter(|path| path.extension().is_some_and(|found| found == extension));
    files.max_by_key(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok())
}

/// The instructions of a function from its label to its first return.
fn hot_path<'a>(assembly: &'a str, function: &str) -> Vec<&'a str> {
    let label = format!("{function}:");
    let body = assembly.lines().skip_while(|line| *line != label).skip(1).map(str::trim);
    // Directives begin with a dot, comments with #, labels end with a colon.
    let instructions =
        body.filter(|line| !line.is_empty() && !line.starts_with(['.', '#']) && !line.ends_with(':'));
    let mut path = Vec::new();
    for instruction in instructions {
        path.push(instruction);
        if instruction.starts_with("ret") {
            break;
        }
    }
    path
}
