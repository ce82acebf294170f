//! Single-producer rings of slots, in both layouts.
//!
//! | scenario | shows |
//! |---|---|
//! | `-try` | calls that do not wait, against a sequential queue; each ends alone |
//! | `-wait` | calls that wait: no wake-up is lost |
//! | `-leave` | a side that leaves: `Closed`, after the backlog |
//! | `-kill`, `-heir` | the same with a kill, or with a kill and a successor |
//! | `-many`, `-reserve`, `-drop` | batches, reservations, dropping what does not fit |
//! | `-hostile` | a party that writes what it likes: clear errors, within bounds |

use super::Entry;
use super::account::{Account, message};
use crate::explorer::scenario::{End, Process, Scenario};
use crate::explorer::world::Bounds;
use crate::linear::{Fifo, FifoAnswer, FifoOperation, Specification, linearize};
use ringway::slots::{Consumer, Latency, Layout, Producer, Throughput};
use ringway::{
    Config, OpenError, RecvError, SendError, TryRecvError, TrySendError, WaitStrategy, WhenFull, slots,
};
use ringway_shm::layout::PAGE;
use std::any::TypeId;
use std::time::Duration;

/// Offset of the control page: behind the superblock and the table of participants.
pub(crate) const CONTROL: u64 = 2 * PAGE;
/// The producer's position.
pub(crate) const TAIL: u64 = CONTROL;
/// The consumer's position.
pub(crate) const HEAD: u64 = CONTROL + 0x80;

/// Slots of a ring.
const CAPACITY: u64 = 2;

/// Which process is which.
const PRODUCER: usize = 0;
const CONSUMER: usize = 1;
const LAST: usize = 2;

fn ring<L: Layout>(name: &str) -> Scenario {
    let config = Config::spsc().capacity(CAPACITY).participants(4);
    Scenario::new(name)
        .region(move || slots::anonymous_in::<u64, L>(&config).expect("room for a ring of two slots"))
}

fn producer<L: Layout>(me: &Process) -> Producer<u64, L> {
    let mut tx = Producer::<u64, L>::attach(&me.region()).expect("the producer's side is free");
    tx.set_wait_strategy(WaitStrategy::Sleep);
    tx
}

fn consumer<L: Layout>(me: &Process) -> Consumer<u64, L> {
    let mut rx = Consumer::<u64, L>::attach(&me.region()).expect("the consumer's side is free");
    rx.set_wait_strategy(WaitStrategy::Sleep);
    rx
}

/// A queue that may say that it is full, or empty, though it has just stopped being so: what is not seen yet is not there.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Late(Fifo);

impl Specification for Late {
    type Operation = FifoOperation;
    type Answer = FifoAnswer;

    fn apply(&mut self, operation: &FifoOperation) -> FifoAnswer {
        self.0.apply(operation)
    }

    fn allows(&mut self, operation: &FifoOperation, answer: &FifoAnswer) -> bool {
        matches!(answer, FifoAnswer::Full | FifoAnswer::Empty) || self.0.allows(operation, answer)
    }
}

fn is_linearizable(end: &End<'_>, is_late: bool) -> Result<(), String> {
    let calls = end.history::<FifoOperation, FifoAnswer>();
    let queue = Fifo { capacity: Some(CAPACITY as usize), ..Fifo::default() };
    let order = if is_late { linearize(Late(queue), &calls) } else { linearize(queue, &calls) };
    order.map(|_| ()).map_err(|error| format!("{error}: {calls:?}"))
}

/// Nobody is told of more deaths than there were. (In the latency layout a dead producer may have left messages that its
/// position does not count: its successor finds them.)
fn balance<L: Layout>(end: &End<'_>, account: &Account) -> Result<(), String> {
    told_of_deaths(end)?;
    if TypeId::of::<L>() == TypeId::of::<Latency>() && end.was_killed(PRODUCER) {
        return Ok(());
    }
    account.balances(end.word_at(TAIL), end.word_at(HEAD), end.was_killed(PRODUCER))
}

/// A side is told of each death of the other once at most.
fn told_of_deaths(end: &End<'_>) -> Result<(), String> {
    for (label, side) in [("consumer died", CONSUMER), ("producer died", PRODUCER)] {
        // Each incarnation of the other side may be told.
        let told = end.values(label).len();
        if told > end.deaths(side) * (1 + end.deaths(1 - side)) {
            return Err(format!("told {told} times that the {label}"));
        }
    }
    Ok(())
}

fn told_of_send(me: &Process, answer: Result<(), TrySendError>) -> FifoAnswer {
    match answer {
        Ok(()) => FifoAnswer::Pushed,
        Err(TrySendError::PeerDead) => {
            me.note("consumer died", 1);
            FifoAnswer::Full
        }
        Err(TrySendError::Full { .. } | TrySendError::Closed) => FifoAnswer::Full,
        Err(error) => panic!("{error}"),
    }
}

fn told_of_recv(me: &Process, answer: Result<u64, TryRecvError>) -> FifoAnswer {
    match answer {
        Ok(value) => FifoAnswer::Popped(value),
        Err(TryRecvError::PeerDead) => {
            me.note("producer died", 1);
            FifoAnswer::Empty
        }
        Err(TryRecvError::Empty | TryRecvError::Closed) => FifoAnswer::Empty,
        Err(error) => panic!("{error}"),
    }
}

fn tries_to_send<L: Layout>(me: &Process, tx: &mut Producer<u64, L>, times: u64) {
    let mut next = 1;
    for _ in 0..times {
        let value = message(me.incarnation(), next);
        me.note("try", value);
        let send = || told_of_send(me, me.attempt("try_send", || tx.try_send(&value)));
        if me.operation(FifoOperation::Push(value), send) == FifoAnswer::Pushed {
            me.note("sent", value);
            next += 1;
        }
    }
}

fn tries_to_receive<L: Layout>(me: &Process, rx: &mut Consumer<u64, L>, times: u64) {
    for _ in 0..times {
        let receive = || told_of_recv(me, me.attempt("try_recv", || rx.try_recv()));
        if let FifoAnswer::Popped(value) = me.operation(FifoOperation::Pop, receive) {
            me.note("received", value);
        }
    }
}

/// Calls that do not wait. The handles live on.
fn tries<L: Layout>(name: &str, times: u64, is_late: bool) -> Scenario {
    ring::<L>(name)
        .process_with("producer", producer::<L>, move |me, mut tx| {
            tries_to_send(me, &mut tx, times);
            me.keep(tx);
        })
        .process_with("consumer", consumer::<L>, move |me, mut rx| {
            tries_to_receive(me, &mut rx, times);
            me.keep(rx);
        })
        .end(move |end| {
            let account = Account::of(end, CONSUMER, 1);
            account.is_in_order()?;
            is_linearizable(end, is_late)?;
            balance::<L>(end, &account)
        })
}

/// One of them is killed and started again: it takes the side over in the middle of things.
fn heirs<L: Layout>(name: &str, sends: u64, receives: u64) -> Scenario {
    let attach_producer = |me: &Process| loop {
        match Producer::<u64, L>::attach(&me.region()) {
            Ok(tx) => return tx,
            // The dead one's locks are not free yet.
            Err(OpenError::Attach(ringway::AttachError::ProducerTaken)) => {}
            Err(error) => panic!("{error}"),
        }
    };
    let attach_consumer = |me: &Process| loop {
        match Consumer::<u64, L>::attach(&me.region()) {
            Ok(rx) => return rx,
            Err(OpenError::Attach(ringway::AttachError::ConsumerTaken)) => {}
            Err(error) => panic!("{error}"),
        }
    };
    ring::<L>(name)
        .process_with("producer", attach_producer, move |me, mut tx| {
            tries_to_send(me, &mut tx, sends);
            me.keep(tx);
        })
        .process_with("consumer", attach_consumer, move |me, mut rx| {
            tries_to_receive(me, &mut rx, receives);
            me.keep(rx);
        })
        .end(|end| {
            told_of_deaths(end)?;
            Account::of(end, CONSUMER, 1).is_in_order()
        })
}

/// Whoever is left, a last one comes as consumer and finds all that is still to be found.
fn drained<L: Layout>(name: &str, times: u64) -> Scenario {
    ring::<L>(name)
        .process_with("producer", producer::<L>, move |me, mut tx| tries_to_send(me, &mut tx, times))
        .process_with("consumer", consumer::<L>, move |me, mut rx| tries_to_receive(me, &mut rx, 1))
        .process("last", |me| {
            me.outlive_the_others();
            let mut rx = consumer::<L>(me);
            // One answer may tell of the producer's death.
            let mut is_over = false;
            while !is_over {
                match me.attempt("try_recv", || rx.try_recv()) {
                    Ok(value) => me.note("received", value),
                    Err(TryRecvError::PeerDead) => {}
                    Err(_) => is_over = true,
                }
            }
            me.keep(rx);
        })
        .end(|end| {
            let account = Account::of(end, CONSUMER, 1);
            account.is_in_order()?;
            if end.was_killed(LAST) { Ok(()) } else { account.is_emptied() }
        })
}

fn sends<L: Layout>(me: &Process, tx: &mut Producer<u64, L>, count: u64) {
    for number in 1..=count {
        let value = message(me.incarnation(), number);
        me.note("try", value);
        match me.wait_for_ever("send", || tx.send(&value)) {
            Ok(()) => me.note("sent", value),
            Err(SendError::PeerDead | SendError::Closed) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Receives so many, unless it is told that no more will come.
fn receives<L: Layout>(me: &Process, rx: &mut Consumer<u64, L>, count: u64) -> bool {
    for _ in 1..=count {
        match me.wait_for_ever("recv", || rx.recv()) {
            Ok(value) => me.note("received", value),
            Err(RecvError::PeerDead | RecvError::Closed) => return false,
            Err(error) => panic!("{error}"),
        }
    }
    true
}

/// Calls that wait. The handles live on.
fn waits<L: Layout>(name: &str, count: u64) -> Scenario {
    ring::<L>(name)
        .process_with("producer", producer::<L>, move |me, mut tx| {
            sends(me, &mut tx, count);
            me.keep(tx);
        })
        .process_with("consumer", consumer::<L>, move |me, mut rx| {
            receives(me, &mut rx, count);
            me.keep(rx);
        })
        .wakes_are_due()
        .end(|end| {
            let account = Account::of(end, CONSUMER, 1);
            account.is_in_order()?;
            balance::<L>(end, &account)?;
            if end.is_undisturbed() { account.is_drained() } else { Ok(()) }
        })
}

/// Each side leaves when it is done, and the other one is told, after the backlog.
fn leaves<L: Layout>(name: &str) -> Scenario {
    ring::<L>(name)
        .process_with("producer", producer::<L>, |me, mut tx| sends(me, &mut tx, 1))
        .process_with("consumer", consumer::<L>, |me, mut rx| {
            if !receives(me, &mut rx, 1) {
                return;
            }
            match me.wait_for_ever("recv", || rx.recv()) {
                Err(RecvError::Closed) => me.note("closed", 1),
                Err(RecvError::PeerDead) => {}
                other => panic!("{other:?} after the last message"),
            }
        })
        .wakes_are_due()
        .end(|end| {
            let account = Account::of(end, CONSUMER, 1);
            account.is_in_order()?;
            if !end.was_killed(CONSUMER) && !end.was_killed(PRODUCER) && end.values("closed").is_empty() {
                return Err("the consumer was not told that the producer has left".to_owned());
            }
            if end.is_undisturbed() { account.is_drained() } else { Ok(()) }
        })
}

/// A side that leaves while the other one looks is not taken for dead.
fn parts<L: Layout>(name: &str) -> Scenario {
    ring::<L>(name).process_with("producer", producer::<L>, |_, tx| drop(tx)).process_with(
        "consumer",
        consumer::<L>,
        |me, mut rx| {
            for _ in 0..2 {
                match me.attempt("try_recv", || rx.try_recv()) {
                    Err(TryRecvError::Empty | TryRecvError::Closed) => {}
                    other => panic!("{other:?} from a producer that left"),
                }
            }
            me.keep(rx);
        },
    )
}

/// A call that waits until a deadline ends then, whatever the other side does.
fn deadlines<L: Layout>(name: &str) -> Scenario {
    let timeout = Duration::from_millis(400);
    ring::<L>(name).process_with("producer", producer::<L>, move |me, tx| me.keep(tx)).process_with(
        "consumer",
        consumer::<L>,
        move |me, mut rx| {
            match me.wait("recv_timeout", timeout, || rx.recv_timeout(timeout)) {
                Err(RecvError::TimedOut | RecvError::PeerDead) => {}
                other => panic!("{other:?} from an empty ring"),
            }
            me.keep(rx);
        },
    )
}

/// Several at once.
fn batches<L: Layout>(name: &str) -> Scenario {
    ring::<L>(name)
        .process_with("producer", producer::<L>, |me, mut tx| {
            let mut next = 1;
            for _ in 0..2 {
                let values = [next, next + 1];
                values.iter().for_each(|&value| me.note("try", value));
                if let Ok(count) = me.attempt("try_send_many", || tx.try_send_many(&values)) {
                    values[..count].iter().for_each(|&value| me.note("sent", value));
                    next += count as u64;
                }
            }
            me.keep(tx);
        })
        .process_with("consumer", consumer::<L>, |me, mut rx| {
            for _ in 0..2 {
                let mut values = [0; 2];
                if let Ok(count) = me.attempt("try_recv_many", || rx.try_recv_many(&mut values)) {
                    values[..count].iter().for_each(|&value| me.note("received", value));
                }
            }
            me.keep(rx);
        })
        .end(|end| {
            let account = Account::of(end, CONSUMER, 2);
            account.is_in_order()?;
            balance::<L>(end, &account)
        })
}

/// Reserved, written, and committed or given up; looked at, and released or left.
fn reservations<L: Layout>(name: &str) -> Scenario {
    ring::<L>(name)
        .process_with("producer", producer::<L>, |me, mut tx| {
            for value in 1..=3 {
                let Ok(mut reserved) = me.attempt("try_reserve", || tx.try_reserve()) else { continue };
                reserved.write(0, &value);
                if value == 1 {
                    reserved.abort();
                    continue;
                }
                me.note("try", value);
                me.attempt("commit", || reserved.commit());
                me.note("sent", value);
            }
            me.keep(tx);
        })
        .process_with("consumer", consumer::<L>, |me, mut rx| {
            for times in 0..3 {
                let Ok(seen) = me.attempt("try_peek", || rx.try_peek()) else { continue };
                let value = seen.read(0);
                if times > 0 {
                    me.attempt("release", || seen.release());
                    me.note("received", value);
                }
            }
            me.keep(rx);
        })
        .end(|end| {
            let account = Account::of(end, CONSUMER, 1);
            account.is_in_order()?;
            balance::<L>(end, &account)
        })
}

/// What does not fit is dropped and counted.
fn drops<L: Layout>(name: &str) -> Scenario {
    ring::<L>(name)
        .process_with("producer", producer::<L>, |me, mut tx| {
            tx.set_when_full(WhenFull::DropNewest);
            for value in 1..=4 {
                me.note("try", value);
                let before = tx.dropped();
                me.attempt("try_send", || tx.try_send(&value)).expect("it never says that it is full");
                me.note(if tx.dropped() == before { "sent" } else { "dropped" }, value);
            }
            me.keep(tx);
        })
        .process_with("consumer", consumer::<L>, |me, mut rx| {
            tries_to_receive(me, &mut rx, 2);
            me.note("told", rx.dropped());
            me.keep(rx);
        })
        .end(|end| {
            let account = Account::of(end, CONSUMER, 1);
            account.is_in_order()?;
            let dropped = end.values("dropped");
            let before = |value: &u64| end.values("received").last().is_some_and(|last| *value < *last);
            let known = dropped.iter().filter(|value| before(value)).count() as u64;
            let told = end.values("told").first().copied();
            if told.is_some_and(|told| told < known || told > (dropped.len() + end.deaths(PRODUCER)) as u64) {
                return Err(format!("told of {told:?} dropped, {known} to {} were", dropped.len()));
            }
            if end.is_undisturbed() { balance::<L>(end, &account) } else { Ok(()) }
        })
}

/// Somebody writes what they like to the ring's words.
fn hostile<L: Layout>(name: &str) -> Scenario {
    ring::<L>(name)
        .hostile("mallory", [0, 1, 3, u64::MAX, 1 << 63, 5 << 32 | 2])
        .process_with("producer", producer::<L>, |me, mut tx| {
            for value in 1..=2 {
                let _ = me.attempt("try_send", || tx.try_send(&value));
            }
            me.keep(tx);
        })
        .process_with("consumer", consumer::<L>, |me, mut rx| {
            for _ in 0..2 {
                let _ = me.attempt("try_recv", || rx.try_recv());
            }
            me.keep(rx);
        })
}

/// The scenarios of this file.
#[must_use]
pub fn all() -> Vec<Entry> {
    const WEAK: Bounds = Bounds::WEAK;
    let one = WEAK.kills(1);
    let heir = one.restarts(1);
    let mut entries = Vec::new();
    let mut add = |scenario: Scenario, bounds: Bounds, about: &'static str| {
        entries.push(Entry::new(scenario, bounds, about));
    };
    add(
        tries::<Throughput>("slots-try-strong", 4, false),
        Bounds::STRONG,
        "4 tries a side, strictly linearizable",
    );
    add(
        tries::<Throughput>("slots-try", 3, true),
        WEAK,
        "3 tries a side, linearizable but for late Full and Empty",
    );
    add(tries::<Throughput>("slots-try-kill", 3, true), one, "the same, one killed");
    add(heirs::<Throughput>("slots-heir", 2, 1), heir, "2 sends and 1 reception, one killed and followed");
    add(
        drained::<Throughput>("slots-drain", 2),
        one,
        "2 sends, 1 reception, one killed, and a last one that drains",
    );
    add(drained::<Latency>("latency-drain", 2), one, "the same in the latency layout");
    add(heirs::<Throughput>("slots-seat", 0, 2), heir, "2 looks after a side that is killed and followed");
    add(waits::<Throughput>("slots-wait", 2), WEAK, "2 messages, calls that wait");
    add(waits::<Throughput>("slots-wait-kill", 2), one, "the same, one killed");
    add(leaves::<Throughput>("slots-leave"), WEAK, "1 message, and both leave");
    add(parts::<Throughput>("slots-part"), WEAK, "a side leaves while the other looks");
    add(
        deadlines::<Throughput>("slots-deadline"),
        one.spurious(1),
        "a wait of 400 ms, one killed, one spurious wake",
    );
    add(batches::<Throughput>("slots-many"), one, "2 batches of 2 a side, one killed");
    add(reservations::<Throughput>("slots-reserve"), one, "3 reservations and looks, one killed");
    add(drops::<Throughput>("slots-drop"), one, "4 messages, those that do not fit dropped, one killed");
    add(
        hostile::<Throughput>("slots-hostile"),
        WEAK.scribbles(1),
        "2 tries a side, one word written by a stranger",
    );
    add(
        tries::<Latency>("latency-try-strong", 4, false),
        Bounds::STRONG,
        "4 tries a side, strictly linearizable",
    );
    add(
        tries::<Latency>("latency-try", 3, true),
        WEAK,
        "3 tries a side, linearizable but for late Full and Empty",
    );
    add(heirs::<Latency>("latency-heir", 2, 1), heir, "2 sends and 1 reception, one killed and followed");
    add(waits::<Latency>("latency-wait", 2), WEAK, "2 messages, calls that wait");
    add(waits::<Latency>("latency-wait-kill", 1), one, "1 message, one killed");
    add(
        hostile::<Latency>("latency-hostile"),
        WEAK.scribbles(1),
        "2 tries a side, one word written by a stranger",
    );
    entries
}
