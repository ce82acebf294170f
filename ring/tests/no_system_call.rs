//! Sending and receiving make no system call as long as nobody sleeps: shown by the kernel, which kills whoever makes one,
//! and, with the feature `model`, by counting them at the door.

mod fixture;

#[cfg(feature = "model")]
#[path = "no_system_call/counted.rs"]
mod counted;
#[path = "no_system_call/strict.rs"]
mod strict;
