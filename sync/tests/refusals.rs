//! What cannot be is refused by a typed answer, and nothing is lost by it.

#![forbid(unsafe_code)]

use ringway_shm::{Access, Blueprint, ParticipateError, Region, Rejected};
use ringway_sync::{
    Barrier, BarrierError, BinarySemaphore, Broken, CreateError, Data, JoinError, LockError, Mutex, OnDeath,
    OpenError, Permits, Plan, ReleaseError, Semaphore, Setup, Shared, Space, SpinLock,
};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(2);

fn name(label: &str) -> String {
    format!("test-refusals-{label}-{}", std::process::id())
}

fn is_of_another_type<S>(opened: Result<S, OpenError>) -> bool {
    let rejected = |error| matches!(error, Rejected::Fingerprint { .. });
    matches!(opened, Err(OpenError::Region(ringway_shm::OpenError::Rejected(why))) if rejected(why))
}

fn is_full(error: ParticipateError, rows: u32) -> bool {
    error == ParticipateError::TableFull { rows }
}

macro_rules! a_full_table {
    ($test:ident, $lock:ident) => {
        #[test]
        fn $test() {
            let lock: $lock<u64> = Setup::new().participants(1).anonymous().unwrap();
            let guard = lock.lock().unwrap();
            let is_refused = |answer: Result<_, LockError<$lock<u64>>>| {
                let answer: Result<ringway_sync::Guard<'_, _>, _> = answer;
                matches!(answer, Err(LockError::Participate(error)) if is_full(error, 1))
            };
            let (end, ended) = channel::<()>();
            std::thread::scope(|scope| {
                let other = scope.spawn(|| {
                    assert!(is_refused(lock.lock()));
                    assert!(is_refused(lock.try_lock()));
                    assert!(is_refused(lock.lock_timeout(LONG)));
                    assert!(is_refused(lock.lock_or_repair(|_| ())));
                    ended
                });
                let ended = other.join().unwrap();
                drop(guard);
                // The one who has a row goes on.
                lock.lock().unwrap().set(7);
                let there = scope.spawn(|| assert!(is_refused(lock.lock())));
                there.join().unwrap();
                drop((end, ended));
            });
            assert_eq!(lock.lock().unwrap().get(), 7);

            // A row that comes back is the next one's.
            let lock: $lock<u64> = Setup::new().participants(1).anonymous().unwrap();
            for round in 0..3 {
                let there = lock.clone();
                std::thread::spawn(move || there.lock().unwrap().set(round)).join().unwrap();
            }
            assert_eq!(lock.lock().unwrap().get(), 2);
        }
    };
}

a_full_table!(a_mutex_in_a_region_without_a_row_for_the_thread_is_refused, Mutex);
a_full_table!(a_spinlock_in_a_region_without_a_row_for_the_thread_is_refused, SpinLock);

#[derive(Shared)]
struct Both {
    rooms: Permits<2>,
    total: Mutex<u64>,
}

#[test]
fn a_region_without_a_row_for_the_process_is_refused() {
    let name = name("rows");
    let first: Both = Setup::new().participants(1).create(name.as_str()).unwrap();
    // The process has the row.
    assert!(matches!(first.total.lock(), Err(LockError::Participate(error)) if is_full(error, 1)));
    let permit = first.rooms.acquire().unwrap();
    let again = Both::open(name.as_str());
    assert!(matches!(again, Err(OpenError::Participate(error)) if is_full(error, 1)));
    drop(permit);
    assert_eq!(first.rooms.available(), 2);
}

#[test]
fn a_number_of_participants_that_cannot_be_is_refused() {
    for participants in [0, 4097, u32::MAX] {
        let made: Result<Mutex<u64>, _> = Setup::new().participants(participants).anonymous();
        assert!(matches!(made, Err(CreateError::Region(_))), "{participants}");
    }
}

#[test]
fn a_barrier_is_for_as_many_parties_as_was_said_first() {
    let barrier: Barrier = Setup::new().anonymous().unwrap();
    assert_eq!(barrier.parties(), None);
    assert_eq!(barrier.join().err(), Some(JoinError::NotSetUp));
    for parties in [0, 33, 256, u32::MAX] {
        assert_eq!(barrier.expect(parties), Err(JoinError::Parties { max: 32 }));
    }
    barrier.expect(32).unwrap();
    assert_eq!(barrier.expect_with(32, OnDeath::Drop), Err(JoinError::Expects { parties: 32 }));
    assert_eq!(barrier.expect(1), Err(JoinError::Expects { parties: 32 }));
    let mut parties: Vec<_> = (0..32).map(|_| barrier.join().unwrap()).collect();
    assert_eq!(barrier.join().err(), Some(JoinError::Full { parties: 32 }));
    assert_eq!(barrier.join_until(SHORT).err(), Some(JoinError::Full { parties: 32 }));
    // Whoever was refused is not waited for.
    parties.iter_mut().for_each(|party| party.arrive().unwrap());
    parties.iter_mut().for_each(|party| assert_eq!(party.wait_timeout(LONG).unwrap().phase, 0));
    // Nor is one that has arrived and is asked in vain.
    assert_eq!(parties[0].wait_timeout(SHORT), Err(BarrierError::TimedOut));
    assert_eq!(parties[0].try_wait(), Err(BarrierError::WouldBlock));
    parties[1..].iter_mut().for_each(|party| party.arrive().unwrap());
    assert_eq!(parties[0].wait_timeout(LONG).unwrap().phase, 1);
}

#[test]
fn a_seat_of_one_who_left_politely_stays_empty_until_all_have_left() {
    let barrier: Barrier = Setup::new().anonymous().unwrap();
    barrier.expect(2).unwrap();
    let (one, two) = (barrier.join().unwrap(), barrier.join().unwrap());
    one.arrive_and_drop().unwrap();
    assert_eq!(barrier.join().err(), Some(JoinError::Full { parties: 2 }));
    two.arrive_and_drop().unwrap();
    assert_eq!([barrier.join().unwrap().seat(), 0], [0, 0]);
}

/// Everything else than what lies there is refused, by name, by region and by type.
fn is_only<S: Shared>(label: &str) {
    let name = name(label);
    let made: S = Setup::new().create(name.as_str()).unwrap();
    macro_rules! others {
        ($($other:ty)*) => {$(
            if <$other>::FINGERPRINT != S::FINGERPRINT {
                let what = stringify!($other);
                assert!(is_of_another_type(<$other as Shared>::open(name.as_str())), "{what} where {label} lies");
                let made = <$other as Shared>::open_or_create(name.as_str());
                assert!(matches!(made, Err(CreateError::Region(_))), "{what} where {label} lies");
                let made = <$other as Shared>::create(name.as_str());
                assert!(matches!(made, Err(CreateError::Region(ringway_shm::CreateError::Exists { .. }))));
            }
        )*};
    }
    others! {
        Mutex<u64> Mutex<i64> Mutex<u32> Mutex<[u64; 2]> SpinLock<u64> SpinLock<u32> Semaphore BinarySemaphore
        Permits<1> Permits<2> Barrier Data<u64> Data<[u8; 8]> [Mutex<u64>; 1] [Mutex<u64>; 2] Both
    }
    assert!(<S as Shared>::open(name.as_str()).is_ok());
    let mut plan = Plan::new();
    plan.add::<S>("it");
    assert!(is_of_another_type(Space::open(name.as_str(), &plan)));
    drop(made);
}

#[test]
fn what_lies_in_a_region_is_not_taken_for_anything_else() {
    is_only::<Mutex<u64>>("mutex");
    is_only::<SpinLock<u64>>("spinlock");
    is_only::<Semaphore>("semaphore");
    is_only::<BinarySemaphore>("binary");
    is_only::<Permits<2>>("permits");
    is_only::<Barrier>("barrier");
    is_only::<Data<u64>>("data");
    is_only::<[Mutex<u64>; 2]>("array");
    is_only::<Both>("struct");
}

#[test]
fn a_struct_of_other_names_or_another_order_is_another_one() {
    mod other {
        #[derive(ringway_sync::Shared)]
        pub(super) struct Both {
            pub(super) total: ringway_sync::Mutex<u64>,
            pub(super) rooms: ringway_sync::Permits<2>,
        }
        #[derive(ringway_sync::Shared)]
        pub(super) struct Named {
            pub(super) rooms: ringway_sync::Permits<2>,
            pub(super) sum: ringway_sync::Mutex<u64>,
        }
        #[derive(ringway_sync::Shared)]
        pub(super) struct Alike {
            pub(super) rooms: ringway_sync::Permits<2>,
            pub(super) total: ringway_sync::Mutex<u64>,
        }
    }
    let made: Both = Setup::new().anonymous().unwrap();
    let region = made.total.region();
    assert!(is_of_another_type(other::Both::attach(region).map(|both| (both.total, both.rooms))));
    assert!(is_of_another_type(other::Named::attach(region).map(|named| (named.rooms, named.sum))));
    // The name of the struct does not count.
    let alike = other::Alike::attach(region).unwrap();
    made.total.lock().unwrap().set(7);
    assert_eq!((alike.total.lock().unwrap().get(), alike.rooms.available()), (7, 2));
}

#[test]
fn a_field_that_is_spelt_raw_is_the_same_field() {
    #[derive(Shared)]
    struct Raw {
        r#gen: Mutex<u64>,
    }
    // `gen` is a keyword since the edition of 2024 only, so programs of two editions spell it in two ways.
    let made: Raw = Setup::new().anonymous().unwrap();
    assert_eq!(
        Raw::FINGERPRINT,
        ringway_sync::shared_hash().bytes(b"gen").fingerprint(Mutex::<u64>::FINGERPRINT).finish()
    );
    assert_eq!(made.r#gen.lock().unwrap().get(), 0);
}

#[test]
fn a_plan_of_other_names_or_another_order_is_another_one() {
    let plan = |names: [&str; 2]| {
        let mut plan = Plan::new();
        let planned = names.map(|name| plan.add::<Mutex<u64>>(name));
        (plan, planned)
    };
    let (made, planned) = plan(["one", "two"]);
    let space = Space::anonymous(&made, &Setup::new()).unwrap();
    for names in [["two", "one"], ["one", "one"], ["o", "netwo"], ["onet", "wo"]] {
        assert!(is_of_another_type(Space::attach(space.region(), &plan(names).0)), "{names:?}");
    }
    assert!(is_of_another_type(Space::attach(space.region(), &Plan::new())));
    let same = Space::attach(space.region(), &plan(["one", "two"]).0).unwrap();
    space.get(&planned[1]).unwrap().lock().unwrap().set(7);
    assert_eq!(same.get(&planned[1]).unwrap().lock().unwrap().get(), 7);
}

#[test]
#[should_panic(expected = "128 bytes at 128 of 128")]
fn what_is_of_a_longer_plan_is_not_had_from_a_shorter_one() {
    let (mut short, mut long) = (Plan::new(), Plan::new());
    short.add::<Semaphore>("one");
    long.add::<Semaphore>("one");
    let beyond = long.add::<Semaphore>("two");
    let _ = Space::anonymous(&short, &Setup::new()).unwrap().get(&beyond);
}

/// A layout written by hand, which is too short for the `S` in it.
struct TooShort<S>(S);

impl<S: Shared> Shared for TooShort<S> {
    const LEN: usize = 128;
    const FINGERPRINT: u128 = S::FINGERPRINT;

    fn at(spot: ringway_sync::Spot) -> Result<Self, OpenError> {
        Ok(Self(S::at(spot)?))
    }
}

#[test]
fn nothing_lies_in_a_part_that_is_shorter_than_it() {
    fn panics<S: Shared>() {
        let made =
            std::panic::catch_unwind(|| Setup::new().anonymous::<TooShort<S>>().map(|made| drop(made.0)));
        assert!(made.is_err(), "{} bytes in 128", S::LEN);
    }
    panics::<Mutex<[u8; 65]>>();
    panics::<SpinLock<[u8; 4096]>>();
    panics::<Data<[u8; 129]>>();
    panics::<Permits<9>>();
    panics::<Barrier>();
    panics::<[Semaphore; 2]>();
    assert!(Setup::new().anonymous::<TooShort<Mutex<[u8; 64]>>>().is_ok());
}

#[test]
fn a_region_of_another_kind_is_refused() {
    let region = Arc::new(Region::anonymous(&Blueprint::new(1, 1)).unwrap());
    let kind = |error| matches!(error, Rejected::Kind { .. });
    let attached = Mutex::<u64>::attach(&region);
    assert!(matches!(attached, Err(OpenError::Region(ringway_shm::OpenError::Rejected(why))) if kind(why)));
    // Of the right kind, and too short, or with nothing in it.
    type Long = [Both; 20];
    let expected = |blueprint: Blueprint| blueprint.fingerprint(Long::FINGERPRINT);
    let space = ringway_sync::layout::SPACE;
    let bare = Blueprint::new(ringway_sync::layout::KIND_SPACE, ringway_sync::layout::KIND_VERSION);
    const { assert!(Long::LEN > 4096) };
    for blueprint in [bare.clone(), bare.section(space, 4096).unwrap()] {
        let region = Arc::new(Region::anonymous(&expected(blueprint)).unwrap());
        let geometry = OpenError::Region(ringway_shm::OpenError::Rejected(Rejected::Geometry));
        assert_eq!(Long::attach(&region).err(), Some(geometry));
    }
}

#[test]
fn a_region_that_cannot_be_written_is_refused() {
    fn refused<S: Shared>(label: &str) {
        let name = name(&format!("read-only-{label}"));
        let made: S = Setup::new().create(name.as_str()).unwrap();
        let reading = Access { read_only: true, ..Access::default() };
        let opened = Setup::new().open::<S, _>(name.as_str(), reading);
        assert_eq!(opened.err(), Some(OpenError::ReadOnly), "{label}");
        drop(made);
    }
    refused::<Mutex<u64>>("mutex");
    refused::<SpinLock<u64>>("spinlock");
    refused::<Semaphore>("semaphore");
    refused::<BinarySemaphore>("binary");
    refused::<Permits<2>>("permits");
    refused::<Barrier>("barrier");
    refused::<Data<u64>>("data");
    refused::<Both>("struct");
}

#[test]
fn a_thread_that_has_opened_a_region_twice_is_two_owners() {
    let first = Mutex::<u64>::create(name("twice").as_str()).unwrap();
    let second = Mutex::<u64>::open(name("twice").as_str()).unwrap();
    let guard = first.lock().unwrap();
    assert!(matches!(first.clone().lock_timeout(LONG), Err(LockError::Deadlock)));
    assert!(matches!(second.lock_timeout(SHORT), Err(LockError::TimedOut)));
    drop(guard);
    assert!(second.lock().is_ok());
}

#[test]
fn a_semaphore_that_is_full_is_left_as_it_was() {
    let jobs: Semaphore = Setup::new().anonymous().unwrap();
    let overflow = Err(ReleaseError::Overflow { max: Semaphore::MAX });
    assert_eq!(jobs.release(u32::MAX), overflow);
    assert_eq!(jobs.release(Semaphore::MAX + 1), overflow);
    assert_eq!(jobs.count(), 0);
    // As well where somebody may sleep, and it is added piece by piece.
    assert!(jobs.try_acquire_for(SHORT).is_err());
    assert_eq!(jobs.release(u32::MAX), overflow);
    assert_eq!(jobs.count(), 0);
    jobs.release(Semaphore::MAX - 5).unwrap();
    assert_eq!(jobs.release(6), overflow);
    assert_eq!(jobs.count(), Semaphore::MAX - 5);
    jobs.release(5).unwrap();
    assert_eq!(jobs.release(1), overflow);
    jobs.release(0).unwrap();
    jobs.acquire().unwrap();
    assert_eq!(jobs.count(), Semaphore::MAX - 1);
}

#[test]
fn errors_are_phrases() {
    let broken = Broken::clone(&{
        let barrier: Barrier = Setup::new().anonymous().unwrap();
        barrier.expect(2).unwrap();
        let (mut one, two) = (barrier.join().unwrap(), barrier.join().unwrap());
        drop(two);
        match one.wait() {
            Err(BarrierError::Broken(broken)) => broken,
            answer => panic!("{answer:?}"),
        }
    });
    let mutex: Mutex<u64> = Setup::new().anonymous().unwrap();
    let _guard = mutex.lock().unwrap();
    let phrases = [
        mutex.lock().err().unwrap().to_string(),
        LockError::<Mutex<u64>>::WouldBlock.to_string(),
        LockError::<Mutex<u64>>::TimedOut.to_string(),
        LockError::<Mutex<u64>>::Forked.to_string(),
        ReleaseError::Overflow { max: Semaphore::MAX }.to_string(),
        BarrierError::from(broken).to_string(),
        BarrierError::TimedOut.to_string(),
        JoinError::from(broken).to_string(),
        JoinError::Full { parties: 3 }.to_string(),
        JoinError::Parties { max: 32 }.to_string(),
        JoinError::Expects { parties: 3 }.to_string(),
        JoinError::NotSetUp.to_string(),
        OpenError::ReadOnly.to_string(),
        Mutex::<u64>::open(name("nowhere").as_str()).err().unwrap().to_string(),
    ];
    for phrase in phrases {
        assert!(phrase.starts_with(|first: char| first.is_lowercase()), "{phrase}");
        assert!(!phrase.contains(['\n', '{']) && !phrase.ends_with('.'), "{phrase}");
    }
}
