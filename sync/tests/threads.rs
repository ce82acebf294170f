//! Each primitive between threads of one process, in numbers that the thread sanitizer and Miri get through. What it guards is
//! plain memory, so an ordering that is too weak is a data race.

#![allow(unsafe_code)] // because what the primitives guard is plain memory.

use ringway_sync::{Barrier, BinarySemaphore, LockError, Mutex, Permits, Semaphore, Setup, Shared, SpinLock};
use std::cell::UnsafeCell;
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const ROUNDS: u64 = if cfg!(miri) { 12 } else { 3_000 };
const THREADS: u64 = 3;

/// Runs something in several threads, and joins each: what the end of a scope alone hands on, the thread sanitizer does not see.
fn in_threads(count: u64, run: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                scope.spawn({
                    let run = &run;
                    move || run(number)
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

fn anonymous<S: Shared>() -> S {
    Setup::new().anonymous().unwrap()
}

#[test]
fn a_mutex_in_place_hands_on_what_was_written() {
    // SAFETY: nobody else has the region.
    let pair = unsafe { anonymous::<Mutex<[u64; 2]>>().in_place() };
    in_threads(THREADS, |_| {
        for round in 0..ROUNDS {
            let mut guard = match round % 4 {
                0 => match pair.try_lock() {
                    Ok(guard) => guard,
                    Err(LockError::WouldBlock) => pair.lock().unwrap(),
                    Err(error) => panic!("{error}"),
                },
                _ => pair.lock_timeout(LONG).unwrap(),
            };
            guard[0] += 1;
            guard[1] += 1;
            assert_eq!(guard[0], guard[1]);
        }
    });
    assert_eq!(*pair.lock().unwrap(), [THREADS * ROUNDS; 2]);
}

#[test]
fn a_spinlock_in_place_hands_on_what_was_written() {
    // SAFETY: nobody else has the region.
    let pair = unsafe { anonymous::<SpinLock<[u64; 2]>>().in_place() };
    in_threads(THREADS, |_| {
        for _ in 0..ROUNDS {
            let mut guard = pair.lock_timeout(LONG).unwrap();
            guard[0] += 1;
            guard[1] += 1;
            assert_eq!(guard[0], guard[1]);
        }
    });
    assert_eq!(*pair.lock().unwrap(), [THREADS * ROUNDS; 2]);
}

#[test]
fn a_lock_of_a_thread_that_ended_hands_on_what_it_wrote() {
    // SAFETY: nobody else has the region.
    let pair = unsafe { anonymous::<Mutex<[u64; 2]>>().in_place() };
    let holder = pair.clone();
    let holder = thread::spawn(move || {
        let mut guard = holder.lock().unwrap();
        guard[0] = 7;
        std::mem::forget(guard);
    });
    // In a race with its end.
    let guard = loop {
        match pair.lock_timeout(LONG) {
            Err(LockError::OwnerDied(died)) => break died.into_guard(),
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(*guard, [7, 0]);
    drop(guard);
    holder.join().unwrap();
}

/// Plain memory, which only the primitive under test keeps from being accessed at once: if it does not, that is a data race.
struct Plainly<T>(UnsafeCell<T>);

// SAFETY: that it is accessed by one thread at a time is what is tested.
unsafe impl<T: Send> Sync for Plainly<T> {}

impl<T: Copy + Default> Plainly<T> {
    fn new() -> Self {
        Self(UnsafeCell::new(T::default()))
    }

    fn get(&self) -> T {
        // SAFETY: as above.
        unsafe { *self.0.get() }
    }

    fn set(&self, value: T) {
        // SAFETY: as above.
        unsafe { *self.0.get() = value }
    }
}

#[test]
fn semaphores_hand_on_what_was_written() {
    let (full, empty): (Semaphore, BinarySemaphore) = (anonymous(), anonymous());
    let value = Plainly::<[u64; 4]>::new();
    empty.release().unwrap();
    in_threads(2, |number| {
        for round in 0..ROUNDS {
            if number == 0 {
                empty.try_acquire_for(LONG).unwrap();
                value.set([round; 4]);
                full.release(1).unwrap();
            } else {
                full.try_acquire_for(LONG).unwrap();
                assert_eq!(value.get(), [round; 4]);
                empty.release().unwrap();
            }
        }
    });
}

#[test]
fn a_permit_hands_on_what_was_written() {
    let permits: Permits<2> = anonymous();
    let values = [Plainly::<u64>::new(), Plainly::new()];
    in_threads(THREADS, |_| {
        for _ in 0..ROUNDS {
            let permit = permits.try_acquire_for(LONG).unwrap();
            let value = &values[permit.number()];
            value.set(value.get() + 1);
        }
    });
    assert_eq!(values[0].get() + values[1].get(), THREADS * ROUNDS);
}

#[test]
fn a_barrier_hands_on_what_was_written() {
    let barrier: Barrier = anonymous();
    barrier.expect(THREADS as u32).unwrap();
    let values: [Plainly<u64>; THREADS as usize] = std::array::from_fn(|_| Plainly::new());
    in_threads(THREADS, |_| {
        let mut party = barrier.join().unwrap();
        for round in 0..ROUNDS / 2 {
            // One's own, and behind the barrier the next one's: never at once.
            let seat = party.seat() as usize;
            values[seat].set(round + 1);
            party.wait_timeout(LONG).unwrap();
            assert_eq!(values[(seat + 1) % THREADS as usize].get(), round + 1);
            party.wait_timeout(LONG).unwrap();
        }
        party.arrive_and_drop().unwrap();
    });
}
