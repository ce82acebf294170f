//! Whoever waits for a side that dies is told so, once for each death and only when there is nothing left of what the dead
//! one did; a side that left is told as often as it is asked for; a stopped one is neither.

#![deny(unsafe_code)]

mod fixture;

#[path = "death/counted.rs"]
mod counted;
#[path = "death/left.rs"]
mod left;
#[path = "death/party.rs"]
mod party;
#[path = "death/stopped.rs"]
mod stopped;
#[path = "death/told.rs"]
mod told;
