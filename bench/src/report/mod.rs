//! What came out: for a reader, for a program.
//!
//! ```text
//!   rows ──▶ collect ──▶ record ──▶ table, html, plots (charts, svg), markdown, compare (statistics)
//!    │                     ▲ │
//!    └──▶ hgrm         a file ◀┘
//! ```

mod brief;
mod charts;
pub(crate) mod collect;
mod columns;
pub(crate) mod compare;
mod date;
mod figure;
#[cfg(test)]
mod fixture;
mod hgrm;
pub(crate) mod html;
mod lines;
pub(crate) mod list;
pub(crate) mod markdown;
pub(crate) mod outputs;
mod phrases;
pub(crate) mod plots;
pub(crate) mod record;
mod statistics;
mod summary;
mod svg;
pub(crate) mod table;
mod targets;
mod warnings;
