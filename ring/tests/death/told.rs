//! One death after the other, each told once and in its place.

use crate::fixture::child::{Started, task};
use crate::fixture::kinds::{Kind, Receives, Said, Sends, Side, for_each_kind};
use crate::fixture::raw::{ARRIVED, FREED};
use crate::fixture::{LIMIT, Named, in_time};
use crate::party::{ROOM, SHORT, await_sleeper, have, obey, start};
use ringway::{RecvError, SendError, TryRecvError, TrySendError, WaitStrategy, slots};
use std::sync::Arc;
use std::time::Duration;

const STRATEGIES: [WaitStrategy; 3] = [WaitStrategy::Spin, WaitStrategy::SpinThenSleep, WaitStrategy::Sleep];

for_each_kind! {
    a_consumer_that_waits_is_told_of_its_producers_death
    what_the_dead_had_sent_comes_first_and_then_its_death_once
    a_producer_that_waits_is_told_of_its_consumers_death
    a_death_is_told_through_every_verb_of_a_consumer
    a_death_is_told_through_every_verb_of_a_producer
}

fn a_consumer_that_waits_is_told_of_its_producers_death<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    for strategy in STRATEGIES {
        let named = Named::new("death");
        let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
        rx.set_wait_strategy(strategy);
        let region = Arc::clone(rx.region());
        for round in 0..3 {
            let mut child = start(test, "tx", &named, 10 * round);
            if round > 0 {
                // After its first death, the same handle receives from the next one.
                assert_eq!(have(&mut child, 2), [10 * round, 10 * round + 1]);
                assert_eq!((rx.recv(), rx.recv()), (Ok(10 * round), Ok(10 * round + 1)));
            }
            let waiter = std::thread::spawn(move || (rx.recv(), rx));
            if strategy != WaitStrategy::Spin {
                await_sleeper(&region, ARRIVED);
            }
            child.kill();
            let (said, waited) = in_time(move || waiter.join().unwrap());
            assert_eq!(said, Err(RecvError::PeerDead), "{strategy:?}");
            rx = waited;
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "told twice");
            assert_eq!(rx.recv_until(SHORT.into()), Err(RecvError::TimedOut), "told twice");
        }
    }
}

fn what_the_dead_had_sent_comes_first_and_then_its_death_once<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    let named = Named::new("death");
    let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
    for count in 0..=ROOM {
        for waits in [false, true] {
            let mut receive = || {
                if waits {
                    rx.recv_until(LIMIT.into()).map_err(Said::from)
                } else {
                    rx.try_recv().map_err(Said::from)
                }
            };
            let mut child = start(test, "tx", &named, 100);
            let sent = have(&mut child, count);
            child.kill();
            for number in sent {
                assert_eq!(receive(), Ok(number));
            }
            assert_eq!(receive(), Err(Said::PeerDead));
            assert_eq!(rx.recv_until(SHORT.into()), Err(RecvError::TimedOut), "told twice");
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "told twice");
        }
    }
}

fn a_producer_that_waits_is_told_of_its_consumers_death<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    for strategy in STRATEGIES {
        let named = Named::new("death");
        let mut tx = K::Tx::create(named.text(), ROOM).unwrap();
        tx.set_wait_strategy(strategy);
        let region = Arc::clone(tx.region());
        (0..ROOM).for_each(|number| tx.try_send(number).unwrap());
        let (mut sent, mut received) = (ROOM, 0);
        for round in 0..3 {
            let mut child = start(test, "rx", &named, 0);
            // The next consumer goes on where the last one stopped, and the same handle with it.
            assert_eq!(have(&mut child, round), (received..received + round).collect::<Vec<_>>());
            received += round;
            for _ in 0..round {
                assert_eq!(tx.send(sent), Ok(()));
                sent += 1;
            }
            let waiter = std::thread::spawn(move || (tx.send(99), tx));
            if strategy != WaitStrategy::Spin {
                await_sleeper(&region, FREED);
            }
            child.kill();
            let (said, waited) = in_time(move || waiter.join().unwrap());
            assert_eq!(said, Err(SendError::PeerDead), "{strategy:?}");
            tx = waited;
            assert!(matches!(tx.try_send(99), Err(TrySendError::Full { .. })), "told twice");
            assert_eq!(tx.send_until(99, SHORT.into()), Err(SendError::TimedOut), "told twice");
        }
        let mut rx = K::Rx::open(named.text()).unwrap();
        (received..sent).for_each(|number| assert_eq!(rx.recv(), Ok(number)));
    }
}

/// A death of a child that was this side of the ring.
fn die(test: &str, side: &str, named: &Named) {
    let mut child: Started = start(test, side, named, 0);
    child.kill();
}

fn a_death_is_told_through_every_verb_of_a_consumer<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    let named = Named::new("death");
    let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
    for (verb, call) in K::Rx::verbs() {
        die(test, "tx", &named);
        assert_eq!(call(&mut rx, LIMIT), Said::PeerDead, "{verb}");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "after {verb}");
    }
    // Without any time, too.
    for (verb, call) in K::Rx::WAITS {
        die(test, "tx", &named);
        assert_eq!(call(&mut rx, Duration::ZERO), Said::PeerDead, "{verb}");
        assert_eq!(call(&mut rx, Duration::ZERO), Said::Nothing, "{verb}");
    }
}

fn a_death_is_told_through_every_verb_of_a_producer<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    let named = Named::new("death");
    let mut tx = K::Tx::create(named.text(), ROOM).unwrap();
    die(test, "rx", &named);
    (0..ROOM)
        .for_each(|number| assert_eq!(tx.try_send(number), Ok(()), "as long as there is room it is used"));
    assert_eq!(tx.try_send(99), Err(TrySendError::PeerDead));
    for (verb, call) in K::Tx::verbs() {
        die(test, "rx", &named);
        assert_eq!(call(&mut tx, LIMIT), Said::PeerDead, "{verb}");
        assert!(matches!(tx.try_send(99), Err(TrySendError::Full { .. })), "after {verb}");
    }
    for (verb, call) in K::Tx::WAITS {
        die(test, "rx", &named);
        assert_eq!(call(&mut tx, Duration::ZERO), Said::PeerDead, "{verb}");
        assert_eq!(call(&mut tx, Duration::ZERO), Said::Nothing, "{verb}");
    }
    let mut rx = K::Rx::open(named.text()).unwrap();
    (0..ROOM).for_each(|number| assert_eq!(rx.try_recv(), Ok(number), "nothing of what failed was sent"));
}

#[test]
fn a_death_in_the_middle_of_many_is_told_after_what_was_sent() {
    let test = "told::a_death_in_the_middle_of_many_is_told_after_what_was_sent";
    if let Some(task) = task() {
        return obey::<crate::fixture::kinds::OfSlots>(&task);
    }
    let named = Named::new("death");
    let mut tx = slots::Producer::<u64>::create(named.text(), &crate::fixture::config(ROOM)).unwrap();
    die(test, "rx", &named);
    assert_eq!(tx.send_many_until(&[1, 2, 3, 4, 5, 6], LIMIT), Ok(4), "what was sent is said first");
    assert_eq!(tx.send_many_until(&[5, 6], LIMIT), Err(SendError::PeerDead), "and then why it ended");
    assert_eq!(tx.send_many_until(&[5, 6], SHORT), Err(SendError::TimedOut));
    assert_eq!(slots::Consumer::<u64>::open(named.text()).unwrap().try_recv_many(&mut [0; 8]), Ok(4));
    die(test, "rx", &named);
    let all = in_time(move || (tx.send_many(&[1, 2, 3, 4, 5, 6]), tx));
    assert_eq!(all.0, Err(SendError::PeerDead), "it neither succeeds nor waits for ever");
}
