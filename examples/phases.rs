//! Four processes pass phases together, and one of them is killed: once that breaks the barrier, once it is left behind.
//!
//! ```text
//!   cargo run -p ringway-examples --bin phases
//!
//!   break   one is killed ─▶ the others are told by whom ─▶ all leave ─▶ all join anew, and somebody in its place
//!   drop    one is killed ─▶ the others go on without it
//! ```
//!
//! Each process writes down its phase before it arrives. Whoever is let by sees that all others have come as far.

#![forbid(unsafe_code)]

use ringway_sync::{Barrier, BarrierError, Data, JoinError, OnDeath, Party, Passed, Setup, Shared};
use std::error::Error;
use std::io::Write;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

const PARTIES: usize = 4;
/// The phase after which all go home.
const LAST: u32 = 40;
/// The phase from which on one is killed.
const KILLED_AT: u32 = 10;
/// What a process works in a phase.
const WORK: Duration = Duration::from_millis(5);
/// How long anybody waits for the others before something is wrong.
const LONG: Duration = Duration::from_secs(20);

/// All that lies in shared memory.
#[derive(Shared)]
struct Stage {
    barrier: Barrier,
    processes: [Process; PARTIES],
}

/// What a process says of itself.
#[derive(Shared)]
struct Process {
    /// The phase for which it arrives, or has arrived, and one more.
    at: Data<u32>,
    /// The number of its seat, and one more.
    seat: Data<u32>,
    /// By whose death it was told that the barrier is broken: the number of the seat, and one more.
    told: Data<u32>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [] => show(OnDeath::Break).and_then(|()| show(OnDeath::Drop)),
        ["party", name, me, parent, "break"] => take_part(name, me, parent, PARTIES),
        ["party", name, me, parent, "drop"] => take_part(name, me, parent, PARTIES - 1),
        _ => Err("there is nothing to be said".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("phases: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line; an end of the terminal or the pipe that reads it is an error and no panic.
fn say(line: &str) -> Outcome {
    writeln!(std::io::stdout(), "{line}").map_err(|error| format!("standard output: {error}").into())
}

/// A party: works, and waits for the others, phase by phase. So many are there at the least in each.
fn take_part(name: &str, me: &str, parent: &str, least: usize) -> Outcome {
    let stage = Stage::open(name)?;
    let (me, parent): (usize, u32) = (me.parse()?, parent.parse()?);
    let process = stage.processes.get(me).ok_or("there is no such party")?;
    let mut party = sit_down(&stage, process, parent)?;
    loop {
        std::thread::sleep(WORK);
        process.at.set(&(stage.barrier.phase() + 1));
        match pass(&mut party, parent) {
            Ok(passed) => {
                // They have come as far, or are in the next phase.
                let is_there = |process: &Process| process.at.get() > passed.phase;
                let count = stage.processes.iter().filter(|process| is_there(process)).count();
                if count < least {
                    return Err(format!("let by in phase {} with {count} there", passed.phase).into());
                }
                if passed.phase >= LAST {
                    // All are told the same, so all leave here, and nobody is waited for in vain.
                    return Ok(party.arrive_and_drop()?);
                }
            }
            Err(BarrierError::Broken(broken)) if broken.died => {
                process.told.set(&(broken.seat + 1));
                drop(party);
                party = sit_down(&stage, process, parent)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until the phase is passed, as long as there is a parent who fills a place that is missing.
fn pass(party: &mut Party, parent: u32) -> Result<Passed, BarrierError> {
    let began = Instant::now();
    loop {
        match party.wait_timeout(LONG / 100) {
            Err(BarrierError::TimedOut) if is_worth_waiting(began, parent) => {}
            answer => return answer,
        }
    }
}

fn is_worth_waiting(since: Instant, parent: u32) -> bool {
    since.elapsed() < LONG && std::os::unix::process::parent_id() == parent
}

/// Joins, as soon as there is a seat, and the barrier is whole.
fn sit_down(stage: &Stage, process: &Process, parent: u32) -> Result<Party, JoinError> {
    let began = Instant::now();
    loop {
        match stage.barrier.join_until(LONG / 100) {
            Ok(party) => {
                process.seat.set(&(party.seat() + 1));
                return Ok(party);
            }
            Err(JoinError::Full { .. } | JoinError::Broken(_)) if is_worth_waiting(began, parent) => {}
            Err(error) => return Err(error),
        }
    }
}

fn show(on_death: OnDeath) -> Outcome {
    say(match on_death {
        OnDeath::Break => "phases: four processes pass phases together; one that dies breaks the barrier",
        OnDeath::Drop => "phases: once more, and one that dies is not waited for any more",
    })?;
    let name = format!("phases-{}", std::process::id());
    let stage = Setup::new().create_with(name.as_str(), |stage: &Stage| {
        stage.barrier.expect_with(PARTIES as u32, on_death)?;
        Ok::<_, Box<dyn Error>>(())
    })?;
    let mut parties =
        (0..PARTIES).map(|me| Started::new(&name, me, on_death)).collect::<Result<Vec<_>, _>>()?;
    eventually("phases are passed", &mut parties, || stage.barrier.phase() >= KILLED_AT)?;
    let killed = parties.swap_remove(1);
    let seat = stage.processes[1].seat.get();
    drop(killed);
    say(&format!("phases: one is killed in phase {}", stage.barrier.phase()))?;
    if on_death == OnDeath::Break {
        let others = || [0, 2, 3].map(|other| stage.processes[other].told.get());
        eventually("the others are told", &mut parties, || others().iter().all(|&told| told != 0))?;
        if others() != [seat; 3] {
            return Err(format!("{:?} were told, and {seat} was killed", others()).into());
        }
        say(&format!("phases: the three others are told that the party of seat {} died", seat - 1))?;
        parties.push(Started::new(&name, 1, on_death)?);
        say("phases: they leave and join anew, and so does a new process")?;
    }
    let count = parties.len();
    parties.into_iter().try_for_each(Started::succeed)?;
    let passed = stage.barrier.phase();
    if passed <= LAST {
        return Err(format!("phase {passed} is the last one").into());
    }
    say(&format!("phases: {count} processes passed phase {LAST} together, and went home"))
}

/// Waits until something is so, as long as all parties are well.
fn eventually(what: &str, parties: &mut [Started], is_so: impl Fn() -> bool) -> Outcome {
    let began = Instant::now();
    while !is_so() {
        for party in &mut *parties {
            if let Some(ended) = party.0.try_wait()? {
                return Err(format!("a party ended with {ended}").into());
            }
        }
        if began.elapsed() > LONG {
            return Err(format!("not in {LONG:?}: {what}").into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A process of ours, which does not outlive us.
struct Started(Child);

impl Started {
    fn new(name: &str, me: usize, on_death: OnDeath) -> Result<Self, Box<dyn Error>> {
        let (me, parent) = (me.to_string(), std::process::id().to_string());
        let what = if on_death == OnDeath::Break { "break" } else { "drop" };
        let program = std::env::current_exe()?;
        Ok(Self(Command::new(program).args(["party", name, &me, &parent, what]).spawn()?))
    }

    fn succeed(mut self) -> Outcome {
        let ended = self.0.wait()?;
        if ended.success() { Ok(()) } else { Err(format!("a party ended with {ended}").into()) }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
