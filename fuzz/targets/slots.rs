//! libFuzzer's target `slots`: a ring of slots in the throughput layout, under a hostile peer.
//!
//! `cargo fuzz run slots`. Built without `cfg(fuzzing)` it is a program that runs the files it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| ringway_fuzz::hostile::run("slots", input));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    ringway_fuzz::hostile::replay("slots")
}
