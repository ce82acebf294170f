//! A run: a few virtual processes, the memory and the kernel that they share, and one choice after the other.
//!
//! ```text
//!   fiber ── Producer::send ── door of shm ── hooks (door.rs) ── point: who is next? ── the same fiber: take the step
//!                                                                      │
//!                                                                      └── another: suspend, and that one goes on
//! ```
//!
//! | file | has |
//! |---|---|
//! | `state.rs`, `process.rs` | everything that a run consists of at one moment |
//! | `door.rs`, `access.rs` | what comes through the door of `shm`, turned into steps, and what they do |
//! | `calls.rs`, `kernel.rs` | calls to the kernel; locks, sleepers, life words, names, the clock |
//! | `turns.rs`, `options.rs`, `happens.rs` | who is next, what may happen, and what happens then |
//! | `site.rs` | where in the source an ordering is asked for |
//! | `places.rs` | which word of which file an address is |
//! | `image.rs` | the real bytes behind it all |
//! | `fiber.rs` | stacks |
//! | `moves.rs`, `failure.rs` | what may happen, and what may be wrong |

mod access;
mod calls;
mod door;
mod failure;
mod fiber;
mod happens;
pub(crate) mod image;
mod kernel;
mod moves;
mod options;
mod places;
mod process;
mod site;
mod state;
mod turns;

pub use failure::Failure;
pub(crate) use kernel::file_id;
pub use moves::{Bounds, Move};
pub(crate) use places::Places;
pub(crate) use process::{InCall, Status};
pub(crate) use site::{Order, Site, Use, Weakening};
pub use state::Note;
pub(crate) use state::{Event, Hostile, STALE, State};

use crate::explorer::scenario::{Process, Scenario};
use image::Image;
use ringway_shm::primitive::model::{self, Installed};
use ringway_shm::{Expected, Region, ThreadRows};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Once};

/// Who decides.
pub(crate) trait Chooser {
    /// Picks one of the state's options; `None` ends the run here. Of one alone it is asked only where somebody waits in a call
    /// that must not wait.
    fn choose(&mut self, state: &mut State) -> Option<usize>;
}

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nothing more could happen.
    Complete,
    /// Whoever chooses did not want to go on.
    Cut,
    Failed,
}

/// What the door does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// What it would do without hooks.
    Aside,
    /// Nothing: what is left of the run's processes is unwound.
    Gone,
    /// Processes set themselves up, one after the other: nothing of it is a choice.
    Before,
    Live,
}

/// A scenario, its regions, and the run that is under way.
pub(crate) struct World {
    pub(crate) state: RefCell<State>,
    chooser: RefCell<Box<dyn Chooser>>,
    pub(crate) scenario: Rc<Scenario>,
    mode: Cell<Mode>,
    next: Cell<Option<usize>>,
    cut: Cell<bool>,
    /// The region that the scenario is about, with its first bytes, and each process's own mapping of it.
    region: Option<(Arc<Region>, Image)>,
    attached: RefCell<Vec<Option<Arc<Region>>>>,
    /// What processes have when they are done.
    kept: RefCell<Vec<Box<dyn Any>>>,
    /// What each process's thread remembers of its rows while it does not run. One that is done lives on, and has them.
    threads: RefCell<Vec<ThreadRows>>,
    this: Weak<World>,
}

thread_local! {
    /// What a fiber's panic said; `None` outside fibers.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

impl World {
    /// A world in which `chooser` decides. The scenario's region is made now.
    pub(crate) fn new(scenario: &Rc<Scenario>, bounds: Bounds, chooser: Box<dyn Chooser>) -> Rc<Self> {
        keep_panics_quiet();
        let mut state = State::new(bounds);
        state.wakes_are_due = scenario.wakes_are_due;
        state.unfenced.clone_from(&scenario.unfenced);
        state.hostile.clone_from(&scenario.hostile);
        let region = scenario.region.as_ref().map(|make| {
            let region = Arc::new(make());
            let (start, len) = bytes_of(&region);
            state.places.keep(start);
            (region, Image::of(start, len))
        });
        Rc::new_cyclic(|this| Self {
            state: RefCell::new(state),
            chooser: RefCell::new(chooser),
            scenario: Rc::clone(scenario),
            mode: Cell::new(Mode::Aside),
            next: Cell::new(None),
            cut: Cell::new(false),
            region,
            attached: RefCell::new(Vec::new()),
            kept: RefCell::new(Vec::new()),
            threads: RefCell::new(Vec::new()),
            this: this.clone(),
        })
    }

    /// Installs the world behind the door of this thread.
    pub(crate) fn install(self: &Rc<Self>) -> Installed {
        model::install(Rc::clone(self) as Rc<dyn model::Hooks>)
    }

    /// Runs once, from the beginning to the end or to where it is cut short. The world is installed.
    pub(crate) fn run(&self) -> Ended {
        {
            let mut state = self.state.borrow_mut();
            if let Some((_, image)) = &self.region {
                if core::mem::take(&mut state.is_strange) {
                    image.restore();
                } else {
                    state.written().for_each(|(offset, len)| image.restore_part(offset, len));
                }
            }
            state.reset();
        }
        self.cut.set(false);
        self.mode.set(Mode::Before);
        for (body, entry) in self.scenario.bodies.iter().enumerate() {
            let added = self.state.borrow_mut().add_process(entry.name.clone(), body, 0);
            let process = added.expect("`Scenario::process` has counted them");
            let mut state = self.state.borrow_mut();
            if state.bounds.without >> body & 1 == 1 {
                state.processes[process].status = Status::Done;
                continue;
            }
            drop(state);
            self.spawn(process);
            self.state.borrow_mut().current = process;
            self.resume(process);
        }
        self.mode.set(Mode::Live);
        {
            let mut state = self.state.borrow_mut();
            state.current = 0;
            state.alone = None;
        }
        let mut next = self.decide();
        while let Some(process) = next {
            let has_ended = self.resume(process);
            next = if has_ended { self.decide() } else { self.next.take() };
        }
        self.mode.set(Mode::Aside);
        let has_failed = self.state.borrow().failure.is_some();
        let is_news = self.state.borrow().reduces && self.state.borrow().is_news;
        let ended = match (has_failed, self.cut.get() || is_news) {
            (true, _) => Ended::Failed,
            (false, true) => Ended::Cut,
            (false, false) => self.check_end(),
        };
        self.end_fibers();
        ended
    }

    fn check_end(&self) -> Ended {
        let failure = {
            let state = self.state.borrow();
            let mut checks = self.scenario.ends.iter();
            checks.find_map(|check| check(&crate::explorer::scenario::End::new(&state)).err())
        };
        match failure {
            Some(message) => {
                self.state.borrow_mut().fail(Failure::Broken { message });
                Ended::Failed
            }
            None => Ended::Complete,
        }
    }

    fn spawn(&self, process: usize) {
        let world = self.this.upgrade().expect("the world runs");
        let mut state = self.state.borrow_mut();
        let entry = &state.processes[process];
        let body = Rc::clone(&self.scenario.bodies[entry.body].run);
        let me = Process::new(world, process, entry.body, entry.incarnation, entry.name.clone());
        let fiber = state.stacks.spawn(move || body(&me));
        state.processes[process].fiber = Some(fiber);
    }

    /// Runs a process until somebody else is next. True when it has ended.
    fn resume(&self, process: usize) -> bool {
        let fiber = self.state.borrow_mut().processes[process].fiber.take();
        let mut fiber = fiber.expect("only one that has not ended goes on");
        PANIC.with(|panic| *panic.borrow_mut() = Some(String::new()));
        let resumed = self.as_thread(process, || catch_unwind(AssertUnwindSafe(|| fiber.resume())));
        let said = PANIC.with(|panic| panic.borrow_mut().take());
        let mut state = self.state.borrow_mut();
        let entry = &mut state.processes[process];
        entry.fiber = Some(fiber);
        match resumed {
            Ok(false) => return false,
            Ok(true) => {
                // One that the kernel has marked already is about to be gone, whatever else it did.
                entry.status = if entry.is_marked { Status::Killed } else { Status::Done };
                entry.heard = 0;
            }
            Err(_) => {
                let process = entry.name.clone();
                state.fail(Failure::Panicked { process, message: said.unwrap_or_default() });
            }
        }
        let fiber = state.processes[process].fiber.take();
        if let Some(fiber) = fiber {
            state.stacks.end(fiber);
        }
        true
    }

    /// Does something as the thread of a process, whose rows are its own.
    fn as_thread<R>(&self, process: usize, run: impl FnOnce() -> R) -> R {
        let mut rows = {
            let mut threads = self.threads.borrow_mut();
            if threads.len() <= process {
                threads.resize_with(process + 1, ThreadRows::default);
            }
            core::mem::take(&mut threads[process])
        };
        rows.exchange();
        let answer = run();
        rows.exchange();
        self.threads.borrow_mut()[process] = rows;
        answer
    }

    pub(crate) fn keep(&self, what: Box<dyn Any>) {
        self.kept.borrow_mut().push(what);
    }

    /// Unwinds what was left on the stacks of those who were killed or cut short.
    fn end_fibers(&self) {
        self.mode.set(Mode::Gone);
        drop(self.kept.take());
        let count = self.state.borrow().processes.len();
        for process in 0..count {
            let fiber = self.state.borrow_mut().processes[process].fiber.take();
            if let Some(fiber) = fiber {
                let mut stacks = core::mem::take(&mut self.state.borrow_mut().stacks);
                stacks.end(fiber);
                self.state.borrow_mut().stacks = stacks;
            }
        }
        drop(self.threads.take());
        self.mode.set(Mode::Aside);
    }

    /// Is the door to do what it would do without us?
    #[inline]
    fn is_aside(&self) -> bool {
        matches!(self.mode.get(), Mode::Aside | Mode::Gone) || std::thread::panicking()
    }

    /// Is what is left of the run unwound, so that nothing is to be done at all?
    #[inline]
    fn is_gone(&self) -> bool {
        self.mode.get() != Mode::Aside
    }

    #[inline]
    fn is_before(&self) -> bool {
        self.mode.get() == Mode::Before
    }

    /// The end of a process's setting up.
    pub(crate) fn begin(&self) {
        if self.mode.get() == Mode::Before {
            fiber::suspend();
        }
    }

    /// The process that runs goes on when all others have come to their ends.
    pub(crate) fn outlive(&self) {
        if self.mode.get() == Mode::Live {
            self.point(process::Pending::Last);
            let mut state = self.state.borrow_mut();
            state.last = Some(state.processes[state.current].body);
        }
    }

    /// A process's own mapping of the scenario's region.
    #[track_caller]
    pub(crate) fn region_of(&self, process: usize) -> Arc<Region> {
        let made = self.region.as_ref();
        let (region, _) = made.expect("the scenario has no region: `words` or `region` gives it one");
        let mut attached = self.attached.borrow_mut();
        if attached.len() <= process {
            attached.resize(process + 1, None);
        }
        let mapped = attached[process].get_or_insert_with(|| {
            let geometry = region.geometry();
            let (kind, kind_version) = (geometry.kind, geometry.kind_version);
            let expected = Expected { kind, kind_version, fingerprint: geometry.fingerprint };
            let mode = self.mode.replace(Mode::Aside);
            let mapped = Region::attach(region.as_fd(), &expected).expect("the region of the scenario");
            self.mode.set(mode);
            Arc::new(mapped)
        });
        Arc::clone(mapped)
    }

    /// Lets somebody else choose from now on. The answer is who did.
    pub(crate) fn swap_chooser(&self, chooser: Box<dyn Chooser>) -> Box<dyn Chooser> {
        self.chooser.replace(chooser)
    }

    pub(crate) fn record<A: 'static>(
        &self,
        process: usize,
        what: Box<dyn Any>,
        digest: u64,
        call: impl FnOnce() -> (A, u64),
        keep: impl FnOnce(&A) -> Box<dyn Any>,
    ) -> A {
        if self.is_aside() {
            return call().0;
        }
        let operation = self.state.borrow_mut().operation_began(process, what, digest);
        let (answer, digest) = call();
        if !self.is_aside() {
            self.state.borrow_mut().operation_ended(operation, keep(&answer), digest);
        }
        answer
    }
}

impl Drop for World {
    fn drop(&mut self) {
        debug_assert!(self.state.get_mut().processes.iter().all(|process| process.fiber.is_none()));
    }
}

/// Address and length of all bytes of a region.
fn bytes_of(region: &Region) -> (usize, usize) {
    let geometry = region.geometry();
    let content = ringway_shm::layout::ROWS;
    let (start, _) = region.section(content).expect("every region has a table of participants");
    let offset = geometry.section(content).expect("as above").offset as usize;
    (start.as_ptr() as usize - offset, geometry.region_len as usize)
}

/// What a panic says.
fn message(payload: &dyn Any) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// A panic in a fiber is a finding and not a message on the terminal.
fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_ours = PANIC.with(|panic| {
                let mut panic = panic.borrow_mut();
                let Some(said) = panic.as_mut() else { return false };
                let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line()));
                *said = format!("{}{}", message(info.payload()).unwrap_or("?"), place.unwrap_or_default());
                true
            });
            if !is_ours {
                usual(info);
            }
        }));
    });
}
