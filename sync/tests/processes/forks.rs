//! A forked child has its parent's handles and nothing of its region: every verb says so, what it drops stays with the parent,
//! and it may open the region afresh.

use crate::kinds::{Kind, Said, for_each_kind};
use crate::party::{self, DEADLINE, Party, Tidy, answer, until};
use crate::scene::{SHORT, Scene, heard, state};
use crate::system::{self, Orphan};
use ringway_shm::Name;
use ringway_sync::layout::SPACE;
use ringway_sync::{
    Barrier, BinarySemaphore, Guard, Mutex, Permit, Permits, Semaphore, Setup, Shared, SpinLock,
};
use std::fmt::Debug;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// One of each.
#[derive(Shared)]
struct All {
    mutex: Mutex<u64>,
    spin: SpinLock<u64>,
    jobs: Semaphore,
    signal: BinarySemaphore,
    rooms: Permits<2>,
    barrier: Barrier,
}

/// What a process has of them.
struct Has<'a> {
    guard: Option<Guard<'a, Mutex<u64>>>,
    spin_guard: Option<Guard<'a, SpinLock<u64>>>,
    permits: Vec<Permit<2>>,
    parties: Vec<ringway_sync::Party>,
}

impl<'a> Has<'a> {
    fn nothing() -> Self {
        Self { guard: None, spin_guard: None, permits: Vec::new(), parties: Vec::new() }
    }

    fn everything(all: &'a All) -> Self {
        Self {
            guard: Some(all.mutex.lock().unwrap()),
            spin_guard: Some(all.spin.lock().unwrap()),
            permits: vec![all.rooms.acquire().unwrap(), all.rooms.acquire().unwrap()],
            parties: vec![all.barrier.join().unwrap(), all.barrier.join().unwrap()],
        }
    }
}

fn is_forked<T: Debug, E: Debug>(verb: &str, answer: Result<T, E>) {
    assert_eq!(format!("{:?}", answer.map(|_| ())), "Err(Forked)", "{verb}");
}

/// Every verb of the handles that a child has from its parent.
fn every_verb(all: &All, has: &mut Has<'_>) {
    is_forked("lock", all.mutex.lock());
    is_forked("lock_timeout", all.mutex.lock_timeout(DEADLINE));
    is_forked("try_lock", all.mutex.try_lock());
    is_forked("lock_or_repair", all.mutex.lock_or_repair(|_| ()));
    is_forked("spin lock", all.spin.lock());
    is_forked("spin lock_timeout", all.spin.lock_timeout(DEADLINE));
    is_forked("spin try_lock", all.spin.try_lock());
    is_forked("spin lock_or_repair", all.spin.lock_or_repair(|_| ()));
    is_forked("release", all.jobs.release(1));
    is_forked("release none", all.jobs.release(0));
    is_forked("release many", all.jobs.release(5000));
    is_forked("acquire", all.jobs.acquire());
    is_forked("try_acquire", all.jobs.try_acquire());
    is_forked("try_acquire_for", all.jobs.try_acquire_for(DEADLINE));
    is_forked("binary release", all.signal.release());
    is_forked("binary acquire", all.signal.acquire());
    is_forked("binary try_acquire", all.signal.try_acquire());
    is_forked("binary try_acquire_for", all.signal.try_acquire_for(DEADLINE));
    is_forked("permits acquire", all.rooms.acquire());
    is_forked("permits try_acquire", all.rooms.try_acquire());
    is_forked("permits try_acquire_for", all.rooms.try_acquire_for(DEADLINE));
    is_forked("expect", all.barrier.expect(2));
    is_forked("join", all.barrier.join());
    is_forked("join_until", all.barrier.join_until(DEADLINE));
    for party in &mut has.parties {
        is_forked("arrive", party.arrive());
        is_forked("try_wait", party.try_wait());
        is_forked("wait_timeout", party.wait_timeout(DEADLINE));
        is_forked("wait", party.wait());
    }
    if let Some(party) = has.parties.pop() {
        is_forked("arrive_and_drop", party.arrive_and_drop());
    }
    // A guard reads zeros, and writes to nobody.
    if let Some(guard) = &mut has.guard {
        assert_eq!(guard.get(), 0);
        guard.set(9);
        guard.mark_consistent();
    }
    if let Some(guard) = &mut has.spin_guard {
        assert_eq!(guard.get(), 0);
        guard.set(9);
    }
}

fn bytes(all: &All) -> Vec<u8> {
    party::bytes::get(all.mutex.region(), SPACE, 0, All::LEN)
}

fn open(name: &Name) -> All {
    All::open(name.clone()).unwrap()
}

/// Forks with and without everything in its hands, and goes on.
#[test]
fn errand() {
    let Some(errand) = party::errand() else { return };
    system::end_in_time();
    let (how, name) = errand.split_once(' ').unwrap();
    let name = Name::new(name).unwrap();
    let all = open(&name);
    match how {
        "refused" => refused(&all),
        "afresh" => waits_for_its_parent(&all, &name),
        other => panic!("{other}"),
    }
    answer("done");
}

fn refused(all: &All) {
    all.mutex.lock().unwrap().set(7);
    all.spin.lock().unwrap().set(8);
    all.jobs.release(3).unwrap();
    for (holds, arrives) in [(false, false), (true, false), (true, true)] {
        let mut has = if holds { Has::everything(all) } else { Has::nothing() };
        if arrives {
            has.parties[0].arrive().unwrap();
        }
        let before = bytes(all);
        for drops_first in [false, true] {
            let child = system::fork(|| {
                let mut theirs = std::mem::replace(&mut has, Has::nothing());
                if drops_first {
                    theirs = Has::nothing();
                }
                every_verb(all, &mut theirs);
                drop(theirs);
                every_verb(all, &mut Has::nothing());
            });
            assert!(system::reap(child), "holds: {holds}, arrives: {arrives}, drops first: {drops_first}");
            assert!(bytes(all) == before, "a child wrote to the region");
        }
        // The parent goes on with all that it has.
        if holds {
            assert_eq!(has.guard.as_ref().unwrap().get(), 7);
            assert_eq!(has.spin_guard.as_ref().unwrap().get(), 8);
            has.parties[0].arrive().unwrap();
            assert!(has.parties[1].wait_timeout(DEADLINE).is_ok());
            assert!(has.parties[0].wait_timeout(DEADLINE).is_ok());
        }
        drop(has);
        assert!(all.mutex.try_lock().is_ok() && all.spin.try_lock().is_ok());
        assert_eq!((all.jobs.count(), all.rooms.available()), (3, 2));
    }
}

/// A child that opens the region afresh and waits for everything that its parent has.
fn waits_for_its_parent(all: &All, name: &Name) {
    let mut has = Has::everything(all);
    // One seat is for the child.
    drop(has.parties.drain(..));
    let mut party = all.barrier.join().unwrap();
    let (mut link, mut theirs) = UnixStream::pair().unwrap();
    let child = system::fork(|| {
        let mut next = || theirs.write_all(b"!").unwrap();
        let all = open(name);
        let mut party = all.barrier.join().unwrap();
        assert!(all.mutex.try_lock().is_err());
        next();
        drop(all.mutex.lock_timeout(DEADLINE).unwrap());
        next();
        drop(all.spin.lock_timeout(DEADLINE).unwrap());
        next();
        all.jobs.try_acquire_for(DEADLINE).unwrap();
        next();
        all.signal.try_acquire_for(DEADLINE).unwrap();
        next();
        let permit = all.rooms.try_acquire_for(DEADLINE).unwrap();
        next();
        party.wait_timeout(DEADLINE).unwrap();
        next();
        drop(permit);
    });
    let number = child.as_raw_nonzero().to_string();
    link.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut asleep = || {
        link.read_exact(&mut [0]).unwrap();
        until("a sleeping child", || state(&number) == Some('S'));
    };
    asleep();
    drop(has.guard.take());
    asleep();
    drop(has.spin_guard.take());
    asleep();
    all.jobs.release(1).unwrap();
    asleep();
    all.signal.release().unwrap();
    asleep();
    drop(has.permits.pop());
    asleep();
    party.arrive().unwrap();
    link.read_exact(&mut [0]).unwrap();
    assert!(party.wait_timeout(DEADLINE).is_ok());
    assert!(system::reap(child));
}

fn sent(how: &str) {
    let tidy = Tidy::new("sync-fork");
    let made = Setup::new().create_with(tidy.name(), |all: &All| {
        all.barrier.expect(2).unwrap();
        Ok::<_, ringway_sync::CreateError>(())
    });
    let _made = made.unwrap();
    let mut parent = Party::start(party::command("forks::errand", &format!("{how} {}", tidy.0.text())));
    assert_eq!(parent.hear(), "done");
    assert!(parent.finish());
}

#[test]
fn in_a_child_every_verb_answers_forked_and_its_parent_goes_on() {
    sent("refused");
}

#[test]
fn a_child_that_opens_the_region_afresh_waits_for_its_parent() {
    sent("afresh");
}

for_each_kind! {
    a_parent_that_dies_is_told_of_to_its_child
    a_parent_that_forks_holds_on
}

fn a_parent_that_dies_is_told_of_to_its_child<K: Kind>(_: &str) {
    let scene = Scene::<K>::new();
    let mut parent = scene.send_holder();
    parent.tell("fork");
    let number = parent.hear();
    let _child = Orphan::new(&number);
    assert_eq!(parent.hear(), "takes");
    until("a sleeping child", || state(&number) == Some('S'));
    parent.kill();
    // The child has the parent's output.
    assert_eq!(heard(&mut parent), K::TOLD);
}

fn a_parent_that_forks_holds_on<K: Kind>(_: &str) {
    let scene = Scene::<K>::new();
    let mut parent = scene.send_holder();
    parent.tell("fork");
    let number = parent.hear();
    let child = Orphan::new(&number);
    assert_eq!(parent.hear(), "takes");
    until("a sleeping child", || state(&number) == Some('S'));
    child.kill();
    assert_eq!(parent.hear(), "reaped false");
    if K::CAN_RECOVER {
        assert_eq!(scene.told(Some(SHORT)), Said::Nothing);
        assert_eq!(parent.ask("give"), "given");
        assert_eq!(scene.told(Some(DEADLINE)), Said::Got);
    } else {
        // It had a seat of its own, and missed nothing.
        assert_eq!(parent.ask("give"), "given");
    }
}
