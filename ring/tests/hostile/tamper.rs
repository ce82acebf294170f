//! What a hostile party does to a ring: edge values where they hurt, and garbage everywhere else.

use crate::fixture::random::Random;
use crate::fixture::raw::{HEAD, Raw, TAIL};
use ringway::layout::{CONTROL, DATA, PADDING, RECORD, header};
use ringway::shm::primitive::Ordering;

/// A position, often one at which something changes.
fn position(random: &mut Random, near: u64, capacity: u64) -> u64 {
    let by =
        random.choose(&[0, 1, 4, 7, 8, 16, capacity.wrapping_sub(8), capacity, capacity + 8, 2 * capacity]);
    match random.below(6) {
        0 => random.choose(&[0, 1, 7, 8, u64::MAX, u64::MAX - 7, 1 << 63, (1 << 63) - 8]),
        1 => random.next(),
        2 => random.next() & !7,
        3 => near.wrapping_sub(by),
        _ => near.wrapping_add(by),
    }
}

/// A record header, often one that is nearly right where it stands.
fn record_header(random: &mut Random, offset: u64, capacity: u64) -> u64 {
    let kind = random.choose(&[RECORD, RECORD, RECORD, PADDING, PADDING, 0, 3, u32::MAX]);
    let to_end = (capacity - offset) as u32;
    let max = capacity as u32 / 2 - 8;
    let near = [to_end.wrapping_sub(16), to_end.wrapping_sub(8), to_end, max, max + 1, capacity as u32];
    let length = match random.below(3) {
        0 => random.choose(&near),
        1 => random.choose(&[0, 1, 7, 8, 9, u32::MAX, u32::MAX - 7, 1 << 31]),
        _ => random.below(u64::from(max)) as u32,
    };
    header(kind, length)
}

/// A backlog that there can be.
pub(crate) fn possible(random: &mut Random, capacity: u64) -> u64 {
    let unit = if capacity < 4096 { 1 } else { 8 };
    random.below(capacity / unit + 1) * unit
}

/// One hostile act on a byte ring, or, with `capacity` below 4096, on a ring of that many slots.
pub(crate) fn tamper(raw: &Raw, random: &mut Random, capacity: u64) {
    let data_len = raw.words(DATA) as u64 * 8;
    let (tail, head) = (raw.tail(), raw.head());
    let possible = possible(random, capacity);
    match random.below(10) {
        0 => raw.set_tail(position(random, tail, capacity)),
        1 => raw.set_head(position(random, head, capacity)),
        // Possible positions, so that the victim goes on to what lies between them.
        2 | 3 => raw.set_tail(head.wrapping_add(possible)),
        4 => raw.set_head(tail.wrapping_sub(possible)),
        5..=7 => {
            let nearby = head.wrapping_add(random.choose(&[0, 0, 0, 8, 16]));
            let offset =
                random.choose(&[nearby % data_len, nearby % data_len, 0, random.clone().next() % data_len])
                    & !7;
            raw.set_header(offset, record_header(random, offset, data_len));
        }
        8 => {
            let at = random.below(data_len - 64) as usize;
            let bytes = random.bytes(64);
            raw.write(DATA, at, &bytes);
        }
        _ if random.one_in(8) => scribble_all(raw, random),
        _ => {}
    }
}

/// One hostile act on a ring of `capacity` slots in the latency layout: mostly on a sequence word near the positions.
pub(crate) fn tamper_lines(raw: &Raw, random: &mut Random, capacity: u64) {
    if random.one_in(3) {
        return tamper(raw, random, capacity);
    }
    let near = random.choose(&[raw.head(), raw.tail()]).wrapping_add(random.below(3));
    let there = near.wrapping_add(1);
    let sequence = match random.below(8) {
        0..=3 => there,
        4 => there.wrapping_sub(capacity),
        5 => 0,
        6 => position(random, near, capacity),
        _ => there.wrapping_add(capacity),
    };
    raw.sequence(near, capacity).store(sequence, Ordering::Relaxed);
}

/// Garbage in every word of both sections.
pub(crate) fn scribble_all(raw: &Raw, random: &mut Random) {
    for content in [CONTROL, DATA] {
        for index in 0..raw.words(content) {
            raw.word(content, index).store(random.next(), Ordering::Relaxed);
        }
    }
}

/// Garbage in any word, a position as often as the rest together.
pub(crate) fn scribble_one(raw: &Raw, random: &mut Random) {
    let (content, index) = match random.below(6) {
        0 => (CONTROL, TAIL),
        1 => (CONTROL, HEAD),
        2 => (CONTROL, random.below(raw.words(CONTROL) as u64) as usize),
        _ => (DATA, random.below(raw.words(DATA) as u64) as usize),
    };
    raw.word(content, index).store(random.next(), Ordering::Relaxed);
}
