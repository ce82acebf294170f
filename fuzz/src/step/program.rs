//! A function of somebody's own program, killed at each of its instructions.
//!
//! ```text
//!   start, traced ── to the function ── survey: how many instructions, and behind which something is different
//!   for each point: start again ── to the function ── so many instructions ── SIGKILL ── the checker, by `sh -c`
//! ```
//!
//! The program is what it is: nothing has to be built into it but the function's name in its symbol table. It begins from
//! what the last checker left, as a program does that is started again after a kill. The checker is run after the survey,
//! too: it has to be content with a program that is killed when the function has returned.

#![allow(unsafe_code)] // because the started program asks to be traced between its fork and its execution.

use super::outside::Outside;
use super::source;
use super::sweep::{Depth, Survey};
use super::tracee::{Step, Tracee};
use crate::actor::Actor;
use crate::command::{Arguments, Fault, Outcome, progress};
use nix::sys::personality::{self, Persona};
use nix::sys::ptrace;
use object::{Object, ObjectSymbol};
use rustix::process::Pid;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Instructions of one call that are stepped through at most.
const INSTRUCTIONS_MAX: u32 = 1_000_000;

/// What is stepped through.
struct Program<'a> {
    path: PathBuf,
    arguments: &'a [String],
    /// Where the function begins, from the program's beginning.
    function: u64,
    name: String,
    /// It is stepped through the so-manieth time that it is entered.
    hits: u32,
    check: Option<&'a str>,
}

pub(super) fn run(program: &str, arguments: &Arguments, depth: Depth, given: &[String]) -> Outcome {
    let Some(symbol) = arguments.text("--symbol") else {
        return Err(Fault::usage("--symbol is missing: which function of the program is it to be?"));
    };
    if let Some(word) = arguments.words.first() {
        return Err(Fault::usage(format!("{word:?}: what the program is to be given stands behind --")));
    }
    let path = fs::canonicalize(program).map_err(|error| Fault::usage(format!("{program}: {error}")))?;
    let (function, name) = find(&path, symbol)?;
    let hits: u32 = arguments.value("--hits")?.unwrap_or(1);
    if hits == 0 {
        return Err(Fault::usage("--hits 0: the first time that the function is entered is 1"));
    }
    let check = arguments.text("--check");
    let program = Program { path, arguments: given, function, name, hits, check };
    let began = Instant::now();
    let wrong = |what: String| Fault::Other(format!("{}: {what}", program.name));
    let survey = program.survey().map_err(wrong)?;
    // A checker that is never content would find something everywhere.
    if let Err(why) = program.is_well() {
        return Err(wrong(format!("killed when it had returned, {why}")));
    }
    let points = match arguments.value("--at")? {
        Some(at) => vec![at],
        None => survey.points(depth),
    };
    let mut failures = 0;
    for (number, &point) in points.iter().enumerate() {
        progress::rewrite(&format!("{number} of {} kills, {failures} wrong", points.len()));
        let mut line = None;
        if let Err(why) = program.strike(point, &mut line) {
            progress::clear();
            let mut output = io::stdout().lock();
            writeln!(output, "killed behind {point} instructions: {why}")?;
            if let Some(line) = line {
                writeln!(output, "    before {line}")?;
            }
            failures += 1;
        }
    }
    progress::clear();
    let (instructions, seconds) = (survey.instructions, began.elapsed().as_secs_f64());
    let (name, kills) = (&program.name, points.len());
    writeln!(
        io::stdout(),
        "{name}: {instructions} instructions: {kills} kills, {failures} wrong ({seconds:.0} s)"
    )?;
    Ok(failures == 0)
}

/// The function of which this is a part of the name.
fn find(path: &Path, symbol: &str) -> Result<(u64, String), Fault> {
    let bytes = fs::read(path)?;
    let unreadable = |error: object::Error| Fault::Other(format!("{}: {error}", path.display()));
    let file = object::File::parse(&*bytes).map_err(unreadable)?;
    let mut found: Vec<(u64, String)> = Vec::new();
    for entry in
        file.symbols().filter(|entry| entry.kind() == object::SymbolKind::Text && entry.address() > 0)
    {
        let Ok(name) = entry.name() else { continue };
        let readable = format!("{:#}", addr2line::demangle_auto(name.into(), None));
        if readable == symbol {
            return Ok((entry.address(), readable));
        }
        if readable.contains(symbol) && !found.iter().any(|(address, _)| *address == entry.address()) {
            found.push((entry.address(), readable));
        }
    }
    match found.as_slice() {
        [_] => Ok(found.remove(0)),
        [] => Err(Fault::usage(format!(
            "{} has no function whose name contains {symbol:?} (was it inlined, or are the symbols stripped?)",
            path.display()
        ))),
        several => {
            let names: Vec<&str> = several.iter().take(5).map(|(_, name)| name.as_str()).collect();
            Err(Fault::usage(format!(
                "{} functions' names contain {symbol:?}: {}",
                several.len(),
                names.join(", ")
            )))
        }
    }
}

impl Program<'_> {
    /// Starts it, and runs to where it enters the function.
    fn start(&self) -> Result<Tracee, String> {
        let text = |error: io::Error| error.to_string();
        let mut command = Command::new(&self.path);
        command.args(self.arguments);
        // SAFETY: three calls to the kernel, which a forked child may make.
        unsafe {
            command.pre_exec(|| {
                // Whoever loses its tracer ends with it.
                let kill = Some(rustix::process::Signal::KILL);
                rustix::process::set_parent_process_death_signal(kill)?;
                // The same addresses each time.
                personality::set(Persona::ADDR_NO_RANDOMIZE)?;
                Ok(ptrace::traceme()?)
            })
        };
        let child = command.spawn().map_err(text)?;
        let id = Pid::from_raw(child.id() as i32).ok_or("a child without a number")?;
        let mut tracee = Tracee::of(Actor::of(id));
        if tracee.run_to_mark().map_err(text)? != Step::Marked {
            return Err("it does not start".to_owned());
        }
        let entry = self.base(&tracee)? + self.function;
        for hit in 1..=self.hits {
            match tracee.run_to(entry).map_err(text)? {
                Step::Marked => {}
                Step::Ended(ending) => {
                    return Err(format!("the program {ending} before the function was entered {hit} times"));
                }
                step => return Err(format!("{step:?} before the function")),
            }
        }
        Ok(tracee)
    }

    /// Where the program begins in the address space; zero, where its addresses are what they are.
    fn base(&self, tracee: &Tracee) -> Result<u64, String> {
        let bytes = fs::read(&self.path).map_err(|error| error.to_string())?;
        let file = object::File::parse(&*bytes).map_err(|error| error.to_string())?;
        if file.kind() != object::ObjectKind::Dynamic {
            return Ok(0);
        }
        source::base(tracee.process(), &self.path).ok_or_else(|| "the program is not mapped".to_owned())
    }

    /// Steps through the function once, to its return.
    fn survey(&self) -> Result<Survey, String> {
        let text = |error: io::Error| error.to_string();
        let mut tracee = self.start()?;
        let frame = tracee.frame().map_err(text)?;
        let mut survey = Survey::default();
        let mut outside = Outside::of(tracee.process()).map_err(text)?;
        loop {
            let is_call = tracee.is_at_call().map_err(text)?;
            if let Step::Ended(ending) = self.next(&mut tracee)? {
                return Err(format!("the program {ending} in the function"));
            }
            survey.instructions += 1;
            if outside.changed(is_call).map_err(text)? || is_call {
                survey.changes.push(survey.instructions);
            }
            if tracee.has_returned(frame).map_err(text)? {
                return Ok(survey);
            }
            if survey.instructions == INSTRUCTIONS_MAX {
                return Err(format!("it does not return within {INSTRUCTIONS_MAX} instructions"));
            }
            if survey.instructions.is_multiple_of(1000) {
                progress::rewrite(&format!("{} instructions so far", survey.instructions));
            }
        }
    }

    /// One instruction, however long it sleeps: nobody here knows what it waits for.
    fn next(&self, tracee: &mut Tracee) -> Result<Step, String> {
        let began = Instant::now();
        let mut step = tracee.step().map_err(|error| error.to_string())?;
        while step == Step::Asleep {
            if began.elapsed() > super::tracee::LIMIT {
                return Err("it sleeps, and nobody wakes it".to_owned());
            }
            step = tracee.settle().map_err(|error| error.to_string())?;
        }
        Ok(step)
    }

    /// Kills it at a point, and has it checked.
    fn strike(&self, point: u32, line: &mut Option<String>) -> Result<(), String> {
        let mut tracee = self.start()?;
        for _ in 0..point {
            if let Step::Ended(ending) = self.next(&mut tracee)? {
                return Err(format!("the program {ending} in the function"));
            }
        }
        let at = tracee.at().map_err(|error| error.to_string())?;
        let base = self.base(&tracee)?;
        tracee.actor.kill();
        self.is_well()
            .inspect_err(|_| *line = at.checked_sub(base).and_then(|offset| source::line(&self.path, offset)))
    }

    /// What the checker says.
    fn is_well(&self) -> Result<(), String> {
        let Some(check) = self.check else { return Ok(()) };
        let output =
            Command::new("sh").args(["-c", check]).output().map_err(|error| format!("sh: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        Err(format!("the checker ended with {}: {}", output.status, said.trim()))
    }
}
