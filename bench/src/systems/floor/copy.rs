//! A copy across processes: into a shared box on one side, out of it on the other. The floor of a flow of large records.
//!
//! Each box is handed over by one word (see [`Boxes`]); nothing is framed, wrapped, claimed or recovered. A batch is one
//! box: both parties cut a run into batches of the same size, so that the length of none has to be sent.
//!
//! It is no floor of small messages that are sent one at a time: each pays for a stamp, where a ring may publish several
//! with one word. Slots one at a time are left out for that: several boxes would lie on one line, and the figure would
//! tell only how often the parties meet there.

use std::io;
use std::os::fd::OwnedFd;

use crate::endpoint::{Channel, RecordConsumer, RecordProducer, Shape, SlotConsumer, SlotProducer};
use crate::memory::boxes::{Boxes, Plain};
use crate::plan::case::Case;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};
use crate::work::flows::{RecordBatches, SlotBatches, batch};

/// Bytes that are in flight at most. Of 128 KiB to 2 MiB this was the fastest for records of 64 KiB: 16 boxes of them.
const IN_FLIGHT: usize = 1 << 20;

/// Boxes at least: as many of the longest messages are in flight as in a ring.
const BOXES_MIN: usize = 8;

/// Bytes of a box that carries a batch.
const BATCH_BYTES: usize = 16 << 10;

/// Messages of a batch of slots.
const BATCH_SLOTS: usize = 256;

/// The systems.
pub(crate) fn systems() -> Vec<System> {
    let copy = System::new("copy")
        .measure::<Copied, SlotBatches>(Case::Slots { length: 8, batched: true })
        .measure::<Copied, RecordBatches<64>>(Case::Slots { length: 64, batched: true })
        .measure::<Copied, RecordBatches<1024>>(Case::Slots { length: 1024, batched: true })
        .all_records::<Copied>()
        .open::<Copied>();
    vec![copy.clone(), copy.again()]
}

/// The boxes as a channel.
struct Copied;

/// One end of it. Producer and consumer differ only in what they call.
struct End {
    boxes: Boxes,
    turn: u64,
}

impl End {
    fn new(boxes: Boxes) -> Self {
        Self { boxes, turn: 0 }
    }

    #[inline(always)]
    fn put<T: Plain>(&mut self, message: &[T], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.boxes.put(self.turn, message, deadline)?;
        self.turn += 1;
        Ok(())
    }

    #[inline(always)]
    fn take<T: Plain>(&mut self, message: &mut [T], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.boxes.take(self.turn, message, deadline)?;
        self.turn += 1;
        Ok(())
    }
}

/// The bytes of one box, and how many boxes there are.
fn geometry(shape: Shape) -> (usize, usize) {
    let length = match shape {
        Shape { length: 8, batched: true, .. } => BATCH_SLOTS * 8,
        Shape { length, batched: true, .. } => batch(BATCH_BYTES, length) * length,
        Shape { length, .. } => length,
    };
    (length, (IN_FLIGHT / length).clamp(BOXES_MIN, 1024))
}

impl Channel for Copied {
    type Near = End;
    type Far = End;

    fn create(shape: Shape) -> io::Result<(End, Vec<OwnedFd>)> {
        let (length, count) = geometry(shape);
        let boxes = Boxes::create(length, count)?;
        let descriptor = boxes.descriptor()?;
        Ok((End::new(boxes), vec![descriptor]))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<End> {
        let (length, count) = geometry(shape);
        Ok(End::new(Boxes::attach(sole(descriptors)?, length, count)?))
    }
}

impl SlotProducer for End {
    const BATCH: usize = BATCH_SLOTS;

    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put(&[slot], deadline)
    }

    #[inline]
    fn send_batch(&mut self, slots: &[u64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put(slots, deadline)
    }
}

impl SlotConsumer for End {
    const BATCH: usize = BATCH_SLOTS;

    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        let mut slot = [0];
        self.take(&mut slot, deadline)?;
        Ok(slot[0])
    }

    #[inline]
    fn receive_batch(&mut self, slots: &mut [u64], deadline: &Deadline<'_>) -> Result<usize, Halt> {
        self.take(slots, deadline)?;
        Ok(slots.len())
    }
}

impl RecordProducer for End {
    const BATCH_BYTES: usize = BATCH_BYTES;

    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put(message, deadline)
    }

    #[inline]
    fn send_batch(&mut self, messages: &[u8], _: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put(messages, deadline)
    }
}

impl RecordConsumer for End {
    const BATCH_BYTES: usize = BATCH_BYTES;

    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.take(message, deadline)
    }

    #[inline]
    fn receive_batch(
        &mut self,
        messages: &mut [u8],
        length: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        self.take(messages, deadline)?;
        Ok(messages.len() / length)
    }
}
