//! Slots of one type, between one producer and one consumer.
//!
//! ```text
//!   Producer<T>                                           Consumer<T>
//!   try_send / send / send_until   ── copies ──▶  ring ──▶ try_recv / recv / recv_until
//!   try_send_many / send_many                              try_recv_many / recv_many       one publication for many
//!   try_reserve_many ─ write ─ commit ─ in the ring ─────▶ try_peek_many ─ read ─ release
//! ```
//!
//! `T` is plain data: every bit pattern is a value and there is no padding (`zerocopy`'s traits), and its
//! [`Fingerprint`] keeps a ring of one type from being opened as a ring of another.
//!
//! A second type says how the slots lie in memory: [`Throughput`], which is meant where nothing is said, or [`Latency`].
//! Every verb is the same in both, except that only [`Throughput`] has slices of the ring itself (`in_place`).

mod consumer;
mod latency;
mod layout;
mod peek;
mod producer;
mod reservation;
mod throughput;
mod views;

pub use consumer::Consumer;
pub use layout::{Latency, Layout, Throughput};
pub use peek::Peek;
pub use producer::Producer;
pub use reservation::Reservation;
pub use views::{View, Window};

use crate::config::Config;
use crate::error::{CreateError, OpenError};
use crate::memory::Memory;
use crate::setup::Form;
use ringway_shm::{Fingerprint, Region};
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// What may lie in a slot: plain data of at least one byte, with a fingerprint. Implemented for every type that is.
///
/// # Examples
///
/// ```
/// use ringway::{Fingerprint, Slot};
/// use ringway::zerocopy::{FromBytes, Immutable, IntoBytes};
///
/// #[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Fingerprint)]
/// #[zerocopy(crate = "ringway::zerocopy")] // not needed where the crate itself depends on zerocopy
/// #[repr(C)]
/// struct Order {
///     id: u64,
///     price: f64,
/// }
///
/// fn is_slot<T: Slot>() {}
/// is_slot::<Order>();
/// ```
pub trait Slot: Copy + FromBytes + IntoBytes + Immutable + Fingerprint + Send + Sync + 'static {}

impl<T: Copy + FromBytes + IntoBytes + Immutable + Fingerprint + Send + Sync + 'static> Slot for T {}

/// What a ring of slots of `T` is made of.
pub(crate) fn form<T: Slot, L: Layout>() -> Form {
    Form {
        kind: L::KIND,
        fingerprint: T::FINGERPRINT,
        slot_size: size_of::<T>() as u64,
        slot_align: align_of::<T>() as u64,
        stride: L::stride::<T>(),
        capacity_min: 1,
    }
}

/// Finds the sections of a ring, and its capacity.
fn memory<T: Slot, L: Layout>(region: &Arc<Region>) -> Result<(Memory, u64), OpenError> {
    let shape = form::<T, L>().shape(region)?;
    let memory = Memory::new(Arc::clone(region), false).map_err(|error| OpenError::Region(error.into()))?;
    Ok((memory, shape.capacity))
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
/// use ringway::{Config, slots};
///
/// let region = std::sync::Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(64))?);
/// let mut tx = slots::Producer::<u64>::attach(&region)?;
/// let mut rx = slots::Consumer::<u64>::attach(&region)?;
/// tx.send(&7)?;
/// assert_eq!(rx.recv()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn anonymous<T: Slot>(config: &Config) -> Result<Region, CreateError> {
    anonymous_in::<T, Throughput>(config)
}

/// As [`anonymous`], in any layout.
///
/// # Errors
///
/// [`CreateError::Capacity`], or [`CreateError::Region`] when there is no room.
///
/// # Examples
///
/// ```
/// use ringway::{Config, slots};
///
/// let region = std::sync::Arc::new(slots::anonymous_in::<u64, slots::Latency>(&Config::spsc().capacity(64))?);
/// let mut tx = slots::Producer::<u64, slots::Latency>::attach(&region)?;
/// tx.send(&7)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn anonymous_in<T: Slot, L: Layout>(config: &Config) -> Result<Region, CreateError> {
    Ok(Region::anonymous(&form::<T, L>().blueprint(config)?)?)
}

/// What a region must be to hold a ring of slots of `T`, for [`Region::attach`] and its like.
///
/// # Examples
///
/// ```
/// use ringway::{layout, slots};
///
/// assert_eq!(slots::expected::<u64>().kind, layout::KIND_SLOTS);
/// ```
#[must_use]
pub fn expected<T: Slot>() -> ringway_shm::Expected {
    expected_in::<T, Throughput>()
}

/// As [`expected`], in any layout.
///
/// # Examples
///
/// ```
/// use ringway::{layout, slots};
///
/// assert_eq!(slots::expected_in::<u64, slots::Latency>().kind, layout::KIND_SLOTS_LATENCY);
/// ```
#[must_use]
pub fn expected_in<T: Slot, L: Layout>() -> ringway_shm::Expected {
    form::<T, L>().expected()
}
