//! Everything that is sent arrives, once, in order and whole, over each way by which a region reaches a process.

use crate::fixture::child::{Started, link, task};
use crate::fixture::{LIMIT, Named, alone, config};
use crate::message::{Numbered, Way, read, receive, send};
use ringway::bytes::{self, Consumer, Producer};
use ringway::slots::{Latency, Layout, Throughput};
use ringway::{RecvError, Region, TryRecvError, Wrap, slots};
use std::os::fd::AsRawFd;
use std::sync::Arc;

const COUNT: u64 = 200_000;

const ROUNDS: [(Wrap, Way); 4] = [
    (Wrap::Padding, Way::Single),
    (Wrap::Padding, Way::Many),
    (Wrap::Mirrored, Way::Single),
    (Wrap::Mirrored, Way::Many),
];

/// Receives what a child sends, and finds the numbers from 0 on, in order.
fn receive_numbers(rx: &mut Consumer, count: u64, way: Way) {
    let mut next = 0;
    receive(rx, count, way, LIMIT, |message| {
        assert_eq!(read(message), (1, next));
        next += 1;
    });
    assert_eq!(next, count);
}

/// Receives what the one that started this process sends, who stays until this process ends.
fn receive_all_numbers(rx: &mut Consumer, count: u64, way: Way) {
    receive_numbers(rx, count, way);
    assert_eq!(rx.try_recv(&mut Vec::new()), Err(TryRecvError::Empty));
}

fn way_of(text: &str) -> Way {
    if text == "Single" { Way::Single } else { Way::Many }
}

#[test]
fn records_go_to_a_process_that_knows_the_name() {
    if let Some(task) = task() {
        let (way, name) = task.split_once(' ').unwrap();
        let mut tx = Producer::open(name).unwrap();
        return send(&mut tx, 1, 0..COUNT, way_of(way), LIMIT).unwrap();
    }
    let _alone = alone();
    let test = "exchange::records_go_to_a_process_that_knows_the_name";
    for (wrap, way) in ROUNDS {
        let named = Named::new("exchange");
        let mut rx = Consumer::create(named.text(), &config(1 << 14).wrap(wrap)).unwrap();
        let child = Started::new(test, &format!("{way:?} {}", named.text()));
        receive_numbers(&mut rx, COUNT, way);
        child.succeed();
        (0..2).for_each(|_| assert_eq!(rx.try_recv(&mut Vec::new()), Err(TryRecvError::Closed)));
        (0..2).for_each(|_| assert_eq!(rx.recv_vec(), Err(RecvError::Closed)));
    }
}

#[test]
fn records_go_to_a_process_that_inherited_the_region() {
    if let Some(task) = task() {
        let (way, number) = task.split_once(' ').unwrap();
        let region = Region::inherited(number.parse().unwrap(), &bytes::expected()).unwrap();
        let mut rx = Consumer::attach(&Arc::new(region)).unwrap();
        return receive_all_numbers(&mut rx, COUNT / 4, way_of(way));
    }
    let _alone = alone();
    let test = "exchange::records_go_to_a_process_that_inherited_the_region";
    for (wrap, way) in ROUNDS {
        let region = Arc::new(bytes::anonymous(&config(8192).wrap(wrap)).unwrap());
        let mut tx = Producer::attach(&region).unwrap();
        let passed = region.inheritable().unwrap();
        let child = Started::new(test, &format!("{way:?} {}", passed.as_raw_fd()));
        send(&mut tx, 1, 0..COUNT / 4, way, LIMIT).unwrap();
        child.succeed();
    }
}

#[test]
fn records_go_to_a_process_that_got_the_region_over_a_socket() {
    if let Some(task) = task() {
        let region = Region::receive(&link(), &bytes::expected()).unwrap();
        let mut rx = Consumer::attach(&Arc::new(region)).unwrap();
        return receive_all_numbers(&mut rx, COUNT / 4, way_of(&task));
    }
    let _alone = alone();
    let test = "exchange::records_go_to_a_process_that_got_the_region_over_a_socket";
    for (wrap, way) in ROUNDS {
        let region = Arc::new(bytes::anonymous(&config(1 << 16).wrap(wrap)).unwrap());
        let mut tx = Producer::attach(&region).unwrap();
        let child = Started::new(test, &format!("{way:?}"));
        region.send(&child.link).unwrap();
        send(&mut tx, 1, 0..COUNT / 4, way, LIMIT).unwrap();
        child.succeed();
    }
}

#[test]
fn slots_go_to_another_process() {
    slots_go::<Throughput>("exchange::slots_go_to_another_process");
}

#[test]
fn slots_in_the_latency_layout_go_to_another_process() {
    slots_go::<Latency>("exchange::slots_in_the_latency_layout_go_to_another_process");
}

fn slots_go<L: Layout>(test: &str) {
    if let Some(task) = task() {
        let words: Vec<&str> = task.split(' ').collect();
        let mut tx = slots::Producer::<Numbered, L>::open(words[2]).unwrap();
        return send_slots(&mut tx, 1, 0..words[1].parse().unwrap(), way_of(words[0]));
    }
    let _alone = alone();
    let rounds = [
        (512, COUNT, Way::Single),
        (512, COUNT, Way::Many),
        (1, COUNT / 100, Way::Single),
        (1, COUNT / 100, Way::Many),
    ];
    for (capacity, count, way) in rounds {
        let named = Named::new("slots");
        let mut rx = slots::Consumer::<Numbered, L>::create(named.text(), &config(capacity)).unwrap();
        let child = Started::new(test, &format!("{way:?} {count} {}", named.text()));
        let mut next = 0;
        let mut show = |value: &Numbered| {
            value.check();
            assert_eq!((value.sender, value.number), (1, next));
            next += 1;
        };
        let mut values = [Numbered::new(0, 0); 48];
        let mut received = 0;
        while received < count {
            if way == Way::Many {
                let many = rx.recv_many_until(&mut values, LIMIT).unwrap();
                values[..many].iter().for_each(&mut show);
                received += many as u64;
            } else {
                show(&rx.recv_until(LIMIT).unwrap());
                received += 1;
            }
        }
        child.succeed();
        (0..2).for_each(|_| assert_eq!(rx.try_recv(), Err(TryRecvError::Closed)));
        (0..2).for_each(|_| assert_eq!(rx.recv(), Err(RecvError::Closed)));
    }
}

/// Sends numbered slots, in parts of up to 40.
pub(crate) fn send_slots<L: Layout>(
    tx: &mut slots::Producer<Numbered, L>,
    sender: u64,
    numbers: impl Iterator<Item = u64>,
    way: Way,
) {
    let mut values = numbers.map(|number| Numbered::new(sender, number)).peekable();
    while values.peek().is_some() {
        if way == Way::Many {
            let part: Vec<Numbered> = values.by_ref().take(40).collect();
            let mut rest = &part[..];
            while !rest.is_empty() {
                match tx.try_send_many(rest) {
                    Ok(sent) => rest = &rest[sent..],
                    // Waits for room by the verb that can, one slot at a time.
                    Err(_) => {
                        tx.send_until(&rest[0], LIMIT).unwrap();
                        rest = &rest[1..];
                    }
                }
            }
        } else {
            tx.send_until(&values.next().unwrap(), LIMIT).unwrap();
        }
    }
}
