//! rtrb, the ring between two threads of one process: <https://docs.rs/rtrb>. It crosses no process.
//!
//! One at a time is its `push` and `pop`; many at a time are its slices, which are the copying form of its chunks.
//! A record is one slot of its length, aligned to a cache line.

use rtrb::{Consumer, Producer, RingBuffer};

use crate::endpoint::{RecordConsumer, RecordProducer, Shape, SlotConsumer, SlotProducer, ThreadChannel};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;

/// Bytes of a ring. Of 8 KiB to 1 MiB this was the fastest one at a time, within what differs from run to run.
const CAPACITY: usize = 256 << 10;

/// Fewest slots of a ring.
const SLOTS_MIN: usize = 64;

/// The system.
pub(crate) fn systems() -> Vec<System> {
    let rtrb = System::new("rtrb")
        .thread_slots::<Slots>()
        .thread_long_slots::<Records<64>, 64>()
        .thread_long_slots::<Records<1024>, 1024>()
        .thread_open::<Records<64>>();
    vec![rtrb]
}

/// A ring of 8-byte slots.
struct Slots;

impl ThreadChannel for Slots {
    type Near = Producer<u64>;
    type Far = Consumer<u64>;

    fn create(shape: Shape) -> (Self::Near, Self::Far) {
        RingBuffer::new(CAPACITY / shape.length)
    }
}

impl SlotProducer for Producer<u64> {
    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        push(self, slot, deadline)
    }

    #[inline]
    fn send_batch(&mut self, mut slots: &[u64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        loop {
            slots = self.push_partial_slice(slots).1;
            if slots.is_empty() {
                return Ok(());
            }
            wait.poll()?;
        }
    }
}

impl SlotConsumer for Consumer<u64> {
    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        pop(self, deadline)
    }

    #[inline]
    fn receive_batch(&mut self, slots: &mut [u64], deadline: &Deadline<'_>) -> Result<usize, Halt> {
        let mut wait = deadline.wait();
        loop {
            let count = self.pop_partial_slice(slots).0.len();
            if count > 0 {
                return Ok(count);
            }
            wait.poll()?;
        }
    }
}

/// A ring of slots of `LENGTH` bytes.
struct Records<const LENGTH: usize>;

/// A slot that holds one record.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Record<const LENGTH: usize>([u8; LENGTH]);

impl<const LENGTH: usize> ThreadChannel for Records<LENGTH> {
    type Near = Producer<Record<LENGTH>>;
    type Far = Consumer<Record<LENGTH>>;

    fn create(_: Shape) -> (Self::Near, Self::Far) {
        RingBuffer::new((CAPACITY / LENGTH).max(SLOTS_MIN))
    }
}

impl<const LENGTH: usize> RecordProducer for Producer<Record<LENGTH>> {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let message = message.first_chunk::<LENGTH>().ok_or(Halt::Closed)?;
        push(self, Record(*message), deadline)
    }

    #[inline]
    fn send_batch(&mut self, messages: &[u8], _: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut messages = messages.as_chunks::<LENGTH>().0;
        let mut wait = deadline.wait();
        while !messages.is_empty() {
            let room = self.slots().min(messages.len());
            let Ok(chunk) = self.write_chunk_uninit(room) else { return Err(Halt::Closed) };
            let sent = chunk.fill_from_iter(messages.iter().map(|message| Record(*message)));
            messages = &messages[sent..];
            if sent == 0 {
                wait.poll()?;
            }
        }
        Ok(())
    }
}

impl<const LENGTH: usize> RecordConsumer for Consumer<Record<LENGTH>> {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        message.copy_from_slice(&pop(self, deadline)?.0);
        Ok(())
    }

    #[inline]
    fn receive_batch(
        &mut self,
        messages: &mut [u8],
        _: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        let messages = messages.as_chunks_mut::<LENGTH>().0;
        let mut wait = deadline.wait();
        loop {
            let count = self.slots().min(messages.len());
            if count == 0 {
                wait.poll()?;
                continue;
            }
            let Ok(chunk) = self.read_chunk(count) else { return Err(Halt::Closed) };
            let (front, back) = chunk.as_slices();
            for (target, source) in messages.iter_mut().zip(front.iter().chain(back)) {
                *target = source.0;
            }
            chunk.commit_all();
            return Ok(count);
        }
    }
}

#[inline(always)]
fn push<T>(producer: &mut Producer<T>, mut value: T, deadline: &Deadline<'_>) -> Result<(), Halt> {
    let mut wait = deadline.wait();
    while let Err(rtrb::PushError::Full(refused)) = producer.push(value) {
        value = refused;
        wait.poll()?;
    }
    Ok(())
}

#[inline(always)]
fn pop<T>(consumer: &mut Consumer<T>, deadline: &Deadline<'_>) -> Result<T, Halt> {
    let mut wait = deadline.wait();
    loop {
        if let Ok(value) = consumer.pop() {
            return Ok(value);
        }
        wait.poll()?;
    }
}
