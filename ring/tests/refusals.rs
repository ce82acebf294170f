//! What is refused, by which error, and that nothing has happened then.

#![deny(unsafe_code)]

mod fixture;

#[path = "refusals/capacity.rs"]
mod capacity;
#[path = "refusals/phrases.rs"]
mod phrases;
#[path = "refusals/sides.rs"]
mod sides;
#[path = "refusals/strangers.rs"]
mod strangers;
