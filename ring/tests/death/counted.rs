//! Deaths that nobody asked about are counted, and what is told of them.

use crate::fixture::child::task;
use crate::fixture::kinds::{Kind, Receives, Said, Sends, Side, for_each_kind};
use crate::fixture::{LIMIT, Named, in_time};
use crate::party::{ROOM, SHORT, have, obey, start};
use ringway::{Deadline, RecvError, SendError, TryRecvError, TrySendError};

for_each_kind! {
    several_deaths_of_producers_are_told_once_each
    several_deaths_of_consumers_are_told_once_each
    a_new_handle_is_told_of_the_last_death_and_of_no_other
    who_waits_for_a_side_gets_the_one_that_is_there
}

fn several_deaths_of_producers_are_told_once_each<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    for is_last_alive in [false, true] {
        let named = Named::new("deaths");
        let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
        for death in 0..3 {
            let mut child = start(test, "tx", &named, death);
            have(&mut child, 1);
            child.kill();
        }
        let mut last = start(test, "tx", &named, 3);
        have(&mut last, 1);
        let deaths = if is_last_alive {
            3
        } else {
            last.kill();
            4
        };
        (0..4).for_each(|number| assert_eq!(rx.recv_until(LIMIT.into()), Ok(number)));
        for death in 0..deaths {
            if death % 2 == 0 {
                assert_eq!(rx.try_recv(), Err(TryRecvError::PeerDead), "death {death}");
            } else {
                assert_eq!(rx.recv_until(LIMIT.into()), Err(RecvError::PeerDead), "death {death}");
            }
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(rx.recv_until(SHORT.into()), Err(RecvError::TimedOut));
        if is_last_alive {
            have(&mut last, 1);
            assert_eq!(rx.recv_until(LIMIT.into()), Ok(4));
            last.leave();
            assert_eq!(rx.recv_until(LIMIT.into()), Err(RecvError::Closed));
        }
    }
}

fn several_deaths_of_consumers_are_told_once_each<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    for is_last_alive in [false, true] {
        let named = Named::new("deaths");
        let mut tx = K::Tx::create(named.text(), ROOM).unwrap();
        (0..ROOM).for_each(|number| tx.try_send(number).unwrap());
        for _ in 0..3 {
            start(test, "rx", &named, 0).kill();
        }
        let mut last = start(test, "rx", &named, 0);
        let deaths = if is_last_alive {
            3
        } else {
            last.kill();
            4
        };
        for death in 0..deaths {
            if death % 2 == 0 {
                assert_eq!(tx.try_send(9), Err(TrySendError::PeerDead), "death {death}");
            } else {
                assert_eq!(tx.send_until(9, LIMIT.into()), Err(SendError::PeerDead), "death {death}");
            }
        }
        assert!(matches!(tx.try_send(9), Err(TrySendError::Full { .. })));
        assert_eq!(tx.send_until(9, SHORT.into()), Err(SendError::TimedOut));
        if is_last_alive {
            have(&mut last, 1);
            assert_eq!(tx.send_until(ROOM, LIMIT.into()), Ok(()));
            last.leave();
            assert_eq!(tx.send_until(9, LIMIT.into()), Err(SendError::Closed));
        }
    }
}

fn a_new_handle_is_told_of_the_last_death_and_of_no_other<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    let named = Named::new("deaths");
    let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
    let region = std::sync::Arc::clone(rx.region());
    for round in 0..4 {
        drop(rx);
        for _ in 0..round {
            start(test, "tx", &named, 0).kill();
        }
        rx = K::Rx::attach(&region).unwrap();
        let first = if round == 0 { TryRecvError::Empty } else { TryRecvError::PeerDead };
        assert_eq!(rx.try_recv(), Err(first), "after {round} deaths");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "after {round} deaths");
        assert_eq!(rx.recv_until(SHORT.into()), Err(RecvError::TimedOut));
    }
    // That one was told to the handle before; a new one does not know.
    drop(rx);
    rx = K::Rx::attach(&region).unwrap();
    assert_eq!(rx.recv(), Err(RecvError::PeerDead));
    drop(rx);
    // The same the other way.
    let mut tx = K::Tx::attach(&region).unwrap();
    (0..ROOM).for_each(|number| tx.try_send(number).unwrap());
    for round in 1..4 {
        drop(tx);
        for _ in 0..round {
            start(test, "rx", &named, 0).kill();
        }
        tx = K::Tx::attach(&region).unwrap();
        assert_eq!(tx.try_send(9), Err(TrySendError::PeerDead), "after {round} deaths");
        assert!(matches!(tx.try_send(9), Err(TrySendError::Full { .. })), "after {round} deaths");
    }
}

fn who_waits_for_a_side_gets_the_one_that_is_there<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    let named = Named::new("deaths");
    let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
    assert_eq!(rx.await_peer(SHORT.into()), Said::Nothing, "there never was one");
    let tx = K::Tx::attach(rx.region()).unwrap();
    assert_eq!(rx.await_peer(Deadline::NEVER), Said::Done);
    drop(tx);
    assert_eq!(rx.await_peer(SHORT.into()), Said::Nothing, "it left");
    let mut child = start(test, "tx", &named, 0);
    assert_eq!(rx.await_peer(LIMIT.into()), Said::Done);
    child.kill();
    assert_eq!(rx.await_peer(SHORT.into()), Said::Nothing, "it died");
    // Nobody has asked for a message, so the death is not told yet; that is no reason to overlook the next one.
    let mut child = start(test, "tx", &named, 0);
    assert_eq!(rx.await_peer(LIMIT.into()), Said::Done, "there is one, whoever died before");
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "to meet somebody is a new beginning");
    assert_eq!(rx.await_peer(LIMIT.into()), Said::Done);
    child.kill();
    assert_eq!(rx.try_recv(), Err(TryRecvError::PeerDead));
    // One that sleeps is woken by the one that comes.
    let region = std::sync::Arc::clone(rx.region());
    let waiter = std::thread::spawn(move || (rx.await_peer(Deadline::NEVER), rx));
    crate::party::await_sleeper(&region, crate::fixture::raw::ARRIVED);
    let child = start(test, "tx", &named, 0);
    let (said, rx) = in_time(move || waiter.join().unwrap());
    assert_eq!(said, Said::Done);
    child.leave();
    drop(rx);
    // The same the other way.
    let mut tx = K::Tx::attach(&region).unwrap();
    start(test, "rx", &named, 0).kill();
    let child = start(test, "rx", &named, 0);
    assert_eq!(tx.await_peer(LIMIT.into()), Said::Done);
    child.leave();
    assert_eq!(tx.await_peer(SHORT.into()), Said::Nothing);
}
