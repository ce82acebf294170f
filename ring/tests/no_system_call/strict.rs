//! A thread that may read, write and exit, and nothing else (seccomp, strict mode): any other system call kills it.

#![allow(unsafe_code)] // because seccomp and the bare exit are `libc` calls.

use crate::fixture::{LIMIT, config};
use ringway::bytes::{self, Messages};
use ringway::shm::primitive::{AtomicU32, Ordering};
use ringway::slots::{self, Latency, Layout, Throughput};
use ringway::{TryRecvError, TrySendError, Wrap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Messages: each verb sends or receives a million at least.
const COUNT: u64 = 9_000_000;

/// How the thread ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its work is done.
    Done,
    /// It was killed in the middle.
    Killed,
}

/// Does `work` on a thread that is killed when it makes a system call. Nothing of the thread is dropped.
fn strictly(work: impl FnOnce() + Send + 'static) -> End {
    static IDLE: u32 = 0;
    const READY: u32 = 1;
    const DONE: u32 = 2;
    let state = Arc::new(AtomicU32::new(IDLE));
    let number = Arc::new(AtomicU32::new(0));
    let (theirs, told) = (Arc::clone(&state), Arc::clone(&number));
    std::thread::spawn(move || {
        // SAFETY: asks for this thread's number.
        let thread = unsafe { libc::syscall(libc::SYS_gettid) };
        told.store(thread as u32, Ordering::Relaxed);
        theirs.store(READY, Ordering::Release);
        // SAFETY: from here on the kernel kills this thread for any call but read, write, exit and sigreturn.
        let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) };
        if set == 0 {
            work();
            theirs.store(DONE, Ordering::Release);
        }
        loop {
            // SAFETY: ends this thread alone, whose memory stays as it is. (glibc's exit would be another call.)
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        }
    });
    let started = Instant::now();
    while state.load(Ordering::Acquire) == IDLE {
        std::thread::yield_now();
    }
    let path = format!("/proc/self/task/{}", number.load(Ordering::Relaxed));
    while std::fs::metadata(&path).is_ok() {
        assert!(started.elapsed() < LIMIT, "it neither ends nor dies");
        std::thread::sleep(Duration::from_millis(1));
    }
    if state.load(Ordering::Acquire) == DONE { End::Done } else { End::Killed }
}

#[test]
fn a_thread_that_calls_is_killed() {
    let call = || {
        // SAFETY: asks for a number.
        unsafe { libc::syscall(libc::SYS_getppid) };
    };
    assert_eq!(strictly(call), End::Killed);
    assert_eq!(strictly(|| {}), End::Done);
}

#[test]
fn records_are_sent_and_received_without_a_system_call() {
    for wrap in [Wrap::Padding, Wrap::Mirrored] {
        let region = Arc::new(bytes::anonymous(&config(4096).wrap(wrap)).unwrap());
        let mut tx = bytes::Producer::attach(&region).unwrap();
        let mut rx = bytes::Consumer::attach(&region).unwrap();
        let mut message = Vec::with_capacity(4096);
        let mut messages = Messages::with_room(4096);
        let work = move || {
            let (mut sent, mut received) = (0u64, 0u64);
            let is_next = |message: &[u8], received: &mut u64| {
                assert!(message[..8] == received.to_le_bytes());
                *received += 1;
            };
            while received < COUNT {
                tx.try_send(&sent.to_le_bytes()).unwrap();
                tx.send(&(sent + 1).to_le_bytes()).unwrap();
                tx.send_timeout(&(sent + 2).to_le_bytes(), Duration::MAX).unwrap();
                let mut record = tx.try_reserve(100).unwrap();
                record.write_at(0, &(sent + 3).to_le_bytes());
                record.commit();
                let mut record = tx.reserve(8).unwrap();
                record.copy_from(&(sent + 4).to_le_bytes());
                record.commit_prefix(8);
                let mut batch = tx.batch();
                batch.try_send(&(sent + 5).to_le_bytes()).unwrap();
                batch.send(&(sent + 6).to_le_bytes()).unwrap();
                batch.flush();
                drop(batch);
                sent += 7;
                rx.try_recv(&mut message).unwrap();
                is_next(&message, &mut received);
                rx.recv(&mut message).unwrap();
                is_next(&message, &mut received);
                let mut target = [0; 128];
                let len = rx.recv_into(&mut target).unwrap();
                is_next(&target[..len], &mut received);
                let peek = rx.try_peek().unwrap();
                peek.read_at(0, &mut target[..8]);
                peek.release();
                is_next(&target[..8], &mut received);
                if received % 2 == 0 {
                    rx.try_recv_many(&mut messages).unwrap();
                } else {
                    rx.recv_many(&mut messages).unwrap();
                }
                messages.iter().for_each(|message| is_next(message, &mut received));
                // What lies behind the end was cut off; the rest comes alone.
                while received < sent {
                    rx.try_recv_into(&mut target).unwrap();
                    is_next(&target, &mut received);
                }
                // In vain, with the other side alive.
                assert_eq!(rx.try_recv(&mut message), Err(TryRecvError::Empty));
                if sent % 700 == 0 {
                    while tx.try_send(&[1; 1000]).is_ok() {}
                    assert!(matches!(tx.try_send(&[1; 1000]), Err(TrySendError::Full { .. })));
                    while rx.try_recv(&mut message).is_ok() {}
                }
            }
            core::mem::forget((tx, rx, message, messages));
        };
        assert_eq!(strictly(work), End::Done, "{wrap:?}");
    }
}

#[test]
fn slots_are_sent_and_received_without_a_system_call() {
    slots_go::<Throughput>();
}

#[test]
fn slots_in_the_latency_layout_are_sent_and_received_without_a_system_call() {
    slots_go::<Latency>();
}

fn slots_go<L: Layout>()
where
    slots::Producer<u64, L>: Send,
    slots::Consumer<u64, L>: Send,
{
    let region = Arc::new(slots::anonymous_in::<u64, L>(&config(16)).unwrap());
    let mut tx = slots::Producer::<u64, L>::attach(&region).unwrap();
    let mut rx = slots::Consumer::<u64, L>::attach(&region).unwrap();
    let work = move || {
        let (mut sent, mut received) = (0u64, 0u64);
        let mut values = [0; 16];
        while received < COUNT {
            tx.try_send(&sent).unwrap();
            tx.send(&(sent + 1)).unwrap();
            tx.send_until(&(sent + 2), Duration::MAX).unwrap();
            tx.try_send_many(&[sent + 3, sent + 4]).unwrap();
            tx.send_many(&[sent + 5, sent + 6]).unwrap();
            let mut slots = tx.try_reserve().unwrap();
            slots.write(0, &(sent + 7));
            slots.commit();
            let mut slots = tx.reserve().unwrap();
            slots.write(0, &(sent + 8));
            slots.commit();
            sent += 9;
            assert_eq!(rx.try_recv(), Ok(received));
            assert_eq!(rx.recv(), Ok(received + 1));
            let mut value = 0;
            rx.recv_into(&mut value).unwrap();
            assert_eq!(value, received + 2);
            let peek = rx.peek().unwrap();
            assert_eq!(peek.read(0), received + 3);
            peek.release();
            let count = rx.try_recv_many(&mut values[..2]).unwrap();
            assert_eq!((count, values[0], values[1]), (2, received + 4, received + 5));
            let peek = rx.try_peek_many(1).unwrap();
            assert_eq!(peek.read(0), received + 6);
            peek.release_prefix(1);
            let count = rx.recv_many(&mut values).unwrap();
            assert_eq!((count, values[0], values[1]), (2, received + 7, received + 8));
            received += 9;
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            if sent % 900 == 0 {
                while tx.try_send(&1).is_ok() {}
                assert!(matches!(tx.try_send(&1), Err(TrySendError::Full { .. })));
                while rx.try_recv().is_ok() {}
            }
        }
        core::mem::forget((tx, rx));
    };
    assert_eq!(strictly(work), End::Done);
}
