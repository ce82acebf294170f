//! Inputs by chance, run by the functions as users build them: without libFuzzer, so without a C++ compiler, and some ten
//! times as fast.
//!
//! ```text
//!   director ──fork──▶ worker: input of number n ─ run ─ n + jobs ─ ...
//!        ▲                │ Board: the number that it is at
//!        └────────────────┘ ended, or no longer on its way: the input of that number is a finding
//! ```
//!
//! A finding is made shorter, each attempt in a process of its own, and kept.

use super::Target;
use super::chance::input;
use super::command::Plan;
use super::region::forget_of;
use crate::actor::{Actor, Board, Ending};
use crate::command::{Fault, Outcome, at, progress};
use ringway_shm::primitive::Ordering;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One input may take so long: a thousand times what the slowest takes, on a machine that has much else to do.
const LIMIT: Duration = Duration::from_secs(10);

/// How often the director looks.
const LOOK: Duration = Duration::from_millis(100);

/// Inputs that are tried to make a finding shorter.
const ATTEMPTS: usize = 400;

/// What is wrong with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Ended(Ending),
    TookTooLong,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(Ending::Exited(crate::actor::PANICKED)) => f.write_str("panicked"),
            Self::Ended(ending) => ending.fmt(f),
            Self::TookTooLong => write!(f, "took longer than {} s", LIMIT.as_secs()),
        }
    }
}

/// Runs one target by chance. Is all well?
pub(super) fn run(target: &Target, plan: &Plan) -> Outcome {
    let known = known(target.name)?;
    let jobs = plan.jobs.max(1);
    let board = Board::new(2 * jobs as usize)?;
    let mut workers = Vec::new();
    for job in 0..jobs {
        let (now, done) = (&board[2 * job as usize], &board[2 * job as usize + 1]);
        workers.push(Actor::start(|| {
            for number in (job..plan.runs).step_by(jobs as usize) {
                now.store(number, Ordering::Relaxed);
                target.run(&input(plan.seed, number, &known), &mut ());
                done.fetch_add(1, Ordering::Relaxed);
            }
            0
        })?);
    }
    let began = Instant::now();
    let mut seen = vec![(u64::MAX, began); jobs as usize];
    let count = || (0..jobs as usize).map(|job| board[2 * job + 1].load(Ordering::Relaxed)).sum::<u64>();
    let found = loop {
        std::thread::sleep(LOOK.min(Duration::from_millis(5 + began.elapsed().as_millis() as u64)));
        let runs = count();
        let each = runs as f64 / began.elapsed().as_secs_f64();
        progress::rewrite(&format!("{:8} {runs:>12} runs {each:>9.0} a second", target.name));
        let mut found = None;
        let mut are_over = true;
        for (job, worker) in workers.iter_mut().enumerate() {
            let done = board[2 * job + 1].load(Ordering::Relaxed);
            let wrong = match worker.ended() {
                Some(Ending::Exited(0)) => continue,
                Some(ending) => Some(Wrong::Ended(ending)),
                None if seen[job].0 == done && seen[job].1.elapsed() > LIMIT => Some(Wrong::TookTooLong),
                None => None,
            };
            if seen[job].0 != done {
                seen[job] = (done, Instant::now());
            }
            are_over = false;
            if let Some(wrong) = wrong {
                found = Some((board[2 * job].load(Ordering::Relaxed), wrong));
            }
        }
        if found.is_some() || are_over || began.elapsed() >= plan.time {
            break found;
        }
    };
    let processes: Vec<i32> = workers.iter().map(|worker| worker.id().as_raw_nonzero().get()).collect();
    drop(workers);
    processes.into_iter().for_each(forget_of);
    progress::clear();
    let (runs, seconds) = (count(), began.elapsed().as_secs_f64());
    let (name, seed, each) = (target.name, plan.seed, runs as f64 / seconds);
    let found_count = u8::from(found.is_some());
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "{name:8} {runs} runs, {found_count} found, {seconds:.1} s, {each:.0} a second, seed {seed}"
    )?;
    let Some((number, wrong)) = found else { return Ok(true) };
    let whole = input(plan.seed, number, &known);
    writeln!(output, "    run {number}: {wrong}")?;
    output.flush()?;
    tell(target, &shortened(target, whole, wrong), &plan.corpus)?;
    Ok(false)
}

/// The inputs that are known from the start: those with the short names. What cargo-fuzz has learned here lies beside them.
pub(super) fn known(name: &str) -> Result<Vec<Vec<u8>>, Fault> {
    let folder = super::command::seeds(name);
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.file_name().is_some_and(|name| name.len() == 2));
    // The input of a number follows from them in this order.
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).map_err(|error| Fault::from(at(path, &error)));
    paths.iter().map(read).collect()
}

/// Keeps an input that has found something, and says how it is run again.
fn tell(target: &Target, input: &[u8], corpus: &Path) -> Result<(), Fault> {
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let path = corpus.join(format!("hostile-{}-{hash:016x}", target.name));
    let kept = fs::create_dir_all(corpus).and_then(|()| fs::write(&path, input));
    kept.map_err(|error| at(&path, &error))?;
    let mut output = io::stdout().lock();
    writeln!(output, "    kept in {} ({} bytes)", path.display(), input.len())?;
    writeln!(output, "    ringway-fuzz hostile replay {} {}", target.name, path.display())?;
    Ok(())
}

/// How an input ends, in a process of its own; nothing if it ends well.
fn wrong(target: &Target, input: &[u8], is_quiet: bool) -> io::Result<Option<Wrong>> {
    let mut actor = Actor::start(|| {
        if is_quiet {
            std::panic::set_hook(Box::new(|_| {}));
        }
        target.run(input, &mut ());
        0
    })?;
    let ended = actor.wait(LIMIT);
    let process = actor.id().as_raw_nonzero().get();
    drop(actor);
    forget_of(process);
    Ok(match ended {
        Some(Ending::Exited(0)) => None,
        Some(ending) => Some(Wrong::Ended(ending)),
        None => Some(Wrong::TookTooLong),
    })
}

/// The input without what it does not take to end in the same way.
fn shortened(target: &Target, mut input: Vec<u8>, found: Wrong) -> Vec<u8> {
    // Ten seconds for each attempt would be too much.
    if found == Wrong::TookTooLong {
        return input;
    }
    let mut attempts = 0;
    let mut part = input.len().div_ceil(2);
    while part > 0 {
        let mut at = 0;
        while at < input.len() && attempts < ATTEMPTS {
            attempts += 1;
            progress::rewrite(&format!("{}: a shorter input than {} bytes?", target.name, input.len()));
            let mut shorter = input.clone();
            shorter.drain(at..(at + part).min(input.len()));
            if wrong(target, &shorter, true).is_ok_and(|wrong| wrong == Some(found)) {
                input = shorter;
            } else {
                at += part;
            }
        }
        part /= 2;
    }
    progress::clear();
    input
}

/// Runs inputs that were kept, each in a process of its own. Is all well?
pub(super) fn replay(target: &Target, files: &[String]) -> Outcome {
    let mut is_well = true;
    for file in files {
        let input = fs::read(file).map_err(|error| at(Path::new(file), &error))?;
        let wrong = wrong(target, &input, false)?;
        let said = wrong.map_or_else(|| "well".to_owned(), |wrong| wrong.to_string());
        writeln!(io::stdout(), "{file}: {said}")?;
        is_well &= wrong.is_none();
    }
    Ok(is_well)
}
