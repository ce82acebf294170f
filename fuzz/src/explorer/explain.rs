//! A run, told step by step: a column for each process, with source lines and stale reads.
//!
//! ```text
//!    step   sender                      receiver
//!       1   * store Relaxed 0x7 to 0x2000                                               where in the source
//!       2   * store Relaxed 0x1 to 0x2008                                               where in the source
//!       3   |                           * load Relaxed at 0x2008: 0x1 of step 2         where in the source
//!       4   |                           ~ load Relaxed at 0x2000: 0x0 of the start      where in the source
//!           |                             STALE: the newest is 0x7, by sender at step 1
//! ```
//!
//! In a row only one process does something, so what it does may run over the columns to its right.

mod line;

use crate::explorer::explore::{self, Found, Replayed};
use crate::explorer::scenario::Scenario;
use crate::explorer::token::Token;
use crate::explorer::world::{Event, Move, STALE};
use line::{Line, Paint, tail, wrapped};
use std::fmt::Write as _;
use std::ops::Range;
use std::rc::Rc;

/// Columns of a line.
const WIDTH: usize = 120;
/// Where the columns of the processes begin.
const LANES_AT: usize = 8;
/// Where the source lines begin.
const SITE_AT: usize = 88;
/// Room that the column furthest to the right has at least.
const TEXT_MIN: usize = 44;
/// How far a process's column stands to the right of the one before, at most.
const STRIDE_MAX: usize = 28;
/// Rows at the end of a long run that are always told.
const LAST: usize = 60;

/// Rows of a round that is told once.
const ROUND_MAX: usize = 16;
/// How often it has to be gone for that.
const ROUNDS_MIN: usize = 4;

/// How a run is told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Every step, and not only what matters.
    pub(crate) is_whole: bool,
    pub(crate) has_colours: bool,
}

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
    (told(scenario, token, &replayed, Style::default()), replayed.found)
}

/// A run that was traced, as text.
pub(crate) fn told(scenario: &Scenario, token: &Token, replayed: &Replayed, style: Style) -> String {
    let rows: Vec<Event> = replayed.trace.iter().filter(|event| is_told(event)).cloned().collect();
    let mut page = Page::new(scenario, token, &rows, style);
    page.head(scenario, token);
    let live = rows.iter().position(|event| event.step > 0).unwrap_or(rows.len());
    if style.is_whole {
        page.rows(&rows);
    } else {
        page.set_up(&rows[..live]);
        let run = &rows[live..];
        let (round, count) = rounds(run);
        let run = &run[..run.len() - round * (count - 1)];
        let kept = if run.len() > LAST + LAST / 2 { run.len() - LAST } else { 0 };
        page.folded(&run[..kept]);
        page.rows(&run[kept..]);
        if count > 1 {
            page.row(
                None,
                None,
                ' ',
                &format!("... the same again, {} times", count - 1),
                Paint::Faint,
                None,
            );
        }
    }
    match &replayed.found {
        Some(found) => page.last(&format!("==> {}", found.failure), Paint::Fault),
        None => page.last("==> nothing is wrong with this run", Paint::Plain),
    }
    page.text
}

/// How many rows at the end are a round that is gone again and again, and how often: who looks in vain looks often.
fn rounds(rows: &[Event]) -> (usize, usize) {
    let is_same = |one: &Event, other: &Event| {
        (one.process, one.by, &one.text, one.site) == (other.process, other.by, &other.text, other.site)
    };
    let count = |round: usize| {
        let last = &rows[rows.len() - round..];
        let is_last = |rows: &&[Event]| rows.iter().zip(last).all(|(one, other)| is_same(one, other));
        rows.rchunks_exact(round).take_while(is_last).count()
    };
    let mut found = (1..=ROUND_MAX.min(rows.len())).map(|round| (round, count(round)));
    found.find(|&(_, count)| count >= ROUNDS_MIN).unwrap_or((0, 1))
}

/// A hostile party's move is told with what it writes.
fn is_told(event: &Event) -> bool {
    !(event.text.is_empty() && event.process.is_none())
}

/// What sort of row an event is: the mark before it, and how it looks.
fn mark(event: &Event) -> (char, Paint) {
    match event.by {
        _ if event.text.contains(STALE) => ('~', Paint::Stale),
        Some(Move::Step { .. }) => ('*', Paint::Plain),
        None if event.process.is_none() => ('!', Paint::Fault),
        None => (' ', Paint::Plain),
        Some(Move::Pass(_) | Move::Resume(_) | Move::Mark(_) | Move::Bury(_)) => ('!', Paint::Strong),
        Some(_) => ('!', Paint::Fault),
    }
}

/// The text, as far as it is written.
struct Page {
    text: String,
    names: Vec<String>,
    /// Does its column go on? That of a killed process does not.
    is_there: Vec<bool>,
    stride: usize,
    step: Option<u32>,
    style: Style,
}

impl Page {
    fn new(scenario: &Scenario, token: &Token, rows: &[Event], style: Style) -> Self {
        let mut names = scenario.processes();
        let begun = names.len();
        for event in rows {
            if let (Some(Move::Restart(_)), Some(process)) = (event.by, event.process) {
                let (base, number) = match names[process].rsplit_once('#') {
                    Some((base, number)) => (base.to_owned(), number.parse().unwrap_or(1)),
                    None => (names[process].clone(), 1),
                };
                names.push(format!("{base}#{}", number + 1));
            }
        }
        let lanes = names.len().max(2);
        let stride = ((SITE_AT - LANES_AT - TEXT_MIN) / (lanes - 1)).min(STRIDE_MAX);
        let begins = |process: usize| process < begun && token.bounds.without >> process & 1 == 0;
        let is_there = (0..names.len()).map(begins).collect();
        Self { text: String::new(), names, is_there, stride, step: None, style }
    }

    /// Title, legend, and the names above their columns.
    fn head(&mut self, scenario: &Scenario, token: &Token) {
        let _ = writeln!(self.text, "{} within {}", scenario.name(), token.bounds);
        let _ = writeln!(
            self.text,
            "  * step   ~ read that does not see the newest value   ! what happens to a process"
        );
        if scenario.words > 0 {
            let cells = 0x2000 + (scenario.words as u64 * 8).next_multiple_of(ringway_shm::layout::PAGE);
            let _ = writeln!(self.text, "  word n is at 0x2000 + 8 n, cell n at {cells:#x} + 8 n");
        }
        self.text.push('\n');
        let mut line = Line::new(self.style.has_colours);
        line.put("   step", Paint::Strong);
        for (lane, name) in self.names.iter().enumerate() {
            line.go_to(LANES_AT + lane * self.stride);
            // The last one has room.
            let room = if lane + 1 < self.names.len() { self.stride - 1 } else { WIDTH };
            line.put(&name.chars().take(room).collect::<String>(), Paint::Strong);
        }
        self.write(line);
    }

    /// What happened before the first choice, in a line for each process.
    fn set_up(&mut self, rows: &[Event]) {
        for process in 0..self.names.len() {
            let count = rows.iter().filter(|event| event.process == Some(process)).count();
            if count > 0 {
                let text = format!("(sets itself up: {count} calls to the kernel)");
                self.row(None, Some(process), ' ', &text, Paint::Faint, None);
            }
        }
    }

    fn rows(&mut self, rows: &[Event]) {
        for event in rows {
            self.event(event);
        }
    }

    /// Only what is marked; the rest is counted.
    fn folded(&mut self, rows: &[Event]) {
        let is_marked = |event: &Event| matches!(mark(event).0, '~' | '!');
        for stretch in rows.chunk_by(|one, other| !is_marked(one) && !is_marked(other)) {
            if is_marked(&stretch[0]) || stretch.len() < 3 {
                self.rows(stretch);
                continue;
            }
            let count =
                |process: usize| stretch.iter().filter(|event| event.process == Some(process)).count();
            let of_each = self.names.iter().enumerate().map(|(process, name)| (count(process), name));
            let counts: Vec<_> =
                of_each.filter(|of| of.0 > 0).map(|(count, name)| format!("{count} of {name}")).collect();
            self.row(None, None, ' ', &format!("... left out: {}", counts.join(", ")), Paint::Faint, None);
        }
    }

    fn event(&mut self, event: &Event) {
        let (sign, paint) = mark(event);
        let step = Some(event.step).filter(|_| self.step != Some(event.step));
        self.step = Some(event.step);
        let sign = if sign == ' ' && step.is_some() { '*' } else { sign };
        let by = event.by.filter(|by| !matches!(by, Move::Step { .. }));
        let (said, stale) = event.text.split_once(STALE).unwrap_or((&event.text, ""));
        let text = match by {
            Some(by) if said.is_empty() => by.to_string(),
            Some(by) => format!("{said} ({by})"),
            None => said.to_owned(),
        };
        let site = event.site.map(|site| format!("{}:{}", site.file(), site.line()));
        self.row(step, event.process, sign, &text, paint, site.as_deref());
        if !stale.is_empty() {
            self.row(None, event.process, ' ', &format!("STALE: {stale}"), paint, None);
        }
        match (event.by, event.process) {
            (Some(Move::Kill(_)), Some(process)) => self.is_there[process] = false,
            (Some(Move::Restart(_)), _) => {
                if let Some(next) = self.next_restarted() {
                    self.is_there[next] = true;
                }
            }
            _ => {}
        }
    }

    /// The column of whoever is started again next.
    fn next_restarted(&self) -> Option<usize> {
        let is_waiting = |&lane: &usize| self.names[lane].contains('#') && !self.is_there[lane];
        (0..self.names.len()).rev().take_while(is_waiting).last()
    }

    /// One row; more if the text is long.
    fn row(
        &mut self,
        step: Option<u32>,
        process: Option<usize>,
        sign: char,
        text: &str,
        paint: Paint,
        site: Option<&str>,
    ) {
        let lane = process.unwrap_or(0).min(self.names.len().saturating_sub(1));
        let start = LANES_AT + lane * self.stride;
        for (number, part) in wrapped(text, SITE_AT - start - 3).enumerate() {
            let mut line = Line::new(self.style.has_colours);
            if let Some(step) = step.filter(|_| number == 0) {
                line.put(&format!("{step:>7}"), Paint::Plain);
            }
            self.lines_of(&mut line, 0..lane);
            line.go_to(start);
            line.put(&if number == 0 { format!("{sign} {part}") } else { format!("    {part}") }, paint);
            self.lines_of(&mut line, lane + 1..self.names.len());
            if let Some(site) = site.filter(|_| number == 0) {
                line.go_to(SITE_AT);
                line.put(&tail(site, WIDTH - SITE_AT), Paint::Faint);
            }
            self.write(line);
        }
    }

    /// The columns of others, as far as they are free.
    fn lines_of(&self, line: &mut Line, lanes: Range<usize>) {
        for lane in lanes.filter(|&lane| self.is_there[lane]) {
            let at = LANES_AT + lane * self.stride;
            if at > line.len || line.len == 0 {
                line.go_to(at);
                line.put("|", Paint::Faint);
            }
        }
    }

    fn last(&mut self, text: &str, paint: Paint) {
        let mut line = Line::new(self.style.has_colours);
        line.put(text, paint);
        self.write(line);
    }

    fn write(&mut self, line: Line) {
        self.text.push_str(&line.text);
        self.text.push('\n');
    }
}
