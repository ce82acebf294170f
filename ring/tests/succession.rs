//! Exactly one producer and one consumer over many processes that want to be it: they follow each other as they are
//! killed, positions go on, and the ledger of what was sent and what was received holds.

#![deny(unsafe_code)]

mod fixture;

use fixture::child::{Started, link, say, task};
use fixture::kinds::{Kind, Receives, Said, Sends, Side, for_each_kind};
use fixture::random::seeds;
use fixture::raw::Raw;
use fixture::{LIMIT, Named, alone};
use ringway::{AttachError, OpenError, RecvError, Region, SendError, TryRecvError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Messages that a ring of these tests has room for.
const ROOM: u64 = 4;

/// Children that race for one side.
const RACERS: u64 = 6;

/// Kills in the ledger.
const KILLS: u64 = 200;

/// In a child: becomes the side, as soon as nobody else is.
fn succeed<S: Side>(name: &str) -> S {
    let started = Instant::now();
    loop {
        match S::open(name) {
            Ok(mut side) => {
                // The last one may be one that left, before any of those who die.
                assert_eq!(side.await_peer(LIMIT.into()), Said::Done);
                return side;
            }
            // Those who try have a row of the table while they do.
            Err(OpenError::Attach(
                AttachError::ProducerTaken | AttachError::ConsumerTaken | AttachError::TableFull { .. },
            )) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(started.elapsed() < LIMIT, "the side never becomes free");
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// The child's part: sends `id` and a count, or says what it receives, until it is killed.
fn take_part<K: Kind>(task: &str) {
    let words: Vec<&str> = task.split(' ').collect();
    if words[0] == "tx" {
        let id: u64 = words[1].parse().unwrap();
        let mut tx = succeed::<K::Tx>(words[2]);
        for count in 0.. {
            let message = id << 32 | count;
            loop {
                match tx.send_until(message, LIMIT.into()) {
                    Ok(()) => break,
                    // Another consumer will come.
                    Err(SendError::PeerDead) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    } else {
        let mut rx = succeed::<K::Rx>(words[2]);
        let mut link = link();
        loop {
            match rx.recv_until(LIMIT.into()) {
                Ok(message) => say(&mut link, message),
                // Another producer will come.
                Err(RecvError::PeerDead) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn start(test: &str, side: &str, id: u64, named: &Named) -> Started {
    Started::new(test, &format!("{side} {id} {}", named.text()))
}

/// A ring that nobody is a side of.
fn ring<K: Kind>() -> (Named, Arc<Region>) {
    let named = Named::new("succession");
    let region = Arc::clone(K::Rx::create(named.text(), ROOM).unwrap().region());
    (named, region)
}

for_each_kind! {
    of_many_producers_that_race_one_sends_at_a_time
    of_many_consumers_that_race_each_message_reaches_one
    the_ledger_holds_over_hundreds_of_kills
}

fn of_many_producers_that_race_one_sends_at_a_time<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return take_part::<K>(&task);
    }
    let _alone = alone();
    let (named, region) = ring::<K>();
    let mut rx = K::Rx::attach(&region).unwrap();
    let mut racers: Vec<_> = (0..RACERS).map(|id| Some(start(test, "tx", id, &named))).collect();
    let mut deaths = 0;
    let mut receive = |deaths: &mut u64| loop {
        match rx.recv_until(LIMIT.into()) {
            Ok(message) => break Some((message >> 32, message & 0xffff_ffff)),
            Err(RecvError::PeerDead) => *deaths += 1,
            // After the last one.
            Err(RecvError::TimedOut) => break None,
            Err(error) => panic!("{error}"),
        }
        if *deaths == RACERS {
            break None;
        }
    };
    let mut first = receive(&mut deaths);
    let mut holders = Vec::new();
    while let Some((holder, count)) = first {
        assert_eq!(count, 0, "of each from its first message on");
        assert!(!holders.contains(&holder), "nobody holds it twice");
        holders.push(holder);
        for next in 1..50 + 10 * holder {
            assert_eq!(receive(&mut deaths), Some((holder, next)), "nobody else sends while it lives");
        }
        racers[holder as usize].take().unwrap().kill();
        let mut next = 50 + 10 * holder;
        first = loop {
            match receive(&mut deaths) {
                Some((id, count)) if id == holder => {
                    assert_eq!(count, next);
                    next += 1;
                }
                other => break other,
            }
        };
    }
    assert_eq!(
        (holders.len() as u64, deaths),
        (RACERS, RACERS),
        "each held it once, and each death was told"
    );
}

fn of_many_consumers_that_race_each_message_reaches_one<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return take_part::<K>(&task);
    }
    let _alone = alone();
    let (named, region) = ring::<K>();
    let mut tx = K::Tx::attach(&region).unwrap();
    let mut racers: Vec<_> = (0..RACERS).map(|id| start(test, "rx", id, &named)).collect();
    assert_eq!(tx.await_peer(LIMIT.into()), Said::Done);
    let (mut sent, mut deaths) = (0, 0);
    let mut received = Vec::new();
    // Whoever it is that receives: all but one wait for the side, and are killed one by one while messages flow.
    for kill in 1..=RACERS {
        // So few in all that what one says of them fits into its link, which is read when it is dead.
        while sent < 25 * kill {
            match tx.send_until(sent, LIMIT.into()) {
                Ok(()) => sent += 1,
                Err(SendError::PeerDead) => deaths += 1,
                Err(error) => panic!("{error}"),
            }
        }
        let mut racer = racers.remove(0);
        racer.kill();
        let said = racer.rest();
        assert_eq!(said.len() % 8, 0, "a torn number");
        let numbers = said.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
        let numbers: Vec<u64> = numbers.collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "it held the side without a break");
        received.extend(numbers);
    }
    let mut rx = K::Rx::attach(&region).unwrap();
    received.extend(std::iter::from_fn(|| rx.try_recv().ok()));
    received.sort_unstable();
    assert!(received.windows(2).all(|pair| pair[0] < pair[1]), "one message reached two");
    assert!(received.len() as u64 + RACERS >= sent && received.iter().all(|number| *number < sent));
    assert!(deaths <= RACERS, "{deaths} deaths");
}

/// What consumers said, in order, and where a new consumer began.
#[derive(Default)]
struct Ledger {
    messages: Vec<(u64, u64)>,
    /// Of each new consumer, the number of messages before it.
    changes: Vec<usize>,
}

impl Ledger {
    fn enter(&mut self, message: u64) {
        self.messages.push((message >> 32, message & 0xffff_ffff));
    }

    /// Of each producer a beginning, in order and once, but for one message for each consumer that was killed: the one
    /// that it had received and not said. `committed` is how many there were in all.
    fn check(&self, committed: u64) {
        let mut lost = 0;
        // None: the next message is any producer's first.
        let mut last: Option<(u64, u64)> = None;
        for (at, &(id, count)) in self.messages.iter().enumerate() {
            let expected = match last {
                Some((last_id, last_count)) if last_id == id => last_count + 1,
                Some((last_id, _)) => {
                    assert!(id > last_id, "producers follow each other");
                    0
                }
                None => 0,
            };
            let may_lose = self.changes.contains(&at);
            assert!(
                count == expected || (may_lose && count == expected + 1),
                "message {at}: {count} for {expected} of {id}"
            );
            lost += count - expected;
            last = Some((id, count));
        }
        let (received, changes) = (self.messages.len() as u64, self.changes.len() as u64);
        assert!(received + lost <= committed, "more than was sent");
        assert!(
            received + changes >= committed,
            "{received} of {committed}, {changes} consumers were killed"
        );
    }
}

fn the_ledger_holds_over_hundreds_of_kills<K: Kind>(test: &str) {
    if let Some(task) = task() {
        return take_part::<K>(&task);
    }
    let _alone = alone();
    for seed in seeds(1) {
        let random = &mut seed.random();
        let (named, region) = ring::<K>();
        let mut ledger = Ledger::default();
        let mut ids = 0..;
        let mut next_start = |side: &str| start(test, side, ids.next().unwrap(), &named);
        let (mut producer, mut consumer) = (next_start("tx"), next_start("rx"));
        for _ in 0..KILLS {
            for _ in 0..1 + random.below(40) {
                ledger.enter(consumer.number());
            }
            // The next one stands by, and takes the side the moment that it is free.
            if random.one_in(2) {
                let next = next_start("tx");
                std::thread::sleep(Duration::from_micros(random.below(600)));
                producer.kill();
                producer = next;
            } else {
                let next = next_start("rx");
                std::thread::sleep(Duration::from_micros(random.below(600)));
                consumer.kill();
                let said = consumer.rest();
                assert_eq!(said.len() % 8, 0, "a torn number");
                said.chunks_exact(8)
                    .for_each(|bytes| ledger.enter(u64::from_le_bytes(bytes.try_into().unwrap())));
                ledger.changes.push(ledger.messages.len());
                consumer = next;
            }
        }
        producer.kill();
        consumer.kill();
        let said = consumer.rest();
        said.chunks_exact(8).for_each(|bytes| ledger.enter(u64::from_le_bytes(bytes.try_into().unwrap())));
        ledger.changes.push(ledger.messages.len());
        let mut rx = K::Rx::attach(&region).unwrap();
        loop {
            match rx.try_recv() {
                Ok(message) => ledger.enter(message),
                Err(error) => {
                    assert_eq!(error, TryRecvError::PeerDead, "of the last producer");
                    break;
                }
            }
        }
        // A new producer puts the tail where the last one's messages end, in every kind of ring.
        drop(K::Tx::attach(&region).unwrap());
        let raw = Raw::new(&region);
        assert_eq!(raw.tail(), raw.head(), "all is received");
        ledger.check(raw.tail() / K::UNIT);
    }
}
