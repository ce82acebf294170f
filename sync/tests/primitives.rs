//! What each primitive does between threads: one at a time, as many as there are, all or nobody.

#![forbid(unsafe_code)]

use ringway_shm::primitive::{AtomicU32, Ordering};
use ringway_sync::{
    AcquireError, Barrier, BarrierError, BinarySemaphore, Data, JoinError, LockError, Mutex, OnDeath,
    Permits, ReleaseError, Semaphore, Setup, Shared, SpinLock,
};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(2);

fn anonymous<S: Shared>() -> S {
    Setup::new().anonymous().unwrap()
}

/// Ends its thread with the lock held: its guard is forgotten.
fn orphan_mutex(mutex: &Mutex<[u64; 2]>) {
    let there = mutex.clone();
    thread::spawn(move || std::mem::forget(there.lock().unwrap())).join().unwrap();
}

#[test]
fn a_mutex_is_held_by_one_at_a_time() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 20_000;
    let pair: Mutex<[u64; 2]> = anonymous();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let mut guard = pair.lock_timeout(LONG).unwrap();
                    let [a, b] = guard.get();
                    assert_eq!(a, b);
                    guard.set([a + 1, a]);
                    guard.set([a + 1, a + 1]);
                }
            });
        }
    });
    assert_eq!(pair.lock().unwrap().get(), [THREADS * ROUNDS; 2]);
}

#[test]
fn a_spinlock_is_held_by_one_at_a_time() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 20_000;
    let pair: SpinLock<[u64; 2]> = anonymous();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let mut guard = pair.lock_timeout(LONG).unwrap();
                    let [a, b] = guard.get();
                    assert_eq!(a, b);
                    guard.set([a + 1, a]);
                    guard.set([a + 1, a + 1]);
                }
            });
        }
    });
    assert_eq!(pair.lock().unwrap().get(), [THREADS * ROUNDS; 2]);
}

#[test]
fn a_mutex_of_a_thread_that_ended_with_it_is_told_once_it_is_repaired() {
    let pair: Mutex<[u64; 2]> = anonymous();
    orphan_mutex(&pair);
    let Err(LockError::OwnerDied(died)) = pair.lock_timeout(LONG) else { panic!("nobody told") };
    assert!(died.who().is_some());
    // Not repaired: the next one is told as well, but not by whom.
    drop(died);
    let Err(LockError::OwnerDied(died)) = pair.try_lock() else { panic!("nobody told again") };
    assert!(died.who().is_none());
    let mut guard = died.into_guard();
    assert!(!guard.is_consistent());
    guard.mark_consistent();
    drop(guard);
    assert!(pair.lock().unwrap().is_consistent());
}

#[test]
fn whoever_waits_for_a_mutex_gets_it_when_its_holder_ends() {
    let pair: Mutex<[u64; 2]> = anonymous();
    let (held, there) = (std::sync::mpsc::channel(), pair.clone());
    let holder = thread::spawn(move || {
        std::mem::forget(there.lock().unwrap());
        held.0.send(()).unwrap();
        thread::sleep(Duration::from_millis(20));
    });
    held.1.recv().unwrap();
    assert!(matches!(pair.lock_timeout(LONG), Err(LockError::OwnerDied(_))));
    holder.join().unwrap();
}

#[test]
fn who_has_a_lock_is_refused_it() {
    let pair: Mutex<[u64; 2]> = anonymous();
    let _guard = pair.lock().unwrap();
    assert!(matches!(pair.lock(), Err(LockError::Deadlock)));
    assert!(matches!(pair.try_lock(), Err(LockError::Deadlock)));
    let pair: SpinLock<u64> = anonymous();
    let _guard = pair.lock().unwrap();
    assert!(matches!(pair.lock(), Err(LockError::Deadlock)));
    assert!(matches!(pair.try_lock(), Err(LockError::Deadlock)));
}

#[test]
fn a_lock_that_is_taken_is_refused_in_time() {
    let (mutex, spin): (Mutex<u64>, SpinLock<u64>) = (anonymous(), anonymous());
    let (_one, _two) = (mutex.lock().unwrap(), spin.lock().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(matches!(mutex.try_lock(), Err(LockError::WouldBlock)));
            assert!(matches!(mutex.lock_timeout(SHORT), Err(LockError::TimedOut)));
            assert!(matches!(mutex.lock_timeout(Duration::ZERO), Err(LockError::TimedOut)));
            assert!(matches!(spin.try_lock(), Err(LockError::WouldBlock)));
            assert!(matches!(spin.lock_timeout(SHORT), Err(LockError::TimedOut)));
        });
    });
}

#[test]
fn a_panic_leaves_a_lock_in_order_unless_it_is_asked_not_to() {
    let pair: Mutex<u64> = anonymous();
    let panics = |mutex: Mutex<u64>| {
        let ended = thread::spawn(move || {
            let _guard = mutex.lock().unwrap();
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(ended.join().is_err());
    };
    panics(pair.clone());
    assert!(pair.lock().is_ok());
    panics(pair.clone().poison_on_panic());
    assert!(matches!(pair.lock(), Err(LockError::OwnerDied(_))));
    let spin: SpinLock<u64> = anonymous();
    let there = spin.clone().poison_on_panic();
    let ended = thread::spawn(move || {
        let _guard = there.lock().unwrap();
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(ended.join().is_err());
    assert!(matches!(spin.lock(), Err(LockError::OwnerDied(_))));
}

#[test]
fn a_spinlock_of_a_thread_that_ended_with_it_is_repaired() {
    let pair: SpinLock<u64> = anonymous();
    let there = pair.clone();
    thread::spawn(move || std::mem::forget(there.lock().unwrap())).join().unwrap();
    let guard = pair.lock_or_repair(|value| *value = 9).unwrap();
    assert_eq!(guard.get(), 9);
    drop(guard);
    assert_eq!(pair.lock().unwrap().get(), 9);
}

#[test]
fn a_semaphore_counts() {
    let permits: Semaphore = anonymous();
    assert_eq!(permits.try_acquire(), Err(AcquireError::WouldBlock));
    permits.release(0).unwrap();
    permits.release(3).unwrap();
    assert_eq!(permits.count(), 3);
    (0..3).for_each(|_| permits.acquire().unwrap());
    assert_eq!(permits.try_acquire_for(SHORT), Err(AcquireError::TimedOut));
    permits.release(Semaphore::MAX).unwrap();
    assert_eq!(permits.release(1), Err(ReleaseError::Overflow { max: Semaphore::MAX }));
    assert_eq!(permits.count(), Semaphore::MAX);
}

#[test]
fn a_semaphore_lets_as_many_by_as_were_released() {
    const THREADS: u32 = 4;
    const EACH: u32 = 5_000;
    let (jobs, done): (Semaphore, Semaphore) = (anonymous(), anonymous());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    jobs.try_acquire_for(LONG).unwrap();
                    done.release(1).unwrap();
                }
            });
        }
        scope.spawn(|| {
            let mut left = THREADS * EACH;
            while left > 0 {
                let some = left.min(7);
                jobs.release(some).unwrap();
                left -= some;
            }
        });
        (0..THREADS * EACH).for_each(|_| done.try_acquire_for(LONG).unwrap());
    });
    assert_eq!((jobs.count(), done.count()), (0, 0));
}

#[test]
fn all_who_wait_are_woken_by_one_release_of_many() {
    let jobs: Semaphore = anonymous();
    thread::scope(|scope| {
        (0..8).for_each(|_| _ = scope.spawn(|| jobs.try_acquire_for(LONG).unwrap()));
        thread::sleep(Duration::from_millis(20));
        jobs.release(3000).unwrap();
    });
    assert_eq!((jobs.count(), jobs.repaired()), (2992, 0));
}

#[test]
fn a_binary_semaphore_is_there_or_not() {
    let signal: BinarySemaphore = anonymous();
    assert!(!signal.is_released());
    signal.release().unwrap();
    signal.release().unwrap();
    assert!(signal.is_released());
    signal.acquire().unwrap();
    assert_eq!(signal.try_acquire(), Err(AcquireError::WouldBlock));
    thread::scope(|scope| {
        scope.spawn(|| signal.try_acquire_for(LONG).unwrap());
        scope.spawn(|| signal.try_acquire_for(LONG).unwrap());
        thread::sleep(Duration::from_millis(10));
        signal.release().unwrap();
        while signal.is_released() {
            thread::yield_now();
        }
        signal.release().unwrap();
    });
    assert!(!signal.is_released());
}

#[test]
fn no_more_permits_are_out_than_there_are() {
    let (rooms, inside): (Permits<3>, Mutex<[u32; 3]>) = (anonymous(), anonymous());
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    let permit = rooms.try_acquire_for(LONG).unwrap();
                    let number = permit.number();
                    inside.lock().unwrap().update(|inside| inside[number] += 1);
                    assert_eq!(inside.lock().unwrap().get()[number], 1, "two have one permit");
                    inside.lock().unwrap().update(|inside| inside[number] -= 1);
                    drop(permit);
                }
            });
        }
    });
    assert_eq!((rooms.available(), rooms.holders()), (3, vec![]));
}

#[test]
fn a_permit_may_be_given_back_by_another_thread() {
    let rooms: Permits<1> = anonymous();
    let permit = rooms.acquire().unwrap();
    assert_eq!(rooms.try_acquire_for(SHORT).err(), Some(AcquireError::TimedOut));
    thread::spawn(move || drop(permit)).join().unwrap();
    assert_eq!(rooms.acquire().unwrap().number(), 0);
}

#[test]
fn the_parties_of_a_barrier_pass_each_phase_together() {
    const PARTIES: u32 = 4;
    const PHASES: u32 = 2_000;
    let (barrier, at): (Barrier, [Data<u32>; 4]) = (anonymous(), anonymous());
    barrier.expect(PARTIES).unwrap();
    let at = &at;
    let last: u32 = thread::scope(|scope| {
        let parties: Vec<_> = (0..PARTIES).map(|_| barrier.join().unwrap()).collect();
        let threads = parties.into_iter().map(|mut party| {
            scope.spawn(move || {
                let mut last = 0;
                for phase in 0..PHASES {
                    at[party.seat() as usize].set(&phase);
                    let passed = party.wait_timeout(LONG).unwrap();
                    assert_eq!(passed.phase, phase);
                    last += u32::from(passed.is_last);
                    for other in at {
                        let other = other.get();
                        assert!(other == phase || other == phase + 1, "{other} in phase {phase}");
                    }
                }
                // Nobody breaks the last phase for those who are still in it.
                party.arrive_and_drop().unwrap();
                last
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(last, PHASES);
}

#[test]
fn a_party_that_leaves_breaks_the_barrier_until_all_have_left() {
    let barrier: Barrier = anonymous();
    assert_eq!(barrier.join().err(), Some(JoinError::NotSetUp));
    assert_eq!(barrier.expect(33).err(), Some(JoinError::Parties { max: 32 }));
    barrier.expect(2).unwrap();
    barrier.expect(2).unwrap();
    assert_eq!(barrier.expect(3), Err(JoinError::Expects { parties: 2 }));
    let (mut one, two) = (barrier.join().unwrap(), barrier.join().unwrap());
    assert_eq!(barrier.join().err(), Some(JoinError::Full { parties: 2 }));
    assert_eq!(one.wait_timeout(SHORT), Err(BarrierError::TimedOut));
    let seat = two.seat();
    drop(two);
    let Err(BarrierError::Broken(broken)) = one.wait() else { panic!("not broken") };
    assert_eq!((broken.seat, broken.died), (seat, false));
    assert!(matches!(barrier.join(), Err(JoinError::Broken(_))));
    drop(one);
    let (mut one, mut two) = (barrier.join().unwrap(), barrier.join().unwrap());
    one.arrive().unwrap();
    two.arrive_and_wait().unwrap();
    one.wait().unwrap();
}

#[test]
fn a_party_that_leaves_is_not_waited_for_where_that_was_chosen() {
    let barrier: Barrier = anonymous();
    barrier.expect_with(3, OnDeath::Drop).unwrap();
    assert_eq!(barrier.expect(3), Err(JoinError::Expects { parties: 3 }));
    let (mut one, two, three) = (barrier.join().unwrap(), barrier.join().unwrap(), barrier.join().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            drop(two);
            drop(three);
        });
        one.wait_timeout(LONG).unwrap();
    });
    one.wait_timeout(LONG).unwrap();
    drop(one);
    // Begun anew.
    let parties = [barrier.join().unwrap(), barrier.join().unwrap(), barrier.join().unwrap()];
    assert_eq!(parties.each_ref().map(ringway_sync::Party::seat), [0, 1, 2]);
}

#[test]
fn what_was_set_up_is_there_before_the_name() {
    let name = format!("sync-primitives-{}", std::process::id());
    let made = Setup::new().create_with(name.as_str(), |semaphore: &Semaphore| {
        semaphore.release(5)?;
        assert!(Semaphore::open(name.as_str()).is_err(), "nobody sees it yet");
        Ok::<_, Box<dyn std::error::Error>>(())
    });
    let made = made.unwrap();
    assert_eq!(Semaphore::open(name.as_str()).unwrap().count(), 5);
    assert!(Mutex::<u64>::open(name.as_str()).is_err(), "it is no mutex");
    assert!(BinarySemaphore::open(name.as_str()).is_err(), "nor a binary semaphore");
    drop(made);
}

/// A race of a few instructions is rarely met here: the explorer's scenario `barrier-seat` shows it each time.
#[test]
fn who_begins_a_barrier_anew_takes_no_seat_from_one_who_has_joined_it() {
    let barrier: Barrier = Setup::new().anonymous().unwrap();
    barrier.expect(1).unwrap();
    let inside = AtomicU32::new(0);
    // Each one that leaves leaves nobody behind, so that whoever comes next begins anew, and several try at once.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    if let Ok(party) = barrier.join() {
                        assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0, "two have the one seat");
                        inside.store(0, Ordering::Release);
                        drop(party);
                    }
                }
            });
        }
    });
}
