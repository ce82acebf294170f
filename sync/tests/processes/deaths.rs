//! A holder that dies, in whatever way, is told of; one that only seems to is not robbed.

use crate::kinds::{Kind, OfBreaking, OfMutex, OfPermits, OfSpinLock, Said, for_each_kind};
use crate::party::{DEADLINE, until};
use crate::scene::{SHORT, Scene, heard, state};
use ringway_sync::layout::SPACE;
use ringway_sync::{BarrierError, JoinError, LockError};
use rustix::process::Signal;

for_each_kind! {
    a_death_is_told_to_who_sleeps
    a_death_is_told_to_who_comes_later
    a_death_is_told_to_who_tries
    a_death_is_told_to_each_of_several_sleepers
    who_takes_over_and_dies_is_told_of_as_well
    a_holder_that_is_stopped_is_waited_for
    a_holder_that_executes_another_program_is_told_of
    a_holder_that_starts_a_program_holds_on
    a_sleeper_that_is_killed_takes_nothing_along
    a_sleeper_that_is_killed_when_it_has_been_woken_takes_nothing_along
}

fn a_death_is_told_to_who_sleeps<K: Kind>(_: &str) {
    let scene = Scene::<K>::new();
    let mut holder = scene.send_holder();
    let sleeper = scene.sleeper();
    assert!(sleeper.is_waiting());
    holder.kill();
    assert_eq!(sleeper.told(), K::TOLD);
}

fn a_death_is_told_to_who_comes_later<K: Kind>(_: &str) {
    let scene = Scene::<K>::new();
    let mut holder = scene.send_holder();
    holder.kill();
    assert_eq!(scene.told(Some(DEADLINE)), K::TOLD);
}

fn a_death_is_told_to_who_tries<K: Kind>(_: &str) {
    let scene = Scene::<K>::new();
    let mut holder = scene.send_holder();
    let mut waiter = K::waiter(&scene.handle);
    assert_eq!(K::take(&mut waiter, None), Said::Nothing);
    // Nothing of it is left when this returns.
    holder.kill();
    assert_eq!(K::take(&mut waiter, None), K::TOLD);
}

fn a_death_is_told_to_each_of_several_sleepers<K: Kind>(_: &str) {
    if !K::CAN_RECOVER {
        return of_many_parties();
    }
    let scene = Scene::<K>::new();
    let mut holder = scene.send_holder();
    let (here, mut there) = ([scene.sleeper(), scene.sleeper(), scene.sleeper()], scene.send_sleeper());
    holder.kill();
    // Nobody says that it is in order again, so each is told.
    assert_eq!(heard(&mut there), K::TOLD);
    here.into_iter().for_each(|sleeper| assert_eq!(sleeper.told(), K::TOLD));
}

/// A barrier of several tells all who sleep at it, and those who come.
fn of_many_parties() {
    use crate::party::{self, Tidy};
    let tidy = Tidy::new("sync");
    let made = ringway_sync::Setup::new().create_with(tidy.name(), |barrier: &ringway_sync::Barrier| {
        barrier.expect(4).unwrap();
        Ok::<_, ringway_sync::CreateError>(())
    });
    let barrier = made.unwrap();
    let errand = format!("{} {} plain", OfBreaking::NAME, tidy.0.text());
    let mut holder = party::Party::start(party::command("scene::errand", &errand));
    assert_eq!(holder.ask("hold"), "held");
    let parties = [(); 3].map(|()| barrier.join().unwrap());
    let sleepers = parties.map(|party| crate::scene::Asleep::<OfBreaking>::begin(party, || ()));
    holder.kill();
    sleepers.into_iter().for_each(|sleeper| assert_eq!(sleeper.told(), Said::Broken));
}

fn who_takes_over_and_dies_is_told_of_as_well<K: Kind>(_: &str) {
    if !K::CAN_RECOVER {
        return;
    }
    let scene = Scene::<K>::new();
    let (mut first, mut second, mut third) = (scene.send_holder(), scene.send(), scene.send());
    first.kill();
    assert_eq!(second.ask("recover"), format!("{:?}", K::TOLD));
    third.tell("recover");
    second.kill();
    assert_eq!(heard(&mut third), K::TOLD);
    third.kill();
    assert_eq!(scene.told(Some(DEADLINE)), K::TOLD);
}

fn a_holder_that_is_stopped_is_waited_for<K: Kind>(_: &str) {
    let scene = Scene::<K>::new();
    let mut holder = scene.send_holder();
    let process = holder.id().as_raw_nonzero().to_string();
    let mut waiter = K::waiter(&scene.handle);
    holder.signal(Signal::STOP);
    until("a stop", || state(&process) == Some('T'));
    assert_eq!(K::take(&mut waiter, Some(5 * SHORT)), Said::Nothing);
    assert_eq!(K::take(&mut waiter, None), Said::Nothing);
    holder.signal(Signal::CONT);
    assert_eq!(holder.ask("give"), "given");
    assert_eq!(K::take(&mut waiter, Some(DEADLINE)), Said::Got);
}

fn a_holder_that_executes_another_program_is_told_of<K: Kind>(_: &str) {
    let scene = Scene::<K>::new();
    let mut holder = scene.send_holder();
    let sleeper = scene.sleeper();
    holder.tell("exec");
    assert_eq!(sleeper.told(), K::TOLD);
    // It goes on as another program.
    let name = format!("/proc/{}/comm", holder.id().as_raw_nonzero());
    until("another program", || std::fs::read_to_string(&name).unwrap() == "sleep\n");
    holder.kill();
}

fn a_holder_that_starts_a_program_holds_on<K: Kind>(_: &str) {
    let scene = Scene::<K>::new();
    let mut holder = scene.send_holder();
    let mut waiter = K::waiter(&scene.handle);
    let program = holder.ask("spawn");
    until("another program", || {
        std::fs::read_to_string(format!("/proc/{program}/comm")).is_ok_and(|name| name == "cat\n")
    });
    assert_eq!(K::take(&mut waiter, Some(SHORT)), Said::Nothing);
    assert_eq!(K::take(&mut waiter, None), Said::Nothing);
    assert_eq!(holder.ask("give"), "given");
    assert_eq!(K::take(&mut waiter, Some(DEADLINE)), Said::Got);
}

fn a_sleeper_that_is_killed_takes_nothing_along<K: Kind>(_: &str) {
    if !K::CAN_RECOVER {
        return;
    }
    let scene = Scene::<K>::new();
    let mut held = K::hold(&scene.handle);
    let (mut killed, mut other) = (scene.send_sleeper(), scene.send_sleeper());
    killed.kill();
    K::give(&mut held);
    assert_eq!(heard(&mut other), Said::Got);
    assert_eq!(scene.told(Some(DEADLINE)), Said::Got);
}

fn a_sleeper_that_is_killed_when_it_has_been_woken_takes_nothing_along<K: Kind>(_: &str) {
    if !K::CAN_RECOVER {
        return;
    }
    let scene = Scene::<K>::new();
    let mut held = K::hold(&scene.handle);
    let (mut killed, mut other) = (scene.send_sleeper(), scene.send_sleeper());
    // Stopped, it is woken and cannot take anything.
    killed.signal(Signal::STOP);
    let process = killed.id().as_raw_nonzero().to_string();
    until("a stop", || state(&process) == Some('T'));
    K::give(&mut held);
    killed.kill();
    assert_eq!(heard(&mut other), Said::Got);
    assert_eq!(scene.told(Some(DEADLINE)), Said::Got);
}

#[test]
fn a_sleeper_that_starves_and_is_killed_or_stopped_keeps_nobody_from_the_lock() {
    const STARVING: u64 = 4;
    for (signal, state_then) in [(Signal::KILL, 'Z'), (Signal::STOP, 'T')] {
        for timeout in [None, Some(DEADLINE)] {
            let scene = Scene::<OfMutex>::new();
            let word = || {
                let bytes = crate::party::bytes::get(scene.handle.region(), SPACE, 0, 8);
                u64::from_le_bytes(bytes.try_into().unwrap())
            };
            let mut held = OfMutex::hold(&scene.handle);
            let sleeper = scene.send_sleeper();
            // It says so when it has slept for long.
            until("a sleeper that starves", || word() & STARVING != 0);
            sleeper.signal(signal);
            let process = sleeper.id().as_raw_nonzero().to_string();
            until("its end, or a stop", || state(&process) == Some(state_then));
            OfMutex::give(&mut held);
            until("the lock", || scene.told(timeout) == Said::Got);
            assert_eq!(word() & STARVING, 0, "whoever takes it takes that away");
        }
    }
}

#[test]
fn a_mutex_says_who_died_with_it_and_is_in_order_when_somebody_says_so() {
    let scene = Scene::<OfMutex>::new();
    let mut holder = scene.send_holder();
    let owner = scene.handle.owner().expect("it is held");
    holder.kill();
    let Err(LockError::OwnerDied(died)) = scene.handle.lock_timeout(DEADLINE) else { panic!("nobody told") };
    assert_eq!(died.who(), Some(owner));
    let mut guard = died.into_guard();
    guard.set(7);
    guard.mark_consistent();
    drop(guard);
    assert_eq!(scene.handle.try_lock().unwrap().get(), 7);
}

#[test]
fn a_spinlock_says_who_died_with_it_and_is_in_order_when_it_was_repaired() {
    let scene = Scene::<OfSpinLock>::new();
    let mut holder = scene.send_holder();
    let owner = scene.handle.owner().expect("it is held");
    holder.kill();
    let Err(LockError::OwnerDied(died)) = scene.handle.try_lock() else { panic!("nobody told") };
    assert_eq!(died.who(), Some(owner));
    drop(died);
    drop(scene.handle.lock_or_repair(|value| *value = 7).unwrap());
    assert_eq!(scene.handle.try_lock().unwrap().get(), 7);
}

#[test]
fn a_lock_that_nobody_repaired_is_told_of_as_it_was_found() {
    let scene = Scene::<OfMutex>::new();
    let mut holder = scene.send_holder();
    holder.kill();
    assert_eq!(scene.told(None), Said::Died);
    // By another process as well.
    let mut other = scene.send();
    assert_eq!(other.ask("try"), "Died");
    let Err(LockError::OwnerDied(died)) = scene.handle.try_lock() else { panic!("nobody told") };
    assert_eq!(died.who(), None, "the last one gave it back");
}

#[test]
fn permits_of_the_dead_are_counted() {
    let scene = Scene::<OfPermits>::new();
    for deaths in 1..4 {
        let mut holder = scene.send_holder();
        assert_eq!((scene.handle.available(), scene.handle.holders().len()), (0, 1));
        holder.kill();
        assert_eq!(scene.told(Some(DEADLINE)), Said::Got);
        assert_eq!((scene.handle.available(), scene.handle.reclaimed()), (1, deaths));
    }
}

#[test]
fn a_barrier_says_who_broke_it_and_begins_anew_when_all_have_left() {
    let scene = Scene::<OfBreaking>::new();
    let mut holder = scene.send_holder();
    let mut waiter = scene.handle.join().unwrap();
    let theirs = 1 - waiter.seat();
    holder.kill();
    let Err(BarrierError::Broken(broken)) = waiter.wait_timeout(DEADLINE) else { panic!("not broken") };
    assert_eq!((broken.seat, broken.died, broken.who.is_some()), (theirs, true, true));
    // It stays so, for all.
    assert_eq!(waiter.arrive(), Err(BarrierError::Broken(broken)));
    assert_eq!(waiter.try_wait(), Err(BarrierError::Broken(broken)));
    assert_eq!(scene.handle.join().err(), Some(JoinError::Broken(broken)));
    drop(waiter);
    let (mut holder, mut waiter) = (scene.send_holder(), scene.handle.join().unwrap());
    assert_eq!(waiter.try_wait(), Err(BarrierError::WouldBlock));
    assert_eq!(holder.ask("give"), "given");
    assert!(waiter.wait_timeout(DEADLINE).is_ok());
}

#[test]
fn a_party_that_is_told_of_a_break_and_dies_in_it_does_not_keep_the_barrier() {
    let scene = Scene::<OfBreaking>::new();
    let (mut first, mut second) = (scene.send_holder(), scene.send_sleeper());
    first.kill();
    assert_eq!(heard(&mut second), Said::Broken);
    assert!(matches!(scene.handle.join(), Err(JoinError::Broken(_))), "the second one is in it yet");
    second.kill();
    let (mut one, mut two) = (scene.handle.join().unwrap(), scene.handle.join().unwrap());
    one.arrive().unwrap();
    assert!(two.wait_timeout(DEADLINE).is_ok());
}

#[test]
fn a_party_that_dies_behind_its_arrival_is_missed_in_the_next_phase() {
    let scene = Scene::<OfBreaking>::new();
    let mut holder = scene.send_holder();
    assert_eq!(holder.ask("give"), "given");
    holder.kill();
    let mut waiter = scene.handle.join().unwrap();
    assert!(waiter.wait_timeout(DEADLINE).is_ok(), "it had arrived");
    assert!(matches!(waiter.wait_timeout(DEADLINE), Err(BarrierError::Broken(broken)) if broken.died));
}
