//! libFuzzer's target `planted`: a reader that believes a length, as a proof that such a thing is found.
//!
//! `cargo fuzz run planted`. Built without `cfg(fuzzing)` it is a program that runs the files it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| ringway_fuzz::hostile::run("planted", input));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    ringway_fuzz::hostile::replay("planted")
}
