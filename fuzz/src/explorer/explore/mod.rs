//! Ways through a scenario: all of them, random ones, those that some bytes say, or one that is known.
//!
//! ```text
//!   exhaustive   depth first, each state once                   search.rs
//!   random       any option; or by priorities (PCT)              random.rs
//!   bytes        a byte a choice: for a fuzzer                   replay.rs
//!   replay       the choices of a token                          replay.rs
//!   shrink       the same failure by fewer choices               shrink.rs
//! ```

mod random;
mod replay;
mod search;
mod shrink;

pub use random::Way;
pub(crate) use replay::Replayed;
pub use shrink::shrink;

use crate::explorer::scenario::{End, Scenario};
use crate::explorer::token::Token;
use crate::explorer::world::{Bounds, Ended, Event, Failure, Site, Use, Weakening, World};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Different states.
    pub states: usize,
    /// Time.
    pub time: Duration,
}

impl Default for Limits {
    /// Ten million states, ten minutes.
    fn default() -> Self {
        Self { states: 10_000_000, time: Duration::from_secs(600) }
    }
}

/// A run that is not as it should be.
#[derive(Clone, Debug)]
pub struct Found {
    /// What is wrong.
    pub failure: Failure,
    /// How to get there again.
    pub token: Token,
}

/// Who hears how far an exploration has come.
#[derive(Clone)]
struct Listener(Rc<dyn Fn(&Report)>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

/// The call that took the most steps of its own when nobody else ran.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LongestCall {
    /// Steps.
    pub steps: u32,
    /// Which call.
    pub call: String,
}

/// What an exploration came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Of which scenario.
    pub scenario: String,
    /// Within which bounds.
    pub bounds: Option<Bounds>,
    /// Of runs by chance: where chance began.
    pub seed: Option<u64>,
    /// Runs, from the beginning to the end or to a state that was known.
    pub runs: u64,
    /// Steps taken in them.
    pub steps: u64,
    /// Different states met.
    pub states: u64,
    /// Was every run explored that the bounds allow?
    pub is_complete: bool,
    /// The first run that is not as it should be.
    pub found: Option<Found>,
    /// What the runs came to, if the scenario says.
    pub outcomes: BTreeSet<String>,
    /// The longest call among those that have to end alone.
    pub longest: Option<LongestCall>,
    /// How long it took.
    pub elapsed: Duration,
    pub(crate) sites: BTreeMap<Site, Use>,
}

impl Report {
    /// What is wrong, if anything is.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.found.as_ref().map(|found| &found.failure)
    }

    /// Panics, with the token, if something is wrong or the exploration is not complete.
    ///
    /// # Panics
    ///
    /// As it says.
    pub fn expect_all_well(&self) {
        if let Some(found) = &self.found {
            panic!("{}: {}\nringway-fuzz explain '{}'", self.scenario, found.failure, found.token);
        }
        assert!(self.is_complete, "{}: not complete after {} states", self.scenario, self.states);
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let speed = self.steps as f64 / self.elapsed.as_secs_f64().max(1e-6) / 1e6;
        write!(
            f,
            "{:28} {:>9} states {:>10} runs {:>12} steps {:>7.2} s {speed:>5.1} M/s",
            self.scenario,
            self.states,
            self.runs,
            self.steps,
            self.elapsed.as_secs_f64()
        )?;
        if let Some(longest) = &self.longest {
            write!(f, "  longest call alone: {} in {} steps", longest.call, longest.steps)?;
        }
        if let Some(seed) = self.seed {
            write!(f, "  seed {seed}")?;
        }
        match &self.found {
            Some(found) => {
                let wrong = found.failure.to_string().replace('\n', "\n    ");
                write!(f, "\n    {wrong}\n    token: {}", found.token)
            }
            None if self.seed.is_some() => Ok(()),
            None if !self.is_complete => write!(f, "  (not complete)"),
            None => Ok(()),
        }
    }
}

/// Explores every run within the bounds, up to the usual limits.
///
/// # Examples
///
/// See [`Scenario`].
#[must_use]
pub fn explore(scenario: &Rc<Scenario>, bounds: Bounds) -> Report {
    Explorer::new(bounds).exhaustive(scenario)
}

/// Explores runs of scenarios.
///
/// # Examples
///
/// ```
/// use ringway_fuzz::{Bounds, Explorer, Scenario, Way};
/// use ringway_shm::primitive::Ordering::Relaxed;
/// use std::rc::Rc;
///
/// let scenario = Scenario::new("adders").words(1);
/// let scenario = scenario.process("ann", |me| _ = me.word(0).fetch_add(1, Relaxed));
/// let scenario = Rc::new(scenario.process("bob", |me| _ = me.word(0).fetch_add(1, Relaxed)));
/// let explorer = Explorer::new(Bounds::WEAK.kills(1)).telling(|report| eprintln!("{report}"));
/// assert!(explorer.exhaustive(&scenario).is_complete);
/// assert_eq!(explorer.random(&scenario, Way::Uniform, 7, 100).runs, 100);
/// ```
#[derive(Clone, Debug)]
pub struct Explorer {
    bounds: Bounds,
    limits: Limits,
    weakening: Option<Weakening>,
    reduces: bool,
    collects: bool,
    listener: Option<Listener>,
}

impl Explorer {
    /// Within these bounds, and the usual limits.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let limits = Limits::default();
        Self { bounds, limits, weakening: None, reduces: true, collects: false, listener: None }
    }

    /// Only so far.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Tells how far an exploration has come, some times a second: a report that is not complete.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(&Report) + 'static) -> Self {
        self.listener = Some(Listener(Rc::new(tell)));
        self
    }

    /// Makes a choice of every step, also of those that nobody else can tell: slower, with the same result.
    #[must_use]
    pub fn unreduced(mut self) -> Self {
        self.reduces = false;
        self
    }

    /// Notes what stands at each place of the source that the scenario comes by.
    pub(crate) fn collecting(mut self) -> Self {
        self.collects = true;
        self
    }

    pub(crate) fn weakened(mut self, weakening: Weakening) -> Self {
        self.weakening = Some(weakening);
        self
    }

    /// Every run, each state once.
    #[must_use]
    pub fn exhaustive(&self, scenario: &Rc<Scenario>) -> Report {
        search::exhaustive(self, scenario)
    }

    /// So many runs by chance.
    #[must_use]
    pub fn random(&self, scenario: &Rc<Scenario>, way: Way, seed: u64, runs: u64) -> Report {
        random::random(self, scenario, way, seed, runs)
    }

    /// One run, by bytes: for a fuzzer. The answer is what is wrong, if anything is.
    #[must_use]
    pub fn bytes(&self, scenario: &Rc<Scenario>, bytes: &[u8]) -> Option<Found> {
        let chooser = replay::Replay::of_bytes(bytes);
        replay::once(self, scenario, chooser, false).found
    }

    fn report(&self, scenario: &Scenario) -> Report {
        Report { scenario: scenario.name.clone(), bounds: Some(self.bounds), ..Report::default() }
    }

    fn token(&self, scenario: &Scenario, choices: &[u16], alone: Option<u8>, check: u32) -> Token {
        Token {
            scenario: scenario.name.clone(),
            bounds: self.bounds,
            choices: choices.to_vec(),
            alone,
            check,
        }
    }
}

/// Runs a token's choices once.
pub(crate) fn replay(scenario: &Rc<Scenario>, token: &Token, traced: bool) -> Replayed {
    let explorer = Explorer::new(token.bounds);
    replay::once(&explorer, scenario, replay::Replay::of_token(token), traced)
}

/// What a complete run came to.
fn collect(world: &World, scenario: &Scenario, ended: Ended, report: &mut Report) {
    if let (Ended::Complete, Some(outcome)) = (ended, &scenario.outcome) {
        let state = world.state.borrow();
        report.outcomes.insert(outcome(&End::new(&state)));
    }
}

/// How often somebody hears how far it is.
const TELL_EACH: Duration = Duration::from_millis(200);

/// A clock for limits that is not looked at too often.
struct Patience<'a> {
    began: Instant,
    limit: Duration,
    asked: u32,
    listener: Option<&'a Listener>,
    told: Instant,
}

impl<'a> Patience<'a> {
    fn new(explorer: &'a Explorer) -> Self {
        let (began, listener) = (Instant::now(), explorer.listener.as_ref());
        Self { began, limit: explorer.limits.time, asked: 0, listener, told: began }
    }

    /// Asked after each run.
    fn is_over(&mut self, report: &mut Report) -> bool {
        self.asked += 1;
        if !self.asked.is_multiple_of(64) {
            return false;
        }
        report.elapsed = self.began.elapsed();
        if let Some(listener) = self.listener.filter(|_| self.told.elapsed() > TELL_EACH) {
            (listener.0)(report);
            self.told = Instant::now();
        }
        report.elapsed > self.limit
    }
}

/// Adds to a hash of the numbers of options: by it a run is known again.
fn go_on(check: u32, options: usize, chosen: usize) -> u32 {
    (check.rotate_left(5) ^ (options as u32) << 8 ^ chosen as u32).wrapping_mul(0x9e37_79b1)
}

pub(crate) type Trace = Vec<Event>;
