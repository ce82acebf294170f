//! The command line, as a function: a program with scenarios of its own has the same verbs by one call.
//!
//! ```text
//!   list                       what there is                                   look.rs
//!   replay, shrink, explain    one run, by its token                           look.rs
//!   run                        all runs within bounds, or many by chance       run.rs
//!   deep                       by chance, wider, for minutes or nights         deep.rs
//!   mutate                     is every ordering needed?                       mutants.rs
//! ```
//!
//! Failing runs are kept in a corpus (`corpus.rs`), and run again before anything else is.
//!
//! The exit status is 0 when all is well, 1 when something is wrong with a scenario, and 2 when it is with the command line,
//! or with a file.

mod arguments;
mod corpus;
mod deep;
mod look;
mod mutants;
mod progress;
mod run;

use crate::protocols::Entry;
use crate::token::Token;
use crate::world::Failure;
use arguments::Arguments;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Why a verb cannot do what it was told.
#[derive(Debug)]
enum Fault {
    /// The command line is wrong.
    Usage(String),
    /// Something else is.
    Other(String),
    /// A file cannot be read or written, or nobody can be told.
    Output(io::Error),
}

impl Fault {
    fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// What a verb comes to: is all well?
type Outcome = Result<bool, Fault>;

/// One verb.
struct Verb {
    name: &'static str,
    /// What it does, in a line.
    about: &'static str,
    /// How it is used.
    usage: &'static str,
    /// Everything else.
    more: &'static str,
    example: &'static str,
    run: fn(&Bench<'_>, &[String]) -> Outcome,
}

const VERBS: &[Verb] =
    &[look::LIST, run::RUN, look::REPLAY, look::SHRINK, look::EXPLAIN, mutants::MUTATE, deep::DEEP];

/// What all verbs work on.
struct Bench<'a> {
    entries: &'a [Entry],
    /// As the user called it.
    program: String,
}

impl Bench<'_> {
    /// The entries of these names; of none, all those that are not there on demand only.
    fn chosen(&self, names: &[String]) -> Result<Vec<Entry>, Fault> {
        if names.is_empty() {
            return Ok(self.entries.iter().filter(|entry| !entry.is_on_demand).cloned().collect());
        }
        names.iter().map(|name| self.named(name).cloned()).collect()
    }

    fn named(&self, name: &str) -> Result<&Entry, Fault> {
        let found = self.entries.iter().find(|entry| entry.scenario.name() == name);
        found.ok_or_else(|| {
            Fault::usage(format!("there is no scenario {name:?}; {} list shows them", self.program))
        })
    }

    /// A token that the user typed, and its scenario.
    fn token(&self, text: &str) -> Result<(Token, &Entry), Fault> {
        let token: Token = text.parse().map_err(|error| Fault::usage(format!("{error}")))?;
        let entry = self.named(&token.scenario)?;
        Ok((token, entry))
    }

    /// A verb's example, with a name that there is.
    fn example(&self, verb: &Verb) -> String {
        let name = self.entries.first().map_or("NAME", |entry| entry.scenario.name());
        format!("{} {}", name_of(&self.program), verb.example.replace("NAME", name))
    }

    /// The command by which a token is explained.
    fn explaining(&self, token: &Token) -> String {
        format!("{} explain '{token}'", self.program)
    }
}

/// Does what the words of the command line say, with these scenarios, and says how the program is to end.
///
/// The title stands at the top of the help: the program's name, a colon, and what it is about.
///
/// # Examples
///
/// ```no_run
/// use ringway_fuzz::{Bounds, Entry, Scenario, command_line};
/// use ringway_shm::primitive::Ordering::Relaxed;
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     let adders = Scenario::new("adders")
///         .words(1)
///         .process("ann", |me| _ = me.word(0).fetch_add(1, Relaxed))
///         .process("bob", |me| _ = me.word(0).fetch_add(1, Relaxed))
///         .end(|end| if end.word(0) == 2 { Ok(()) } else { Err("a lost addition".to_owned()) });
///     command_line("adders: explored", vec![Entry::new(adders, Bounds::WEAK, "two add one")])
/// }
/// ```
#[must_use]
pub fn command_line(title: &str, entries: Vec<Entry>) -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next().map(|name| name.to_string_lossy().into_owned());
    let program = program.unwrap_or_else(|| "ringway-fuzz".to_owned());
    let bench = Bench { entries: &entries, program };
    let words =
        words.map(|word| word.into_string().map_err(|word| Fault::usage(format!("{word:?} is no text"))));
    let words: Result<Vec<String>, Fault> = words.collect();
    match words.and_then(|words| follow(title, &bench, &words)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read what was written has seen enough.
        Err(Fault::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(fault) => {
            let is_misuse = matches!(fault, Fault::Usage(_));
            let (text, status) = match fault {
                Fault::Usage(text) => (text, 2),
                Fault::Other(text) => (text, 1),
                Fault::Output(error) => (error.to_string(), 2),
            };
            // When standard error is closed there is nobody left to tell.
            _ = writeln!(io::stderr(), "{}: {text}", name_of(&bench.program));
            if is_misuse {
                _ = writeln!(io::stderr(), "{} --help says what can be said", bench.program);
            }
            ExitCode::from(status)
        }
    }
}

fn follow(title: &str, bench: &Bench<'_>, words: &[String]) -> Outcome {
    let is_help = |word: &String| matches!(word.as_str(), "--help" | "-h");
    let Some(first) = words.first() else { return help(title, bench) };
    if is_help(first) || first == "help" {
        return help(title, bench);
    }
    let verb = VERBS.iter().find(|verb| verb.name == first);
    let verb = verb.ok_or_else(|| Fault::usage(format!("unknown verb {first:?}")))?;
    if words.iter().any(is_help) {
        return help_of(verb, bench);
    }
    let mut names = BTreeSet::new();
    if let Some(name) =
        bench.entries.iter().map(|entry| entry.scenario.name()).find(|name| !names.insert(*name))
    {
        return Err(Fault::Other(format!("two scenarios are called {name:?}: a token names its scenario")));
    }
    (verb.run)(bench, &words[1..])
}

fn help(title: &str, bench: &Bench<'_>) -> Outcome {
    let mut output = io::stdout().lock();
    writeln!(output, "{title}\n\nusage: {} VERB [ARGUMENTS]\n", bench.program)?;
    for verb in VERBS {
        writeln!(output, "  {:8} {}", verb.name, verb.about)?;
        writeln!(output, "  {:8}     {}", "", bench.example(verb))?;
    }
    writeln!(
        output,
        "\nVERB --help says more. The exit status is 0 when all is well, 1 when something is wrong with a"
    )?;
    writeln!(output, "scenario, and 2 when it is with the command line or a file.")?;
    Ok(true)
}

fn help_of(verb: &Verb, bench: &Bench<'_>) -> Outcome {
    let mut output = io::stdout().lock();
    writeln!(output, "{}\n\nusage: {} {}\n\n{}", verb.about, name_of(&bench.program), verb.usage, verb.more)?;
    writeln!(output, "\nexample: {}", bench.example(verb))?;
    Ok(true)
}

/// The name of a program, without its folder.
fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// An error that says of what.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A failure in one line, whatever was said in several.
fn in_a_line(failure: &Failure) -> String {
    failure.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// A number that was not there before.
fn seed_of_the_clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Short enough to be typed.
    now.map_or(1, |now| (now.as_nanos() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40)
}
