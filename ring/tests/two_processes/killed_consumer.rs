//! Consumers that are killed at any moment, one after the other, on one ring.
//!
//! Each acknowledges what it has received over a socket. By `recv` a message is received at most once: the one whose
//! acknowledgement the kill prevented is lost, and no other. By `peek`, acknowledge, `release` it is received at least
//! once: that one comes again, and no other.

use crate::fixture::child::{Started, link, task};
use crate::fixture::random::{Random, seeds};
use crate::fixture::{LIMIT, Named, WRAPS, alone, config};
use crate::message::{read, write};
use ringway::bytes::{Consumer, Producer};
use ringway::shm::primitive::{AtomicU32, Ordering};
use ringway::{SendError, Wrap};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

const KILLS: u32 = 20;

/// The child's part: receives and acknowledges, one by one, until it is killed.
fn acknowledge(task: &str) {
    let (verb, name) = task.split_once(' ').unwrap();
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

/// Sends numbers until told to end; says how many it sent.
fn send_until_over(tx: &mut Producer, over: &AtomicU32) -> u64 {
    let mut message = Vec::new();
    let mut number = 0;
    // Relaxed: the flag says nothing but itself.
    while over.load(Ordering::Relaxed) == 0 {
        write(1, number, &mut message);
        match tx.send_until(&message, Duration::from_millis(1)) {
            Ok(()) => number += 1,
            Err(SendError::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
    }
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
fn succession(test: &str, verb: &str, wrap: Wrap, mut random: Random, first: fn(u64, u64)) {
    let named = Named::new("killed-consumer");
    let mut tx = Producer::create(named.text(), &config(4096).wrap(wrap)).unwrap();
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
        let mut rx = Consumer::attach(&region).unwrap();
        let mut message = Vec::new();
        let mut is_first = true;
        while rx.try_recv(&mut message).is_ok() {
            let (_, number) = read(&message);
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

#[test]
fn a_killed_consumer_loses_at_most_the_message_it_had() {
    if let Some(task) = task() {
        return acknowledge(&task);
    }
    let _alone = alone();
    let test = "killed_consumer::a_killed_consumer_loses_at_most_the_message_it_had";
    for (seed, wrap) in seeds(2).zip(WRAPS) {
        succession(test, "recv", wrap, seed.random(), |found, next| {
            assert!(found == next || found == next + 1, "{found} where {next} would be next");
        });
    }
}

#[test]
fn a_killed_consumer_that_peeks_loses_nothing() {
    if let Some(task) = task() {
        return acknowledge(&task);
    }
    let _alone = alone();
    let test = "killed_consumer::a_killed_consumer_that_peeks_loses_nothing";
    for (seed, wrap) in seeds(2).zip(WRAPS) {
        succession(test, "peek", wrap, seed.random(), |found, next| {
            assert!(found == next || found + 1 == next, "{found} where {next} would be next");
        });
    }
}
