//! libFuzzer's target `lines`: a ring of slots in the latency layout, under a hostile peer.
//!
//! `cargo fuzz run lines`. Built without `cfg(fuzzing)` it is a program that runs the files it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| ringway_fuzz::hostile::run("lines", input));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    ringway_fuzz::hostile::replay("lines")
}
