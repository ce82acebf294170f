//! Threads that end with what they hold, in a process that goes on.

#![allow(unsafe_code)] // because keys of pthread are `libc` calls.

use crate::kinds::{Kind, Said, for_each_kind};
use crate::party::DEADLINE;
use crate::scene::{SHORT, Scene};
use ringway_shm::ParticipateError;
use ringway_sync::{Guard, Held, LockError, Mutex, Setup, SpinLock};
use std::cell::RefCell;
use std::ptr;
use std::sync::Mutex as Mutex_;
use std::sync::mpsc::{Sender, channel};
use std::thread;

for_each_kind! {
    what_a_thread_ended_with_is_told_of_or_stays_with_its_process
}

fn what_a_thread_ended_with_is_told_of_or_stays_with_its_process<K: Kind>(_: &str) {
    let scene = Scene::<K>::new();
    let mut party = scene.send();
    assert_eq!(party.ask("thread"), "ended");
    let mut waiter = K::waiter(&scene.handle);
    if K::IS_OF_THREAD {
        assert_eq!(K::take(&mut waiter, Some(DEADLINE)), K::TOLD);
    } else {
        assert_eq!(K::take(&mut waiter, Some(SHORT)), Said::Nothing);
        party.kill();
        assert_eq!(K::take(&mut waiter, Some(DEADLINE)), K::TOLD);
    }
}

/// Does something when its thread ends.
struct AtEnd(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.take().expect("set once")();
    }
}

thread_local! {
    static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

/// Has this thread do something when its thread-locals are destroyed.
fn at_end(deed: impl FnOnce() + 'static) {
    AT_END.with(|at_end| *at_end.borrow_mut() = Some(AtEnd(RefCell::new(Some(Box::new(deed))))));
}

/// A verb that takes a lock.
type Takes<L> = fn(&'static L) -> Result<Guard<'static, L>, LockError<L>>;

fn leaked<L: ringway_sync::Shared>() -> &'static L {
    Box::leak(Box::new(Setup::new().anonymous().unwrap()))
}

/// A guard that lies in a thread-local holds until that is destroyed, and a lock is taken there as anywhere.
fn holds_to_the_end<L: Held + Send + Sync>(lock: &'static L, verb: Takes<L>) {
    let (late, is_late) = channel::<()>();
    let (go_on, may_go_on) = channel::<()>();
    let thread = thread::spawn(move || {
        let kept = std::rc::Rc::new(RefCell::new(None));
        let guard = std::rc::Rc::clone(&kept);
        // First, so that it is destroyed last.
        at_end(move || {
            late.send(()).unwrap();
            may_go_on.recv().unwrap();
            drop(guard.take());
            assert!(verb(lock).is_ok());
        });
        let Ok(taken) = verb(lock) else { panic!("it is free") };
        *kept.borrow_mut() = Some(taken);
    });
    is_late.recv().unwrap();
    assert!(matches!(verb(lock), Err(LockError::WouldBlock)), "a guard of it is alive");
    go_on.send(()).unwrap();
    thread.join().unwrap();
    assert!(verb(lock).is_ok());
}

#[test]
fn a_guard_in_a_thread_local_holds_until_that_is_destroyed() {
    holds_to_the_end(leaked::<Mutex<u64>>(), Mutex::try_lock);
    holds_to_the_end(leaked::<SpinLock<u64>>(), SpinLock::try_lock);
}

/// What a lock is asked for when everything of the thread is gone: in the last round of the destructors of keys, by one that was
/// made after the library's.
static ASKED: Mutex_<Option<Asked>> = Mutex_::new(None);

struct Asked {
    lock: &'static Mutex<u64>,
    key: libc::pthread_key_t,
    say: Sender<bool>,
}

extern "C" fn ask_last(rounds: *mut libc::c_void) {
    let rounds = rounds as usize;
    let asked = ASKED.lock().unwrap();
    let Asked { lock, key, say } = asked.as_ref().unwrap();
    if rounds < 4 {
        // SAFETY: a key of ours; the value is a number.
        unsafe { libc::pthread_setspecific(*key, ptr::without_provenance(rounds + 1)) };
    } else {
        let answer = lock.try_lock();
        say.send(matches!(answer, Err(LockError::Participate(ParticipateError::ThreadEnds)))).unwrap();
    }
}

#[test]
fn a_thread_that_has_given_its_rows_back_gets_no_lock_and_leaves_none() {
    let mutex = leaked::<Mutex<u64>>();
    let (say, said) = channel();
    thread::spawn(move || {
        drop(mutex.try_lock());
        let mut key = 0;
        // SAFETY: fills what it is given.
        assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(ask_last)) }, 0);
        *ASKED.lock().unwrap() = Some(Asked { lock: mutex, key, say });
        // SAFETY: the key made above; the value is a number.
        unsafe { libc::pthread_setspecific(key, ptr::without_provenance(1)) };
    })
    .join()
    .unwrap();
    assert!(said.recv().unwrap(), "a thread that has no row has a lock");
    assert!(mutex.try_lock().is_ok());
    // Nor a row.
    assert_eq!(mutex.region().participants().unwrap().len(), 1);
}
