//! rtrb, the ring between two threads of one process: <https://docs.rs/rtrb>. It crosses no process.
//!
//! One at a time is its `push` and `pop`; many at a time are its slices, which are the copying form of its chunks.

use rtrb::{Consumer, Producer, RingBuffer};

use super::queue::{self, Library, Value};
use crate::systems::System;

/// The system.
pub(crate) fn systems() -> Vec<System> {
    vec![queue::system::<Rtrb>("rtrb")]
}

/// The library.
struct Rtrb;

impl Library for Rtrb {
    type Sender<T: Value> = Producer<T>;
    type Receiver<T: Value> = Consumer<T>;

    const HAS_BATCHES: bool = true;

    fn create<T: Value>(capacity: usize) -> (Producer<T>, Consumer<T>) {
        RingBuffer::new(capacity)
    }

    #[inline(always)]
    fn send<T: Value>(sender: &mut Producer<T>, value: T) -> bool {
        sender.push(value).is_ok()
    }

    #[inline(always)]
    fn receive<T: Value>(receiver: &mut Consumer<T>, take: impl FnOnce(&T)) -> bool {
        receiver.pop().map(|value| take(&value)).is_ok()
    }

    #[inline(always)]
    fn send_some<T: Value>(sender: &mut Producer<T>, values: &[T]) -> usize {
        sender.push_partial_slice(values).0.len()
    }

    #[inline(always)]
    fn receive_some<T: Value>(receiver: &mut Consumer<T>, values: &mut [T]) -> usize {
        receiver.pop_partial_slice(values).0.len()
    }
}
