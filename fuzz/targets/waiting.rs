//! libFuzzer's target `waiting`: waits beside words that a hostile peer writes.
//!
//! `cargo fuzz run waiting`. Built without `cfg(fuzzing)` it is a program that runs the files it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| ringway_fuzz::hostile::run("waiting", input));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    ringway_fuzz::hostile::replay("waiting")
}
