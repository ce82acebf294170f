//! Shared-memory regions for [Ringway](https://docs.rs/ringway): bytes that several processes map, created so that nobody
//! ever sees them half-made, checked at open, and reserved whole, so that no later touch fails for want of memory.
//!
//! ```text
//!   Blueprint ──▶ Region ──▶ sections (raw bytes for the crates above)
//!                   │
//!                   ├─ anonymous: sealed memfd, travels by descriptor
//!                   ├─ named: POSIX name, listed and cleaned up after the dead
//!                   ├─ file: a path of the user's own; may outlive every party
//!                   └─ adopted: a segment of the application's own
//! ```
//!
//! Below everything lies [`primitive`], the one door to atomics, payload copies, the kernel and the clock. This crate
//! knows nothing of locks or rings.
//!
//! Linux 5.14 or later on 64-bit x86 or ARM, little-endian; `/proc` mounted.

#![deny(unsafe_code)]

#[cfg(not(all(
    target_os = "linux",
    target_endian = "little",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!("Ringway regions need Linux on x86-64 or aarch64, little-endian");

mod access;
mod adopted;
mod blueprint;
mod catalog;
mod descriptor;
mod error;
mod file;
pub mod fingerprint;
mod geometry;
mod hold;
pub mod layout;
mod location;
mod mapping;
mod name;
mod named;
mod naming;
mod participants;
pub mod primitive;
mod process;
mod region;
mod roles;
mod sentinel;
mod standing;
mod threads;
mod travel;

pub use access::{Access, Permissions};
pub use blueprint::{Blueprint, BlueprintError, Lifetime, REGION_LEN_MAX, ROWS_MAX};
pub use catalog::{Entry, list, remove_leftovers, unlink};
pub use error::{ClaimError, CreateError, MirrorError, OpenError, ParticipateError, SystemError};
pub use file::unlink_file;
pub use fingerprint::Fingerprint;
pub use geometry::{Expected, Geometry, Rejected};
pub use location::Location;
pub use mapping::Mirror;
pub use name::{NAME_LEN_MAX, Name, NameError, Namespace};
pub use participants::{Kind, Owner, Participant};
pub use region::Region;
pub use roles::{Claim, ROLES_MAX};
pub use shared_memory;
pub use standing::{LifeWord, RowEntry, Standing};
#[cfg(feature = "model")]
pub use threads::ThreadRows;
pub use zerocopy;
