//! A scribbler that does not wait for its turn: random words all over the region while the victims run.

use crate::fixture::child::{Started, link, task};
use crate::fixture::random::{Random, seeds};
use crate::fixture::raw::Raw;
use crate::fixture::{LIMIT, WRAPS, alone, config};
use crate::tamper::{scribble_one, tamper};
use crate::victim::{Outcome, Victim, attach};
use ringway::shm::primitive::{AtomicU32, Ordering};
use ringway::slots::Latency;
use ringway::{Corruption, Region, bytes, slots};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long each ring is under attack.
const ATTACK: Duration = Duration::from_millis(100);

/// Writes until told to stop, at most as long as anything may take.
fn scribble(raw: &Raw, random: &mut Random, capacity: u64, is_over: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_over() && started.elapsed() < LIMIT {
        for _ in 0..64 {
            if random.one_in(4) { scribble_one(raw, random) } else { tamper(raw, random, capacity) }
        }
    }
}

/// A handle that is called as long as it serves and then a little longer.
fn call<V: Victim>(slot: &mut Option<(V, Option<Corruption>)>, region: &Arc<Region>, random: &mut Random) {
    match slot {
        None => *slot = attach(region).map(|victim| (victim, None)),
        Some((victim, said)) => match (victim.call(random), *said) {
            (Outcome::Corrupt(corruption), Some(said)) => {
                assert_eq!(corruption, said);
                if random.one_in(2) {
                    *slot = None;
                }
            }
            (Outcome::Corrupt(corruption), None) => *said = Some(corruption),
            (Outcome::Done, Some(said)) => panic!("served after {said}"),
            (Outcome::Done | Outcome::TooLong, _) => {}
        },
    }
}

/// Runs both sides of the ring for the time of an attack; says how many calls they made.
fn endure<P: Victim, C: Victim>(region: &Arc<Region>, random: &mut Random) -> u64 {
    let (mut tx, mut rx) = (None::<(P, _)>, None::<(C, _)>);
    let started = Instant::now();
    let mut calls = 0;
    while started.elapsed() < ATTACK {
        for _ in 0..16 {
            call(&mut tx, region, random);
            call(&mut rx, region, random);
            calls += 2;
        }
    }
    calls
}

fn under_a_thread<P: Victim, C: Victim>(region: Region, capacity: u64, random: &mut Random) {
    let region = Arc::new(region);
    let (raw, mut theirs) = (Raw::new(&region), Random::new(random.next()));
    let over = AtomicU32::new(0);
    let is_over = || over.load(Ordering::Relaxed) != 0;
    let calls = std::thread::scope(|scope| {
        // Ends the scribbler also when a victim panics.
        let _end = OnDrop(|| over.store(1, Ordering::Relaxed));
        scope.spawn(|| scribble(&raw, &mut theirs, capacity, is_over));
        endure::<P, C>(&region, random)
    });
    assert!(calls > 0);
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn under_a_process<P: Victim, C: Victim>(test: &str, region: Region, capacity: u64, random: &mut Random) {
    let region = Arc::new(region);
    let passed = region.inheritable().unwrap();
    let task = format!("{} {capacity} {}", passed.as_raw_fd(), random.next());
    let mut child = Started::new(test, &task);
    child.wait_ready();
    assert!(endure::<P, C>(&region, random) > 0);
    child.kill();
}

/// The child's part: attaches to the region of a number, says so, and scribbles until it is killed.
fn scribbler(task: &str, expected: &ringway::shm::Expected) {
    let numbers: Vec<u64> = task.split(' ').map(|number| number.parse().unwrap()).collect();
    let region = Region::inherited(numbers[0] as i32, expected).unwrap();
    link().write_all(b"!").unwrap();
    scribble(&Raw::new(&Arc::new(region)), &mut Random::new(numbers[2]), numbers[1], || false);
}

#[test]
fn a_byte_ring_bears_a_thread_that_scribbles() {
    let _alone = alone();
    for seed in seeds(2) {
        for wrap in WRAPS {
            let region = bytes::anonymous(&config(4096).wrap(wrap)).unwrap();
            under_a_thread::<bytes::Producer, bytes::Consumer>(region, 4096, &mut seed.random());
        }
    }
}

#[test]
fn a_ring_of_slots_bears_a_thread_that_scribbles() {
    let _alone = alone();
    for seed in seeds(3) {
        let region = slots::anonymous::<u64>(&config(8)).unwrap();
        under_a_thread::<slots::Producer<u64>, slots::Consumer<u64>>(region, 8, &mut seed.random());
    }
}

#[test]
fn a_ring_of_slots_in_the_latency_layout_bears_a_thread_that_scribbles() {
    let _alone = alone();
    for seed in seeds(3) {
        let region = slots::anonymous_in::<u64, Latency>(&config(8)).unwrap();
        under_a_thread::<slots::Producer<u64, Latency>, slots::Consumer<u64, Latency>>(
            region,
            8,
            &mut seed.random(),
        );
    }
}

#[test]
fn a_byte_ring_bears_a_process_that_scribbles() {
    if let Some(task) = task() {
        return scribbler(&task, &bytes::expected());
    }
    let _alone = alone();
    let test = "live::a_byte_ring_bears_a_process_that_scribbles";
    for seed in seeds(2) {
        for wrap in WRAPS {
            let region = bytes::anonymous(&config(4096).wrap(wrap)).unwrap();
            under_a_process::<bytes::Producer, bytes::Consumer>(test, region, 4096, &mut seed.random());
        }
    }
}

#[test]
fn a_ring_of_slots_bears_a_process_that_scribbles() {
    if let Some(task) = task() {
        return scribbler(&task, &slots::expected::<u64>());
    }
    let _alone = alone();
    let test = "live::a_ring_of_slots_bears_a_process_that_scribbles";
    for seed in seeds(3) {
        let region = slots::anonymous::<u64>(&config(8)).unwrap();
        under_a_process::<slots::Producer<u64>, slots::Consumer<u64>>(test, region, 8, &mut seed.random());
    }
}
