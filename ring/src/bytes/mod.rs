//! Byte records of any length, between one producer and one consumer.
//!
//! ```text
//!   Producer                                              Consumer
//!   try_send / send / send_until   ── copies ──▶  ring ──▶ try_recv / recv / recv_until, recv_many
//!   try_reserve ─ write ─ commit   ── in the ring ──────▶ try_peek ─ read ─ release
//!   batch ─ send … ─ flush            one publication for many
//! ```
//!
//! A record is at most half the ring less its header, whichever way the ring wraps, so that one that fits never depends
//! on where the positions stand.

mod batch;
mod consumer;
mod messages;
mod peek;
mod producer;
mod reservation;
mod views;

pub use batch::Batch;
pub use consumer::Consumer;
pub use messages::Messages;
pub use peek::Peek;
pub use producer::Producer;
pub use reservation::Reservation;
pub use views::{View, Window};

use crate::config::{BYTES_MIN, Config, Wrap};
use crate::error::{CreateError, OpenError};
use crate::layout::{HEADER_LEN, KIND_BYTES};
use crate::memory::{Bytes, Memory};
use crate::setup::Form;
use ringway_shm::Region;
use std::sync::Arc;

/// What a byte ring is made of.
pub(crate) const FORM: Form = Form {
    kind: KIND_BYTES,
    fingerprint: 0,
    slot_size: 0,
    slot_align: 0,
    stride: 1,
    capacity_min: BYTES_MIN,
};

/// Longest record of a ring of this capacity, in bytes.
pub(crate) fn length_max(capacity: u64) -> u64 {
    (capacity / 2 - HEADER_LEN).min(u64::from(u32::MAX - 7))
}

/// Finds the positions and the data of a byte ring.
fn data(region: &Arc<Region>) -> Result<Bytes, OpenError> {
    let shape = FORM.shape(region)?;
    let memory = Memory::new(Arc::clone(region), shape.wrap == Wrap::Mirrored)
        .map_err(|error| OpenError::Region(error.into()))?;
    Ok(Bytes::new(memory, shape.capacity))
}

/// Makes a ring without a name; hand its region to the other side by descriptor, then attach to it here.
///
/// # Errors
///
/// [`CreateError::Capacity`], or [`CreateError::Region`] when there is no room.
///
/// # Examples
///
/// ```
/// use ringway::{Config, bytes};
///
/// let region = std::sync::Arc::new(bytes::anonymous(&Config::spsc().capacity(1 << 12))?);
/// let mut tx = bytes::Producer::attach(&region)?;
/// let mut rx = bytes::Consumer::attach(&region)?;
/// tx.send(b"hello")?;
/// assert_eq!(rx.recv_vec()?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn anonymous(config: &Config) -> Result<Region, CreateError> {
    Ok(Region::anonymous(&FORM.blueprint(config)?)?)
}

/// What a region must be to hold a byte ring, for [`Region::attach`] and its like.
#[must_use]
pub fn expected() -> ringway_shm::Expected {
    FORM.expected()
}
