//! Everything that can be held behind one face: who holds it, who waits for that one, and what the waiter is told.

use crate::party::DEADLINE;
use ringway_shm::Region;
use ringway_sync::{
    AcquireError, Barrier, BarrierError, Guard, Held, LockError, Mutex, OnDeath, Party, Permit, Permits,
    Setup, Shared, SpinLock,
};
use std::time::Duration;

/// How often one counts who is to count.
pub(crate) const ROUNDS: u64 = 3000;

/// What a call came to, whatever the verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Got,
    /// Got from somebody dead.
    Died,
    /// Taken, or not in time.
    Nothing,
    /// A party died.
    Broken,
    Forked,
    /// What none of these tests expects.
    Else,
}

/// Something that can be held.
pub(crate) trait Kind: 'static {
    const NAME: &'static str;
    /// What whoever waits is told when the holder has died.
    const TOLD: Said;
    /// Is it the thread that holds it, and not the process?
    const IS_OF_THREAD: bool;
    /// Can a waiter hold on to what it was told of?
    const CAN_RECOVER: bool;
    type Handle: Shared + Send + Sync + 'static;
    type Held;
    type Waiter: Send + 'static;

    /// Before it has its name.
    fn set_up(_: &Self::Handle) {}

    /// Holds it.
    fn hold(handle: &Self::Handle) -> Self::Held;

    /// Has no more of it, or is not waited for any more.
    fn give(held: &mut Self::Held);

    /// Holds it once more, behind a waiter that got it.
    fn hold_on(handle: &Self::Handle, held: Self::Held) -> Self::Held {
        drop(held);
        Self::hold(handle)
    }

    /// Somebody who is going to wait.
    fn waiter(handle: &Self::Handle) -> Self::Waiter;

    /// Waits so long, or tries, and keeps nothing.
    fn take(waiter: &mut Self::Waiter, timeout: Option<Duration>) -> Said;

    /// Waits, and holds it from then on.
    fn recover(handle: &Self::Handle) -> (Said, Self::Held);

    fn region(handle: &Self::Handle) -> &Region;

    /// Counts, where there is a number: [`ROUNDS`] times one more.
    fn count(_: &Self::Handle) {
        unreachable!("there is no number");
    }

    /// In this process alone.
    fn anonymous() -> Self::Handle {
        let handle = Setup::new().anonymous().unwrap();
        Self::set_up(&handle);
        handle
    }
}

pub(crate) struct OfMutex;
pub(crate) struct OfSpinLock;
pub(crate) struct OfPermits;
/// Barriers of two parties, one of which holds the other up.
pub(crate) struct OfBreaking;
pub(crate) struct OfDropping;

fn said_of<L: Held>(answer: Result<Guard<'_, L>, LockError<L>>) -> Said {
    match answer {
        Ok(guard) if guard.is_consistent() => Said::Got,
        Err(LockError::OwnerDied(_)) => Said::Died,
        Err(LockError::WouldBlock | LockError::TimedOut) => Said::Nothing,
        Err(LockError::Forked) => Said::Forked,
        _ => Said::Else,
    }
}

macro_rules! lock {
    ($kind:ident, $lock:ident) => {
        impl Kind for $kind {
            const NAME: &'static str = stringify!($lock);
            const TOLD: Said = Said::Died;
            const IS_OF_THREAD: bool = true;
            const CAN_RECOVER: bool = true;
            type Handle = $lock<u64>;
            type Held = Option<Guard<'static, $lock<u64>>>;
            type Waiter = $lock<u64>;

            fn hold(handle: &Self::Handle) -> Self::Held {
                // So that the guard can be kept and handed round like a permit.
                let handle: &'static $lock<u64> = Box::leak(Box::new(handle.clone()));
                Some(handle.lock_timeout(DEADLINE).unwrap())
            }

            fn give(held: &mut Self::Held) {
                drop(held.take());
            }

            fn region(handle: &Self::Handle) -> &Region {
                handle.region()
            }

            fn waiter(handle: &Self::Handle) -> Self::Waiter {
                handle.clone()
            }

            fn take(waiter: &mut Self::Waiter, timeout: Option<Duration>) -> Said {
                said_of(match timeout {
                    Some(timeout) => waiter.lock_timeout(timeout),
                    None => waiter.try_lock(),
                })
            }

            fn count(handle: &Self::Handle) {
                for _ in 0..ROUNDS {
                    handle.lock_timeout(DEADLINE).unwrap().update(|count| *count += 1);
                }
            }

            fn recover(handle: &Self::Handle) -> (Said, Self::Held) {
                match handle.lock_timeout(DEADLINE) {
                    Err(LockError::OwnerDied(died)) => (Said::Died, Some(died.into_guard())),
                    answer => (said_of(answer), None),
                }
            }
        }
    };
}

lock!(OfMutex, Mutex);
lock!(OfSpinLock, SpinLock);

impl Kind for OfPermits {
    const NAME: &'static str = "Permits";
    const TOLD: Said = Said::Got;
    const IS_OF_THREAD: bool = false;
    const CAN_RECOVER: bool = true;
    type Handle = Permits<1>;
    type Held = Option<Permit<1>>;
    type Waiter = Permits<1>;

    fn hold(handle: &Self::Handle) -> Self::Held {
        Some(handle.try_acquire_for(DEADLINE).unwrap())
    }

    fn give(held: &mut Self::Held) {
        drop(held.take());
    }

    fn region(handle: &Self::Handle) -> &Region {
        handle.region()
    }

    fn waiter(handle: &Self::Handle) -> Self::Waiter {
        handle.clone()
    }

    fn take(waiter: &mut Self::Waiter, timeout: Option<Duration>) -> Said {
        let answer = match timeout {
            Some(timeout) => waiter.try_acquire_for(timeout),
            None => waiter.try_acquire(),
        };
        match answer {
            Ok(_) => Said::Got,
            Err(AcquireError::WouldBlock | AcquireError::TimedOut) => Said::Nothing,
            Err(AcquireError::Forked) => Said::Forked,
            Err(_) => Said::Else,
        }
    }

    fn recover(handle: &Self::Handle) -> (Said, Self::Held) {
        (Said::Got, Self::hold(handle))
    }
}

macro_rules! barrier {
    ($kind:ident, $on_death:ident, $told:ident) => {
        impl Kind for $kind {
            const NAME: &'static str = stringify!($kind);
            const TOLD: Said = Said::$told;
            const IS_OF_THREAD: bool = false;
            const CAN_RECOVER: bool = false;
            type Handle = Barrier;
            type Held = Party;
            type Waiter = Party;

            fn set_up(handle: &Self::Handle) {
                handle.expect_with(2, OnDeath::$on_death).unwrap();
            }

            fn hold(handle: &Self::Handle) -> Self::Held {
                handle.join_until(DEADLINE).unwrap()
            }

            fn give(held: &mut Self::Held) {
                held.arrive().unwrap();
            }

            fn hold_on(_: &Self::Handle, mut held: Self::Held) -> Self::Held {
                held.wait_timeout(DEADLINE).unwrap();
                held
            }

            fn region(handle: &Self::Handle) -> &Region {
                handle.region()
            }

            fn waiter(handle: &Self::Handle) -> Self::Waiter {
                handle.join_until(DEADLINE).unwrap()
            }

            fn take(waiter: &mut Self::Waiter, timeout: Option<Duration>) -> Said {
                let answer = match timeout {
                    Some(timeout) => waiter.wait_timeout(timeout),
                    None => waiter.try_wait(),
                };
                match answer {
                    Ok(_) => Said::Got,
                    Err(BarrierError::Broken(broken)) if broken.died => Said::Broken,
                    Err(BarrierError::WouldBlock | BarrierError::TimedOut) => Said::Nothing,
                    Err(BarrierError::Forked) => Said::Forked,
                    Err(_) => Said::Else,
                }
            }

            fn recover(_: &Self::Handle) -> (Said, Self::Held) {
                unreachable!("a seat is not taken over")
            }
        }
    };
}

barrier!(OfBreaking, Break, Broken);
barrier!(OfDropping, Drop, Got);

/// A test for each of these.
macro_rules! for_each_kind {
    ($($test:ident)*) => {
        $crate::kinds::for_each_kind! { @ of_a_mutex, OfMutex, $($test)* }
        $crate::kinds::for_each_kind! { @ of_a_spinlock, OfSpinLock, $($test)* }
        $crate::kinds::for_each_kind! { @ of_permits, OfPermits, $($test)* }
        $crate::kinds::for_each_kind! { @ of_a_barrier_that_breaks, OfBreaking, $($test)* }
        $crate::kinds::for_each_kind! { @ of_a_barrier_that_drops, OfDropping, $($test)* }
    };
    (@ $module:ident, $kind:ident, $($test:ident)*) => {
        mod $module {
            $(#[test]
            fn $test() {
                super::$test::<$crate::kinds::$kind>(stringify!($test));
            })*
        }
    };
}
pub(crate) use for_each_kind;
