//! What is measured, in which order, and for how long.

pub(crate) mod case;
pub(crate) mod metric;
pub(crate) mod progress;
pub(crate) mod schedule;
