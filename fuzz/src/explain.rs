//! A run, told step by step: a column for each process, with source lines and stale reads.

use crate::explore::{self, Found};
use crate::scenario::Scenario;
use crate::token::Token;
use crate::world::{Event, Move};
use std::fmt::Write as _;
use std::rc::Rc;

/// How far a process's column stands to the right of the one before.
const INDENT: usize = 2;
/// Where the source lines begin.
const SITE_AT: usize = 108;

/// A token's run as text, and what it found.
///
/// # Examples
///
/// ```
/// use ringway_fuzz::{Bounds, Scenario, explain, explore};
/// use ringway_shm::primitive::Ordering::Relaxed;
/// use std::rc::Rc;
///
/// let scenario = Rc::new(
///     Scenario::new("message")
///         .words(2)
///         .process("sender", |me| {
///             me.word(0).store(7, Relaxed);
///             me.word(1).store(1, Relaxed);
///         })
///         .process("receiver", |me| {
///             if me.word(1).load(Relaxed) == 1 {
///                 assert_eq!(me.word(0).load(Relaxed), 7);
///             }
///         }),
/// );
/// let found = explore(&scenario, Bounds::WEAK).found.unwrap();
/// let (text, again) = explain(&scenario, &found.token);
/// assert!(text.contains("STALE: the newest is 0x7"), "{text}");
/// assert_eq!(again.unwrap().failure, found.failure);
/// ```
#[must_use]
pub fn explain(scenario: &Rc<Scenario>, token: &Token) -> (String, Option<Found>) {
    let replayed = explore::replay(scenario, token, true);
    let mut text = String::new();
    let names = scenario.processes();
    let _ = writeln!(text, "{}: {}", scenario.name(), names.join(", "));
    let _ = writeln!(text, "within {}", token.bounds);
    for event in &replayed.trace {
        tell(&mut text, &names, event);
    }
    match &replayed.found {
        Some(found) => {
            let _ = writeln!(text, "==> {}", found.failure);
        }
        None => text.push_str("==> nothing is wrong with this run\n"),
    }
    (text, replayed.found)
}

fn tell(text: &mut String, names: &[String], event: &Event) {
    let column = event.process.map_or(0, |process| process + 1);
    let name = match event.process {
        Some(process) => names.get(process).cloned().unwrap_or_else(|| format!("process {process}")),
        None => String::new(),
    };
    let mut line =
        format!("{:>5} {:indent$}{name}: {}", event.step, "", event.text, indent = column * INDENT);
    match event.by {
        Some(Move::Step { .. }) | None => {}
        // What was done to the process, or for what it failed.
        Some(by) if event.text.is_empty() => {
            let _ = write!(line, "*** {by} ***");
        }
        Some(by) => {
            let _ = write!(line, " *** {by} ***");
        }
    }
    if let Some(site) = event.site {
        let pad = SITE_AT.saturating_sub(line.chars().count()).max(2);
        let _ = write!(line, "{:pad$}{}:{}", "", site.file(), site.line());
    }
    let _ = writeln!(text, "{line}");
}
