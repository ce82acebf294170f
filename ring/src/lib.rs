#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

pub mod bytes;
mod config;
mod cursor;
mod error;
mod in_place;
pub mod layout;
mod memory;
mod party;
mod seat;
mod setup;
pub mod slots;
mod ways;
mod when_full;

pub mod fingerprint {
    //! What keeps a ring of one type from being opened as a ring of another; see [`ringway_shm::fingerprint`].

    pub use ringway_shm::fingerprint::FingerprintThroughRingway as Fingerprint;
    pub use ringway_shm::fingerprint::*;
}

pub use config::{BYTES_MIN, CapacityError, Config, DATA_LEN_MAX, Wrap};
pub use error::{
    AttachError, Corruption, CreateError, Fault, OpenError, RecvError, SendError, TryRecvError, TrySendError,
};
pub use fingerprint::Fingerprint;
pub use in_place::InPlace;
pub use ringway_shm as shm;
pub use ringway_shm::zerocopy;
pub use ringway_shm::{
    Access, Lifetime, Location, Name, Permissions, Region, list, remove_leftovers, unlink, unlink_file,
};
pub use ringway_sync::{Deadline, WaitStrategy};
pub use slots::Slot;
pub use when_full::WhenFull;
