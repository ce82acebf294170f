//! A protocol of your own under the explorer: two settings that change together, a mistake, and the protocol mended.
//!
//! ```text
//!   cargo run -p ringway-example-check-your-own -- run              what is right passes
//!   cargo run -p ringway-example-check-your-own -- run torn         the mistake is found, and told as a token
//!   cargo run -p ringway-example-check-your-own -- explain TOKEN    what happened, step by step
//!   cargo run -p ringway-example-check-your-own -- mutate           is every ordering needed?
//! ```
//!
//! The protocol is a sequence lock of one writer (Boehm, "Can Seqlocks Get Along With Programming Language Memory Models?",
//! 2012): the version is odd while the settings change, and a reader that finds another version behind its reads than
//! before them has read nothing.
//!
//! ```text
//!   writer    version |= 1 ── (fence) ── width, height ── version += 1
//!   reader    version: even? ── width, height ── (fence) ── version: the same?
//! ```
//!
//! It knows nothing of the explorer, and could run on any words of a region. All it has to do for being explored is to
//! take its atomics and fences from `ringway_shm::primitive`. Without the feature `model`, which this package switches on,
//! they are those of `core`.

#![forbid(unsafe_code)]

use ringway_fuzz::{Bounds, Entry, Process, Scenario, command_line};
use ringway_shm::primitive::Ordering::{Acquire, Relaxed, Release};
use ringway_shm::primitive::{AtomicU64, fence};
use std::process::ExitCode;

// ---- The protocol: your code. ----

/// Two settings in shared memory. `FENCED` is what was forgotten at first.
struct Settings<'a, const FENCED: bool> {
    version: &'a AtomicU64,
    width: &'a AtomicU64,
    height: &'a AtomicU64,
}

impl<const FENCED: bool> Settings<'_, FENCED> {
    /// Changes both. There is one writer.
    fn write(&self, width: u64, height: u64) {
        // A change and not a load and a store: it finds the newest version, also one that a dead writer left odd.
        // Relaxed: the fence hands it on.
        let odd = self.version.fetch_or(1, Relaxed) | 1;
        if FENCED {
            // Release: whoever sees a setting from below sees the odd version. Pairs with the fence in try_read.
            fence(Release);
        }
        // Relaxed, both: what they belong to is told by the version.
        self.width.store(width, Relaxed);
        self.height.store(height, Relaxed);
        // Release: publishes both. Pairs with the Acquire in try_read.
        self.version.store(odd + 1, Release);
    }

    /// Both settings, or none if they are just being changed.
    fn try_read(&self) -> Option<(u64, u64)> {
        // Acquire: the settings that are read below are those of this version, or newer. Pairs with the Release in write.
        let version = self.version.load(Acquire);
        if !version.is_multiple_of(2) {
            return None;
        }
        // Relaxed, both: the version is looked at again.
        let settings = (self.width.load(Relaxed), self.height.load(Relaxed));
        if FENCED {
            // Acquire: if one of them was newer, the version below is. Pairs with the fence in write.
            fence(Acquire);
        }
        (self.version.load(Relaxed) == version).then_some(settings)
    }
}

// ---- The scenario: who does what, and what must hold. ----

/// The settings in the words of the scenario's region. (A region of any other shape comes by `Scenario::region`.)
fn with_settings<const FENCED: bool, R>(me: &Process, call: impl FnOnce(Settings<'_, FENCED>) -> R) -> R {
    let (version, width, height) = (me.word(0), me.word(1), me.word(2));
    call(Settings { version: &version, width: &width, height: &height })
}

/// A writer that writes twice, and a reader that tries twice.
fn scenario<const FENCED: bool>(name: &str) -> Scenario {
    Scenario::new(name)
        .words(3)
        .process("writer", |me| {
            with_settings::<FENCED, _>(me, |settings| {
                settings.write(1, 10);
                settings.write(2, 20);
            });
        })
        .process("reader", |me| {
            for _ in 0..2 {
                // An attempt is a call that never waits: it has to end, wherever all others have stopped.
                let read =
                    me.attempt("try_read", || with_settings::<FENCED, _>(me, |settings| settings.try_read()));
                if let Some((width, height)) = read {
                    // A note is what the checks below can see of a run.
                    me.note("width", width);
                    // A panic in a process is a failure of the run.
                    assert_eq!(height, 10 * width, "settings of two versions");
                }
            }
        })
        // What must hold when nobody does anything any more. (A writer that was started again begins with the first
        // settings again.)
        .end(|end| {
            let widths = end.values("width");
            let is_in_order = widths.is_sorted() || !end.is_undisturbed();
            if is_in_order { Ok(()) } else { Err(format!("an old version after a new one: {widths:?}")) }
        })
}

/// What is explored.
pub(crate) fn entries() -> Vec<Entry> {
    vec![
        // Within these bounds: stale reads as the memory model allows them, and nobody dies.
        Entry::new(scenario::<true>("mended"), Bounds::WEAK, "both settings are of one version"),
        // One process is killed, at any step; if it is the writer, it may be started again.
        Entry::new(
            scenario::<true>("mended-kill"),
            Bounds::WEAK.kills(1).restarts(1),
            "the same, with a death, and a second writer after the first",
        ),
        // Only by its name, so that `run` passes.
        Entry::new(scenario::<false>("torn"), Bounds::WEAK, "without its fences").on_demand(),
    ]
}

// ---- The program. ----

fn main() -> ExitCode {
    command_line("check_your_own: two settings that change together, explored", entries())
}
