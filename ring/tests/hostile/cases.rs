//! The lies that are worth naming, one by one, each told to every verb.

use crate::fixture::config;
use crate::fixture::raw::{CONSUMER_SEAT, PRODUCER_SEAT, Raw};
use ringway::bytes::{self, Consumer, Messages, Producer};
use ringway::layout::{PADDING, RECORD, header};
use ringway::shm::primitive::Ordering;
use ringway::{
    AttachError, Corruption, Fault, OpenError, RecvError, Region, SendError, TryRecvError, TrySendError,
    WhenFull, Wrap, slots,
};
use std::sync::Arc;
use std::time::Duration;

const CAPACITY: u64 = 4096;

type LatencyProducer = slots::Producer<u64, slots::Latency>;
type LatencyConsumer = slots::Consumer<u64, slots::Latency>;

/// What stands in an empty ring that is used up to `start`, after its consumer attached.
struct Lie {
    what: &'static str,
    wrap: Wrap,
    start: u64,
    /// Where the producer claims to be, from `start` on.
    ahead: u64,
    /// Words of the data section, by byte offset.
    headers: &'static [(u64, u64)],
    /// Where the consumer meets it, from `start` on.
    met_at: u64,
    /// The header that it meets; `None` when it is the tail.
    word: Option<u64>,
}

impl Lie {
    fn tail(&self) -> u64 {
        self.start.wrapping_add(self.ahead)
    }

    fn corruption(&self) -> Corruption {
        let fault = self.word.map_or(Fault::Tail { tail: self.tail() }, |word| Fault::Header { word });
        Corruption { position: self.start.wrapping_add(self.met_at), fault }
    }
}

/// A lie about the tail.
const fn tail(what: &'static str, start: u64, ahead: u64) -> Lie {
    Lie { what, wrap: Wrap::Padding, start, ahead, headers: &[], met_at: 0, word: None }
}

/// A lie in the first header, with as much behind it as there can be.
const fn first(what: &'static str, start: u64, headers: &'static [(u64, u64)]) -> Lie {
    Lie { what, wrap: Wrap::Padding, start, ahead: CAPACITY, headers, met_at: 0, word: Some(headers[0].1) }
}

const fn word(kind: u32, length: u32) -> u64 {
    header(kind, length)
}

const LIES: [Lie; 19] = [
    tail("tail ahead by the capacity and 8", 0, CAPACITY + 8),
    tail("tail ahead by half of 64 bits", 64, 1 << 63),
    tail("tail backwards", 64, 8u64.wrapping_neg()),
    tail("tail backwards from 0", 0, 8u64.wrapping_neg()),
    Lie { ahead: 4, ..first("tail unaligned", 0, &[(0, word(RECORD, 0))]) },
    first("length of 32 bits", 0, &[(0, word(RECORD, 0xffff_ffff))]),
    first("length just below 32 bits", 0, &[(0, word(RECORD, 0xffff_fff8))]),
    first("kind 0", 0, &[(0, word(0, 8))]),
    first("kind 3", 8, &[(8, word(3, 8))]),
    first("all ones", 0, &[(0, u64::MAX)]),
    first("longer than the longest", 0, &[(0, word(RECORD, 2041))]),
    Lie { ahead: 16, ..first("longer than what is there", 0, &[(0, word(RECORD, 9))]) },
    first("padding at offset 0", 0, &[(0, word(PADDING, 4088))]),
    first("padding that ends too early", 2048, &[(2048, word(PADDING, 1000))]),
    first("padding that ends too late", 2048, &[(2048, word(PADDING, 2048))]),
    Lie { ahead: 64, ..first("padding with nothing behind it", 4032, &[(4032, word(PADDING, 56))]) },
    Lie {
        what: "two paddings in a row",
        wrap: Wrap::Padding,
        start: 4032,
        ahead: CAPACITY,
        headers: &[(4032, word(PADDING, 56)), (0, word(PADDING, 4088))],
        met_at: 64,
        word: Some(word(PADDING, 4088)),
    },
    Lie { ahead: 112, ..first("a record over the end", 4032, &[(4032, word(RECORD, 100))]) },
    Lie { wrap: Wrap::Mirrored, ..first("padding in a mirrored ring", 4032, &[(4032, word(PADDING, 56))]) },
];

type Verb<H> = (&'static str, fn(&mut H) -> Option<Corruption>);

fn tried<T>(result: Result<T, TryRecvError>) -> Option<Corruption> {
    match result {
        Err(TryRecvError::Corrupt(corruption)) => Some(corruption),
        _ => None,
    }
}

fn waited<T>(result: Result<T, RecvError>) -> Option<Corruption> {
    match result {
        Err(RecvError::Corrupt(corruption)) => Some(corruption),
        _ => None,
    }
}

const RECEIVE: [Verb<Consumer>; 12] = [
    ("try_recv", |rx| tried(rx.try_recv(&mut Vec::new()))),
    ("recv", |rx| waited(rx.recv(&mut Vec::new()))),
    ("recv_until", |rx| waited(rx.recv_until(&mut Vec::new(), Duration::MAX))),
    ("recv_vec", |rx| waited(rx.recv_vec())),
    ("try_recv_into", |rx| tried(rx.try_recv_into(&mut [0; 4096]))),
    ("recv_into", |rx| waited(rx.recv_into(&mut [0; 4096]))),
    ("try_recv_into nothing", |rx| tried(rx.try_recv_into(&mut []))),
    ("try_recv_many", |rx| tried(rx.try_recv_many(&mut Messages::with_room(4096)))),
    ("recv_many", |rx| waited(rx.recv_many(&mut Messages::with_room(4096)))),
    ("try_recv_many without room", |rx| tried(rx.try_recv_many(&mut Messages::with_room(0)))),
    ("try_peek", |rx| tried(rx.try_peek())),
    ("peek", |rx| waited(rx.peek())),
];

#[test]
fn each_lie_to_a_consumer_is_told_to_its_caller_by_every_verb() {
    for lie in &LIES {
        for (verb, receive) in RECEIVE {
            let region = Arc::new(bytes::anonymous(&config(CAPACITY).wrap(lie.wrap)).unwrap());
            let raw = Raw::new(&region);
            raw.set_positions(lie.start);
            let mut rx = Consumer::attach(&region).unwrap();
            lie.headers.iter().for_each(|&(offset, word)| raw.set_header(offset, word));
            raw.set_tail(lie.tail());
            let before = raw.all();
            assert_eq!(receive(&mut rx), Some(lie.corruption()), "{}, {verb}", lie.what);
            // From now on the same from every verb, also when the region would be in order again.
            raw.set_positions(lie.start);
            for (again, receive) in RECEIVE {
                assert_eq!(receive(&mut rx), Some(lie.corruption()), "{}, {verb}, {again}", lie.what);
            }
            raw.set_tail(lie.tail());
            assert!(raw.all() == before, "{}, {verb}", lie.what);
            let without = raw.without_holder(CONSUMER_SEAT);
            drop(rx);
            assert!(raw.all() == without, "{}, {verb}: a poisoned handle leaves its seat", lie.what);
        }
    }
}

#[test]
fn a_lie_behind_a_good_record_does_not_take_it_along() {
    let lies = [
        word(RECORD, 2041),
        word(RECORD, 0xffff_ffff),
        word(RECORD, 0xffff_fff8),
        word(PADDING, 8),
        word(PADDING, 4072),
        word(0, 8),
        word(3, 8),
    ];
    for lie in lies {
        let region = Arc::new(bytes::anonymous(&config(CAPACITY)).unwrap());
        let raw = Raw::new(&region);
        let mut rx = Consumer::attach(&region).unwrap();
        raw.set_header(0, word(RECORD, 8));
        raw.set_header(8, 0x1234);
        raw.set_header(16, lie);
        raw.set_tail(CAPACITY);
        let mut messages = Messages::with_room(4096);
        rx.try_recv_many(&mut messages).unwrap();
        assert_eq!(messages.iter().collect::<Vec<_>>(), [0x1234u64.to_le_bytes()], "{lie:#x}");
        assert_eq!(raw.head(), 16);
        let corruption = Corruption { position: 16, fault: Fault::Header { word: lie } };
        assert_eq!(rx.try_recv_many(&mut messages), Err(TryRecvError::Corrupt(corruption)));
        assert_eq!(messages.iter().count(), 0);
        assert_eq!(raw.head(), 16);
    }
}

#[test]
fn a_tail_that_goes_back_is_met_when_it_is_looked_at() {
    let region = Arc::new(bytes::anonymous(&config(CAPACITY)).unwrap());
    let raw = Raw::new(&region);
    let mut tx = Producer::attach(&region).unwrap();
    let mut rx = Consumer::attach(&region).unwrap();
    tx.try_send(b"one").unwrap();
    tx.try_send(b"two").unwrap();
    assert_eq!(rx.recv_vec().unwrap(), b"one");
    raw.set_tail(16);
    // What was seen to be there is.
    assert_eq!(rx.recv_vec().unwrap(), b"two");
    let corruption = Corruption { position: 32, fault: Fault::Tail { tail: 16 } };
    assert_eq!(rx.recv_vec(), Err(RecvError::Corrupt(corruption)));
}

#[test]
fn a_tail_of_slots_that_goes_back_is_met_with_values_left() {
    let region = Arc::new(slots::anonymous::<u64>(&config(8)).unwrap());
    let raw = Raw::new(&region);
    let mut tx = slots::Producer::<u64>::attach(&region).unwrap();
    let mut rx = slots::Consumer::<u64>::attach(&region).unwrap();
    tx.send_many(&[1, 2, 3]).unwrap();
    assert_eq!(rx.recv(), Ok(1));
    raw.set_tail(2);
    let corruption = Corruption { position: 1, fault: Fault::Tail { tail: 2 } };
    assert_eq!(rx.try_recv_many(&mut [0; 8]), Err(TryRecvError::Corrupt(corruption)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Corrupt(corruption)));
    assert_eq!(rx.try_peek().map(|peek| peek.len()), Err(TryRecvError::Corrupt(corruption)));
    assert_eq!(raw.head(), 1);
}

/// A ring in the latency layout, used up to a position and empty, but for one sequence word.
const SEQUENCES: [(&str, u64, u64); 9] = [
    ("0 behind the first lap", 8, 0),
    ("0 near the end of 64 bits", u64::MAX - 8, 0),
    ("a lap ahead", 3, 12),
    ("two laps behind", 24, 9),
    ("that of the next slot", 3, 5),
    ("that of the slot before", 3, 3),
    ("one behind the lap before", 12, 4),
    ("half of 64 bits", 3, 1 << 63),
    ("all ones", 3, u64::MAX),
];

const RECEIVE_SLOTS: [Verb<LatencyConsumer>; 10] = [
    ("try_recv", |rx| tried(rx.try_recv())),
    ("recv", |rx| waited(rx.recv())),
    ("recv_until", |rx| waited(rx.recv_until(Duration::MAX))),
    ("try_recv_into", |rx| tried(rx.try_recv_into(&mut 0))),
    ("recv_into", |rx| waited(rx.recv_into(&mut 0))),
    ("try_recv_many", |rx| tried(rx.try_recv_many(&mut [0; 9]))),
    ("recv_many", |rx| waited(rx.recv_many(&mut [0; 9]))),
    ("try_peek", |rx| tried(rx.try_peek())),
    ("peek", |rx| waited(rx.peek())),
    ("try_peek_many", |rx| tried(rx.try_peek_many(9))),
];

#[test]
fn each_sequence_that_cannot_be_is_told_by_every_verb() {
    for (what, head, sequence) in SEQUENCES {
        for (verb, receive) in RECEIVE_SLOTS {
            let region = Arc::new(slots::anonymous_in::<u64, slots::Latency>(&config(8)).unwrap());
            let raw = Raw::new(&region);
            raw.set_positions(head);
            raw.set_sequences(head, 8);
            let mut rx = LatencyConsumer::attach(&region).unwrap();
            raw.sequence(head, 8).store(sequence, Ordering::SeqCst);
            let before = raw.all();
            let corruption = Corruption { position: head, fault: Fault::Sequence { sequence } };
            assert_eq!(receive(&mut rx), Some(corruption), "{what}, {verb}");
            assert!(raw.all() == before, "{what}, {verb}");
            let without = raw.without_holder(CONSUMER_SEAT);
            // Neither side takes it over as it is.
            drop(rx);
            let corrupt = OpenError::Attach(AttachError::Corrupt(corruption));
            assert_eq!(LatencyConsumer::attach(&region).unwrap_err(), corrupt, "{what}");
            assert_eq!(LatencyProducer::attach(&region).unwrap_err(), corrupt, "{what}");
            assert!(raw.all() == without, "{what}, {verb}: nobody took a seat");
            // Who has met it says so also when the word would be in order again.
            raw.set_sequences(head, 8);
            let mut rx = LatencyConsumer::attach(&region).unwrap();
            raw.sequence(head, 8).store(sequence, Ordering::SeqCst);
            assert_eq!(receive(&mut rx), Some(corruption), "{what}, {verb}");
            raw.sequence(head, 8).store(head.wrapping_add(1), Ordering::SeqCst);
            for (again, receive) in RECEIVE_SLOTS {
                assert_eq!(receive(&mut rx), Some(corruption), "{what}, {verb}, {again}");
            }
            assert_eq!(raw.head(), head);
        }
    }
}

#[test]
fn a_sequence_that_cannot_be_behind_good_ones_does_not_take_them_along() {
    let region = Arc::new(slots::anonymous_in::<u64, slots::Latency>(&config(8)).unwrap());
    let raw = Raw::new(&region);
    let mut tx = LatencyProducer::attach(&region).unwrap();
    let mut rx = LatencyConsumer::attach(&region).unwrap();
    tx.send_many(&[1, 2, 3]).unwrap();
    raw.sequence(2, 8).store(77, Ordering::SeqCst);
    let mut values = [0; 8];
    assert_eq!((rx.try_recv_many(&mut values), values[..2].to_vec()), (Ok(2), vec![1, 2]));
    let corruption = Corruption { position: 2, fault: Fault::Sequence { sequence: 77 } };
    assert_eq!(rx.try_recv_many(&mut values), Err(TryRecvError::Corrupt(corruption)));
    assert_eq!(raw.head(), 2);
}

fn try_sent<T>(result: Result<T, TrySendError>) -> Option<Corruption> {
    match result {
        Err(TrySendError::Corrupt(corruption)) => Some(corruption),
        _ => None,
    }
}

fn sent<T>(result: Result<T, SendError>) -> Option<Corruption> {
    match result {
        Err(SendError::Corrupt(corruption)) => Some(corruption),
        _ => None,
    }
}

const SEND: [Verb<Producer>; 7] = [
    ("try_send", |tx| try_sent(tx.try_send(b"one too many"))),
    ("send", |tx| sent(tx.send(b"one too many"))),
    ("send_until", |tx| sent(tx.send_until(b"one too many", Duration::MAX))),
    ("try_reserve", |tx| try_sent(tx.try_reserve(0))),
    ("reserve", |tx| sent(tx.reserve(0))),
    ("batch, try_send", |tx| try_sent(tx.batch().try_send(b""))),
    ("batch, send", |tx| sent(tx.batch().send(b""))),
];

#[test]
fn each_lie_to_a_producer_is_told_to_its_caller_by_every_verb() {
    let heads = [CAPACITY + 8, 1 << 63, 8u64.wrapping_neg(), u64::MAX, CAPACITY + 1];
    for head in heads {
        for (verb, send) in SEND {
            let region = Arc::new(bytes::anonymous(&config(CAPACITY)).unwrap());
            let raw = Raw::new(&region);
            let mut tx = Producer::attach(&region).unwrap();
            while tx.try_send(&[1; 120]).is_ok() {}
            assert_eq!(raw.tail(), CAPACITY);
            raw.set_head(head);
            let before = raw.all();
            let corruption = Corruption { position: CAPACITY, fault: Fault::Head { head } };
            assert_eq!(send(&mut tx), Some(corruption), "{head:#x}, {verb}");
            // From now on the same from every verb, also when there would be room again.
            raw.set_head(CAPACITY);
            for (again, send) in SEND {
                assert_eq!(send(&mut tx), Some(corruption), "{head:#x}, {verb}, {again}");
            }
            raw.set_head(head);
            assert!(raw.all() == before, "{head:#x}, {verb}");
            let without = raw.without_holder(PRODUCER_SEAT);
            drop(tx);
            assert!(raw.all() == without, "{head:#x}, {verb}: a poisoned handle leaves its seat");
        }
    }
}

#[test]
fn a_batch_that_meets_a_lie_publishes_no_more() {
    let region = Arc::new(bytes::anonymous(&config(CAPACITY)).unwrap());
    let raw = Raw::new(&region);
    let mut tx = Producer::attach(&region).unwrap();
    for _ in 0..31 {
        tx.try_send(&[1; 120]).unwrap();
    }
    let mut batch = tx.batch();
    batch.try_send(&[2; 56]).unwrap();
    assert_eq!(batch.unpublished(), 64);
    raw.set_head(8u64.wrapping_neg());
    let corruption = Corruption { position: 31 * 128 + 64, fault: Fault::Head { head: 8u64.wrapping_neg() } };
    assert_eq!(batch.try_send(&[3; 120]), Err(TrySendError::Corrupt(corruption)));
    batch.flush();
    drop(batch);
    drop(tx.batch());
    assert_eq!(raw.tail(), 31 * 128);
}

#[test]
fn a_head_of_slots_that_goes_back_is_met_when_it_is_looked_at() {
    a_head_that_goes_back::<slots::Throughput>(WhenFull::Wait);
    a_head_that_goes_back::<slots::Latency>(WhenFull::Wait);
    a_head_that_goes_back::<slots::Throughput>(WhenFull::DropNewest);
    a_head_that_goes_back::<slots::Latency>(WhenFull::DropNewest);
}

fn a_head_that_goes_back<L: slots::Layout>(when_full: WhenFull) {
    let region = Arc::new(slots::anonymous_in::<u64, L>(&config(2)).unwrap());
    let raw = Raw::new(&region);
    let mut tx = slots::Producer::<u64, L>::attach(&region).unwrap();
    let mut rx = slots::Consumer::<u64, L>::attach(&region).unwrap();
    tx.set_when_full(when_full);
    tx.send_many(&[1, 2]).unwrap();
    assert_eq!(rx.recv(), Ok(1));
    tx.send(&3).unwrap();
    raw.set_head(0);
    let corruption = Corruption { position: 3, fault: Fault::Head { head: 0 } };
    assert_eq!(tx.try_send(&4), Err(TrySendError::Corrupt(corruption)));
    raw.set_head(3);
    assert_eq!(tx.try_send_many(&[4]), Err(TrySendError::Corrupt(corruption)));
    assert_eq!(tx.try_reserve().map(|slots| slots.len()), Err(TrySendError::Corrupt(corruption)));
    assert_eq!(tx.send(&4), Err(SendError::Corrupt(corruption)));
    assert_eq!((raw.tail(), tx.dropped()), (3, 0));
}

/// Attaches as one of the sides, and leaves.
type Attach = fn(&Arc<Region>) -> Result<(), OpenError>;

/// Sets both words, and sees what each side says to them; afterwards both sides must be free.
fn attached(region: Region, tail: u64, head: u64, attach: [Attach; 2]) -> [Option<Corruption>; 2] {
    let region = Arc::new(region);
    let raw = Raw::new(&region);
    raw.set_tail(tail);
    raw.set_head(head);
    let said = attach.map(|attach| match attach(&region) {
        Ok(()) => None,
        Err(OpenError::Attach(AttachError::Corrupt(corruption))) => Some(corruption),
        Err(error) => panic!("{error}"),
    });
    assert_eq!((raw.tail(), raw.head()), (tail, head));
    raw.set_positions(0);
    attach.iter().for_each(|attach| attach(&region).unwrap());
    said
}

#[test]
fn nobody_attaches_at_impossible_positions() {
    let tail_at = |position, tail| Some(Corruption { position, fault: Fault::Tail { tail } });
    let head_at = |position, head| Some(Corruption { position, fault: Fault::Head { head } });
    let max = u64::MAX - 7;
    // Tail, head, what the producer says, what the consumer says.
    let cases = [
        (4, 0, tail_at(4, 4), None),
        (8, 4, None, head_at(4, 4)),
        (0, 8, head_at(0, 8), tail_at(8, 0)),
        (4104, 0, head_at(4104, 0), tail_at(0, 4104)),
        (max, 0, head_at(max, 0), tail_at(0, max)),
        (0, max, None, None),
        (4096, 0, None, None),
        (1 << 63, 0, head_at(1 << 63, 0), tail_at(0, 1 << 63)),
    ];
    for (tail, head, producer, consumer) in cases {
        let region = bytes::anonymous(&config(CAPACITY)).unwrap();
        let sides: [Attach; 2] =
            [|region| Producer::attach(region).map(drop), |region| Consumer::attach(region).map(drop)];
        assert_eq!(attached(region, tail, head, sides), [producer, consumer], "tail {tail}, head {head}");
    }
}

#[test]
fn nobody_attaches_to_slots_at_impossible_positions() {
    let tail_at = |position, tail| Some(Corruption { position, fault: Fault::Tail { tail } });
    let head_at = |position, head| Some(Corruption { position, fault: Fault::Head { head } });
    let cases = [
        (9, 0, head_at(9, 0), tail_at(0, 9)),
        (0, 1, head_at(0, 1), tail_at(1, 0)),
        (u64::MAX, 0, head_at(u64::MAX, 0), tail_at(0, u64::MAX)),
        (3, u64::MAX - 4, None, None),
        (8, 0, None, None),
    ];
    for (tail, head, producer, consumer) in cases {
        let region = slots::anonymous::<u64>(&config(8)).unwrap();
        let sides: [Attach; 2] = [
            |region| slots::Producer::<u64>::attach(region).map(drop),
            |region| slots::Consumer::<u64>::attach(region).map(drop),
        ];
        assert_eq!(attached(region, tail, head, sides), [producer, consumer], "tail {tail}, head {head}");
    }
}

#[test]
fn nobody_attaches_to_slots_in_the_latency_layout_at_impossible_positions() {
    let sequence_at = |position, sequence| Some(Corruption { position, fault: Fault::Sequence { sequence } });
    let head_at = |position, head| Some(Corruption { position, fault: Fault::Head { head } });
    // All words are 0, so that only the first lap can be.
    let cases = [
        (8, 0, sequence_at(8, 0), None),
        (0, 1, head_at(0, 1), None),
        (1, 0, None, None),
        (1, 9, head_at(1, 9), sequence_at(9, 0)),
        // The one position whose message has a 0: the producer takes it for there, and stands at position 0.
        (u64::MAX, 7, head_at(0, 7), None),
        (7, u64::MAX - 8, head_at(7, u64::MAX - 8), sequence_at(u64::MAX - 8, 0)),
    ];
    for (tail, head, producer, consumer) in cases {
        let region = slots::anonymous_in::<u64, slots::Latency>(&config(8)).unwrap();
        let sides: [Attach; 2] = [
            |region| LatencyProducer::attach(region).map(drop),
            |region| LatencyConsumer::attach(region).map(drop),
        ];
        assert_eq!(attached(region, tail, head, sides), [producer, consumer], "tail {tail}, head {head}");
    }
}

#[test]
fn to_send_nothing_is_refused_after_corruption_as_every_other_call_is() {
    let region = Arc::new(slots::anonymous::<u64>(&config(8)).unwrap());
    let raw = Raw::new(&region);
    let mut tx = slots::Producer::<u64>::attach(&region).unwrap();
    assert_eq!((tx.send_many(&[]), tx.try_send_many(&[])), (Ok(()), Ok(0)));
    tx.send_many(&[1; 8]).unwrap();
    raw.set_head(9);
    let corruption = Corruption { position: 8, fault: Fault::Head { head: 9 } };
    assert_eq!(tx.try_send(&1), Err(TrySendError::Corrupt(corruption)));
    assert_eq!(tx.try_send_many(&[]), Err(TrySendError::Corrupt(corruption)));
    assert_eq!(tx.send_many_until(&[], Duration::ZERO), Err(SendError::Corrupt(corruption)));
    assert_eq!(tx.send_many(&[]), Err(SendError::Corrupt(corruption)));
}
