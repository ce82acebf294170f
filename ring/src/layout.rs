//! Every shared byte of a single-producer ring, drawn once and checked by the compiler.
//!
//! ```text
//!   control section, one page
//!   0x000  ProducerLine   tail              written by the producer
//!   0x040                 dropped           written by the producer
//!   0x080  ConsumerLine   head              written by the consumer
//!   0x100  Door           arrived           where the consumer sleeps, rung by the producer
//!   0x180  Door           freed             where the producer sleeps, rung by the consumer
//!   0x200  SeatLine       producer_seat     who the producer is
//!   0x280  SeatLine       consumer_seat     who the consumer is
//!
//!   data section                            capacity bytes, capacity slots of one size, or capacity slot lines
//! ```
//!
//! A position counts bytes (of a byte ring) or slots since the ring was made; it is 64 bits wide and never wraps in
//! practice. The byte or slot behind it is `position & (capacity - 1)`: capacities are powers of two.
//!
//! Byte records start at multiples of 8:
//!
//! ```text
//!   0        4        8                        8 + length        next multiple of 8
//!   ┌────────┬────────┬────────────────────────┬─────────────────┐
//!   │ length │ kind   │ payload                │ left as it was  │     kind 1: record, 2: padding to the end
//!   └────────┴────────┴────────────────────────┴─────────────────┘
//! ```
//!
//! In a ring that wraps by padding, no record runs over the end of the data section: a padding record fills what is
//! left, and the record begins at offset 0. In a mirrored ring records run over the end; a program without a mirrored
//! mapping reads such a record in two parts.
//!
//! In the latency layout of slots each slot has a line of 64 bytes, with the word that says whether it is there:
//!
//! ```text
//!   0                                        56         64
//!   ┌────────────────────────────────────────┬──────────┐   sequence, in the slot of position p:
//!   │ payload, then left as it was           │ sequence │     p + 1               the message of p is there
//!   └────────────────────────────────────────┴──────────┘     p + 1 - capacity    that of a lap before, so none of p yet
//!                                                              0, if p < capacity  none ever
//! ```

use core::mem::{offset_of, size_of};
use ringway_shm::layout::FIRST_OWN;
use ringway_shm::primitive::AtomicU64;
use ringway_sync::EventCount;

/// [`Section::content`](ringway_shm::layout::Section::content) of the control page.
pub const CONTROL: u32 = FIRST_OWN;
/// [`Section::content`](ringway_shm::layout::Section::content) of the data.
pub const DATA: u32 = FIRST_OWN + 1;

/// Kind of a region that holds a single-producer, single-consumer ring of byte records.
pub const KIND_BYTES: u32 = 0x0001_0001;
/// Kind of a region that holds a single-producer, single-consumer ring of typed slots.
pub const KIND_SLOTS: u32 = 0x0002_0001;
/// Kind of a region that holds a single-producer, single-consumer ring of typed slots in the latency layout.
pub const KIND_SLOTS_LATENCY: u32 = 0x0003_0001;
/// Version of each kind's layout.
pub const KIND_VERSION: u32 = 1;

/// Index of the region's parameter: capacity, in bytes or in slots.
pub const CAPACITY: usize = 0;
/// Index of the region's parameter: 0 the ring wraps by padding, 1 by a mirrored mapping.
pub const WRAP: usize = 1;
/// Index of the region's parameter: bytes of a slot; 0 in a byte ring.
pub const SLOT_SIZE: usize = 2;
/// Index of the region's parameter: alignment of a slot; 0 in a byte ring.
pub const SLOT_ALIGN: usize = 3;

/// What the producer writes.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct ProducerLine {
    /// Position after the last committed byte or slot. Written by the producer only; read by the consumer, who may find
    /// it stale but never too great. `head <= tail <= head + capacity`.
    ///
    /// In the latency layout of slots nobody reads it but the next producer, and it may be behind by what a producer had
    /// committed when it was killed, at most `capacity`: then it may also be less than `head`.
    pub tail: AtomicU64,
    /// Zero.
    pub reserved_a: [AtomicU64; 7],
    /// Messages that were dropped for want of room, since the ring was made; wraps. Written by the producer only, who
    /// counts a message after it has decided to drop it; read by both, and never less at a reader than it was when the
    /// message was committed that the reader last received. In a half of its own: counting takes no reader's `tail` away.
    pub dropped: AtomicU64,
    /// Zero.
    pub reserved_b: [AtomicU64; 7],
}

/// What the consumer writes.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct ConsumerLine {
    /// Position of the first byte or slot that has not been released. Written by the consumer only; read by the
    /// producer, who may find it stale but never too great.
    pub head: AtomicU64,
    /// Zero.
    pub reserved: [AtomicU64; 15],
}

/// Where one side sleeps. On a line of its own, which nobody writes while nobody sleeps, so that looking at it costs
/// whoever would have to wake nothing.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Door {
    /// The eventcount: 4 bytes of counter, 4 bytes of flag.
    pub bell: EventCount,
    /// Zero.
    pub reserved: [AtomicU64; 15],
}

/// Who one side is.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct SeatLine {
    /// Generation in the upper half; from bit 17 on, how many holders died, modulo 2^15; bit 16: the holder has left; row + 1
    /// in the lowest 16 bits, 0 if there never was a holder. Written by the holder of the side's role only.
    pub holder: AtomicU64,
    /// Zero.
    pub reserved: [AtomicU64; 15],
}

/// The control page.
#[derive(Debug)]
#[repr(C)]
pub struct Control {
    /// What the producer writes.
    pub producer: ProducerLine,
    /// What the consumer writes.
    pub consumer: ConsumerLine,
    /// Where the consumer sleeps.
    pub arrived: Door,
    /// Where the producer sleeps.
    pub freed: Door,
    /// Who the producer is.
    pub producer_seat: SeatLine,
    /// Who the consumer is.
    pub consumer_seat: SeatLine,
}

const _: () = assert!(offset_of!(Control, producer) == 0x000);
const _: () = assert!(offset_of!(Control, consumer) == 0x080);
const _: () = assert!(offset_of!(Control, arrived) == 0x100 && offset_of!(Control, freed) == 0x180);
const _: () = assert!(offset_of!(Control, producer_seat) == 0x200);
const _: () = assert!(offset_of!(Control, consumer_seat) == 0x280);
const _: () = assert!(size_of::<Control>() == 0x300);
const _: () = assert!(size_of::<Door>() == 128 && size_of::<SeatLine>() == 128);
const _: () = assert!(offset_of!(ProducerLine, tail) == 0 && size_of::<ProducerLine>() == 128);
const _: () = assert!(offset_of!(ProducerLine, dropped) == 0x40);
const _: () = assert!(offset_of!(ConsumerLine, head) == 0 && size_of::<ConsumerLine>() == 128);

/// Bytes of a slot line: slot and sequence word of the latency layout.
pub const LINE_LEN: u64 = 64;
/// Byte of a slot line at which its sequence word stands, and so the most bytes that a slot in it can have.
pub const SEQUENCE_AT: u64 = 56;

/// Bytes before a record's payload.
pub const HEADER_LEN: u64 = 8;

/// What a record is, by the upper half of its header.
pub const RECORD: u32 = 1;
/// A record that fills the data section to its end.
pub const PADDING: u32 = 2;

/// A record's header, as it stands in its word.
#[must_use]
pub const fn header(kind: u32, length: u32) -> u64 {
    (kind as u64) << 32 | length as u64
}

/// Bytes that a record with a payload of `length` bytes takes in the ring.
#[must_use]
pub const fn record_len(length: u64) -> u64 {
    HEADER_LEN + length.next_multiple_of(8)
}
