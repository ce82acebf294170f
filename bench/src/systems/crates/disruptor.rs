//! disruptor, a ring between threads of one process: <https://docs.rs/disruptor>. One producer publishes, one consumer
//! polls for events on a thread of its own.
//!
//! A call of the poller takes all events that are there, or as many as it is told, and frees their places when its guard
//! goes; one at a time it is told to take one. A producer publishes a batch whole or not at all: where it does not fit,
//! as much of it as fits is published.

use disruptor::{
    BusySpin, EventPoller, MissingFreeSlots, Producer, SingleConsumerBarrier, SingleProducer,
    SingleProducerBarrier, build_single_producer,
};

use super::queue::{self, Library, Value};
use crate::systems::System;

/// The system.
pub(crate) fn systems() -> Vec<System> {
    vec![queue::system::<Disruptor>("disruptor")]
}

/// The library.
struct Disruptor;

impl Library for Disruptor {
    type Sender<T: Value> = SingleProducer<T, SingleConsumerBarrier>;
    type Receiver<T: Value> = EventPoller<T, SingleProducerBarrier>;

    const HAS_BATCHES: bool = true;

    fn create<T: Value>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        // The strategy is for threads of the library's own, of which there are none.
        let (poller, builder) = build_single_producer(capacity, T::default, BusySpin).new_event_poller();
        (builder.build(), poller)
    }

    #[inline(always)]
    fn send<T: Value>(sender: &mut Self::Sender<T>, value: T) -> bool {
        sender.try_publish(|event| *event = value).is_ok()
    }

    #[inline(always)]
    fn receive<T: Value>(receiver: &mut Self::Receiver<T>, take: impl FnOnce(&T)) -> bool {
        let Ok(mut events) = receiver.take(1) else { return false };
        (&mut events).next().map(take).is_some()
    }

    #[inline(always)]
    fn send_some<T: Value>(sender: &mut Self::Sender<T>, values: &[T]) -> usize {
        let mut publish = |values: &[T]| {
            sender.try_batch_publish(values.len(), |events| {
                for (event, value) in events.zip(values) {
                    *event = *value;
                }
            })
        };
        match publish(values) {
            Ok(_) => values.len(),
            Err(MissingFreeSlots(missing)) => {
                let fitting = values.len().saturating_sub(missing as usize);
                if fitting > 0 && publish(&values[..fitting]).is_ok() { fitting } else { 0 }
            }
        }
    }

    #[inline(always)]
    fn receive_some<T: Value>(receiver: &mut Self::Receiver<T>, values: &mut [T]) -> usize {
        let Ok(mut events) = receiver.take(values.len() as u64) else { return 0 };
        values.iter_mut().zip(&mut events).map(|(place, event)| *place = *event).count()
    }
}
