//! `step`: a kill, and a stop, at every instruction of every operation, on the program as users run it.
//!
//! ```text
//!   operations/   what is stepped through: a file for each sort of thing, a line for each operation
//!   scene.rs      what the processes of a stage tell each other
//!   sweep.rs      one operation: surveyed, killed, stopped, recovered from
//!   tracee.rs     a process that takes one instruction at a time
//!   outside.rs    what others could tell of it
//!   source.rs     on which line it is
//!   program.rs    the same for a function of somebody's own program
//! ```

mod operations;
mod outside;
mod program;
mod scene;
mod source;
mod sweep;
mod tracee;

use crate::actor::{Actor, Board};
use crate::command::{Arguments, Fault, Outcome, Verb, apart, progress};
use ringway_shm::primitive::Ordering::Relaxed;
use std::io::{self, Write};
use std::time::{Duration, Instant};
use sweep::{Blow, Depth, Operation};

pub(crate) fn verb<C>() -> Verb<C> {
    Verb {
        name: "step",
        about: "kills, stops, and kills who recovers, at every instruction of every operation",
        usage: "step [TEXT...] [--every] [--only kill|stop|recover] [--at N] [--jobs N] [--list]
       step --exe PROGRAM --symbol NAME [--check PROGRAM] [--hits N] [--every] [-- ARGUMENT...]",
        more: "  TEXT         the operation of this name, or all whose names contain it; otherwise all. `planted` is one with a mistake, to be found
  --every      at each instruction. Otherwise where others could tell a difference: before and behind each change of
               the memory that a process shares, and each call to the kernel; and at each instruction of short ones
  --only       only this is done: kill, stop or recover
  --at         only at the point behind so many instructions: what is printed with a failure
  --jobs       so many at once: as many as there are cores, if nothing is said
  --list       names the operations
A function of a program of your own:
  --exe        the program. It is started for each point, and stepped through from where it enters the function
  --symbol     the function: a part of its name in the program's symbol table that no other one has
  --hits       from the so-manieth time that it is entered; the first, if nothing is said
  --check      a program that is run after each kill, by `sh -c`: its exit status is 0 when all is well
The exit status is 1 when something is wrong. The same arguments make the same points; there is no chance in them.",
        example: "step 'slots: try_send' --every",
        run,
    }
}

fn run<C>(_: &C, given: &[String]) -> Outcome {
    let (given, after) = match given.iter().position(|word| word == "--") {
        Some(at) => (&given[..at], &given[at + 1..]),
        None => (given, &[][..]),
    };
    let with_value = ["--only", "--at", "--jobs", "--exe", "--symbol", "--check", "--hits"];
    let arguments = Arguments::read(given, &with_value, &["--every", "--list"])?;
    let depth = if arguments.has("--every") { Depth::Every } else { Depth::Changes };
    if let Some(program) = arguments.text("--exe") {
        let other = ["--only", "--jobs"].into_iter().find(|name| arguments.text(name).is_some());
        if let Some(option) = other.or(arguments.has("--list").then_some("--list")) {
            return Err(Fault::usage(format!(
                "{option} is for Ringway's operations: it does not go with --exe"
            )));
        }
        return program::run(program, &arguments, depth, after);
    }
    if let Some(word) = after.first() {
        return Err(Fault::usage(format!("{word:?} is too much: there is no --exe that it could go to")));
    }
    if let Some(option) =
        ["--symbol", "--check", "--hits"].into_iter().find(|name| arguments.text(name).is_some())
    {
        return Err(Fault::usage(format!("{option} says something about a program: --exe is missing")));
    }
    if !apart::is_this() {
        return apart::go_on();
    }
    let plan = Plan::read(&arguments, depth)?;
    let chosen = chosen(&arguments.words)?;
    if arguments.has("--list") {
        let mut output = io::stdout().lock();
        chosen.iter().try_for_each(|operation| writeln!(output, "{}", operation.name))?;
        return Ok(true);
    }
    sweep_all(&chosen, &plan)
}

/// What is done to each operation.
#[derive(Clone, Copy, Debug)]
struct Plan {
    depth: Depth,
    kills: bool,
    stops: bool,
    recovers: bool,
    at: Option<u32>,
    jobs: usize,
}

impl Plan {
    fn read(arguments: &Arguments, depth: Depth) -> Result<Self, Fault> {
        let only = arguments.text("--only");
        if let Some(other) = only.filter(|only| !["kill", "stop", "recover"].contains(only)) {
            return Err(Fault::usage(format!("--only kill, stop or recover, not {other:?}")));
        }
        let does = |what: &str| only.is_none_or(|only| only == what);
        let jobs = arguments.value("--jobs")?.unwrap_or_else(cores);
        if jobs == 0 {
            return Err(Fault::usage("--jobs 0 does nothing"));
        }
        let at = arguments.value("--at")?;
        Ok(Self { depth, kills: does("kill"), stops: does("stop"), recovers: does("recover"), at, jobs })
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn chosen(texts: &[String]) -> Result<Vec<Operation>, Fault> {
    if let [text] = texts
        && text == "planted"
    {
        return Ok(vec![operations::planted()]);
    }
    let mut all = operations::all();
    if let Some(text) = texts.iter().find(|&text| !all.iter().any(|operation| operation.name.contains(text)))
    {
        return Err(Fault::usage(format!("no operation's name contains {text:?}; --list shows them")));
    }
    // What is a whole name means that operation alone.
    let whole: Vec<bool> =
        texts.iter().map(|text| all.iter().any(|operation| operation.name == *text)).collect();
    let is_meant =
        |name: &str, text: &str, is_whole: bool| if is_whole { name == text } else { name.contains(text) };
    all.retain(|operation| {
        texts.is_empty()
            || texts.iter().zip(&whole).any(|(text, &is_whole)| is_meant(&operation.name, text, is_whole))
    });
    Ok(all)
}

/// Words of the board on which workers tell how far they are.
const NEXT: usize = 0;
const WRONG: usize = 1;
const INSTRUCTIONS: usize = 2;
const KILLS: usize = 3;
const STOPS: usize = 4;
const RECOVERERS: usize = 5;
const DONE: usize = 6;
/// Points that were not come by again, since the victim took another way.
const MISSED: usize = 7;
/// Sleeps that were ended by their own time, where they may.
const TICKS: usize = 8;

/// Sweeps operations, several at once, each by a process of its own.
fn sweep_all(operations: &[Operation], plan: &Plan) -> Outcome {
    let board = Board::new(9)?;
    let began = Instant::now();
    let work = || {
        loop {
            // Relaxed: a number that each worker draws, and nothing else.
            let next = board[NEXT].fetch_add(1, Relaxed) as usize;
            let Some(operation) = operations.get(next) else { return 0 };
            let mut count = |word: usize, more: u64| _ = board[word].fetch_add(more, Relaxed);
            let swept = sweep(operation, plan, &mut count);
            count(DONE, 1);
            if let Err(wrong) = swept {
                count(WRONG, 1);
                progress::clear();
                println!("{}\n    WRONG {wrong}", operation.name);
            }
        }
    };
    let mut workers = Vec::new();
    for _ in 0..plan.jobs {
        workers.push(Actor::start(work)?);
    }
    let get = |word: usize| board[word].load(Relaxed);
    while !workers.iter_mut().all(|worker| worker.ended().is_some()) {
        std::thread::sleep(Duration::from_millis(100));
        let (done, all) = (get(DONE), operations.len());
        let left = began.elapsed().as_secs_f64() / done.max(1) as f64 * (all as u64 - done) as f64;
        progress::rewrite(&format!(
            "{done} of {all} operations, {} kills, {} stops, {} recoverers killed, about {left:.0} s left",
            get(KILLS),
            get(STOPS),
            get(RECOVERERS)
        ));
    }
    progress::clear();
    let is_lost = workers.iter_mut().any(|worker| worker.ended() != Some(crate::actor::Ending::Exited(0)));
    let wrong = get(WRONG);
    writeln!(
        io::stdout(),
        "{} operations, {} instructions: {} kills, {} stops, {} recoverers killed, {} points not met again, {} sleeps \
         ended by the tick, {wrong} wrong ({:.0} s)",
        get(DONE),
        get(INSTRUCTIONS),
        get(KILLS),
        get(STOPS),
        get(RECOVERERS),
        get(MISSED),
        get(TICKS),
        began.elapsed().as_secs_f64()
    )?;
    if is_lost {
        return Err(Fault::Other("a worker ended in the middle of its work".to_owned()));
    }
    Ok(wrong == 0)
}

/// Everything that is to be done to one operation.
fn sweep(operation: &Operation, plan: &Plan, count: &mut dyn FnMut(usize, u64)) -> Result<(), String> {
    let survey = operation.survey()?;
    count(INSTRUCTIONS, u64::from(survey.instructions));
    let points = match plan.at {
        Some(at) => vec![at],
        None => survey.points(plan.depth),
    };
    let replay = |what: &'static str, at: u32| {
        let name = operation.name.clone();
        move |wrong: String| format!("{wrong}\n    step '{name}' --only {what} --at {at}")
    };
    let mut strike = |at: u32, blow: Blow| {
        let (what, word) = if blow == Blow::Stop { ("stop", STOPS) } else { ("kill", KILLS) };
        let struck = operation.strike(&survey, at, blow).map_err(replay(what, at))?;
        count(if struck.is_reached { word } else { MISSED }, 1);
        count(TICKS, struck.ticks);
        Ok::<_, String>(())
    };
    // One that is not killed does what the scene expects of it, and says so.
    strike(survey.instructions, Blow::Stop)?;
    if plan.kills {
        points.iter().try_for_each(|&at| strike(at, Blow::Kill))?;
        let asleep = survey.asleep.iter().filter(|&&at| plan.at.is_none_or(|only| only == at));
        asleep.copied().try_for_each(|at| strike(at, Blow::KillAsleep))?;
    }
    if plan.stops {
        points.iter().try_for_each(|&at| strike(at, Blow::Stop))?;
    }
    if plan.recovers && operation.has_recoverer {
        // What a dead victim leaves is the same between two changes.
        let changes = [0].into_iter().chain(survey.changes.iter().copied());
        let changes: Vec<u32> = match plan.at {
            Some(at) => vec![at],
            None => changes.collect(),
        };
        for at in changes {
            let told = || count(RECOVERERS, 1);
            operation.strike_recoverer(&survey, at, plan.depth, told).map_err(replay("recover", at))?;
        }
    }
    Ok(())
}
