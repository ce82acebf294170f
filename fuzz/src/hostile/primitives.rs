//! Locks, semaphores, permits, a barrier and data in one region, whose bytes and rows somebody else writes.
//!
//! ```text
//!   section   mutex · spinlock · semaphore · binary · permits · barrier · data      0 at the beginning of each script
//!   script    a stranger's write · a call · a guard that is kept or dropped · ...
//! ```
//!
//! Each call answers, in time, by a type; it changes nothing in the section but what it is about; and what it holds it can
//! give back, whatever has been written meanwhile.

#![allow(unsafe_code)] // because what a stranger does to a region is done through raw addresses.

use super::Watch;
use super::guard::{PAGE, arena, until_guarded};
use super::input::Input;
use ringway_shm::Region;
use ringway_shm::layout::ROWS;
use ringway_shm::primitive::{copy_in, copy_out};
use ringway_sync::layout::SPACE;
use ringway_sync::{
    Barrier, BinarySemaphore, Data, Deadline, Mutex, MutexGuard, OnDeath, Party, Permit, Permits, Semaphore,
    Setup, Shared, SpinGuard, SpinLock,
};
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Acts of a script, at most.
const ACTS_MAX: usize = 32;

#[derive(Shared)]
struct All {
    mutex: Mutex<[u64; 3]>,
    spin: SpinLock<[u8; 5]>,
    semaphore: Semaphore,
    binary: BinarySemaphore,
    permits: Permits<3>,
    barrier: Barrier,
    data: Data<[u8; 13]>,
}

/// The parts of the section, as they are laid out.
const PARTS: [usize; 7] = [
    <Mutex<[u64; 3]> as Shared>::LEN,
    <SpinLock<[u8; 5]> as Shared>::LEN,
    <Semaphore as Shared>::LEN,
    <BinarySemaphore as Shared>::LEN,
    <Permits<3> as Shared>::LEN,
    <Barrier as Shared>::LEN,
    <Data<[u8; 13]> as Shared>::LEN,
];

fn part(number: usize) -> Range<usize> {
    let start: usize = PARTS[..number].iter().sum();
    start..start + PARTS[number]
}

/// What a script holds.
#[derive(Default)]
struct Held<'a> {
    mutex: Option<MutexGuard<'a, [u64; 3]>>,
    spin: Option<SpinGuard<'a, [u8; 5]>>,
    permits: Vec<Permit<3>>,
    parties: Vec<Party>,
}

struct Stage {
    all: All,
    region: Arc<Region>,
    /// The rows as this process has them.
    rows: Vec<u8>,
    /// Whose they are.
    owners: Vec<u64>,
}

impl Stage {
    fn new() -> Self {
        arena();
        let all: All = until_guarded(|| {
            let all: All = Setup::new().participants(31).anonymous().expect("a region in memory");
            let region = all.mutex.region();
            let len = region.geometry().region_len as usize;
            let start = section(region, ROWS).0 as usize - PAGE;
            let is_guarded = arena().holes(len).any(|hole| hole.start == start);
            is_guarded.then_some(all)
        });
        let region = Arc::clone(all.mutex.region());
        // This thread's row, for good.
        drop(all.mutex.lock().expect("a lock that is free"));
        let rows = read(&region, ROWS);
        let owners = region.participants().expect("the system answers");
        let owners = owners.iter().map(|row| row.owner.to_bits()).collect();
        Self { all, region, rows, owners }
    }
}

fn section(region: &Region, content: u32) -> (*mut u8, usize) {
    let (start, len) = region.section(content).expect("the region has it");
    (start.as_ptr(), len)
}

fn read(region: &Region, content: u32) -> Vec<u8> {
    let (start, len) = section(region, content);
    let mut bytes = vec![0; len];
    // SAFETY: a whole section, mapped while the region lives; a private buffer of that length.
    unsafe { copy_out(start, bytes.as_mut_ptr(), len) };
    bytes
}

fn write(region: &Region, content: u32, offset: usize, bytes: &[u8]) {
    let (start, len) = section(region, content);
    assert!(offset + bytes.len() <= len);
    // SAFETY: within the section (asserted); no reference covers it, since it is atomic words and what is copied.
    unsafe { copy_in(bytes.as_ptr(), start.wrapping_add(offset), bytes.len()) };
}

/// Plays a script.
pub(crate) fn play(input: &[u8], watch: &mut dyn Watch) {
    thread_local! {
        static STAGE: OnceCell<Stage> = const { OnceCell::new() };
    }
    STAGE.with(|stage| script(stage.get_or_init(Stage::new), &mut Input::new(input), watch));
}

fn script(stage: &Stage, input: &mut Input<'_>, watch: &mut dyn Watch) {
    let len = PARTS.iter().sum::<usize>();
    write(&stage.region, SPACE, 0, &vec![0; len]);
    let mut held = Held::default();
    for _ in 0..ACTS_MAX {
        if input.is_over() {
            break;
        }
        if input.below(3) == 0 {
            tamper(stage, input);
            continue;
        }
        let number = input.below(PARTS.len() as u64) as usize;
        let before = read(&stage.region, SPACE);
        watch.begins();
        let name = call(stage, number, input, &mut held);
        watch.ended(name, PARTS[number] as u64);
        let (after, own) = (read(&stage.region, SPACE), part(number));
        for at in (0..after.len()).filter(|at| !own.contains(at)) {
            assert_eq!(after[at], before[at], "{name} of part {number} has changed byte {at:#x} of another");
        }
    }
    // Everything is given back, whatever stands there.
    watch.begins();
    drop(held);
    watch.ended("drop", 0);
    write(&stage.region, ROWS, 0, &stage.rows);
}

/// A stranger's write.
fn tamper(stage: &Stage, input: &mut Input<'_>) {
    let owner = stage.owners.get(input.below(4) as usize).copied().unwrap_or(7 << 32 | 3);
    let value = match input.below(10) {
        0 => 0,
        1 => u64::MAX,
        2 => owner,
        // As it stands in a lock, with flags.
        3 => owner & !0xffff_ffff | (owner & 0xffff) << 4 | input.below(16),
        4 => input.below(8),
        5 => u64::from(u32::MAX),
        6 => 1 << input.below(64),
        7 => 0xc000_0000,
        _ => input.word(),
    };
    let bytes = value.to_le_bytes();
    let width = input.choose(&[8, 8, 4, 4, 1]);
    let len = PARTS.iter().sum::<usize>();
    if input.one_in(5) {
        let offset = input.below(8 * 128 / width as u64) as usize * width;
        write(&stage.region, ROWS, offset, &bytes[..width]);
    } else {
        // Most of it at the beginning of a part, where the words are.
        let start = part(input.below(PARTS.len() as u64) as usize).start;
        let within = if input.one_in(3) { len - start } else { 24 };
        let offset = start + input.below((within / width) as u64) as usize * width;
        write(&stage.region, SPACE, offset, &bytes[..width]);
    }
}

fn deadline(input: &mut Input<'_>) -> Deadline {
    Deadline::after(Duration::from_micros(input.below(8)))
}

/// One call, of one part; says which.
fn call<'a>(stage: &'a Stage, number: usize, input: &mut Input<'_>, held: &mut Held<'a>) -> &'static str {
    let all = &stage.all;
    match (number, input.below(6)) {
        (0, 0) => {
            held.mutex = None;
            "unlock"
        }
        (0, 1) => {
            if let Some(guard) = &mut held.mutex {
                guard.update(|value| value[1] = value[1].wrapping_add(1));
                guard.mark_consistent();
            }
            "update"
        }
        (0, how) => {
            let locked = if how == 2 { all.mutex.try_lock() } else { all.mutex.lock_until(deadline(input)) };
            match locked {
                Ok(guard) => held.mutex = Some(guard),
                Err(ringway_sync::LockError::OwnerDied(died)) => held.mutex = Some(died.into_guard()),
                Err(error) => typed(error),
            }
            _ = (all.mutex.owner(), all.mutex.repaired());
            "lock"
        }
        (1, 0) => {
            held.spin = None;
            "unlock"
        }
        (1, 1) => {
            if let Some(guard) = &mut held.spin {
                guard.set([7; 5]);
            }
            "set"
        }
        (1, how) => {
            let locked = if how == 2 { all.spin.try_lock() } else { all.spin.lock_until(deadline(input)) };
            match locked {
                Ok(guard) => held.spin = Some(guard),
                Err(ringway_sync::LockError::OwnerDied(died)) => held.spin = Some(died.into_guard()),
                Err(error) => typed(error),
            }
            "lock"
        }
        (2, 0 | 1) => {
            let permits = input.choose(&[0, 1, 2, 1001, Semaphore::MAX, u32::MAX]);
            _ = (all.semaphore.release(permits).map_err(typed), all.semaphore.count());
            "release"
        }
        (2, 2) => {
            _ = all.semaphore.try_acquire().map_err(typed);
            "try_acquire"
        }
        (2, _) => {
            _ = all.semaphore.try_acquire_until(deadline(input)).map_err(typed);
            "try_acquire_until"
        }
        (3, 0 | 1) => {
            _ = all.binary.release().map_err(typed);
            "release"
        }
        (3, 2) => {
            _ = all.binary.try_acquire().map_err(typed);
            "try_acquire"
        }
        (3, _) => {
            _ = all.binary.try_acquire_until(deadline(input)).map_err(typed);
            "try_acquire_until"
        }
        (4, 0) => {
            held.permits.pop();
            "drop permit"
        }
        (4, how) => {
            let taken = if how < 3 {
                all.permits.try_acquire()
            } else {
                all.permits.try_acquire_until(deadline(input))
            };
            held.permits.extend(taken.map_err(typed));
            assert!(all.permits.available() <= 3 && all.permits.holders().len() <= 3);
            held.permits.truncate(8);
            "try_acquire"
        }
        (5, 0) => {
            let on_death = input.choose(&[OnDeath::Break, OnDeath::Drop]);
            _ = all.barrier.expect_with(input.below(40) as u32, on_death).map_err(typed);
            "expect"
        }
        (5, 1) => {
            let joined =
                if input.one_in(3) { all.barrier.join_until(deadline(input)) } else { all.barrier.join() };
            held.parties.extend(joined.map_err(typed));
            held.parties.truncate(40);
            "join"
        }
        (5, how) => {
            let Some(mut party) = held.parties.pop() else { return "nobody" };
            match how {
                2 => _ = party.arrive().map_err(typed),
                3 => _ = party.wait_until(deadline(input)).map_err(typed),
                4 => _ = party.try_wait().map_err(typed),
                _ if input.one_in(2) => {
                    _ = party.arrive_and_drop().map_err(typed);
                    return "arrive_and_drop";
                }
                _ => return "drop party",
            }
            held.parties.insert(0, party);
            "arrive"
        }
        _ => {
            all.data.set(&[input.byte(); 13]);
            _ = all.data.get();
            "data"
        }
    }
}

/// What is answered says what it is.
fn typed(error: impl std::error::Error) {
    assert!(!error.to_string().is_empty());
}
