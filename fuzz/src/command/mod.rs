//! What every command line here is made of: verbs, their help, their words, and how they end.
//!
//! The exit status is 0 when all is well, 1 when something is wrong with what was checked, and 2 when it is with the
//! command line, or with a file.

pub(crate) mod apart;
mod arguments;
pub(crate) mod progress;

pub(crate) use arguments::Arguments;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Why a verb cannot do what it was told.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The command line is wrong.
    Usage(String),
    /// Something else is.
    Other(String),
    /// A file cannot be read or written, or nobody can be told.
    Output(io::Error),
}

impl Fault {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// What a verb comes to: is all well?
pub(crate) type Outcome = Result<bool, Fault>;

/// One verb, which works on a `C`.
pub(crate) struct Verb<C> {
    pub(crate) name: &'static str,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    /// How it is used.
    pub(crate) usage: &'static str,
    /// Everything else.
    pub(crate) more: &'static str,
    /// Words behind the program's name; NAME is replaced by one that there is.
    pub(crate) example: &'static str,
    pub(crate) run: fn(&C, &[String]) -> Outcome,
}

impl<C> Clone for Verb<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Verb<C> {}

/// A program: its verbs, and what they work on.
pub(crate) struct Program<'a, C> {
    /// Its name, a colon, and what it is about.
    pub(crate) title: &'a str,
    pub(crate) verbs: &'a [Verb<C>],
    pub(crate) context: C,
    /// As the user called it.
    pub(crate) called: String,
    /// A name for the examples.
    pub(crate) name: &'a str,
}

/// The words of the command line, and what the program was called.
pub(crate) fn words() -> (String, impl Iterator<Item = OsString>) {
    let mut words = std::env::args_os();
    let called = words.next().map(|name| name.to_string_lossy().into_owned());
    (called.unwrap_or_else(|| "ringway-fuzz".to_owned()), words)
}

impl<C> Program<'_, C> {
    /// Does what the words say, and says how the program is to end.
    pub(crate) fn start(&self, words: impl Iterator<Item = OsString>) -> ExitCode {
        let words =
            words.map(|word| word.into_string().map_err(|word| Fault::usage(format!("{word:?} is no text"))));
        let words: Result<Vec<String>, Fault> = words.collect();
        match words.and_then(|words| self.follow(&words)) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            // Whoever read what was written has seen enough.
            Err(Fault::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(fault) => self.complain(fault),
        }
    }

    fn complain(&self, fault: Fault) -> ExitCode {
        let is_misuse = matches!(fault, Fault::Usage(_));
        let (text, status) = match fault {
            Fault::Usage(text) => (text, 2),
            Fault::Other(text) => (text, 1),
            Fault::Output(error) => (error.to_string(), 2),
        };
        // When standard error is closed there is nobody left to tell.
        _ = writeln!(io::stderr(), "{}: {text}", name_of(&self.called));
        if is_misuse {
            _ = writeln!(io::stderr(), "{} --help says what can be said", self.called);
        }
        ExitCode::from(status)
    }

    fn follow(&self, words: &[String]) -> Outcome {
        let is_help = |word: &String| matches!(word.as_str(), "--help" | "-h");
        let Some(first) = words.first() else { return self.help() };
        if is_help(first) || first == "help" {
            return self.help();
        }
        let verb = self.verbs.iter().find(|verb| verb.name == first);
        let verb = verb.ok_or_else(|| Fault::usage(format!("unknown verb {first:?}")))?;
        // What stands behind `--` is another program's.
        if words.iter().take_while(|word| *word != "--").any(is_help) {
            return self.help_of(verb);
        }
        (verb.run)(&self.context, &words[1..])
    }

    fn help(&self) -> Outcome {
        let mut output = io::stdout().lock();
        writeln!(output, "{}\n\nusage: {} VERB [ARGUMENTS]\n", self.title, self.called)?;
        for verb in self.verbs {
            writeln!(output, "  {:8} {}", verb.name, verb.about)?;
            writeln!(output, "  {:8}     {}", "", self.example(verb))?;
        }
        writeln!(
            output,
            "\nVERB --help says more. The exit status is 0 when all is well, 1 when something is wrong with what is"
        )?;
        writeln!(output, "checked, and 2 when it is with the command line or a file.")?;
        Ok(true)
    }

    fn help_of(&self, verb: &Verb<C>) -> Outcome {
        let mut output = io::stdout().lock();
        let program = name_of(&self.called);
        writeln!(output, "{}\n\nusage: {program} {}\n\n{}", verb.about, verb.usage, verb.more)?;
        writeln!(output, "\nexample: {}", self.example(verb))?;
        Ok(true)
    }

    fn example(&self, verb: &Verb<C>) -> String {
        format!("{} {}", name_of(&self.called), verb.example.replace("NAME", self.name))
    }
}

/// The name of a program, without its folder.
pub(crate) fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// An error that says of what.
pub(crate) fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A number that was not there before.
pub(crate) fn seed_of_the_clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Short enough to be typed.
    now.map_or(1, |now| (now.as_nanos() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40)
}

/// Text as JSON has it.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if u32::from(letter) < 0x20 => _ = write!(quoted, "\\u{:04x}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
