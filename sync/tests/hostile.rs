//! Whatever stands in the region, and whoever writes there meanwhile: every call answers in time, with a value or a typed error,
//! and touches nothing but what is its own.

#![deny(unsafe_code)]

#[path = "../../shm/tests/party/mod.rs"]
mod party;

use arbtest::arbitrary::{Result as Drawn, Unstructured};
use arbtest::arbtest;
use ringway_shm::Region;
use ringway_shm::primitive::{AtomicU32, Ordering};
use ringway_sync::layout::SPACE;
use ringway_sync::{
    Barrier, BinarySemaphore, Data, Deadline, LockError, Mutex, OnDeath, Permits, Semaphore, Setup, Shared,
    SpinLock,
};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a call of these tests may wait.
const SHORT: Duration = Duration::from_millis(2);
/// How long it may take, on a machine that does other things as well.
const LIMIT: Duration = Duration::from_secs(20);
/// How long each test tries.
const BUDGET_MS: u64 = 1500;

/// One of each, and between them what nobody may touch.
#[derive(Shared)]
struct All {
    mutex: Mutex<[u64; 2]>,
    first: Data<[u8; 128]>,
    spin: SpinLock<[u64; 2]>,
    second: Data<[u8; 128]>,
    jobs: Semaphore,
    third: Data<[u8; 128]>,
    bell: BinarySemaphore,
    fourth: Data<[u8; 128]>,
    rooms: Permits<4>,
    fifth: Data<[u8; 128]>,
    barrier: Barrier,
    sixth: Data<[u8; 128]>,
}

const UNTOUCHED: [u8; 128] = [0xa5; 128];

impl All {
    fn new() -> Self {
        let all: Self = Setup::new().participants(16).anonymous().unwrap();
        all.untouched().into_iter().for_each(|data| data.set(&UNTOUCHED));
        all
    }

    fn region(&self) -> &Region {
        self.mutex.region()
    }

    fn untouched(&self) -> [&Data<[u8; 128]>; 6] {
        [&self.first, &self.second, &self.third, &self.fourth, &self.fifth, &self.sixth]
    }

    fn is_untouched(&self) -> bool {
        self.untouched().into_iter().all(|data| data.get() == UNTOUCHED)
    }
}

/// Where the words of the primitives lie: those between are not for writing.
fn hostile_words() -> Vec<usize> {
    let lens = [
        Mutex::<[u64; 2]>::LEN,
        SpinLock::<[u64; 2]>::LEN,
        Semaphore::LEN,
        BinarySemaphore::LEN,
        Permits::<4>::LEN,
        Barrier::LEN,
    ];
    let mut start = 0;
    let mut words = Vec::new();
    for len in lens {
        words.extend((start..start + len).step_by(8));
        start += len + 128;
    }
    assert_eq!(start, All::LEN);
    words
}

/// Owners that a word may name: of the process, of living and dead threads, and of rows that nobody ever had.
fn owners(all: &All) -> Vec<u64> {
    let mine = all.mutex.region().thread_owner().unwrap().to_bits();
    let dead = std::thread::scope(|scope| {
        let region = all.mutex.region();
        scope.spawn(|| region.thread_owner().unwrap().to_bits()).join().unwrap()
    });
    let process = all.mutex.region().participant().unwrap().owner().to_bits();
    vec![mine, dead, process, 1, 1 << 32 | 16, 1 << 32 | 17, 7 << 32 | 0xffff, u64::MAX << 32 | 4096]
}

/// A word that means something, or nothing.
fn word(u: &mut Unstructured<'_>, owners: &[u64]) -> Drawn<u64> {
    let owner = *u.choose(owners)?;
    Ok(match u.int_in_range(0..=7)? {
        0 => 0,
        1 => u64::MAX,
        2 => u.arbitrary()?,
        // As it stands in a cell, in a lock, and in a seat.
        3 => owner,
        4 => owner & !0xffff_ffff | (owner & 0xffff) << 4 | u.int_in_range(0..=15)?,
        5 => owner | u.int_in_range(0..=2)? << 16,
        6 => u.int_in_range(0..=0x1ff)?,
        // One bit more or less.
        _ => 1 << u.int_in_range(0..=63)?,
    })
}

/// Writes over everything that primitives lie in: the same everywhere, or each word another.
fn scribble(u: &mut Unstructured<'_>, all: &All, owners: &[u64]) -> Drawn<()> {
    let is_rare = u.arbitrary::<bool>()?;
    let everywhere = if u.ratio(1, 4)? { Some(word(u, owners)?) } else { None };
    for at in hostile_words() {
        if is_rare && !u.ratio(1, 8)? {
            continue;
        }
        let word = everywhere.map_or_else(|| word(u, owners), Ok)?;
        party::bytes::put(all.region(), SPACE, at, &word.to_le_bytes());
    }
    Ok(())
}

/// Ends the test when a call takes too long.
fn in_time<R>(what: &str, call: impl FnOnce() -> R) -> R {
    let began = Instant::now();
    let answer = call();
    assert!(began.elapsed() < LIMIT, "{what}: {:?}", began.elapsed());
    answer
}

/// A verb of everything, with what lies there written over in between.
fn every_verb(all: &All, mut meanwhile: impl FnMut()) {
    in_time("mutex", || {
        for waits in [false, true, false] {
            let answer = if waits { all.mutex.lock_timeout(SHORT) } else { all.mutex.try_lock() };
            meanwhile();
            let mut guard = match answer {
                Ok(guard) => guard,
                Err(LockError::OwnerDied(died)) => {
                    let _ = (died.who(), format!("{died:?}"));
                    drop(died);
                    continue;
                }
                Err(error) => {
                    let _ = error.to_string();
                    continue;
                }
            };
            let _ = guard.get();
            guard.set([1, 2]);
            guard.mark_consistent();
            meanwhile();
        }
        let _ = (all.mutex.owner(), all.mutex.repaired());
    });
    meanwhile();
    in_time("spinlock", || {
        for waits in [false, true, false] {
            let answer = if waits { all.spin.lock_timeout(SHORT) } else { all.spin.try_lock() };
            meanwhile();
            if let Ok(mut guard) = answer {
                guard.update(|value| value[0] = value[1]);
                meanwhile();
            }
        }
        let _ = all.spin.owner();
    });
    meanwhile();
    in_time("semaphore", || {
        for count in [0, 1, 2500, Semaphore::MAX, u32::MAX] {
            let _ = all.jobs.release(count);
            let _ = (all.jobs.count(), all.jobs.repaired());
            let _ = all.jobs.try_acquire();
            meanwhile();
            let _ = all.jobs.try_acquire_for(SHORT);
        }
    });
    meanwhile();
    in_time("binary semaphore", || {
        let _ = (all.bell.try_acquire_for(SHORT), all.bell.release());
        meanwhile();
        let _ = (all.bell.release(), all.bell.try_acquire(), all.bell.is_released());
    });
    meanwhile();
    in_time("permits", || {
        let permits = [all.rooms.try_acquire(), all.rooms.try_acquire_for(SHORT), all.rooms.try_acquire()];
        meanwhile();
        let _ = (all.rooms.available(), all.rooms.holders(), all.rooms.reclaimed());
        permits.iter().flatten().for_each(|permit| assert!(permit.number() < 4));
    });
    meanwhile();
    in_time("barrier", || {
        let _ = (all.barrier.expect(3), all.barrier.expect_with(2, OnDeath::Drop), all.barrier.parties());
        for answer in [all.barrier.join(), all.barrier.join_until(SHORT), all.barrier.join()] {
            meanwhile();
            let mut party = match answer {
                Ok(party) => party,
                Err(error) => {
                    let _ = error.to_string();
                    continue;
                }
            };
            assert!(party.seat() < 32);
            let _ = (party.try_wait(), party.arrive());
            meanwhile();
            let _ = (party.wait_timeout(SHORT), party.wait_until(Deadline::after(SHORT)));
            meanwhile();
            let _ = (party.try_wait(), party.wait_timeout(Duration::ZERO), all.barrier.phase());
            meanwhile();
            let _ = party.arrive_and_drop();
        }
    });
}

/// What `deed` does, in a thread of its own: a call that never comes back fails the test as well.
fn watched(deed: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel();
    let worker = std::thread::spawn(move || {
        let answer = catch_unwind(AssertUnwindSafe(deed));
        let _ = done.send(());
        answer
    });
    match is_done.recv_timeout(LIMIT + Duration::from_millis(10 * BUDGET_MS)) {
        Err(RecvTimeoutError::Timeout) => panic!("a call hangs"),
        _ => match worker.join() {
            Ok(Ok(())) => {}
            Ok(Err(panic)) | Err(panic) => resume_unwind(panic),
        },
    }
}

#[test]
fn whatever_lies_there_every_verb_answers_in_time() {
    watched(|| {
        arbtest(|u| {
            let all = All::new();
            let owners = owners(&all);
            scribble(u, &all, &owners)?;
            let mut left = u.int_in_range(0..=20)?;
            every_verb(&all, || {
                // Often nothing, so that what was found is there the next time, too.
                if left > 0 && u.ratio(1, 4).unwrap_or(false) {
                    left -= 1;
                    let _ = scribble(u, &all, &owners);
                }
            });
            assert!(all.is_untouched(), "a primitive wrote beyond its own bytes");
            Ok(())
        })
        .size_min(4096)
        .budget_ms(BUDGET_MS);
    });
}

#[test]
fn among_ones_alone_and_among_each_byte_alone_every_verb_answers_in_time() {
    watched(|| {
        for byte in [0xff, 0x00, 0x01, 0x02, 0x03, 0x04, 0x07, 0x10, 0x55, 0x7f, 0x80, 0xaa, 0xfe] {
            let all = All::new();
            for at in hostile_words() {
                party::bytes::put(all.region(), SPACE, at, &[byte; 8]);
            }
            every_verb(&all, || ());
            every_verb(&all, || ());
            assert!(all.is_untouched(), "{byte:#x}");
        }
    });
}

#[test]
fn while_somebody_writes_whatever_he_likes_every_verb_answers_in_time() {
    watched(|| {
        let all = All::new();
        let (owners, words) = (owners(&all), hostile_words());
        let is_over = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut numbers = party::Numbers::seeded("while_somebody_writes_whatever_he_likes");
                // Relaxed: only the number counts.
                while is_over.load(Ordering::Relaxed) == 0 {
                    let mut bytes = [0; 256];
                    numbers.fill(&mut bytes);
                    let word = word(&mut Unstructured::new(&bytes), &owners).unwrap();
                    let at = words[numbers.below(words.len() as u64) as usize];
                    party::bytes::put(all.region(), SPACE, at, &word.to_le_bytes());
                    if numbers.below(16) == 0 {
                        std::thread::yield_now();
                    }
                }
            });
            let workers = [(); 2].map(|()| {
                scope.spawn(|| {
                    let began = Instant::now();
                    let mut rounds = 0;
                    while began.elapsed() < Duration::from_millis(BUDGET_MS) {
                        every_verb(&all, || ());
                        rounds += 1;
                    }
                    rounds
                })
            });
            let rounds = workers.map(std::thread::ScopedJoinHandle::join);
            is_over.store(1, Ordering::Relaxed);
            rounds.into_iter().for_each(|rounds| assert!(rounds.unwrap() > 0));
        });
        assert!(all.is_untouched(), "a primitive wrote beyond its own bytes");
    });
}
