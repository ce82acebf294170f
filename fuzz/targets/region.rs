//! libFuzzer's target `region`: whatever stands where a region is expected, and in its table of participants.
//!
//! `cargo fuzz run region`. Built without `cfg(fuzzing)` it is a program that runs the files it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| ringway_fuzz::hostile::run("region", input));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    ringway_fuzz::hostile::replay("region")
}
