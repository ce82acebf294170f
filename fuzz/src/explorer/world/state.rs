//! Everything that a run consists of at one moment.

use super::failure::Failure;
use super::fiber::Stacks;
use super::kernel::KernelState;
use super::moves::{Bounds, Move};
use super::places::Places;
use super::process::{InCall, Pending, Proc, Status};
use super::site::{Site, Use, Weakening};
use crate::explorer::memory::{Digest, Memory, PROCESSES_MAX, join, mix, part};
use std::any::Any;
use std::collections::VecDeque;
use std::panic::Location;
use std::time::Duration;

/// How long one that spins waits when nothing else can happen.
pub(crate) const SPIN_PASSES: Duration = Duration::from_millis(10);

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
    pub(crate) idle: u32,
    /// Can nothing happen now but that time passes?
    pub(crate) nobody_can: bool,
    /// Did anything happen that was not the processes' own doing?
    pub(crate) is_disturbed: bool,
    pub(crate) options: Vec<Move>,
    pub(crate) granted: Move,
    pub(crate) notes: Vec<Note>,
    notes_digest: Digest,
    pub(crate) operations: Vec<Operation>,
    pub(crate) operations_digest: Digest,
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
            beginning: None,
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

    /// An operation is about to begin: it does with its first step that others can see, and not before. What comes between
    /// comes before it.
    pub(crate) fn operation_began(&mut self, process: usize, what: Box<dyn Any>, digest: u64) -> usize {
        self.operations.push(Operation { process, what, began: u64::MAX, ended: None, killed: None });
        self.processes[process].beginning = Some((self.operations.len() - 1, digest));
        self.operations.len() - 1
    }

    /// A process takes a step: what it was about to begin has begun.
    #[inline]
    pub(crate) fn begin_operation(&mut self, process: usize) {
        if let Some((operation, digest)) = self.processes[process].beginning.take() {
            self.moment += 1;
            self.operations_digest = mix(mix(self.operations_digest, process as u64), digest);
            self.operations[operation].began = self.moment;
        }
    }

    pub(crate) fn operation_ended(&mut self, operation: usize, answer: Box<dyn Any>, digest: u64) {
        // One without a step that others can see.
        self.begin_operation(self.operations[operation].process);
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

    /// A check in the middle of a process looks at words: none of those in use is another's own.
    pub(crate) fn looked_at_all(&mut self, process: usize) {
        let words: Vec<usize> = self.places.words_in_use(&self.memory).collect();
        words.into_iter().for_each(|word| self.accessed(word, process, true, false));
    }

    /// Something was stored: those who spin may look again.
    #[inline]
    pub(crate) fn stored(&mut self) {
        self.stores += 1;
        self.idle = 0;
    }
}
