//! Two threads, one mapping: one sends the numbers from 0 on, the other knows which comes next.

use crate::fixture::LIMIT;
use crate::fixture::kinds::Said;
use crate::fixture::random::Random;
use ringway::Deadline;
use ringway::shm::primitive::Backoff;
use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::panic::resume_unwind;

/// A way of sending: sends messages from the range's front, one at least, and says how many.
pub(crate) type Send<Tx> = fn(&mut Tx, Range<u64>) -> u64;

/// A way of receiving: takes the message of this number and perhaps some that follow it, and says how many.
pub(crate) type Receive<Rx> = fn(&mut Rx, u64) -> u64;

/// The first number, or the second where each step is interpreted.
pub(crate) const fn count(ordinary: u64, interpreted: u64) -> u64 {
    if cfg!(miri) { interpreted } else { ordinary }
}

/// The end of any wait.
pub(crate) fn over() -> Deadline {
    Deadline::after(LIMIT)
}

/// What an attempt brings in the end that may find no room, or no message, for a while.
pub(crate) fn patiently<R, E: Into<Said> + Debug + Copy>(mut attempt: impl FnMut() -> Result<R, E>) -> R {
    let (over, backoff) = (over(), Backoff::new());
    loop {
        match attempt() {
            Ok(answer) => return answer,
            Err(error) => assert_eq!(error.into(), Said::Nothing, "{error:?}"),
        }
        assert!(!over.has_passed(), "in vain for {LIMIT:?}");
        backoff.pause();
    }
}

/// Lets one thread send `messages` messages, each by one of the ways, and another receive them.
pub(crate) fn stream<Tx, Rx>(
    (tx, sends): (impl FnOnce() -> Tx + std::marker::Send, &[Send<Tx>]),
    (rx, receives): (impl FnOnce() -> Rx + std::marker::Send, &[Receive<Rx>]),
    messages: u64,
    random: &mut Random,
) {
    if cfg!(miri) {
        // Of each of Miri's seeds its own: the same in each execution with it.
        *random = Random::new(RandomState::new().hash_one(messages));
    }
    let (mut for_tx, mut for_rx) = (Random::new(random.next()), Random::new(random.next()));
    let produce = move || {
        let (mut tx, mut next) = (tx(), 0);
        while next < messages {
            next += for_tx.choose(sends)(&mut tx, next..messages);
        }
    };
    let consume = move || {
        let (mut rx, mut next) = (rx(), 0);
        while next < messages {
            next += for_rx.choose(receives)(&mut rx, next);
        }
        assert_eq!(next, messages);
    };
    side_by_side([Box::new(produce), Box::new(consume)]);
}

/// What a thread does.
pub(crate) type Part<'a> = Box<dyn FnOnce() + std::marker::Send + 'a>;

/// Runs each part on a thread of its own, and ends when all have ended.
///
/// Each is joined by name: that its scope waits for a thread is an order which the thread sanitizer does not see.
pub(crate) fn side_by_side<const PARTS: usize>(parts: [Part<'_>; PARTS]) {
    std::thread::scope(|scope| {
        for thread in parts.map(|part| scope.spawn(part)) {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
}
