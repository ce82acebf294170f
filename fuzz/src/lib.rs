//! What it takes to believe a protocol over shared memory: Ringway's, and yours.
//!
//! ```text
//!   explorer   every interleaving, stale read and kill of a few virtual processes, on a model of memory and kernel
//!   linear     what calls answered, and when: is there an order that explains it?
//! ```
//!
//! This package switches on the feature `model` of everything that is built together with it: build it by itself.

#![deny(unsafe_code)]

mod command;
mod explorer;
pub mod linear;

pub use explorer::*;

use std::process::ExitCode;

/// The program `ringway-fuzz`.
#[doc(hidden)]
#[must_use]
pub fn program() -> ExitCode {
    explorer::command::program(
        "ringway-fuzz: explores every interleaving, stale read and kill of Ringway's protocols",
    )
}
