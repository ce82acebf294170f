//! Every call to the kernel that a verb makes: failed, fatal, and with another party's verb in between.

#![cfg(feature = "model")]
#![deny(unsafe_code)]

#[path = "every_call/adopts.rs"]
mod adopts;
#[path = "every_call/fails.rs"]
mod fails;
#[path = "every_call/kills.rs"]
mod kills;
#[path = "every_call/meets.rs"]
mod meets;
mod party;
#[path = "every_call/paths.rs"]
mod paths;
#[path = "every_call/rows.rs"]
mod rows;
#[path = "every_call/turns.rs"]
mod turns;
#[path = "every_call/verb.rs"]
mod verb;

/// One test at a time: some count the descriptors of the process, and some remove every leftover of the machine.
fn alone() -> party::Sweeping {
    party::sweeping()
}

/// How many descriptors this process has open.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
