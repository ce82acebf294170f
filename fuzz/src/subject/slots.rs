//! Rings of slots: close together, and with a cache line each.

#![allow(unsafe_code)] // because the promise of `in_place` is made here, for parties that all follow the protocol.

use super::control::{self, Control};
use super::message::Numbered;
use super::{Answer, Kind, Parts, Receive, Receives, Send, Sends, answer, left, side, verb};
use ringway::layout::CAPACITY;
use ringway::slots::{self, Consumer, Latency, Layout, Producer, Throughput};
use ringway::{Config, Deadline, Region, WhenFull};
use ringway_shm::Expected;
use std::sync::Arc;

/// Slots close together.
pub(crate) struct Slots;

/// A cache line for each slot.
pub(crate) struct Lines;

impl Kind for Slots {
    const NAME: &'static str = "slots";
    type Tx = Producer<Numbered>;
    type Rx = Consumer<Numbered>;

    fn anonymous(messages: u64) -> Arc<Region> {
        Arc::new(slots::anonymous::<Numbered>(&config(messages)).expect("a region in memory"))
    }

    fn config(messages: u64) -> Config {
        config(messages)
    }

    fn expected() -> Expected {
        slots::expected::<Numbered>()
    }

    fn room_min(region: &Region) -> Option<u64> {
        Some(region.geometry().parameters[CAPACITY])
    }

    fn committed(region: &Region) -> Option<u64> {
        Some(Control::of(region).tail())
    }
}

impl Kind for Lines {
    const NAME: &'static str = "lines";
    const HAS_SLICES: bool = false;
    type Tx = Producer<Numbered, Latency>;
    type Rx = Consumer<Numbered, Latency>;

    fn anonymous(messages: u64) -> Arc<Region> {
        Arc::new(slots::anonymous_in::<Numbered, Latency>(&config(messages)).expect("a region in memory"))
    }

    fn config(messages: u64) -> Config {
        config(messages)
    }

    fn expected() -> Expected {
        slots::expected_in::<Numbered, Latency>()
    }

    fn room_min(region: &Region) -> Option<u64> {
        Some(region.geometry().parameters[CAPACITY])
    }

    fn committed(region: &Region) -> Option<u64> {
        // What a dead producer had committed last stands in the sequence words alone.
        let capacity = region.geometry().parameters[CAPACITY];
        let mut tail = Control::of(region).tail();
        while control::sequence(region, tail % capacity) == tail + 1 {
            tail += 1;
        }
        Some(tail)
    }
}

fn config(messages: u64) -> Config {
    Config::spsc().capacity(messages.next_power_of_two())
}

/// How many slots one call is given at most.
const MANY: usize = 16;

fn values(first: u64, count: u64) -> ([Numbered; MANY], usize) {
    let count = (count as usize).min(MANY);
    let mut values = [Numbered::ZERO; MANY];
    for (value, number) in values[..count].iter_mut().zip(first..) {
        *value = Numbered::new(number);
    }
    (values, count)
}

/// Notes a value that came.
fn take(value: &Numbered, numbers: &mut Vec<u64>) -> Answer {
    take_all(core::slice::from_ref(value), numbers)
}

/// Notes values that came.
fn take_all(values: &[Numbered], numbers: &mut Vec<u64>) -> Answer {
    for value in values {
        match value.number() {
            Ok(number) => numbers.push(number),
            Err(torn) => return Answer::wrong(torn),
        }
    }
    Answer::done(values.len() as u64)
}

/// What a call that sends several slots leaves when it is killed.
trait Several: Layout {
    const PARTS: Parts;

    /// As [`Sends::send_in_place`].
    fn send_in_place(tx: Producer<Numbered, Self>, _: u64) -> Option<(Producer<Numbered, Self>, Answer)>
    where
        Self: Sized,
    {
        drop(tx);
        None
    }

    /// As [`Receives::recv_in_place`].
    fn recv_in_place(
        rx: Consumer<Numbered, Self>,
        _: &mut Vec<u64>,
    ) -> Option<(Consumer<Numbered, Self>, Answer)>
    where
        Self: Sized,
    {
        drop(rx);
        None
    }
}

impl Several for Throughput {
    const PARTS: Parts = Parts::Whole;

    fn send_in_place(tx: Producer<Numbered>, number: u64) -> Option<(Producer<Numbered>, Answer)> {
        // SAFETY: who calls this has no party that does not follow the protocol (`Sends::send_in_place`).
        let mut tx = unsafe { tx.in_place() };
        let answer = match tx.try_window(1) {
            Ok(mut window) => {
                window[0] = Numbered::new(number);
                window.commit();
                Answer::done(1)
            }
            Err(error) => error.into(),
        };
        Some((tx.into_inner(), answer))
    }

    fn recv_in_place(rx: Consumer<Numbered>, numbers: &mut Vec<u64>) -> Option<(Consumer<Numbered>, Answer)> {
        // SAFETY: who calls this has no party that does not follow the protocol (`Receives::recv_in_place`).
        let mut rx = unsafe { rx.in_place() };
        let answer = match rx.try_view(1) {
            Ok(view) => {
                let answer = take(&view[0], numbers);
                view.release();
                answer
            }
            Err(error) => error.into(),
        };
        Some((rx.into_inner(), answer))
    }
}

impl Several for Latency {
    const PARTS: Parts = Parts::Prefix;
}

side! { [L: Layout] Producer<Numbered, L>, has_consumer, await_consumer_until }
side! { [L: Layout] Consumer<Numbered, L>, has_producer, await_producer_until }

impl<L: Several> Sends for Producer<Numbered, L> {
    const SENDS: &'static [Send<Self>] = &[
        verb!(Send "try_send", tries, one, Whole, |tx, first, _, _| Sends::try_send(tx, first)),
        verb!(Send "send", waits, one, Whole, |tx, first, _, _| {
            answer(tx.send(&Numbered::new(first)).map(|()| 1))
        }),
        verb!(Send "send_until", waits, one, Whole, |tx, first, _, until| Sends::send_until(tx, first, until)),
        verb!(Send "send_timeout", waits, one, Whole, |tx, first, _, until| {
            answer(tx.send_timeout(&Numbered::new(first), left(until)).map(|()| 1))
        }),
        Send {
            parts: L::PARTS,
            ..verb!(Send "try_send_many", tries, many, Whole, |tx, first, count, _| {
                let (values, count) = values(first, count);
                answer(tx.try_send_many(&values[..count]).map(|sent| sent as u64))
            })
        },
        verb!(Send "send_many_until", waits, many, Prefix, |tx, first, count, until| {
            let (values, count) = values(first, count);
            answer(tx.send_many_until(&values[..count], until).map(|sent| sent as u64))
        }),
        verb!(Send "send_many_timeout", waits, many, Prefix, |tx, first, count, until| {
            let (values, count) = values(first, count);
            answer(tx.send_many_timeout(&values[..count], left(until)).map(|sent| sent as u64))
        }),
        verb!(Send "reserve, commit", waits, one, Whole, |tx, first, _, _| {
            match tx.reserve() {
                Ok(mut slot) => {
                    slot.write(0, &Numbered::new(first));
                    slot.commit();
                    Answer::done(1)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Send "reserve_timeout, commit", waits, one, Whole, |tx, first, _, until| {
            match tx.reserve_timeout(left(until)) {
                Ok(mut slot) => {
                    slot.write(0, &Numbered::new(first));
                    slot.commit();
                    Answer::done(1)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Send "try_reserve, commit", tries, one, Whole, |tx, first, _, _| {
            match tx.try_reserve() {
                Ok(mut slot) => {
                    slot.write(0, &Numbered::new(first));
                    slot.commit();
                    Answer::done(1)
                }
                Err(error) => error.into(),
            }
        }),
        Send {
            parts: L::PARTS,
            ..verb!(Send "try_reserve_many, commit", tries, many, Whole, |tx, first, count, _| {
                match tx.try_reserve_many(count as usize) {
                    Ok(mut slots) => {
                        let count = slots.len();
                        (0..count).for_each(|at| slots.write(at, &Numbered::new(first + at as u64)));
                        slots.commit();
                        Answer::done(count as u64)
                    }
                    Err(error) => error.into(),
                }
            })
        },
        verb!(Send "reserve_until, commit_prefix", waits, one, Whole, |tx, first, _, until| {
            match tx.reserve_until(until) {
                Ok(mut slot) => {
                    slot.write(0, &Numbered::new(first));
                    slot.commit_prefix(1);
                    Answer::done(1)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Send "try_reserve, abort", tries, one, None, |tx, first, _, _| {
            match tx.try_reserve() {
                Ok(mut slot) => {
                    slot.write(0, &Numbered::new(first));
                    slot.abort();
                    Answer::done(0)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Send "try_send, drop newest", tries, one, Whole, |tx, first, _, _| {
            tx.set_when_full(WhenFull::DropNewest);
            let dropped = tx.dropped();
            let sent = tx.try_send(&Numbered::new(first)).map(|()| 1 - (tx.dropped() - dropped));
            tx.set_when_full(WhenFull::Wait);
            answer(sent)
        }),
    ];

    fn try_send(&mut self, number: u64) -> Answer {
        answer(self.try_send(&Numbered::new(number)).map(|()| 1))
    }

    fn send_until(&mut self, number: u64, deadline: Deadline) -> Answer {
        answer(self.send_until(&Numbered::new(number), deadline).map(|()| 1))
    }

    fn send_many(&mut self, first: u64, count: u64) -> Option<Answer> {
        let (values, count) = values(first, count);
        Some(answer(self.send_many(&values[..count]).map(|()| count as u64)))
    }

    fn send_in_place(self, number: u64) -> Option<(Self, Answer)> {
        L::send_in_place(self, number)
    }
}

impl<L: Several> Receives for Consumer<Numbered, L> {
    const RECEIVES: &'static [Receive<Self>] = &[
        verb!(Receive "try_recv", tries, one, Whole, |rx, _, _, numbers| Receives::try_recv(rx, numbers)),
        verb!(Receive "recv", waits, one, Whole, |rx, _, _, numbers| {
            rx.recv().map_or_else(Into::into, |value| take(&value, numbers))
        }),
        verb!(Receive "recv_until", waits, one, Whole, |rx, _, until, numbers| {
            Receives::recv_until(rx, until, numbers)
        }),
        verb!(Receive "recv_timeout", waits, one, Whole, |rx, _, until, numbers| {
            rx.recv_timeout(left(until)).map_or_else(Into::into, |value| take(&value, numbers))
        }),
        verb!(Receive "try_recv_into", tries, one, Whole, |rx, _, _, numbers| {
            let mut value = Numbered::ZERO;
            rx.try_recv_into(&mut value).map_or_else(Into::into, |()| take(&value, numbers))
        }),
        verb!(Receive "recv_into", waits, one, Whole, |rx, _, _, numbers| {
            let mut value = Numbered::ZERO;
            rx.recv_into(&mut value).map_or_else(Into::into, |()| take(&value, numbers))
        }),
        verb!(Receive "recv_into_timeout", waits, one, Whole, |rx, _, until, numbers| {
            let mut value = Numbered::ZERO;
            rx.recv_into_timeout(&mut value, left(until)).map_or_else(Into::into, |()| take(&value, numbers))
        }),
        verb!(Receive "recv_into_until", waits, one, Whole, |rx, _, until, numbers| {
            let mut value = Numbered::ZERO;
            rx.recv_into_until(&mut value, until).map_or_else(Into::into, |()| take(&value, numbers))
        }),
        verb!(Receive "try_recv_many", tries, many, Whole, |rx, count, _, numbers| {
            let (mut values, count) = ([Numbered::ZERO; MANY], count.min(MANY as u64) as usize);
            match rx.try_recv_many(&mut values[..count]) {
                Ok(count) => take_all(&values[..count], numbers),
                Err(error) => error.into(),
            }
        }),
        verb!(Receive "recv_many_until", waits, many, Whole, |rx, count, until, numbers| {
            let (mut values, count) = ([Numbered::ZERO; MANY], count.min(MANY as u64) as usize);
            match rx.recv_many_until(&mut values[..count], until) {
                Ok(count) => take_all(&values[..count], numbers),
                Err(error) => error.into(),
            }
        }),
        verb!(Receive "recv_many", waits, many, Whole, |rx, count, _, numbers| {
            let (mut values, count) = ([Numbered::ZERO; MANY], count.min(MANY as u64) as usize);
            match rx.recv_many(&mut values[..count]) {
                Ok(count) => take_all(&values[..count], numbers),
                Err(error) => error.into(),
            }
        }),
        verb!(Receive "recv_many_timeout", waits, many, Whole, |rx, count, until, numbers| {
            let (mut values, count) = ([Numbered::ZERO; MANY], count.min(MANY as u64) as usize);
            match rx.recv_many_timeout(&mut values[..count], left(until)) {
                Ok(count) => take_all(&values[..count], numbers),
                Err(error) => error.into(),
            }
        }),
        verb!(Receive "peek, release", waits, one, Whole, |rx, _, _, numbers| match rx.peek() {
            Ok(peek) => {
                let value = peek.read(0);
                peek.release();
                take(&value, numbers)
            }
            Err(error) => error.into(),
        }),
        verb!(Receive "peek_timeout, release", waits, one, Whole, |rx, _, until, numbers| {
            match rx.peek_timeout(left(until)) {
                Ok(peek) => {
                    let value = peek.read(0);
                    peek.release();
                    take(&value, numbers)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Receive "try_peek, release", tries, one, Whole, |rx, _, _, numbers| match rx.try_peek() {
            Ok(peek) => {
                let value = peek.read(0);
                peek.release();
                take(&value, numbers)
            }
            Err(error) => error.into(),
        }),
        verb!(Receive "try_peek_many, release", tries, many, Whole, |rx, count, _, numbers| {
            match rx.try_peek_many(count as usize) {
                Ok(peek) => {
                    let mut values = [Numbered::ZERO; MANY];
                    let count = peek.len().min(MANY);
                    (0..count).for_each(|at| values[at] = peek.read(at));
                    peek.release_prefix(count);
                    take_all(&values[..count], numbers)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Receive "peek_until, release", waits, one, Whole, |rx, _, until, numbers| {
            match rx.peek_until(until) {
                Ok(peek) => {
                    let value = peek.read(0);
                    peek.release();
                    take(&value, numbers)
                }
                Err(error) => error.into(),
            }
        }),
        verb!(Receive "try_peek", tries, one, None, |rx, _, _, _| match rx.try_peek() {
            Ok(peek) => peek.read(0).number().map_or_else(Answer::wrong, |_| Answer::done(0)),
            Err(error) => error.into(),
        }),
    ];

    fn try_recv(&mut self, numbers: &mut Vec<u64>) -> Answer {
        self.try_recv().map_or_else(Into::into, |value| take(&value, numbers))
    }

    fn recv_until(&mut self, deadline: Deadline, numbers: &mut Vec<u64>) -> Answer {
        self.recv_until(deadline).map_or_else(Into::into, |value| take(&value, numbers))
    }

    fn recv_in_place(self, numbers: &mut Vec<u64>) -> Option<(Self, Answer)> {
        L::recv_in_place(self, numbers)
    }
}
