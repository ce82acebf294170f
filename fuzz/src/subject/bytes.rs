//! Rings of byte records, padded and mirrored.

#![allow(unsafe_code)] // because the promise of `in_place` is made here, for parties that all follow the protocol.

use super::message::{LEN_MAX, message, number};
use super::{Answer, Kind, Receive, Receives, Said, Send, Sends, answer, left, side, verb};
use ringway::bytes::{self, Consumer, Messages, Producer};
use ringway::layout::CAPACITY;
use ringway::{BYTES_MIN, Config, Deadline, Region, WhenFull, Wrap};
use ringway_shm::Expected;
use std::sync::Arc;

/// A ring of records that begin anew at its start.
pub(crate) struct Padded;

/// A ring of records that run over its end.
pub(crate) struct Mirrored;

impl Kind for Padded {
    const NAME: &'static str = "bytes";
    const HAS_MANY: bool = false;
    type Tx = Producer;
    type Rx = Consumer;
    const TIMES: u64 = RECORD / 8;

    fn anonymous(messages: u64) -> Arc<Region> {
        ring::<Self>(messages)
    }

    fn config(messages: u64) -> Config {
        config(messages, Wrap::Padding)
    }

    fn room_min(region: &Region) -> Option<u64> {
        // What is left at the end may be one byte short of a record.
        Some(region.geometry().parameters[CAPACITY] / RECORD - 1)
    }

    fn expected() -> Expected {
        bytes::expected()
    }
}

impl Kind for Mirrored {
    const NAME: &'static str = "mirrored";
    const HAS_MANY: bool = false;
    type Tx = Producer;
    type Rx = Consumer;
    const TIMES: u64 = RECORD / 8;

    fn anonymous(messages: u64) -> Arc<Region> {
        ring::<Self>(messages)
    }

    fn config(messages: u64) -> Config {
        config(messages, Wrap::Mirrored)
    }

    fn room_min(region: &Region) -> Option<u64> {
        Some(region.geometry().parameters[CAPACITY] / RECORD)
    }

    fn expected() -> Expected {
        bytes::expected()
    }
}

/// Bytes of the longest record.
const RECORD: u64 = 8 + LEN_MAX as u64;

fn config(messages: u64, wrap: Wrap) -> Config {
    let capacity = (messages * RECORD).next_power_of_two().max(BYTES_MIN);
    Config::spsc().capacity(capacity).wrap(wrap)
}

fn ring<K: Kind>(messages: u64) -> Arc<Region> {
    Arc::new(bytes::anonymous(&K::config(messages)).expect("a region in memory"))
}

/// Notes a message that came.
fn take(message: &[u8], numbers: &mut Vec<u64>) -> Answer {
    match number(message) {
        Ok(number) => {
            numbers.push(number);
            Answer::done(1)
        }
        Err(torn) => Answer::wrong(torn),
    }
}

/// Notes messages that came together.
fn take_all(messages: &Messages, numbers: &mut Vec<u64>) -> Answer {
    let mut count = 0;
    for message in messages.iter() {
        match take(message, numbers) {
            Answer { said: Said::Done, .. } => count += 1,
            wrong => return wrong,
        }
    }
    Answer::done(count)
}

/// Room for as many messages as one call is to take.
fn messages(count: u64) -> Messages {
    Messages::with_room((count * RECORD) as usize)
}

side! { [] Producer, has_consumer, await_consumer_until }
side! { [] Consumer, has_producer, await_producer_until }

impl Sends for Producer {
    const SENDS: &'static [Send<Self>] = &[
        verb!(Send "try_send", tries, one, Whole, |tx, first, _, _| Sends::try_send(tx, first)),
        verb!(Send "send", waits, one, Whole, |tx, first, _, _| {
            let (message, len) = message(first);
            answer(tx.send(&message[..len]).map(|()| 1))
        }),
        verb!(Send "send_until", waits, one, Whole, |tx, first, _, until| Sends::send_until(tx, first, until)),
        verb!(Send "send_timeout", waits, one, Whole, |tx, first, _, until| {
            let (message, len) = message(first);
            answer(tx.send_timeout(&message[..len], left(until)).map(|()| 1))
        }),
        verb!(Send "try_reserve, commit", tries, one, Whole, |tx, first, _, _| {
            let (message, len) = message(first);
            match tx.try_reserve(len) {
                Ok(mut record) => {
                    record.write_at(8, &message[8..len]);
                    record.write_at(0, &message[..8]);
                    record.commit();
                    Answer::done(1)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Send "reserve_until, commit_prefix", waits, one, Whole, |tx, first, _, until| {
            let (message, len) = message(first);
            match tx.reserve_until(LEN_MAX, until) {
                Ok(mut record) => {
                    record.write_at(0, &message[..len]);
                    record.commit_prefix(len);
                    Answer::done(1)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Send "reserve, copy_from, commit", waits, one, Whole, |tx, first, _, _| {
            let (message, len) = message(first);
            match tx.reserve(len) {
                Ok(mut record) => {
                    record.copy_from(&message[..len]);
                    record.commit();
                    Answer::done(1)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Send "reserve_timeout, commit", waits, one, Whole, |tx, first, _, until| {
            let (message, len) = message(first);
            match tx.reserve_timeout(len, left(until)) {
                Ok(mut record) => {
                    record.write_at(0, &message[..len]);
                    record.commit();
                    Answer::done(1)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Send "try_reserve, abort", tries, one, None, |tx, first, _, _| {
            let (message, len) = message(first);
            match tx.try_reserve(len) {
                Ok(mut record) => {
                    record.write_at(0, &message[..len]);
                    record.abort();
                    Answer::done(0)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Send "batch, try_send, flush", tries, many, Prefix, |tx, first, count, _| {
            let mut batch = tx.batch();
            for sent in 0..count {
                let (message, len) = message(first + sent);
                match batch.try_send(&message[..len]) {
                    Ok(()) => {}
                    // What stands in the batch is published, whatever comes of the rest.
                    Err(error) if sent == 0 => return error.into(),
                    Err(_) => return Answer::done(sent),
                }
            }
            batch.flush();
            Answer::done(count)
        }),
        verb!(Send "batch, send_until, drop", waits, many, Prefix, |tx, first, count, until| {
            let mut batch = tx.batch();
            for sent in 0..count {
                let (message, len) = message(first + sent);
                match batch.send_until(&message[..len], until) {
                    Ok(()) => {}
                    Err(error) if sent == 0 => return error.into(),
                    Err(_) => return Answer::done(sent),
                }
            }
            drop(batch);
            Answer::done(count)
        }),
        verb!(Send "batch, send, drop", waits, many, Prefix, |tx, first, count, _| {
            let mut batch = tx.batch();
            for sent in 0..count {
                let (message, len) = message(first + sent);
                match batch.send(&message[..len]) {
                    Ok(()) => {}
                    Err(error) if sent == 0 => return error.into(),
                    Err(_) => return Answer::done(sent),
                }
            }
            drop(batch);
            Answer::done(count)
        }),
        verb!(Send "batch, send_timeout, flush", waits, many, Prefix, |tx, first, count, until| {
            let mut batch = tx.batch();
            for sent in 0..count {
                let (message, len) = message(first + sent);
                match batch.send_timeout(&message[..len], left(until)) {
                    Ok(()) => {}
                    Err(error) if sent == 0 => return error.into(),
                    Err(_) => return Answer::done(sent),
                }
            }
            batch.flush();
            Answer::done(count)
        }),
        verb!(Send "try_send, drop newest", tries, one, Whole, |tx, first, _, _| {
            let (message, len) = message(first);
            tx.set_when_full(WhenFull::DropNewest);
            let dropped = tx.dropped();
            let sent = tx.try_send(&message[..len]).map(|()| 1 - (tx.dropped() - dropped));
            tx.set_when_full(WhenFull::Wait);
            answer(sent)
        }),
    ];

    fn try_send(&mut self, number: u64) -> Answer {
        let (message, len) = message(number);
        answer(self.try_send(&message[..len]).map(|()| 1))
    }

    fn send_until(&mut self, number: u64, deadline: Deadline) -> Answer {
        let (message, len) = message(number);
        answer(self.send_until(&message[..len], deadline).map(|()| 1))
    }

    fn send_in_place(self, number: u64) -> Option<(Self, Answer)> {
        let (message, len) = message(number);
        // SAFETY: who calls this has no party that does not follow the protocol (`Sends::send_in_place`).
        let mut tx = unsafe { self.in_place() };
        let answer = match tx.try_window(LEN_MAX) {
            Ok(mut window) => {
                window[..len].copy_from_slice(&message[..len]);
                window.commit_prefix(len);
                Answer::done(1)
            }
            Err(error) => error.into(),
        };
        Some((tx.into_inner(), answer))
    }
}

impl Receives for Consumer {
    const RECEIVES: &'static [Receive<Self>] = &[
        verb!(Receive "try_recv", tries, one, Whole, |rx, _, _, numbers| Receives::try_recv(rx, numbers)),
        verb!(Receive "recv", waits, one, Whole, |rx, _, _, numbers| {
            let mut message = Vec::new();
            rx.recv(&mut message).map_or_else(Into::into, |()| take(&message, numbers))
        }),
        verb!(Receive "recv_until", waits, one, Whole, |rx, _, until, numbers| {
            Receives::recv_until(rx, until, numbers)
        }),
        verb!(Receive "recv_timeout", waits, one, Whole, |rx, _, until, numbers| {
            let mut message = Vec::new();
            rx.recv_timeout(&mut message, left(until)).map_or_else(Into::into, |()| take(&message, numbers))
        }),
        verb!(Receive "recv_vec", waits, one, Whole, |rx, _, _, numbers| {
            rx.recv_vec().map_or_else(Into::into, |message| take(&message, numbers))
        }),
        verb!(Receive "recv_into", waits, one, Whole, |rx, _, _, numbers| {
            let mut message = [0; LEN_MAX];
            rx.recv_into(&mut message).map_or_else(Into::into, |len| take(&message[..len], numbers))
        }),
        verb!(Receive "recv_into_timeout", waits, one, Whole, |rx, _, until, numbers| {
            let mut message = [0; LEN_MAX];
            let len = rx.recv_into_timeout(&mut message, left(until));
            len.map_or_else(Into::into, |len| take(&message[..len], numbers))
        }),
        verb!(Receive "try_recv_into", tries, one, Whole, |rx, _, _, numbers| {
            let mut message = [0; LEN_MAX];
            rx.try_recv_into(&mut message).map_or_else(Into::into, |len| take(&message[..len], numbers))
        }),
        verb!(Receive "recv_into_until", waits, one, Whole, |rx, _, until, numbers| {
            let mut message = [0; LEN_MAX];
            rx.recv_into_until(&mut message, until).map_or_else(Into::into, |len| take(&message[..len], numbers))
        }),
        verb!(Receive "try_recv_many", tries, many, Whole, |rx, count, _, numbers| {
            let mut messages = messages(count);
            rx.try_recv_many(&mut messages).map_or_else(Into::into, |()| take_all(&messages, numbers))
        }),
        verb!(Receive "recv_many_until", waits, many, Whole, |rx, count, until, numbers| {
            let mut messages = messages(count);
            rx.recv_many_until(&mut messages, until).map_or_else(Into::into, |()| take_all(&messages, numbers))
        }),
        verb!(Receive "recv_many", waits, many, Whole, |rx, count, _, numbers| {
            let mut messages = messages(count);
            rx.recv_many(&mut messages).map_or_else(Into::into, |()| take_all(&messages, numbers))
        }),
        verb!(Receive "recv_many_timeout", waits, many, Whole, |rx, count, until, numbers| {
            let mut messages = messages(count);
            let done = rx.recv_many_timeout(&mut messages, left(until));
            done.map_or_else(Into::into, |()| take_all(&messages, numbers))
        }),
        verb!(Receive "peek, release", waits, one, Whole, |rx, _, _, numbers| match rx.peek() {
            Ok(peek) => {
                let message = peek.to_vec();
                peek.release();
                take(&message, numbers)
            }
            Err(error) => error.into(),
        }),
        verb!(Receive "peek_timeout, release", waits, one, Whole, |rx, _, until, numbers| {
            match rx.peek_timeout(left(until)) {
                Ok(peek) => {
                    let message = peek.to_vec();
                    peek.release();
                    take(&message, numbers)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Receive "try_peek, release", tries, one, Whole, |rx, _, _, numbers| match rx.try_peek() {
            Ok(peek) => {
                let message = peek.to_vec();
                peek.release();
                take(&message, numbers)
            }
            Err(error) => error.into(),
        }),
        verb!(Receive "peek_until, release", waits, one, Whole, |rx, _, until, numbers| {
            match rx.peek_until(until) {
                Ok(peek) => {
                    let message = peek.to_vec();
                    peek.release();
                    take(&message, numbers)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Receive "try_peek", tries, one, None, |rx, _, _, _| match rx.try_peek() {
            Ok(peek) => number(&peek.to_vec()).map_or_else(Answer::wrong, |_| Answer::done(0)),
            Err(error) => error.into(),
        }),
    ];

    fn try_recv(&mut self, numbers: &mut Vec<u64>) -> Answer {
        let mut message = Vec::new();
        self.try_recv(&mut message).map_or_else(Into::into, |()| take(&message, numbers))
    }

    fn recv_until(&mut self, deadline: Deadline, numbers: &mut Vec<u64>) -> Answer {
        let mut message = Vec::new();
        self.recv_until(&mut message, deadline).map_or_else(Into::into, |()| take(&message, numbers))
    }

    fn recv_in_place(self, numbers: &mut Vec<u64>) -> Option<(Self, Answer)> {
        // SAFETY: who calls this has no party that does not follow the protocol (`Receives::recv_in_place`).
        let mut rx = unsafe { self.in_place() };
        let answer = match rx.try_view() {
            Ok(view) => {
                let answer = take(&view, numbers);
                view.release();
                answer
            }
            Err(error) => error.into(),
        };
        Some((rx.into_inner(), answer))
    }
}
