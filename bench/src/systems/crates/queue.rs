//! What the queues of the libraries have in common: for each a [`Library`] says how it is made, and how one value goes in
//! and comes out, and this file makes of it the ends of a channel and its system.
//!
//! Nothing waits in the library. A party that finds the queue full or empty asks again, as all others do, so that no
//! library is charged for putting a party to sleep.
//!
//! A record is one value of its length, aligned to a cache line. A library without calls for many values takes part one at
//! a time only.

#![allow(unsafe_code)] // because bytes are taken for records, which are nothing but aligned bytes.

use std::marker::PhantomData;
use std::slice;

use crate::endpoint::{RecordConsumer, RecordProducer, Shape, SlotConsumer, SlotProducer, ThreadChannel};
use crate::plan::case::Case;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;
use crate::work::flows::{Records, Slots};

/// Bytes of a queue. Of 8 KiB to 1 MiB this was the fastest for rtrb one at a time, within what differs from run to run.
const CAPACITY: usize = 256 << 10;

/// Fewest values of a queue.
const VALUES_MIN: usize = 64;

/// A library that offers a queue between two threads.
pub(super) trait Library: 'static {
    /// The end that sends.
    type Sender<T: Value>;
    /// The end that receives.
    type Receiver<T: Value>: Send;

    /// Whether [`send_some`](Self::send_some) and [`receive_some`](Self::receive_some) are calls of the library's own.
    const HAS_BATCHES: bool = false;

    /// A queue of at most `capacity` values.
    fn create<T: Value>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);

    /// Sends `value` if there is room for it, and says whether there was.
    fn send<T: Value>(sender: &mut Self::Sender<T>, value: T) -> bool;

    /// Receives a value if there is one, shows it to `take`, and says whether there was: a long value is copied as few times
    /// as the library lets it.
    fn receive<T: Value>(receiver: &mut Self::Receiver<T>, take: impl FnOnce(&T)) -> bool;

    /// Sends the first of `values`, as many as have room, and says how many they were.
    #[inline(always)]
    fn send_some<T: Value>(sender: &mut Self::Sender<T>, values: &[T]) -> usize {
        values.iter().take_while(|value| Self::send(sender, **value)).count()
    }

    /// Receives as many values as there are and have room in `values`, and says how many they were.
    #[inline(always)]
    fn receive_some<T: Value>(receiver: &mut Self::Receiver<T>, values: &mut [T]) -> usize {
        values
            .iter_mut()
            .map_while(|place| Self::receive(receiver, |value| *place = *value).then_some(()))
            .count()
    }
}

/// What a queue carries. A ring of places that are always full begins with the default.
pub(super) trait Value: Copy + Default + Send + Sync + 'static {}

impl<T: Copy + Default + Send + Sync + 'static> Value for T {}

/// A record as it lies in a queue.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Record<const LENGTH: usize>([u8; LENGTH]);

impl<const LENGTH: usize> Default for Record<LENGTH> {
    fn default() -> Self {
        Self([0; LENGTH])
    }
}

impl<const LENGTH: usize> Record<LENGTH> {
    /// Whether to hand it over by value costs more copies than the library's call for several does.
    const IS_LONG: bool = LENGTH > 64;

    /// Bytes that lie one after another are records if they can be so without a gap.
    const HAS_NO_GAP: () = assert!(size_of::<Self>() == LENGTH);

    /// The records in `bytes`, which are whole and aligned.
    #[inline(always)]
    fn all_in(bytes: &[u8]) -> Result<&[Self], Halt> {
        const { Self::HAS_NO_GAP };
        if !bytes.as_ptr().cast::<Self>().is_aligned() || !bytes.len().is_multiple_of(LENGTH) {
            return Err(Halt::Closed);
        }
        // SAFETY: the bytes are aligned and as many as so many records have, by the check; a record has no other bytes than
        // its array's, by `HAS_NO_GAP`, and any bytes are one.
        Ok(unsafe { slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / LENGTH) })
    }

    /// As [`all_in`](Self::all_in), to be written.
    #[inline(always)]
    fn all_in_mut(bytes: &mut [u8]) -> Result<&mut [Self], Halt> {
        let count = Self::all_in(bytes)?.len();
        // SAFETY: as in `all_in`; the bytes are borrowed as long as the records are, and any record is bytes.
        Ok(unsafe { slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), count) })
    }
}

/// The system of a library.
pub(super) fn system<L: Library>(name: &str) -> System {
    let system = System::new(name).thread_open::<Queue<L, Record<64>>>();
    if L::HAS_BATCHES {
        system
            .thread_slots::<Queue<L, u64>>()
            .thread_long_slots::<Queue<L, Record<64>>, 64>()
            .thread_long_slots::<Queue<L, Record<1024>>, 1024>()
    } else {
        system
            .measure_threads::<Queue<L, u64>, Slots>(Case::Slots { length: 8, batched: false })
            .measure_threads::<Queue<L, Record<64>>, Records<64>>(Case::Slots { length: 64, batched: false })
            .measure_threads::<Queue<L, Record<1024>>, Records<1024>>(Case::Slots {
                length: 1024,
                batched: false,
            })
    }
}

/// A library's queue of `T` as a channel.
struct Queue<L, T>(PhantomData<(L, T)>);

/// Its sending end.
struct Near<L: Library, T: Value>(L::Sender<T>);

/// Its receiving end.
struct Far<L: Library, T: Value>(L::Receiver<T>);

impl<L: Library, T: Value> ThreadChannel for Queue<L, T> {
    type Near = Near<L, T>;
    type Far = Far<L, T>;

    fn create(_: Shape) -> (Self::Near, Self::Far) {
        let (sender, receiver) = L::create((CAPACITY / size_of::<T>()).max(VALUES_MIN));
        (Near(sender), Far(receiver))
    }
}

impl<L: Library, T: Value> Near<L, T> {
    #[inline(always)]
    fn put(&mut self, value: T, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        while !L::send(&mut self.0, value) {
            wait.poll()?;
        }
        Ok(())
    }

    #[inline(always)]
    fn put_all(&mut self, mut values: &[T], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        loop {
            values = &values[L::send_some(&mut self.0, values)..];
            if values.is_empty() {
                return Ok(());
            }
            wait.poll()?;
        }
    }
}

impl<L: Library, T: Value> Far<L, T> {
    #[inline(always)]
    fn take(&mut self, mut take: impl FnMut(&T), deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        while !L::receive(&mut self.0, &mut take) {
            wait.poll()?;
        }
        Ok(())
    }

    #[inline(always)]
    fn take_some(&mut self, values: &mut [T], deadline: &Deadline<'_>) -> Result<usize, Halt> {
        let mut wait = deadline.wait();
        loop {
            let count = L::receive_some(&mut self.0, values);
            if count > 0 {
                return Ok(count);
            }
            wait.poll()?;
        }
    }
}

impl<L: Library> SlotProducer for Near<L, u64> {
    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put(slot, deadline)
    }

    #[inline]
    fn send_batch(&mut self, slots: &[u64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put_all(slots, deadline)
    }
}

impl<L: Library> SlotConsumer for Far<L, u64> {
    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        let mut slot = 0;
        self.take(|value| slot = *value, deadline)?;
        Ok(slot)
    }

    #[inline]
    fn receive_batch(&mut self, slots: &mut [u64], deadline: &Deadline<'_>) -> Result<usize, Halt> {
        self.take_some(slots, deadline)
    }
}

impl<L: Library, const LENGTH: usize> RecordProducer for Near<L, Record<LENGTH>> {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        if Record::<LENGTH>::IS_LONG && L::HAS_BATCHES {
            return self.put_all(Record::all_in(message)?, deadline);
        }
        let message = message.first_chunk::<LENGTH>().ok_or(Halt::Closed)?;
        self.put(Record(*message), deadline)
    }

    #[inline]
    fn send_batch(&mut self, messages: &[u8], _: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put_all(Record::all_in(messages)?, deadline)
    }
}

impl<L: Library, const LENGTH: usize> RecordConsumer for Far<L, Record<LENGTH>> {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        if Record::<LENGTH>::IS_LONG && L::HAS_BATCHES {
            return self.take_some(Record::all_in_mut(message)?, deadline).map(drop);
        }
        self.take(|record| message.copy_from_slice(&record.0), deadline)
    }

    #[inline]
    fn receive_batch(
        &mut self,
        messages: &mut [u8],
        _: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        self.take_some(Record::all_in_mut(messages)?, deadline)
    }
}
