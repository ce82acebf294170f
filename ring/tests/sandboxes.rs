//! Sandboxes that refuse what sleeping is best made of: no wake-up is lost, and deaths are told all the same.

mod fixture;

use fixture::alone;
use fixture::child::task;
use fixture::duel::{Style, duel, play};
use fixture::kinds::{Kind, for_each_kind};
use ringway::WaitStrategy;

const ROUNDS: u64 = 2_000;

const MEMBARRIER: i64 = libc::SYS_membarrier;
const WAITV: i64 = libc::SYS_futex_waitv;
/// No threads: clone3 is said to be unknown, so that libc tries clone.
const NO_THREADS: [(i64, i32); 2] = [(libc::SYS_clone3, libc::ENOSYS), (libc::SYS_clone, libc::EPERM)];

/// Plays with the calls refused to one side, to the other and to both. A lost wake-up that its tick repairs costs 20 ms at
/// least; so many rounds have no time for that.
fn without<K: Kind>(test: &str, rounds: u64, refused: &[(i64, i32)]) {
    if let Some(task) = task() {
        return play::<K>(&task);
    }
    let _alone = alone();
    let free = Style::new(WaitStrategy::Sleep);
    let barred = Style { refused: refused.to_vec(), ..free.clone() };
    duel::<K>(test, 2, rounds, &barred, &free);
    duel::<K>(test, 2, rounds, &free, &barred);
    duel::<K>(test, 2, rounds, &barred, &barred);
}

for_each_kind! {
    without_membarrier_as_it_is_refused
    without_membarrier_as_it_is_unknown
    without_waiting_at_two_words_as_it_is_refused
    without_waiting_at_two_words_as_it_is_unknown
    without_threads
    without_any_of_it
}

fn without_membarrier_as_it_is_refused<K: Kind>(test: &str) {
    without::<K>(test, ROUNDS, &[(MEMBARRIER, libc::EPERM)]);
}

fn without_membarrier_as_it_is_unknown<K: Kind>(test: &str) {
    without::<K>(test, ROUNDS, &[(MEMBARRIER, libc::ENOSYS)]);
}

fn without_waiting_at_two_words_as_it_is_refused<K: Kind>(test: &str) {
    without::<K>(test, ROUNDS, &[(WAITV, libc::EPERM)]);
}

fn without_waiting_at_two_words_as_it_is_unknown<K: Kind>(test: &str) {
    without::<K>(test, ROUNDS, &[(WAITV, libc::ENOSYS)]);
}

fn without_threads<K: Kind>(test: &str) {
    without::<K>(test, ROUNDS, &NO_THREADS);
}

fn without_any_of_it<K: Kind>(test: &str) {
    let mut refused = NO_THREADS.to_vec();
    refused.extend([(MEMBARRIER, libc::EPERM), (WAITV, libc::ENOSYS)]);
    without::<K>(test, ROUNDS, &refused);
}
