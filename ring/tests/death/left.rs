//! A side that left by itself: told each time, until another one comes.

use crate::fixture::child::task;
use crate::fixture::kinds::{Kind, Receives, Said, Sends, Side, for_each_kind};
use crate::fixture::raw::{ARRIVED, FREED};
use crate::fixture::{LIMIT, Named, in_time};
use crate::party::{ROOM, SHORT, await_sleeper, have, obey, start};
use ringway::{RecvError, SendError, TryRecvError, TrySendError, WaitStrategy};
use std::sync::Arc;
use std::time::Duration;

for_each_kind! {
    a_producer_that_left_is_told_by_every_verb_until_another_comes
    a_consumer_that_left_is_told_by_every_verb_until_another_comes
    who_sleeps_is_told_that_the_other_side_left
    a_death_after_a_leave_and_a_leave_after_a_death_are_each_told
}

fn a_producer_that_left_is_told_by_every_verb_until_another_comes<K: Kind>(_: &str) {
    let region = K::anonymous(ROOM);
    let mut rx = K::Rx::attach(&region).unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "there never was one");
    for number in 0..3 {
        let mut tx = K::Tx::attach(&region).unwrap();
        tx.send(number).unwrap();
        tx.send(number + 10).unwrap();
        drop(tx);
        assert_eq!((rx.recv(), rx.try_recv()), (Ok(number), Ok(number + 10)));
        for (verb, call) in K::Rx::verbs() {
            assert_eq!(call(&mut rx, LIMIT), Said::Closed, "{verb}");
        }
        for (verb, call) in K::Rx::WAITS {
            assert_eq!(call(&mut rx, Duration::ZERO), Said::Closed, "{verb}");
            assert_eq!(call(&mut rx, SHORT), Said::Closed, "{verb}");
        }
        // Another one that has sent nothing: there is nothing, and it may come.
        let tx = K::Tx::attach(&region).unwrap();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(rx.recv_until(SHORT.into()), Err(RecvError::TimedOut));
        drop(tx);
    }
    // A new handle finds it as it is.
    drop(rx);
    assert_eq!(K::Rx::attach(&region).unwrap().try_recv(), Err(TryRecvError::Closed));
}

fn a_consumer_that_left_is_told_by_every_verb_until_another_comes<K: Kind>(_: &str) {
    let region = K::anonymous(ROOM);
    let mut tx = K::Tx::attach(&region).unwrap();
    (0..ROOM).for_each(|number| assert_eq!(tx.send(number), Ok(())));
    assert!(matches!(tx.try_send(9), Err(TrySendError::Full { .. })), "there never was one");
    for round in 0..3 {
        let mut rx = K::Rx::attach(&region).unwrap();
        assert_eq!(rx.recv(), Ok(round));
        drop(rx);
        assert_eq!(tx.send(ROOM + round), Ok(()), "as long as there is room it is used");
        for (verb, call) in K::Tx::verbs() {
            assert_eq!(call(&mut tx, LIMIT), Said::Closed, "{verb}");
        }
        for (verb, call) in K::Tx::WAITS {
            assert_eq!(call(&mut tx, Duration::ZERO), Said::Closed, "{verb}");
            assert_eq!(call(&mut tx, SHORT), Said::Closed, "{verb}");
        }
        let rx = K::Rx::attach(&region).unwrap();
        assert!(matches!(tx.try_send(9), Err(TrySendError::Full { .. })));
        assert_eq!(tx.send_until(9, SHORT.into()), Err(SendError::TimedOut));
        drop(rx);
    }
    let mut rx = K::Rx::attach(&region).unwrap();
    (3..3 + ROOM).for_each(|number| assert_eq!(rx.recv(), Ok(number), "nothing of what failed was sent"));
}

fn who_sleeps_is_told_that_the_other_side_left<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    let named = Named::new("left");
    let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
    rx.set_wait_strategy(WaitStrategy::Sleep);
    let region = Arc::clone(rx.region());
    let mut child = start(test, "tx", &named, 7);
    have(&mut child, 1);
    assert_eq!(rx.recv(), Ok(7));
    let waiter = std::thread::spawn(move || (rx.recv(), rx));
    await_sleeper(&region, ARRIVED);
    child.leave();
    let (said, rx) = in_time(move || waiter.join().unwrap());
    assert_eq!(said, Err(RecvError::Closed));
    drop(rx);
    let mut tx = K::Tx::attach(&region).unwrap();
    tx.set_wait_strategy(WaitStrategy::Sleep);
    (0..ROOM).for_each(|number| tx.send(number).unwrap());
    let child = start(test, "rx", &named, 0);
    let waiter = std::thread::spawn(move || tx.send(9));
    await_sleeper(&region, FREED);
    child.leave();
    assert_eq!(in_time(move || waiter.join().unwrap()), Err(SendError::Closed));
}

fn a_death_after_a_leave_and_a_leave_after_a_death_are_each_told<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    let named = Named::new("left");
    let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
    for _ in 0..2 {
        start(test, "tx", &named, 0).leave();
        assert_eq!((rx.try_recv(), rx.recv()), (Err(TryRecvError::Closed), Err(RecvError::Closed)));
        start(test, "tx", &named, 0).kill();
        assert_eq!((rx.recv(), rx.try_recv()), (Err(RecvError::PeerDead), Err(TryRecvError::Empty)));
        // Nobody looks in between: the death first, and then that the last one left.
        start(test, "tx", &named, 0).kill();
        start(test, "tx", &named, 0).leave();
        assert_eq!(rx.recv(), Err(RecvError::PeerDead));
        assert_eq!((rx.try_recv(), rx.recv()), (Err(TryRecvError::Closed), Err(RecvError::Closed)));
        start(test, "tx", &named, 0).leave();
        start(test, "tx", &named, 0).kill();
        assert_eq!((rx.recv(), rx.try_recv()), (Err(RecvError::PeerDead), Err(TryRecvError::Empty)));
    }
}
