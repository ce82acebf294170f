//! The latency layout: what a producer leaves that is killed between two of its stores, and what the consumer sees when.

#![deny(unsafe_code)]

mod fixture;

use fixture::config;
use fixture::raw::Raw;
use ringway::shm::primitive::Ordering;
use ringway::slots::{self, Latency};
use ringway::{Region, TryRecvError, TrySendError};
use std::sync::Arc;

type Producer = slots::Producer<u64, Latency>;
type Consumer = slots::Consumer<u64, Latency>;

const CAPACITY: u64 = 4;

/// Where rings of these tests begin: at 0, in a later lap, and before the end of 64 bits.
const STARTS: [u64; 5] = [0, 2, 4, 1001, u64::MAX - 2];

fn ring(start: u64) -> (Arc<Region>, Raw) {
    let region = Arc::new(slots::anonymous_in::<u64, Latency>(&config(CAPACITY)).unwrap());
    let raw = Raw::new(&region);
    raw.set_positions(start);
    raw.set_sequences(start, CAPACITY);
    (region, raw)
}

/// A ring whose producer was killed when it had committed `committed` slots and stored no tail: the first numbers.
fn killed_before_tail(start: u64, committed: u64) -> (Arc<Region>, Raw) {
    let (region, raw) = ring(start);
    let values: Vec<u64> = (0..committed).collect();
    Producer::attach(&region).unwrap().send_many(&values).unwrap();
    raw.set_tail(start);
    (region, raw)
}

#[test]
fn what_was_committed_before_tail_was_stored_is_received() {
    for start in STARTS {
        for committed in 0..=CAPACITY {
            let (region, raw) = killed_before_tail(start, committed);
            let mut rx = Consumer::attach(&region).unwrap();
            let received: Vec<u64> = std::iter::from_fn(|| rx.try_recv().ok()).collect();
            assert_eq!(received, (0..committed).collect::<Vec<_>>(), "start {start}");
            // The one that stored no tail has left its seat in order.
            assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
            assert_eq!((raw.tail(), raw.head()), (start, start.wrapping_add(committed)));
        }
    }
}

#[test]
fn the_next_producer_goes_on_behind_what_was_committed() {
    for start in STARTS {
        for committed in 0..=CAPACITY {
            for received in 0..=committed {
                let (region, raw) = killed_before_tail(start, committed);
                let mut rx = Consumer::attach(&region).unwrap();
                for number in 0..received {
                    assert_eq!(rx.recv(), Ok(number));
                }
                let mut tx = Producer::attach(&region).unwrap();
                assert_eq!(raw.tail(), start.wrapping_add(committed), "it says so before it sends");
                for number in committed..received + CAPACITY {
                    assert_eq!(tx.try_send(&number), Ok(()));
                }
                assert_eq!(tx.try_send(&99), Err(TrySendError::Full { needed: 1, free: 0 }));
                for number in received..received + CAPACITY {
                    assert_eq!(rx.recv(), Ok(number), "start {start}, {committed} committed");
                }
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            }
        }
    }
}

#[test]
fn a_row_of_deaths_before_tail_loses_nothing() {
    for start in STARTS {
        let (region, raw) = ring(start);
        let mut rx = Consumer::attach(&region).unwrap();
        for number in 0..5 * CAPACITY {
            let mut tx = Producer::attach(&region).unwrap();
            let tail = raw.tail();
            tx.send(&number).unwrap();
            drop(tx);
            raw.set_tail(tail);
            assert_eq!(rx.recv(), Ok(number), "start {start}");
        }
    }
}

#[test]
fn what_was_written_and_not_committed_is_written_over() {
    let (region, raw) = ring(6);
    let mut tx = Producer::attach(&region).unwrap();
    let mut reservation = tx.try_reserve_many(2).unwrap();
    reservation.write(0, &77);
    reservation.abort();
    drop(tx);
    let mut rx = Consumer::attach(&region).unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    Producer::attach(&region).unwrap().send(&1).unwrap();
    assert_eq!((rx.recv(), rx.try_recv()), (Ok(1), Err(TryRecvError::Closed)));
    assert_eq!((raw.tail(), raw.head()), (7, 7));
}

#[test]
fn each_message_is_there_with_its_sequence_word_and_not_before() {
    let (region, raw) = ring(3);
    let mut rx = Consumer::attach(&region).unwrap();
    let mut tx = Producer::attach(&region).unwrap();
    tx.send_many(&[1, 2, 3]).unwrap();
    // As it is while the producer commits the second.
    raw.set_sequences(4, CAPACITY);
    raw.sequence(3, CAPACITY).store(4, Ordering::SeqCst);
    raw.set_tail(3);
    let mut values = [0; 4];
    assert_eq!(rx.try_recv_many(&mut values), Ok(1));
    assert_eq!(rx.try_recv_many(&mut values), Err(TryRecvError::Empty));
    raw.sequence(4, CAPACITY).store(5, Ordering::SeqCst);
    assert_eq!(rx.try_peek_many(4).map(|peek| peek.len()), Ok(1));
    raw.sequence(5, CAPACITY).store(6, Ordering::SeqCst);
    assert_eq!((rx.try_recv_many(&mut values), values[..2].to_vec()), (Ok(2), vec![2, 3]));
}
