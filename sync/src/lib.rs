//! Waiting between processes for [Ringway](https://docs.rs/ringway).
//!
//! This version waits by watching: a side looks, spins a while, then gives the core away between looks, until it finds
//! what it waits for or a [`Deadline`] passes; its [`Pace`] learns how. It makes no system call while it spins, and needs
//! none from the side that it waits for.
//! This crate knows nothing of rings.

#![forbid(unsafe_code)]

mod deadline;
mod pace;

pub use deadline::Deadline;
pub use pace::{Pace, Wait};
