//! Waiting between processes for [Ringway](https://docs.rs/ringway).
//!
//! This version waits by watching: [`poll`] tries, spins a while, then gives the core away between tries, until it
//! succeeds or a [`Deadline`] passes. It makes no system call while it spins and needs none from the side it waits for.
//! This crate knows nothing of rings.

#![forbid(unsafe_code)]

mod deadline;
mod poll;

pub use deadline::Deadline;
pub use poll::poll;
