//! `storm`: many processes on few cores, killed, stopped, let go on and started again at random; and at the end an account that
//! has to come out even.
//!
//! ```text
//!   director ─ plan (by seed)          plan.rs, director.rs
//!      │ fork, SIGKILL, SIGSTOP, SIGCONT
//!      ▼
//!   processes, in groups               scenario.rs: pair.rs, names.rs, regions.rs, planted.rs; what they do: side.rs; of primitives:
//!      │                             locks.rs, permits.rs, signals.rs, phases.rs
//!      │ note each call, before and after
//!      ▼
//!   posts on a board                   post.rs
//!      │ read when a process is gone
//!      ▼
//!   ledger                             ledger.rs: what was sent, received, lost; each message once, in order, whole
//! ```
//!
//! A live process whose call does not end is a hang: `watch.rs` tells all words, owners and stacks.
//!
//! The seed makes the same plan of events again, and each process draws the same verbs. What the kernel makes of that, and
//! where a kill meets a process, is not repeated.

mod director;
mod dump;
mod ledger;
mod locks;
mod names;
mod pair;
mod permits;
mod phases;
mod plan;
mod planted;
mod post;
mod regions;
mod scenario;
mod side;
mod signals;
mod theirs;
mod watch;

use crate::actor::Board;
use crate::command::{Arguments, Fault, Outcome, Verb, apart, at, progress, quoted, seed_of_the_clock};
use director::{Counts, Crew, Director, Limits};
use post::Post;
use scenario::{SCENARIOS, Scenario, Sum};
use std::fs::File;
use std::io::{self, Write};
use std::time::{Duration, Instant};
use theirs::{Done, Theirs};

/// The verb.
pub(crate) fn verb<C>() -> Verb<C> {
    Verb {
        name: "storm",
        about: "kills, stops and restarts many processes at random, and checks the account",
        usage: "storm [NAME...] [--seconds N | --kills N] [--processes N] [--seed S] [--json FILE]
       storm --exe PROGRAM [--copies N] [--kill SIGNALS] [--every MS] [--check 'PROGRAM WORDS']
             [--seconds N | --kills N] [--seed S] [--json FILE] [-- WORDS]",
        more: "  NAME         these scenarios; otherwise all but the last:
                 bytes, mirrored, slots, lines: a ring between two processes
                 named-bytes, named-lines: a ring by name, which goes with its last party
                 places: roles and rows of a region
                 mutex, spinlock, permits, semaphore, barrier-break, barrier-drop: one primitive, and many who use it:
                 four, and as many as --processes says where the scenario is the only one
                 planted-hang: one that hangs, to see the watchdog find it
  --seconds    how long it blows: 10 if nothing is said
  --kills      until so many processes were killed
  --processes  at least so many: 16 if nothing is said
  --seed       the same plan of events again; otherwise one is drawn, and printed. What the kernel schedules is not
               repeated
  --json       writes an object with what was done
  --exe        a program of your own instead: copies of it are killed, stopped and started again, with WORDS, in which
               {copy} becomes the copy's number, and {copy:a,b} a or b by turns. RINGWAY_STORM_COPY has the number, too.
               A copy that ends by itself with 0 is started again; one that ends otherwise is wrong. One that has
               touched the file RINGWAY_STORM_ALIVE, and does not for ten seconds, hangs. At the end SIGTERM, and after
               five seconds SIGKILL
  --copies     how many: 2 if nothing is said
  --kill       what may be sent, of KILL, STOP and TERM: KILL,STOP if nothing is said
  --every      each copy is sent something in so many milliseconds, on the average: 80
  --check      runs this at the end, with the numbers of kills of each copy in RINGWAY_STORM_KILLS, as 3,5: all is well
               if its exit status is 0

Every message is accounted for: what a producer sent for certain is received, in order and once, but for what a killed
consumer had under way. A call that does not end within ten seconds is a hang, and everything known is printed. Runs the
program as users build it, which is built first if need be.",
        example: "storm --seconds 60",
        run: |_, given| storm(given),
    }
}

fn storm(given: &[String]) -> Outcome {
    let behind = given.iter().position(|word| word == "--");
    let (given, words) = behind.map_or((given, &[][..]), |at| (&given[..at], &given[at + 1..]));
    let ours = ["--seconds", "--kills", "--seed", "--json", "--processes"];
    let theirs =
        ["--seconds", "--kills", "--seed", "--json", "--exe", "--copies", "--kill", "--every", "--check"];
    let has_program = given.iter().any(|word| word == "--exe" || word.starts_with("--exe="));
    if behind.is_some() && !has_program {
        return Err(Fault::usage("words behind -- are for a program: --exe names it"));
    }
    let arguments = Arguments::read(given, if has_program { &theirs } else { &ours }, &[])?;
    let (seconds, kills): (Option<f64>, Option<u64>) =
        (arguments.value("--seconds")?, arguments.value("--kills")?);
    if seconds.is_some() && kills.is_some() {
        return Err(Fault::usage("--seconds or --kills: it ends by one of them"));
    }
    let time = Duration::try_from_secs_f64(seconds.unwrap_or(if kills.is_some() { 1e9 } else { 10.0 }));
    let time = time.map_err(|_| Fault::usage("--seconds is no length of time"))?;
    let processes: usize = arguments.value("--processes")?.unwrap_or(16);
    if !(1..=1000).contains(&processes) {
        return Err(Fault::usage("--processes is a number from 1 to 1000"));
    }
    let seed: Option<u64> = arguments.value("--seed")?;
    let limits = Limits { time, kills: kills.unwrap_or(u64::MAX) };
    // A file that cannot be written is known before the work is done.
    let file = |arguments: &Arguments| {
        let create = |path: &str| File::create(path).map_err(|error| at(path.as_ref(), &error));
        arguments.text("--json").map(create).transpose()
    };
    if let Some(program) = arguments.text("--exe") {
        let theirs = Theirs::read(program, words, &arguments)?;
        return storm_over(&theirs, seed.unwrap_or_else(seed_of_the_clock), limits, file(&arguments)?);
    }
    let chosen = chosen(&arguments.words)?;
    if !apart::is_this() {
        return apart::go_on();
    }
    run(&chosen, processes, seed.unwrap_or_else(seed_of_the_clock), limits, file(&arguments)?)
}

/// The storm over a program of the user's own.
fn storm_over(theirs: &Theirs, seed: u64, limits: Limits, file: Option<File>) -> Outcome {
    let mut output = io::stdout().lock();
    writeln!(output, "storm --seed {seed}")?;
    output.flush()?;
    let began = Instant::now();
    let (Done { kills, stops, starts }, came) = theirs::blow(theirs, seed, limits)?;
    let (wrong, seconds) = (came.err(), began.elapsed().as_secs_f64());
    if let Some(wrong) = &wrong {
        writeln!(output, "wrong: {wrong}")?;
    }
    let wrongs = u64::from(wrong.is_some());
    writeln!(
        output,
        "{kills} kills, {stops} stops, {starts} starts, {seconds:.1} s, seed {seed}: {wrongs} wrong"
    )?;
    if let Some(mut file) = file {
        write!(file, "{{\"seed\": {seed}, \"kills\": {kills}, \"stops\": {stops}, \"starts\": {starts}, ")?;
        write!(file, "\"seconds\": {seconds:.3}, \"wrong\": ")?;
        writeln!(file, "{}}}", wrong.as_deref().map_or("null".to_owned(), quoted))?;
    }
    Ok(wrong.is_none())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>, Fault> {
    if names.is_empty() {
        return Ok(SCENARIOS.iter().filter(|scenario| !scenario.is_on_demand).collect());
    }
    let named = |name: &String| {
        let found = SCENARIOS.iter().find(|scenario| scenario.name == name);
        found.ok_or_else(|| Fault::usage(format!("there is no scenario {name:?}; storm --help names them")))
    };
    names.iter().map(named).collect()
}

/// Posts that the crews may have: those of all processes, and one more for each.
const POSTS_MAX: usize = 2100;

/// The storm, and what it comes to.
fn run(chosen: &[&Scenario], processes: usize, seed: u64, limits: Limits, file: Option<File>) -> Outcome {
    let mut output = io::stdout().lock();
    writeln!(output, "storm --seed {seed}")?;
    output.flush()?;
    let board = Board::new(POSTS_MAX * post::WORDS)?;
    let crews = crews(chosen, processes, &board).map_err(Fault::Other)?;
    let began = Instant::now();
    let mut director = Director::new(crews, seed);
    let came = director.blow(limits).and_then(|()| director.calm());
    progress::clear();
    let Counts { kills, stops, leaves, starts } = director.counts;
    let (sums, wrong) = match came {
        Ok(sums) => (sums, None),
        Err(wrong) => (Vec::new(), Some(wrong)),
    };
    let total = |part: fn(&Sum) -> u64| sums.iter().map(part).sum::<u64>();
    let (messages, lost, regions) =
        (total(|sum| sum.messages), total(|sum| sum.lost), total(|sum| sum.regions));
    let (turns, told) = (total(|sum| sum.turns), total(|sum| sum.told));
    let (reclaimed, ticks) = (total(|sum| sum.reclaimed), total(|sum| sum.ticks));
    let (seconds, wrongs) = (began.elapsed().as_secs_f64(), u64::from(wrong.is_some()));
    if let Some(wrong) = &wrong {
        director.words();
        writeln!(output, "wrong: {wrong}")?;
    }
    writeln!(
        output,
        "{kills} kills, {stops} stops, {leaves} leaves, {starts} starts, {messages} messages ({lost} lost with killed \
         consumers), {regions} regions, {turns} turns with primitives ({told} told of a death, {reclaimed} permits taken over, \
         {ticks} sleeps ended by the tick), {seconds:.1} s, seed {seed}: {wrongs} wrong"
    )?;
    if let Some(mut file) = file {
        write!(file, "{{\"seed\": {seed}, \"kills\": {kills}, \"stops\": {stops}, \"leaves\": {leaves}, ")?;
        write!(file, "\"starts\": {starts}, \"messages\": {messages}, \"lost\": {lost}, ")?;
        write!(file, "\"regions\": {regions}, \"turns\": {turns}, \"told\": {told}, ")?;
        write!(
            file,
            "\"reclaimed\": {reclaimed}, \"ticks\": {ticks}, \"seconds\": {seconds:.3}, \"wrong\": "
        )?;
        writeln!(file, "{}}}", wrong.as_deref().map_or("null".to_owned(), quoted))?;
    }
    Ok(wrong.is_none())
}

/// Groups of the scenarios by turns, until there are enough processes.
fn crews<'a>(chosen: &[&Scenario], processes: usize, board: &'a Board) -> Result<Vec<Crew<'a>>, String> {
    let (mut crews, mut count, mut posts) = (Vec::new(), 0, 0);
    for turn in 0.. {
        for scenario in chosen {
            if turn > 0 && count >= processes {
                return Ok(crews);
            }
            let mut group = (scenario.group)(turn)?;
            if chosen.len() == 1 {
                group.widen(processes);
            }
            let parties = group.parties().len();
            let own = (posts..=posts + parties).map(|number| Post::new(board, number)).collect();
            (count, posts) = (count + parties, posts + parties + 1);
            let (name, about) = (format!("{}-{turn}", scenario.name), scenario.about);
            crews.push(Crew { name, about, group, posts: own });
        }
    }
    Ok(crews)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_scenario() {
        for scenario in SCENARIOS {
            assert!(verb::<()>().more.contains(scenario.name), "{}: {}", scenario.name, scenario.about);
        }
    }

    #[test]
    fn each_scenario_is_there_at_least_once_and_then_by_turns() {
        let board = Board::new(64 * post::WORDS).unwrap();
        let all = chosen(&[]).unwrap();
        let names = |processes| {
            let crews = crews(&all, processes, &board).unwrap();
            crews.into_iter().map(|crew| crew.name).collect::<Vec<_>>()
        };
        assert_eq!(names(1).len(), all.len());
        let once: usize = all.iter().map(|scenario| (scenario.group)(0).unwrap().parties().len()).sum();
        assert_eq!(names(once + 1)[all.len()..], ["bytes-1"]);
    }
}
