//! The bytes of each primitive, pinned: what stands here is read by programs of other versions and languages.

#![deny(unsafe_code)]

#[path = "../../shm/tests/party/mod.rs"]
mod party;

use ringway_shm::{Region, layout as regions};
use ringway_sync::layout::{BEHIND, KIND_SPACE, KIND_VERSION, SPACE};
use ringway_sync::{
    Barrier, BinarySemaphore, Data, LockError, Mutex, OnDeath, Permits, Plan, Semaphore, Setup, Shared,
    Space, SpinLock,
};
use std::time::Duration;

/// How long a wait sleeps that is in vain.
const SHORT: Duration = Duration::from_millis(2);

/// The first owner of the first row: of the process, or of the only thread that takes locks.
const ME: u64 = 1 << 32 | 1;
/// The same in the word of a lock, whose row stands four bits higher.
const MY_TOKEN: u64 = 1 << 32 | 1 << 4;

/// The words of 64 bits of a space, those that are not zero with their offsets.
fn words(region: &Region) -> Vec<(usize, u64)> {
    let (_, len) = region.section(SPACE).unwrap();
    let bytes = party::bytes::get(region, SPACE, 0, len);
    let words = bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    words.enumerate().filter(|&(_, word)| word != 0).map(|(at, word)| (8 * at, word)).collect()
}

fn anonymous<S: Shared>() -> S {
    Setup::new().anonymous().unwrap()
}

/// In another thread, to its end.
fn elsewhere<R: Send>(deed: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| scope.spawn(deed).join().unwrap())
}

#[derive(Shared)]
struct Floor {
    desks: Permits<12>,
    plan: Data<[u8; 200]>,
}

#[derive(Shared)]
struct Office {
    total: Mutex<u64>,
    clock: SpinLock<[u32; 3]>,
    floors: [Floor; 2],
    jobs: Semaphore,
    bell: BinarySemaphore,
    morning: Barrier,
}

#[test]
fn lengths_and_fingerprints_are_these() {
    let found = [
        ("Mutex<u64>", Mutex::<u64>::LEN, Mutex::<u64>::FINGERPRINT),
        ("Mutex<[u8; 65]>", Mutex::<[u8; 65]>::LEN, Mutex::<[u8; 65]>::FINGERPRINT),
        ("SpinLock<u64>", SpinLock::<u64>::LEN, SpinLock::<u64>::FINGERPRINT),
        ("Semaphore", Semaphore::LEN, Semaphore::FINGERPRINT),
        ("BinarySemaphore", BinarySemaphore::LEN, BinarySemaphore::FINGERPRINT),
        ("Permits<3>", Permits::<3>::LEN, Permits::<3>::FINGERPRINT),
        ("Permits<9>", Permits::<9>::LEN, Permits::<9>::FINGERPRINT),
        ("Barrier", Barrier::LEN, Barrier::FINGERPRINT),
        ("Data<u64>", Data::<u64>::LEN, Data::<u64>::FINGERPRINT),
        ("[Mutex<u64>; 2]", <[Mutex<u64>; 2]>::LEN, <[Mutex<u64>; 2]>::FINGERPRINT),
        ("Floor", Floor::LEN, Floor::FINGERPRINT),
        ("Office", Office::LEN, Office::FINGERPRINT),
    ];
    let found = found.map(|(what, len, fingerprint)| format!("{what}: {len} {fingerprint:#034x}")).join("\n");
    assert_eq!(found, GOLDEN.trim(), "found:\n{found}\n");
}

const GOLDEN: &str = "
Mutex<u64>: 128 0x856f1d3c2714a8e09bf8b470abfbc66a
Mutex<[u8; 65]>: 256 0x16d2c630f479a26ae146a3eb52e5dc4c
SpinLock<u64>: 128 0x6c6189c4336c21f7e0761c4804199125
Semaphore: 128 0x2108519a86a7d196162d235ae46abc5e
BinarySemaphore: 128 0x7e5c1054e3cb8530b415eb3db9fb3d4b
Permits<3>: 128 0x4b3f8eb68b63339e9e5f2998a50dfc53
Permits<9>: 256 0xe016a5421b6333be25e71e9d3a25b399
Barrier: 384 0x3efa4f7cc8d22922eddf3c7737b8ba81
Data<u64>: 128 0xf9caf00fda5a5540fa5ec991025d0158
[Mutex<u64>; 2]: 256 0x7555c7737317d6e78375ec3591dcf3be
Floor: 512 0x479d7b1559af937f70657ae88bd61450
Office: 1920 0xb08f321c3b8c96ac906e3f25b98c5917
";

#[test]
fn a_space_is_this_kind_of_region() {
    assert_eq!((KIND_SPACE, KIND_VERSION, SPACE), (0x0001_0100, 1, regions::FIRST_OWN));
    let office: Office = anonymous();
    let geometry = office.total.region().geometry();
    assert_eq!((geometry.kind, geometry.kind_version), (KIND_SPACE, KIND_VERSION));
    assert_eq!((geometry.fingerprint, geometry.rows), (Office::FINGERPRINT, 126));
    assert_eq!(geometry.parameters, [0; 8]);
    assert_eq!(words(office.total.region()), [], "all-zero is the first state of everything");
}

#[test]
fn a_plan_is_laid_out_and_known_by_this() {
    let mut plan = Plan::new();
    plan.add::<Mutex<u64>>("total");
    let rooms = plan.add::<Permits<3>>("rooms");
    let space = Space::anonymous(&plan, &Setup::new()).unwrap();
    assert_eq!(plan.len(), 256);
    let found = space.region().geometry().fingerprint;
    assert_eq!(found, PLAN, "found: {found:#034x}");
    let _permit = space.get(&rooms).unwrap().acquire().unwrap();
    assert_eq!(words(space.region()), [(128 + 0x40, ME)]);
}

const PLAN: u128 = 0x2f48_ef7b_9550_c1c8_7c35_1526_2af7_7fa5;

#[test]
fn fields_lie_one_behind_the_other() {
    let office: Office = anonymous();
    office.total.lock().unwrap().set(1);
    office.clock.lock().unwrap().set([2, 3, 4]);
    let _desk = office.floors[0].desks.acquire().unwrap();
    office.floors[0].plan.set(&[5; 200]);
    office.floors[1].plan.set(&[6; 200]);
    office.jobs.release(7).unwrap();
    office.bell.release().unwrap();
    office.morning.expect(8).unwrap();
    let (five, six) = (0x0505_0505_0505_0505, 0x0606_0606_0606_0606);
    let mut expected = vec![(0x40, 1), (128 + 0x40, 3 << 32 | 2), (128 + 0x48, 4)];
    let first_floor = 2 * 128;
    // The process has the first row, and the thread the second one.
    expected.push((first_floor + BEHIND, ME));
    expected.extend((0..25).map(|at| (first_floor + Permits::<12>::LEN + 8 * at, five)));
    let second_floor = first_floor + Floor::LEN;
    expected.extend((0..25).map(|at| (second_floor + Permits::<12>::LEN + 8 * at, six)));
    let jobs = second_floor + Floor::LEN;
    expected.extend([(jobs, 2 * 7), (jobs + 128, 2), (jobs + 2 * 128 + 0x10, 8)]);
    assert_eq!(words(office.total.region()), expected);
}

#[test]
fn the_words_of_a_mutex_are_these_after_each_step() {
    let mutex: Mutex<u64> = anonymous();
    let now = || words(mutex.region());
    let mut guard = mutex.lock().unwrap();
    assert_eq!(now(), [(0, MY_TOKEN)]);
    guard.set(0x0102_0304_0506_0708);
    let value = (0x40, 0x0102_0304_0506_0708);
    assert_eq!(now(), [(0, MY_TOKEN), value]);
    drop(guard);
    assert_eq!(now(), [value]);

    let guard = mutex.lock().unwrap();
    elsewhere(|| assert!(matches!(mutex.try_lock(), Err(LockError::WouldBlock))));
    assert_eq!(now(), [(0, MY_TOKEN), value], "a try leaves nothing");
    // One that does not get a core before its time has not slept.
    while now()[0].1 & 1 == 0 {
        elsewhere(|| assert!(matches!(mutex.lock_timeout(SHORT), Err(LockError::TimedOut))));
    }
    let found = now();
    // 4 of one that has waited for longer than a millisecond.
    assert_eq!((found[0].1 & !4, found[1]), (MY_TOKEN | 1, value), "a sleeper that gave up leaves its bit");
    drop(guard);
    let found = now();
    assert_eq!(found[0].1 as u32 & !4, 0, "it goes with the release; the upper half means nothing");
    // The first stands back for who starves, and sleeps for it; the second finds nobody.
    drop(mutex.lock().unwrap());
    drop(mutex.lock().unwrap());
    assert_eq!(now(), [value]);

    // The second owner of the second row: each thread above had it for a while.
    let owner = elsewhere(|| {
        std::mem::forget(mutex.lock().unwrap());
        mutex.owner().unwrap()
    });
    assert_eq!(now(), [(0, owner.to_bits() & !0xffff | (owner.to_bits() & 0xffff) << 4), value]);
    let Err(LockError::OwnerDied(died)) = mutex.lock() else { panic!("its thread has ended") };
    assert_eq!(now(), [(0, MY_TOKEN | 2), value]);
    drop(died);
    assert_eq!(now(), [(0, 2), value], "left as it was found");
    let Err(LockError::OwnerDied(died)) = mutex.lock() else { panic!("left so") };
    let mut guard = died.into_guard();
    guard.mark_consistent();
    assert_eq!(now(), [(0, MY_TOKEN | 2), value], "it is the release that says so");
    drop(guard);
    assert_eq!(now(), [value]);
}

#[test]
fn the_words_of_a_spinlock_are_these_after_each_step() {
    let spin: SpinLock<u64> = anonymous();
    let now = || words(spin.region());
    let mut guard = spin.lock().unwrap();
    guard.set(7);
    assert_eq!(now(), [(0, MY_TOKEN), (0x40, 7)]);
    elsewhere(|| assert!(matches!(spin.lock_timeout(SHORT), Err(LockError::TimedOut))));
    assert_eq!(now(), [(0, MY_TOKEN), (0x40, 7)], "who waits leaves nothing");
    drop(guard);
    assert_eq!(now(), [(0x40, 7)]);
    elsewhere(|| std::mem::forget(spin.lock().unwrap()));
    let Err(LockError::OwnerDied(died)) = spin.lock() else { panic!("its thread has ended") };
    assert_eq!(now(), [(0, MY_TOKEN | 2), (0x40, 7)]);
    drop(died);
    assert_eq!(now(), [(0, 2), (0x40, 7)]);
}

#[test]
fn the_words_of_a_semaphore_are_these_after_each_step() {
    let jobs: Semaphore = anonymous();
    let now = || words(jobs.region());
    jobs.release(3).unwrap();
    assert_eq!(now(), [(0, 2 * 3)]);
    (0..3).for_each(|_| jobs.acquire().unwrap());
    assert_eq!(now(), []);
    assert!(jobs.try_acquire_for(SHORT).is_err());
    assert_eq!(now(), [(0, 1)], "a sleeper that gave up leaves its bit");
    jobs.release(2).unwrap();
    assert_eq!(now(), [(0, 2 * 2)], "nobody was there to be woken");
    jobs.release(Semaphore::MAX - 2).unwrap();
    assert_eq!(now(), [(0, 0x7fff_fffe)]);
}

#[test]
fn the_words_of_a_binary_semaphore_are_these_after_each_step() {
    let bell: BinarySemaphore = anonymous();
    let now = || words(bell.region());
    bell.release().unwrap();
    bell.release().unwrap();
    assert_eq!(now(), [(0, 2)]);
    bell.acquire().unwrap();
    assert!(bell.try_acquire_for(SHORT).is_err());
    assert_eq!(now(), [(0, 1)]);
    bell.release().unwrap();
    assert_eq!(now(), [(0, 2)]);
}

#[test]
fn the_words_of_permits_are_these_after_each_step() {
    let rooms: Permits<3> = anonymous();
    let now = || words(rooms.region());
    let (one, two) = (rooms.acquire().unwrap(), rooms.acquire().unwrap());
    assert_eq!(now(), [(0x40, ME), (0x48, ME)], "the process has them");
    drop(one);
    assert_eq!(now(), [(0x48, ME)]);
    let all = [two, rooms.acquire().unwrap(), rooms.acquire().unwrap()];
    assert!(rooms.try_acquire().is_err());
    assert_eq!(now(), [(0x40, ME), (0x48, ME), (0x50, ME)]);
    assert!(rooms.try_acquire_for(SHORT).is_err());
    assert_eq!(now(), [(0, 1), (0x40, ME), (0x48, ME), (0x50, ME)], "the gate is odd: somebody may sleep");
    drop(all);
    assert_eq!(now(), [(0, 2)], "opened once");
}

#[test]
fn the_words_of_a_barrier_are_these_after_each_step() {
    let barrier: Barrier = anonymous();
    let now = || words(barrier.region());
    barrier.expect(2).unwrap();
    let expected = (0x10, 2);
    assert_eq!(now(), [expected]);
    let (mut one, mut two) = (barrier.join().unwrap(), barrier.join().unwrap());
    let seats = [(0x40, ME), (0x48, ME)];
    assert_eq!(now(), [expected, seats[0], seats[1]]);
    two.arrive().unwrap();
    assert_eq!(now(), [(0, 0b10 << 32), expected, seats[0], seats[1]]);
    // One that does not get a core before its time has not slept.
    while now()[0].1 & 1 == 0 {
        assert!(two.wait_timeout(SHORT).is_err());
    }
    assert_eq!(now(), [(0, 0b10 << 32 | 1), expected, seats[0], seats[1]], "a sleeper");
    one.arrive().unwrap();
    assert_eq!(now(), [(0, 1 << 8), expected, seats[0], seats[1]], "the next phase");
    two.wait().unwrap();
    one.wait().unwrap();
    drop(two);
    assert_eq!(now(), [(0, 1 << 8 | 1 << 3 | 4 | 2), expected, seats[0]], "broken: the party of seat 1 left");
    drop(one);
    let _one = barrier.join().unwrap();
    assert_eq!(
        now(),
        [(0, 2 << 8), (8, 2 << 32), expected, (0x40, ME | 2 << 16)],
        "begun anew, which the seat remembers"
    );
}

#[test]
fn the_words_of_a_barrier_that_drops_are_these_after_each_step() {
    let barrier: Barrier = anonymous();
    barrier.expect_with(3, OnDeath::Drop).unwrap();
    let now = || words(barrier.region());
    let (mut one, two) = (barrier.join().unwrap(), barrier.join().unwrap());
    drop(two);
    let expected = (0x10, 0x103);
    assert_eq!(now(), [(8, 0b10), expected, (0x40, ME)]);
    let three = barrier.join().unwrap();
    three.arrive_and_drop().unwrap();
    assert_eq!(now(), [(8, 0b110), expected, (0x40, ME)]);
    one.wait().unwrap();
    assert_eq!(now(), [(0, 1 << 8), (8, 0b110), expected, (0x40, ME)]);
}
