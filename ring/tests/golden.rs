//! The bytes of a ring, pinned: what stands here is read by programs of other versions and languages.

#![deny(unsafe_code)]

mod fixture;

use fixture::child::{Started, link, task};
use fixture::config;
use fixture::raw::Raw;
use ringway::bytes::{self, Consumer, Producer};
use ringway::layout::{self, CONTROL, DATA};
use ringway::{Fingerprint, RecvError, Region, SendError, TryRecvError, WaitStrategy, WhenFull, Wrap, slots};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// How long a wait sleeps that is in vain.
const SHORT: Duration = Duration::from_millis(2);

/// Bytes of a section: each part at its offset, zeros everywhere else.
fn section(len: usize, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (at, part) in parts {
        bytes[*at..at + part.len()].copy_from_slice(part);
    }
    bytes
}

/// Fails with the first difference, and not with two pages of bytes.
fn assert_same(found: &[u8], expected: &[u8], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    if let Some(at) = (0..found.len()).find(|&at| found[at] != expected[at]) {
        let line = at & !15..(at & !15) + 16;
        panic!("{what} at {at:#x}: {:02x?} instead of {:02x?}", &found[line.clone()], &expected[line]);
    }
}

/// Who sits there: generation 1 of the first row, which this process has.
const SEATED: &[u8] = b"\x01\0\0\0\x01\0\0\0";
/// The same, and has left.
const LEFT: &[u8] = b"\x01\0\x01\0\x01\0\0\0";

/// A control page with these positions, whose sides are both as `seat` says, and at whose doors nobody sleeps.
fn control(tail: &[u8], head: &[u8], seat: &[u8]) -> Vec<u8> {
    let (arrived, freed) = ((0x100, &b"\x01"[..]), (0x180, &b"\x01"[..]));
    section(4096, &[(0x000, tail), (0x080, head), arrived, freed, (0x200, seat), (0x280, seat)])
}

#[test]
fn the_numbers_of_the_layout_are_these() {
    assert_eq!((layout::CONTROL, layout::DATA), (16, 17));
    assert_eq!((layout::KIND_BYTES, layout::KIND_SLOTS, layout::KIND_VERSION), (0x1_0001, 0x2_0001, 1));
    assert_eq!((layout::CAPACITY, layout::WRAP, layout::SLOT_SIZE, layout::SLOT_ALIGN), (0, 1, 2, 3));
    assert_eq!((layout::KIND_SLOTS_LATENCY, layout::LINE_LEN, layout::SEQUENCE_AT), (0x3_0001, 64, 56));
    assert_eq!((layout::HEADER_LEN, layout::RECORD, layout::PADDING), (8, 1, 2));
    assert_eq!(layout::header(layout::PADDING, 0xffff_fff8), 0x0000_0002_ffff_fff8);
    assert_eq!([0, 1, 8, 9].map(layout::record_len), [8, 16, 16, 24]);
    assert_eq!(size_of::<layout::Control>(), 768);
}

/// Fills a ring so that the fifth record does not fit before its end; the first three are received.
fn five_records(wrap: Wrap) -> Arc<Region> {
    let region = Arc::new(bytes::anonymous(&config(4096).wrap(wrap)).unwrap());
    let mut tx = Producer::attach(&region).unwrap();
    let mut rx = Consumer::attach(&region).unwrap();
    tx.try_send(b"one").unwrap();
    tx.try_send(&[0x22; 2000]).unwrap();
    tx.try_send(&[0x33; 2000]).unwrap();
    (0..3).for_each(|_| drop(rx.recv_vec().unwrap()));
    tx.try_send(b"").unwrap();
    let mut fifth = tx.try_reserve(70).unwrap();
    fifth.write_at(0, &[0x55; 70]);
    fifth.commit_prefix(66);
    region
}

#[test]
fn the_bytes_of_a_ring_that_pads_are_these() {
    let region = five_records(Wrap::Padding);
    assert_eq!(region.geometry().kind, layout::KIND_BYTES);
    assert_eq!(region.geometry().kind_version, layout::KIND_VERSION);
    assert_eq!(region.geometry().fingerprint, 0);
    assert_eq!(region.geometry().parameters, [4096, 0, 0, 0, 0, 0, 0, 0]);
    let raw = Raw::new(&region);
    // 4096 + 80 = 0x1050; 16 + 2008 + 2008 = 4032 = 0xfc0.
    let expected = control(b"\x50\x10\0\0\0\0\0\0", b"\xc0\x0f\0\0\0\0\0\0", LEFT);
    assert_same(&raw.copy(CONTROL), &expected, "control");
    let expected = section(
        4096,
        &[
            // Left of the second record, which began at 0x010.
            (0x018, &[0x22; 2000]),
            (0x7e8, b"\xd0\x07\0\0\x01\0\0\0"),
            (0x7f0, &[0x33; 2000]),
            // The fourth record, empty, and padding of 48 bytes behind its header.
            (0xfc0, b"\0\0\0\0\x01\0\0\0"),
            (0xfc8, b"\x30\0\0\0\x02\0\0\0"),
            // The fifth, at the start: 66 bytes committed of 70 written.
            (0x000, b"\x42\0\0\0\x01\0\0\0"),
            (0x008, &[0x55; 70]),
        ],
    );
    assert_same(&raw.copy(DATA), &expected, "data");
}

#[test]
fn the_bytes_of_a_mirrored_ring_are_these() {
    let region = five_records(Wrap::Mirrored);
    assert_eq!(region.geometry().parameters, [4096, 1, 0, 0, 0, 0, 0, 0]);
    let raw = Raw::new(&region);
    // 0xfc0 + 8 + 80 = 0x1018.
    let expected = control(b"\x18\x10\0\0\0\0\0\0", b"\xc0\x0f\0\0\0\0\0\0", LEFT);
    assert_same(&raw.copy(CONTROL), &expected, "control");
    let expected = section(
        4096,
        &[
            // The first record's header and payload are gone under the end of the fifth, except for what that leaves.
            (0x010, b"\xd0\x07\0\0\x01\0\0\0"),
            (0x018, &[0x22; 2000]),
            (0x7e8, b"\xd0\x07\0\0\x01\0\0\0"),
            (0x7f0, &[0x33; 2000]),
            (0xfc0, b"\0\0\0\0\x01\0\0\0"),
            // The fifth runs over the end: 48 bytes before it, 22 behind.
            (0xfc8, b"\x42\0\0\0\x01\0\0\0"),
            (0xfd0, &[0x55; 48]),
            (0x000, &[0x55; 22]),
        ],
    );
    assert_same(&raw.copy(DATA), &expected, "data");
}

/// A slot of 12 bytes.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Fingerprint)]
#[repr(C)]
struct Quote {
    price: u32,
    size: u16,
    venue: [u8; 2],
    change: i32,
}

#[test]
fn the_bytes_of_a_ring_of_slots_are_these() {
    let region = Arc::new(slots::anonymous::<Quote>(&config(4)).unwrap());
    assert_eq!(region.geometry().kind, layout::KIND_SLOTS);
    assert_eq!(region.geometry().kind_version, layout::KIND_VERSION);
    assert_eq!(region.geometry().fingerprint, Quote::FINGERPRINT);
    assert_eq!(region.geometry().parameters, [4, 0, 12, 4, 0, 0, 0, 0]);
    let mut tx = slots::Producer::<Quote>::attach(&region).unwrap();
    let mut rx = slots::Consumer::<Quote>::attach(&region).unwrap();
    let quote = |price| Quote { price, size: 0x0102, venue: *b"NY", change: -2 };
    tx.send_many(&[quote(1), quote(2), quote(3)]).unwrap();
    rx.recv().unwrap();
    rx.recv().unwrap();
    tx.send_many(&[quote(4), quote(5)]).unwrap();
    let raw = Raw::new(&region);
    let expected = control(b"\x05\0\0\0\0\0\0\0", b"\x02\0\0\0\0\0\0\0", SEATED);
    assert_same(&raw.copy(CONTROL), &expected, "control");
    let expected = section(
        4096,
        &[
            (0x00, b"\x05\0\0\0\x02\x01NY\xfe\xff\xff\xff"),
            (0x0c, b"\x02\0\0\0\x02\x01NY\xfe\xff\xff\xff"),
            (0x18, b"\x03\0\0\0\x02\x01NY\xfe\xff\xff\xff"),
            (0x24, b"\x04\0\0\0\x02\x01NY\xfe\xff\xff\xff"),
        ],
    );
    assert_same(&raw.copy(DATA), &expected, "data");
}

#[test]
fn the_bytes_of_a_ring_of_slots_in_the_latency_layout_are_these() {
    let region = Arc::new(slots::anonymous_in::<Quote, slots::Latency>(&config(4)).unwrap());
    assert_eq!(region.geometry().kind, layout::KIND_SLOTS_LATENCY);
    assert_eq!(region.geometry().kind_version, layout::KIND_VERSION);
    assert_eq!(region.geometry().fingerprint, Quote::FINGERPRINT);
    assert_eq!(region.geometry().parameters, [4, 0, 12, 4, 0, 0, 0, 0]);
    let mut tx = slots::Producer::<Quote, slots::Latency>::attach(&region).unwrap();
    let mut rx = slots::Consumer::<Quote, slots::Latency>::attach(&region).unwrap();
    let quote = |price| Quote { price, size: 0x0102, venue: *b"NY", change: -2 };
    tx.send_many(&[quote(1), quote(2), quote(3)]).unwrap();
    rx.recv().unwrap();
    rx.recv().unwrap();
    tx.send_many(&[quote(4), quote(5)]).unwrap();
    let raw = Raw::new(&region);
    let expected = control(b"\x05\0\0\0\0\0\0\0", b"\x02\0\0\0\0\0\0\0", SEATED);
    assert_same(&raw.copy(CONTROL), &expected, "control");
    let expected = section(
        4096,
        &[
            (0x00, b"\x05\0\0\0\x02\x01NY\xfe\xff\xff\xff"),
            (0x38, b"\x05\0\0\0\0\0\0\0"),
            (0x40, b"\x02\0\0\0\x02\x01NY\xfe\xff\xff\xff"),
            (0x78, b"\x02\0\0\0\0\0\0\0"),
            (0x80, b"\x03\0\0\0\x02\x01NY\xfe\xff\xff\xff"),
            (0xb8, b"\x03\0\0\0\0\0\0\0"),
            (0xc0, b"\x04\0\0\0\x02\x01NY\xfe\xff\xff\xff"),
            (0xf8, b"\x04\0\0\0\0\0\0\0"),
        ],
    );
    assert_same(&raw.copy(DATA), &expected, "data");
}

#[test]
fn the_count_of_what_was_dropped_stands_here() {
    let region = Arc::new(slots::anonymous::<u64>(&config(2)).unwrap());
    let mut tx = slots::Producer::<u64>::attach(&region).unwrap();
    tx.set_when_full(WhenFull::DropNewest);
    tx.send_many(&[1, 2, 3, 4, 5]).unwrap();
    let parts: [(usize, &[u8]); 4] = [(0x000, b"\x02"), (0x040, b"\x03"), (0x100, b"\x01"), (0x200, SEATED)];
    let expected = section(4096, &parts);
    assert_same(&Raw::new(&region).copy(CONTROL), &expected, "control");
}

/// The words of the doors and the seats: arrived, freed, producer, consumer.
fn parties(raw: &Raw) -> [u64; 4] {
    let control = raw.copy(CONTROL);
    let word = |at: usize| u64::from_le_bytes(control[at..at + 8].try_into().unwrap());
    let words = [0x100, 0x180, 0x200, 0x280].map(word);
    let known = [(0x100, 8), (0x180, 8), (0x200, 8), (0x280, 8), (0x000, 8), (0x040, 8), (0x080, 8)];
    let rest =
        (0..control.len()).filter(|at| !known.iter().any(|(from, len)| (*from..from + len).contains(at)));
    assert!(rest.into_iter().all(|at| control[at] == 0), "the rest of the page is zero");
    words
}

/// A seat's word: generation and row of its holder, deaths before it, whether it has left.
fn seat(generation: u64, row: u64, deaths: u64, is_left: bool) -> u64 {
    generation << 32 | deaths << 17 | u64::from(is_left) << 16 | (row + 1)
}

#[test]
fn the_words_of_the_doors_and_seats_are_these_after_each_step() {
    let region = Arc::new(slots::anonymous::<u64>(&config(4)).unwrap());
    let raw = Raw::new(&region);
    assert_eq!(parties(&raw), [0, 0, 0, 0]);
    let mut rx = slots::Consumer::<u64>::attach(&region).unwrap();
    rx.set_wait_strategy(WaitStrategy::Sleep);
    let me = seat(1, 0, 0, false);
    assert_eq!(
        parties(&raw),
        [0, 1, 0, me],
        "who sits down wakes the other side, whose bell then knows that nobody sleeps"
    );
    assert_eq!(rx.recv_timeout(SHORT), Err(RecvError::TimedOut));
    assert_eq!(parties(&raw), [0, 1, 0, me], "even before anybody slept");
    let mut tx = slots::Producer::<u64>::attach(&region).unwrap();
    assert_eq!(parties(&raw), [1, 1, me, me]);
    assert_eq!(rx.recv_timeout(SHORT), Err(RecvError::TimedOut));
    assert_eq!(parties(&raw), [2, 1, me, me], "a sleeper leaves it even");
    tx.send_many(&[1, 2, 3, 4]).unwrap();
    assert_eq!(parties(&raw), [3, 1, me, me], "a ringer makes it odd");
    tx.set_wait_strategy(WaitStrategy::Sleep);
    assert_eq!(tx.send_timeout(&5, SHORT), Err(SendError::TimedOut));
    assert_eq!(parties(&raw), [3, 2, me, me]);
    drop(tx);
    assert_eq!(parties(&raw), [3, 2, seat(1, 0, 0, true), me], "nobody sleeps at arrived");
    assert_eq!(rx.recv(), Ok(1));
    assert_eq!(parties(&raw), [3, 3, seat(1, 0, 0, true), me]);
    drop(rx);
    assert_eq!(parties(&raw), [3, 3, seat(1, 0, 0, true), seat(1, 0, 0, true)]);
    let tx = slots::Producer::<u64>::attach(&region).unwrap();
    assert_eq!(
        parties(&raw),
        [3, 3, seat(2, 0, 0, false), seat(1, 0, 0, true)],
        "the row has its next generation"
    );
    drop(tx);
}

#[test]
fn the_words_of_the_seats_are_these_after_deaths() {
    if let Some(task) = task() {
        let region = Region::inherited(task.parse().unwrap(), &slots::expected::<u64>()).unwrap();
        let _tx = slots::Producer::<u64>::attach(&Arc::new(region)).unwrap();
        let mut link = link();
        link.write_all(b"!").unwrap();
        let _ = link.read(&mut [0]);
        return;
    }
    let region = Arc::new(slots::anonymous::<u64>(&config(4)).unwrap());
    let raw = Raw::new(&region);
    let mut rx = slots::Consumer::<u64>::attach(&region).unwrap();
    let me = seat(1, 0, 0, false);
    let passed = region.inheritable().unwrap();
    for deaths in 0..3 {
        let test = "the_words_of_the_seats_are_these_after_deaths";
        let mut child = Started::new(test, &passed.as_raw_fd().to_string());
        child.wait_ready();
        let theirs = seat(deaths + 1, 1, deaths, false);
        assert_eq!(parties(&raw), [1, 1, theirs, me]);
        child.kill();
        assert_eq!(parties(&raw), [1, 1, theirs, me], "the dead write nothing");
        assert_eq!(rx.try_recv(), Err(TryRecvError::PeerDead));
        assert_eq!(parties(&raw), [1, 1, theirs, me], "to be told of a death writes nothing");
    }
    let tx = slots::Producer::<u64>::attach(&region).unwrap();
    assert_eq!(parties(&raw), [1, 1, seat(1, 0, 3, false), me], "the successor counts it");
    drop(tx);
    assert_eq!(parties(&raw), [1, 1, seat(1, 0, 3, true), me]);
    drop(slots::Producer::<u64>::attach(&region).unwrap());
    assert_eq!(parties(&raw), [1, 1, seat(1, 0, 3, true), me], "nobody died");
}

#[test]
fn a_new_ring_is_all_zero() {
    let of_lines = slots::anonymous_in::<u64, slots::Latency>(&config(128)).unwrap();
    for region in
        [bytes::anonymous(&config(8192)).unwrap(), slots::anonymous::<u64>(&config(1024)).unwrap(), of_lines]
    {
        let region = Arc::new(region);
        assert!(region.section(CONTROL).is_some_and(|(_, len)| len == 4096));
        assert!(region.section(DATA).is_some_and(|(_, len)| len == 8192));
        let (control, data) = Raw::new(&region).all();
        assert!(control.iter().chain(&data).all(|&byte| byte == 0));
    }
}
