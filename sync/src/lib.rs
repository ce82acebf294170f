//! Waiting between processes for [Ringway](https://docs.rs/ringway).
//!
//! ```text
//!   Pace, Wait        watch a while: how closely and how long is learned
//!   EventCount        then sleep: rung at no cost while nobody does
//!   Deadline          until then
//!   backend           the traits behind which another system's events and locks fit
//! ```
//!
//! This crate knows nothing of rings.

#![deny(unsafe_code)]

pub mod backend;
mod deadline;
mod eventcount;
mod pace;
mod strategy;

pub use deadline::Deadline;
pub use eventcount::{EventCount, Ringer, Sleeper, Ticket};
pub use pace::{Next, Pace, Step, Wait};
pub use strategy::WaitStrategy;
