//! What it takes to believe a protocol over shared memory: every interleaving on a model, and kills, stops and hostile bytes
//! on the real thing. For Ringway, and for yours.
//!
//! ```text
//!   explorer   every interleaving, stale read and kill of a few virtual processes       on a model of memory and kernel
//!   step       a kill, a stop at every instruction of an operation                      ┐
//!   storm      many processes, killed, stopped and started again at random              │ on the program as it is
//!   hostile    whatever bytes a peer may write                                          │ built for its users
//!   history    what calls answered, and when: is there an order that explains it?       ┘
//! ```
//!
//! The feature `explorer`, which is on unless it is switched off, switches on the feature `model` of everything that is built
//! together with this package: build this package by itself. The others want the code as its users have it, so the program
//! builds itself once more without that feature for them ([`command/apart.rs`](self)).

#![deny(unsafe_code)]

mod actor;
mod command;
#[cfg(all(feature = "explorer", not(fuzzing)))]
mod explorer;
mod history;
#[doc(hidden)]
pub mod hostile;
pub mod linear;
mod lot;
// It knows the instructions of this machine.
#[cfg(target_arch = "x86_64")]
mod step;
mod storm;
mod subject;

#[cfg(all(feature = "explorer", not(fuzzing)))]
pub use explorer::*;

use std::process::ExitCode;

const TITLE: &str = "\
ringway-fuzz: explores every interleaving, stale read and kill of Ringway's protocols on a model, and kills, stops and
scribbles at the real ones";

/// The program `ringway-fuzz`.
#[doc(hidden)]
#[must_use]
pub fn program() -> ExitCode {
    #[cfg(all(feature = "explorer", not(fuzzing)))]
    return explorer::command::program(TITLE);
    #[cfg(not(all(feature = "explorer", not(fuzzing))))]
    {
        let (called, words) = command::words();
        command::Program { title: TITLE, verbs: &killers(), context: (), called, name: "NAME" }.start(words)
    }
}

/// The verbs that work on the program as it is built for its users.
fn killers<C>() -> Vec<command::Verb<C>> {
    vec![
        #[cfg(target_arch = "x86_64")]
        step::verb(),
        storm::verb(),
        hostile::verb(),
        history::verb(),
    ]
}
