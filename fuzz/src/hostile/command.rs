//! `hostile`: whatever bytes a peer may write, by libFuzzer, by chance, from a file, or from a process that scribbles.

use super::{TARGETS, Target, live, plain, sanitized, target};
use crate::command::{Arguments, Fault, Outcome, Verb, apart, seed_of_the_clock};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How targets are run.
pub(super) struct Plan {
    pub(super) runs: u64,
    pub(super) time: Duration,
    pub(super) seed: u64,
    /// Where findings are kept.
    pub(super) corpus: PathBuf,
    pub(super) jobs: u64,
}

pub(crate) fn verb<C>() -> Verb<C> {
    Verb {
        name: "hostile",
        about: "writes whatever a peer may write, before and between the calls of a victim",
        usage: "hostile [NAME...] [--plain] [--runs N | --seconds N] [--seed S] [--corpus DIR] [--jobs N]
       ringway-fuzz hostile replay NAME FILE...
       ringway-fuzz hostile live [--seconds N] [--seed S]",
        more: "  NAME         bytes, slots, lines, region, waiting; otherwise these five, one after the other. planted, by name only,
               has a fault that is there to be found
  --plain      inputs by chance, run by the functions as users build them. Otherwise libFuzzer looks for inputs, with
               AddressSanitizer: that takes a C++ compiler and, once, a few minutes to build
  --runs       inputs for each target
  --seconds    for each target, at most: 60 if neither is said
  --seed       where chance begins; otherwise one is drawn, and printed
  --corpus     the folder that findings are kept in, and what libFuzzer learns: fuzz-corpus if nothing is said
  --jobs       targets side by side, or with --plain processes for each target
  replay       runs kept inputs once more, each in a process of its own, as users build the libraries
  live         a process writes random words, and nearly right ones, all over a ring while others use it: each kind of
               ring for --seconds, 5 if nothing is said. A seed begins the same words; the races are new ones",
        example: "hostile bytes --plain --runs 100000",
        run: run::<C>,
    }
}

fn run<C>(_: &C, given: &[String]) -> Outcome {
    let arguments =
        Arguments::read(given, &["--runs", "--seconds", "--seed", "--corpus", "--jobs"], &["--plain"])?;
    let seconds: Option<f64> = arguments.value("--seconds")?;
    let time = seconds.map(Duration::try_from_secs_f64).transpose();
    let time = time.map_err(|_| Fault::usage("--seconds is no length of time"))?;
    let runs: Option<u64> = arguments.value("--runs")?;
    let seed = arguments.value("--seed")?;
    let words = &arguments.words;
    match words.first().map(String::as_str) {
        Some("live") if words.len() == 1 => {
            let seed = seed.unwrap_or_else(seed_of_the_clock);
            as_users_build(|| live::run(time.unwrap_or(Duration::from_secs(5)), seed))
        }
        Some("replay") if words.len() > 2 => {
            let target = named(&words[1])?;
            as_users_build(|| plain::replay(target, &words[2..]))
        }
        Some("live" | "replay") => {
            Err(Fault::usage("it is `hostile live`, and `hostile replay NAME FILE...`"))
        }
        _ => {
            let plan = Plan {
                runs: runs.unwrap_or(u64::MAX),
                time: time.unwrap_or(if runs.is_some() { Duration::MAX } else { Duration::from_secs(60) }),
                seed: seed.unwrap_or_else(seed_of_the_clock),
                corpus: arguments.text("--corpus").unwrap_or("fuzz-corpus").into(),
                jobs: arguments.value("--jobs")?.unwrap_or(1),
            };
            let chosen = chosen(words)?;
            if !arguments.has("--plain") {
                return sanitized::run(&chosen, &plan);
            }
            as_users_build(|| {
                let each = chosen.iter().map(|target| plain::run(target, &plan));
                each.collect::<Result<Vec<_>, _>>().map(|all| all.into_iter().all(|is_well| is_well))
            })
        }
    }
}

/// Does it in the program that has no hooks.
fn as_users_build(run: impl FnOnce() -> Outcome) -> Outcome {
    if apart::is_this() { run() } else { apart::go_on() }
}

fn chosen(names: &[String]) -> Result<Vec<&'static Target>, Fault> {
    if names.is_empty() {
        return Ok(TARGETS.iter().filter(|target| !target.is_planted).collect());
    }
    names.iter().map(|name| named(name)).collect()
}

fn named(name: &str) -> Result<&'static Target, Fault> {
    let names = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    target(name).ok_or_else(|| Fault::usage(format!("there is no target {name:?}: there are {}", names())))
}

/// The folder of inputs that a target is known to have use for; cargo-fuzz puts there what it learns.
pub(super) fn seeds(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}
