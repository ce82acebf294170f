//! Producers that are killed at any moment, one after the other, on one ring: of each, what arrives is a beginning of
//! what it sent, without a gap, and nothing that is torn, doubled or made up.

use crate::exchange::send_slots;
use crate::fixture::child::{Started, link, task};
use crate::fixture::random::{Random, seeds};
use crate::fixture::{LIMIT, Named, WRAPS, alone, config};
use crate::message::{Numbered, Way, read, send};
use ringway::bytes::{Consumer, Producer};
use ringway::slots::{Latency, Layout, Throughput};
use ringway::{TryRecvError, slots};
use std::io::Write;
use std::time::Instant;

const KILLS: u32 = 20;

/// Receives until `enough` messages have come, then kills the child a little later and takes what is left, at the end of
/// which the death is told, once. Says how many messages there were.
fn outlive(
    mut child: Started,
    enough: u64,
    random: &mut Random,
    mut try_receive: impl FnMut() -> Result<(), TryRecvError>,
) -> u64 {
    let started = Instant::now();
    let mut received = 0;
    let mut receive = || match try_receive() {
        Ok(()) => true,
        Err(TryRecvError::Empty) => false,
        Err(error) => panic!("of a live one: {error}"),
    };
    while received < enough {
        received += u64::from(receive());
        assert!(started.elapsed() < LIMIT, "the child sends nothing");
    }
    // So the kill meets it at work, or waiting at a full ring.
    if random.one_in(3) {
        (0..random.below(300)).for_each(|_| std::thread::yield_now());
    } else {
        (0..random.below(300)).for_each(|_| received += u64::from(receive()));
    }
    child.kill();
    let last = loop {
        match try_receive() {
            Ok(()) => received += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(last, TryRecvError::PeerDead);
    assert_eq!(try_receive(), Err(TryRecvError::Empty), "told twice");
    received
}

#[test]
fn of_each_killed_producer_a_beginning_arrives() {
    if let Some(task) = task() {
        let words: Vec<&str> = task.split(' ').collect();
        let sender: u32 = words[0].parse().unwrap();
        let mut tx = Producer::open(words[1]).unwrap();
        link().write_all(b"!").unwrap();
        let way = if sender % 2 == 0 { Way::Single } else { Way::Many };
        // Ends by being killed, or when nobody receives any more.
        return send(&mut tx, sender, 0.., way, LIMIT).unwrap();
    }
    let _alone = alone();
    let test = "killed_producer::of_each_killed_producer_a_beginning_arrives";
    for (seed, wrap) in seeds(2).zip(WRAPS) {
        let random = &mut seed.random();
        let named = Named::new("killed-producer");
        let mut rx = Consumer::create(named.text(), &config(4096).wrap(wrap)).unwrap();
        let mut message = Vec::new();
        let mut total = 0;
        for sender in 0..KILLS {
            let mut child = Started::new(test, &format!("{sender} {}", named.text()));
            child.wait_ready();
            let mut next = 0;
            total += outlive(child, random.clone().below(800), random, || {
                rx.try_recv(&mut message)?;
                assert_eq!(read(&message), (sender, next));
                next += 1;
                Ok(())
            });
            random.next();
        }
        assert!(total > 0, "all were killed before they sent anything");
    }
}

#[test]
fn of_each_killed_producer_of_slots_a_beginning_arrives() {
    of_slots::<Throughput>("killed_producer::of_each_killed_producer_of_slots_a_beginning_arrives");
}

#[test]
fn of_each_killed_producer_in_the_latency_layout_a_beginning_arrives() {
    of_slots::<Latency>("killed_producer::of_each_killed_producer_in_the_latency_layout_a_beginning_arrives");
}

fn of_slots<L: Layout>(test: &str) {
    if let Some(task) = task() {
        let words: Vec<&str> = task.split(' ').collect();
        let sender: u64 = words[0].parse().unwrap();
        let mut tx = slots::Producer::<Numbered, L>::open(words[1]).unwrap();
        link().write_all(b"!").unwrap();
        let way = if sender % 2 == 0 { Way::Single } else { Way::Many };
        return send_slots(&mut tx, sender, 0.., way);
    }
    let _alone = alone();
    for seed in seeds(1) {
        let random = &mut seed.random();
        let named = Named::new("killed-slots");
        let mut rx = slots::Consumer::<Numbered, L>::create(named.text(), &config(16)).unwrap();
        let mut total = 0;
        for sender in 0..u64::from(KILLS) {
            let mut child = Started::new(test, &format!("{sender} {}", named.text()));
            child.wait_ready();
            let mut next = 0;
            total += outlive(child, random.clone().below(800), random, || {
                let value = rx.try_recv()?;
                value.check();
                assert_eq!((value.sender, value.number), (sender, next));
                next += 1;
                Ok(())
            });
            random.next();
        }
        assert!(total > 0, "all were killed before they sent anything");
    }
}
