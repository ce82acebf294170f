//! `mutate`: is every ordering needed, and do the scenarios show it?

use super::{Bench, Verb};
use crate::command::{Arguments, Fault, Outcome, progress};
use crate::explorer::equivalent::{self, EQUIVALENT, Equivalent};
use crate::explorer::mutate::{Fate, Mutant, mutate};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

pub(super) const MUTATE: Verb = Verb {
    name: "mutate",
    about: "weakens each ordering by itself, and sees whether a scenario notices",
    usage: "mutate [NAME...] [--file SUBSTRING] [--seconds-each N]",
    more: "  NAME            by these scenarios; otherwise all but those that are marked `by name only` in the list
  --file          only orderings in files whose path contains this
  --seconds-each  for each scenario and each mutant of a line that it comes by, at most: 10
A mutant that survives is one of three: an ordering that is stronger than it needs to be, scenarios that do not show why
it is needed, or one of the reviewed list (fuzz/src/explorer/equivalent.rs), whose reason is printed. The exit status is 1 when
one survives that is not on the list.",
    example: "mutate NAME --seconds-each 2",
    run,
};

fn run(bench: &Bench, given: &[String]) -> Outcome {
    let arguments = Arguments::read(given, &["--file", "--seconds-each"], &[])?;
    let chosen = bench.chosen(&arguments.words)?;
    let seconds: f64 = arguments.value("--seconds-each")?.unwrap_or(10.0);
    let time = Duration::try_from_secs_f64(seconds);
    let time = time.map_err(|_| Fault::usage("--seconds-each is no length of time"))?;
    let part = arguments.text("--file").unwrap_or_default().to_owned();
    progress::rewrite("learning which lines the scenarios come by");
    let mut unwritten = None;
    let tell = |fate: &Fate, done: usize, count: usize| {
        progress::clear();
        unwritten = print(fate).err().or(unwritten.take());
        progress::rewrite(&format!("{done} of {count} mutants"));
    };
    let fates = mutate(&chosen, time, |mutant| mutant.file().contains(&part), tell).map_err(|report| {
        progress::clear();
        Fault::Other(format!("it fails without any mutant:\n{report}"))
    })?;
    progress::clear();
    if let Some(error) = unwritten {
        return Err(error.into());
    }
    if fates.is_empty() && !part.is_empty() {
        let what =
            format!("these scenarios come by no ordering to weaken in a file whose path contains {part:?}");
        return Err(Fault::usage(what));
    }
    sum_up(&fates, arguments.words.is_empty() && part.is_empty())
}

fn print(fate: &Fate) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match &fate.killed_by {
        Some((scenario, failure)) => {
            writeln!(
                output,
                "killed    {}\n          by {scenario}: {}",
                fate.mutant,
                super::in_a_line(failure)
            )
        }
        None => {
            let cut = if fate.is_complete { "" } else { " (some not explored to the end)" };
            writeln!(output, "SURVIVED  {}\n          {}", fate.mutant, source_of(&fate.mutant).trim())?;
            writeln!(output, "          not noticed by {}{cut}", fate.tried.join(", "))?;
            match equivalent_of(&fate.mutant) {
                Some(entry) => writeln!(output, "          reviewed: {}", entry.reason),
                None => writeln!(output, "          no reason is known"),
            }
        }
    }
}

/// Says how many there were, and what the reviewed list has too much. Is all well?
fn sum_up(fates: &[Fate], is_everything: bool) -> Outcome {
    let mut output = io::stdout().lock();
    let survivors = || fates.iter().filter(|fate| fate.killed_by.is_none());
    let unexplained = survivors().filter(|fate| equivalent_of(&fate.mutant).is_none()).count();
    let (all, survived) = (fates.len(), survivors().count());
    writeln!(
        output,
        "{all} mutants: {} killed, {} survive with a reason, {unexplained} without one",
        all - survived,
        survived - unexplained
    )?;
    for fate in fates.iter().filter(|fate| fate.killed_by.is_some()) {
        if equivalent_of(&fate.mutant).is_some() {
            writeln!(output, "on the reviewed list, and killed: {}", fate.mutant)?;
        }
    }
    if is_everything {
        // Scenarios of somebody else's do not come by Ringway's files.
        let comes_by = |file| fates.iter().any(|fate| fate.mutant.file().ends_with(file));
        for entry in EQUIVALENT.iter().filter(|entry| comes_by(entry.file)) {
            let is_met = fates
                .iter()
                .any(|fate| equivalent_of(&fate.mutant).is_some_and(|met| core::ptr::eq(met, entry)));
            if !is_met {
                writeln!(
                    output,
                    "on the reviewed list, and no mutant: {}: {:?}: {}",
                    entry.file, entry.fragment, entry.change
                )?;
            }
        }
    }
    Ok(unexplained == 0)
}

fn equivalent_of(mutant: &Mutant) -> Option<&'static Equivalent> {
    equivalent::entry(mutant.file(), &source_of(mutant), &mutant.change())
}

/// The line on which a mutant's ordering stands, if the source is there.
fn source_of(mutant: &Mutant) -> String {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(mutant.file());
    let text = std::fs::read_to_string(tree).or_else(|_| std::fs::read_to_string(mutant.file()));
    let text = text.unwrap_or_default();
    text.lines().nth(mutant.line() as usize - 1).unwrap_or_default().to_owned()
}
