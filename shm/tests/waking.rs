//! A store and a wake in one call to the kernel.

#![deny(unsafe_code)]

use ringway_shm::primitive::kernel::{now, sleep, store_and_wake};
use ringway_shm::primitive::{AtomicU32, Ordering};
use std::time::Duration;

const ASLEEP: u32 = 0;
const LARGEST: u32 = 2047;

/// Stores `last` under a thread that sleeps until the word is another than [`ASLEEP`]; the answer is what it
/// then found.
fn wakes_with(last: u32) -> u32 {
    let word = AtomicU32::new(ASLEEP);
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let deadline = now() + Duration::from_secs(30);
            while word.load(Ordering::Acquire) == ASLEEP && now() < deadline {
                sleep(&word, ASLEEP, Some(deadline));
            }
            word.load(Ordering::Acquire)
        });
        // The same value again, until it found the thread asleep.
        while store_and_wake(&word, ASLEEP) == 0 {
            std::thread::yield_now();
        }
        store_and_wake(&word, last);
        sleeper.join().unwrap()
    })
}

#[test]
fn a_sleeper_is_woken_and_finds_the_value() {
    assert_eq!(wakes_with(1), 1);
    assert_eq!(wakes_with(LARGEST), LARGEST);
}

#[test]
#[should_panic(expected = "the largest is 2047")]
fn a_value_that_the_kernel_cannot_be_told_is_refused() {
    store_and_wake(&AtomicU32::new(0), LARGEST + 1);
}

#[cfg(feature = "model")]
mod refused {
    use super::*;
    use ringway_shm::primitive::kernel::Call;
    use ringway_shm::primitive::model::{Hooks, Verdict, install};
    use rustix::io::Errno;
    use std::rc::Rc;

    struct Sandbox;

    impl Hooks for Sandbox {
        fn kernel(&self, call: &Call<'_>) -> Verdict {
            match call {
                Call::ChangeAndWake { .. } => Verdict::Fail(Errno::PERM.raw_os_error()),
                _ => Verdict::Real,
            }
        }
    }

    #[test]
    fn where_the_call_is_refused_it_is_a_store_and_a_wake() {
        let _installed = install(Rc::new(Sandbox));
        assert_eq!(wakes_with(3), 3);
    }
}
