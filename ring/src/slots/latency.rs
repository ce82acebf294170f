//! The latency layout: a slot and the word that says whether it is there, in one cache line.
//!
//! FastForward's idea (Giacomoni, Moseley and Vachharajani, "FastForward for Efficient Pipeline Parallelism", 2008): the
//! consumer finds out from the slot itself, and no line goes from core to core but the one with the message. The word is
//! the sequence number of Vyukov's bounded queue, so that every message of the 2^64 has its own.
//!
//! ```text
//!   line of position p         sequence is
//!   ┌─────────┬──────────┐       p + 1                there      the message of p
//!   │ payload │ sequence │       p + 1 - capacity     vacant     the message of p - capacity, released or still in the way
//!   └─────────┴──────────┘       0, and p < capacity  vacant     nothing yet: what all-zero memory is
//!    0         56        64      anything else        corrupt
//!
//!     producer:  reserve  tail + n - head <= capacity    (as in `cursor`: reads head once a lap, when the ring seems full)
//!                write    payload                        (the slot is released: nobody else touches it)
//!                commit   sequence = p + 1, upwards      (Release: the payload is there before the word)
//!                         tail += n                      (Release: the sequence words are there before the position)
//!     consumer:  look     sequence == head + 1           (Acquire: and so is the payload)
//!                read     payload
//!                release  head += n                      (Release: the payload was read before it is free)
//! ```
//!
//! The consumer never reads `tail`: it is for the next producer alone. All arithmetic is modulo 2^64. The three values are
//! different at every p: the first two by the capacity, which is less than 2^64, and 0 is only taken for vacant in the
//! first lap, where p + 1 is not 0.
//!
//! | killed | leaves |
//! |---|---|
//! | producer before its store of a sequence word | nothing of that slot; the next producer overwrites the payload |
//! | producer between two sequence words of one call | the first are committed, `tail` stands before them: as the next line |
//! | producer between the last one and its store of tail | committed slots at `tail` and behind it, at most `capacity`; the next producer finds them by their words, and starts behind them |
//! | producer after it | whole messages |
//! | next producer before it has stored the tail that it found | what it found; it has committed nothing, so it is no more than before |
//! | consumer before its store of head | the message still there: the next consumer receives it, the first had not |
//! | consumer after it | the message taken; if its caller had not seen it, it is lost (at most once) |
//!
//! The walk of the next producer ends. No slot from `tail` on bears the word of a position before it is committed, the
//! first that does not is where the dead producer stopped, and no call commits more than `capacity` slots. It must store
//! what it found before it commits more, or a row of deaths could leave `tail` more than a lap behind. The consumer may be
//! past `tail` meanwhile: `head` is compared with the end of the walk.
//!
//! What it deliberately does not do: publish many at once, wait, or hand out slices (the words stand between the slots).

use super::Slot;
use super::layout::steps::{ConsumerSide, ProducerSide};
use crate::cursor::ProducerCursor;
use crate::error::{Corruption, Fault};
use crate::memory::{Lines, Memory};
use ringway_shm::primitive::Ordering;

/// What a sequence word says of a position's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    There,
    Vacant,
    Corrupt,
}

/// Judges a sequence word that was read at a position.
#[inline(always)]
fn judge(sequence: u64, position: u64, capacity: u64) -> State {
    let there = position.wrapping_add(1);
    if sequence == there {
        State::There
    } else if sequence == there.wrapping_sub(capacity) || (sequence == 0 && position < capacity) {
        State::Vacant
    } else {
        State::Corrupt
    }
}

/// The producer's side.
pub struct LatencyProducer<T> {
    cursor: ProducerCursor,
    lines: Lines<T>,
}

impl<T: Slot> LatencyProducer<T> {
    /// Makes a written slot the message of its position.
    #[inline(always)]
    fn stamp(&self, position: u64) {
        // Release: the payload is there before the word. Pairs with the Acquire in `LatencyConsumer`.
        self.lines.sequence(position).store(position.wrapping_add(1), Ordering::Release);
    }

    /// Tells the next producer of `count` slots that the consumer can see already. The Release there keeps the compiler
    /// from storing tail before a sequence word: tail is never ahead of what is committed.
    #[inline(always)]
    fn pass(&mut self, count: u64) {
        self.cursor.advance(count);
        self.cursor.publish(self.lines.memory().control());
    }
}

impl<T: Slot> ProducerSide<T> for LatencyProducer<T> {
    fn attach(memory: Memory, capacity: u64) -> Result<Self, Corruption> {
        let lines = Lines::new(memory, capacity);
        let control = lines.memory().control();
        // Relaxed, here and below: only producers write tail and the words, and the role was handed over through the
        // kernel's lock.
        let stored = control.producer.tail.load(Ordering::Relaxed);
        let mut tail = stored;
        loop {
            let sequence = lines.sequence(tail).load(Ordering::Relaxed);
            match judge(sequence, tail, capacity) {
                // Bounded also when somebody else writes the words: one lap, and the slot after it is the first one again.
                State::There if tail.wrapping_sub(stored) < capacity => tail = tail.wrapping_add(1),
                State::Vacant => break,
                _ => return Err(Corruption { position: tail, fault: Fault::Sequence { sequence } }),
            }
        }
        let mut cursor = ProducerCursor::resume(control, capacity, tail)?;
        if tail != stored {
            cursor.publish(control);
        }
        Ok(Self { cursor, lines })
    }

    #[inline(always)]
    fn memory(&self) -> &Memory {
        self.lines.memory()
    }

    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.lines.capacity()
    }

    #[inline(always)]
    fn intact(&self) -> Result<(), Corruption> {
        self.cursor.intact()
    }

    #[inline(always)]
    fn free(&self) -> u64 {
        self.cursor.free()
    }

    #[inline(always)]
    fn refresh(&mut self) -> Result<u64, Corruption> {
        self.cursor.refresh(self.lines.memory().control())
    }

    #[inline(always)]
    fn before_end(&self, count: usize) -> usize {
        self.lines.before_end(self.cursor.tail(), count)
    }

    #[inline(always)]
    fn write(&self, at: usize, value: &T) {
        self.lines.write(self.cursor.tail().wrapping_add(at as u64), value);
    }

    #[inline(always)]
    fn commit(&mut self, count: usize) {
        let tail = self.cursor.tail();
        (0..count as u64).for_each(|at| self.stamp(tail.wrapping_add(at)));
        self.pass(count as u64);
    }

    #[inline(always)]
    fn put(&mut self, value: &T) {
        let tail = self.cursor.tail();
        self.lines.write(tail, value);
        self.stamp(tail);
        self.pass(1);
    }

    /// Each slot is committed as it is written: the consumer takes the first while the second is on its way.
    #[inline(always)]
    fn put_many(&mut self, values: &[T]) {
        assert!(values.len() as u64 <= self.capacity(), "the caller checks lengths against the capacity");
        let mut position = self.cursor.tail();
        for value in values {
            self.lines.write(position, value);
            self.stamp(position);
            position = position.wrapping_add(1);
        }
        self.pass(values.len() as u64);
    }
}

/// The consumer's side. It knows of no value before it has looked at its slot, and keeps no count.
pub struct LatencyConsumer<T> {
    /// The next slot to read. The truth; the shared word only follows it.
    head: u64,
    lines: Lines<T>,
    poison: Option<Corruption>,
}

impl<T: Slot> LatencyConsumer<T> {
    /// Reads the sequence word of a position, with what it says.
    #[inline(always)]
    fn look(&self, position: u64) -> (State, u64) {
        // Acquire: the payload before the word is there. Pairs with the Release in `LatencyProducer::stamp`.
        let sequence = self.lines.sequence(position).load(Ordering::Acquire);
        (judge(sequence, position, self.lines.capacity()), sequence)
    }

    #[cold]
    #[inline(never)]
    fn poison(&mut self, sequence: u64) -> Corruption {
        let corruption = Corruption { position: self.head, fault: Fault::Sequence { sequence } };
        self.poison = Some(corruption);
        corruption
    }
}

impl<T: Slot> ConsumerSide<T> for LatencyConsumer<T> {
    fn attach(memory: Memory, capacity: u64) -> Result<Self, Corruption> {
        let lines = Lines::new(memory, capacity);
        // Relaxed: only the consumer writes head, and the role was handed over through the kernel's lock.
        let head = lines.memory().control().consumer.head.load(Ordering::Relaxed);
        let mut side = Self { head, lines, poison: None };
        side.refresh()?;
        Ok(side)
    }

    #[inline(always)]
    fn memory(&self) -> &Memory {
        self.lines.memory()
    }

    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.lines.capacity()
    }

    #[inline(always)]
    fn intact(&self) -> Result<(), Corruption> {
        self.poison.map_or(Ok(()), Err)
    }

    #[inline(always)]
    fn has_next(&self) -> bool {
        self.poison.is_none() && self.look(self.head).0 == State::There
    }

    #[inline(always)]
    fn refresh(&mut self) -> Result<bool, Corruption> {
        self.intact()?;
        match self.look(self.head) {
            (State::There, _) => Ok(true),
            (State::Vacant, _) => Ok(false),
            (State::Corrupt, sequence) => Err(self.poison(sequence)),
        }
    }

    /// Nothing: the line that is looked at is the line of the slot.
    #[inline(always)]
    fn prefetch(&self) {}

    /// Bounded by the capacity: the slot a lap further is the first one again. A word that cannot be is met when it is the
    /// first.
    #[inline(always)]
    fn known(&self, limit: usize) -> usize {
        let limit = limit.min(usize::try_from(self.capacity()).unwrap_or(usize::MAX));
        let is_there = |at: &usize| self.look(self.head.wrapping_add(*at as u64)).0 == State::There;
        1 + (1..limit).take_while(is_there).count()
    }

    #[inline(always)]
    fn count(&mut self, limit: usize) -> Result<usize, Corruption> {
        if self.refresh()? { Ok(self.known(limit)) } else { Ok(0) }
    }

    /// Not as far as it has looked. To hang back in a stream saves a transfer of the position's line, and here is none.
    #[inline(always)]
    fn brought_more(&self) -> bool {
        false
    }

    #[inline(always)]
    fn before_end(&self, count: usize) -> usize {
        self.lines.before_end(self.head, count)
    }

    #[inline(always)]
    fn read(&self, at: usize) -> T {
        self.lines.read(self.head.wrapping_add(at as u64))
    }

    #[inline(always)]
    fn read_into(&self, value: &mut T) {
        self.lines.read_into(self.head, value);
    }

    #[inline(always)]
    fn read_many(&self, values: &mut [T]) {
        let mut position = self.head;
        for value in values {
            self.lines.read_into(position, value);
            position = position.wrapping_add(1);
        }
    }

    #[inline(always)]
    fn release(&mut self, count: usize) {
        self.head = self.head.wrapping_add(count as u64);
        // Release: the payload was read before it is free. Pairs with the Acquire in `ProducerCursor::refresh`.
        self.lines.memory().control().consumer.head.store(self.head, Ordering::Release);
    }
}
