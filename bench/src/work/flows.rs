//! Flows: messages one way, one and many at a time.

use super::{Run, Work};
use crate::endpoint::{RecordConsumer, RecordProducer, SlotConsumer, SlotProducer};
use crate::memory::message::{self, Page};
use crate::stage::clock::Clock;
use crate::stage::wait::Halt;

/// Messages of 8 bytes, one at a time.
pub(crate) struct Slots;

impl<N: SlotProducer, F: SlotConsumer> Work<N, F> for Slots {
    fn near(near: &mut N, run: Run<'_>, _: &Clock, _: &mut [u32]) -> Result<(), Halt> {
        for sequence in run.first..run.first + run.count {
            near.send(message::seal(sequence), run.deadline)?;
        }
        near.flush(run.deadline)
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
        near.flush(run.deadline)
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
