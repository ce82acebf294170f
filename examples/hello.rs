//! The smallest two-process program: one process makes a ring, another opens it by name and says hello.
//!
//! ```text
//!   cargo run -p ringway-examples --bin hello
//!
//!   parent: create ──▶ start the child ──▶ recv, recv, recv
//!   child:             open ──▶ send, send, send
//! ```

#![forbid(unsafe_code)]

use ringway::{Config, bytes};
use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Duration;

fn main() -> ExitCode {
    let result = match std::env::args().nth(1) {
        None => parent(),
        Some(name) => child(&name),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hello: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parent() -> Result<(), Box<dyn Error>> {
    let name = format!("hello-{}", std::process::id());
    let mut rx = bytes::Consumer::create(&name, &Config::spsc().capacity(4096))?;
    let mut child = Command::new(std::env::current_exe()?).arg(&name).spawn()?;
    let mut message = Vec::new();
    for _ in 0..3 {
        rx.recv_timeout(&mut message, Duration::from_secs(10))?;
        println!("{}", String::from_utf8_lossy(&message));
    }
    let ended = child.wait()?;
    if ended.success() { Ok(()) } else { Err(format!("the child ended with {ended}").into()) }
}

fn child(name: &str) -> Result<(), Box<dyn Error>> {
    let mut tx = bytes::Producer::open(name)?;
    let me = std::process::id();
    for word in ["hello", "from process", &me.to_string()] {
        tx.send_until(word.as_bytes(), Duration::from_secs(10))?;
    }
    Ok(())
}
