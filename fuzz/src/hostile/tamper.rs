//! What a hostile peer does to a ring: edge values where they hurt, and what the input says everywhere else.

use super::input::Input;
use super::stage::{Kind, Of, Stage};
use super::watched::control;
use core::mem::{offset_of, size_of};
use ringway::layout::{LINE_LEN, PADDING, RECORD, SEQUENCE_AT, header, record_len};
use ringway_shm::layout::Row;

const DOORS: [usize; 2] = [control::ARRIVED, control::FREED];
const SEATS: [usize; 2] = [control::PRODUCER_SEAT, control::CONSUMER_SEAT];

impl Stage {
    fn tail(&self) -> u64 {
        self.get(self.control + control::TAIL)
    }

    fn head(&self) -> u64 {
        self.get(self.control + control::HEAD)
    }

    fn set_tail(&mut self, tail: u64) {
        self.put(self.control + control::TAIL, tail);
    }

    fn set_head(&mut self, head: u64) {
        self.put(self.control + control::HEAD, head);
    }

    /// Where the sequence word of a position stands.
    fn sequence_at(&self, position: u64) -> usize {
        self.data + ((position % self.shape.capacity) * LINE_LEN + SEQUENCE_AT) as usize
    }

    /// Positions are counted in this.
    fn unit(&self) -> u64 {
        if self.shape.is_bytes() { 8 } else { 1 }
    }
}

/// The ring, as the victims find it: used up to a position, and something in it.
pub(crate) fn set_up(stage: &mut Stage, input: &mut Input<'_>) {
    stage.renew();
    let unit = stage.unit();
    let head = match input.below(8) {
        0 | 1 => 0,
        2 => input.choose(&[u64::MAX - 7, u64::MAX - 63, 1 << 63, (1 << 63) - 8]) & !(unit - 1),
        3 => position(stage, input, 0),
        _ => input.below(4 * stage.shape.capacity) & !(unit - 1),
    };
    let backlog = possible(stage, input);
    empty_at(stage, head);
    match input.below(4) {
        0 => {}
        1 => stage.set_tail(head.wrapping_add(backlog)),
        _ => fill(stage, input, head, backlog),
    }
    if input.one_in(4) {
        for _ in 0..input.below(4) {
            others(stage, input);
        }
    }
}

/// A ring that is empty at a position.
pub(crate) fn empty_at(stage: &mut Stage, head: u64) {
    stage.set_head(head);
    stage.set_tail(head);
    if stage.shape.kind == Kind::Lines {
        let capacity = stage.shape.capacity;
        for ahead in 0..capacity {
            let next = head.wrapping_add(ahead);
            // A position below the capacity is one of the first lap, unless the ring was in use before 64 bits wrapped.
            let is_first = next < capacity && head <= next;
            let sequence = if is_first { 0 } else { next.wrapping_add(1).wrapping_sub(capacity) };
            stage.put(stage.sequence_at(next), sequence);
        }
    }
}

/// Messages as an honest producer would have sent them, or nearly.
fn fill(stage: &mut Stage, input: &mut Input<'_>, head: u64, backlog: u64) {
    let capacity = stage.shape.capacity;
    let head = head & !(stage.unit() - 1);
    let mut tail = head;
    if stage.shape.kind == Kind::Lines {
        for ahead in 0..backlog {
            tail = head.wrapping_add(ahead + 1);
            stage.put(stage.sequence_at(tail.wrapping_sub(1)), tail);
        }
    } else if stage.shape.is_bytes() {
        for _ in 0..16 {
            let room = capacity - tail.wrapping_sub(head);
            let offset = tail % capacity;
            let to_end = capacity - offset;
            let mut len = input.below(capacity / 2 - 7);
            if stage.shape.kind == Kind::Padded && record_len(len) > to_end {
                if to_end + record_len(len) > room || offset == 0 {
                    break;
                }
                stage.put(stage.data + offset as usize, header(PADDING, to_end as u32 - 8));
                tail = tail.wrapping_add(to_end);
                stage.put(stage.data, header(RECORD, len as u32));
            } else {
                if record_len(len) > room {
                    len = room.saturating_sub(8);
                }
                if room < 8 || len > capacity / 2 - 8 {
                    break;
                }
                stage.put(stage.data + offset as usize, header(RECORD, len as u32));
            }
            tail = tail.wrapping_add(record_len(len));
            if input.is_over() || input.one_in(4) {
                break;
            }
        }
    } else {
        tail = head.wrapping_add(backlog);
    }
    stage.set_tail(tail);
}

/// A position, often one at which something changes.
fn position(stage: &Stage, input: &mut Input<'_>, near: u64) -> u64 {
    let capacity = stage.shape.capacity;
    let by =
        input.choose(&[0, 1, 4, 7, 8, 16, capacity.wrapping_sub(8), capacity, capacity + 8, 2 * capacity]);
    match input.below(6) {
        0 => input.choose(&[0, 1, 7, 8, u64::MAX, u64::MAX - 7, 1 << 63, (1 << 63) - 8]),
        1 => input.word(),
        2 => input.word() & !7,
        3 => near.wrapping_sub(by),
        _ => near.wrapping_add(by),
    }
}

/// A backlog that there can be.
fn possible(stage: &Stage, input: &mut Input<'_>) -> u64 {
    let unit = stage.unit();
    input.below(stage.shape.capacity / unit + 1) * unit
}

/// A record header, often one that is nearly right where it stands.
fn record_header(stage: &Stage, input: &mut Input<'_>, offset: u64) -> u64 {
    let capacity = stage.data_len() as u64;
    let kind = input.choose(&[RECORD, RECORD, RECORD, PADDING, PADDING, 0, 3, u32::MAX]);
    let to_end = (capacity - offset) as u32;
    let max = capacity as u32 / 2 - 8;
    let near = [to_end.wrapping_sub(16), to_end.wrapping_sub(8), to_end, max, max + 1, capacity as u32];
    let length = match input.below(3) {
        0 => input.choose(&near),
        1 => input.choose(&[0, 1, 7, 8, 9, u32::MAX, u32::MAX - 7, 1 << 31]),
        _ => input.below(u64::from(max)) as u32,
    };
    header(kind, length)
}

/// A byte of the data section, often one that is read next.
fn place(stage: &Stage, input: &mut Input<'_>) -> u64 {
    let len = stage.data_len() as u64;
    let scale = match stage.shape.of {
        Of::Bytes => 1,
        Of::Odd => size_of::<super::stage::Odd>() as u64,
        _ => 8,
    };
    match input.below(4) {
        0 => input.below(len),
        1 => stage.tail().wrapping_mul(scale) % len,
        _ => stage.head().wrapping_add(input.choose(&[0, 0, 8, 16])).wrapping_mul(scale) % len,
    }
}

/// One hostile act.
pub(crate) fn tamper(stage: &mut Stage, input: &mut Input<'_>) {
    let (tail, head) = (stage.tail(), stage.head());
    match input.below(16) {
        0 | 1 => {
            let tail = position(stage, input, tail);
            stage.set_tail(tail);
        }
        2 | 3 => {
            let head = position(stage, input, head);
            stage.set_head(head);
        }
        // Possible positions, so that the victim goes on to what lies between them.
        4 | 5 => {
            let backlog = possible(stage, input);
            stage.set_tail(head.wrapping_add(backlog));
        }
        6 => {
            let backlog = possible(stage, input);
            stage.set_head(tail.wrapping_sub(backlog));
        }
        7..=10 if stage.shape.kind == Kind::Lines => sequence(stage, input),
        7..=9 => {
            let offset = place(stage, input) & !7;
            let word = record_header(stage, input, offset);
            stage.put(stage.data + offset as usize, word);
        }
        10 => {
            let backlog = possible(stage, input);
            fill(stage, input, head, backlog);
        }
        11 => {
            let at = stage.data + place(stage, input) as usize;
            let len = input.below(64) as usize;
            let bytes = input.take(len);
            stage.write(at, bytes);
        }
        12 => {
            let at = input.below(stage.len() as u64) as usize;
            let word = input.word();
            stage.put(at, word);
        }
        _ => others(stage, input),
    }
}

/// A sequence word near the positions.
fn sequence(stage: &mut Stage, input: &mut Input<'_>) {
    let capacity = stage.shape.capacity;
    let near = input.choose(&[stage.head(), stage.tail()]).wrapping_add(input.below(3));
    let there = near.wrapping_add(1);
    let sequence = match input.below(8) {
        0..=3 => there,
        4 => there.wrapping_sub(capacity),
        5 => 0,
        6 => position(stage, input, near),
        _ => there.wrapping_add(capacity),
    };
    stage.put(stage.sequence_at(near), sequence);
}

/// A word that waits and deaths are about: a door, a seat, a row.
pub(crate) fn others(stage: &mut Stage, input: &mut Input<'_>) {
    let ours = stage.participant.owner().to_bits();
    match input.below(6) {
        0 => {
            let at = stage.control + input.choose(&DOORS);
            let counter =
                input.choose(&[0, 1, 2, u32::MAX, u32::MAX - 1, stage.get_half(at).wrapping_add(1)]);
            stage.put_half(at, counter);
        }
        1 => {
            let at = stage.control + input.choose(&DOORS) + 4;
            let fences = input.choose(&[0, 1, 2, 3, u32::MAX]);
            stage.put_half(at, fences);
        }
        2 | 3 => {
            let at = stage.control + input.choose(&SEATS);
            let seat = owner(input, ours);
            let (left, deaths) = (u64::from(input.one_in(4)) << 16, input.below(4) << 17);
            let word = seat ^ if input.one_in(2) { left | deaths } else { 0 };
            stage.put(at, word);
        }
        _ => row(stage, input, ours),
    }
}

/// A word that names somebody: us, somebody who was, or nobody that there can be.
pub(crate) fn owner(input: &mut Input<'_>, ours: u64) -> u64 {
    let generation = input.choose(&[0, 1, 2, u32::MAX, (ours >> 32) as u32]);
    match input.below(6) {
        0 | 1 => ours,
        2 => ours.wrapping_add(1 << 32),
        3 => input.word(),
        _ => u64::from(generation) << 32 | input.choose(&[0, 1, 2, 3, 15, 16, 0xffff]),
    }
}

/// A word of a row.
fn row(stage: &mut Stage, input: &mut Input<'_>, ours: u64) {
    let number = input.choose(&[0, 0, 1, 1, 2, 14]);
    let at = stage.rows + number * size_of::<Row>();
    match input.below(5) {
        0 | 1 => {
            let generation = input.choose(&[0, 1, 2, u32::MAX, (ours >> 32) as u32]);
            let state = input.choose(&[0, 1, 1, 2, 3, u32::MAX]);
            stage.put(at, u64::from(generation) << 32 | u64::from(state));
        }
        2 | 3 => {
            let thread = stage.get_half(stage.rows + offset_of!(Row, life));
            let marked = 1 << 30;
            let life = input.choose(&[0, 1, marked, 1 << 31, u32::MAX, thread, thread | marked, !thread]);
            stage.put_half(at + offset_of!(Row, life), life);
        }
        _ => {
            let within = input.below(size_of::<Row>() as u64) as usize;
            let word = input.word();
            stage.put(at + within, word);
        }
    }
}
