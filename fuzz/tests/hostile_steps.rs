//! Every single call under a hostile peer ends within a number of steps that is stated here: the targets' functions, over
//! inputs by chance and those that are kept, with each step through the door counted.
//!
//! A step is an atomic operation, a fence, a copy, a round of a waiting loop, a look at the clock or a call to the kernel. The
//! clock goes on by a microsecond at each look, so that the count of a wait does not depend on the machine.

use ringway_fuzz::hostile::{TARGETS, Watch, input, known, target};
use ringway_shm::primitive::Ordering;
use ringway_shm::primitive::kernel::Call;
use ringway_shm::primitive::model::{self, Copy, Hooks, Outcome, Step, Verdict};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

/// Inputs by chance for each target.
const RUNS: u64 = 40_000;

/// No wait of the targets is longer.
const WAIT_MICROS: u64 = 7;

/// A try, whatever it meets: a look at the position of the other side, at its seat and row twice each and at the lock of that,
/// a ring, and a count of what is dropped.
const TRY: u64 = 32;

/// A wait whose deadline has passed: a try, 64 looks of two steps until the clock is looked at, and what is found then.
const WAIT: u64 = TRY + 64 * 2 + 32;

/// Each further look at the clock, after which a microsecond has gone by: 64 looks, and a sleep that is announced or slept.
const MICROSECOND: u64 = 64 * 2 + 24;

/// A slot: its bytes, and in the latency layout its sequence word. A row: its words, and its lock.
const EACH: u64 = 4;

/// Looks at a lock that is taken, before the first look at the clock: each at the word, at its holder's row, and a hint.
const LOCK_LOOKS: u64 = 100 * 6;

/// Seats of a barrier: each with its party's row, and looked at twice.
const SEATS: u64 = 32 * 2 * EACH;

/// What one call may come to that was given so many bytes, slots or rows, or had room for them.
fn most(name: &str, handed: u64, is_waiting: bool) -> u64 {
    let wait = WAIT + if is_waiting { WAIT_MICROS * MICROSECOND } else { 0 };
    match name {
        // Up to six sends and one more, and what is published after each.
        "batch" => 7 * (wait + TRY),
        // Both sides are attached, called up to five times each, and dropped: waits of bytes and slots, 66 at a time.
        "rings" => 4 * TRY + 10 * (7 * WAIT + 66 * EACH),
        "lock" => TRY + LOCK_LOOKS + WAIT_MICROS * MICROSECOND,
        // A permit may be waited for by this one as well.
        "try_acquire" | "try_acquire_until" if is_waiting => TRY + LOCK_LOOKS + WAIT_MICROS * MICROSECOND,
        "join" => TRY + SEATS + WAIT_MICROS * (TRY + SEATS),
        "arrive" => wait + WAIT_MICROS * SEATS + SEATS,
        "drop permit" | "drop party" | "arrive_and_drop" => TRY,
        // Of a script that has ended: two locks, eight permits, forty parties.
        "drop" => 50 * TRY,
        "await_other_until" => {
            if is_waiting {
                TRY + WAIT_MICROS * 8
            } else {
                TRY
            }
        }
        name if name.ends_with("_until") || name.ends_with("_timeout") => wait + each(handed),
        // The superblock is read and checked, and every row's life word looked at.
        "open" => 2 * TRY + 32 * EACH,
        _ => TRY + each(handed),
    }
}

/// Of bytes, the records that there is room for: each has a header of eight.
fn each(handed: u64) -> u64 {
    if handed > 66 { handed / 8 * EACH } else { handed * EACH }
}

#[derive(Debug, Default)]
struct Counter {
    steps: Cell<u64>,
    copied: Cell<u64>,
    clock: Cell<u64>,
}

impl Counter {
    fn step(&self) {
        self.steps.set(self.steps.get() + 1);
    }
}

impl Hooks for Counter {
    fn atomic(&self, step: &Step) -> Outcome {
        self.step();
        step.perform()
    }

    fn fence(&self, order: Ordering, _: &'static Location<'static>) {
        self.step();
        // The one thread here needs none.
        let _ = order;
    }

    fn light_fence(&self, _: &'static Location<'static>) {
        self.step();
    }

    fn copy(&self, copy: &Copy) {
        self.step();
        self.copied.set(self.copied.get() + copy.len() as u64);
        copy.perform();
    }

    fn spin(&self, _: &'static Location<'static>) {
        self.step();
    }

    fn now(&self) -> Option<Duration> {
        self.step();
        self.clock.set(self.clock.get() + 1);
        Some(Duration::from_micros(self.clock.get()))
    }

    fn kernel(&self, _: &Call<'_>) -> Verdict {
        self.step();
        Verdict::Real
    }
}

/// Each call's steps, and what it copied.
struct Watched {
    counter: Rc<Counter>,
    began: (u64, u64),
    /// The most that each verb came to: steps, and what it was given then.
    most: BTreeMap<&'static str, (u64, u64)>,
    /// Waits may last some microseconds.
    is_waiting: bool,
    /// Bytes of each thing that is handed over.
    size_max: u64,
}

impl Watch for Watched {
    fn begins(&mut self) {
        self.began = (self.counter.steps.get(), self.counter.copied.get());
    }

    fn ended(&mut self, name: &'static str, handed: u64) {
        let steps = self.counter.steps.get() - self.began.0;
        let copied = self.counter.copied.get() - self.began.1;
        let most = most(name, handed, self.is_waiting);
        let entry = self.most.entry(name).or_default();
        *entry = (*entry).max((steps, handed));
        assert!(steps <= most, "{name} of {handed}: {steps} steps, and {most} are stated");
        let is_one_call = name != "rings";
        assert!(
            !is_one_call || copied <= handed * self.size_max,
            "{name} of {handed}: {copied} bytes copied"
        );
    }
}

/// Runs a target's inputs, and prints what each verb came to at most.
fn count(name: &str, size_max: u64) {
    let counter = Rc::new(Counter::default());
    let installed = model::install(counter.clone());
    let is_waiting = name == "waiting" || name == "primitives";
    let mut watched = Watched { counter, began: (0, 0), most: BTreeMap::new(), is_waiting, size_max };
    let (target, known) = (target(name).unwrap(), known(name));
    for input in &known {
        target.run(input, &mut watched);
    }
    for number in 0..RUNS {
        target.run(&input(1, number, &known), &mut watched);
    }
    drop(installed);
    println!("{name}: the most steps of a call, and what it was given:\n{:#?}", watched.most);
}

#[test]
fn a_call_on_a_byte_ring_ends_within_its_bound() {
    count("bytes", 1);
}

#[test]
fn a_call_on_a_ring_of_slots_ends_within_its_bound() {
    count("slots", 48);
}

#[test]
fn a_call_on_a_ring_of_slots_in_the_latency_layout_ends_within_its_bound() {
    count("lines", 48);
}

#[test]
fn what_is_done_with_a_region_ends_within_its_bound() {
    count("region", 512);
}

#[test]
fn a_wait_ends_within_its_bound() {
    count("waiting", 48);
}

#[test]
fn a_call_on_a_primitive_ends_within_its_bound() {
    count("primitives", 48);
}

#[test]
fn every_target_is_counted() {
    let names: Vec<_> =
        TARGETS.iter().filter(|target| !target.is_planted).map(|target| target.name).collect();
    assert_eq!(names, ["bytes", "slots", "lines", "region", "waiting", "primitives"]);
}
