//! A virtual process, as its body sees itself.

use super::{CELLS, FUTEXES, Moment, WORDS};
use crate::explorer::world::{InCall, World, image};
use ringway_shm::primitive::model::Kernel;
use ringway_shm::primitive::{AtomicU32, AtomicU64, kernel};
use ringway_shm::{Region, ThreadRows};
use ringway_sync::EventCount;
use std::any::Any;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A virtual process, as its body sees itself.
pub struct Process {
    pub(super) world: Rc<World>,
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

    /// A word of a scenario of [`Scenario::words`](crate::Scenario::words).
    ///
    /// # Panics
    ///
    /// When there is no such word.
    #[must_use]
    #[track_caller]
    pub fn word(&self, number: usize) -> Word {
        Word { region: self.region(), number: self.there_is(number) }
    }

    /// A word of four bytes of a scenario of [`Scenario::words`](crate::Scenario::words): one to sleep at.
    ///
    /// # Panics
    ///
    /// When there is no such futex.
    #[must_use]
    #[track_caller]
    pub fn futex(&self, number: usize) -> Futex {
        Futex { region: self.region(), number: self.there_is(number) }
    }

    /// An eventcount in the place of a word of a scenario of [`Scenario::words`](crate::Scenario::words).
    ///
    /// # Panics
    ///
    /// When there is no such word.
    #[must_use]
    #[track_caller]
    pub fn eventcount(&self, number: usize) -> Bell {
        Bell { region: self.region(), number: self.there_is(number) }
    }

    /// Writes payload to a cell of a scenario of [`Scenario::words`](crate::Scenario::words): not atomic, so others must have been kept away.
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
        let (seen, sees_words) = {
            let state = self.world.state.borrow();
            let moment = Moment::new(&state);
            (look(&moment), moment.sees_words.get())
        };
        if sees_words {
            self.world.state.borrow_mut().looked_at_all(self.number);
        }
        seen
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

    /// Its thread ends, and gives its rows back; another one goes on with what the process does.
    pub fn end_thread(&self) {
        let mut rows = ThreadRows::default();
        rows.exchange();
        // Where others take turns: not before they are nobody's any more.
        drop(rows);
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

    /// An operation of an object that is to be linearizable, with what it answered: [`End::history`](crate::End::history) has it.
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

pub(crate) fn digest_of(value: &impl Hash) -> u64 {
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
