//! Waits give up at their deadline and not before, and end when the other side has done its part.

#![deny(unsafe_code)]

mod fixture;

use fixture::raw::{ARRIVED, FREED, Raw};
use fixture::{LIMIT, config, in_time};
use ringway::bytes::{self, Consumer, Messages, Producer};
use ringway::{Deadline, RecvError, Region, SendError, TryRecvError, TrySendError, slots};
use std::fmt::Debug;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(15);

/// What a wait answers that nobody will end; it may neither come early nor change anything.
fn given_up<T, E: Debug>(region: &Arc<Region>, wait: impl FnOnce(Deadline) -> Result<T, E>) -> E {
    let before = Raw::new(region).all();
    let started = Instant::now();
    let answer = wait(Deadline::after(SHORT));
    let waited = started.elapsed();
    assert!(waited >= SHORT, "gave up after {waited:?}");
    assert!(waited < LIMIT, "gave up only after {waited:?}");
    assert!(but_for_a_sleep(&before, Raw::new(region).all()) == before, "a wait in vain changed the ring");
    match answer {
        Ok(_) => panic!("there was nothing to wait for"),
        Err(error) => error,
    }
}

/// The ring after a wait, without what the wait may have written: one door, which was odd, is even now.
fn but_for_a_sleep(before: &(Vec<u8>, Vec<u8>), mut after: (Vec<u8>, Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    let doors = [ARRIVED, FREED].map(|door| door * 8..door * 8 + 4);
    if let Some(door) = doors.into_iter().find(|door| before.0[door.clone()] != after.0[door.clone()]) {
        let word = |all: &[u8]| u32::from_le_bytes(all[door.clone()].try_into().unwrap());
        assert!(word(&before.0) % 2 == 1 && word(&after.0) == word(&before.0) + 1, "a sleeper's mark");
        after.0[door.clone()].copy_from_slice(&before.0[door]);
    }
    after
}

fn full_ring() -> (Arc<Region>, Producer) {
    let region = Arc::new(bytes::anonymous(&config(4096)).unwrap());
    let mut tx = Producer::attach(&region).unwrap();
    while tx.try_send(&[7; 504]).is_ok() {}
    (region, tx)
}

fn full_slots() -> (Arc<Region>, slots::Producer<u64>) {
    let region = Arc::new(slots::anonymous::<u64>(&config(2)).unwrap());
    let mut tx = slots::Producer::attach(&region).unwrap();
    tx.send_many(&[1, 2]).unwrap();
    (region, tx)
}

#[test]
fn a_send_gives_up_at_its_deadline() {
    let (region, mut tx) = full_ring();
    assert_eq!(given_up(&region, |deadline| tx.send_until(b"x", deadline)), SendError::TimedOut);
    assert_eq!(given_up(&region, |deadline| tx.reserve_until(1, deadline).map(drop)), SendError::TimedOut);
    assert_eq!(given_up(&region, |deadline| tx.batch().send_until(b"x", deadline)), SendError::TimedOut);
    let mut at = |moment: Instant| tx.send_until(b"x", moment);
    assert_eq!(given_up(&region, |_| at(Instant::now() + 2 * SHORT)), SendError::TimedOut);
    let mut messages = Messages::with_room(4096);
    Consumer::attach(&region).unwrap().try_recv_many(&mut messages).unwrap();
    assert_eq!(messages.iter().count(), 8);
}

#[test]
fn a_receive_gives_up_at_its_deadline() {
    let region = Arc::new(bytes::anonymous(&config(4096)).unwrap());
    let mut rx = Consumer::attach(&region).unwrap();
    let mut message = b"as it was".to_vec();
    assert_eq!(given_up(&region, |deadline| rx.recv_until(&mut message, deadline)), RecvError::TimedOut);
    assert_eq!(message, b"as it was");
    assert_eq!(given_up(&region, |deadline| rx.recv_into_until(&mut message, deadline)), RecvError::TimedOut);
    assert_eq!(message, b"as it was");
    let mut messages = Messages::with_room(64);
    assert_eq!(
        given_up(&region, |deadline| rx.recv_many_until(&mut messages, deadline)),
        RecvError::TimedOut
    );
    assert_eq!(messages.iter().count(), 0);
    assert_eq!(given_up(&region, |deadline| rx.peek_until(deadline).map(drop)), RecvError::TimedOut);
}

#[test]
fn slots_give_up_at_their_deadline() {
    let (region, mut tx) = full_slots();
    assert_eq!(given_up(&region, |deadline| tx.send_until(&3, deadline)), SendError::TimedOut);
    assert_eq!(given_up(&region, |deadline| tx.reserve_until(deadline).map(drop)), SendError::TimedOut);
    let mut rx = slots::Consumer::<u64>::attach(&region).unwrap();
    assert_eq!(rx.try_recv_many(&mut [0; 3]), Ok(2));
    assert_eq!(given_up(&region, |deadline| rx.recv_until(deadline)), RecvError::TimedOut);
    assert_eq!(given_up(&region, |deadline| rx.recv_many_until(&mut [0; 3], deadline)), RecvError::TimedOut);
    assert_eq!(given_up(&region, |deadline| rx.peek_until(deadline).map(drop)), RecvError::TimedOut);
}

#[test]
fn no_time_at_all_still_tries_once() {
    let zero = Duration::ZERO;
    let past = Instant::now();
    let region = Arc::new(bytes::anonymous(&config(4096)).unwrap());
    let (mut tx, mut rx) = (Producer::attach(&region).unwrap(), Consumer::attach(&region).unwrap());
    let mut message = Vec::new();
    assert_eq!(rx.recv_until(&mut message, zero), Err(RecvError::TimedOut));
    tx.send_until(b"one", zero).unwrap();
    tx.send_until(b"two", past).unwrap();
    tx.batch().send_until(b"three", zero).unwrap();
    tx.reserve_until(0, zero).unwrap().commit();
    rx.recv_until(&mut message, past).unwrap();
    assert_eq!(message, b"one");
    assert_eq!(rx.peek_until(zero).unwrap().to_vec(), b"two");
    assert_eq!(rx.recv_into_until(&mut [0; 2], zero), Err(RecvError::TooSmall { needed: 3 }));
    assert_eq!(rx.recv_into_until(&mut [0; 3], zero), Ok(3));
    let mut messages = Messages::with_room(64);
    rx.recv_many_until(&mut messages, zero).unwrap();
    assert_eq!(messages.iter().collect::<Vec<_>>(), [&b"three"[..], b""]);
    let region = Arc::new(slots::anonymous::<u64>(&config(4)).unwrap());
    let mut tx = slots::Producer::<u64>::attach(&region).unwrap();
    let mut rx = slots::Consumer::<u64>::attach(&region).unwrap();
    tx.send_until(&1, zero).unwrap();
    tx.reserve_until(zero).unwrap().commit();
    tx.send(&3).unwrap();
    assert_eq!(rx.recv_until(zero), Ok(1));
    assert_eq!(rx.peek_until(zero).unwrap().len(), 1);
    assert_eq!(rx.recv_many_until(&mut [0; 2], past), Ok(2));
}

#[test]
fn what_can_never_be_sent_is_not_waited_for() {
    let (_region, mut tx) = full_ring();
    let too_long = SendError::TooLong { len: 2041, max: 2040 };
    in_time(move || {
        assert_eq!(tx.send(&[0; 2041]), Err(too_long));
        assert_eq!(tx.reserve(2041).map(|reservation| reservation.len()), Err(too_long));
        assert_eq!(tx.batch().send(&[0; 2041]), Err(too_long));
    });
}

/// Lets `wait` wait on a thread of its own, ends its wait by `release` once it is about to, and returns its answer.
fn released<R: Send + 'static>(wait: impl FnOnce() -> R + Send + 'static, release: impl FnOnce()) -> R {
    let (about_to, is_about_to) = mpsc::channel();
    let (done, answer) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        about_to.send(()).unwrap();
        done.send(wait()).unwrap();
    });
    is_about_to.recv_timeout(LIMIT).unwrap();
    // It can have no answer yet, however long it has been at it.
    assert!(matches!(answer.recv_timeout(SHORT), Err(mpsc::RecvTimeoutError::Timeout)));
    release();
    let answer = answer.recv_timeout(LIMIT).expect("the wait ends once there is something");
    waiter.join().unwrap();
    answer
}

#[test]
fn a_blocked_send_goes_on_once_the_consumer_releases() {
    type Send = fn(&mut Producer) -> Result<(), SendError>;
    let sends: [Send; 5] = [
        |tx| tx.send(b"next"),
        |tx| tx.send_until(b"next", Duration::MAX),
        |tx| {
            let mut reservation = tx.reserve_until(4, Duration::MAX)?;
            reservation.copy_from(b"next");
            reservation.commit();
            Ok(())
        },
        |tx| tx.batch().send(b"next"),
        |tx| tx.batch().send_until(b"next", Deadline::NEVER),
    ];
    for send in sends {
        let (region, mut tx) = full_ring();
        let mut rx = Consumer::attach(&region).unwrap();
        let release = || assert_eq!(rx.try_peek().map(|message| message.release()), Ok(()));
        assert_eq!(released(move || send(&mut tx), release), Ok(()));
        (0..7).for_each(|_| assert_eq!(rx.recv_vec().unwrap(), [7; 504]));
        assert_eq!(rx.recv_vec().unwrap(), b"next");
    }
}

#[test]
fn a_blocked_receive_goes_on_once_there_is_a_message() {
    type Receive = fn(&mut Consumer) -> Result<Vec<u8>, RecvError>;
    let receives: [Receive; 5] = [
        |rx| rx.recv_vec(),
        |rx| {
            let mut message = Vec::new();
            rx.recv_until(&mut message, Duration::MAX).map(|()| message)
        },
        |rx| {
            let mut target = [0; 8];
            rx.recv_into(&mut target).map(|len| target[..len].to_vec())
        },
        |rx| {
            let mut messages = Messages::with_room(64);
            rx.recv_many(&mut messages)?;
            Ok(messages.iter().collect::<Vec<_>>().concat())
        },
        |rx| rx.peek().map(|message| message.to_vec()),
    ];
    for receive in receives {
        let region = Arc::new(bytes::anonymous(&config(4096)).unwrap());
        let mut tx = Producer::attach(&region).unwrap();
        let mut rx = Consumer::attach(&region).unwrap();
        let release = || tx.try_send(b"at last").unwrap();
        assert_eq!(released(move || receive(&mut rx), release).unwrap(), b"at last");
    }
}

#[test]
fn blocked_slots_go_on_once_the_other_side_has_done_its_part() {
    let (region, mut tx) = full_slots();
    let mut rx = slots::Consumer::<u64>::attach(&region).unwrap();
    let mut received = Vec::new();
    let release = || (0..4).for_each(|_| received.push(rx.recv().unwrap()));
    assert_eq!(released(move || tx.send_many(&[3, 4, 5, 6]), release), Ok(()));
    assert_eq!(received, [1, 2, 3, 4]);
    assert_eq!((rx.recv(), rx.recv()), (Ok(5), Ok(6)));
    let mut tx = slots::Producer::<u64>::attach(&region).unwrap();
    let wait = move || rx.recv_until(Duration::MAX);
    assert_eq!(released(wait, || tx.send(&7).unwrap()), Ok(7));
}

#[test]
fn a_deadline_too_far_for_the_clock_is_never() {
    assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
    assert_eq!(Deadline::from(Duration::MAX), Deadline::NEVER);
    assert!(!Deadline::NEVER.has_passed());
    assert!(Deadline::after(Duration::ZERO).has_passed());
}

#[test]
fn many_slots_are_sent_as_far_as_there_is_room_until_the_deadline() {
    let region = Arc::new(slots::anonymous::<u64>(&config(4)).unwrap());
    let mut tx = slots::Producer::<u64>::attach(&region).unwrap();
    let mut rx = slots::Consumer::<u64>::attach(&region).unwrap();
    let sent = tx.send_many_until(&[1, 2, 3, 4, 5, 6], SHORT);
    assert_eq!(sent, Ok(4), "what was sent is said");
    assert_eq!(tx.send_many_until(&[5, 6], SHORT), Err(SendError::TimedOut));
    assert_eq!(
        (tx.try_send_many(&[]), tx.send_many_until(&[], SHORT)),
        (Ok(0), Ok(0)),
        "nothing always fits"
    );
    let mut values = [0; 8];
    assert_eq!(rx.try_recv_many(&mut values), Ok(4));
    assert_eq!(values[..4], [1, 2, 3, 4]);
    assert_eq!((rx.try_recv_many(&mut []), rx.recv_many_until(&mut [], SHORT)), (Ok(0), Ok(0)));
}

#[test]
fn a_forgotten_batch_does_not_keep_a_full_ring_full_for_ever() {
    let region = Arc::new(bytes::anonymous(&config(4096)).unwrap());
    let mut tx = Producer::attach(&region).unwrap();
    let mut rx = Consumer::attach(&region).unwrap();
    let mut message = Vec::new();
    tx.try_send(&[0; 2000]).unwrap();
    rx.try_recv(&mut message).unwrap();
    for content in [1, 2] {
        let mut batch = tx.batch();
        batch.try_send(&[content; 210]).unwrap();
        std::mem::forget(batch);
    }
    let batch = tx.batch();
    assert!(batch.unpublished() > 420, "a new batch knows what forgotten ones gathered");
    std::mem::forget(batch);
    assert_eq!(rx.try_recv(&mut message), Err(TryRecvError::Empty));
    // With the padding before it, too long by a little: the try fails, but the consumer now sees what is in the way.
    assert!(matches!(tx.try_send(&[3; 2040]), Err(TrySendError::Full { .. })));
    for expected in [1, 2] {
        rx.try_recv(&mut message).unwrap();
        assert_eq!(message, [expected; 210]);
    }
    assert_eq!(tx.try_send(&[3; 2040]), Ok(()));
}
