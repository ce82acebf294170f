//! Calls to the kernel, counted at the door by a hook that only watches.

use crate::fixture::kinds::{Kind, Receives, Said, Sends, Side, for_each_kind};
use crate::fixture::raw::{ARRIVED, FREED, Raw};
use crate::fixture::{LIMIT, in_time};
use ringway::layout::CONTROL;
use ringway::shm::primitive::Ordering;
use ringway::shm::primitive::kernel::Call;
use ringway::shm::primitive::model::{self, Hooks, Verdict};
use ringway::{Region, TryRecvError, TrySendError, WaitStrategy};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROOM: u64 = 4;

/// What a call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// A wake-up at the word of this address.
    Wake(usize),
    Sleep,
    HeavyFence,
    Else,
}

#[derive(Default)]
struct Watch(RefCell<Vec<Seen>>);

impl Hooks for Watch {
    fn kernel(&self, call: &Call<'_>) -> Verdict {
        self.0.borrow_mut().push(match call {
            Call::Wake(address) => Seen::Wake(*address),
            Call::Sleep(_) => Seen::Sleep,
            Call::HeavyFence => Seen::HeavyFence,
            _ => Seen::Else,
        });
        Verdict::Real
    }
}

/// The calls that this thread makes at the door during `work`, and what it answers.
fn watched<R>(work: impl FnOnce() -> R) -> (R, Vec<Seen>) {
    let watch = Rc::new(Watch::default());
    let installed = model::install(Rc::clone(&watch) as Rc<dyn Hooks>);
    let answer = work();
    drop(installed);
    (answer, watch.0.take())
}

/// Address of a door's word.
fn address(region: &Arc<Region>, door: usize) -> usize {
    core::ptr::from_ref(Raw::new(region).word(CONTROL, door)) as usize
}

fn await_sleeper(region: &Arc<Region>, door: usize) {
    let started = Instant::now();
    while Raw::new(region).word(CONTROL, door).load(Ordering::Relaxed) & 1 == 1 {
        assert!(started.elapsed() < LIMIT, "nobody goes to sleep");
        std::thread::yield_now();
    }
}

for_each_kind! {
    no_verb_calls_while_nobody_sleeps
    a_ring_wakes_once_when_one_sleeps
    a_wait_in_vain_fences_and_sleeps_once
}

fn no_verb_calls_while_nobody_sleeps<K: Kind>(_: &str) {
    let region = K::anonymous(ROOM);
    let (mut tx, mut rx) = (K::Tx::attach(&region).unwrap(), K::Rx::attach(&region).unwrap());
    let ((), calls) = watched(|| {
        for (send, sends) in K::Tx::verbs() {
            for (receive, receives) in K::Rx::verbs() {
                // A second one makes sure that there is a message also where the verb only reserves.
                assert_eq!(sends(&mut tx, LIMIT), Said::Done, "{send}");
                assert_eq!(tx.try_send(2), Ok(()));
                assert_eq!(receives(&mut rx, LIMIT), Said::Done, "{receive}");
                while rx.try_recv().is_ok() {}
            }
        }
        // In vain, with the other side alive.
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        while tx.try_send(1).is_ok() {}
        assert!(matches!(tx.try_send(1), Err(TrySendError::Full { .. })));
    });
    assert_eq!(calls, []);
}

fn a_ring_wakes_once_when_one_sleeps<K: Kind>(_: &str) {
    let region = K::anonymous(ROOM);
    let (mut tx, mut rx) = (K::Tx::attach(&region).unwrap(), K::Rx::attach(&region).unwrap());
    rx.set_wait_strategy(WaitStrategy::Sleep);
    tx.set_wait_strategy(WaitStrategy::Sleep);
    for round in 0..20 {
        let waiter = std::thread::spawn(move || (rx.recv(), rx));
        await_sleeper(&region, ARRIVED);
        let (sent, calls) = watched(|| tx.try_send(round));
        assert_eq!((sent, calls), (Ok(()), vec![Seen::Wake(address(&region, ARRIVED))]));
        let said;
        (said, rx) = in_time(move || waiter.join().unwrap());
        assert_eq!(said, Ok(round));
        let (_, calls) = watched(|| while tx.try_send(99).is_ok() {});
        assert_eq!(calls, [], "nobody sleeps any more");
        let waiter = std::thread::spawn(move || (tx.send(100), tx));
        await_sleeper(&region, FREED);
        let (received, calls) = watched(|| rx.try_recv());
        assert_eq!((received, calls), (Ok(99), vec![Seen::Wake(address(&region, FREED))]));
        let said;
        (said, tx) = in_time(move || waiter.join().unwrap());
        assert_eq!(said, Ok(()));
        let (_, calls) = watched(|| while rx.try_recv().is_ok() {});
        assert_eq!(calls, [], "nobody sleeps any more");
    }
}

fn a_wait_in_vain_fences_and_sleeps_once<K: Kind>(_: &str) {
    let region = K::anonymous(ROOM);
    let (tx, mut rx) = (K::Tx::attach(&region).unwrap(), K::Rx::attach(&region).unwrap());
    rx.set_wait_strategy(WaitStrategy::Sleep);
    let (said, calls) = watched(|| rx.recv_until(Duration::from_millis(2).into()));
    assert!(said.is_err());
    // A sleep may end early, for no reason; then there is another round.
    let rounds = calls.chunks(2).all(|round| round == [Seen::HeavyFence, Seen::Sleep]);
    assert!(rounds && !calls.is_empty() && calls.len() < 20, "{calls:?}");
    drop(tx);
}
