//! The same sort of failure, by as little as it takes.
//!
//! First whole processes are left out; then stretches of choices are dropped or set to "whoever runs goes on and sees what is
//! newest", from long ones to single ones (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).

use super::{Found, replay};
use crate::explorer::scenario::Scenario;
use crate::explorer::token::Token;
use std::rc::Rc;

/// Looks for a smaller run that fails in the same way. The answer is the failure as the smaller run shows it; `None` if the
/// token's run does not fail.
///
/// # Examples
///
/// ```
/// use ringway_fuzz::{Bounds, Explorer, Scenario, Way, shrink};
/// use ringway_shm::primitive::Ordering::Relaxed;
/// use std::rc::Rc;
///
/// let scenario = Rc::new(
///     Scenario::new("flag")
///         .words(2)
///         .process("setter", |me| me.word(0).store(1, Relaxed))
///         .process("bystander", |me| me.word(1).store(1, Relaxed))
///         .process("looker", |me| assert_eq!(me.word(0).load(Relaxed), 0)),
/// );
/// let report = Explorer::new(Bounds::WEAK).random(&scenario, Way::Uniform, 1, 1000);
/// let small = shrink(&scenario, &report.found.unwrap().token).unwrap();
/// assert_eq!(small.token.to_string().split('~').nth(1), Some("weak,without=2"));
/// ```
#[must_use]
pub fn shrink(scenario: &Rc<Scenario>, token: &Token) -> Option<Found> {
    let found = replay(scenario, token, false).found?;
    let sort = found.failure.sort();
    let mut best = Smaller { scenario, sort, found };
    best.without_processes();
    best.cut_end();
    loop {
        let before = cost(&best.found.token);
        best.by_stretches();
        best.by_values();
        if cost(&best.found.token) >= before {
            return Some(best.found);
        }
    }
}

/// Choices that are not the first option, and choices.
fn cost(token: &Token) -> (usize, usize) {
    (token.choices.iter().filter(|&&choice| choice != 0).count(), token.choices.len())
}

struct Smaller<'a> {
    scenario: &'a Rc<Scenario>,
    sort: &'static str,
    found: Found,
}

impl Smaller<'_> {
    /// Takes the token's run if it fails in the same way at no greater cost.
    fn take(&mut self, token: Token) -> bool {
        let Some(mut found) = replay(self.scenario, &token, false).found else { return false };
        // What comes after the last choice that matters need not be said, unless it says from where on somebody runs alone.
        while found.token.alone.is_none() && found.token.choices.last() == Some(&0) {
            found.token.choices.pop();
        }
        let is_smaller = found.failure.sort() == self.sort && cost(&found.token) <= cost(&self.found.token);
        if is_smaller {
            self.found = found;
        }
        is_smaller
    }

    fn without_processes(&mut self) {
        // Where somebody waits, or the end is not as it should be, one who is missing is another reason for that.
        if !matches!(self.sort, "race" | "panic" | "outside" | "wedged") {
            return;
        }
        for process in 0..self.scenario.bodies.len() {
            let mut token = self.found.token.clone();
            token.bounds.without |= 1 << process;
            // The choices mean something else without it: these, the first ones, or a short search for others.
            let bounds = token.bounds;
            let fresh = Token { choices: Vec::new(), ..token.clone() };
            if self.take(token) || self.take(fresh) {
                continue;
            }
            let limits = super::Limits { states: 200_000, time: std::time::Duration::from_secs(2) };
            let report = super::Explorer::new(bounds).limits(limits).exhaustive(self.scenario);
            if let Some(found) = report.found.filter(|found| found.failure.sort() == self.sort) {
                self.found = found;
            }
        }
    }

    fn cut_end(&mut self) {
        let token = self.found.token.clone();
        self.take(token);
    }

    fn by_stretches(&mut self) {
        let mut len = self.found.token.choices.len().next_power_of_two().max(1);
        while len > 0 {
            let mut at = 0;
            while at < self.found.token.choices.len() {
                let token = &self.found.token;
                let end = (at + len).min(token.choices.len());
                let mut dropped = token.clone();
                dropped.choices.drain(at..end);
                let mut plain = token.clone();
                plain.choices[at..end].fill(0);
                if self.take(dropped) {
                    continue;
                }
                if self.found.token.choices != plain.choices {
                    self.take(plain);
                }
                at += len;
            }
            len /= 2;
        }
    }

    fn by_values(&mut self) {
        for at in 0..self.found.token.choices.len() {
            for smaller in 1..self.found.token.choices.get(at).copied().unwrap_or(0) {
                let mut token = self.found.token.clone();
                token.choices[at] = smaller;
                if self.take(token) {
                    break;
                }
            }
        }
    }
}
