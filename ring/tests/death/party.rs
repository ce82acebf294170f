//! The one that dies: a child that does what it is told, word by word.
//!
//! ```text
//!   tx    a producer: for each byte that it is sent, it sends the next number of its own, and says the number
//!   rx    a consumer: for each byte that it is sent, it receives a number, and says it
//! ```
//!
//! It says a number when it has attached, too. When nothing more will come, it drops its handle and ends.

use crate::fixture::child::{Started, link, may_go_on, say};
use crate::fixture::kinds::{Kind, Receives, Sends, Side};
use crate::fixture::raw::{ARRIVED, FREED, Raw};
use crate::fixture::{LIMIT, Named};
use ringway::Region;
use ringway::layout::CONTROL;
use ringway::shm::primitive::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a wait in vain takes in these tests.
pub(crate) const SHORT: Duration = Duration::from_millis(5);

/// Messages that a ring of these tests has room for.
pub(crate) const ROOM: u64 = 4;

/// The child's part.
pub(crate) fn obey<K: Kind>(task: &str) {
    let (side, rest) = task.split_once(' ').unwrap();
    let (first, name) = rest.split_once(' ').unwrap();
    let first: u64 = first.parse().unwrap();
    let mut link = link();
    if side == "tx" {
        let mut tx = K::Tx::open(name).unwrap();
        say(&mut link, 0);
        for number in first.. {
            if !may_go_on(&mut link) {
                return;
            }
            tx.send_until(number, LIMIT.into()).unwrap();
            say(&mut link, number);
        }
    } else {
        let mut rx = K::Rx::open(name).unwrap();
        say(&mut link, 0);
        while may_go_on(&mut link) {
            say(&mut link, rx.recv_until(LIMIT.into()).unwrap());
        }
    }
}

/// Starts a child that has become a side of the ring when this returns. A producer's numbers begin at `first`.
pub(crate) fn start(test: &str, side: &str, named: &Named, first: u64) -> Started {
    let mut child = Started::new(test, &format!("{side} {first} {}", named.text()));
    child.number();
    child
}

/// Has it send or receive `count` messages; says which.
pub(crate) fn have(child: &mut Started, count: u64) -> Vec<u64> {
    (0..count)
        .map(|_| {
            child.go_on();
            child.number()
        })
        .collect()
}

/// Waits until somebody sleeps at a door, or is about to.
pub(crate) fn await_sleeper(region: &Arc<Region>, door: usize) {
    assert!(door == ARRIVED || door == FREED);
    let raw = Raw::new(region);
    let started = Instant::now();
    while raw.word(CONTROL, door).load(Ordering::Relaxed) & 1 == 1 {
        assert!(started.elapsed() < LIMIT, "nobody goes to sleep");
        std::thread::yield_now();
    }
    // It has announced itself. Whether it sleeps by now or not, what comes next must reach it; mostly it does.
    std::thread::sleep(Duration::from_millis(1));
}
