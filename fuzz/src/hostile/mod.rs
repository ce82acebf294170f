//! Whatever bytes a peer may write, before a victim attaches and between any two of its calls.
//!
//! ```text
//!   bytes of an input ──▶ shape · image of the region · script        input.rs, script.rs, tamper.rs, region.rs
//!                              │
//!         guard page ▓ region of a stage ▓ guard page                 guard.rs, stage.rs
//!                              │
//!                     victims: every verb of every handle             victim.rs, bytes.rs, slots.rs, primitives.rs
//!                              │
//!            typed answers? within bounds? only what is its own?      watched.rs
//! ```
//!
//! The same functions run under libFuzzer (`fuzz/targets`, `cargo fuzz run NAME`, sanitized.rs), by chance without it
//! (plain.rs), and, with the calls' steps counted, in `fuzz/tests/hostile_steps.rs`. Beside a process that writes while they
//! run, victims stand in live.rs.

mod bytes;
mod chance;
mod command;
mod guard;
mod image;
mod input;
mod live;
mod plain;
mod planted;
mod primitives;
mod region;
mod sanitized;
mod script;
mod slots;
mod stage;
mod tamper;
mod victim;
mod watched;

use crate::hostile::script::About;
use crate::hostile::stage::{Kind, SHAPES, Shape};
use std::process::ExitCode;

pub use chance::input;
pub(crate) use command::verb;

// What libFuzzer drives is what users run.
#[cfg(fuzzing)]
const _: () = assert!(!ringway_shm::primitive::HAS_HOOKS);

/// Who wants to know of each call that a victim makes.
pub trait Watch {
    /// A call begins.
    fn begins(&mut self) {}

    /// It has come back: what was called, and how many bytes, slots or messages it was given or had room for.
    fn ended(&mut self, name: &'static str, handed: u64) {
        let _ = (name, handed);
    }
}

/// Nobody.
impl Watch for () {}

/// A function from inputs to findings: it panics, faults, or takes too long.
pub struct Target {
    /// Its name: that of its program as well.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// It is there to be found, and runs by name only.
    pub is_planted: bool,
    run: fn(&[u8], &mut dyn Watch),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "bytes",
        about: "rings of byte records, padded and mirrored",
        is_planted: false,
        run: |input, watch| script::play(input, &of(&[Kind::Padded, Kind::Mirrored]), About::Messages, watch),
    },
    Target {
        name: "slots",
        about: "rings of slots in the throughput layout",
        is_planted: false,
        run: |input, watch| script::play(input, &of(&[Kind::Slots]), About::Messages, watch),
    },
    Target {
        name: "lines",
        about: "rings of slots in the latency layout",
        is_planted: false,
        run: |input, watch| script::play(input, &of(&[Kind::Lines]), About::Messages, watch),
    },
    Target {
        name: "region",
        about: "whatever stands where a region is expected, and in its rows",
        is_planted: false,
        run: region::play,
    },
    Target {
        name: "waiting",
        about: "waits of a few microseconds, beside doors, seats and rows that lie",
        is_planted: false,
        run: |input, watch| script::play(input, &SHAPES, About::Waits, watch),
    },
    Target {
        name: "primitives",
        about: "locks, semaphores, permits, a barrier and data, in words and rows that lie",
        is_planted: false,
        run: primitives::play,
    },
    Target {
        name: "planted",
        about: "a reader that believes a length: it is there to be found",
        is_planted: true,
        run: planted::play,
    },
];

/// The shapes of these kinds.
fn of(kinds: &[Kind]) -> Vec<Shape> {
    SHAPES.into_iter().filter(|shape| kinds.contains(&shape.kind)).collect()
}

/// The target of a name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The inputs that a target is known to have use for: those of `fuzz/corpus/NAME`.
///
/// # Panics
///
/// When there are some, and they cannot be read.
#[must_use]
pub fn known(name: &str) -> Vec<Vec<u8>> {
    plain::known(name).unwrap_or_else(|fault| panic!("{fault:?}"))
}

/// Runs one input.
///
/// # Panics
///
/// When it has found something, or when there is no such target.
pub fn run(name: &str, input: &[u8]) {
    target(name).expect("a target of this name").run(input, &mut ());
}

impl Target {
    /// Runs one input, and tells of each call.
    ///
    /// # Panics
    ///
    /// When it has found something.
    pub fn run(&self, input: &[u8], watch: &mut dyn Watch) {
        (self.run)(input, watch);
    }
}

/// The program of one target, without libFuzzer: runs the files that it is given.
#[must_use]
pub fn replay(name: &str) -> ExitCode {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    let is_help = |file: &std::ffi::OsString| file == "--help" || file == "-h";
    if files.is_empty() || files.iter().any(is_help) {
        let about = target(name).map_or("", |target| target.about);
        println!(
            "usage: {name} FILE...\n\nRuns inputs of the target `{name}` ({about}), as libFuzzer would."
        );
        println!(
            "It was built without libFuzzer: `cargo fuzz run {name}` looks for inputs that find something."
        );
        return ExitCode::from(if files.is_empty() { 2 } else { 0 });
    }
    for file in files {
        match std::fs::read(&file) {
            Ok(input) => run(name, &input),
            Err(error) => {
                eprintln!("{name}: {}: {error}", file.display());
                return ExitCode::from(2);
            }
        }
        println!("{}: well", file.display());
    }
    ExitCode::SUCCESS
}
