//! What a lock keeps: facts, for any implementation.

#![allow(unsafe_code)] // because giving a lock back is a promise to have it.

use ringway_shm::primitive::{AtomicU32, Ordering};
use ringway_sync::Deadline;
use ringway_sync::backend::{Acquired, Lock, LockError};
use std::cell::UnsafeCell;
use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before it has failed.
const FAR: Duration = Duration::from_secs(60);

/// Gives back what this thread has.
fn unlock(lock: &impl Lock) {
    // SAFETY: each test calls this after an acquisition by the same thread, once.
    unsafe { lock.unlock() }
}

/// Runs `test` while another thread has the lock.
fn while_taken<L: Lock>(lock: &L, test: impl FnOnce()) {
    let taken = &Barrier::new(2);
    let (done, is_done) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(lock.try_lock(), Ok(Acquired::Clean));
            taken.wait();
            // An error: the test is over, well or not.
            let _ = is_done.recv();
            unlock(lock);
        });
        let _done = done;
        taken.wait();
        test();
    });
    assert_eq!(lock.lock_until(Deadline::after(FAR)), Ok(Acquired::Clean));
    unlock(lock);
}

/// Plain numbers that only the lock guards.
#[derive(Default)]
struct Guarded(UnsafeCell<[u64; 2]>);

// SAFETY: the tests touch it with the lock held only, which is what they are about.
unsafe impl Sync for Guarded {}

impl Guarded {
    /// Adds one to both, not at one moment; what was there.
    fn add_one(&self) -> [u64; 2] {
        let numbers = self.0.get();
        // SAFETY: as for `Sync`: nobody else has the lock.
        let [first, second] = unsafe { *numbers };
        // SAFETY: as above.
        unsafe { *numbers = [first + 1, second] }
        thread::yield_now();
        // SAFETY: as above.
        unsafe { *numbers = [first + 1, second + 1] }
        [first, second]
    }
}

pub(crate) fn one_at_a_time_has_it(lock: &impl Lock) {
    const THREADS: u32 = 4;
    const ROUNDS: u32 = 1_000;
    let inside = AtomicU32::new(0);
    let guarded = Guarded::default();
    let contend = |by_trying: bool| {
        for _ in 0..ROUNDS {
            let acquired = loop {
                match if by_trying { lock.try_lock() } else { lock.lock_until(Deadline::after(FAR)) } {
                    Err(LockError::WouldBlock) if by_trying => thread::yield_now(),
                    answer => break answer,
                }
            };
            assert_eq!(acquired, Ok(Acquired::Clean));
            assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0, "two have it");
            let [first, second] = guarded.add_one();
            assert_eq!(first, second, "half of what another wrote");
            inside.fetch_add(u32::MAX, Ordering::Relaxed);
            unlock(lock);
        }
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || contend(thread % 2 == 0));
        }
    });
    assert_eq!(lock.try_lock(), Ok(Acquired::Clean));
    assert_eq!(guarded.add_one(), [u64::from(THREADS * ROUNDS); 2]);
    unlock(lock);
}

pub(crate) fn a_taken_one_is_not_waited_for_by_a_try(lock: &impl Lock) {
    while_taken(lock, || {
        for _ in 0..100 {
            assert_eq!(lock.try_lock(), Err(LockError::WouldBlock));
        }
    });
}

pub(crate) fn waiting_for_a_taken_one_ends_at_the_deadline(lock: &impl Lock) {
    while_taken(lock, || {
        for time in [Duration::ZERO, Duration::from_millis(20)] {
            let begin = Instant::now();
            assert_eq!(lock.lock_until(Deadline::after(time)), Err(LockError::TimedOut));
            assert!(begin.elapsed() >= time, "it gives up early");
            assert!(begin.elapsed() < FAR);
        }
    });
    // A free one is got whatever the time.
    assert_eq!(lock.lock_until(Deadline::after(Duration::ZERO)), Ok(Acquired::Clean));
    unlock(lock);
}

pub(crate) fn waiting_ends_when_it_is_given_back(lock: &impl Lock) {
    for deadline in [Deadline::NEVER, Deadline::after(FAR)] {
        let about_to_wait = Barrier::new(2);
        assert_eq!(lock.try_lock(), Ok(Acquired::Clean));
        thread::scope(|scope| {
            scope.spawn(|| {
                about_to_wait.wait();
                assert_eq!(lock.lock_until(deadline), Ok(Acquired::Clean));
                unlock(lock);
            });
            about_to_wait.wait();
            // So that it waits already; the fact holds if it does not.
            thread::yield_now();
            unlock(lock);
        });
    }
}

pub(crate) fn who_has_it_already_is_told_so(lock: &impl Lock, knows_its_owner: bool) {
    let expected = |blind| Err(if knows_its_owner { LockError::Deadlock } else { blind });
    assert_eq!(lock.try_lock(), Ok(Acquired::Clean));
    assert_eq!(lock.try_lock(), expected(LockError::WouldBlock));
    let soon = Deadline::after(Duration::from_millis(1));
    assert_eq!(lock.lock_until(soon), expected(LockError::TimedOut));
    unlock(lock);
    assert_eq!(lock.try_lock(), Ok(Acquired::Clean), "it was given back once, and had been got once");
    unlock(lock);
}

pub(crate) fn what_was_written_under_it_is_seen_by_the_next(lock: &impl Lock) {
    const ROUNDS: u64 = 2_000;
    let guarded = Guarded::default();
    // Each sees all that both have done.
    let write = || {
        let mut last = 0;
        for _ in 0..ROUNDS {
            assert_eq!(lock.lock_until(Deadline::after(FAR)), Ok(Acquired::Clean));
            let [first, second] = guarded.add_one();
            unlock(lock);
            assert_eq!(first, second);
            assert!(first >= last, "what this thread wrote itself is lost");
            last = first + 1;
        }
    };
    thread::scope(|scope| {
        scope.spawn(write);
        scope.spawn(write);
    });
    assert_eq!(lock.try_lock(), Ok(Acquired::Clean));
    assert_eq!(guarded.add_one(), [2 * ROUNDS; 2]);
    unlock(lock);
}
