//! `ringway-fuzz`: explores Ringway's own protocols, kills what runs them, and shows what its calls do to shared memory.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ringway_fuzz::program()
}
