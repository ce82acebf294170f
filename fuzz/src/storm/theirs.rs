//! `storm --exe`: copies of a program of the user's own, killed, stopped and started again, and then its checker.
//!
//! ```text
//!   PROGRAM ARGS      copy 0 ──X   copy 0 ─────stop···go on──X   ...     ends with 0, or by our signal: started again
//!   PROGRAM ARGS      copy 1 ───────────X  copy 1 ──                     ends otherwise: wrong
//!                                                        SIGTERM to all, after 5 s SIGKILL
//!   CHECK             exit status 0: well
//! ```

#![allow(unsafe_code)] // because a child says before it executes that it ends with its parent.

use super::plan::{Act, Plan};
use super::watch::{Beat, stacks_by_debugger, told_by_the_kernel};
use crate::actor::{Actor, Ending};
use crate::command::{Arguments, Fault, progress};
use rustix::process::{Pid, Signal};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Variables that a copy has: its number, and a file that it may touch to say that it lives.
const COPY: &str = "RINGWAY_STORM_COPY";
const ALIVE: &str = "RINGWAY_STORM_ALIVE";
/// What the checker has: how many times each copy was killed, as `3,5`.
const KILLS: &str = "RINGWAY_STORM_KILLS";

/// A copy that has touched its file and does not for so long hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is left of SIGTERM is ended by SIGKILL after this.
const GRACE: Duration = Duration::from_secs(5);
/// How long the checker may take.
const CHECK_LIMIT: Duration = Duration::from_secs(120);

/// What the user asked for.
pub(super) struct Theirs {
    program: String,
    words: Vec<String>,
    copies: usize,
    kills: bool,
    stops: bool,
    terminates: bool,
    every: Duration,
    check: Option<Vec<String>>,
}

impl Theirs {
    pub(super) fn read(program: &str, words: &[String], arguments: &Arguments) -> Result<Self, Fault> {
        if let Some(word) = arguments.words.first() {
            return Err(Fault::usage(format!(
                "{word:?}: scenarios are Ringway's; a program's words stand behind --"
            )));
        }
        let copies = arguments.value("--copies")?.unwrap_or(2);
        if !(1..=1000).contains(&copies) {
            return Err(Fault::usage("--copies is a number from 1 to 1000"));
        }
        let every: u64 = arguments.value("--every")?.unwrap_or(80);
        if every == 0 {
            return Err(Fault::usage("--every is at least 1 millisecond"));
        }
        let check: Option<Vec<String>> =
            arguments.text("--check").map(|check| check.split_whitespace().map(str::to_owned).collect());
        if check.as_ref().is_some_and(Vec::is_empty) {
            return Err(Fault::usage("--check names a program"));
        }
        let (program, words, every) = (program.to_owned(), words.to_vec(), Duration::from_millis(every));
        let (kills, stops, terminates) = (false, false, false);
        let mut theirs = Self { program, words, copies, kills, stops, terminates, every, check };
        for signal in arguments.text("--kill").unwrap_or("KILL,STOP").split(',') {
            match signal.trim_start_matches("SIG") {
                "KILL" => theirs.kills = true,
                "STOP" => theirs.stops = true,
                "TERM" => theirs.terminates = true,
                _ => return Err(Fault::usage(format!("--kill {signal:?}: KILL, STOP and TERM can be sent"))),
            }
        }
        Ok(theirs)
    }

    /// A word as copy `number` has it: `{copy}` is its number, `{copy:a,b}` one of these by turns.
    fn word(word: &str, number: usize) -> String {
        let word = word.replace("{copy}", &number.to_string());
        let Some((before, rest)) = word.split_once("{copy:") else { return word };
        let Some((list, behind)) = rest.split_once('}') else { return word };
        let list: Vec<&str> = list.split(',').collect();
        format!("{before}{}{behind}", list[number % list.len()])
    }
}

/// A copy of the program, and those that were it before.
struct Copy {
    number: usize,
    actor: Option<Actor>,
    starts_at: Instant,
    /// If it is stopped: since when, and until when.
    stopped: Option<(Instant, Instant)>,
    away: Duration,
    /// Was this one sent a signal that ends it?
    is_doomed: bool,
    kills: u64,
    alive: PathBuf,
    beat: Beat,
}

impl Copy {
    fn start(&mut self, theirs: &Theirs) -> Result<(), String> {
        // A file that an earlier one touched says nothing of this one.
        _ = std::fs::remove_file(&self.alive);
        let number = self.number;
        let mut command = Command::new(&theirs.program);
        command.args(theirs.words.iter().map(|word| Theirs::word(word, number)));
        command.env(COPY, number.to_string()).env(ALIVE, &self.alive).stdin(Stdio::null());
        // SAFETY: the closure makes one system call, and touches nothing of the parent's.
        unsafe { command.pre_exec(end_with_parent) };
        let child = command.spawn().map_err(|error| format!("{} does not start: {error}", theirs.program))?;
        (self.actor, self.is_doomed, self.beat) =
            (Some(Actor::of(Pid::from_child(&child))), false, Beat::new());
        Ok(())
    }

    /// When the copy last said that it lives, as a number; none if it never did.
    fn touched(&self) -> Option<u64> {
        let touched = std::fs::metadata(&self.alive).and_then(|found| found.modified()).ok()?;
        let since = touched.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(since.as_nanos() as u64)
    }

    fn is_hanging(&mut self) -> bool {
        let touched = self.touched();
        self.stopped.is_none() && touched.is_some_and(|touched| self.beat.is_hanging(touched, PATIENCE))
    }

    /// Reaps it if it is gone. An error says that it ended as it should not.
    fn reap(&mut self, is_over: bool) -> Result<bool, String> {
        let Some(ending) = self.actor.as_mut().and_then(Actor::ended) else { return Ok(false) };
        let is_well = match ending {
            Ending::Exited(0) => true,
            // By our signal; what a shell says of one that ended by SIGTERM counts as well.
            Ending::Killed(libc::SIGKILL | libc::SIGTERM) | Ending::Exited(143) => self.is_doomed || is_over,
            _ => false,
        };
        (self.actor, self.stopped) = (None, None);
        self.starts_at = Instant::now() + self.away;
        if is_well { Ok(true) } else { Err(format!("copy {} {ending}", self.number)) }
    }
}

fn end_with_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// A folder for the files by which copies say that they live, which goes when all is done.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // It is in the folder for such things, and nobody waits for it to go.
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    pub(super) kills: u64,
    pub(super) stops: u64,
    pub(super) starts: u64,
}

/// The storm over copies of a program. The error says what is wrong.
pub(super) fn blow(
    theirs: &Theirs,
    seed: u64,
    limits: super::director::Limits,
) -> io::Result<(Done, Result<(), String>)> {
    let folder = std::env::temp_dir().join(format!("ringway-storm-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let folder = Folder(folder);
    let copy = |number| {
        let (starts_at, alive) = (Instant::now(), folder.0.join(format!("copy-{number}")));
        let (away, beat) = (Duration::ZERO, Beat::new());
        Copy { number, actor: None, starts_at, stopped: None, away, is_doomed: false, kills: 0, alive, beat }
    };
    let mut copies: Vec<Copy> = (0..theirs.copies).map(copy).collect();
    let mut done = Done::default();
    let came = run(theirs, &mut copies, &mut done, Plan::every(seed, theirs.copies, theirs.every), limits)
        .and_then(|()| end(&mut copies));
    progress::clear();
    // Whatever came of it, none is left when the check begins.
    let kills: Vec<String> = copies.iter().map(|copy| copy.kills.to_string()).collect();
    drop(copies);
    let came = came.and_then(|()| check(theirs, &kills.join(",")));
    Ok((done, came))
}

fn run(
    theirs: &Theirs,
    copies: &mut [Copy],
    done: &mut Done,
    plan: Plan,
    limits: super::director::Limits,
) -> Result<(), String> {
    let (began, mut plan, mut shown) = (Instant::now(), plan.peekable(), Duration::ZERO);
    while began.elapsed() < limits.time && done.kills < limits.kills {
        let now = began.elapsed();
        while let Some(event) = plan.next_if(|event| event.at <= now) {
            let copy = &mut copies[event.member];
            let Some(actor) = &mut copy.actor else { continue };
            copy.away = event.away;
            match event.act {
                Act::Kill if theirs.kills && !copy.is_doomed => {
                    actor.signal(Signal::KILL);
                    (copy.is_doomed, copy.kills, done.kills) = (true, copy.kills + 1, done.kills + 1);
                }
                Act::Leave if theirs.terminates && !copy.is_doomed => {
                    actor.signal(Signal::TERM);
                    copy.is_doomed = true;
                }
                Act::Stop(pause) if theirs.stops && copy.stopped.is_none() && actor.stop() => {
                    done.stops += 1;
                    let now = Instant::now();
                    copy.stopped = Some((now, now + pause));
                }
                _ => {}
            }
        }
        for copy in &mut *copies {
            tend(theirs, copy, done)?;
        }
        if now - shown > Duration::from_millis(250) {
            shown = now;
            let Done { kills, stops, starts } = done;
            let seconds = now.as_secs();
            progress::rewrite(&format!("storm {seconds} s: {kills} kills, {stops} stops, {starts} starts"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    lull(theirs, copies, done)
}

/// Lets everybody go on, until each that says that it lives has said so once more.
fn lull(theirs: &Theirs, copies: &mut [Copy], done: &mut Done) -> Result<(), String> {
    let before: Vec<Option<u64>> = copies.iter().map(Copy::touched).collect();
    let is_waited_for = |copy: &Copy| {
        let before = before[copy.number];
        before.is_some() && before == copy.touched() && copy.actor.is_some() && !copy.is_doomed
    };
    while copies.iter().any(is_waited_for) {
        for copy in &mut *copies {
            copy.stopped = copy.stopped.map(|(since, _)| (since, since));
            tend(theirs, copy, done)?;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Reaps, starts and lets go on who is due, and looks whether it hangs.
fn tend(theirs: &Theirs, copy: &mut Copy, done: &mut Done) -> Result<(), String> {
    copy.reap(false)?;
    let now = Instant::now();
    if let Some((since, _)) = copy.stopped.take_if(|(_, due)| *due <= now) {
        copy.actor.iter().for_each(|actor| actor.signal(Signal::CONT));
        copy.beat.stood_still(now - since);
    }
    if copy.actor.is_none() && copy.starts_at <= now {
        copy.start(theirs)?;
        done.starts += 1;
    }
    if copy.is_hanging() {
        progress::clear();
        let actor = copy.actor.as_ref().expect("who hangs is there");
        eprint!("copy {}, process {}\n{}", copy.number, actor.id().as_raw_pid(), told_by_the_kernel(actor));
        // A program of the user's own need not stand the signal by which Ringway's own tell their stacks.
        stacks_by_debugger(actor);
        return Err(format!("copy {} has not touched ${ALIVE} for {PATIENCE:?}: it hangs", copy.number));
    }
    Ok(())
}

/// Has all copies end: by SIGTERM, and who does not by SIGKILL.
fn end(copies: &mut [Copy]) -> Result<(), String> {
    for copy in &mut *copies {
        copy.reap(false)?;
        if let Some(actor) = &copy.actor {
            actor.signal(Signal::TERM);
            actor.signal(Signal::CONT);
        }
    }
    let began = Instant::now();
    for copy in copies {
        if let Some(actor) = &mut copy.actor
            && actor.wait(GRACE.saturating_sub(began.elapsed())).is_none()
        {
            actor.kill();
        }
        copy.reap(true)?;
    }
    Ok(())
}

/// Runs the checker.
fn check(theirs: &Theirs, kills: &str) -> Result<(), String> {
    let Some([program, words @ ..]) = theirs.check.as_deref() else { return Ok(()) };
    let mut command = Command::new(program);
    // SAFETY: the closure makes one system call, and touches nothing of the parent's.
    unsafe { command.args(words).env(KILLS, kills).stdin(Stdio::null()).pre_exec(end_with_parent) };
    let child = command.spawn().map_err(|error| format!("{program} does not start: {error}"))?;
    match Actor::of(Pid::from_child(&child)).wait(CHECK_LIMIT) {
        Some(Ending::Exited(0)) => Ok(()),
        Some(ending) => Err(format!("the check {ending}")),
        None => Err(format!("the check has not ended in {CHECK_LIMIT:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_of_a_copy() {
        assert_eq!(Theirs::word("a{copy}b{copy}", 7), "a7b7");
        let by_turns: Vec<String> =
            (0..3).map(|number| Theirs::word("{copy:count,take}-x", number)).collect();
        assert_eq!(by_turns, ["count-x", "take-x", "count-x"]);
        assert_eq!(Theirs::word("{copy:", 1), "{copy:");
    }
}
