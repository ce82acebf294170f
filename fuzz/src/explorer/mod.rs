//! Explores what several processes may do to each other through shared memory: every interleaving, every stale read that the
//! memory model allows, a kill at every step.
//!
//! ```text
//!   Scenario          a few virtual processes, and what must hold       scenario.rs
//!      │ explore
//!      ▼
//!   World             one run: fibers, memory, kernel, choices          world/, memory/
//!      │ a failure
//!      ▼
//!   Token             the run in one line                               token.rs
//!      │ replay, shrink, explain                                       explore/, explain.rs
//!      ▼
//!   command_line      all this for a list of scenarios, yours too     command/
//! ```
//!
//! The code under test is the ordinary code over ordinary handles. It goes through the door of `ringway-shm`, whose hooks
//! (feature `model`) this module installs.

pub(crate) mod command;
pub mod equivalent;
mod explain;
mod explore;
mod memory;
mod mutate;
pub mod protocols;
mod scenario;
mod token;
mod trace;
mod world;
pub mod zoo;

pub use command::command_line;
pub use explain::explain;
pub use explore::{Explorer, Found, Limits, LongestCall, Report, Way, explore, shrink};
pub use memory::{PROCESSES_MAX, WORDS_MAX};
pub use mutate::{Fate, Mutant, mutate};
pub use protocols::Entry;
pub use scenario::{Bell, End, Futex, Moment, Process, Scenario, Word};
pub use token::{Token, TokenError};
pub use trace::{Event, What, trace};
pub use world::{Bounds, Failure, Move, Note};
