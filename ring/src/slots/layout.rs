//! The two layouts of a ring of slots, and what each side does its own way in each.
//!
//! ```text
//!   Throughput   positions in their lines, slots close together     a look at the position serves all slots behind it
//!   Latency      a sequence word in the line of each slot           a look at the slot brings the slot along
//! ```
//!
//! The verbs stand in `producer.rs` and `consumer.rs`, once. They are made of the steps that are listed here, which
//! `throughput.rs` and `latency.rs` take.

use super::latency::{LatencyConsumer, LatencyProducer};
use super::throughput::{ThroughputConsumer, ThroughputProducer};
use crate::layout::{KIND_SLOTS, KIND_SLOTS_LATENCY, LINE_LEN, SEQUENCE_AT};
use core::fmt::Debug;

/// How the slots of a ring lie in memory: [`Throughput`] or [`Latency`], and nothing else.
///
/// Both sides of a ring name the same one; a ring of one layout is refused when it is opened as one of the other.
///
/// # Examples
///
/// ```
/// use ringway::slots::{self, Latency};
///
/// let region = std::sync::Arc::new(slots::anonymous_in::<u64, Latency>(&ringway::Config::spsc().capacity(64))?);
/// let mut tx = slots::Producer::<u64, Latency>::attach(&region)?;
/// let mut rx = slots::Consumer::<u64, Latency>::attach(&region)?;
/// tx.send(&7)?;
/// assert_eq!(rx.recv()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Layout: steps::Sides + Debug + Send + Sync + 'static {}

/// Slots close together, and one position for all of them: the least traffic per message in a stream. Slots of any size, and
/// slices of the ring itself.
#[derive(Clone, Copy, Debug)]
pub struct Throughput;

/// Each slot in a cache line of its own, with the word that says whether it is there: a message crosses from core to core
/// by one line where [`Throughput`] takes two. For slots of at most 56 bytes, aligned to 8 at most.
///
/// Several values sent by one call become visible one after the other, in order, and not all at once.
///
/// # Examples
///
/// A slot that does not fit is refused by the compiler.
///
/// ```compile_fail
/// use ringway::{Config, slots};
///
/// let region = slots::anonymous_in::<[u8; 57], slots::Latency>(&Config::spsc());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Latency;

impl Layout for Throughput {}
impl Layout for Latency {}

impl steps::Sides for Throughput {
    const KIND: u32 = KIND_SLOTS;
    type Producer<T: super::Slot> = ThroughputProducer<T>;
    type Consumer<T: super::Slot> = ThroughputConsumer<T>;

    fn stride<T>() -> u64 {
        size_of::<T>() as u64
    }
}

impl steps::Sides for Latency {
    const KIND: u32 = KIND_SLOTS_LATENCY;
    type Producer<T: super::Slot> = LatencyProducer<T>;
    type Consumer<T: super::Slot> = LatencyConsumer<T>;

    fn stride<T>() -> u64 {
        const {
            assert!(size_of::<T>() as u64 <= SEQUENCE_AT, "a slot in the latency layout has at most 56 bytes")
        };
        const { assert!(align_of::<T>() <= 8, "a slot in the latency layout is aligned to 8 bytes at most") };
        LINE_LEN
    }
}

pub(super) mod steps {
    //! The steps of which the verbs are made. Public for the compiler; nobody outside can name them, so nobody outside
    //! makes a layout.

    use crate::error::Corruption;
    use crate::memory::Memory;

    /// What a layout consists of.
    pub trait Sides {
        /// Kind of its regions.
        const KIND: u32;
        /// How a producer goes about it.
        type Producer<T: crate::Slot>: ProducerSide<T> + Send;
        /// How a consumer goes about it.
        type Consumer<T: crate::Slot>: ConsumerSide<T> + Send;

        /// Bytes of the data section for each slot of `T`.
        fn stride<T>() -> u64;
    }

    /// The producer's private positions and the ring's memory.
    pub trait ProducerSide<T>: Sized {
        /// Takes over where the last producer stopped.
        fn attach(memory: Memory, capacity: u64) -> Result<Self, Corruption>;

        /// The ring's memory.
        fn memory(&self) -> &Memory;

        /// Slots of the ring.
        fn capacity(&self) -> u64;

        /// Fails if it has met what cannot be.
        fn intact(&self) -> Result<(), Corruption>;

        /// Slots that were free at the last look.
        fn free(&self) -> u64;

        /// Looks at the consumer's position; says how many slots are free.
        fn refresh(&mut self) -> Result<u64, Corruption>;

        /// How many of `count` slots from the tail on lie before the ring's end.
        fn before_end(&self, count: usize) -> usize;

        /// Writes the free slot that is `at` slots from the tail.
        fn write(&self, at: usize, value: &T);

        /// Commits the first `count` free slots, which are written.
        fn commit(&mut self, count: usize);

        /// Writes and commits one slot, for which there is room.
        fn put(&mut self, value: &T);

        /// Writes and commits slots, for which there is room.
        fn put_many(&mut self, values: &[T]);
    }

    /// The consumer's private positions and the ring's memory.
    pub trait ConsumerSide<T>: Sized {
        /// Takes over where the last consumer stopped.
        fn attach(memory: Memory, capacity: u64) -> Result<Self, Corruption>;

        /// The ring's memory.
        fn memory(&self) -> &Memory;

        /// Slots of the ring.
        fn capacity(&self) -> u64;

        /// Fails if it has met what cannot be.
        fn intact(&self) -> Result<(), Corruption>;

        /// Is a value known to be there? The straight path: a `false` may also mean that it takes a refresh to know.
        fn has_next(&self) -> bool;

        /// Looks whether the producer has sent anything; says whether there is a value.
        fn refresh(&mut self) -> Result<bool, Corruption>;

        /// Asks for what a refresh that finds a value will be followed by, if that is a line of its own.
        fn prefetch(&self);

        /// Values that are known to be there, up to `limit`, which is not 0; the head's is one of them.
        fn known(&self, limit: usize) -> usize;

        /// Values that are there, up to `limit`, which is not 0; looks again if fewer are known.
        fn count(&mut self, limit: usize) -> Result<usize, Corruption>;

        /// Did the last refresh find more than one value, so that the producer seems to be streaming?
        fn brought_more(&self) -> bool;

        /// How many of `count` slots from the head on lie before the ring's end.
        fn before_end(&self, count: usize) -> usize;

        /// Reads the value that is `at` slots from the head.
        fn read(&self, at: usize) -> T;

        /// Reads the value at the head into its place.
        fn read_into(&self, value: &mut T);

        /// Reads as many values as `values` has room for, which are there.
        fn read_many(&self, values: &mut [T]);

        /// Gives the first `count` values back.
        fn release(&mut self, count: usize);
    }
}
