//! This very program, built once more as users build the libraries: without the explorer, and so without the door's hooks.
//!
//! ```text
//!   ringway-fuzz step        has the explorer: builds ─────▶ target/killers/release/ringway-fuzz step    does it
//! ```
//!
//! What the killers kill is to be what users run, instruction for instruction, and Cargo builds one program with one set of
//! features.

use super::{Fault, Outcome};
use ringway_shm::primitive::HAS_HOOKS;
use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Is this program built as users build the libraries?
pub(crate) fn is_this() -> bool {
    !cfg!(feature = "explorer") && !HAS_HOOKS
}

/// Goes on as the program built apart, with the same words: comes back only if it cannot.
pub(crate) fn go_on() -> Outcome {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let target = target_folder().join("killers");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let by_hand = "cargo build --release -p ringway-fuzz --no-default-features --target-dir target/killers";
    let status = Command::new(&cargo)
        .args(["build", "--release", "--quiet", "--package", "ringway-fuzz", "--no-default-features"])
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => return Err(Fault::Other("the killers cannot be built: see above".to_owned())),
        Err(error) => {
            let why = format!("{} does not run: {error}; build the killers by {by_hand}", cargo.display());
            return Err(Fault::Other(why));
        }
    }
    let program = target.join("release").join("ringway-fuzz");
    // The name that the user typed stays the one that is shown.
    let words: Vec<_> = env::args_os().collect();
    let called = words.first().cloned().unwrap_or_else(|| "ringway-fuzz".into());
    let error = Command::new(&program).arg0(called).args(words.iter().skip(1)).exec();
    Err(Fault::Other(format!("{} does not run: {error}", program.display())))
}

/// The folder that Cargo builds into: that of this program, if it lies in one.
pub(crate) fn target_folder() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let Ok(program) = env::current_exe() else { return usual() };
    let folder = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    folder.map_or_else(usual, Path::to_path_buf)
}
