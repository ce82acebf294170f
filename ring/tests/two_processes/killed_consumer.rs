//! Consumers that are killed at any moment, one after the other, on one ring.
//!
//! Each acknowledges what it has received over a socket. By `recv` a message is received at most once: the one whose
//! acknowledgement the kill prevented is lost, and no other. By `peek`, acknowledge, `release` it is received at least
//! once: that one comes again, and no other.

use crate::fixture::child::{Started, link, task};
use crate::fixture::random::{Random, seeds};
use crate::fixture::{LIMIT, Named, WRAPS, alone, config};
use crate::message::{Numbered, read, write};
use ringway::bytes::{Consumer, Producer};
use ringway::shm::primitive::{AtomicU32, Ordering};
use ringway::slots::{self, Latency};
use ringway::{Region, SendError};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

const KILLS: u32 = 20;

/// A sender of numbers, and what it takes to have a receiver of them killed.
trait Sender: Send {
    fn region(&self) -> &Arc<Region>;

    fn send(&mut self, number: u64, limit: Duration) -> Result<(), SendError>;

    /// Takes the next number from a ring that has no consumer any more.
    fn take(region: &Arc<Region>) -> Option<u64>;

    /// The child's part: receives and acknowledges, one by one, until it is killed.
    fn acknowledge(verb: &str, name: &str);
}

impl Sender for Producer {
    fn region(&self) -> &Arc<Region> {
        self.region()
    }

    fn send(&mut self, number: u64, limit: Duration) -> Result<(), SendError> {
        let mut message = Vec::new();
        write(1, number, &mut message);
        self.send_until(&message, limit)
    }

    fn take(region: &Arc<Region>) -> Option<u64> {
        let mut message = Vec::new();
        Consumer::attach(region).unwrap().try_recv(&mut message).ok()?;
        Some(read(&message).1)
    }

    fn acknowledge(verb: &str, name: &str) {
        let mut rx = Consumer::open(name).unwrap();
        let mut link = link();
        let mut message = Vec::new();
        loop {
            if verb == "peek" {
                let peek = rx.peek_until(LIMIT).unwrap();
                let (_, number) = read(&peek.to_vec());
                link.write_all(&number.to_le_bytes()).unwrap();
                peek.release();
            } else {
                rx.recv_until(&mut message, LIMIT).unwrap();
                let (_, number) = read(&message);
                link.write_all(&number.to_le_bytes()).unwrap();
            }
        }
    }
}

impl Sender for slots::Producer<Numbered, Latency> {
    fn region(&self) -> &Arc<Region> {
        self.region()
    }

    fn send(&mut self, number: u64, limit: Duration) -> Result<(), SendError> {
        self.send_until(&Numbered::new(1, number), limit)
    }

    fn take(region: &Arc<Region>) -> Option<u64> {
        let value = slots::Consumer::<Numbered, Latency>::attach(region).unwrap().try_recv().ok()?;
        value.check();
        Some(value.number)
    }

    fn acknowledge(verb: &str, name: &str) {
        let mut rx = slots::Consumer::<Numbered, Latency>::open(name).unwrap();
        let mut link = link();
        loop {
            if verb == "peek" {
                let peek = rx.peek_until(LIMIT).unwrap();
                let value = peek.read(0);
                value.check();
                link.write_all(&value.number.to_le_bytes()).unwrap();
                peek.release();
            } else {
                let value = rx.recv_until(LIMIT).unwrap();
                value.check();
                link.write_all(&value.number.to_le_bytes()).unwrap();
            }
        }
    }
}

fn acknowledge<S: Sender>(task: &str) {
    let (verb, name) = task.split_once(' ').unwrap();
    S::acknowledge(verb, name);
}

/// Sends numbers until told to end, and then until the ring is full and each death was told; says how many it sent.
fn send_until_over(tx: &mut impl Sender, over: &AtomicU32) -> u64 {
    let (mut number, mut deaths) = (0, 0);
    loop {
        // Relaxed: the flag says nothing but itself.
        let is_over = over.load(Ordering::Relaxed) != 0;
        match tx.send(number, Duration::from_millis(1)) {
            Ok(()) => number += 1,
            Err(SendError::PeerDead) => deaths += 1,
            Err(SendError::TimedOut) if is_over => break,
            Err(SendError::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(deaths, KILLS, "each death is told once");
    number
}

/// Says that it is over, also when a test fails.
struct Over<'a>(&'a AtomicU32);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(1, Ordering::Relaxed);
    }
}

/// Kills consumers of one ring, one after the other. `first` judges the first number that a successor acknowledged (or,
/// at the end, found), by the number that would be next; every other must be the next one.
fn succession<S: Sender>(
    test: &str,
    verb: &str,
    named: &Named,
    mut tx: S,
    mut random: Random,
    first: fn(u64, u64),
) {
    let region = Arc::clone(tx.region());
    let over = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let end = Over(&over);
        let sender = scope.spawn(|| send_until_over(&mut tx, &over));
        let mut next = 0;
        for _ in 0..KILLS {
            let mut child = Started::new(test, &format!("{verb} {}", named.text()));
            let mut acknowledged = vec![0; (1 + random.below(500) as usize) * 8];
            child.link.read_exact(&mut acknowledged).expect("acknowledgements");
            (0..random.below(200)).for_each(|_| std::thread::yield_now());
            child.kill();
            acknowledged.extend(child.rest());
            assert_eq!(acknowledged.len() % 8, 0, "a torn acknowledgement");
            let numbers =
                acknowledged.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
            for (at, number) in numbers.enumerate() {
                if at == 0 {
                    first(number, next)
                } else {
                    assert_eq!(number, next)
                }
                next = number + 1;
            }
        }
        drop(end);
        let sent = sender.join().unwrap();
        let mut is_first = true;
        while let Some(number) = S::take(&region) {
            if is_first {
                first(number, next)
            } else {
                assert_eq!(number, next)
            }
            next = number + 1;
            is_first = false;
        }
        if is_first { first(sent, next) } else { assert_eq!(next, sent) }
    });
}

/// By `recv`: what was being received may be lost.
fn at_most_once(found: u64, next: u64) {
    assert!(found == next || found == next + 1, "{found} where {next} would be next");
}

/// By `peek` and `release`: what was being received may come again.
fn at_least_once(found: u64, next: u64) {
    assert!(found == next || found + 1 == next, "{found} where {next} would be next");
}

fn of_bytes(test: &str, verb: &str, first: fn(u64, u64)) {
    if let Some(task) = task() {
        return acknowledge::<Producer>(&task);
    }
    let _alone = alone();
    for (seed, wrap) in seeds(2).zip(WRAPS) {
        let named = Named::new("killed-consumer");
        let tx = Producer::create(named.text(), &config(4096).wrap(wrap)).unwrap();
        succession(test, verb, &named, tx, seed.random(), first);
    }
}

fn of_slots(test: &str, verb: &str, first: fn(u64, u64)) {
    if let Some(task) = task() {
        return acknowledge::<slots::Producer<Numbered, Latency>>(&task);
    }
    let _alone = alone();
    for seed in seeds(1) {
        let named = Named::new("killed-consumer");
        let tx = slots::Producer::<Numbered, Latency>::create(named.text(), &config(16)).unwrap();
        succession(test, verb, &named, tx, seed.random(), first);
    }
}

#[test]
fn a_killed_consumer_loses_at_most_the_message_it_had() {
    let test = "killed_consumer::a_killed_consumer_loses_at_most_the_message_it_had";
    of_bytes(test, "recv", at_most_once);
}

#[test]
fn a_killed_consumer_that_peeks_loses_nothing() {
    of_bytes("killed_consumer::a_killed_consumer_that_peeks_loses_nothing", "peek", at_least_once);
}

#[test]
fn a_killed_consumer_in_the_latency_layout_loses_at_most_the_message_it_had() {
    let test = "killed_consumer::a_killed_consumer_in_the_latency_layout_loses_at_most_the_message_it_had";
    of_slots(test, "recv", at_most_once);
}

#[test]
fn a_killed_consumer_in_the_latency_layout_that_peeks_loses_nothing() {
    let test = "killed_consumer::a_killed_consumer_in_the_latency_layout_that_peeks_loses_nothing";
    of_slots(test, "peek", at_least_once);
}
