//! Short histories, thousands of them: a dozen calls of two processes that begin at one moment, and then the ring is emptied;
//! judged by the search for an order. In every second run one of the two is killed somewhere in the middle, and a successor
//! finds what is left: a call that was killed took effect before its process was gone, or never.
//!
//! ```text
//!   producer   round ▏push push  push full push ▏  done      ▏push pu-X   killed
//!   consumer   round ▏pop empty pop  pop  pop   ▏  pop empty ▏pop  pop    its calls of that round, and no more
//!   successor                                                          pop pop empty
//! ```
//!
//! The calls are of verbs that deal with one message. (Where a byte ring says Full is left out: its room is not counted in
//! messages.)

use super::clock::{Clock, Fenced};
use super::log::{Entry, Kind as Noted, Log, words};
use super::long::settle;
use crate::actor::{Actor, Board, Ending};
use crate::linear::{Call, End, Fifo, FifoAnswer, FifoOperation, linearize};
use crate::lot::Lot;
use crate::subject::{Answer, Kind, Parts, Receives, Said, Sends, Side};
use ringway::{Region, WaitStrategy};
use rustix::process::Signal;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rounds of one run.
const ROUNDS: u64 = 1000;
/// Calls of one side in a round, at most.
const CALLS: usize = 6;
/// Messages that the ring has room for.
const ROOM: [u64; 2] = [2, 4];
/// Entries of a round: the calls, the emptying, the mark.
const ENTRIES: usize = ROUNDS as usize * (CALLS + 16);
/// How long a run may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) histories: u64,
    pub(super) operations: u64,
    /// Processes that were killed, and those of them that were in a call.
    pub(super) kills: u64,
    pub(super) kills_in_calls: u64,
}

/// Which side a log is of.
const TX: usize = 0;
const RX: usize = 1;
/// The log of the successor.
const NEXT: usize = 2;

/// Makes a run, and judges its rounds.
pub(super) fn run<K: Kind>(number: usize, seed: u64, clock: Clock) -> Result<Sum, String> {
    let text = |error: std::io::Error| error.to_string();
    let board = Board::new(words(3, ENTRIES)).map_err(text)?;
    let logs = [TX, RX, NEXT].map(|log| Log::new(&board, log, ENTRIES, clock, Fenced::Yes));
    let region = K::anonymous(ROOM[number % ROOM.len()]);
    let passed = region.inheritable().map_err(|error| error.to_string())?;
    let open = || K::of_descriptor(passed.as_raw_fd()).map_err(|error| error.to_string());
    let (mut lot, is_killed) = (Lot::new(seed), number % 2 == 1);
    let hand = |more| Hand { lot: Lot::new(seed + more), is_slow: is_killed };
    let mut actors = [
        Actor::start(|| side(|| send::<K>(&open()?, logs, hand(1)))).map_err(text)?,
        Actor::start(|| side(|| receive::<K>(&open()?, logs, hand(2)))).map_err(text)?,
    ];
    let mut killed = None;
    if is_killed {
        let victim = lot.below(2);
        // They begin when both are there; then it is a matter of microseconds.
        let began = Instant::now();
        while logs.iter().take(2).any(|log| log.done() == 0) && began.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_micros(50));
        }
        std::thread::sleep(Duration::from_micros(lot.below(1500) as u64));
        actors[victim].signal(Signal::KILL);
        if actors[victim].kill() == Ending::Killed(libc::SIGKILL) {
            // It is gone: whatever it did was before this.
            killed = Some((victim, clock.before()));
            // The other one goes no further than this round.
            logs[NEXT].is_done(1);
        }
    }
    for (at, actor) in actors.iter_mut().enumerate() {
        match actor.wait(LIMIT) {
            Some(Ending::Exited(0)) => {}
            Some(Ending::Killed(_)) if killed.is_some_and(|(victim, _)| victim == at) => {}
            Some(ending) => return Err(format!("side {at} {ending}")),
            None => return Err(format!("side {at} has not ended in {LIMIT:?}")),
        }
    }
    if killed.is_some() {
        let next = || side(|| empty::<K>(&mut attach::<K::Rx>(&open()?)?, logs[NEXT]));
        let mut next = Actor::start(next).map_err(text)?;
        match next.wait(LIMIT) {
            Some(Ending::Exited(0)) => {}
            ended => return Err(format!("the successor: {ended:?}")),
        }
    }
    let capacity = K::committed(&region).map(|_| region.geometry().parameters[ringway::layout::CAPACITY]);
    judge(&logs.map(Log::entries), killed, capacity)
}

/// What a process says of what it did.
fn side(act: impl FnOnce() -> Result<(), String>) -> i32 {
    act().map_or_else(
        |wrong| {
            eprintln!("{wrong}");
            3
        },
        |()| 0,
    )
}

fn attach<S: Side>(region: &Arc<Region>) -> Result<S, String> {
    S::attach(region).map_err(|error| error.to_string())
}

/// What a side draws.
struct Hand {
    lot: Lot,
    /// Does it wait much? Then a kill mostly meets it in a call.
    is_slow: bool,
}

impl Hand {
    /// Which of so many verbs that only try, if it is not to be one that waits; and how long that one waits.
    fn draw(&mut self, verbs: usize) -> (Option<usize>, Duration) {
        let (waits, limit) =
            if self.is_slow { (self.lot.once_in(2), 300) } else { (self.lot.once_in(verbs + 1), 20) };
        let verb = (!waits).then(|| self.lot.below(verbs));
        (verb, Duration::from_micros(self.lot.below(limit) as u64))
    }

    fn calls(&mut self) -> usize {
        1 + self.lot.below(CALLS)
    }
}

/// Waits until the other side has done so many rounds. False: it never will, since it was killed.
fn meets(logs: [Log<'_>; 3], other: usize, rounds: u64) -> bool {
    let mut looks = 0u32;
    while logs[other].done() < rounds {
        if logs[NEXT].done() != 0 {
            return false;
        }
        looks += 1;
        if looks.is_multiple_of(64) {
            std::thread::yield_now();
        }
        ringway_shm::primitive::spin_hint();
    }
    true
}

fn send<K: Kind>(region: &Arc<Region>, logs: [Log<'_>; 3], mut hand: Hand) -> Result<(), String> {
    let mut tx = attach::<K::Tx>(region)?;
    let singles: Vec<_> = K::Tx::SENDS
        .iter()
        .filter(|verb| !verb.waits && !verb.is_many && verb.parts == Parts::Whole)
        .collect();
    let (log, mut number) = (logs[TX], 0);
    settle(TX);
    tx.set_wait_strategy(WaitStrategy::SpinThenSleep);
    for round in 1..=ROUNDS {
        // A step of its own says that it is there; another one that its calls are done.
        log.is_done(2 * round - 1);
        if !meets(logs, RX, 2 * round - 1) {
            break;
        }
        log.mark(round);
        for _ in 0..hand.calls() {
            number += 1;
            let (verb, wait) = hand.draw(singles.len());
            log.begin(Noted::Push, 1, number);
            let Answer { said, count } = match verb.map(|verb| singles[verb]) {
                Some(verb) => (verb.run)(&mut tx, number, 1, wait.into()),
                None => tx.send_until(number, wait.into()),
            };
            match said {
                Said::Done if count == 1 => log.end(Noted::Push, 1, number),
                Said::Wrong(what) => return Err(what),
                _ => log.end(Noted::Full, 1, number),
            }
        }
        log.is_done(2 * round);
        if !meets(logs, RX, 2 * round) {
            break;
        }
    }
    Ok(())
}

fn receive<K: Kind>(region: &Arc<Region>, logs: [Log<'_>; 3], mut hand: Hand) -> Result<(), String> {
    let mut rx = attach::<K::Rx>(region)?;
    let singles: Vec<_> = K::Rx::RECEIVES
        .iter()
        .filter(|verb| !verb.waits && !verb.is_many && verb.parts == Parts::Whole)
        .collect();
    let log = logs[RX];
    settle(RX);
    rx.set_wait_strategy(WaitStrategy::SpinThenSleep);
    let mut numbers = Vec::new();
    for round in 1..=ROUNDS {
        log.is_done(2 * round - 1);
        if !meets(logs, TX, 2 * round - 1) {
            break;
        }
        log.mark(round);
        for _ in 0..hand.calls() {
            let (verb, wait) = hand.draw(singles.len());
            log.begin(Noted::Pop, 1, 0);
            let answer = match verb.map(|verb| singles[verb]) {
                Some(verb) => (verb.run)(&mut rx, 1, wait.into(), &mut numbers),
                None => rx.recv_until(wait.into(), &mut numbers),
            };
            note(log, answer, &mut numbers)?;
        }
        if !meets(logs, TX, 2 * round) {
            break;
        }
        empty::<K>(&mut rx, log)?;
        log.is_done(2 * round);
    }
    Ok(())
}

/// Notes what a call that receives came to. Was there nothing?
fn note(log: Log<'_>, answer: Answer, numbers: &mut Vec<u64>) -> Result<bool, String> {
    match (answer.said, numbers.pop()) {
        (Said::Done, Some(number)) => log.end(Noted::Pop, 1, number),
        (Said::Wrong(what), _) => return Err(what),
        (_, _) => {
            log.end(Noted::Empty, 1, 0);
            return Ok(true);
        }
    }
    Ok(false)
}

/// Receives until nothing is left.
fn empty<K: Kind>(rx: &mut K::Rx, log: Log<'_>) -> Result<(), String> {
    let mut numbers = Vec::new();
    loop {
        log.begin(Noted::Pop, 1, 0);
        let answer = rx.try_recv(&mut numbers);
        if note(log, answer, &mut numbers)? {
            return Ok(());
        }
    }
}

/// Judges every round; what the successor did is of the last one.
fn judge(
    notes: &[Vec<Entry>; 3],
    killed: Option<(usize, u64)>,
    capacity: Option<u64>,
) -> Result<Sum, String> {
    let mut sum = Sum { kills: u64::from(killed.is_some()), ..Sum::default() };
    let rounds = |entries: &[Entry]| -> Vec<Vec<Entry>> {
        let rounds = entries.split(|entry| entry.kind == Noted::Round && entry.ended.is_some());
        rounds.skip(1).map(<[Entry]>::to_vec).collect()
    };
    let (sent, received) = (rounds(&notes[TX]), rounds(&notes[RX]));
    let count = sent.len().max(received.len());
    for round in 0..count {
        let of = |side: &[Vec<Entry>]| side.get(round).cloned().unwrap_or_default();
        let next = if round + 1 == count { notes[NEXT].clone() } else { Vec::new() };
        let calls: Vec<_> = [of(&sent), of(&received), next]
            .iter()
            .enumerate()
            .flat_map(|(process, entries)| {
                entries.iter().filter_map(move |entry| call(process, entry, killed, capacity))
            })
            .collect();
        sum.kills_in_calls += u64::from(calls.iter().any(|call| matches!(call.ended, End::Killed { .. })));
        let fifo = Fifo { capacity: capacity.map(|capacity| capacity as usize), ..Fifo::default() };
        if let Err(error) = linearize(fifo, &calls) {
            let calls: Vec<String> = calls.iter().map(|call| format!("    {call:?}\n")).collect();
            return Err(format!("round {round}: {error}\n{}", calls.concat()));
        }
        (sum.histories, sum.operations) = (sum.histories + 1, sum.operations + calls.len() as u64);
    }
    Ok(sum)
}

/// A call as the search has it; none if it says nothing.
fn call(
    process: usize,
    entry: &Entry,
    killed: Option<(usize, u64)>,
    capacity: Option<u64>,
) -> Option<Call<FifoOperation, FifoAnswer>> {
    let &Entry { kind, first, began, ended, .. } = entry;
    let (operation, answer) = match kind {
        Noted::Push => (FifoOperation::Push(first), FifoAnswer::Pushed),
        Noted::Full => (FifoOperation::Push(first), FifoAnswer::Full),
        Noted::Pop => (FifoOperation::Pop, FifoAnswer::Popped(first)),
        Noted::Empty => (FifoOperation::Pop, FifoAnswer::Empty),
        Noted::Round => return None,
    };
    if kind == Noted::Full && capacity.is_none() {
        return None;
    }
    let ended = match (ended, killed) {
        (Some(at), _) => End::Answered { at, answer },
        (None, Some((_, at))) => End::Killed { at },
        (None, None) => End::Running,
    };
    Some(Call { process, operation, began, ended })
}
