//! `list`, `replay`, `shrink`, `explain`: what there is, and one run by its token.

use super::{Bench, Verb};
use crate::command::{Arguments, Fault, Outcome};
use crate::explorer::explain::{Style, told};
use crate::explorer::explore;
use std::io::{self, IsTerminal, Write};

pub(super) const LIST: Verb = Verb {
    name: "list",
    about: "names the scenarios, their bounds, and what they show",
    usage: "list",
    more: "The bounds are those of `run`; BOUNDS is explained in `run --help`.",
    example: "list",
    run: list,
};

pub(super) const REPLAY: Verb = Verb {
    name: "replay",
    about: "runs a token's run again, and says what is wrong with it",
    usage: "replay TOKEN",
    more: "  TOKEN        as `run` prints it, in quotes
The exit status is 1 when the run fails. A run that is another one than the token's, because the scenario or what it
runs has changed since, is said to be so.",
    example: "replay 'TOKEN'",
    run: replay,
};

pub(super) const SHRINK: Verb = Verb {
    name: "shrink",
    about: "looks for a smaller run that fails in the same way",
    usage: "shrink TOKEN",
    more: "  TOKEN        as `run` prints it, in quotes. (`run` has shrunk it already.)",
    example: "shrink 'TOKEN'",
    run: shrink,
};

pub(super) const EXPLAIN: Verb = Verb {
    name: "explain",
    about: "tells a token's run step by step, a column for each process",
    usage: "explain TOKEN [--all]",
    more: "  TOKEN        as `run` prints it, in quotes
  --all        every step. Otherwise what happens before the first choice is one line for each process, and of a long
               run the steps before the last sixty are left out, but for what is marked. The rounds of one that looks in
               vain at the end are told once
Stale reads are marked, and so is what happens to processes from outside: in colour on a terminal, unless NO_COLOR is
set. A line has 120 columns at most. The exit status is 0 whether the run fails or not.",
    example: "explain 'TOKEN'",
    run: explain,
};

const DRIFTED: &str = "this is another run than the token's: the scenario or what it runs has changed since";

fn list(bench: &Bench, given: &[String]) -> Outcome {
    let arguments = Arguments::read(given, &[], &[])?;
    if let Some(word) = arguments.words.first() {
        return Err(Fault::usage(format!("{word:?} is too much")));
    }
    let mut output = io::stdout().lock();
    for entry in &bench.entries {
        let (name, bounds) = (entry.scenario.name(), entry.bounds.to_string());
        let on_demand = if entry.is_on_demand { " (by name only)" } else { "" };
        writeln!(output, "{name:28} {bounds:25} {}{on_demand}", entry.about)?;
    }
    Ok(true)
}

fn replay(bench: &Bench, given: &[String]) -> Outcome {
    let arguments = Arguments::read(given, &[], &[])?;
    let (token, entry) = bench.token(arguments.only_word("token")?)?;
    let replayed = explore::replay(&entry.scenario, &token, false);
    let mut output = io::stdout().lock();
    if !replayed.is_known {
        writeln!(output, "{DRIFTED}")?;
    }
    match &replayed.found {
        Some(found) => writeln!(output, "{}\n{}", found.failure, bench.explaining(&token))?,
        None => writeln!(output, "nothing is wrong with this run")?,
    }
    Ok(replayed.found.is_none())
}

fn shrink(bench: &Bench, given: &[String]) -> Outcome {
    let arguments = Arguments::read(given, &[], &[])?;
    let (token, entry) = bench.token(arguments.only_word("token")?)?;
    let Some(found) = explore::shrink(&entry.scenario, &token) else {
        return Err(Fault::Other("nothing is wrong with this run: there is nothing to shrink".to_owned()));
    };
    let mut output = io::stdout().lock();
    writeln!(output, "{}\ntoken: {}\n{}", found.failure, found.token, bench.explaining(&found.token))?;
    Ok(true)
}

fn explain(bench: &Bench, given: &[String]) -> Outcome {
    let arguments = Arguments::read(given, &[], &["--all"])?;
    let (token, entry) = bench.token(arguments.only_word("token")?)?;
    let replayed = explore::replay(&entry.scenario, &token, true);
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let mut output = io::stdout().lock();
    let style = Style { is_whole: arguments.has("--all"), has_colours: output.is_terminal() && !no_colour };
    write!(output, "{}", told(&entry.scenario, &token, &replayed, style))?;
    if !replayed.is_known {
        writeln!(output, "{DRIFTED}")?;
    }
    Ok(true)
}
