//! ringbuf, a ring between two threads of one process: <https://docs.rs/ringbuf>. Its ends are the caching ones, which
//! `split` gives.
//!
//! One at a time is its `try_push` and `try_pop`; many at a time are its slices.

use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use super::queue::{self, Library, Value};
use crate::systems::System;

/// The system.
pub(crate) fn systems() -> Vec<System> {
    vec![queue::system::<Ringbuf>("ringbuf")]
}

/// The library.
struct Ringbuf;

impl Library for Ringbuf {
    type Sender<T: Value> = HeapProd<T>;
    type Receiver<T: Value> = HeapCons<T>;

    const HAS_BATCHES: bool = true;

    fn create<T: Value>(capacity: usize) -> (HeapProd<T>, HeapCons<T>) {
        HeapRb::new(capacity).split()
    }

    #[inline(always)]
    fn send<T: Value>(sender: &mut HeapProd<T>, value: T) -> bool {
        sender.try_push(value).is_ok()
    }

    #[inline(always)]
    fn receive<T: Value>(receiver: &mut HeapCons<T>, take: impl FnOnce(&T)) -> bool {
        receiver.try_pop().map(|value| take(&value)).is_some()
    }

    #[inline(always)]
    fn send_some<T: Value>(sender: &mut HeapProd<T>, values: &[T]) -> usize {
        sender.push_slice(values)
    }

    #[inline(always)]
    fn receive_some<T: Value>(receiver: &mut HeapCons<T>, values: &mut [T]) -> usize {
        receiver.pop_slice(values)
    }
}
