//! A forked child has its parent's handles and none of its rings: every verb says so, and nothing that it does to them
//! reaches the ring.

mod fixture;

use fixture::child::{Started, link, may_go_on, say, task};
use fixture::kinds::{Kind, Receives, Said, Sends, Side, for_each_kind};
use fixture::raw::Raw;
use fixture::{LIMIT, Named, alone};
use ringway::{AttachError, OpenError, RecvError, SendError, TryRecvError};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// Messages that a ring of these tests has room for.
const ROOM: u64 = 4;

/// A forked child, reaped when dropped.
struct Forked {
    id: libc::pid_t,
    link: UnixStream,
}

/// Forks. The child does `work`, which may not panic, says what failed, if anything, and ends.
fn fork(work: impl FnOnce(&mut UnixStream) -> Result<(), String>) -> Forked {
    let (link, mut theirs) = UnixStream::pair().unwrap();
    link.set_read_timeout(Some(LIMIT)).unwrap();
    // SAFETY: the child uses what a fork gives to it: its own memory, this thread, and what libc keeps usable.
    let id = unsafe { libc::fork() };
    assert!(id >= 0);
    if id > 0 {
        return Forked { id, link };
    }
    // SAFETY: a timer of our own, so that a child which hangs ends.
    unsafe { libc::alarm(60) };
    let said = match work(&mut theirs) {
        Ok(()) => theirs.write_all(b"."),
        Err(what) => theirs.write_all(what.as_bytes()),
    };
    // SAFETY: ends the process without the parent's destructors.
    unsafe { libc::_exit(i32::from(said.is_err())) }
}

impl Forked {
    /// Waits until it has done its work.
    fn succeed(mut self) {
        let mut said = String::new();
        // The end of the child is the end of its link: ours is the only other descriptor, and `theirs` is gone here.
        self.link.read_to_string(&mut said).unwrap();
        assert_eq!(said, ".");
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        // SAFETY: our own child, not reaped yet.
        unsafe { libc::kill(self.id, libc::SIGKILL) };
        // SAFETY: as above.
        unsafe { libc::waitpid(self.id, core::ptr::null_mut(), 0) };
    }
}

for_each_kind! {
    in_a_child_the_first_call_of_any_verb_answers_forked
    in_a_child_that_knows_of_messages_and_room_every_verb_answers_forked
    in_a_child_that_was_told_of_a_death_every_verb_answers_forked
    what_a_child_drops_stays_with_its_parent
    a_child_opens_the_ring_afresh
    a_parent_that_dies_is_dead_though_its_child_lives
}

fn check(is_so: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(what()) }
}

/// In the child: the verb numbered `first`, and then every verb of both handles.
fn every_verb<T: Side, R: Side>(first: usize, tx: &mut T, rx: &mut R) -> Result<(), String> {
    let (sends, receives) = (T::verbs(), R::verbs());
    // In order, from the first on: each verb is once the first of its handle.
    for at in 0..sends.len() {
        let (verb, call) = sends[(first + at) % sends.len()];
        let said = call(tx, LIMIT);
        check(said == Said::Forked, || format!("{verb}, call {at}: {said:?}"))?;
    }
    for at in 0..receives.len() {
        let (verb, call) = receives[(first + at) % receives.len()];
        let said = call(rx, LIMIT);
        check(said == Said::Forked, || format!("{verb}, call {at}: {said:?}"))?;
    }
    for said in [tx.await_peer(LIMIT.into()), rx.await_peer(LIMIT.into())] {
        check(said == Said::Forked, || format!("await_peer: {said:?}"))?;
    }
    let region = tx.region();
    check(region.is_forked(), || "the region is here".into())?;
    for said in [T::attach(region).map(drop), R::attach(region).map(drop)] {
        check(said == Err(OpenError::Attach(AttachError::Forked)), || format!("attach: {said:?}"))?;
    }
    Ok(())
}

/// Forks for each verb to be the first one, with the handles as `prepare` leaves them, and sees that the parent goes on.
fn in_children<K: Kind>(
    prepare: impl Fn(&mut K::Tx, &mut K::Rx) -> (u64, u64),
    region: &Arc<ringway::Region>,
) {
    let raw = Raw::new(region);
    let (mut tx, mut rx) = (K::Tx::attach(region).unwrap(), K::Rx::attach(region).unwrap());
    let (mut sent, mut received) = prepare(&mut tx, &mut rx);
    for first in 0..K::Tx::verbs().len().max(K::Rx::verbs().len()) {
        let before = raw.all();
        fork(|_| every_verb(first, &mut tx, &mut rx)).succeed();
        assert!(raw.all() == before, "the child wrote to the ring");
    }
    // The parent goes on unharmed.
    for _ in 0..3 * ROOM {
        if sent - received < ROOM {
            assert_eq!(tx.try_send(sent), Ok(()));
            sent += 1;
        }
        assert_eq!(rx.try_recv(), Ok(received));
        received += 1;
    }
    assert!(tx.region().is_claimed(0).unwrap() && tx.region().is_claimed(1).unwrap());
}

fn in_a_child_the_first_call_of_any_verb_answers_forked<K: Kind>(_: &str) {
    let _alone = alone();
    in_children::<K>(|_, _| (0, 0), &K::anonymous(ROOM));
    // With positions behind it, and the ring empty, half full and full.
    for backlog in [0, 2, ROOM] {
        let prepare = |tx: &mut K::Tx, rx: &mut K::Rx| {
            (0..7).for_each(|number| {
                tx.send(number).unwrap();
                assert_eq!(rx.recv(), Ok(number));
            });
            (7..7 + backlog).for_each(|number| tx.send(number).unwrap());
            (7 + backlog, 7)
        };
        in_children::<K>(prepare, &K::anonymous(ROOM));
    }
}

fn in_a_child_that_knows_of_messages_and_room_every_verb_answers_forked<K: Kind>(_: &str) {
    let _alone = alone();
    for first in [0, 6] {
        let prepare = |tx: &mut K::Tx, rx: &mut K::Rx| {
            (0..first).for_each(|number| {
                tx.send(number).unwrap();
                assert_eq!(rx.recv(), Ok(number));
            });
            // The consumer has looked and has seen three; the producer knows of room.
            (first..first + 3).for_each(|number| tx.send(number).unwrap());
            assert_eq!(rx.recv(), Ok(first));
            (first + 3, first + 1)
        };
        in_children::<K>(prepare, &K::anonymous(ROOM));
    }
}

fn in_a_child_that_was_told_of_a_death_every_verb_answers_forked<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return attend::<K>(&task);
    }
    let _alone = alone();
    // Of the producer's death, at position 0.
    let named = Named::new("forked");
    let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
    let mut child = Started::new(test, &format!("mute {}", named.text()));
    child.number();
    child.kill();
    assert_eq!(rx.try_recv(), Err(TryRecvError::PeerDead));
    for (verb, call) in K::Rx::verbs() {
        let rx = &mut rx;
        fork(move |_| {
            let said = call(rx, LIMIT);
            check(said == Said::Forked, || format!("{verb}: {said:?}"))
        })
        .succeed();
    }
    // Of the consumer's, with a ring that is full.
    let region = Arc::clone(rx.region());
    drop(rx);
    let mut tx = K::Tx::attach(&region).unwrap();
    (0..ROOM).for_each(|number| tx.try_send(number).unwrap());
    let mut child = Started::new(test, &format!("rx {}", named.text()));
    child.number();
    child.kill();
    assert_eq!(tx.send(9), Err(SendError::PeerDead));
    for (verb, call) in K::Tx::verbs() {
        let tx = &mut tx;
        fork(move |_| {
            let said = call(tx, LIMIT);
            check(said == Said::Forked, || format!("{verb}: {said:?}"))
        })
        .succeed();
    }
}

fn what_a_child_drops_stays_with_its_parent<K: Kind>(_: &str) {
    let _alone = alone();
    let region = K::anonymous(ROOM);
    let raw = Raw::new(&region);
    let (mut tx, mut rx) = (K::Tx::attach(&region).unwrap(), K::Rx::attach(&region).unwrap());
    tx.send(1).unwrap();
    let before = raw.all();
    // The handles are the child's copies: what is dropped there, the parent still has.
    let (mut tx_there, mut rx_there, mut region_there) = (Some(tx), Some(rx), Some(Arc::clone(&region)));
    fork(|_| {
        drop((tx_there.take(), rx_there.take(), region_there.take()));
        Ok(())
    })
    .succeed();
    (tx, rx) = (tx_there.unwrap(), rx_there.unwrap());
    assert!(raw.all() == before, "the child wrote to the ring");
    assert_eq!(K::Tx::attach(&region).unwrap_err(), OpenError::Attach(AttachError::ProducerTaken));
    assert_eq!(K::Rx::attach(&region).unwrap_err(), OpenError::Attach(AttachError::ConsumerTaken));
    assert_eq!((rx.recv(), rx.try_recv()), (Ok(1), Err(TryRecvError::Empty)));
    assert_eq!((tx.send(2), rx.recv()), (Ok(()), Ok(2)));
    drop(tx);
    assert_eq!(rx.recv(), Err(RecvError::Closed));
}

fn a_child_opens_the_ring_afresh<K: Kind>(_: &str) {
    let _alone = alone();
    let named = Named::new("forked");
    let mut tx = K::Tx::create(named.text(), ROOM).unwrap();
    tx.send(1).unwrap();
    let name = named.text().to_owned();
    let mut child = fork(|link| {
        let taken = K::Tx::open(&name).map(drop);
        check(taken == Err(OpenError::Attach(AttachError::ProducerTaken)), || format!("{taken:?}"))?;
        let mut rx = K::Rx::open(&name).map_err(|error| error.to_string())?;
        for expected in 1..=20 {
            let number = rx.recv_until(LIMIT.into());
            check(number == Ok(expected), || format!("{number:?} for {expected}"))?;
        }
        link.write_all(b"!").map_err(|error| error.to_string())?;
        may_go_on(link);
        Ok(())
    });
    (2..=20).for_each(|number| tx.send_until(number, LIMIT.into()).unwrap());
    child.link.read_exact(&mut [0]).unwrap();
    assert_eq!(K::Rx::open(named.text()).unwrap_err(), OpenError::Attach(AttachError::ConsumerTaken));
    (0..ROOM).for_each(|number| tx.send_until(number, LIMIT.into()).unwrap());
    // It is a process like any other, whose death is told.
    drop(child);
    assert_eq!(tx.send_until(9, LIMIT.into()), Err(SendError::PeerDead));
    assert_eq!(tx.send_until(9, Duration::from_millis(2).into()), Err(SendError::TimedOut));
}

/// In a child: becomes a side, says so, and stays.
fn attend<K: Kind>(task: &str) {
    let (side, name) = task.split_once(' ').unwrap();
    let mut link = link();
    if side == "tx" {
        let mut tx = K::Tx::open(name).unwrap();
        // Another process, which outlives this one and keeps its descriptors.
        let forked = fork(|_| {
            let mut byte = [0];
            // Until the one that started this process has gone.
            let _ = std::io::stdin().read(&mut byte);
            Ok(())
        });
        tx.send(7).unwrap();
        say(&mut link, u64::from(forked.id.unsigned_abs()));
        may_go_on(&mut link);
        return;
    }
    let _mute = (side == "mute").then(|| K::Tx::open(name).unwrap());
    let _deaf = (side == "rx").then(|| K::Rx::open(name).unwrap());
    say(&mut link, 0);
    may_go_on(&mut link);
}

fn a_parent_that_dies_is_dead_though_its_child_lives<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return attend::<K>(&task);
    }
    let _alone = alone();
    let named = Named::new("forked");
    let mut rx = K::Rx::create(named.text(), ROOM).unwrap();
    let mut child = Started::new(test, &format!("tx {}", named.text()));
    let grandchild = child.number();
    let region = Arc::clone(rx.region());
    assert_eq!(rx.recv(), Ok(7));
    let waiter = std::thread::spawn(move || (rx.recv(), rx));
    child.kill();
    let (said, mut rx) = fixture::in_time(move || waiter.join().unwrap());
    assert_eq!(said, Err(RecvError::PeerDead));
    // SAFETY: sends no signal; asks whether there is such a process.
    assert_eq!(unsafe { libc::kill(grandchild as i32, 0) }, 0, "the child of the dead lives");
    let mut tx = K::Tx::attach(&region).expect("the role is free");
    tx.send(8).unwrap();
    assert_eq!(rx.recv(), Ok(8));
    // SAFETY: the grandchild, which nobody else waits for by its number.
    unsafe { libc::kill(grandchild as i32, libc::SIGKILL) };
}

#[test]
fn a_batch_that_was_begun_before_the_fork_sends_nothing_in_the_child() {
    let _alone = alone();
    let region = Arc::new(ringway::bytes::anonymous(&fixture::config(4096)).unwrap());
    let mut tx = ringway::bytes::Producer::attach(&region).unwrap();
    let mut rx = ringway::bytes::Consumer::attach(&region).unwrap();
    let mut batch = tx.batch();
    fork(|_| match batch.try_send(b"child") {
        Err(ringway::TrySendError::Forked) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .succeed();
    batch.send(b"parent").unwrap();
    drop(batch);
    assert_eq!(rx.recv_vec().unwrap(), b"parent");
}
