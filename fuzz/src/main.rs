//! `ringway-fuzz`: explores Ringway's own protocols, and shows what its calls do to shared memory.

#![forbid(unsafe_code)]

use ringway::{Config, bytes, slots};
use ringway_fuzz::{Event, command_line, protocols, trace};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

const TITLE: &str = "\
ringway-fuzz: explores every interleaving, stale read and kill of Ringway's protocols

Besides the verbs below, `trace` shows each step of making a ring, sending and receiving: operation, place, ordering,
source line.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["trace"] {
        return match show() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("ringway-fuzz: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let mut entries = protocols::all();
    entries.push(protocols::planted::entry());
    command_line(TITLE, entries)
}

/// Traces the life of a byte ring and of a ring of slots.
fn show() -> Result<(), Box<dyn Error>> {
    let (region, events) = trace(|| bytes::anonymous(&Config::spsc().capacity(4096)));
    print("make a byte ring", &events);
    let region = Arc::new(region?);
    let (sides, events) = trace(|| (bytes::Producer::attach(&region), bytes::Consumer::attach(&region)));
    print("attach producer and consumer", &events);
    let (mut tx, mut rx) = (sides.0?, sides.1?);
    let (sent, events) = trace(|| tx.try_send(b"hello"));
    print("send 5 bytes", &events);
    sent?;
    let mut message = Vec::new();
    let (received, events) = trace(|| rx.try_recv(&mut message));
    print("receive them", &events);
    received?;
    let (_, events) = trace(|| rx.try_recv(&mut message));
    print("receive from the empty ring", &events);

    let region = Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(8))?);
    let (mut tx, mut rx) =
        (slots::Producer::<u64>::attach(&region)?, slots::Consumer::<u64>::attach(&region)?);
    let (sent, events) = trace(|| tx.try_send_many(&[1, 2, 3]));
    print("send 3 slots", &events);
    sent?;
    let (received, events) = trace(|| rx.try_recv());
    print("receive 1 slot", &events);
    received?;
    Ok(())
}

fn print(title: &str, events: &[Event]) {
    println!("{title}");
    for event in events {
        println!("    {event}");
    }
}
