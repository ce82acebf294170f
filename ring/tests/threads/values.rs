//! Rings of slots.

#![allow(unsafe_code)] // because slices of the ring want a promise.

use crate::court::{Receive, Send, count, over, patiently, side_by_side, stream};
use crate::fixture::config;
use crate::fixture::random::seeds;
use ringway::shm::primitive::Backoff;
use ringway::slots::{self, Consumer, Latency, Layout, Producer, Throughput};
use ringway::{InPlace, Region, Slot, TryRecvError, WhenFull};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

const CAPACITY: u64 = 8;

/// What lies in a slot: the value of a number.
trait Value: Slot + PartialEq + Debug {
    fn of(number: u64) -> Self;
}

impl Value for u64 {
    fn of(number: u64) -> Self {
        number
    }
}

impl Value for u8 {
    fn of(number: u64) -> Self {
        number as u8
    }
}

impl<const WORDS: usize> Value for [u64; WORDS] {
    fn of(number: u64) -> Self {
        [number; WORDS]
    }
}

fn of<T: Value>(numbers: Range<u64>, most: usize) -> Vec<T> {
    numbers.take(most).map(T::of).collect()
}

fn check<T: Value>(values: &[T], first: u64) -> u64 {
    let numbered = values.iter().zip(first..);
    numbered.map(|(value, number)| assert_eq!(*value, T::of(number))).count() as u64
}

/// Ways that handles of both layouts have.
fn sends<T: Value, L: Layout>() -> Vec<Send<Producer<T, L>>> {
    vec![
        |tx, numbers| {
            patiently(|| tx.try_send(&T::of(numbers.start)));
            1
        },
        |tx, numbers| {
            tx.send_until(&T::of(numbers.start), over()).unwrap();
            1
        },
        |tx, numbers| patiently(|| tx.try_send_many(&of(numbers.clone(), 5))) as u64,
        |tx, numbers| tx.send_many_until(&of(numbers, 11), over()).unwrap() as u64,
        |tx, numbers| {
            let mut reservation = tx.reserve_until(over()).unwrap();
            reservation.write(0, &T::of(numbers.start));
            reservation.commit();
            1
        },
        |tx, numbers| {
            patiently(|| tx.try_reserve().map(|mut reservation| reservation.write(0, &T::of(77))));
            patiently(|| {
                let mut reservation = tx.try_reserve_many(3)?;
                let sent = of(numbers.clone(), reservation.len().min(2));
                sent.iter().enumerate().for_each(|(at, value)| reservation.write(at, value));
                reservation.commit_prefix(sent.len());
                Ok::<_, ringway::TrySendError>(sent.len() as u64)
            })
        },
    ]
}

fn receives<T: Value, L: Layout>() -> Vec<Receive<Consumer<T, L>>> {
    vec![
        |rx, number| check(&[patiently(|| rx.try_recv())], number),
        |rx, number| check(&[rx.recv_until(over()).unwrap()], number),
        |rx, number| {
            let mut value = T::of(0);
            rx.recv_into_until(&mut value, over()).unwrap();
            check(&[value], number)
        },
        |rx, number| {
            let mut values = [T::of(0); 5];
            let count = patiently(|| rx.try_recv_many(&mut values));
            check(&values[..count], number)
        },
        |rx, number| {
            let mut values = [T::of(0); 11];
            let count = rx.recv_many_until(&mut values, over()).unwrap();
            check(&values[..count], number)
        },
        |rx, number| {
            // What is looked at and not released stays there.
            assert_eq!(rx.peek_until(over()).unwrap().read(0), T::of(number));
            let peek = rx.try_peek_many(3).unwrap();
            let values: Vec<T> = (0..peek.len().min(2)).map(|at| peek.read(at)).collect();
            peek.release_prefix(values.len());
            check(&values, number)
        },
    ]
}

/// Ways by slices of the ring, which the throughput layout has.
fn sends_in_place<T: Value>() -> Vec<Send<InPlace<Producer<T>>>> {
    vec![
        |tx, numbers| {
            patiently(|| {
                let mut window = tx.try_window(3)?;
                let sent = of(numbers.clone(), window.len());
                window[..sent.len()].copy_from_slice(&sent);
                window.commit_prefix(sent.len());
                Ok::<_, ringway::TrySendError>(sent.len() as u64)
            })
        },
        |tx, numbers| tx.send_many_until(&of(numbers, 3), over()).unwrap() as u64,
    ]
}

fn receives_in_place<T: Value>() -> Vec<Receive<InPlace<Consumer<T>>>> {
    vec![
        |rx, number| {
            patiently(|| {
                let view = rx.try_view(3)?;
                let count = check(&view, number);
                view.release();
                Ok::<_, TryRecvError>(count)
            })
        },
        |rx, number| check(&[rx.recv_until(over()).unwrap()], number),
    ]
}

fn ring<T: Value, L: Layout>() -> Arc<Region> {
    Arc::new(slots::anonymous_in::<T, L>(&config(CAPACITY)).unwrap())
}

/// All ways mixed, and each pair of them alone.
fn passes_on<T: Value, L: Layout>() {
    let (sends, receives) = (sends::<T, L>(), receives::<T, L>());
    for seed in seeds(count(6, 1)) {
        let region = ring::<T, L>();
        let (tx, rx) = (|| Producer::attach(&region).unwrap(), || Consumer::attach(&region).unwrap());
        stream((tx, &sends), (rx, &receives), count(5000, 50), &mut seed.random());
    }
    // Miri mixes them anew with each of its seeds.
    let pairs = count(6, 0) as usize;
    for (send, receive) in
        sends.iter().take(pairs).flat_map(|s| receives.iter().take(pairs).map(move |r| (s, r)))
    {
        let region = ring::<T, L>();
        let (tx, rx) = (|| Producer::attach(&region).unwrap(), || Consumer::attach(&region).unwrap());
        let random = &mut seeds(1).next().unwrap().random();
        stream((tx, &[*send]), (rx, &[*receive]), count(300, 20), random);
    }
}

fn passes_on_in_place<T: Value>() {
    for seed in seeds(count(6, 1)) {
        let region = ring::<T, Throughput>();
        // SAFETY: the region never leaves this process, which follows the protocol.
        let tx = || unsafe { Producer::attach(&region).unwrap().in_place() };
        // SAFETY: as above.
        let rx = || unsafe { Consumer::attach(&region).unwrap().in_place() };
        let (sends, receives) = (sends_in_place::<T>(), receives_in_place::<T>());
        stream((tx, &sends), (rx, &receives), count(5000, 50), &mut seed.random());
    }
}

fn drops_the_newest<L: Layout>() {
    let (region, values) = (ring::<[u64; 5], L>(), count(20_000, 60));
    let produce = || {
        let mut tx = Producer::<[u64; 5], L>::attach(&region).unwrap();
        tx.set_when_full(WhenFull::DropNewest);
        let mut number = 0;
        while number < values {
            let some = of(number..values, 3);
            number += tx.send_many_until(&some, over()).unwrap() as u64;
        }
    };
    let mut rx = Consumer::<[u64; 5], L>::attach(&region).unwrap();
    let consume = move || {
        let (over, backoff) = (over(), Backoff::new());
        let (mut received, mut last) = (0, None);
        // The one who sends leaves when it has sent all.
        loop {
            match rx.try_recv() {
                Ok(value) => {
                    assert!(value == [value[0]; 5] && Some(value[0]) > last, "{value:?} after {last:?}");
                    (received, last) = (received + 1, Some(value[0]));
                }
                Err(TryRecvError::Closed) => break,
                Err(TryRecvError::Empty) => backoff.pause(),
                Err(error) => panic!("{error:?}"),
            }
            assert!(!over.has_passed());
        }
        assert_eq!(received + rx.dropped(), values);
    };
    side_by_side([Box::new(produce), Box::new(consume)]);
}

#[test]
fn every_word_arrives_whole_in_the_throughput_layout() {
    passes_on::<u64, Throughput>();
    passes_on::<u8, Throughput>();
}

#[test]
fn every_large_value_arrives_whole_in_the_throughput_layout() {
    passes_on::<[u64; 5], Throughput>();
    passes_on::<[u64; 70], Throughput>();
}

#[test]
fn every_value_arrives_whole_in_the_latency_layout() {
    passes_on::<u64, Latency>();
    passes_on::<[u64; 7], Latency>();
}

#[test]
fn every_value_arrives_whole_in_its_place() {
    passes_on_in_place::<u64>();
    passes_on_in_place::<[u64; 70]>();
}

#[test]
fn a_value_that_is_not_dropped_arrives() {
    drops_the_newest::<Throughput>();
    drops_the_newest::<Latency>();
}
