//! Ringway itself: the safe, copying, waiting calls. Its sides spin where all parties poll, sleep at once where all sleep,
//! and wait as they do when nothing is chosen everywhere else.
//!
//! `ringway slots` has typed slots, `ringway latency layout, 56 B` slots with a line of their own, `ringway bytes`
//! records of any length, `ringway mirrored` the same records in a ring that wraps by a mirrored mapping instead of
//! padding. `ringway slots, sleeping` is the slots where all sleep.

use std::io;
use std::os::fd::OwnedFd;

use ringway::{RecvError, Region, SendError, WaitStrategy};

use self::bytes::ByteFlow;
use self::death::Widow;
use self::slots::{LongSlotFlow, SlotFlow};
use self::trips::{ByteTrips, LatencyTrips, SlotTrips};
use super::System;
use crate::endpoint::{Shape, Waits};
use crate::stage::wait::Halt;
use crate::work::flows::{Records, Slots};

mod bytes;
mod death;
mod slots;
mod trips;

/// The systems.
pub(super) fn systems() -> Vec<System> {
    let slots = System::new("ringway slots")
        .round_trips::<SlotTrips>()
        .slots::<SlotFlow>()
        .long_slots::<LongSlotFlow<64>, 64>()
        .long_slots::<LongSlotFlow<1024>, 1024>()
        .open::<LongSlotFlow<64>>()
        .setup::<SlotFlow, Slots>()
        .crowded_flows::<LongSlotFlow<64>>()
        .crowded_trips::<SlotTrips>();
    let latency = System::new("ringway latency layout, 56 B").round_trips::<LatencyTrips>();
    let bytes = System::new("ringway bytes")
        .round_trips::<ByteTrips>()
        .all_records::<ByteFlow<false>>()
        .open::<ByteFlow<false>>()
        .setup::<ByteFlow<false>, Records<64>>()
        .crowded_flows::<ByteFlow<false>>()
        .crowded_trips::<ByteTrips>();
    let mirrored = System::new("ringway mirrored").all_records::<ByteFlow<true>>().open::<ByteFlow<true>>();
    vec![
        slots.clone(),
        slots.again(),
        latency.clone(),
        latency.again(),
        bytes.clone(),
        bytes.again(),
        mirrored,
        System::new("ringway slots, sleeping").wakeups::<SlotTrips>(),
        System::new("ringway").deaths::<Widow>().blocked::<SlotTrips>(),
    ]
}

/// How a side waits for what a channel of this shape carries.
fn strategy(shape: Shape) -> WaitStrategy {
    match shape.waits {
        Waits::Poll => WaitStrategy::Spin,
        Waits::Sleep => WaitStrategy::Sleep,
        Waits::Usual => WaitStrategy::default(),
    }
}

/// A failed send as the end of a sample.
fn send_failed(error: SendError) -> Halt {
    if error == SendError::TimedOut { Halt::Late } else { Halt::Closed }
}

/// A failed receive as the end of a sample.
fn recv_failed(error: RecvError) -> Halt {
    if error == RecvError::TimedOut { Halt::Late } else { Halt::Closed }
}

/// A ring's descriptor for the peer.
fn passed(region: &Region) -> io::Result<OwnedFd> {
    region.inheritable().map_err(io::Error::other)
}
