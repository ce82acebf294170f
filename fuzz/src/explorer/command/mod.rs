//! The explorer's command line, as a function: a program with scenarios of its own has the same verbs by one call.
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

mod corpus;
mod deep;
mod look;
mod mutants;
mod run;
mod traced;

use crate::command::{Fault, Program, words};
use crate::explorer::protocols::{self, Entry};
use crate::explorer::token::Token;
use crate::explorer::world::Failure;
use std::collections::BTreeSet;
use std::process::ExitCode;

/// The verbs of scenarios.
const VERBS: &[crate::command::Verb<Bench>] =
    &[look::LIST, run::RUN, look::REPLAY, look::SHRINK, look::EXPLAIN, mutants::MUTATE, deep::DEEP];

/// One of the explorer's verbs.
type Verb = crate::command::Verb<Bench>;

/// What all verbs work on.
pub(crate) struct Bench {
    entries: Vec<Entry>,
    /// As the user called it.
    program: String,
}

impl Bench {
    /// The entries of these names; of none, all those that are not there on demand only.
    fn chosen(&self, names: &[String]) -> Result<Vec<Entry>, Fault> {
        self.is_unambiguous()?;
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
        self.is_unambiguous()?;
        let token: Token = text.parse().map_err(|error| Fault::usage(format!("{error}")))?;
        let entry = self.named(&token.scenario)?;
        Ok((token, entry))
    }

    /// A token names its scenario.
    fn is_unambiguous(&self) -> Result<(), Fault> {
        let mut names = BTreeSet::new();
        let twice = self.entries.iter().map(|entry| entry.scenario.name()).find(|name| !names.insert(*name));
        twice.map_or(Ok(()), |name| {
            Err(Fault::Other(format!("two scenarios are called {name:?}: a token names its scenario")))
        })
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
    start(title, entries, VERBS)
}

/// The program `ringway-fuzz`: the verbs of Ringway's own scenarios, the trace, and the killers.
pub(crate) fn program(title: &str) -> ExitCode {
    let mut entries = protocols::all();
    entries.push(protocols::planted::entry());
    let verbs: Vec<Verb> = VERBS.iter().copied().chain([traced::TRACE]).chain(crate::killers()).collect();
    start(title, entries, &verbs)
}

fn start(title: &str, entries: Vec<Entry>, verbs: &[Verb]) -> ExitCode {
    let (called, words) = words();
    let name = entries.first().map_or("NAME", |entry| entry.scenario.name()).to_owned();
    let context = Bench { entries, program: called.clone() };
    Program { title, verbs, context, called, name: &name }.start(words)
}
/// A failure in one line, whatever was said in several.
fn in_a_line(failure: &Failure) -> String {
    failure.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
