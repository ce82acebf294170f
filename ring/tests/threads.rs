//! A producer and a consumer on two threads over one mapping, by every way of every kind of ring: what the sanitizers and
//! Miri are run over (`.ci/sanitize`). Bounded in messages; there are fewer of them where each step is interpreted.
//!
//! ```text
//!   records.rs      rings of bytes, padded and mirrored
//!   values.rs       rings of slots in both layouts, of a word, of a line and of several lines
//!   succession.rs   handles dropped on one thread and followed on another; sides that take turns and sleep
//!   planted.rs      mistakes of the test's own, which a sanitizer must report
//! ```

#![deny(unsafe_code)]

#[path = "threads/court.rs"]
mod court;
mod fixture;
#[path = "threads/planted.rs"]
mod planted;
#[path = "threads/records.rs"]
mod records;
#[path = "threads/succession.rs"]
mod succession;
#[path = "threads/values.rs"]
mod values;
