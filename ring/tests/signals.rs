//! Signals that interrupt every call to the kernel change nothing: the deadline holds, and messages arrive.

#![allow(unsafe_code)] // because handlers and timers of a thread are `libc` calls.

mod fixture;

use fixture::kinds::{Kind, Receives, Sends, Side, for_each_kind};
use fixture::{LIMIT, alone, in_time};
use ringway::shm::primitive::{AtomicU32, Ordering};
use ringway::{RecvError, SendError, WaitStrategy};
use std::time::{Duration, Instant};

const ROOM: u64 = 4;

static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// A signal to this thread every millisecond, whose handler lets the calls that it interrupts fail; over when dropped.
struct Storm {
    timer: libc::timer_t,
    before: u32,
}

impl Storm {
    fn here() -> Self {
        // SAFETY: plain integers and addresses, for which all-zero is valid: no flags, so no SA_RESTART.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
        // SAFETY: a handler that only counts.
        assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, core::ptr::null_mut()) }, 0);
        // SAFETY: as above.
        let mut event: libc::sigevent = unsafe { core::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGUSR1;
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
        Self { timer, before: SIGNALS.load(Ordering::Relaxed) }
    }

    /// Signals so far.
    fn count(&self) -> u32 {
        SIGNALS.load(Ordering::Relaxed).wrapping_sub(self.before)
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        // SAFETY: our timer, once.
        unsafe { libc::timer_delete(self.timer) };
    }
}

const STRATEGIES: [WaitStrategy; 3] = [WaitStrategy::Spin, WaitStrategy::SpinThenSleep, WaitStrategy::Sleep];

const SOON: Duration = Duration::from_millis(40);

for_each_kind! {
    a_deadline_holds_under_signals
    messages_arrive_under_signals
}

fn a_deadline_holds_under_signals<K: Kind>(_: &str) {
    let _alone = alone();
    let region = K::anonymous(ROOM);
    let (mut tx, mut rx) = (K::Tx::attach(&region).unwrap(), K::Rx::attach(&region).unwrap());
    for strategy in STRATEGIES {
        rx.set_wait_strategy(strategy);
        tx.set_wait_strategy(strategy);
        let storm = Storm::here();
        let began = Instant::now();
        assert_eq!(rx.recv_until(SOON.into()), Err(RecvError::TimedOut));
        assert!(began.elapsed() >= SOON && began.elapsed() < LIMIT, "{strategy:?}: {:?}", began.elapsed());
        assert_eq!(rx.await_peer(SOON.into()), fixture::kinds::Said::Done);
        while tx.try_send(1).is_ok() {}
        let began = Instant::now();
        assert_eq!(tx.send_until(1, SOON.into()), Err(SendError::TimedOut));
        assert!(began.elapsed() >= SOON && began.elapsed() < LIMIT, "{strategy:?}: {:?}", began.elapsed());
        assert!(storm.count() > 5, "{} signals", storm.count());
        while rx.try_recv().is_ok() {}
    }
    // Also where there is nobody to wait for.
    drop(tx);
    drop(rx);
    let mut rx = K::Rx::attach(&K::anonymous(ROOM)).unwrap();
    let _storm = Storm::here();
    let began = Instant::now();
    assert_eq!(rx.await_peer(SOON.into()), fixture::kinds::Said::Nothing);
    assert_eq!(rx.recv_until(SOON.into()), Err(RecvError::TimedOut));
    assert!(began.elapsed() >= 2 * SOON);
}

fn messages_arrive_under_signals<K: Kind>(_: &str) {
    let _alone = alone();
    for strategy in STRATEGIES {
        let region = K::anonymous(2);
        let (mut tx, mut rx) = (K::Tx::attach(&region).unwrap(), K::Rx::attach(&region).unwrap());
        rx.set_wait_strategy(strategy);
        tx.set_wait_strategy(strategy);
        let sender = std::thread::spawn(move || {
            let _storm = Storm::here();
            for number in 0..300 {
                if number % 10 == 0 {
                    std::thread::sleep(Duration::from_micros(1500));
                }
                tx.send_until(number, LIMIT.into()).unwrap();
            }
        });
        in_time(move || {
            let _storm = Storm::here();
            for number in 0..300 {
                if number % 16 == 0 {
                    std::thread::sleep(Duration::from_micros(1500));
                }
                assert_eq!(rx.recv_until(LIMIT.into()), Ok(number));
            }
            assert_eq!(rx.recv(), Err(RecvError::Closed));
        });
        sender.join().unwrap();
    }
}
