//! Random scripts of every verb, against a ring as one would draw it: a queue of records and three positions.
//!
//! Every answer is compared with the model's, every message with the one that was sent, and after every step the two
//! shared words with the model's positions. Handles are dropped and attached again anywhere in a script.

#![deny(unsafe_code)]
#![allow(clippy::forget_non_drop)] // because a caller may forget anything, and what has a drop may change.

mod fixture;

#[path = "against_a_model/byte_model.rs"]
mod byte_model;
#[path = "against_a_model/bytes.rs"]
mod bytes;
#[path = "against_a_model/slots.rs"]
mod slots;
