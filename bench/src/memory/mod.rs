//! What parties share, and what a message says.

pub(crate) mod boxes;
pub(crate) mod futex;
pub(crate) mod message;
pub(crate) mod shared;
