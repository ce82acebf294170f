//! One operation, killed, stopped and recovered from at each of its instructions.
//!
//! ```text
//!   survey     step through once: how many instructions, and behind which of them others could tell a difference
//!   kill       for each point: set the stage, step there, SIGKILL; others recover, and everything has to be right
//!   stop       for each point: the same, SIGSTOP; others do what they can; SIGCONT, and nothing was taken from it
//!   recover    for each point behind which something is different: kill there, and then the one that recovers, at each
//!              of its instructions; a third one has to find everything right
//! ```
//!
//! **Points.** A point lies behind so many instructions of the operation. Between two points behind which the outside is the
//! same to the last byte, a dead process leaves the same, whoever looks: the memory that it shares, the page behind each
//! shared one (where its entries on the kernel's list stand), and every call that it made. So [`Depth::Changes`] takes the
//! points before and behind each change, and [`Depth::Every`] takes them all, and takes nothing for granted.

use super::outside::Outside;
use super::source;
use super::tracee::{LIMIT, Step, Tracee};
use crate::actor::Ending;
use nix::unistd::Pid;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Which points are visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Those before and behind whatever others could notice.
    Changes,
    /// All.
    Every,
}

/// So many instructions are few: they are all visited in any case.
const FEW: u32 = 48;

/// What is later than that is late. A tick is 250 ms, and some of it goes by from when the victim looks at the clock to its sleep.
const LATE: Duration = Duration::from_millis(50);

/// An operation, and how a stage for it is set.
pub(crate) struct Operation {
    pub(crate) name: String,
    /// Is there somebody to be killed while it recovers?
    pub(crate) has_recoverer: bool,
    pub(crate) set: Box<dyn Fn() -> Result<Box<dyn Stage>, String>>,
}

/// Where a victim is: behind so many instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) at: u32,
    /// The operation has returned.
    pub(crate) is_over: bool,
}

/// What is around an operation: who else takes part, and what must hold.
pub(crate) trait Stage {
    /// The victim's process: gets ready, and does the operation between two marks. It ends by itself only if it is not killed.
    fn victim(&self) -> i32;

    /// The victim is at its first mark: the others get ready.
    fn ready(&mut self, victim: Pid) -> Result<(), String>;

    /// The victim sleeps: what it waits for happens. (Where nothing will, its own time ends the sleep.)
    fn nudge(&mut self) -> Result<(), String>;

    /// What the victim waited for happened so late that its own time may have ended its sleep, since the machine had other things
    /// to do.
    fn nudged_late(&mut self) {}

    /// The victim was killed.
    fn after_death(&mut self, moment: Moment) -> Result<(), String>;

    /// The victim is stopped.
    fn while_stopped(&mut self) -> Result<(), String>;

    /// The victim was stopped, went on and has ended well.
    fn after_all(&mut self) -> Result<(), String>;

    /// The process of one that recovers what a dead victim left, between two marks.
    fn recoverer(&self) -> i32 {
        0
    }

    /// One that recovered was killed, too.
    fn after_second_death(&mut self, victim: Moment, recoverer: Moment) -> Result<(), String> {
        _ = recoverer;
        self.after_death(victim)
    }

    /// What an actor said was wrong, if one did.
    fn wrong(&self) -> Option<String>;

    /// Sleeps of others that their own time ended, when all was over.
    fn ticks(&self) -> u64 {
        0
    }
}

/// What a survey found.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) instructions: u32,
    /// Points behind which the outside is another than before.
    pub(crate) changes: Vec<u32>,
    /// Points at which it was found asleep in a call: the call has begun, and is no instruction that was taken.
    pub(crate) asleep: Vec<u32>,
    /// How many calls to the kernel were made up to a point.
    calls: Vec<u32>,
    /// Address behind the second mark.
    end: u64,
}

impl Survey {
    /// The points to visit.
    pub(crate) fn points(&self, depth: Depth) -> Vec<u32> {
        if depth == Depth::Every || self.instructions <= FEW {
            return (0..=self.instructions).collect();
        }
        let around = self.changes.iter().chain(&self.asleep).flat_map(|&at| [at.saturating_sub(1), at]);
        let mut points: Vec<u32> = around.chain([0, self.instructions]).collect();
        points.sort_unstable();
        points.dedup();
        points
    }
}

/// What is done to whoever is at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    Kill,
    /// Killed when the call in which it sleeps has begun.
    KillAsleep,
    Stop,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Struck {
    /// It was at the point.
    pub(crate) is_reached: bool,
    /// Sleeps of others that their own time ended.
    pub(crate) ticks: u64,
}

impl Operation {
    /// Steps through the operation once.
    pub(crate) fn survey(&self) -> Result<Survey, String> {
        let mut stage = (self.set)()?;
        let mut victim = start(|| stage.victim(), &*stage)?;
        stage.ready(victim.process())?;
        let survey = survey(&mut victim, &mut *stage)?;
        victim.actor.kill();
        let moment = Moment { at: survey.instructions, is_over: true };
        stage.after_death(moment).map_err(|wrong| at(moment, &wrong))?;
        Ok(survey)
    }

    /// Strikes at a point. Says whether it was reached: who sleeps and is woken may take another way than in the survey. Then the
    /// point is sought once more, behind as many changes as there were in the survey.
    pub(crate) fn strike(&self, survey: &Survey, point: u32, blow: Blow) -> Result<Struck, String> {
        let first = self.strike_at(survey, point, blow, false)?;
        if first.is_reached {
            return Ok(first);
        }
        let second = self.strike_at(survey, point, blow, true)?;
        Ok(Struck { ticks: first.ticks + second.ticks, ..second })
    }

    fn strike_at(&self, survey: &Survey, point: u32, blow: Blow, by_changes: bool) -> Result<Struck, String> {
        let mut stage = (self.set)()?;
        let mut victim = start(|| stage.victim(), &*stage)?;
        stage.ready(victim.process())?;
        let moment = if by_changes {
            let changes = survey.changes.iter().filter(|&&at| at <= point).count();
            advance_by_changes(&mut victim, &mut *stage, changes)?
        } else {
            advance(&mut victim, &mut *stage, Some(survey), point, blow == Blow::KillAsleep)?
        };
        // Where it sleeps there is no instruction to ask for.
        let place = victim.at().ok();
        let done = match blow {
            Blow::Kill | Blow::KillAsleep => {
                victim.actor.kill();
                stage.after_death(moment)
            }
            Blow::Stop => stop(&mut victim, &mut *stage, survey.end),
        };
        let done = done.and_then(|()| stage.wrong().map_or(Ok(()), Err));
        let struck = Struck { is_reached: !moment.is_over, ticks: stage.ticks() };
        done.map(|()| struck).map_err(|wrong| match place.and_then(line) {
            Some(line) => format!("{}\n    before {line}", at(moment, &wrong)),
            None => at(moment, &wrong),
        })
    }

    /// Kills at a point, and then whoever recovers at each of the points of that. Says how many they were.
    pub(crate) fn strike_recoverer(
        &self,
        survey: &Survey,
        point: u32,
        depth: Depth,
        mut told: impl FnMut(),
    ) -> Result<u32, String> {
        let found = self.recovery(survey, point, None)?;
        let points = found.points(depth);
        for &second in &points {
            self.recovery(survey, point, Some((&found, second)))?;
            told();
        }
        Ok(points.len() as u32)
    }

    /// Kills at a point, and the one that recovers at a point of its own; without one, surveys it.
    fn recovery(
        &self,
        survey_of_victim: &Survey,
        point: u32,
        second: Option<(&Survey, u32)>,
    ) -> Result<Survey, String> {
        let mut stage = (self.set)()?;
        let mut victim = start(|| stage.victim(), &*stage)?;
        stage.ready(victim.process())?;
        let first = advance(&mut victim, &mut *stage, Some(survey_of_victim), point, false)?;
        victim.actor.kill();
        let mut recoverer = start(|| stage.recoverer(), &*stage)?;
        let mut found = Survey::default();
        let moment = match second {
            None => {
                found = survey(&mut recoverer, &mut *stage)?;
                Moment { at: found.instructions, is_over: true }
            }
            Some((found, point)) => advance(&mut recoverer, &mut *stage, Some(found), point, false)?,
        };
        recoverer.actor.kill();
        let done = stage.after_second_death(first, moment);
        let done = done.and_then(|()| stage.wrong().map_or(Ok(()), Err));
        done.map_err(|wrong| format!("{} (the recoverer {})", at(first, &wrong), at(moment, "killed")))?;
        Ok(found)
    }
}

/// The line of an instruction of this program.
fn line(at: u64) -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let base = source::base(Pid::this(), &program)?;
    source::line(&program, at.checked_sub(base)?)
}

fn at(moment: Moment, what: &str) -> String {
    let over = if moment.is_over { ", when it had returned" } else { "" };
    format!("behind {} instructions{over}: {what}", moment.at)
}

/// Starts a process that is traced, up to its first mark.
fn start(run: impl FnOnce() -> i32, stage: &dyn Stage) -> Result<Tracee, String> {
    let mut tracee = Tracee::start(run).map_err(|error| error.to_string())?;
    match tracee.run_to_mark() {
        Ok(Step::Marked) => Ok(tracee),
        Ok(step) => Err(stage.wrong().unwrap_or_else(|| format!("before the operation: {step:?}"))),
        Err(error) => Err(format!("before the operation: {error}")),
    }
}

/// Steps to the second mark.
fn survey(tracee: &mut Tracee, stage: &mut dyn Stage) -> Result<Survey, String> {
    let io = |error: std::io::Error| error.to_string();
    let mut survey = Survey { calls: vec![0], ..Survey::default() };
    let mut outside = Outside::of(tracee.process()).map_err(io)?;
    loop {
        let is_call = tracee.is_at_call().map_err(io)?;
        match next(tracee, stage, || survey.asleep.push(survey.instructions))? {
            Step::Marked => {
                survey.end = tracee.at().map_err(io)?;
                return Ok(survey);
            }
            Step::Done | Step::Asleep => {}
            Step::Ended(ending) => return Err(ended(stage, ending)),
        }
        survey.instructions += 1;
        survey.calls.push(survey.calls.last().copied().unwrap_or(0) + u32::from(is_call));
        if outside.changed(is_call).map_err(io)? || is_call {
            survey.changes.push(survey.instructions);
        }
    }
}

fn ended(stage: &dyn Stage, ending: Ending) -> String {
    stage.wrong().unwrap_or_else(|| format!("in the operation the process {ending}"))
}

/// Takes one instruction to its end, whatever it waits for.
fn next(tracee: &mut Tracee, stage: &mut dyn Stage, asleep: impl FnOnce()) -> Result<Step, String> {
    let io = |error: std::io::Error| error.to_string();
    let began = Instant::now();
    let mut step = tracee.step().map_err(io)?;
    if step == Step::Asleep {
        asleep();
        stage.nudge()?;
        if began.elapsed() > LATE {
            stage.nudged_late();
        }
        while step == Step::Asleep {
            std::thread::sleep(Duration::from_micros(50));
            step = tracee.settle().map_err(io)?;
        }
    }
    Ok(step)
}

/// Goes to a point, or to the second mark if that comes first.
fn advance(
    tracee: &mut Tracee,
    stage: &mut dyn Stage,
    survey: Option<&Survey>,
    point: u32,
    to_sleep: bool,
) -> Result<Moment, String> {
    let io = |error: std::io::Error| error.to_string();
    let mut at = 0;
    // Behind the last call that lies at least a few instructions ahead of the point, the process can go at full speed.
    let calls = survey.and_then(|survey| survey.calls.get(point as usize)).copied().unwrap_or(0);
    let has_slept = survey.is_some_and(|survey| survey.asleep.iter().any(|&asleep| asleep <= point));
    if calls > 0 && !has_slept {
        let behind =
            survey.map_or(0, |survey| survey.calls.iter().position(|&made| made == calls).unwrap_or(0));
        if !tracee.skip_calls(calls).map_err(io)? {
            return Ok(Moment { at: point, is_over: true });
        }
        at = behind as u32;
    }
    while at < point {
        match next(tracee, stage, || ())? {
            Step::Done | Step::Asleep => at += 1,
            Step::Marked => return Ok(Moment { at, is_over: true }),
            Step::Ended(ending) => return Err(ended(stage, ending)),
        }
    }
    if to_sleep {
        // The call that it sleeps in is the next instruction.
        match tracee.step().map_err(io)? {
            Step::Ended(ending) => return Err(ended(stage, ending)),
            Step::Marked => return Ok(Moment { at, is_over: true }),
            Step::Done | Step::Asleep => {}
        }
    }
    Ok(Moment { at, is_over: false })
}

/// Goes on until so many changes have been seen, or to the second mark if that comes first.
fn advance_by_changes(tracee: &mut Tracee, stage: &mut dyn Stage, changes: usize) -> Result<Moment, String> {
    let io = |error: std::io::Error| error.to_string();
    let mut outside = Outside::of(tracee.process()).map_err(io)?;
    let (mut at, mut seen) = (0, 0);
    while seen < changes {
        let is_call = tracee.is_at_call().map_err(io)?;
        match next(tracee, stage, || ())? {
            Step::Done | Step::Asleep => at += 1,
            Step::Marked => return Ok(Moment { at, is_over: true }),
            Step::Ended(ending) => return Err(ended(stage, ending)),
        }
        seen += usize::from(outside.changed(is_call).map_err(io)? || is_call);
    }
    Ok(Moment { at, is_over: false })
}

/// Stops a victim, lets the others do what they can, and lets it go on to its end.
fn stop(victim: &mut Tracee, stage: &mut dyn Stage, end: u64) -> Result<(), String> {
    victim.leave_stopped(end).map_err(|error| error.to_string())?;
    stage.while_stopped().map_err(|wrong| format!("stopped: {wrong}"))?;
    victim.actor.signal(Signal::CONT);
    stage.nudge()?;
    match victim.actor.wait(LIMIT) {
        Some(Ending::Exited(0)) => stage.after_all(),
        Some(ending) => Err(ended(stage, ending)),
        None => Err("after it was stopped, it does not come to an end".to_owned()),
    }
}
