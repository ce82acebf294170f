//! A byte ring as one would draw it: a queue of records and three positions.

use ringway::{TryRecvError, TrySendError};
use std::collections::VecDeque;

pub(crate) const CAPACITY: u64 = 4096;
pub(crate) const LENGTH_MAX: u64 = CAPACITY / 2 - 8;

/// Bytes that a record takes: a header of 8, and the payload up to a multiple of 8.
pub(crate) fn footprint(length: u64) -> u64 {
    8 + length.div_ceil(8) * 8
}

/// A record in the model; a padding record before it belongs to it.
pub(crate) struct Record {
    /// Position of its header.
    at: u64,
    /// Position behind it.
    end: u64,
    message: Vec<u8>,
}

/// The ring as one would draw it.
pub(crate) struct Model {
    mirrored: bool,
    pub(crate) head: u64,
    /// Tail as the consumer can see it.
    pub(crate) published: u64,
    pub(crate) tail: u64,
    records: VecDeque<Record>,
}

impl Model {
    /// Empty, and used up to `start`.
    pub(crate) fn new(mirrored: bool, start: u64) -> Self {
        Self { mirrored, head: start, published: start, tail: start, records: VecDeque::new() }
    }

    pub(crate) fn free(&self) -> u64 {
        CAPACITY - self.tail.wrapping_sub(self.head)
    }

    pub(crate) fn to_end(&self) -> u64 {
        CAPACITY - self.tail % CAPACITY
    }

    /// Padding before a record of `len` bytes, or why there is no room for it. A full ring shows the consumer all there is.
    pub(crate) fn room(&mut self, len: usize) -> Result<u64, TrySendError> {
        let len = len as u64;
        if len > LENGTH_MAX {
            return Err(TrySendError::TooLong { len, max: LENGTH_MAX });
        }
        let padding = if self.mirrored || footprint(len) <= self.to_end() { 0 } else { self.to_end() };
        let (needed, free) = (padding + footprint(len), self.free());
        if needed > free {
            self.publish();
            return Err(TrySendError::Full { needed, free });
        }
        Ok(padding)
    }

    pub(crate) fn add(&mut self, padding: u64, message: &[u8]) {
        let at = self.tail.wrapping_add(padding);
        let end = at.wrapping_add(footprint(message.len() as u64));
        self.records.push_back(Record { at, end, message: message.to_vec() });
        self.tail = end;
    }

    pub(crate) fn publish(&mut self) {
        self.published = self.tail;
    }

    /// The producer goes, and with it what it had not published.
    pub(crate) fn forget_unpublished(&mut self) {
        let visible = self.visible().count();
        self.records.truncate(visible);
        self.tail = self.published;
    }

    /// The records that the consumer can see.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &Record> {
        let there = self.published.wrapping_sub(self.head);
        self.records.iter().take_while(move |record| record.end.wrapping_sub(self.head) <= there)
    }

    pub(crate) fn next(&self) -> Result<&[u8], TryRecvError> {
        self.visible().next().map(|record| &*record.message).ok_or(TryRecvError::Empty)
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        let record = self.records.pop_front().expect("only called when there is one");
        self.head = record.end;
        record.message
    }

    /// How many records one copy of at most `room` bytes takes: whole ones, none of them beyond the end.
    pub(crate) fn many(&self, room: usize) -> Result<usize, TryRecvError> {
        let first = self.next()?.len();
        let needed = footprint(first as u64) as usize;
        if needed > room {
            return Err(TryRecvError::TooSmall { needed });
        }
        let mut used = 0;
        let fits = |(number, record): &(usize, &Record)| {
            used += footprint(record.message.len() as u64);
            let begins_anew = !self.mirrored && record.at % CAPACITY == 0 && *number > 0;
            used <= room as u64 && !begins_anew
        };
        Ok(self.visible().enumerate().take_while(fits).count())
    }
}
