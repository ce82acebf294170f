//! `ringway-fuzz`: explores Ringway's own protocols, and shows what its calls do to shared memory.

#![forbid(unsafe_code)]

use ringway::{Config, bytes, slots};
use ringway_fuzz::{Event, command_line, protocols, trace};
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

const TITLE: &str = "\
ringway-fuzz: explores every interleaving, stale read and kill of Ringway's protocols

Besides the verbs below, `trace` shows each step of making a ring, sending and receiving: operation, place, ordering,
source line.";

const TRACE: &str = "\
shows each step of making a ring, sending and receiving: operation, place, ordering, source line

usage: ringway-fuzz trace
";

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some((_, more)) = words.split_first().filter(|(verb, _)| *verb == "trace") {
        return traced(more);
    }
    let mut entries = protocols::all();
    entries.push(protocols::planted::entry());
    command_line(TITLE, entries)
}

/// The verb `trace`.
fn traced(more: &[OsString]) -> ExitCode {
    let mut output = io::stdout().lock();
    let done = match more {
        [] => show(&mut output),
        [help] if help == "--help" || help == "-h" => output.write_all(TRACE.as_bytes()).map_err(Into::into),
        [other, ..] => {
            eprintln!("ringway-fuzz: {other:?} is too much: trace takes no arguments");
            return ExitCode::from(2);
        }
    };
    // Whoever read what was written has seen enough.
    let is_enough = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    match done {
        Err(error) if !error.downcast_ref().is_some_and(is_enough) => {
            eprintln!("ringway-fuzz: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Traces the life of a byte ring and of a ring of slots.
fn show(output: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let (region, events) = trace(|| bytes::anonymous(&Config::spsc().capacity(4096)));
    print(output, "make a byte ring", &events)?;
    let region = Arc::new(region?);
    let (sides, events) = trace(|| (bytes::Producer::attach(&region), bytes::Consumer::attach(&region)));
    print(output, "attach producer and consumer", &events)?;
    let (mut tx, mut rx) = (sides.0?, sides.1?);
    let (sent, events) = trace(|| tx.try_send(b"hello"));
    print(output, "send 5 bytes", &events)?;
    sent?;
    let mut message = Vec::new();
    let (received, events) = trace(|| rx.try_recv(&mut message));
    print(output, "receive them", &events)?;
    received?;
    let (_, events) = trace(|| rx.try_recv(&mut message));
    print(output, "receive from the empty ring", &events)?;

    let region = Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(8))?);
    let (mut tx, mut rx) =
        (slots::Producer::<u64>::attach(&region)?, slots::Consumer::<u64>::attach(&region)?);
    let (sent, events) = trace(|| tx.try_send_many(&[1, 2, 3]));
    print(output, "send 3 slots", &events)?;
    sent?;
    let (received, events) = trace(|| rx.try_recv());
    print(output, "receive 1 slot", &events)?;
    received?;
    Ok(())
}

fn print(output: &mut impl Write, title: &str, events: &[Event]) -> io::Result<()> {
    writeln!(output, "{title}")?;
    events.iter().try_for_each(|event| writeln!(output, "    {event}"))
}
