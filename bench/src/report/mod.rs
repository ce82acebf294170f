//! What came out: for a reader, for a program.

pub(crate) mod json;
pub(crate) mod list;
pub(crate) mod summary;
pub(crate) mod table;
