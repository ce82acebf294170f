//! The single-producer ring of byte records, with padding and mirrored.
//!
//! A ring of bytes has a page at least, so it is filled before the run begins: two records of 2,016 bytes leave room for 48,
//! and the messages of the run meet the end of the ring, its beginning, and the filler that is still being read.
//!
//! ```text
//!   0                        2024                      4048           4096
//!   ┌────────────────────────┬─────────────────────────┬──────────────┐
//!   │ filler                 │ filler                  │ room for 48  │
//!   └────────────────────────┴─────────────────────────┴──────────────┘
//!     the third, once it is gone                         1st   2nd, or a padding record
//! ```

use super::Entry;
use super::account::Account;
use super::rings::{HEAD, TAIL};
use crate::explorer::scenario::{Process, Scenario};
use crate::explorer::world::Bounds;
use ringway::bytes::{Consumer, Messages, Producer};
use ringway::{Config, TryRecvError, TrySendError, WaitStrategy, Wrap, bytes};

/// Bytes of each of the two messages that fill most of the ring.
const FILLER: usize = 2016;

/// Which process is which.
const CONSUMER: usize = 1;

fn ring(name: &str, wrap: Wrap) -> Scenario {
    let config = Config::spsc().capacity(4096).wrap(wrap).participants(4);
    Scenario::new(name).region(move || bytes::anonymous(&config).expect("room for a ring of one page"))
}

/// A producer that has filled the ring but for 48 bytes.
fn producer(me: &Process) -> Producer {
    let mut tx = Producer::attach(&me.region()).expect("the producer's side is free");
    tx.set_wait_strategy(WaitStrategy::Sleep);
    if me.incarnation() == 0 {
        for _ in 0..2 {
            tx.try_send(&[0; FILLER]).expect("the ring is empty");
        }
    }
    tx
}

fn consumer(me: &Process) -> Consumer {
    let mut rx = Consumer::attach(&me.region()).expect("the consumer's side is free");
    rx.set_wait_strategy(WaitStrategy::Sleep);
    rx
}

/// A message of a number: as many bytes of its value as it is long.
fn payload(number: u8) -> Vec<u8> {
    // The second does not fit before the end: 40 bytes of record where 24 are left.
    let len = if number == 2 { 30 } else { 9 + usize::from(number) };
    vec![number; len]
}

/// What a message says, whose bytes all say the same.
fn number(message: &[u8]) -> u64 {
    if message.len() == FILLER {
        assert!(message.iter().all(|&byte| byte == 0), "a torn filler");
        return 0;
    }
    let number = message[0];
    assert_eq!(message, payload(number), "a torn message");
    u64::from(number)
}

fn sends(me: &Process, mut tx: Producer, times: u32) {
    let mut next = 1;
    for _ in 0..times {
        me.note("try", u64::from(next));
        match me.attempt("try_send", || tx.try_send(&payload(next))) {
            Ok(()) => {
                me.note("sent", u64::from(next));
                next += 1;
            }
            Err(TrySendError::Full { .. } | TrySendError::PeerDead | TrySendError::Closed) => {}
            Err(error) => panic!("{error}"),
        }
    }
    me.keep(tx);
}

fn receives(me: &Process, mut rx: Consumer, times: u32) {
    let mut message = Vec::new();
    for _ in 0..times {
        match me.attempt("try_recv", || rx.try_recv(&mut message)) {
            Ok(()) if number(&message) > 0 => me.note("received", number(&message)),
            Ok(()) | Err(TryRecvError::Empty | TryRecvError::PeerDead | TryRecvError::Closed) => {}
            Err(error) => panic!("{error}"),
        }
    }
    me.keep(rx);
}

/// Positions are multiples of a record's grain, and the consumer is not ahead.
fn positions(end: &crate::explorer::scenario::End<'_>) -> Result<(), String> {
    let (tail, head) = (end.word_at(TAIL), end.word_at(HEAD));
    let fits = tail % 8 == 0 && head % 8 == 0 && head <= tail && tail - head <= 4096;
    if fits { Ok(()) } else { Err(format!("tail {tail}, head {head}")) }
}

fn tries(name: &str, wrap: Wrap) -> Scenario {
    ring(name, wrap)
        .process_with("producer", producer, |me, tx| sends(me, tx, 4))
        .process_with("consumer", consumer, |me, rx| receives(me, rx, 4))
        .end(|end| {
            Account::of(end, CONSUMER, 1).is_in_order()?;
            positions(end)
        })
}

/// Batches: committed together, received together.
fn batches(name: &str) -> Scenario {
    ring(name, Wrap::Padding)
        .process_with("producer", producer, |me, mut tx| {
            me.attempt("batch", || {
                let mut batch = tx.batch();
                let mut unsaid = Vec::new();
                for number in 1..=3 {
                    me.note("try", u64::from(number));
                    if batch.try_send(&payload(number)).is_err() {
                        break;
                    }
                    unsaid.push(u64::from(number));
                }
                batch.flush();
                drop(batch);
                unsaid.iter().for_each(|&number| me.note("sent", number));
            });
            me.keep(tx);
        })
        .process_with("consumer", consumer, |me, mut rx| {
            let mut messages = Messages::with_room(FILLER + 200);
            for _ in 0..2 {
                messages.clear();
                let _ = me.attempt("try_recv_many", || rx.try_recv_many(&mut messages));
                for message in messages.iter().map(number).filter(|&number| number > 0) {
                    me.note("received", message);
                }
            }
            me.keep(rx);
        })
        .end(|end| {
            Account::of(end, CONSUMER, 3).is_in_order()?;
            positions(end)
        })
}

/// Reservations in pieces, given up or cut short; looks that are left or released.
fn reservations(name: &str) -> Scenario {
    ring(name, Wrap::Padding)
        .process_with("producer", producer, |me, mut tx| {
            for number in 0..=2u8 {
                let Ok(mut reserved) = me.attempt("try_reserve", || tx.try_reserve(30)) else { continue };
                if number == 0 {
                    reserved.write_at(3, &[99]);
                    reserved.abort();
                    continue;
                }
                me.note("try", u64::from(number));
                let message = payload(number);
                let (first, rest) = message.split_at(4);
                reserved.write_at(4, rest);
                reserved.write_at(0, first);
                me.attempt("commit_prefix", || reserved.commit_prefix(message.len()));
                me.note("sent", u64::from(number));
            }
            me.keep(tx);
        })
        .process_with("consumer", consumer, |me, mut rx| {
            for times in 0..4 {
                let Ok(seen) = me.attempt("try_peek", || rx.try_peek()) else { continue };
                let message = number(&seen.to_vec());
                if times > 0 {
                    me.attempt("release", || seen.release());
                    if message > 0 {
                        me.note("received", message);
                    }
                }
            }
            me.keep(rx);
        })
        .end(|end| {
            Account::of(end, CONSUMER, 1).is_in_order()?;
            positions(end)
        })
}

/// Somebody writes what they like to the ring's words, record headers among them.
fn hostile(name: &str) -> Scenario {
    let record = |length: u64| 1 << 32 | length;
    ring(name, Wrap::Padding)
        .hostile("mallory", [u64::MAX, 3, record(1 << 20), record(4089), 4096])
        .process_with("producer", producer, |me, mut tx| {
            let _ = me.attempt("try_send", || tx.try_send(&payload(1)));
            let _ = me.attempt("try_send", || tx.try_send(&payload(2)));
            me.keep(tx);
        })
        .process_with("consumer", consumer, |me, mut rx| {
            let mut message = Vec::new();
            for _ in 0..2 {
                let _ = me.attempt("try_recv", || rx.try_recv(&mut message));
            }
            me.keep(rx);
        })
}

/// The scenarios of this file.
#[must_use]
pub fn all() -> Vec<Entry> {
    let one = Bounds::WEAK.kills(1);
    vec![
        Entry::new(
            tries("bytes-try", Wrap::Padding),
            Bounds::WEAK,
            "4 tries a side over the end of the ring",
        ),
        Entry::new(tries("bytes-try-kill", Wrap::Padding), one, "the same, one killed"),
        Entry::new(tries("bytes-mirrored", Wrap::Mirrored), one, "the same with a mirrored mapping"),
        Entry::new(batches("bytes-many"), one, "a batch of 3, 2 receptions of many, one killed"),
        Entry::new(reservations("bytes-reserve"), one, "3 reservations, 4 looks, one killed"),
        Entry::new(
            hostile("bytes-hostile"),
            Bounds::WEAK.scribbles(1),
            "tries, one word written by a stranger",
        ),
    ]
}
