//! What is explored: a few processes over a region, and what must hold.
//!
//! ```text
//!   Scenario ── region        the bytes that they share; made once, put back before each run
//!            ├─ process       a name and a body: ordinary code over ordinary handles
//!            ├─ always, end   what must hold at every moment, and when nothing more happens
//!            └─ Process       what a body knows of itself: its region, notes, calls that must end
//! ```

mod moment;
mod process;

pub use moment::{End, Moment};
pub(crate) use process::digest_of;
pub use process::{Bell, Futex, Process, Word};

use crate::explorer::memory::PROCESSES_MAX;
use crate::explorer::world::Hostile;
use ringway_shm::{Blueprint, Region, layout};
use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

/// Content of the section of words of [`Scenario::words`].
const WORDS: u32 = layout::FIRST_OWN;
/// Content of the section of payload cells.
const CELLS: u32 = layout::FIRST_OWN + 1;
/// Content of the section of futexes.
const FUTEXES: u32 = layout::FIRST_OWN + 2;

pub(crate) type Outcome = dyn Fn(&End<'_>) -> String;
pub(crate) type AtEnd = dyn Fn(&End<'_>) -> Result<(), String>;
pub(crate) type AtMoment = dyn Fn(&Moment<'_>) -> Result<(), String>;

/// A process of a scenario.
pub(crate) struct Body {
    pub(crate) name: String,
    pub(crate) run: Rc<dyn Fn(&Process)>,
}

/// A few virtual processes that share a region, and what must hold of them.
///
/// # Examples
///
/// Two processes that add one to a word, of which one forgets that others do so, too:
///
/// ```
/// use ringway_fuzz::{Bounds, Scenario, explore};
/// use ringway_shm::primitive::Ordering::Relaxed;
///
/// let scenario = Scenario::new("two adders")
///     .words(1)
///     .process("ann", |me| {
///         me.word(0).fetch_add(1, Relaxed);
///     })
///     .process("bob", |me| {
///         let seen = me.word(0).load(Relaxed);
///         me.word(0).store(seen + 1, Relaxed);
///     })
///     .end(|end| if end.word(0) == 2 { Ok(()) } else { Err(format!("2 additions make {}", end.word(0))) });
/// let report = explore(&scenario.into(), Bounds::STRONG);
/// assert_eq!(report.failure().unwrap().to_string(), "2 additions make 1");
/// ```
pub struct Scenario {
    pub(crate) name: String,
    pub(crate) region: Option<Box<dyn Fn() -> Region>>,
    pub(crate) bodies: Vec<Body>,
    pub(crate) always: Vec<Box<AtMoment>>,
    pub(crate) ends: Vec<Box<AtEnd>>,
    pub(crate) outcome: Option<Box<Outcome>>,
    pub(crate) wakes_are_due: Option<Duration>,
    pub(crate) unfenced: Vec<String>,
    pub(crate) hostile: Option<Hostile>,
    /// Words of a region of [`Scenario::words`].
    pub(crate) words: usize,
}

impl Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.bodies.iter().map(|body| &body.name).collect();
        f.debug_struct("Scenario")
            .field("name", &self.name)
            .field("processes", &names)
            .finish_non_exhaustive()
    }
}

impl Scenario {
    /// One without processes. Blanks and tildes in the name become dashes: it is part of a token.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into().replace(|letter: char| letter.is_whitespace() || letter == '~', "-"),
            region: None,
            bodies: Vec::new(),
            always: Vec::new(),
            ends: Vec::new(),
            outcome: None,
            wakes_are_due: None,
            unfenced: Vec::new(),
            hostile: None,
            words: 0,
        }
    }

    /// The scenario's name: what a token says.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The region that the processes share, made by the real kernel before the first run: one without a name. Each process
    /// has a mapping of its own of it, [`Process::region`].
    #[must_use]
    pub fn region(mut self, make: impl Fn() -> Region + 'static) -> Self {
        self.region = Some(Box::new(make));
        self.words = 0;
        self
    }

    /// A region of so many atomic words, as many cells of payload, and as many futexes: [`Process::word`], [`Process::put`] and
    /// [`Process::get`], [`Process::futex`].
    #[must_use]
    pub fn words(self, count: usize) -> Self {
        let with = self.region(move || {
            let bytes = count as u64 * 8;
            let blueprint = Blueprint::new(1, 1)
                .section(WORDS, bytes)
                .and_then(|with| with.section(CELLS, bytes))
                .and_then(|with| with.section(FUTEXES, bytes));
            Region::anonymous(&blueprint.expect("room for a few words")).expect("a region of a few pages")
        });
        Self { words: count, ..with }
    }

    /// A process.
    ///
    /// # Panics
    ///
    /// When there are [`PROCESSES_MAX`] already.
    #[must_use]
    pub fn process(self, name: impl Into<String>, run: impl Fn(&Process) + 'static) -> Self {
        self.process_with(name, |_| (), move |me, ()| run(me))
    }

    /// A process that sets something up first. All processes have done so, one after the other, before the first choice of a
    /// run: what they write then has always been there. One that is started again sets itself up in the middle of the run.
    ///
    /// # Panics
    ///
    /// When there are [`PROCESSES_MAX`] already.
    #[must_use]
    pub fn process_with<T>(
        mut self,
        name: impl Into<String>,
        set_up: impl Fn(&Process) -> T + 'static,
        run: impl Fn(&Process, T) + 'static,
    ) -> Self {
        assert!(self.bodies.len() < PROCESSES_MAX, "a scenario has {PROCESSES_MAX} processes at most");
        let body = move |me: &Process| {
            let ready = set_up(me);
            me.world.begin();
            run(me, ready);
        };
        self.bodies.push(Body { name: name.into(), run: Rc::new(body) });
        self
    }

    /// What must hold at every moment.
    #[must_use]
    pub fn always(mut self, check: impl Fn(&Moment<'_>) -> Result<(), String> + 'static) -> Self {
        self.always.push(Box::new(check));
        self
    }

    /// What must hold when nothing more happens.
    #[must_use]
    pub fn end(mut self, check: impl Fn(&End<'_>) -> Result<(), String> + 'static) -> Self {
        self.ends.push(Box::new(check));
        self
    }

    /// What a run came to, to be collected in [`Report::outcomes`](crate::Report::outcomes).
    #[must_use]
    pub fn outcome(mut self, tell: impl Fn(&End<'_>) -> String + 'static) -> Self {
        self.outcome = Some(Box::new(tell));
        self
    }

    /// A sleep is to be ended by a wake-up: as long as nothing was killed, stopped or made to fail, one that only its own time
    /// ends is a failure.
    #[must_use]
    pub fn wakes_are_due(self) -> Self {
        self.wakes_are_due_beyond(Duration::ZERO)
    }

    /// The same, of sleeps longer than this: shorter ones may be meant to end by their time.
    #[must_use]
    pub fn wakes_are_due_beyond(mut self, longest: Duration) -> Self {
        self.wakes_are_due = Some(longest);
        self
    }

    /// The kernel refuses the heavy fences of a process, and does not let those of others reach it, as in a sandbox.
    #[must_use]
    pub fn refuses_heavy_fences(mut self, process: impl Into<String>) -> Self {
        self.unfenced.push(process.into());
        self
    }

    /// A party that follows no protocol: it may write any of these values to any word, and over any payload, that was touched
    /// so far, as often as [`Bounds::scribbles`](crate::Bounds::scribbles) lets it.
    #[must_use]
    pub fn hostile(mut self, name: impl Into<String>, values: impl IntoIterator<Item = u64>) -> Self {
        self.hostile = Some(Hostile { name: name.into(), values: values.into_iter().collect() });
        self
    }

    /// The names of the processes.
    #[must_use]
    pub fn processes(&self) -> Vec<String> {
        self.bodies.iter().map(|body| body.name.clone()).collect()
    }
}
