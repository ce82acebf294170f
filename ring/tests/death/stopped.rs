//! A stopped process is alive: it is waited for, and keeps its side.

#![allow(unsafe_code)] // because stopping a process is a `libc` call.

use crate::fixture::child::{Started, task};
use crate::fixture::kinds::{Kind, Receives, Sends, Side, for_each_kind};
use crate::fixture::raw::ARRIVED;
use crate::fixture::{LIMIT, Named, in_time};
use crate::party::{ROOM, SHORT, await_sleeper, have, obey, start};
use ringway::{AttachError, OpenError, RecvError, SendError, TryRecvError, TrySendError, WaitStrategy};
use std::sync::Arc;

for_each_kind! {
    a_stopped_producer_is_not_dead
    a_stopped_consumer_is_not_dead
}

fn signal(child: &Started, signal: i32) {
    // SAFETY: a number of a child that is not reaped before `child` is dropped.
    let sent = unsafe { libc::kill(child.id(), signal) };
    assert_eq!(sent, 0);
}

/// Stops it, and returns when it has stopped.
fn stop(child: &Started) {
    signal(child, libc::SIGSTOP);
    let mut status = 0;
    // SAFETY: waits for our own child's stop without reaping it; writes one integer.
    let waited = unsafe { libc::waitpid(child.id(), &raw mut status, libc::WUNTRACED) };
    assert!(waited == child.id() && libc::WIFSTOPPED(status));
}

fn a_stopped_producer_is_not_dead<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    let named = Named::new("stopped");
    let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
    let region = Arc::clone(rx.region());
    for strategy in [WaitStrategy::Spin, WaitStrategy::SpinThenSleep, WaitStrategy::Sleep] {
        rx.set_wait_strategy(strategy);
        let mut child = start(test, "tx", &named, 0);
        have(&mut child, 1);
        stop(&child);
        assert_eq!(rx.recv(), Ok(0));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(rx.recv_until((4 * SHORT).into()), Err(RecvError::TimedOut));
        let taken = OpenError::Attach(AttachError::ProducerTaken);
        assert_eq!(K::Tx::attach(&region).unwrap_err(), taken);
        let waiter = std::thread::spawn(move || (rx.recv(), rx));
        if strategy != WaitStrategy::Spin {
            await_sleeper(&region, ARRIVED);
        }
        signal(&child, libc::SIGCONT);
        have(&mut child, 1);
        let (said, waited) = in_time(move || waiter.join().unwrap());
        assert_eq!(said, Ok(1));
        rx = waited;
        // Killed while it is stopped, it is dead like any other.
        stop(&child);
        child.kill();
        assert_eq!(rx.recv_until(LIMIT.into()), Err(RecvError::PeerDead));
    }
}

fn a_stopped_consumer_is_not_dead<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return obey::<K>(&task);
    }
    let named = Named::new("stopped");
    let mut tx = K::Tx::create(named.text(), ROOM).unwrap();
    (0..ROOM).for_each(|number| tx.try_send(number).unwrap());
    let mut child = start(test, "rx", &named, 0);
    stop(&child);
    assert!(matches!(tx.try_send(9), Err(TrySendError::Full { .. })));
    assert_eq!(tx.send_until(9, (4 * SHORT).into()), Err(SendError::TimedOut));
    let taken = OpenError::Attach(AttachError::ConsumerTaken);
    assert_eq!(K::Rx::attach(tx.region()).unwrap_err(), taken);
    let waiter = std::thread::spawn(move || (tx.send(ROOM), tx));
    signal(&child, libc::SIGCONT);
    assert_eq!(have(&mut child, 1), [0]);
    let (said, mut tx) = in_time(move || waiter.join().unwrap());
    assert_eq!(said, Ok(()));
    stop(&child);
    child.kill();
    assert_eq!(tx.send_until(9, LIMIT.into()), Err(SendError::PeerDead));
}
