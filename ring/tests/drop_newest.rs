//! A producer that drops what finds no room: nothing waits, the older messages stay, and the count is right.

#![deny(unsafe_code)]

mod fixture;

use fixture::random::seeds;
use fixture::{WRAPS, config, in_time};
use ringway::slots::{self, Latency, Layout, Throughput};
use ringway::{SendError, TrySendError, WhenFull, bytes};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn no_sending_verb_waits_and_the_oldest_stay() {
    slots_drop::<Throughput>();
    slots_drop::<Latency>();
}

fn slots_drop<L: Layout>() {
    in_time(|| {
        let region = Arc::new(slots::anonymous_in::<u64, L>(&config(4)).unwrap());
        let mut tx = slots::Producer::<u64, L>::attach(&region).unwrap();
        let mut rx = slots::Consumer::<u64, L>::attach(&region).unwrap();
        tx.set_when_full(WhenFull::DropNewest);
        tx.send_many(&[1, 2, 3]).unwrap();
        assert_eq!(tx.send_many_until(&[4, 5, 6], Duration::MAX), Ok(3), "all are dealt with");
        assert_eq!(tx.try_send_many(&[7, 8]), Ok(2));
        assert_eq!(
            (tx.try_send(&9), tx.send(&10), tx.send_until(&11, Duration::MAX)),
            (Ok(()), Ok(()), Ok(()))
        );
        assert_eq!((tx.dropped(), rx.dropped()), (7, 7));
        let mut values = [0; 8];
        assert_eq!((rx.try_recv_many(&mut values), &values[..4]), (Ok(4), &[1, 2, 3, 4][..]));
        tx.send(&12).unwrap();
        assert_eq!((rx.recv(), rx.dropped()), (Ok(12), 7));
    });
}

#[test]
fn the_verbs_that_reserve_do_as_ever() {
    let region = Arc::new(slots::anonymous::<u64>(&config(1)).unwrap());
    let mut tx = slots::Producer::<u64>::attach(&region).unwrap();
    tx.set_when_full(WhenFull::DropNewest);
    tx.send(&1).unwrap();
    let full = TrySendError::Full { needed: 1, free: 0 };
    assert_eq!(tx.try_reserve().map(|slots| slots.len()), Err(full));
    assert_eq!(tx.reserve_until(Duration::ZERO).map(|slots| slots.len()), Err(SendError::TimedOut));
    assert_eq!(tx.dropped(), 0);
    let region = Arc::new(bytes::anonymous(&config(4096)).unwrap());
    let mut tx = bytes::Producer::attach(&region).unwrap();
    tx.set_when_full(WhenFull::DropNewest);
    tx.send_until(&[0; 2040], Duration::ZERO).unwrap();
    tx.send_until(&[0; 2040], Duration::ZERO).unwrap();
    assert_eq!(tx.try_reserve(0).map(|record| record.len()), Err(TrySendError::Full { needed: 8, free: 0 }));
    assert_eq!(tx.reserve_until(0, Duration::ZERO).map(|record| record.len()), Err(SendError::TimedOut));
    assert_eq!(tx.dropped(), 0);
}

#[test]
fn a_new_producer_waits_and_goes_on_counting() {
    let region = Arc::new(slots::anonymous::<u64>(&config(1)).unwrap());
    for count in 0..3 {
        let mut tx = slots::Producer::<u64>::attach(&region).unwrap();
        assert_eq!(tx.dropped(), count);
        let _ = tx.try_send(&1);
        assert_eq!(tx.try_send(&1), Err(TrySendError::Full { needed: 1, free: 0 }));
        tx.set_when_full(WhenFull::DropNewest);
        assert_eq!((tx.try_send(&1), tx.dropped()), (Ok(()), count + 1));
        tx.set_when_full(WhenFull::Wait);
        assert_eq!(tx.send_until(&1, Duration::ZERO), Err(SendError::TimedOut));
        assert_eq!(tx.dropped(), count + 1);
    }
}

#[test]
fn a_record_that_no_ring_takes_is_refused_and_not_dropped() {
    let region = Arc::new(bytes::anonymous(&config(4096)).unwrap());
    let mut tx = bytes::Producer::attach(&region).unwrap();
    tx.set_when_full(WhenFull::DropNewest);
    assert_eq!(tx.try_send(&[0; 2041]), Err(TrySendError::TooLong { len: 2041, max: 2040 }));
    assert_eq!(tx.batch().send(&[0; 2041]), Err(SendError::TooLong { len: 2041, max: 2040 }));
    assert_eq!(tx.dropped(), 0);
}

/// Random records by every verb, and as many receives: what is not counted as dropped arrives, in order.
#[test]
fn a_record_arrives_or_is_counted() {
    for seed in seeds(40) {
        let random = &mut seed.random();
        for wrap in WRAPS {
            let region = Arc::new(bytes::anonymous(&config(4096).wrap(wrap)).unwrap());
            let mut tx = bytes::Producer::attach(&region).unwrap();
            let mut rx = bytes::Consumer::attach(&region).unwrap();
            tx.set_when_full(WhenFull::DropNewest);
            let mut records = VecDeque::new();
            let (mut sent, mut dropped, mut message) = (0u64, 0, Vec::new());
            for _ in 0..400 {
                if random.one_in(3) {
                    let answer = rx.try_recv(&mut message).ok().map(|()| message.clone());
                    assert_eq!(answer, records.pop_front());
                    continue;
                }
                let len = random.below(1200) as usize;
                let record = random.bytes(len);
                match random.below(4) {
                    0 => tx.try_send(&record).unwrap(),
                    1 => tx.send(&record).unwrap(),
                    2 => tx.batch().try_send(&record).unwrap(),
                    _ => tx.batch().send_until(&record, Duration::MAX).unwrap(),
                }
                sent += 1;
                if tx.dropped() > dropped {
                    dropped += 1;
                    assert!(tx.try_reserve(len).is_err(), "dropped though there was room");
                } else {
                    records.push_back(record);
                }
                assert_eq!((tx.dropped(), rx.dropped()), (dropped, dropped));
            }
            assert!(dropped > 0 && dropped < sent, "{dropped} of {sent} dropped");
        }
    }
}
