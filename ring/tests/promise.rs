//! The promise that opens a ring's bytes to slices holds for the ring it was made for, and for no other.

#![deny(unsafe_code)]

use ringway::{Config, InPlace, bytes, slots};
use std::sync::Arc;

fn pair() -> (bytes::Producer, bytes::Consumer) {
    let region = Arc::new(bytes::anonymous(&Config::spsc().capacity(4096)).unwrap());
    (bytes::Producer::attach(&region).unwrap(), bytes::Consumer::attach(&region).unwrap())
}

#[allow(unsafe_code)] // because the promise is what is tested.
fn promised(consumer: bytes::Consumer) -> InPlace<bytes::Consumer> {
    // SAFETY: the region never leaves this process, which follows the protocol.
    unsafe { consumer.in_place() }
}

#[test]
#[should_panic(expected = "another region")]
fn a_handle_of_another_ring_in_its_place_hands_out_no_view() {
    let (_tx, rx) = pair();
    let (mut other_tx, other_rx) = pair();
    let mut rx = promised(rx);
    other_tx.send(b"not promised").unwrap();
    *rx = other_rx;
    let _ = rx.try_view();
}

#[test]
fn the_promise_covers_every_verb_of_its_own_ring() {
    let (mut tx, rx) = pair();
    let mut rx = promised(rx);
    tx.send(b"one").unwrap();
    tx.send(b"two").unwrap();
    assert_eq!(rx.recv_vec().unwrap(), b"one");
    let view = rx.view_until(std::time::Duration::ZERO).unwrap();
    assert_eq!(&*view, b"two");
    view.release();
}

#[test]
fn a_side_knows_whether_the_other_is_there() {
    let region = Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(2)).unwrap());
    let tx = slots::Producer::<u64>::attach(&region).unwrap();
    assert!(!tx.has_consumer().unwrap());
    let rx = slots::Consumer::<u64>::attach(&region).unwrap();
    assert!(tx.has_consumer().unwrap() && rx.has_producer().unwrap());
    drop(tx);
    assert!(!rx.has_producer().unwrap());
}
