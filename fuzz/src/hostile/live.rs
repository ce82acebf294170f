//! A process that does not wait for its turn: random words, and nearly right ones, all over a ring while others use it.
//!
//! ```text
//!   director ──┬──▶ scribbler     writes: superblock, rows, control page, data
//!              ├──▶ producer      every verb, attaches again            each call counted on a Board: one that does not come
//!              └──▶ consumer      every verb, attaches again            back is found, as is a panic and a signal
//! ```

#![allow(unsafe_code)] // because a stranger follows no protocol.

use super::chance::Chance;
use super::guard::PAGE;
use super::input::Input;
use super::stage::{Kind, SHAPES, Shape};
use super::victim::{Call, MESSAGE, Outcome as Said, Victim, attach};
use super::watched::control;
use crate::actor::{Actor, Board, Ending};
use crate::command::{Fault, Outcome, progress};
use ringway::layout::{CONTROL, DATA, PADDING, RECORD, header};
use ringway::slots::{self, Latency};
use ringway::{Corruption, Region, bytes};
use ringway_shm::Expected;
use ringway_shm::layout::ROWS;
use ringway_shm::primitive::{AtomicU64, Ordering};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// No call takes so long: each waits for some microseconds at most.
const LIMIT: Duration = Duration::from_secs(20);

/// Words of the Board.
const CALLS: [usize; 2] = [0, 1];
const WRITES: usize = 2;
const IS_OVER: usize = 3;

/// Runs each kind of ring for so long. Is all well?
pub(super) fn run(time: Duration, seed: u64) -> Outcome {
    let mut is_well = true;
    for kind in [Kind::Padded, Kind::Mirrored, Kind::Slots, Kind::Lines] {
        let shape = SHAPES.into_iter().rfind(|shape| shape.kind == kind).expect("a shape of each kind");
        let (found, calls, writes) = attack(shape, time, seed)?;
        progress::clear();
        let name = format!("{kind:?}").to_lowercase();
        let mut output = io::stdout().lock();
        let count = found.len();
        writeln!(output, "live {name:9} {calls} calls, {writes} writes, {count} found, seed {seed}")?;
        for what in found {
            writeln!(output, "    {what}")?;
            is_well = false;
        }
    }
    Ok(is_well)
}

/// One ring under attack: what went wrong, how many calls were made, and how many words written.
fn attack(shape: Shape, time: Duration, seed: u64) -> Result<(Vec<String>, u64, u64), Fault> {
    let region = shape.region();
    let board = Board::new(4)?;
    let passed = region.inheritable().map_err(|error| Fault::Other(error.to_string()))?;
    let (number, expected) = (passed.as_raw_fd(), super::image::expected(shape));
    let open = || Arc::new(Region::inherited(number, &expected).expect("a region that was just made"));
    // The first words are right for everybody to open; after that nobody reads the superblock again.
    let (tx, rx) = (
        || victim::<true>(shape, number, &expected, &board, seed),
        || victim::<false>(shape, number, &expected, &board, seed),
    );
    let mut victims = [("producer", Actor::start(tx)?), ("consumer", Actor::start(rx)?)];
    let is_open = |at: usize| board[at].load(Ordering::Relaxed) > 0;
    let began = Instant::now();
    while !CALLS.into_iter().all(is_open) && began.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut scribbler = Actor::start(|| scribble(&open(), shape, &board, seed))?;
    let mut found = Vec::new();
    let began = Instant::now();
    let mut seen = [(0, began); 2];
    let read = |at: usize| board[at].load(Ordering::Relaxed);
    while found.is_empty() && began.elapsed() < time {
        std::thread::sleep(Duration::from_millis(20));
        let calls = read(CALLS[0]) + read(CALLS[1]);
        if let Some(ending) = scribbler.ended() {
            found.push(format!("the scribbler {ending}"));
        }
        progress::rewrite(&format!("live {:?}: {calls} calls, {} writes", shape.kind, read(WRITES)));
        for (side, (name, actor)) in victims.iter_mut().enumerate() {
            if let Some(ending) = actor.ended() {
                found.push(format!("the {name} {ending}"));
            }
            let calls = read(CALLS[side]);
            if seen[side].0 != calls {
                seen[side] = (calls, Instant::now());
            } else if seen[side].1.elapsed() > LIMIT {
                found.push(format!("a call of the {name} does not come back"));
            }
        }
    }
    board[IS_OVER].store(1, Ordering::Relaxed);
    for (name, actor) in &mut victims {
        match actor.wait(LIMIT) {
            Some(Ending::Exited(0)) => {}
            Some(_) if !found.is_empty() => {}
            Some(ending) => found.push(format!("the {name} {ending}")),
            None => found.push(format!("a call of the {name} does not come back")),
        }
    }
    drop(scribbler);
    if read(WRITES) == 0 {
        found.push("nothing was written".to_owned());
    }
    Ok((found, read(CALLS[0]) + read(CALLS[1]), read(WRITES)))
}

/// One side in a process of its own.
fn victim<const IS_PRODUCER: bool>(
    shape: Shape,
    number: i32,
    expected: &Expected,
    board: &Board,
    seed: u64,
) -> i32 {
    let region = Arc::new(Region::inherited(number, expected).expect("a region that was just made"));
    let run = match (shape.kind, IS_PRODUCER) {
        (Kind::Padded | Kind::Mirrored, true) => endure::<bytes::Producer>,
        (Kind::Padded | Kind::Mirrored, false) => endure::<bytes::Consumer>,
        (Kind::Slots, true) => endure::<slots::Producer<super::stage::Wide>>,
        (Kind::Slots, false) => endure::<slots::Consumer<super::stage::Wide>>,
        (Kind::Lines, true) => endure::<slots::Producer<super::stage::Wide, Latency>>,
        (Kind::Lines, false) => endure::<slots::Consumer<super::stage::Wide, Latency>>,
    };
    run(&region, board, CALLS[usize::from(!IS_PRODUCER)], seed)
}

/// Calls every verb until it is over.
fn endure<V: Victim>(region: &Arc<Region>, board: &Board, calls: usize, seed: u64) -> i32 {
    let mut chance = Chance::new(seed, calls as u64 + 1);
    let mut room = vec![0; MESSAGE.len()];
    let mut victim: Option<(V, Option<Corruption>)> = None;
    while board[IS_OVER].load(Ordering::Relaxed) == 0 {
        let mut bytes = [0; 64];
        chance.fill(&mut bytes);
        let mut input = Input::new(&bytes);
        board[calls].fetch_add(1, Ordering::Relaxed);
        let Some((handle, said)) = &mut victim else {
            victim = attach(region).map(|handle| (handle, None));
            continue;
        };
        let is_poisoned = said.is_some();
        let mut call =
            Call { input: &mut input, room: &mut room, is_poisoned, may_wait: true, name: "", handed: 0 };
        if call.input.one_in(32) {
            let deadline = call.deadline();
            _ = handle.has_other();
            assert_eq!(handle.await_other(deadline), Said::Done);
            continue;
        }
        match (handle.call(&mut call), *said) {
            (Said::Corrupt(corruption), Some(said)) => {
                assert_eq!(corruption, said, "{}: said otherwise", call.name);
                if call.input.one_in(4) {
                    victim = None;
                }
            }
            (Said::Corrupt(corruption), None) => *said = Some(corruption),
            (Said::Done, Some(said)) => panic!("{} served after {said}", call.name),
            (Said::Done | Said::TooLong, _) => {}
        }
    }
    0
}

/// Writes until it is killed.
fn scribble(region: &Arc<Region>, shape: Shape, board: &Board, seed: u64) -> i32 {
    let mut chance = Chance::new(seed, 0);
    let section = |content| region.section(content).expect("a ring has all three sections");
    let (rows, (page, _), (data, data_len)) = (section(ROWS).0, section(CONTROL), section(DATA));
    // The table of rows begins at the second page of every region.
    let start = rows.as_ptr().wrapping_sub(PAGE);
    let len = region.geometry().region_len as usize;
    let offset = |address: *mut u8| address as usize - start as usize;
    let (page, data) = (offset(page.as_ptr()), offset(data.as_ptr()));
    let word = |at: usize| {
        assert!(at < len);
        let word = start.wrapping_add(at & !7).cast::<AtomicU64>();
        // SAFETY: an aligned word within the region (asserted), mapped while `region` lives; an atomic one, which others write
        // meanwhile.
        unsafe { &*word }
    };
    loop {
        for _ in 0..64 {
            let near = word(page + control::HEAD).load(Ordering::Relaxed);
            let unit = if shape.is_bytes() { 8 } else { 1 };
            let ahead = chance.below(shape.capacity / unit + 2) * unit;
            let (at, value) = match chance.below(12) {
                0 | 1 => (page + control::TAIL, near.wrapping_add(ahead)),
                2 => {
                    let tail = word(page + control::TAIL).load(Ordering::Relaxed);
                    (page + control::HEAD, tail.wrapping_sub(ahead))
                }
                3 => (page + [control::TAIL, control::HEAD][chance.below(2) as usize], chance.next()),
                4 => {
                    let places =
                        [control::ARRIVED, control::FREED, control::PRODUCER_SEAT, control::CONSUMER_SEAT];
                    let value = [0, 1, 1 << 32 | 1, 2 << 32 | 2, 1 << 32 | 1 << 16 | 1, chance.next()];
                    (page + places[chance.below(4) as usize], value[chance.below(6) as usize])
                }
                5 => (PAGE + chance.below(64) as usize * 8, chance.next() >> chance.below(64)),
                6 => (chance.below(len as u64) as usize, chance.next()),
                7 if shape.kind == Kind::Lines => {
                    let line = near.wrapping_add(chance.below(3));
                    let at = (line % shape.capacity) as usize * 64 + 56;
                    (data + at, line.wrapping_add(1).wrapping_sub(chance.below(2) * shape.capacity))
                }
                _ => {
                    let at = near.wrapping_add(chance.below(4) * 8) as usize % data_len;
                    let kind = [RECORD, RECORD, RECORD, PADDING, 3][chance.below(5) as usize];
                    let length = chance.below(shape.capacity / 2 + 16) as u32;
                    (data + at, header(kind, length))
                }
            };
            word(at).store(value, Ordering::Relaxed);
        }
        board[WRITES].fetch_add(64, Ordering::Relaxed);
        // So that it leaves the victims a core where there are few.
        if chance.below(8) == 0 {
            std::thread::sleep(Duration::from_micros(20));
        }
    }
}
