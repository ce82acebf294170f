//! Everything that a run consists of at one moment, and what may happen next.

use super::failure::Failure;
use super::fiber::{Fiber, Stacks};
use super::kernel::KernelState;
use super::moves::{Bounds, Move};
use super::places::Places;
use crate::memory::{Digest, Memory, PROCESSES_MAX, join, mix, part};
use ringway_shm::primitive::Ordering;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::Location;
use std::time::Duration;

/// How long one that spins waits when nothing else can happen.
const SPIN_PASSES: Duration = Duration::from_millis(10);

/// Times in a row that nothing but time can pass, before nobody is thought to wait for anything.
const IDLE_MAX: u32 = 64;

/// What a process is about to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pending {
    /// Anything that has one outcome.
    Step,
    /// The same, of a call to the kernel that may fail with each of these.
    Call(&'static [i32]),
    Load {
        word: usize,
    },
    /// A store, or a change that cannot fail.
    Store {
        word: usize,
    },
    CompareExchange {
        word: usize,
        current: u64,
        weak: bool,
    },
    /// A look in vain, when this many stores had been made.
    Spin {
        stores: u64,
    },
    /// To go on when all others have ended.
    Last,
    /// Asleep since it found the words as they were.
    Asleep {
        until: Option<Duration>,
    },
}

/// How it stands with a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It can take a step, unless it spins or sleeps.
    Running,
    Stalled,
    /// It returned.
    Done,
    /// It was killed; the kernel has still to bury it.
    Killed,
    Buried,
}

/// A process that is in a call which the scenario named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InCall {
    pub(crate) name: &'static str,
    /// Must it end when nobody else runs?
    pub(crate) ends_alone: bool,
    /// When it must have ended.
    pub(crate) until: Option<Duration>,
}

/// A virtual process.
pub(crate) struct Proc {
    pub(crate) name: String,
    /// Which body it runs, of the scenario.
    pub(crate) body: usize,
    pub(crate) incarnation: u32,
    pub(crate) status: Status,
    pub(crate) is_marked: bool,
    pub(crate) was_restarted: bool,
    pub(crate) pending: Pending,
    /// Of a sleep or a wait that ended: had its moment come?
    pub(crate) timed_out: bool,
    /// Everything that it was told so far.
    pub(crate) heard: Digest,
    /// What it did to payload so far: it stays when the process is dead.
    pub(crate) touched: Digest,
    /// Each word that it looked at since it last spun, and the message that it saw first.
    pub(crate) looked: Vec<(usize, u32)>,
    pub(crate) call: Option<InCall>,
    /// Calls that have ended.
    pub(crate) calls: u32,
    /// Choices of the run, and steps of its own, when the call began.
    pub(crate) call_began: (u32, u32),
    /// Its steps when a call ended, the first since somebody who measures set this to none.
    pub(crate) first_end: Option<u32>,
    /// Steps taken.
    pub(crate) steps: u32,
    pub(crate) fiber: Option<Fiber>,
}

/// A party that follows no protocol.
#[derive(Clone, Debug)]
pub(crate) struct Hostile {
    pub(crate) name: String,
    /// What it may write.
    pub(crate) values: Vec<u64>,
}

/// Numbers of words from here on are pieces of payload, in the order in which they were written.
pub(crate) const PAYLOAD_FROM: u16 = 1 << 12;

/// What the scenario was told in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which process said so.
    pub process: usize,
    /// What about.
    pub label: &'static str,
    /// What.
    pub value: u64,
}

/// A recorded operation.
pub(crate) struct Operation {
    pub(crate) process: usize,
    pub(crate) what: Box<dyn Any>,
    pub(crate) began: u64,
    pub(crate) ended: Option<(u64, Box<dyn Any>)>,
    /// When its process was killed in it.
    pub(crate) killed: Option<u64>,
}

/// What comes before the newest value in the text of a read that did not see it.
pub(crate) const STALE: &str = "; STALE: ";

/// One step as people are told of it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Which step of the run it was.
    pub(crate) step: u32,
    pub(crate) process: Option<usize>,
    pub(crate) by: Option<Move>,
    pub(crate) text: String,
    pub(crate) site: Option<&'static Location<'static>>,
}

/// A place in the source at which an ordering is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Site {
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Site {
    pub(crate) fn of(site: &'static Location<'static>) -> Self {
        Self { file: site.file(), line: site.line(), column: site.column() }
    }
}

/// What stands at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Use {
    Load(Order),
    Store(Order),
    Change(Order),
    CompareExchange { success: Order, failure: Order },
    Fence(Order),
    LightFence,
    HeavyFence,
}

/// [`Ordering`], in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Order {
    Relaxed,
    Acquire,
    Release,
    AcqRel,
    SeqCst,
}

impl From<Ordering> for Order {
    fn from(order: Ordering) -> Self {
        match order {
            Ordering::Acquire => Self::Acquire,
            Ordering::Release => Self::Release,
            Ordering::AcqRel => Self::AcqRel,
            Ordering::SeqCst => Self::SeqCst,
            _ => Self::Relaxed,
        }
    }
}

impl From<Order> for Ordering {
    fn from(order: Order) -> Self {
        match order {
            Order::Relaxed => Self::Relaxed,
            Order::Acquire => Self::Acquire,
            Order::Release => Self::Release,
            Order::AcqRel => Self::AcqRel,
            Order::SeqCst => Self::SeqCst,
        }
    }
}

/// One ordering, weakened at one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Weakening {
    pub(crate) site: Site,
    pub(crate) was: Use,
    pub(crate) instead: Option<Use>,
}

/// What is left of the bounds.
pub(crate) type Left = Bounds;

/// The run.
pub(crate) struct State {
    pub(crate) bounds: Bounds,
    pub(crate) left: Left,
    pub(crate) memory: Memory,
    pub(crate) places: Places,
    pub(crate) kernel: KernelState,
    pub(crate) processes: Vec<Proc>,
    pub(crate) stacks: Stacks,
    /// Whoever took the last step.
    pub(crate) current: usize,
    /// Which body has outlived the others: no other one is started again.
    pub(crate) last: Option<usize>,
    /// The process that is in a step of its own that nobody else sees, if kills are still possible.
    pub(crate) alone: Option<usize>,
    pub(crate) steps: u32,
    /// Choices made so far.
    pub(crate) choices: u32,
    /// Of all runs: the steps of the longest call that has to end alone, among those in which nobody had a choice.
    pub(crate) longest_plain: Option<(u32, &'static str)>,
    /// Stores made so far.
    pub(crate) stores: u64,
    /// Are accesses that nobody else can tell taken at once?
    pub(crate) reduces: bool,
    /// Payload written in this run, by offset and length in the first file.
    pub(crate) payload: Vec<(usize, usize)>,
    /// Somebody may have written to the region past the run.
    pub(crate) is_strange: bool,
    /// An access was news: what was taken for nobody else's matter may have been.
    pub(crate) is_news: bool,
    /// What happened, in order.
    pub(crate) moves: Vec<Move>,
    /// What is to happen, but for steps that are nobody else's matter: of each run, and what is left of it in this one.
    pub(crate) to_expect: Option<VecDeque<Move>>,
    pub(crate) expected: Option<VecDeque<Move>>,
    idle: u32,
    /// Can nothing happen now but that time passes?
    nobody_can: bool,
    /// Did anything happen that was not the processes' own doing?
    pub(crate) is_disturbed: bool,
    pub(crate) options: Vec<Move>,
    pub(crate) granted: Move,
    pub(crate) notes: Vec<Note>,
    notes_digest: Digest,
    pub(crate) operations: Vec<Operation>,
    operations_digest: Digest,
    pub(crate) moment: u64,
    pub(crate) failure: Option<Failure>,
    /// A sleep of more than this that only its own time ends is a failure.
    pub(crate) wakes_are_due: Option<Duration>,
    /// Processes whose heavy fences are refused, by name.
    pub(crate) unfenced: Vec<String>,
    /// The hostile party, if there is one.
    pub(crate) hostile: Option<Hostile>,
    pub(crate) weakening: Option<Weakening>,
    /// What stands at each site, if it is to be learned.
    pub(crate) sites: Option<std::collections::BTreeMap<Site, Use>>,
    pub(crate) trace: Option<Vec<Event>>,
}

impl State {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            left: bounds,
            memory: Memory::new(usize::from(bounds.window)),
            places: Places::default(),
            kernel: KernelState::default(),
            processes: Vec::new(),
            stacks: Stacks::default(),
            current: 0,
            last: None,
            alone: None,
            steps: 0,
            choices: 0,
            longest_plain: None,
            stores: 0,
            reduces: false,
            payload: Vec::new(),
            is_strange: true,
            is_news: false,
            moves: Vec::new(),
            to_expect: None,
            expected: None,
            idle: 0,
            nobody_can: false,
            is_disturbed: false,
            options: Vec::new(),
            granted: Move::End,
            notes: Vec::new(),
            notes_digest: 0,
            operations: Vec::new(),
            operations_digest: 0,
            moment: 0,
            failure: None,
            wakes_are_due: None,
            unfenced: Vec::new(),
            hostile: None,
            weakening: None,
            sites: None,
            trace: None,
        }
    }

    /// Forgets the run, but not what is known about the places in memory. Fibers are ended before.
    pub(crate) fn reset(&mut self) {
        debug_assert!(self.processes.iter().all(|process| process.fiber.is_none()));
        self.left = self.bounds;
        self.memory.reset();
        self.places.reset();
        self.kernel.reset();
        self.processes.clear();
        (self.current, self.alone, self.steps, self.stores, self.idle) = (0, None, 0, 0, 0);
        self.choices = 0;
        // Without one of its processes a scenario may well come to nothing.
        self.is_disturbed = self.bounds.without != 0;
        (self.is_news, self.last) = (false, None);
        self.payload.clear();
        self.moves.clear();
        self.expected.clone_from(&self.to_expect);
        self.notes.clear();
        self.operations.clear();
        (self.notes_digest, self.operations_digest, self.moment) = (0, 0, 0);
        self.failure = None;
        if let Some(trace) = &mut self.trace {
            trace.clear();
        }
    }

    /// The parts of the first file that may not be as they were before the run.
    pub(crate) fn written(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let words = self.places.words_in_use(&self.memory).map(|word| self.places.known(word));
        let in_first = |known: &super::places::Known| known.spot < super::places::FIRST_FILE_END;
        let words = words.filter(in_first).map(|known| (known.spot as usize, usize::from(known.width)));
        words.chain(self.payload.iter().copied())
    }

    /// A new process, that is about to take its first step.
    pub(crate) fn add_process(&mut self, name: String, body: usize, incarnation: u32) -> Option<usize> {
        if self.processes.len() == PROCESSES_MAX {
            return None;
        }
        self.processes.push(Proc {
            name,
            body,
            incarnation,
            status: Status::Running,
            is_marked: false,
            was_restarted: false,
            pending: Pending::Step,
            timed_out: false,
            heard: part(body as u64, u64::from(incarnation)),
            touched: 0,
            looked: Vec::new(),
            call: None,
            calls: 0,
            call_began: (0, 0),
            first_end: None,
            steps: 0,
            fiber: None,
        });
        self.kernel.add_process();
        Some(self.processes.len() - 1)
    }

    /// A process looks at a message of a word, and does not change it.
    #[inline]
    pub(crate) fn looked(&mut self, process: usize, word: usize, message: u32) {
        let looked = &mut self.processes[process].looked;
        if !looked.iter().any(|&(known, _)| known == word) {
            looked.push((word, message));
        }
    }

    /// How many stores had been made when whoever spins now looked: if it would see something else by now, it need not wait
    /// for another one.
    pub(crate) fn spins(&mut self, process: usize) -> Pending {
        let looked = core::mem::take(&mut self.processes[process].looked);
        let is_old = looked.iter().any(|&(word, message)| self.memory.newest(word) != message);
        Pending::Spin { stores: if is_old { u64::MAX } else { self.stores } }
    }

    /// Is anybody waiting in a call that must not wait?
    pub(crate) fn tries_in_vain(&self) -> bool {
        let tries = |entry: &Proc| entry.call.is_some_and(|call| call.ends_alone && call.until.is_none());
        (0..self.processes.len()).any(|process| tries(&self.processes[process]) && self.is_blocked(process))
    }

    /// A process is told something: from here on it may act on it.
    #[inline]
    pub(crate) fn hears(&mut self, process: usize, what: u64) {
        let heard = &mut self.processes[process].heard;
        *heard = mix(*heard, what);
    }

    pub(crate) fn name(&self, process: usize) -> &str {
        self.processes.get(process).map_or("nobody", |process| &process.name)
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    pub(crate) fn note(&mut self, process: usize, label: &'static str, value: u64) {
        self.notes.push(Note { process, label, value });
        self.tell(Some(process), None, None, |_| format!("notes {label} {value:#x}"));
        // In order for each label.
        let count = self.notes.iter().filter(|note| note.label == label).count() as u64;
        let mut digest = part(count, value);
        for &byte in label.as_bytes() {
            digest = mix(digest, u64::from(byte));
        }
        self.notes_digest = self.notes_digest.wrapping_add(mix(digest, process as u64));
    }

    pub(crate) fn call_began(&mut self, process: usize, entered: InCall) {
        let entry = &mut self.processes[process];
        (entry.call, entry.call_began) = (Some(entered), (self.choices, entry.steps));
        self.tell(Some(process), None, None, |_| format!("calls {}", entered.name));
    }

    pub(crate) fn call_ended(&mut self, process: usize, entered: InCall) {
        let entry = &mut self.processes[process];
        (entry.call, entry.calls) = (None, entry.calls + 1);
        entry.first_end.get_or_insert(entry.steps);
        let (choices, steps) = entry.call_began;
        if choices == self.choices && entered.ends_alone && entered.until.is_none() {
            self.longest_plain = self.longest_plain.max(Some((entry.steps - steps, entered.name)));
        }
        self.tell(Some(process), None, None, |_| format!("{} returns", entered.name));
    }

    pub(crate) fn operation_began(&mut self, process: usize, what: Box<dyn Any>, digest: u64) -> usize {
        self.moment += 1;
        self.operations_digest = mix(mix(self.operations_digest, process as u64), digest);
        let began = self.moment;
        self.operations.push(Operation { process, what, began, ended: None, killed: None });
        self.operations.len() - 1
    }

    pub(crate) fn operation_ended(&mut self, operation: usize, answer: Box<dyn Any>, digest: u64) {
        self.moment += 1;
        self.operations_digest = mix(mix(self.operations_digest, operation as u64 | 1 << 32), digest);
        self.operations[operation].ended = Some((self.moment, answer));
    }

    pub(crate) fn tell(
        &mut self,
        process: Option<usize>,
        by: Option<Move>,
        site: Option<&'static Location<'static>>,
        text: impl FnOnce(&Self) -> String,
    ) {
        if self.trace.is_some() {
            let (text, step) = (text(self), self.steps);
            if let Some(trace) = &mut self.trace {
                trace.push(Event { step, process, by, text, site });
            }
        }
    }

    /// A digest of everything that what comes next depends on.
    pub(crate) fn digest(&mut self) -> Digest {
        let count = self.processes.len();
        let mut digest = self.memory.digest(count);
        let stores = self.stores;
        for process in &self.processes {
            digest = join(digest, process.heard);
            let blocked = match process.pending {
                Pending::Spin { stores: then } => 1 + u64::from(then == stores),
                Pending::Asleep { .. } => 3,
                _ => 0,
            };
            let flags = u64::from(process.is_marked)
                | u64::from(process.was_restarted) << 1
                | u64::from(process.timed_out) << 2;
            digest = mix(digest, process.status as u64 | blocked << 8 | flags << 16);
        }
        digest = join(digest, self.kernel.digest());
        let left = &self.left;
        let counts = [left.kills, left.restarts, left.stalls, left.spurious];
        let more =
            [left.faults, left.early, left.scribbles, self.alone.map_or(0, |process| process as u8 + 1)];
        digest =
            mix(digest, u64::from(u32::from_le_bytes(counts)) << 32 | u64::from(u32::from_le_bytes(more)));
        digest = mix(digest, u64::from(self.idle) | self.last.map_or(0, |body| body as u64 + 1) << 32);
        digest = join(digest, self.notes_digest);
        join(digest, self.operations_digest)
    }

    /// Fills in what may happen next; the first is that whoever ran last goes on, or somebody else if that one cannot.
    pub(crate) fn find_options(&mut self) {
        let mut options = core::mem::take(&mut self.options);
        options.clear();
        let count = self.processes.len();
        if let Some(process) = self.alone {
            options.push(Move::Step { process: process as u8, stale: 0 });
            if self.left.kills > 0 {
                options.push(Move::Kill(process as u8));
            }
            self.options = options;
            return;
        }
        let order = |at: usize| (self.current + at) % count;
        for process in (0..count).map(order) {
            if self.can_step(process) {
                options.push(Move::Step { process: process as u8, stale: 0 });
            }
        }
        let mut due = options.len();
        for (process, entry) in self.processes.iter().enumerate() {
            match entry.status {
                Status::Killed if !entry.is_marked && !self.kernel.enlisted(process).is_empty() => {
                    options.push(Move::Mark(process as u8));
                }
                Status::Killed => options.push(Move::Bury(process as u8)),
                Status::Stalled => options.push(Move::Resume(process as u8)),
                _ => continue,
            }
            due += 1;
        }
        let ready = due;
        for at in 0..count {
            self.find_variants(order(at), &mut options);
        }
        self.nobody_can = ready == 0;
        if ready == 0 {
            self.find_time(&mut options);
        }
        self.find_mischief(&mut options);
        self.options = options;
    }

    fn can_step(&self, process: usize) -> bool {
        let entry = &self.processes[process];
        entry.status == Status::Running
            && match entry.pending {
                Pending::Spin { stores } => stores != self.stores,
                Pending::Asleep { .. } => false,
                Pending::Last => self.is_last(process),
                _ => true,
            }
    }

    /// Are the heavy fences of a process refused, as in a sandbox?
    pub(crate) fn refuses_heavy_fences(&self, process: usize) -> bool {
        !self.unfenced.is_empty() && self.unfenced.contains(&self.processes[process].name)
    }

    /// Have all others come to their ends?
    fn is_last(&self, process: usize) -> bool {
        let has_ended = |entry: &Proc| matches!(entry.status, Status::Done | Status::Buried);
        self.processes.iter().enumerate().all(|(number, entry)| number == process || has_ended(entry))
    }

    /// Does it wait for others?
    pub(crate) fn is_blocked(&self, process: usize) -> bool {
        self.processes[process].status == Status::Running && !self.can_step(process)
    }

    /// The other outcomes of a process's step.
    fn find_variants(&self, process: usize, options: &mut Vec<Move>) {
        let entry = &self.processes[process];
        if entry.status != Status::Running {
            return;
        }
        let step = |stale: u32| Move::Step { process: process as u8, stale: stale as u16 };
        match entry.pending {
            Pending::Load { word } if self.bounds.weak => {
                options.extend((1..=self.memory.stale(process, word)).map(step));
            }
            Pending::CompareExchange { word, current, weak } => {
                if self.bounds.weak {
                    let fails = |stale: &u32| self.memory.peek(word, *stale) != current;
                    options.extend((1..=self.memory.stale(process, word)).filter(fails).map(step));
                }
                if weak && self.left.spurious > 0 && self.memory.peek(word, 0) == current {
                    options.push(Move::Fail { process: process as u8, errno: 0 });
                }
            }
            Pending::Call(errors) if self.left.faults > 0 => {
                options.extend(errors.iter().map(|&errno| Move::Fail { process: process as u8, errno }));
            }
            Pending::Asleep { until } => {
                if self.left.spurious > 0 {
                    options.push(Move::Wake(process as u8));
                }
                if self.left.early > 0 && until.is_some() {
                    options.push(Move::Pass(process as u8));
                }
            }
            _ => {}
        }
    }

    /// Nobody can do anything: time passes, or the run is over.
    fn find_time(&self, options: &mut Vec<Move>) {
        let alive = |entry: &Proc| entry.status == Status::Running;
        if !self.processes.iter().any(alive) {
            options.insert(0, Move::End);
            return;
        }
        let moment = |entry: &Proc| match entry.pending {
            Pending::Asleep { until } => until,
            Pending::Spin { .. } => Some(self.kernel.clock + SPIN_PASSES),
            _ => None,
        };
        let next = self.processes.iter().enumerate().filter(|(_, entry)| alive(entry));
        let next = next.filter_map(|(number, entry)| Some((moment(entry)?, number))).min();
        if let Some((_, process)) = next {
            let pass = Move::Pass(process as u8);
            options.retain(|&option| option != pass);
            options.insert(0, pass);
        }
    }

    /// Faults from outside.
    fn find_mischief(&self, options: &mut Vec<Move>) {
        for (number, entry) in self.processes.iter().enumerate() {
            let process = number as u8;
            match entry.status {
                Status::Running => {
                    if self.left.kills > 0 {
                        options.push(Move::Kill(process));
                        if self.bounds.lingers && !entry.is_marked && !self.kernel.enlisted(number).is_empty()
                        {
                            options.push(Move::Mark(process));
                        }
                    } else if entry.is_marked {
                        options.push(Move::Kill(process));
                    }
                    if self.left.stalls > 0 {
                        options.push(Move::Stall(process));
                    }
                }
                Status::Killed | Status::Buried
                    if self.left.restarts > 0
                        && !entry.was_restarted
                        && self.last.is_none_or(|last| last == entry.body) =>
                {
                    options.push(Move::Restart(process));
                }
                _ => {}
            }
        }
        if self.left.scribbles > 0 && self.hostile.is_some() {
            let values = self.hostile.as_ref().map_or(0, |hostile| hostile.values.len()) as u8;
            let words = self.places.words_in_use(&self.memory).map(|word| word as u16);
            let payload = (0..self.payload.len()).map(|at| PAYLOAD_FROM + at as u16);
            for word in words.chain(payload) {
                options.extend((0..values).map(|value| Move::Scribble { word, value }));
            }
        }
    }

    /// Does what is no process's step. Says who goes on, if it is one's step.
    pub(crate) fn perform(&mut self, chosen: Move) -> Option<usize> {
        if self.expected.is_some() && self.own_step() != Some(chosen) {
            self.expected.as_mut().and_then(VecDeque::pop_front);
        }
        self.moves.push(chosen);
        self.steps += 1;
        if self.steps > self.bounds.steps {
            self.fail(Failure::Endless { steps: self.bounds.steps });
        }
        match chosen {
            Move::Step { process, .. } | Move::Fail { process, .. } => {
                if let Move::Fail { errno, .. } = chosen {
                    let left = if errno == 0 { &mut self.left.spurious } else { &mut self.left.faults };
                    *left -= 1;
                    self.is_disturbed |= errno != 0;
                }
                (self.granted, self.alone) = (chosen, None);
                self.current = usize::from(process);
                self.processes[self.current].steps += 1;
                // That it went on is all that some steps tell it.
                self.hears(self.current, 0);
                return Some(self.current);
            }
            Move::End => return None,
            _ => {}
        }
        let process = chosen.process().unwrap_or(usize::MAX);
        self.tell(chosen.process(), Some(chosen), None, |_| String::new());
        match chosen {
            Move::Wake(_) => {
                self.left.spurious -= 1;
                self.wake_process(process, false);
            }
            Move::Pass(_) => self.pass(process),
            Move::Kill(_) => self.kill(process),
            Move::Mark(_) => {
                if self.processes[process].status == Status::Running {
                    self.left.kills -= 1;
                    self.is_disturbed = true;
                }
                self.processes[process].is_marked = true;
                self.mark(process);
            }
            Move::Bury(_) => {
                self.processes[process].status = Status::Buried;
                self.kernel.bury(process, &mut self.memory);
                self.stores += 1;
            }
            Move::Stall(_) => {
                self.left.stalls -= 1;
                self.is_disturbed = true;
                self.processes[process].status = Status::Stalled;
            }
            Move::Resume(_) => self.processes[process].status = Status::Running,
            Move::Scribble { word, value } => {
                self.left.scribbles -= 1;
                self.is_disturbed = true;
                let values = self.hostile.as_ref().map_or(&[][..], |hostile| &hostile.values);
                let value = values[usize::from(value)];
                self.scribble(usize::from(word), value);
            }
            Move::Restart(_) | Move::Step { .. } | Move::Fail { .. } | Move::End => {}
        }
        None
    }

    /// A sleeper goes on.
    pub(crate) fn wake_process(&mut self, process: usize, timed_out: bool) {
        let entry = &mut self.processes[process];
        entry.pending = Pending::Step;
        entry.timed_out = timed_out;
        self.kernel.awake(process);
    }

    fn kill(&mut self, process: usize) {
        if !self.processes[process].is_marked {
            self.left.kills -= 1;
        }
        self.is_disturbed = true;
        self.alone = None;
        self.kernel.awake(process);
        self.moment += 1;
        let moment = self.moment;
        for operation in &mut self.operations {
            if operation.process == process && operation.ended.is_none() {
                operation.killed = Some(moment);
            }
        }
        self.operations_digest = mix(self.operations_digest, process as u64 | 1 << 33);
        let entry = &mut self.processes[process];
        entry.status = Status::Killed;
        entry.call = None;
        // What it had heard does not matter any more.
        entry.heard = join(part(process as u64, 0xdead), entry.touched);
    }

    /// Time passes, until a sleeper's moment has come or a spinner has waited a while.
    fn pass(&mut self, process: usize) {
        let is_idle = self.nobody_can;
        let until = match self.processes[process].pending {
            Pending::Asleep { until: Some(until) } => until,
            _ => self.kernel.clock + SPIN_PASSES,
        };
        if is_idle {
            self.idle += 1;
            if self.idle > IDLE_MAX {
                self.fail(Failure::Livelock { waiting: self.waiting() });
            }
        } else {
            self.left.early -= 1;
            self.is_disturbed = true;
        }
        let overdue = |entry: &&Proc| {
            let late = |call: InCall| call.until.is_some_and(|moment| until > moment);
            entry.status == Status::Running && entry.call.is_some_and(late)
        };
        if let Some(late) = self.processes.iter().find(overdue) {
            let call = late.call.map_or("", |call| call.name);
            let failure = Failure::Overdue { process: late.name.clone(), call };
            self.fail(failure);
        }
        let is_asleep = matches!(self.processes[process].pending, Pending::Asleep { .. });
        let is_long = |longest: Duration| until.saturating_sub(self.kernel.clock) > longest;
        if is_asleep && is_idle && self.wakes_are_due.is_some_and(is_long) && !self.is_disturbed {
            let failure = Failure::LostWake { process: self.name(process).to_owned() };
            self.fail(failure);
        }
        self.kernel.clock = self.kernel.clock.max(until);
        if is_asleep {
            self.wake_process(process, true);
        } else {
            // It passes for all who spin: if one alone looked again, the others would wait for it for ever.
            for entry in &mut self.processes {
                if entry.status == Status::Running && matches!(entry.pending, Pending::Spin { .. }) {
                    entry.pending = Pending::Step;
                }
            }
        }
    }

    /// Those who are neither done nor dead, for people.
    pub(crate) fn waiting(&self) -> Vec<String> {
        let waits = |entry: &&Proc| matches!(entry.status, Status::Running | Status::Stalled);
        let told = |entry: &Proc| match (entry.pending, entry.call) {
            (Pending::Asleep { .. }, Some(call)) => format!("{} asleep in {}", entry.name, call.name),
            (Pending::Asleep { .. }, None) => format!("{} asleep", entry.name),
            (_, Some(call)) => format!("{} spinning in {}", entry.name, call.name),
            _ => format!("{} spinning", entry.name),
        };
        self.processes.iter().filter(waits).map(told).collect()
    }

    /// Is what the process that runs is about to do nobody else's matter? A store is, if its process cannot be killed before
    /// it: the end may tell.
    pub(crate) fn is_own(&self, process: usize, pending: Pending) -> bool {
        let is_load = matches!(pending, Pending::Load { .. });
        (is_load || self.left.kills == 0) && self.is_private(process, pending)
    }

    /// Can no other process tell it, or change it?
    pub(crate) fn is_private(&self, process: usize, pending: Pending) -> bool {
        match pending {
            Pending::Load { word } => self.places.is_own(word, process, false),
            Pending::Store { word } => self.places.is_own(word, process, true),
            Pending::CompareExchange { word, weak, .. } => {
                self.places.is_own(word, process, true) && !(weak && self.left.spurious > 0)
            }
            _ => false,
        }
    }

    /// The step of whoever runs, if it is nobody else's matter.
    pub(crate) fn own_step(&self) -> Option<Move> {
        let entry = self.processes.get(self.current)?;
        let is_own = entry.status == Status::Running && self.is_own(self.current, entry.pending);
        is_own.then_some(Move::Step { process: self.current as u8, stale: 0 })
    }

    /// Knows what another world learned about its places.
    pub(crate) fn adopt(&mut self, places: Places) {
        self.places.adopt(places, &mut self.memory);
    }

    /// A process accesses a word.
    #[inline]
    pub(crate) fn accessed(&mut self, word: usize, process: usize, reads: bool, writes: bool) {
        if !self.places.accessed(word, process, reads, writes) {
            self.is_news = true;
        }
    }

    /// Something was stored: those who spin may look again.
    #[inline]
    pub(crate) fn stored(&mut self) {
        self.stores += 1;
        self.idle = 0;
    }
}
