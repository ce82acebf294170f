//! Rings of bytes.

#![allow(unsafe_code)] // because slices of the ring want a promise.

use crate::court::{Receive, Send, count, over, patiently, side_by_side, stream};
use crate::fixture::random::seeds;
use crate::fixture::{WRAPS, config};
use ringway::bytes::{self, Consumer, Messages, Producer};
use ringway::shm::primitive::Backoff;
use ringway::{InPlace, Region, TryRecvError, WhenFull, Wrap};
use std::sync::Arc;

type Tx = InPlace<Producer>;
type Rx = InPlace<Consumer>;

/// The record of a number: of many lengths, and none like its neighbours.
///
/// Whole words for Miri, which of May 2026 fails by itself ("cannot have empty store buffer") where a plain write has
/// covered a part of an atomic word and the word is stored again, as the header of a later lap.
fn record(number: u64) -> Vec<u8> {
    let lengths =
        if cfg!(miri) { [0, 8, 136, 16, 24, 704, 8, 40, 304] } else { [0, 8, 130, 1, 17, 700, 7, 40, 300] };
    let mut record = vec![number as u8; lengths[(number % 9) as usize]];
    let word = number.to_le_bytes();
    let part = record.len().min(8);
    record[..part].copy_from_slice(&word[..part]);
    record
}

const SENDS: &[Send<Tx>] = &[
    |tx, numbers| {
        patiently(|| tx.try_send(&record(numbers.start)));
        1
    },
    |tx, numbers| {
        tx.send_until(&record(numbers.start), over()).unwrap();
        1
    },
    |tx, numbers| {
        let record = record(numbers.start);
        let (first, rest) = record.split_at(record.len() / 2);
        let mut reservation = tx.reserve_until(record.len() + 5, over()).unwrap();
        reservation.write_at(first.len(), rest);
        reservation.write_at(0, first);
        reservation.commit_prefix(record.len());
        1
    },
    |tx, numbers| {
        let record = record(numbers.start);
        patiently(|| tx.try_reserve(100).map(|mut reservation| reservation.write_at(8, b"is not committed")));
        patiently(|| {
            let mut reservation = tx.try_reserve(record.len())?;
            reservation.copy_from(&record);
            reservation.commit();
            Ok::<_, ringway::TrySendError>(())
        });
        1
    },
    |tx, numbers| {
        let mut batch = tx.batch();
        let sent = numbers.take(5).map(|number| match number % 2 {
            0 => patiently(|| batch.try_send(&record(number))),
            _ => batch.send_until(&record(number), over()).unwrap(),
        });
        sent.count() as u64
    },
    |tx, numbers| {
        let record = record(numbers.start);
        let mut window = tx.window_until(record.len(), over()).unwrap();
        window.copy_from_slice(&record);
        window.commit();
        1
    },
];

const RECEIVES: &[Receive<Rx>] = &[
    |rx, number| {
        let mut message = Vec::new();
        patiently(|| rx.try_recv(&mut message));
        assert_eq!(message, record(number));
        1
    },
    |rx, number| {
        let mut message = Vec::new();
        rx.recv_until(&mut message, over()).unwrap();
        assert_eq!(message, record(number));
        1
    },
    |rx, number| {
        let mut message = [0; 800];
        let len = rx.recv_into_until(&mut message, over()).unwrap();
        assert_eq!(message[..len], record(number));
        1
    },
    |rx, number| {
        let mut messages = Messages::with_room(1000);
        patiently(|| rx.try_recv_many(&mut messages));
        all_of(&messages, number)
    },
    |rx, number| {
        let mut messages = Messages::with_room(4096);
        rx.recv_many_until(&mut messages, over()).unwrap();
        all_of(&messages, number)
    },
    |rx, number| {
        // What is looked at and not released stays there.
        assert_eq!(rx.peek_until(over()).unwrap().to_vec(), record(number));
        let peek = patiently(|| rx.try_peek().map(|peek| peek.len()));
        assert_eq!(peek, record(number).len());
        let peek = rx.peek_until(over()).unwrap();
        let mut half = vec![0; peek.len() / 2];
        peek.read_at(peek.len() - half.len(), &mut half);
        assert!(record(number).ends_with(&half));
        peek.release();
        1
    },
    |rx, number| {
        let view = rx.view_until(over()).unwrap();
        assert_eq!(*view, record(number));
        view.release();
        1
    },
];

fn all_of(messages: &Messages, first: u64) -> u64 {
    let numbered = messages.iter().zip(first..);
    numbered.map(|(message, number)| assert_eq!(message, record(number))).count() as u64
}

fn producer(region: &Arc<Region>) -> Tx {
    // SAFETY: the region never leaves this process, which follows the protocol.
    unsafe { Producer::attach(region).unwrap().in_place() }
}

fn consumer(region: &Arc<Region>) -> Rx {
    // SAFETY: as above.
    unsafe { Consumer::attach(region).unwrap().in_place() }
}

/// Both ways past the end; Miri has no mapping to show a section twice.
fn wraps() -> impl Iterator<Item = Wrap> {
    WRAPS.into_iter().filter(|&wrap| !cfg!(miri) || wrap == Wrap::Padding)
}

#[test]
fn every_record_arrives_whole_by_whatever_verbs() {
    for seed in seeds(count(8, 1)) {
        for wrap in wraps() {
            let region = Arc::new(bytes::anonymous(&config(4096).wrap(wrap)).unwrap());
            let (tx, rx) = (|| producer(&region), || consumer(&region));
            stream((tx, SENDS), (rx, RECEIVES), count(4000, 50), &mut seed.random());
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri mixes the verbs anew with each of its seeds")]
fn each_pair_of_verbs_alone_passes_every_record_on() {
    for (send, receive) in SENDS.iter().flat_map(|s| RECEIVES.iter().map(move |r| (s, r))) {
        for wrap in wraps() {
            let region = Arc::new(bytes::anonymous(&config(4096).wrap(wrap)).unwrap());
            let (tx, rx) = (|| producer(&region), || consumer(&region));
            let random = &mut seeds(1).next().unwrap().random();
            stream((tx, &[*send]), (rx, &[*receive]), count(300, 20), random);
        }
    }
}

#[test]
fn a_record_that_is_not_dropped_arrives() {
    for wrap in wraps() {
        let region = Arc::new(bytes::anonymous(&config(4096).wrap(wrap)).unwrap());
        let records = count(20_000, 60);
        let produce = || {
            let mut tx = producer(&region);
            tx.set_when_full(WhenFull::DropNewest);
            (0..records).for_each(|number| tx.send(&number.to_le_bytes()).unwrap());
        };
        let mut rx = consumer(&region);
        let consume = move || {
            let (over, backoff) = (over(), Backoff::new());
            let (mut received, mut last, mut word) = (0, None, [0; 8]);
            // The one who sends leaves when it has sent all.
            loop {
                match rx.try_recv_into(&mut word) {
                    Ok(len) => {
                        let number = u64::from_le_bytes(word);
                        assert!(len == 8 && Some(number) > last, "{number} after {last:?}");
                        (received, last) = (received + 1, Some(number));
                    }
                    Err(TryRecvError::Closed) => break,
                    Err(TryRecvError::Empty) => backoff.pause(),
                    Err(error) => panic!("{error:?}"),
                }
                assert!(!over.has_passed());
            }
            assert_eq!(received + rx.dropped(), records);
        };
        side_by_side([Box::new(produce), Box::new(consume)]);
    }
}
