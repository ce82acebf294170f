//! The loops that are timed, compiled for each system by itself.
//!
//! Each loop runs for a number of messages that is fixed beforehand and never looks at the clock, save that a round
//! trip is timed. The near party fills what it sends, the far party verifies it (in a round trip both do both).

use crate::clock::Clock;
use crate::endpoint::{Caller, RecordConsumer, RecordProducer, SlotConsumer, SlotProducer};
use crate::message::{self, Page};
use crate::wait::{Deadline, Halt};

/// One run of a loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    /// The number of the first message or round trip.
    pub first: u64,
    /// How many there are.
    pub count: u64,
    /// Until when.
    pub deadline: &'a Deadline<'a>,
}

/// The two loops of a case, for ends of the types `Near` and `Far`.
pub(crate) trait Work<Near, Far> {
    /// The measuring party's. Where round trips are timed, `ticks` has one element per round trip.
    fn near(near: &mut Near, run: Run<'_>, clock: &Clock, ticks: &mut [u32]) -> Result<(), Halt>;

    /// The peer's.
    fn far(far: &mut Far, run: Run<'_>) -> Result<(), Halt>;
}

/// One end of something that goes to and fro. Round trip `n` has the messages `2 * n` and `2 * n + 1`.
pub(crate) trait Turn {
    /// Sends message `sequence`.
    fn send(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt>;

    /// Receives and verifies message `sequence`.
    fn receive(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt>;
}

/// A [`Caller`] whose messages are filled and verified.
pub(crate) struct Verified<'a, C> {
    caller: &'a mut C,
    sent: [u8; 64],
    received: [u8; 64],
}

impl<'a, C> Verified<'a, C> {
    /// Over an end.
    pub(crate) fn new(caller: &'a mut C) -> Self {
        Self { caller, sent: [0; 64], received: [0; 64] }
    }
}

impl<C: Caller> Turn for Verified<'_, C> {
    #[inline(always)]
    fn send(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        message::fill(&mut self.sent, sequence);
        self.caller.send(&self.sent, deadline)
    }

    #[inline(always)]
    fn receive(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.caller.receive(&mut self.received, deadline)?;
        Ok(message::verify(&self.received, sequence)?)
    }
}

/// Makes the round trips of `run`, and notes how long each took: from the end of the one before to its own end.
#[inline(always)]
pub(crate) fn call<T: Turn>(mut end: T, run: Run<'_>, clock: &Clock, ticks: &mut [u32]) -> Result<(), Halt> {
    let mut start = clock.ticks();
    for (trip, elapsed) in (run.first..run.first + run.count).zip(ticks) {
        end.send(2 * trip, run.deadline)?;
        end.receive(2 * trip + 1, run.deadline)?;
        let now = clock.ticks();
        *elapsed = u32::try_from(now.wrapping_sub(start)).unwrap_or(u32::MAX);
        start = now;
    }
    Ok(())
}

/// Answers the round trips of `run`.
#[inline(always)]
pub(crate) fn answer<T: Turn>(mut end: T, run: Run<'_>) -> Result<(), Halt> {
    for trip in run.first..run.first + run.count {
        end.receive(2 * trip, run.deadline)?;
        end.send(2 * trip + 1, run.deadline)?;
    }
    Ok(())
}

/// Round trips of filled and verified messages.
pub(crate) struct MessageTrips;

impl<N: Caller, F: Caller> Work<N, F> for MessageTrips {
    fn near(near: &mut N, run: Run<'_>, clock: &Clock, ticks: &mut [u32]) -> Result<(), Halt> {
        call(Verified::new(near), run, clock, ticks)
    }

    fn far(far: &mut F, run: Run<'_>) -> Result<(), Halt> {
        answer(Verified::new(far), run)
    }
}

/// Round trips of whatever the ends are.
pub(crate) struct BareTrips;

impl<N: Turn, F: Turn> Work<N, F> for BareTrips {
    fn near(near: &mut N, run: Run<'_>, clock: &Clock, ticks: &mut [u32]) -> Result<(), Halt> {
        call(near, run, clock, ticks)
    }

    fn far(far: &mut F, run: Run<'_>) -> Result<(), Halt> {
        answer(far, run)
    }
}

impl<T: Turn> Turn for &mut T {
    #[inline(always)]
    fn send(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        (**self).send(sequence, deadline)
    }

    #[inline(always)]
    fn receive(&mut self, sequence: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        (**self).receive(sequence, deadline)
    }
}

/// Messages of 8 bytes, one at a time.
pub(crate) struct Slots;

impl<N: SlotProducer, F: SlotConsumer> Work<N, F> for Slots {
    fn near(near: &mut N, run: Run<'_>, _: &Clock, _: &mut [u32]) -> Result<(), Halt> {
        for sequence in run.first..run.first + run.count {
            near.send(message::seal(sequence), run.deadline)?;
        }
        Ok(())
    }

    fn far(far: &mut F, run: Run<'_>) -> Result<(), Halt> {
        for sequence in run.first..run.first + run.count {
            let slot = far.receive(run.deadline)?;
            if slot != message::seal(sequence) {
                return Err(message::name_slot_fault(slot, sequence).into());
            }
        }
        Ok(())
    }
}

/// Messages of 8 bytes, many at a time.
pub(crate) struct SlotBatches;

impl<N: SlotProducer, F: SlotConsumer> Work<N, F> for SlotBatches {
    fn near(near: &mut N, run: Run<'_>, _: &Clock, _: &mut [u32]) -> Result<(), Halt> {
        let mut slots = vec![0; N::BATCH];
        let (mut sequence, end) = (run.first, run.first + run.count);
        while sequence < end {
            let batch = &mut slots[..N::BATCH.min((end - sequence) as usize)];
            message::fill_slots(batch, sequence);
            near.send_batch(batch, run.deadline)?;
            sequence += batch.len() as u64;
        }
        Ok(())
    }

    fn far(far: &mut F, run: Run<'_>) -> Result<(), Halt> {
        let mut slots = vec![0; F::BATCH];
        let (mut sequence, end) = (run.first, run.first + run.count);
        while sequence < end {
            let room = F::BATCH.min((end - sequence) as usize);
            let received = far.receive_batch(&mut slots[..room], run.deadline)?;
            message::verify_slots(&slots[..received], sequence)?;
            sequence += received as u64;
        }
        Ok(())
    }
}

/// Messages of `LENGTH` bytes, one at a time.
pub(crate) struct Records<const LENGTH: usize>;

impl<N: RecordProducer, F: RecordConsumer, const LENGTH: usize> Work<N, F> for Records<LENGTH> {
    fn near(near: &mut N, run: Run<'_>, _: &Clock, _: &mut [u32]) -> Result<(), Halt> {
        let mut page = Page::new(LENGTH);
        let message = page.bytes().first_chunk_mut::<LENGTH>().ok_or(Halt::Closed)?;
        for sequence in run.first..run.first + run.count {
            message::fill(message, sequence);
            near.send(message, run.deadline)?;
        }
        Ok(())
    }

    fn far(far: &mut F, run: Run<'_>) -> Result<(), Halt> {
        let mut page = Page::new(LENGTH);
        let message = page.bytes().first_chunk_mut::<LENGTH>().ok_or(Halt::Closed)?;
        for sequence in run.first..run.first + run.count {
            far.receive(message, run.deadline)?;
            message::verify(message, sequence)?;
        }
        Ok(())
    }
}

/// How many messages of `length` bytes are a batch of `bytes`: four of them if they are long.
pub(crate) fn batch(bytes: usize, length: usize) -> usize {
    (bytes / length).max(4)
}

/// Messages of `LENGTH` bytes, many at a time.
pub(crate) struct RecordBatches<const LENGTH: usize>;

impl<N: RecordProducer, F: RecordConsumer, const LENGTH: usize> Work<N, F> for RecordBatches<LENGTH> {
    fn near(near: &mut N, run: Run<'_>, _: &Clock, _: &mut [u32]) -> Result<(), Halt> {
        let batch = batch(N::BATCH_BYTES, LENGTH);
        let mut page = Page::new(batch * LENGTH);
        let (mut sequence, end) = (run.first, run.first + run.count);
        while sequence < end {
            let count = batch.min((end - sequence) as usize);
            let messages = &mut page.bytes()[..count * LENGTH];
            for message in messages.as_chunks_mut::<LENGTH>().0 {
                message::fill(message, sequence);
                sequence += 1;
            }
            near.send_batch(messages, LENGTH, run.deadline)?;
        }
        Ok(())
    }

    fn far(far: &mut F, run: Run<'_>) -> Result<(), Halt> {
        let batch = batch(F::BATCH_BYTES, LENGTH);
        let mut page = Page::new(batch * LENGTH);
        let (mut sequence, end) = (run.first, run.first + run.count);
        while sequence < end {
            let room = batch.min((end - sequence) as usize);
            let messages = &mut page.bytes()[..room * LENGTH];
            let count = far.receive_batch(messages, LENGTH, run.deadline)?;
            for message in messages[..count * LENGTH].as_chunks::<LENGTH>().0 {
                message::verify(message, sequence)?;
                sequence += 1;
            }
        }
        Ok(())
    }
}
