//! Signals whose handlers interrupt a sleep change nothing: the deadline holds, and what is given is got.

#![allow(unsafe_code)] // because handlers and timers of a thread are `libc` calls.

use crate::kinds::{Kind, Said, for_each_kind};
use crate::party::DEADLINE;
use crate::scene::Asleep;
use ringway_shm::primitive::{AtomicU32, Ordering};
use ringway_sync::{AcquireError, BinarySemaphore, Semaphore, Setup};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// The handler is the process's, and each test wants one of its own.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A signal to this thread every millisecond; over when dropped.
struct Storm {
    timer: libc::timer_t,
}

impl Storm {
    /// `flags` say whether the calls that a signal interrupts fail, or begin again.
    fn here(flags: libc::c_int) -> Self {
        // SAFETY: plain integers and addresses, for which all-zero is valid.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = flags;
        // SAFETY: a handler that only counts.
        assert_eq!(unsafe { libc::sigaction(libc::SIGALRM, &raw const action, core::ptr::null_mut()) }, 0);
        // SAFETY: as above.
        let mut event: libc::sigevent = unsafe { core::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGALRM;
        // SAFETY: asks for a number.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        let mut timer: libc::timer_t = core::ptr::null_mut();
        // SAFETY: reads the event and writes the timer.
        let made = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
        assert_eq!(made, 0);
        let each = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        let times = libc::itimerspec { it_interval: each, it_value: each };
        // SAFETY: our timer and times that live through the call.
        let set = unsafe { libc::timer_settime(timer, 0, &raw const times, core::ptr::null_mut()) };
        assert_eq!(set, 0);
        Self { timer }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        // SAFETY: our timer, once.
        unsafe { libc::timer_delete(self.timer) };
    }
}

const FLAGS: [libc::c_int; 2] = [0, libc::SA_RESTART];
const SOON: Duration = Duration::from_millis(40);

/// Nothing comes of it, not before its time, and under signals.
fn in_vain(what: &str, wait: impl FnOnce() -> bool) {
    let (before, began) = (SIGNALS.load(Ordering::Relaxed), Instant::now());
    assert!(wait(), "{what}");
    assert!(began.elapsed() >= SOON, "{what}: {:?}", began.elapsed());
    let signals = SIGNALS.load(Ordering::Relaxed).wrapping_sub(before);
    assert!(signals > 3, "{what}: {signals} signals");
}

for_each_kind! {
    a_deadline_holds_and_what_is_given_is_got_under_signals
}

fn a_deadline_holds_and_what_is_given_is_got_under_signals<K: Kind>(_: &str) {
    let _alone = alone();
    for flags in FLAGS {
        let handle = K::anonymous();
        let mut held = K::hold(&handle);
        let mut waiter = K::waiter(&handle);
        // Another thread than the holder's, which would be told that it has the lock.
        let mut waiter = std::thread::spawn(move || {
            let _storm = Storm::here(flags);
            in_vain(K::NAME, || K::take(&mut waiter, Some(SOON)) == Said::Nothing);
            waiter
        })
        .join()
        .unwrap();
        for _ in 0..3 {
            let sleeper = Asleep::<K>::begin(waiter, move || Storm::here(flags));
            std::thread::sleep(Duration::from_millis(5));
            assert!(sleeper.is_waiting());
            K::give(&mut held);
            let said;
            (said, waiter) = sleeper.join();
            assert_eq!(said, Said::Got);
            held = K::hold_on(&handle, held);
        }
        // The waiter first, so that nobody is left to be told of a broken barrier.
        drop(waiter);
    }
}

#[test]
fn a_deadline_holds_and_permits_arrive_under_signals() {
    let _alone = alone();
    for flags in FLAGS {
        let jobs: Semaphore = Setup::new().anonymous().unwrap();
        let signal: BinarySemaphore = Setup::new().anonymous().unwrap();
        let there = (jobs.clone(), signal.clone());
        let (ready, is_ready) = std::sync::mpsc::channel();
        let taker = std::thread::spawn(move || {
            let (jobs, signal) = there;
            let _storm = Storm::here(flags);
            in_vain("a semaphore", || jobs.try_acquire_for(SOON) == Err(AcquireError::TimedOut));
            in_vain("a binary one", || signal.try_acquire_for(SOON) == Err(AcquireError::TimedOut));
            ready.send(()).unwrap();
            for _ in 0..200 {
                jobs.try_acquire_for(DEADLINE).unwrap();
                signal.release().unwrap();
            }
        });
        is_ready.recv().unwrap();
        for round in 0..200 {
            if round % 10 == 0 {
                std::thread::sleep(Duration::from_micros(1500));
            }
            jobs.release(1).unwrap();
            signal.try_acquire_for(DEADLINE).unwrap();
        }
        taker.join().unwrap();
    }
}
