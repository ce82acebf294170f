//! Capacities that cannot be, and messages that no ring of this capacity takes.

use crate::fixture::raw::Raw;
use crate::fixture::{Named, WRAPS, config};
use ringway::bytes::{Consumer, Producer};
use ringway::{CapacityError, CreateError, SendError, Slot, TrySendError, bytes, shm, slots};
use std::sync::Arc;

/// What every way of making a byte ring says to a capacity.
fn bytes_refused(capacity: u64) -> CapacityError {
    let named = Named::new("capacity");
    let config = config(capacity);
    let said = [
        bytes::anonymous(&config).map(drop),
        Producer::create(named.text(), &config).map(drop),
        Producer::open_or_create(named.text(), &config).map(drop),
        Consumer::create(named.text(), &config).map(drop),
        Consumer::open_or_create(named.text(), &config).map(drop),
    ];
    the_same(said, &named)
}

/// What every way of making a ring of slots says to a capacity.
fn slots_refused<T: Slot>(capacity: u64) -> CapacityError {
    slots_refused_in::<T, slots::Throughput>(capacity)
}

/// The same in any layout.
fn slots_refused_in<T: Slot, L: slots::Layout>(capacity: u64) -> CapacityError {
    let named = Named::new("capacity");
    let config = config(capacity);
    let said = [
        slots::anonymous_in::<T, L>(&config).map(drop),
        slots::Producer::<T, L>::create(named.text(), &config).map(drop),
        slots::Producer::<T, L>::open_or_create(named.text(), &config).map(drop),
        slots::Consumer::<T, L>::create(named.text(), &config).map(drop),
        slots::Consumer::<T, L>::open_or_create(named.text(), &config).map(drop),
    ];
    the_same(said, &named)
}

fn the_same(said: [Result<(), CreateError>; 5], named: &Named) -> CapacityError {
    assert!(!named.0.path().exists(), "something was left behind");
    let first = said[0].clone();
    assert!(said.iter().all(|answer| *answer == first), "{said:?}");
    match first {
        Err(CreateError::Capacity(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_impossible_capacity_of_bytes_has_its_own_error() {
    assert_eq!(bytes_refused(0), CapacityError::Zero);
    for capacity in [4097, 5000, 12_288, (1 << 40) - 8] {
        assert_eq!(bytes_refused(capacity), CapacityError::NotPowerOfTwo { capacity });
    }
    for capacity in [1, 2, 8, 2048] {
        assert_eq!(bytes_refused(capacity), CapacityError::TooSmall { capacity, min: 4096 });
    }
    for capacity in [1 << 41, 1 << 63, u64::MAX] {
        assert_eq!(bytes_refused(capacity), CapacityError::TooLarge { capacity, max: 1 << 40 });
    }
}

#[test]
fn each_impossible_capacity_of_slots_has_its_own_error() {
    assert_eq!(slots_refused::<u64>(0), CapacityError::Zero);
    for capacity in [3, 5, 1000, (1 << 37) - 1] {
        assert_eq!(slots_refused::<u64>(capacity), CapacityError::NotPowerOfTwo { capacity });
    }
    for capacity in [1 << 38, 1 << 63, u64::MAX] {
        assert_eq!(slots_refused::<u64>(capacity), CapacityError::TooLarge { capacity, max: 1 << 37 });
    }
    let capacity = 1 << 39;
    assert_eq!(slots_refused::<[u8; 3]>(capacity), CapacityError::TooLarge { capacity, max: 1 << 38 });
    assert_eq!(slots_refused::<[u8; 64]>(capacity), CapacityError::TooLarge { capacity, max: 1 << 34 });
}

#[test]
fn a_slot_in_the_latency_layout_takes_a_line() {
    assert_eq!(slots_refused_in::<u64, slots::Latency>(0), CapacityError::Zero);
    let too_large = CapacityError::TooLarge { capacity: 1 << 35, max: 1 << 34 };
    assert_eq!(slots_refused_in::<u64, slots::Latency>(1 << 35), too_large);
    assert_eq!(slots_refused_in::<u8, slots::Latency>(1 << 35), too_large);
}

#[test]
fn no_participants_or_too_many_are_refused() {
    for participants in [0, 4097, u32::MAX] {
        let refused = bytes::anonymous(&config(4096).participants(participants)).unwrap_err();
        let rows = shm::BlueprintError::Rows { rows: participants };
        assert_eq!(refused, CreateError::Region(shm::CreateError::Blueprint(rows)));
    }
}

#[test]
fn a_record_longer_than_the_longest_is_refused_and_changes_nothing() {
    for (capacity, max) in [(4096, 2040), (8192, 4088)] {
        for wrap in WRAPS {
            let region = Arc::new(bytes::anonymous(&config(capacity).wrap(wrap)).unwrap());
            let raw = Raw::new(&region);
            let mut tx = Producer::attach(&region).unwrap();
            let mut rx = Consumer::attach(&region).unwrap();
            assert_eq!((tx.length_max(), rx.length_max()), (max, max));
            tx.try_send(b"before").unwrap();
            let before = raw.all();
            for len in [max + 1, max + 8, 2 * max + 100] {
                let message = vec![1; len];
                let too_long = TrySendError::TooLong { len: len as u64, max: max as u64 };
                let too_long_for_ever = SendError::TooLong { len: len as u64, max: max as u64 };
                assert_eq!(tx.try_send(&message), Err(too_long));
                assert_eq!(tx.send(&message), Err(too_long_for_ever));
                assert_eq!(tx.try_reserve(len).map(|r| r.len()), Err(too_long));
                assert_eq!(tx.reserve(len).map(|r| r.len()), Err(too_long_for_ever));
                assert_eq!(tx.batch().try_send(&message), Err(too_long));
                assert_eq!(tx.batch().send(&message), Err(too_long_for_ever));
            }
            for len in [usize::MAX, usize::MAX - 7, usize::MAX - 8, 1 << 32] {
                let too_long = TrySendError::TooLong { len: len as u64, max: max as u64 };
                assert_eq!(tx.try_reserve(len).map(|r| r.len()), Err(too_long));
            }
            assert!(raw.all() == before);
            assert_eq!(rx.recv_vec().unwrap(), b"before");
            tx.try_send(&vec![2; max]).unwrap();
            assert_eq!(rx.recv_vec().unwrap(), vec![2; max]);
        }
    }
}
