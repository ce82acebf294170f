//! Single-producer rings: both layouts of slots, and byte records.

use super::Entry;
use crate::scenario::{End, Process, Scenario};
use crate::world::Bounds;
use ringway::slots::{Consumer, Latency, Layout, Producer, Throughput};
use ringway::{Config, RecvError, SendError, TryRecvError, TrySendError, WaitStrategy, slots};
use ringway_shm::layout::PAGE;

/// Offset of the control page: behind the superblock and the table of participants.
const CONTROL: u64 = 2 * PAGE;
/// The producer's position.
const TAIL: u64 = CONTROL;
/// The consumer's position.
const HEAD: u64 = CONTROL + 0x80;

/// Slots of a ring.
const CAPACITY: u64 = 2;

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

fn ring<L: Layout>(name: &str) -> Scenario {
    let config = Config::spsc().capacity(CAPACITY).participants(4);
    Scenario::new(name).region(move || slots::anonymous_in::<u64, L>(&config).expect("a ring of two slots"))
}

/// No message is lost, doubled, changed or invented: those received are the first ones sent, but for one that a dead consumer
/// had taken for each that died.
fn in_order(end: &End<'_>) -> Result<(), String> {
    let (tried, sent, received) = (end.values("try"), end.values("sent"), end.values("received"));
    let mut next = 1;
    let mut lost = 0;
    for &value in &received {
        if value < next {
            return Err(format!("received {received:?}: {value} again, or out of order"));
        }
        lost += value - next;
        next = value + 1;
    }
    if lost > end.killed() as u64 {
        return Err(format!("received {received:?}: {lost} lost"));
    }
    if received.last() > tried.last() {
        return Err(format!("received {received:?}, tried to send {tried:?} only"));
    }
    let taken = end.word_at(HEAD);
    if taken < received.len() as u64 || taken > (received.len() + end.killed()) as u64 {
        return Err(format!("{taken} taken from the ring, and received {received:?}"));
    }
    if end.is_undisturbed() && end.word_at(TAIL) != sent.len() as u64 {
        return Err(format!("{} put into the ring, and sent {sent:?}", end.word_at(TAIL)));
    }
    Ok(())
}

fn tries<L: Layout>(name: &str) -> Scenario {
    ring::<L>(name)
        .process_with("producer", producer::<L>, |me, mut tx| {
            let mut value = 1;
            for _ in 0..3 {
                me.note("try", value);
                match me.attempt("try_send", || tx.try_send(&value)) {
                    Ok(()) => {
                        me.note("sent", value);
                        value += 1;
                    }
                    Err(TrySendError::Full { .. } | TrySendError::PeerDead | TrySendError::Closed) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        })
        .process_with("consumer", consumer::<L>, |me, mut rx| {
            for _ in 0..3 {
                match me.attempt("try_recv", || rx.try_recv()) {
                    Ok(value) => me.note("received", value),
                    Err(TryRecvError::Empty | TryRecvError::PeerDead | TryRecvError::Closed) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        })
        .end(in_order)
}

fn waits<L: Layout>(name: &str, count: u64) -> Scenario {
    ring::<L>(name)
        .process_with("producer", producer::<L>, move |me, mut tx| {
            for value in 1..=count {
                me.note("try", value);
                match me.wait_for_ever("send", || tx.send(&value)) {
                    Ok(()) => me.note("sent", value),
                    Err(SendError::PeerDead | SendError::Closed) => return,
                    Err(error) => panic!("{error}"),
                }
            }
            me.keep(tx);
        })
        .process_with("consumer", consumer::<L>, move |me, mut rx| {
            for _ in 1..=count {
                match me.wait_for_ever("recv", || rx.recv()) {
                    Ok(value) => me.note("received", value),
                    Err(RecvError::PeerDead | RecvError::Closed) => return,
                    Err(error) => panic!("{error}"),
                }
            }
            me.keep(rx);
        })
        .wakes_are_due()
        .end(in_order)
}

/// The scenarios of this file.
#[must_use]
pub fn all() -> Vec<Entry> {
    vec![
        Entry::new(tries::<Throughput>("slots-try"), Bounds::WEAK, "slots, calls that do not wait"),
        Entry::new(tries::<Throughput>("slots-try-kill"), Bounds::WEAK.kills(1), "the same, one killed"),
        Entry::new(
            tries::<Latency>("latency-try"),
            Bounds::WEAK,
            "slots with a line each, calls that do not wait",
        ),
        Entry::new(tries::<Latency>("latency-try-kill"), Bounds::WEAK.kills(1), "the same, one killed"),
        Entry::new(waits::<Throughput>("slots-wait1", 1), Bounds::WEAK, "slots, calls that wait"),
        Entry::new(waits::<Throughput>("slots-wait2", 2), Bounds::WEAK, "slots, calls that wait"),
        Entry::new(waits::<Throughput>("slots-wait", 3), Bounds::WEAK, "slots, calls that wait"),
        Entry::new(waits::<Throughput>("slots-wait-kill", 2), Bounds::WEAK.kills(1), "the same, one killed"),
    ]
}
