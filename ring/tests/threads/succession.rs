//! Handles that follow each other on several threads, and sides that take turns.
//!
//! A side is handed on by the kernel's lock and by nothing else: the number that is next is kept in a relaxed word.

use crate::court::{count, over, side_by_side};
use crate::fixture::LIMIT;
use crate::fixture::kinds::{Kind, Receives, Said, Sends, Side, for_each_kind};
use ringway::shm::primitive::{AtomicU64, Backoff, Ordering};
use ringway::{AttachError, OpenError, Region, WaitStrategy};
use std::sync::Arc;

for_each_kind! {
    handles_that_follow_each_other_pass_every_message_on
    sides_that_take_turns_find_each_other_awake_or_asleep
}

/// A side, once the thread that has it leaves it.
fn next_holder<H: Side>(region: &Arc<Region>) -> H {
    let (over, backoff) = (over(), Backoff::new());
    loop {
        match H::attach(region) {
            Ok(handle) => return handle,
            Err(OpenError::Attach(AttachError::ProducerTaken | AttachError::ConsumerTaken)) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert!(!over.has_passed(), "nobody left for {LIMIT:?}");
        backoff.pause();
    }
}

/// Two threads for each side: each takes the side, passes some messages on, and leaves it.
fn handles_that_follow_each_other_pass_every_message_on<K: Kind>(_test: &str) {
    let (turns, messages) = (count(25, 2), count(30, 6));
    let region = K::anonymous(4);
    let (sent, received) = (AtomicU64::new(0), AtomicU64::new(0));
    let produce = || {
        for _ in 0..turns {
            let mut tx = next_holder::<K::Tx>(&region);
            for _ in 0..messages {
                // Relaxed, here and below: only the holder of the side uses the word.
                let number = sent.load(Ordering::Relaxed);
                in_the_end(|| said(tx.send_until(number, over())));
                sent.store(number + 1, Ordering::Relaxed);
            }
        }
    };
    let consume = || {
        for _ in 0..turns {
            let mut rx = next_holder::<K::Rx>(&region);
            for _ in 0..messages {
                let number = received.load(Ordering::Relaxed);
                in_the_end(|| said(rx.recv_until(over()).map(|found| assert_eq!(found, number))));
                received.store(number + 1, Ordering::Relaxed);
            }
        }
    };
    side_by_side([Box::new(produce), Box::new(consume), Box::new(produce), Box::new(consume)]);
    assert_eq!(
        (sent.load(Ordering::Relaxed), received.load(Ordering::Relaxed)),
        (2 * turns * messages, 2 * turns * messages)
    );
}

fn said<E: Into<Said>>(result: Result<(), E>) -> Said {
    result.map_or_else(Into::into, |()| Said::Done)
}

/// Repeats what is refused while the other side is between two holders.
fn in_the_end(mut attempt: impl FnMut() -> Said) {
    let (over, backoff) = (over(), Backoff::new());
    loop {
        match attempt() {
            Said::Done => return,
            said => assert_eq!(said, Said::Closed),
        }
        assert!(!over.has_passed(), "nobody came for {LIMIT:?}");
        backoff.pause();
    }
}

/// A question and its answer, over two rings, by threads that sleep at once or spin before.
fn sides_that_take_turns_find_each_other_awake_or_asleep<K: Kind>(_test: &str) {
    // Miri has one core, where nobody spins before it sleeps. After the eighth sleep in a row fences are asked for.
    let strategies = [WaitStrategy::Sleep, WaitStrategy::Spin, WaitStrategy::SpinThenSleep];
    for strategy in strategies.into_iter().take(count(3, 2) as usize) {
        let (there, back, rounds) = (K::anonymous(2), K::anonymous(2), count(500, 12));
        let ask = || {
            let (mut tx, mut rx) = (K::Tx::attach(&there).unwrap(), K::Rx::attach(&back).unwrap());
            tx.set_wait_strategy(strategy);
            rx.set_wait_strategy(strategy);
            for round in 0..rounds {
                tx.send_until(round, over()).unwrap();
                in_the_end(|| said(rx.recv_until(over()).map(|found| assert_eq!(found, round))));
            }
        };
        let answer = || {
            let (mut rx, mut tx) = (K::Rx::attach(&there).unwrap(), K::Tx::attach(&back).unwrap());
            tx.set_wait_strategy(strategy);
            rx.set_wait_strategy(strategy);
            for round in 0..rounds {
                in_the_end(|| said(rx.recv_until(over()).map(|found| assert_eq!(found, round))));
                tx.send_until(round, over()).unwrap();
            }
        };
        side_by_side([Box::new(ask), Box::new(answer)]);
    }
}
