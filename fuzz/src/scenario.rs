//! What is explored: a few processes over a region, and what must hold.
//!
//! ```text
//!   Scenario ── region        the bytes that they share; made once, put back before each run
//!            ├─ process       a name and a body: ordinary code over ordinary handles
//!            ├─ always, end   what must hold at every moment, and when nothing more happens
//!            └─ Process       what a body knows of itself: its region, notes, calls that must end
//! ```

use crate::linear::{Call, End as CallEnd};
use crate::memory::PROCESSES_MAX;
use crate::world::{Hostile, InCall, Note, State, Status, World, file_id, image};
use ringway_shm::primitive::model::Kernel;
use ringway_shm::primitive::{AtomicU32, AtomicU64, kernel};
use ringway_shm::{Blueprint, Name, Region, layout};
use ringway_sync::EventCount;
use std::any::Any;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
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

/// A virtual process, as its body sees itself.
pub struct Process {
    world: Rc<World>,
    number: usize,
    body: usize,
    incarnation: u32,
    name: String,
}

impl Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Process {
    pub(crate) fn new(world: Rc<World>, number: usize, body: usize, incarnation: u32, name: String) -> Self {
        Self { world, number, body, incarnation, name }
    }

    /// Its name; one that was started again has a number behind it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which of the scenario's processes it is.
    #[must_use]
    pub fn body(&self) -> usize {
        self.body
    }

    /// How often it was started again.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Its mapping of the scenario's region.
    ///
    /// # Panics
    ///
    /// When the scenario has none.
    #[must_use]
    #[track_caller]
    pub fn region(&self) -> Arc<Region> {
        self.world.region_of(self.number)
    }

    /// A word of a scenario of [`Scenario::words`].
    ///
    /// # Panics
    ///
    /// When there is no such word.
    #[must_use]
    #[track_caller]
    pub fn word(&self, number: usize) -> Word {
        Word { region: self.region(), number: self.there_is(number) }
    }

    /// A word of four bytes of a scenario of [`Scenario::words`]: one to sleep at.
    ///
    /// # Panics
    ///
    /// When there is no such futex.
    #[must_use]
    #[track_caller]
    pub fn futex(&self, number: usize) -> Futex {
        Futex { region: self.region(), number: self.there_is(number) }
    }

    /// An eventcount in the place of a word of a scenario of [`Scenario::words`].
    ///
    /// # Panics
    ///
    /// When there is no such word.
    #[must_use]
    #[track_caller]
    pub fn eventcount(&self, number: usize) -> Bell {
        Bell { region: self.region(), number: self.there_is(number) }
    }

    /// Writes payload to a cell of a scenario of [`Scenario::words`]: not atomic, so others must have been kept away.
    ///
    /// # Panics
    ///
    /// When there is no such cell.
    #[track_caller]
    pub fn put(&self, cell: usize, value: u64) {
        image::put(&self.region(), CELLS, self.there_is(cell), value);
    }

    /// Reads payload from a cell.
    ///
    /// # Panics
    ///
    /// When there is no such cell.
    #[must_use]
    #[track_caller]
    pub fn get(&self, cell: usize) -> u64 {
        image::get(&self.region(), CELLS, self.there_is(cell))
    }

    /// A section has more bytes than were asked for. (In a region of another shape they are the limit.)
    #[track_caller]
    fn there_is(&self, number: usize) -> usize {
        let words = self.world.scenario.words;
        assert!(words == 0 || number < words, "the scenario has {words} words: there is no number {number}");
        number
    }

    /// How it stands at this moment. To look is no step and tells the process nothing, so it is for checks, which hold or end
    /// the run.
    pub fn at_this_moment<R>(&self, look: impl FnOnce(&Moment<'_>) -> R) -> R {
        look(&Moment::new(&self.world.state.borrow()))
    }

    /// The virtual kernel, for who speaks to it without Ringway: each call is a step of this process, if it is the one that
    /// runs.
    #[must_use]
    pub fn kernel(&self) -> &dyn Kernel {
        &*self.world
    }

    /// Waits until every other process has returned, or is dead and buried; from then on none of them is started again. One
    /// process of a scenario may do so.
    pub fn outlive_the_others(&self) {
        self.world.outlive();
    }

    /// Keeps something until the run is over: a process that is done and lives on.
    pub fn keep<T: 'static>(&self, what: T) {
        self.world.keep(Box::new(what));
    }

    /// Tells the scenario something: what was sent, or received. [`Moment::notes`] has it.
    pub fn note(&self, label: &'static str, value: u64) {
        self.world.state.borrow_mut().note(self.number, label, value);
    }

    /// A call that never waits: from wherever it is, it must end within some steps when nobody else runs.
    pub fn attempt<R>(&self, name: &'static str, call: impl FnOnce() -> R) -> R {
        self.called(InCall { name, ends_alone: true, until: None }, call)
    }

    /// A call that waits until a deadline: it must have ended when that has passed.
    pub fn wait<R>(&self, name: &'static str, timeout: Duration, call: impl FnOnce() -> R) -> R {
        let until = Some(kernel::now() + timeout);
        self.called(InCall { name, ends_alone: true, until }, call)
    }

    /// A call that waits for others, for as long as it takes.
    pub fn wait_for_ever<R>(&self, name: &'static str, call: impl FnOnce() -> R) -> R {
        self.called(InCall { name, ends_alone: false, until: None }, call)
    }

    fn called<R>(&self, entered: InCall, call: impl FnOnce() -> R) -> R {
        self.world.state.borrow_mut().call_began(self.number, entered);
        let answer = call();
        self.world.state.borrow_mut().call_ended(self.number, entered);
        answer
    }

    /// An operation of an object that is to be linearizable, with what it answered: [`End::history`] has it.
    pub fn operation<O, A>(&self, operation: O, call: impl FnOnce() -> A) -> A
    where
        O: Clone + Hash + Debug + 'static,
        A: Clone + Hash + Debug + 'static,
    {
        let digest = digest_of(&operation);
        let answered = || {
            let answer = call();
            let digest = digest_of(&answer);
            (answer, digest)
        };
        let keep = |answer: &A| Box::new(answer.clone()) as Box<dyn Any>;
        self.world.record(self.number, Box::new(operation), digest, answered, keep)
    }
}

fn digest_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// An atomic word of the scenario's region.
pub struct Word {
    region: Arc<Region>,
    number: usize,
}

impl std::ops::Deref for Word {
    type Target = AtomicU64;

    fn deref(&self) -> &AtomicU64 {
        image::word(&self.region, WORDS, self.number)
    }
}

impl Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Word({})", self.number)
    }
}

/// An atomic word of four bytes of the scenario's region: the kernel sleeps at no other.
pub struct Futex {
    region: Arc<Region>,
    number: usize,
}

impl std::ops::Deref for Futex {
    type Target = AtomicU32;

    fn deref(&self) -> &AtomicU32 {
        image::futex(&self.region, FUTEXES, self.number)
    }
}

impl Debug for Futex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Futex({})", self.number)
    }
}

/// An eventcount in the scenario's region.
pub struct Bell {
    region: Arc<Region>,
    number: usize,
}

impl std::ops::Deref for Bell {
    type Target = EventCount;

    fn deref(&self) -> &EventCount {
        image::eventcount(&self.region, WORDS, self.number)
    }
}

impl Debug for Bell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bell({})", self.number)
    }
}

/// How it stands with the processes at a moment in the middle of a run.
pub struct Moment<'a> {
    state: &'a State,
}

impl Debug for Moment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moment").finish_non_exhaustive()
    }
}

impl<'a> Moment<'a> {
    pub(crate) fn new(state: &'a State) -> Self {
        Self { state }
    }

    /// Everything that was noted under a label, in order.
    pub fn notes(&self, label: &str) -> impl Iterator<Item = Note> + use<'a> {
        let label = label.to_owned();
        self.state.notes.iter().filter(move |note| note.label == label).copied()
    }

    /// The values noted under a label, in order.
    #[must_use]
    pub fn values(&self, label: &str) -> Vec<u64> {
        self.notes(label).map(|note| note.value).collect()
    }

    /// Was nothing killed, stopped, made to fail, or written by a hostile party so far?
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        !self.state.is_disturbed
    }

    /// How many processes were killed.
    #[must_use]
    pub fn killed(&self) -> usize {
        let is_dead = |status| matches!(status, Status::Killed | Status::Buried);
        self.state.processes.iter().filter(|process| is_dead(process.status)).count()
    }

    /// Was any incarnation of this process of the scenario killed?
    #[must_use]
    pub fn was_killed(&self, number: usize) -> bool {
        let is_dead = |status| matches!(status, Status::Killed | Status::Buried);
        self.state.processes.iter().any(|process| process.body == number && is_dead(process.status))
    }

    /// Was any incarnation of this process of the scenario killed, or has the kernel begun to end it?
    #[must_use]
    pub fn is_doomed(&self, number: usize) -> bool {
        self.was_killed(number)
            || self.state.processes.iter().any(|process| process.body == number && process.is_marked)
    }

    /// Did a hostile party write?
    #[must_use]
    pub fn is_attacked(&self) -> bool {
        self.state.left.scribbles < self.state.bounds.scribbles
    }

    /// The number of an open file in this run; `None` of one that no process of the run made.
    #[must_use]
    pub fn file(&self, file: impl AsFd) -> Option<u64> {
        self.state.kernel.number(file_id(file))
    }

    /// The number of the file that a name leads to, in the virtual kernel.
    #[must_use]
    pub fn named(&self, name: &Name) -> Option<u64> {
        self.state.kernel.named_number(&name.path())
    }

    /// The newest value of a word of a scenario of [`Scenario::words`]; 0 if nobody has touched it.
    #[must_use]
    pub fn word(&self, number: usize) -> u64 {
        let offset = layout::PAGE * 2 + number as u64 * 8;
        self.word_at(offset)
    }

    /// The newest value of the word at an offset of the scenario's region; 0 if nobody has touched it.
    #[must_use]
    pub fn word_at(&self, offset: u64) -> u64 {
        let word = self.state.places.find(offset).filter(|&word| self.state.memory.is_used(word));
        word.map_or(0, |word| self.state.memory.peek(word, 0))
    }
}

/// A run that has come to its end.
#[derive(Debug)]
pub struct End<'a> {
    moment: Moment<'a>,
}

impl<'a> End<'a> {
    pub(crate) fn new(state: &'a State) -> Self {
        Self { moment: Moment::new(state) }
    }

    /// Every operation that was recorded of this kind.
    #[must_use]
    pub fn history<O: Clone + 'static, A: Clone + 'static>(&self) -> Vec<Call<O, A>> {
        let recorded = self.moment.state.operations.iter();
        let calls = recorded.filter_map(|entry| {
            let operation = entry.what.downcast_ref::<O>()?.clone();
            let ended = match (&entry.ended, entry.killed) {
                (Some((at, answer)), _) => {
                    CallEnd::Answered { at: *at, answer: answer.downcast_ref::<A>()?.clone() }
                }
                (None, Some(at)) => CallEnd::Killed { at },
                (None, None) => CallEnd::Running,
            };
            Some(Call { process: entry.process, operation, began: entry.began, ended })
        });
        calls.collect()
    }
}

impl<'a> std::ops::Deref for End<'a> {
    type Target = Moment<'a>;

    fn deref(&self) -> &Moment<'a> {
        &self.moment
    }
}
