//! `trace`: each step of making a ring, sending and receiving.

use super::{Bench, Verb};
use crate::command::{Arguments, Fault, Outcome};
use crate::explorer::{Event, trace};
use ringway::{Config, bytes, slots};
use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

pub(super) const TRACE: Verb = Verb {
    name: "trace",
    about: "shows each step of making a ring, sending and receiving",
    usage: "trace",
    more: "A line for each step: operation, place, ordering, source line.",
    example: "trace",
    run: traced,
};

fn traced(_: &Bench, given: &[String]) -> Outcome {
    let arguments = Arguments::read(given, &[], &[])?;
    if let Some(word) = arguments.words.first() {
        return Err(Fault::usage(format!("{word:?} is too much: trace takes no arguments")));
    }
    match show(&mut io::stdout().lock()) {
        Ok(()) => Ok(true),
        Err(error) => Err(match error.downcast::<io::Error>() {
            Ok(error) => Fault::Output(*error),
            Err(error) => Fault::Other(error.to_string()),
        }),
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
