//! Queues of C++ between two threads: Boost.Lockfree, moodycamel's ReaderWriterQueue and ConcurrentQueue.
//!
//! Each is used as its own documentation says, one message a call, or an array a call where there is such a call
//! (`bench/cpp/*.cpp`). A record is a message of its length that starts at a cache line.

use std::marker::PhantomData;
use std::sync::Arc;

use super::queue::{Kind, Loops, Queue, Receiver, Sender, Table};
use crate::endpoint::{Shape, ThreadChannel};
use crate::plan::case::Case;
use crate::systems::System;
use crate::work::flows::Records;

#[allow(unsafe_code)] // because functions of C++ are declared.
unsafe extern "C" {
    #[cfg(ringway_cpp = "boost_lockfree")]
    safe fn ringway_boost_spsc_queue(length: usize) -> Option<&'static Table>;
    #[cfg(ringway_cpp = "boost_lockfree")]
    safe fn ringway_boost_queue(length: usize) -> Option<&'static Table>;
    #[cfg(ringway_cpp = "boost_lockfree")]
    safe fn ringway_boost_queue_of_many(length: usize) -> Option<&'static Table>;
    #[cfg(ringway_cpp = "reader_writer_queue")]
    safe fn ringway_reader_writer_queue(length: usize) -> Option<&'static Table>;
    #[cfg(ringway_cpp = "concurrent_queue")]
    safe fn ringway_concurrent_queue(length: usize) -> Option<&'static Table>;
    #[cfg(ringway_cpp = "concurrent_queue")]
    safe fn ringway_concurrent_queue_of_many(length: usize) -> Option<&'static Table>;
}

/// Names the kinds, and the function of C++ that gives the table of each.
macro_rules! kinds {
    ($($file:literal $kind:ident $function:ident),* $(,)?) => {
        $(
            #[cfg(ringway_cpp = $file)]
            pub(super) struct $kind;

            #[cfg(ringway_cpp = $file)]
            impl Kind for $kind {
                fn table(length: usize) -> Option<&'static Table> {
                    $function(length)
                }
            }
        )*
    };
}

kinds! {
    "boost_lockfree" BoostSpsc ringway_boost_spsc_queue,
    "boost_lockfree" BoostQueue ringway_boost_queue,
    "boost_lockfree" BoostMany ringway_boost_queue_of_many,
    "reader_writer_queue" ReaderWriter ringway_reader_writer_queue,
    "concurrent_queue" Concurrent ringway_concurrent_queue,
    "concurrent_queue" ConcurrentMany ringway_concurrent_queue_of_many,
}

/// Boost's `spsc_queue`, and its `queue`.
#[cfg(ringway_cpp = "boost_lockfree")]
pub(super) fn boost() -> Vec<System> {
    vec![bulk::<BoostSpsc>("Boost spsc_queue"), single::<BoostQueue>("Boost queue")]
}

/// moodycamel's ReaderWriterQueue.
#[cfg(ringway_cpp = "reader_writer_queue")]
pub(super) fn reader_writer() -> System {
    single::<ReaderWriter>("ReaderWriterQueue")
}

/// moodycamel's ConcurrentQueue.
#[cfg(ringway_cpp = "concurrent_queue")]
pub(super) fn concurrent() -> System {
    bulk::<Concurrent>("ConcurrentQueue")
}

/// A queue that has calls for one message and for several.
#[cfg(any(ringway_cpp = "boost_lockfree", ringway_cpp = "concurrent_queue"))]
fn bulk<K: Kind>(name: &str) -> System {
    use crate::work::flows::{RecordBatches, SlotBatches};

    single::<K>(name)
        .measure_threads::<Threads<K>, SlotBatches>(Case::Slots { length: 8, batched: true })
        .measure_threads::<Threads<K>, RecordBatches<64>>(Case::Slots { length: 64, batched: true })
        .measure_threads::<Threads<K>, RecordBatches<1024>>(Case::Slots { length: 1024, batched: true })
}

/// A queue that has calls for one message only.
fn single<K: Kind>(name: &str) -> System {
    System::new(name)
        .measure_threads::<Threads<K>, Loops>(Case::Slots { length: 8, batched: false })
        .measure_threads::<Threads<K>, Loops>(Case::Slots { length: 64, batched: false })
        .measure_threads::<Threads<K>, Records<1024>>(Case::Slots { length: 1024, batched: false })
}

/// A queue between two threads.
struct Threads<K>(PhantomData<K>);

impl<K: Kind> ThreadChannel for Threads<K> {
    type Near = Sender;
    type Far = Receiver;

    fn create(shape: Shape) -> (Sender, Receiver) {
        let queue = Queue::new::<K>(shape.length).expect("C++ has the queue for each length of slots");
        (Sender::new(Arc::clone(&queue)), Receiver::new(queue))
    }
}
