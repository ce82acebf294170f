//! The harness that looks through the door: what a call of Ringway does to shared memory and asks of the kernel.
//!
//! This version records: [`trace`] runs a piece of code with hooks installed and returns each step in order, with region
//! and offset, ordering and source line. It is the first use of the hooks on which the explorer will stand.
//!
//! Build this package by itself: it switches Ringway's feature `model` on.

#![forbid(unsafe_code)]

mod trace;

pub use trace::{Event, What, trace};
