//! Rings of slots against the model.

use crate::fixture::config;
use crate::fixture::random::Random;
use crate::fixture::raw::Raw;
use arbtest::arbitrary::{Result as Drawn, Unstructured};
use arbtest::arbtest;
use ringway::slots::{self, Consumer, Latency, Layout, Producer, Throughput};
use ringway::{
    Fingerprint, InPlace, RecvError, Region, SendError, Slot, TryRecvError, TrySendError, WhenFull,
};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A slot whose size is no power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, Fingerprint)]
#[repr(C)]
struct Twelve {
    first: u32,
    second: [u16; 2],
    third: i32,
}

/// What the scripts send.
trait Value: Slot + Debug + PartialEq {}

impl<T: Slot + Debug + PartialEq> Value for T {}

/// A layout, and what it takes to try all of it.
trait Staged: Layout + Sized {
    /// Makes the ring one that has been in use up to `start`.
    fn prepare(raw: &Raw, capacity: u64, start: u64);

    /// Sends through a slice of the ring, where there is one.
    fn window<T: Value>(stage: &mut Stage<T, Self>, u: &mut Unstructured<'_>) -> Drawn<()>;

    /// Receives through a slice of the ring, where there is one.
    fn view<T: Value>(stage: &mut Stage<T, Self>, u: &mut Unstructured<'_>) -> Drawn<()>;
}

impl Staged for Throughput {
    fn prepare(raw: &Raw, _: u64, start: u64) {
        raw.set_positions(start);
    }

    fn window<T: Value>(stage: &mut Stage<T, Self>, u: &mut Unstructured<'_>) -> Drawn<()> {
        stage.window(u)
    }

    fn view<T: Value>(stage: &mut Stage<T, Self>, u: &mut Unstructured<'_>) -> Drawn<()> {
        stage.view(u)
    }
}

impl Staged for Latency {
    fn prepare(raw: &Raw, capacity: u64, start: u64) {
        raw.set_positions(start);
        raw.set_sequences(start, capacity);
    }

    fn window<T: Value>(stage: &mut Stage<T, Self>, u: &mut Unstructured<'_>) -> Drawn<()> {
        stage.reserve(u)
    }

    fn view<T: Value>(stage: &mut Stage<T, Self>, u: &mut Unstructured<'_>) -> Drawn<()> {
        stage.peek(u)
    }
}

/// A ring, both its handles, and the model beside it.
struct Stage<T: Value, L: Layout> {
    region: Arc<Region>,
    raw: Raw,
    tx: Option<Producer<T, L>>,
    rx: Option<Consumer<T, L>>,
    capacity: u64,
    head: u64,
    values: VecDeque<T>,
    serial: u64,
    when_full: WhenFull,
    dropped: u64,
}

impl<T: Value, L: Staged> Stage<T, L> {
    fn new(capacity: u64, start: u64) -> Self {
        let region = Arc::new(slots::anonymous_in::<T, L>(&config(capacity)).unwrap());
        let raw = Raw::new(&region);
        L::prepare(&raw, capacity, start);
        let tx = Some(Producer::attach(&region).unwrap());
        let rx = Some(Consumer::attach(&region).unwrap());
        Self {
            region,
            raw,
            tx,
            rx,
            capacity,
            head: start,
            values: VecDeque::new(),
            serial: 0,
            when_full: WhenFull::Wait,
            dropped: 0,
        }
    }

    fn value(&mut self) -> T {
        self.serial += 1;
        T::read_from_bytes(&Random::new(self.serial).bytes(size_of::<T>())).unwrap()
    }

    fn many_values(&mut self, count: usize) -> Vec<T> {
        (0..count).map(|_| self.value()).collect()
    }

    fn tail(&self) -> u64 {
        self.head.wrapping_add(self.values.len() as u64)
    }

    fn free(&self) -> u64 {
        self.capacity - self.values.len() as u64
    }

    /// How many of `count` there is room for; at least one is wanted.
    fn room(&self, count: usize) -> Result<usize, TrySendError> {
        match self.free() {
            0 => Err(TrySendError::Full { needed: count.max(1) as u64, free: 0 }),
            free => Ok(count.min(free as usize)),
        }
    }

    fn drops(&self) -> bool {
        self.when_full == WhenFull::DropNewest
    }

    /// How many of `count` are there; at least one is wanted.
    fn there(&self, count: usize) -> Result<usize, TryRecvError> {
        if self.values.is_empty() { Err(TryRecvError::Empty) } else { Ok(count.min(self.values.len())) }
    }

    fn before_end(&self, position: u64, count: usize) -> usize {
        count.min((self.capacity - position % self.capacity) as usize)
    }

    fn take(&mut self, count: usize) -> Vec<T> {
        self.head = self.head.wrapping_add(count as u64);
        self.values.drain(..count).collect()
    }

    fn front(&self, count: usize) -> Vec<T> {
        self.values.iter().copied().take(count).collect()
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        match u.int_in_range(0..=16)? {
            0 | 1 => self.try_send(),
            2 => self.send(u)?,
            3 | 4 => self.send_many(u)?,
            5 => self.reserve(u)?,
            6 => L::window(self, u)?,
            7 => {
                self.tx = None;
                self.tx = Some(Producer::attach(&self.region).unwrap());
                self.when_full = WhenFull::Wait;
            }
            8 | 9 => self.try_recv(),
            10 => self.recv(u)?,
            11 | 12 => self.recv_many(u)?,
            13 => self.peek(u)?,
            14 => L::view(self, u)?,
            15 => {
                self.when_full = *u.choose(&[WhenFull::Wait, WhenFull::DropNewest])?;
                self.tx.as_mut().unwrap().set_when_full(self.when_full);
            }
            _ => {
                self.rx = None;
                self.rx = Some(Consumer::attach(&self.region).unwrap());
            }
        }
        assert_eq!(self.raw.tail(), self.tail(), "tail");
        assert_eq!(self.raw.head(), self.head, "head");
        let dropped = (self.tx.as_ref().unwrap().dropped(), self.rx.as_ref().unwrap().dropped());
        assert_eq!(dropped, (self.dropped, self.dropped), "dropped");
        Ok(())
    }

    fn try_send(&mut self) {
        let value = self.value();
        let room = self.room(1);
        let answer = if self.drops() { Ok(()) } else { room.map(|_| ()) };
        assert_eq!(self.tx.as_mut().unwrap().try_send(&value), answer);
        if room.is_ok() {
            self.values.push_back(value);
        } else if self.drops() {
            self.dropped += 1;
        }
    }

    fn send(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let value = self.value();
        let drops = self.drops();
        let tx = self.tx.as_mut().unwrap();
        if self.values.len() as u64 == self.capacity {
            if drops {
                assert_eq!(tx.send(&value), Ok(()));
                self.dropped += 1;
                return Ok(());
            }
            assert_eq!(tx.send_until(&value, Duration::ZERO), Err(SendError::TimedOut));
            return Ok(());
        }
        if u.arbitrary()? {
            assert_eq!(tx.send(&value), Ok(()));
        } else {
            let mut reservation = tx.reserve().unwrap();
            assert_eq!(reservation.len(), 1);
            reservation.write(0, &value);
            reservation.commit();
        }
        self.values.push_back(value);
        Ok(())
    }

    fn send_many(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let count = u.int_in_range(0..=self.capacity as usize + 2)?;
        let values = self.many_values(count);
        let room = if count == 0 { Ok(0) } else { self.room(count) };
        let drops = self.drops();
        let tx = self.tx.as_mut().unwrap();
        if (room == Ok(count) || drops) && u.ratio(1, 3)? {
            assert_eq!(tx.send_many(&values), Ok(()));
        } else if drops {
            assert_eq!(tx.try_send_many(&values), Ok(count));
        } else {
            assert_eq!(tx.try_send_many(&values), room);
        }
        let sent = room.unwrap_or(0);
        self.values.extend(&values[..sent]);
        if drops {
            self.dropped += (count - sent) as u64;
        }
        Ok(())
    }

    fn reserve(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let count = u.int_in_range(0..=self.capacity as usize + 2)?;
        let values = self.many_values(count);
        let room = self.room(count).map(|free| self.before_end(self.tail(), free));
        let mut reservation = match self.tx.as_mut().unwrap().try_reserve_many(count) {
            Ok(reservation) => reservation,
            Err(error) => {
                assert_eq!(Err(error), room);
                return Ok(());
            }
        };
        let count = reservation.len();
        assert_eq!((Ok(count), count == 0), (room, reservation.is_empty()));
        for (at, value) in values[..count].iter().enumerate() {
            reservation.write(at, value);
        }
        match u.int_in_range(0..=5)? {
            0 => reservation.abort(),
            1 => drop(reservation),
            2 => std::mem::forget(reservation),
            3 => {
                let prefix = u.int_in_range(0..=count)?;
                reservation.commit_prefix(prefix);
                self.values.extend(&values[..prefix]);
            }
            _ => {
                reservation.commit();
                self.values.extend(&values[..count]);
            }
        }
        Ok(())
    }

    fn try_recv(&mut self) {
        let answer = self.rx.as_mut().unwrap().try_recv();
        assert_eq!(answer, self.values.front().copied().ok_or(TryRecvError::Empty));
        if answer.is_ok() {
            self.take(1);
        }
    }

    fn recv(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let rx = self.rx.as_mut().unwrap();
        if self.values.is_empty() {
            assert_eq!(rx.recv_until(Duration::ZERO), Err(RecvError::TimedOut));
            return Ok(());
        }
        let value = if u.arbitrary()? {
            rx.recv().unwrap()
        } else {
            let peek = rx.peek().unwrap();
            let value = peek.read(0);
            assert_eq!(peek.len(), 1);
            peek.release();
            value
        };
        assert_eq!([value].to_vec(), self.take(1));
        Ok(())
    }

    fn recv_many(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let count = u.int_in_range(0..=self.capacity as usize + 2)?;
        let untouched = self.value();
        let mut target = vec![untouched; count];
        let there = if count == 0 { Ok(0) } else { self.there(count) };
        let rx = self.rx.as_mut().unwrap();
        if there.is_ok() && u.ratio(1, 3)? {
            assert_eq!(rx.recv_many(&mut target).ok(), there.ok());
        } else {
            assert_eq!(rx.try_recv_many(&mut target), there);
        }
        let there = there.unwrap_or(0);
        assert_eq!(target[..there], self.take(there));
        assert!(target[there..].iter().all(|value| *value == untouched));
        Ok(())
    }

    fn peek(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let count = u.int_in_range(0..=self.capacity as usize + 2)?;
        let there = self.there(count).map(|there| self.before_end(self.head, there));
        let front = self.front(there.unwrap_or(0));
        let peek = match self.rx.as_mut().unwrap().try_peek_many(count) {
            Ok(peek) => peek,
            Err(error) => {
                assert_eq!(Err(error), there);
                return Ok(());
            }
        };
        assert_eq!((Ok(peek.len()), front.is_empty()), (there, peek.is_empty()));
        let seen: Vec<T> = (0..peek.len()).map(|at| peek.read(at)).collect();
        assert_eq!(seen, front);
        match u.int_in_range(0..=4)? {
            0 => drop(peek),
            1 => std::mem::forget(peek),
            2 => {
                let prefix = u.int_in_range(0..=front.len())?;
                peek.release_prefix(prefix);
                self.take(prefix);
            }
            _ => {
                peek.release();
                self.take(front.len());
            }
        }
        Ok(())
    }

    /// Takes what is left, and finds exactly that.
    fn drain(&mut self) {
        while !self.values.is_empty() {
            self.try_recv();
        }
        self.try_recv();
    }
}

impl<T: Value> Stage<T, Throughput> {
    fn window(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let count = u.int_in_range(0..=self.capacity as usize + 2)?;
        let values = self.many_values(count);
        let room = self.room(count).map(|free| self.before_end(self.tail(), free));
        let mut tx = promised_producer(self.tx.take().unwrap());
        match tx.try_window(count) {
            Ok(mut window) => {
                let count = window.len();
                assert_eq!(Ok(count), room);
                window.copy_from_slice(&values[..count]);
                let prefix = u.int_in_range(0..=count)?;
                window.commit_prefix(prefix);
                self.values.extend(&values[..prefix]);
            }
            Err(error) => assert_eq!(Err(error), room),
        }
        self.tx = Some(tx.into_inner());
        Ok(())
    }

    fn view(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let count = u.int_in_range(0..=self.capacity as usize + 2)?;
        let there = self.there(count).map(|there| self.before_end(self.head, there));
        let front = self.front(there.unwrap_or(0));
        let mut rx = promised_consumer(self.rx.take().unwrap());
        match rx.try_view(count) {
            Ok(view) => {
                assert_eq!(&*view, &*front);
                let prefix = u.int_in_range(0..=front.len())?;
                view.release_prefix(prefix);
                self.take(prefix);
            }
            Err(error) => assert_eq!(Err(error), there),
        }
        self.rx = Some(rx.into_inner());
        Ok(())
    }
}

#[allow(unsafe_code)] // because in-place access is by promise, and the promise is kept here.
fn promised_producer<T: Value>(tx: Producer<T>) -> InPlace<Producer<T>> {
    // SAFETY: the region is anonymous and never leaves this process, in which only the two handles write it.
    unsafe { tx.in_place() }
}

#[allow(unsafe_code)] // because in-place access is by promise, and the promise is kept here.
fn promised_consumer<T: Value>(rx: Consumer<T>) -> InPlace<Consumer<T>> {
    // SAFETY: the region is anonymous and never leaves this process, in which only the two handles write it.
    unsafe { rx.in_place() }
}

fn run<T: Value, L: Staged>(capacity: u64, start: u64, u: &mut Unstructured<'_>) -> Drawn<()> {
    let mut stage = Stage::<T, L>::new(capacity, start);
    while !u.is_empty() {
        stage.step(u)?;
    }
    stage.drain();
    Ok(())
}

/// Runs scripts on rings of `T` of each capacity, from the beginning and over the end of 64 bits.
fn check<T: Value, L: Staged>() {
    arbtest(|u| {
        let capacity = *u.choose(&[1, 2, 8])?;
        let near = u.int_in_range(0..=20)?;
        let start = *u.choose(&[near, 0u64.wrapping_sub(near)])?;
        run::<T, L>(capacity, start, u)
    })
    .size_max(5_000)
    .budget_ms(400);
}

#[test]
fn a_ring_of_numbers_does_what_the_model_does() {
    check::<u64, Throughput>();
}

#[test]
fn a_ring_of_three_bytes_does_what_the_model_does() {
    check::<[u8; 3], Throughput>();
}

#[test]
fn a_ring_of_twelve_bytes_does_what_the_model_does() {
    check::<Twelve, Throughput>();
}

#[test]
fn a_ring_of_whole_lines_does_what_the_model_does() {
    check::<[u8; 64], Throughput>();
}

/// Slots that are copied one by one, also where many are sent and received at once.
#[test]
fn slots_of_several_lines_behave_as_a_queue_of_values() {
    check::<[u8; 520], Throughput>();
}

#[test]
fn a_ring_of_numbers_in_the_latency_layout_does_what_the_model_does() {
    check::<u64, Latency>();
}

#[test]
fn a_ring_of_three_bytes_in_the_latency_layout_does_what_the_model_does() {
    check::<[u8; 3], Latency>();
}

#[test]
fn a_ring_of_twelve_bytes_in_the_latency_layout_does_what_the_model_does() {
    check::<Twelve, Latency>();
}

#[test]
fn a_ring_of_the_largest_slots_in_the_latency_layout_does_what_the_model_does() {
    check::<[u8; 56], Latency>();
}
