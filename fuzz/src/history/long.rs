//! Long histories: a producer and a consumer at full speed, all verbs, a hundred thousand calls in a row; judged by patterns.

use super::clock::{Clock, Fenced};
use super::log::{Entry, Kind as Noted, Log, words};
use crate::actor::{Actor, Board, Ending};
use crate::linear::{Did, Operation, check_fifo};
use crate::lot::Lot;
use crate::subject::{Answer, Kind, Parts, Receives, Said, Sends, Side};
use ringway::{Deadline, Region, WaitStrategy};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

/// Entries of a log, and so calls of one side in one history.
const ENTRIES: usize = 1 << 17;
/// Numbers that one call sends at most; a call that is given room in bytes may receive more.
const MANY: u64 = 8;
/// Entries that one call may make: its numbers came in so many pieces at most, where they do not come in one.
const PIECES: usize = 130;
/// How long a history may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Messages that rings have room for, by turns.
const ROOM: [u64; 4] = [2, 8, 64, 512];

/// One history to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) number: usize,
    pub(super) seed: u64,
    pub(super) clock: Clock,
    /// Two processes? Otherwise two threads of one.
    pub(super) processes: bool,
}

/// Makes a history, and judges it: how many operations it had. An error says what is wrong.
pub(super) fn history<K: Kind>(run: Run, calls: usize) -> Result<u64, String> {
    let entries = calls.min(ENTRIES) + PIECES + 2;
    let board = Board::new(words(2, entries)).map_err(|error| error.to_string())?;
    // By turns, so that both what a store's delay hides and what it shows is looked at.
    let fenced = if run.number % 4 == 3 { Fenced::No } else { Fenced::Yes };
    let logs = [0, 1].map(|number| Log::new(&board, number, entries, run.clock, fenced));
    let room = ROOM[run.number % ROOM.len()];
    let region = K::anonymous(room);
    make::<K>(run, &region, logs)?;
    let notes = logs.map(Log::entries);
    in_order(&notes)?;
    let operations = operations(&notes);
    let judged =
        |operation: &&Operation| fenced == Fenced::Yes || matches!(operation.did, Did::Push(_) | Did::Pop(_));
    let judged: Vec<Operation> = operations.iter().filter(judged).copied().collect();
    check_fifo(&judged, K::room_min(&region)).map_err(|wrong| wrong.to_string())?;
    Ok(judged.len() as u64)
}

/// Has both sides make their calls.
fn make<K: Kind>(run: Run, region: &Arc<Region>, logs: [Log<'_>; 2]) -> Result<(), String> {
    let passed = region.inheritable().map_err(|error| error.to_string())?;
    let number = passed.as_raw_fd();
    let open = move || K::of_descriptor(number).map_err(|error| error.to_string());
    let lots = [Lot::new(run.seed), Lot::new(!run.seed)];
    let [tx_lot, rx_lot] = lots;
    if run.processes {
        let tx = start(|| send::<K>(&open()?, logs, tx_lot))?;
        let rx = start(|| receive::<K>(&open()?, logs, rx_lot))?;
        return [("producer", tx), ("consumer", rx)].into_iter().try_for_each(|(who, actor)| end(who, actor));
    }
    // The director stays with one thread: another process has the two.
    let both = start(|| {
        let region = open()?;
        std::thread::scope(|scope| {
            let tx = scope.spawn(|| send::<K>(&region, logs, tx_lot));
            let came = receive::<K>(&region, logs, rx_lot);
            tx.join().map_err(|_| "the producer panicked".to_owned())?.and(came)
        })
    })?;
    end("the process of both sides", both)
}

/// Exit status of a process that has printed what is wrong.
const WRONG: i32 = 3;

fn start(act: impl FnOnce() -> Result<(), String>) -> Result<Actor, String> {
    let run = || match act() {
        Ok(()) => 0,
        Err(wrong) => {
            eprintln!("{wrong}");
            WRONG
        }
    };
    Actor::start(run).map_err(|error| format!("a process does not start: {error}"))
}

fn end(who: &str, mut actor: Actor) -> Result<(), String> {
    match actor.wait(LIMIT) {
        Some(Ending::Exited(0)) => Ok(()),
        Some(ending) => Err(format!("{who} {ending}")),
        None => Err(format!("{who} has not ended in {LIMIT:?}")),
    }
}

/// Puts this thread on a core of its own, if there are several.
pub(super) fn settle(side: usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores > 1 {
        let mut core = CpuSet::new();
        core.set(side % cores);
        // Where it is not allowed the two share what they get.
        _ = sched_setaffinity(None, &core);
    }
}

fn strategy(lot: &mut Lot) -> WaitStrategy {
    [WaitStrategy::Spin, WaitStrategy::SpinThenSleep, WaitStrategy::Sleep][lot.below(3)]
}

fn limit(lot: &mut Lot) -> Deadline {
    Duration::from_micros([0, 5, 50, 500][lot.below(4)]).into()
}

/// Notes that this side is there, and waits until the other one is.
fn meet(logs: [Log<'_>; 2], side: usize) {
    settle(side);
    logs[side].is_done(1);
    while logs[1 - side].done() == 0 {
        std::thread::yield_now();
    }
}

/// Calls until the log is full, or the other side has ended.
fn send<K: Kind>(region: &Arc<Region>, logs: [Log<'_>; 2], mut lot: Lot) -> Result<(), String> {
    let mut tx = K::Tx::attach(region).map_err(|error| error.to_string())?;
    let (log, mut first) = (logs[0], 0);
    tx.set_wait_strategy(strategy(&mut lot));
    meet(logs, 0);
    while log.has_room(1) && logs[1].done() < 2 {
        let verb = &K::Tx::SENDS[lot.below(K::Tx::SENDS.len())];
        let count = if verb.is_many { 1 + lot.below(MANY as usize) as u64 } else { 1 };
        let until = limit(&mut lot);
        log.begin(Noted::Push, count, first);
        let Answer { said, count: sent } = (verb.run)(&mut tx, first, count, until);
        match said {
            Said::Done if verb.parts == Parts::None => log.forget(),
            // What was dropped found no room.
            Said::Done if sent == 0 => log.end(Noted::Full, 0, 0),
            Said::Done => log.end(Noted::Push, sent, first),
            Said::Nothing | Said::Closed => log.end(Noted::Full, 0, 0),
            Said::PeerDead => return Err(format!("{}: a death that was not", verb.name)),
            Said::Wrong(what) => return Err(format!("{}: {what}", verb.name)),
        }
        first += sent;
    }
    log.is_done(2);
    Ok(())
}

fn receive<K: Kind>(region: &Arc<Region>, logs: [Log<'_>; 2], mut lot: Lot) -> Result<(), String> {
    let mut rx = K::Rx::attach(region).map_err(|error| error.to_string())?;
    let log = logs[1];
    let mut numbers = Vec::new();
    rx.set_wait_strategy(strategy(&mut lot));
    meet(logs, 1);
    while log.has_room(PIECES) && logs[0].done() < 2 {
        let verb = &K::Rx::RECEIVES[lot.below(K::Rx::RECEIVES.len())];
        let count = if verb.is_many { 1 + lot.below(MANY as usize) as u64 } else { 1 };
        let until = limit(&mut lot);
        log.begin(Noted::Pop, 0, 0);
        let Answer { said, .. } = (verb.run)(&mut rx, count, until, &mut numbers);
        match said {
            Said::Done => note(log, &mut numbers),
            Said::Nothing | Said::Closed => log.end(Noted::Empty, 0, 0),
            Said::PeerDead => return Err(format!("{}: a death that was not", verb.name)),
            Said::Wrong(what) => return Err(format!("{}: {what}", verb.name)),
        }
    }
    log.is_done(2);
    Ok(())
}

/// Notes the end of a call that received these, in as many entries as there are pieces.
fn note(log: Log<'_>, numbers: &mut Vec<u64>) {
    let mut pieces = numbers.chunk_by(|last, next| last + 1 == *next);
    match pieces.next() {
        Some(piece) => log.end(Noted::Pop, piece.len() as u64, piece[0]),
        // It was only looked at.
        None => log.forget(),
    }
    pieces.for_each(|piece| log.repeat(piece[0], piece.len() as u64));
    numbers.clear();
}

/// One producer sends in the order of its calls, and so are its numbers received: one after the other.
fn in_order([_, received]: &[Vec<Entry>; 2]) -> Result<(), String> {
    let mut next = 0;
    for entry in received.iter().filter(|entry| entry.kind == Noted::Pop && entry.ended.is_some()) {
        if entry.first != next {
            return Err(format!("{} was received where {next} was next", entry.first));
        }
        next += entry.count;
    }
    Ok(())
}

/// The operations of both sides: one for each number.
fn operations(notes: &[Vec<Entry>; 2]) -> Vec<Operation> {
    let mut operations = Vec::new();
    for &Entry { kind, count, first, began, ended } in notes.iter().flatten() {
        let Some(ended) = ended else { continue };
        let mut add = |did| operations.push(Operation { did, began, ended });
        match kind {
            Noted::Push => (first..first + count).for_each(|number| add(Did::Push(number))),
            Noted::Pop => (first..first + count).for_each(|number| add(Did::Pop(number))),
            Noted::Empty => add(Did::Empty),
            Noted::Full => add(Did::Full),
            Noted::Round => {}
        }
    }
    operations
}
