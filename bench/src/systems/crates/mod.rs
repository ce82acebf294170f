//! Libraries for Rust.

pub(crate) mod rtrb;
