//! What came out: for a reader, for a program.
//!
//! ```text
//!   rows ──▶ collect ──▶ record ──▶ table
//!                          ▲ │
//!                      a file ◀┘
//! ```

pub(crate) mod collect;
mod columns;
mod date;
mod figure;
#[cfg(test)]
mod fixture;
mod lines;
pub(crate) mod list;
pub(crate) mod outputs;
mod phrases;
pub(crate) mod record;
mod summary;
pub(crate) mod table;
mod targets;
