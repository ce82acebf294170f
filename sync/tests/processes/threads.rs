//! Threads that end with what they hold, in a process that goes on.

use crate::kinds::{Kind, Said, for_each_kind};
use crate::party::DEADLINE;
use crate::scene::{SHORT, Scene};
use ringway_shm::ParticipateError;
use ringway_sync::{Guard, Held, LockError, Mutex, Setup, SpinLock};
use std::cell::RefCell;
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

/// Has this thread do something at its end: behind the end of all thread-locals that it first uses from now on.
fn at_end(deed: impl FnOnce() + 'static) {
    AT_END.with(|at_end| *at_end.borrow_mut() = Some(AtEnd(RefCell::new(Some(Box::new(deed))))));
}

/// A verb that takes a lock.
type Takes<L> = fn(&'static L) -> Result<Guard<'static, L>, LockError<L>>;

/// What a lock answers in a destructor that runs when the rows of the thread were given back, by every verb.
fn answers_at_the_end<L: Held + Send + Sync>(lock: &'static L, verbs: [Takes<L>; 2]) {
    let (say, said) = channel();
    thread::spawn(move || {
        let say: Sender<Vec<bool>> = say;
        at_end(move || {
            let ended = |verb: Takes<L>| {
                matches!(verb(lock), Err(LockError::Participate(ParticipateError::ThreadEnds)))
            };
            say.send(verbs.map(ended).to_vec()).unwrap();
        });
        // The thread's row is claimed here, so it is given back before that.
        drop(verbs[0](lock));
    })
    .join()
    .unwrap();
    assert_eq!(said.recv().unwrap(), [true, true]);
}

fn leaked<L: ringway_sync::Shared>() -> &'static L {
    Box::leak(Box::new(Setup::new().anonymous().unwrap()))
}

#[test]
fn a_thread_that_has_given_its_rows_back_gets_no_lock_and_leaves_none() {
    let (mutex, spin) = (leaked::<Mutex<u64>>(), leaked::<SpinLock<u64>>());
    answers_at_the_end(mutex, [|lock| lock.lock(), |lock| lock.try_lock()]);
    answers_at_the_end(spin, [|lock| lock.lock(), |lock| lock.try_lock()]);
    assert!(mutex.try_lock().is_ok() && spin.try_lock().is_ok());
    // Nor a row.
    for region in [mutex.region(), spin.region()] {
        let rows = region.participants().unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
    }
}

/// A guard that is dropped when the rows of its thread were given back, and another has the lock by then.
fn drops_late<L: Held + Send + Sync>(lock: &'static L, verb: Takes<L>) {
    let (late, is_late) = channel::<()>();
    let (go_on, may_go_on) = channel::<()>();
    let thread = thread::spawn(move || {
        let kept = std::rc::Rc::new(RefCell::new(None));
        let guard = std::rc::Rc::clone(&kept);
        at_end(move || {
            late.send(()).unwrap();
            may_go_on.recv().unwrap();
            drop(guard.take());
        });
        let Ok(taken) = verb(lock) else { panic!("it is free") };
        *kept.borrow_mut() = Some(taken);
    });
    is_late.recv().unwrap();
    let Err(LockError::OwnerDied(died)) = verb(lock) else { panic!("its row was given back") };
    let mut guard = died.into_guard();
    guard.mark_consistent();
    go_on.send(()).unwrap();
    thread.join().unwrap();
    thread::spawn(move || assert!(matches!(verb(lock), Err(LockError::WouldBlock)), "somebody has it"))
        .join()
        .unwrap();
    drop(guard);
    assert!(verb(lock).is_ok());
}

#[test]
fn a_mutex_that_was_taken_over_is_not_given_back_by_a_guard_that_outlived_its_row() {
    drops_late(leaked::<Mutex<u64>>(), Mutex::try_lock);
}
