//! Whatever stands in the region: every call answers in bounded work, with a value or a typed error, and a handle that
//! has met what cannot be says the same from then on and writes no more.

#![deny(unsafe_code)]

mod fixture;

#[path = "hostile/cases.rs"]
mod cases;
#[path = "hostile/live.rs"]
mod live;
#[path = "hostile/scripts.rs"]
mod scripts;
#[path = "hostile/tamper.rs"]
mod tamper;
#[path = "hostile/victim.rs"]
mod victim;
