//! Numbers from one process to another, both of which may be killed at any instruction: none is missing, and none is there twice.
//!
//! ```text
//!   count FOLDER   sends 0, 1, 2, ...      FOLDER/sent       the next number that is surely not sent yet, written after each
//!        │ a named ring of slots
//!   take FOLDER    receives them           FOLDER/received   a file of them, each written before its slot is released
//!   check FOLDER   are they 0, 1, 2, ...?  takes the ring away, too
//! ```
//!
//! Build it, and have it killed for ten seconds:
//!
//! ```text
//!   cargo build --release -p ringway-example-kill-your-own
//!   cargo run --release -p ringway-fuzz -- storm --seconds 10 --exe target/release/kill_your_own \
//!       --check 'target/release/kill_your_own check target' -- '{copy:count,take}' target
//! ```
//!
//! How it is done:
//!
//! * **The ring outlives everybody** (`Lifetime::UntilUnlinked`), and whoever comes opens it or creates it. Nobody has to come
//!   first, and nobody clears up after the dead.
//! * **Each end keeps how far it is outside the ring**, and can tell what it may have done once more. A `count` that was
//!   killed after it had sent and before it had written so sends that number again; `take` passes over what it has.
//! * **A message is released after it was used**: `peek`, write, `release`. (`recv` would be the other way round: then the one
//!   message that was being handed out may be lost with a killed consumer.)
//! * **Waits end**, so that a death of the other side is nothing special: whoever comes next is waited for.
//!
//! `put_one` is there to be stepped through, killed wherever something has changed that others could tell:
//!
//! ```text
//!   cargo run --release -p ringway-fuzz -- step --exe target/release/kill_your_own --symbol put_one \
//!       --check 'target/release/kill_your_own check target' -- count target
//! ```

#![deny(unsafe_code)]

use ringway::slots::{Consumer, Producer};
use ringway::{Config, Lifetime, Name, OpenError, RecvError, SendError, TryRecvError};
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: kill_your_own count|take|check FOLDER";

/// How long a wait lasts before the program looks around.
const WAIT: Duration = Duration::from_millis(100);

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let came = match words[..] {
        ["count", folder] => count(Path::new(folder)),
        ["take", folder] => take(Path::new(folder)),
        ["check", folder] => check(Path::new(folder)),
        _ => Err(USAGE.into()),
    };
    came.map_or_else(
        |error| {
            eprintln!("kill_your_own: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Sends numbers, from where the last one stopped.
fn count(folder: &Path) -> Outcome {
    let sent =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(folder.join("sent"))?;
    let mut numbers = Producer::<u64>::open_or_create(ring_of(folder)?.as_str(), &config())?;
    let mut number = stored(&sent);
    let mut life = Life::new();
    loop {
        life.show()?;
        if !put_one(&mut numbers, number)? {
            continue;
        }
        number += 1;
        // Eight bytes at a multiple of eight are written whole or not at all, as far as a kill is concerned.
        sent.write_all_at(&number.to_le_bytes(), 0)?;
    }
}

/// Sends one number. False: there is no room, and nobody who makes any.
///
/// # Errors
///
/// What is neither the time nor the other side.
#[allow(unsafe_code)] // because a symbol that a debugger finds by its name must be the only one of that name.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn put_one(numbers: &mut Producer<u64>, number: u64) -> Result<bool, SendError> {
    match numbers.send_until(&number, WAIT) {
        Ok(()) => Ok(true),
        Err(SendError::TimedOut | SendError::PeerDead) => Ok(false),
        // One that left in order is told of at each call: wait for the next one.
        Err(SendError::Closed) => numbers.await_consumer_until(WAIT).map(|()| false).or_else(no_time),
        Err(error) => Err(error),
    }
}

fn no_time(error: SendError) -> Result<bool, SendError> {
    if error == SendError::TimedOut { Ok(false) } else { Err(error) }
}

/// Receives numbers, from where the last one stopped.
fn take(folder: &Path) -> Outcome {
    let mut received = OpenOptions::new().create(true).append(true).open(folder.join("received"))?;
    let mut numbers = Consumer::<u64>::open_or_create(ring_of(folder)?.as_str(), &config())?;
    let mut next = received.metadata()?.len() / 8;
    let mut life = Life::new();
    loop {
        life.show()?;
        let peek = match numbers.peek_until(WAIT) {
            Ok(peek) => peek,
            Err(RecvError::TimedOut | RecvError::PeerDead) => continue,
            Err(RecvError::Closed) => match numbers.await_producer_until(WAIT) {
                Ok(()) | Err(RecvError::TimedOut) => continue,
                Err(error) => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        };
        let number = peek.read(0);
        // What is there already came before this process's predecessor, or the sender's, was killed.
        if number >= next {
            received.write_all(&number.to_le_bytes())?;
            next += 1;
        }
        peek.release();
    }
}

/// Looks whether all numbers are there, in order: those in the file, and behind them those in the ring.
fn check(folder: &Path) -> Outcome {
    let bytes = fs::read(folder.join("received")).unwrap_or_default();
    let (received, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(format!("half a number at the end of the file: {rest:?}").into());
    }
    for (expected, found) in (0..).zip(received) {
        let found = u64::from_le_bytes(*found);
        if found != expected {
            return Err(format!("{found} stands where {expected} should").into());
        }
    }
    let mut next = received.len() as u64;
    let in_file = next;
    match Consumer::<u64>::open(ring_of(folder)?.as_str()) {
        Ok(mut numbers) => loop {
            match numbers.try_recv() {
                Ok(number) if number <= next => next = next.max(number + 1),
                Ok(number) => return Err(format!("{number} is in the ring where {next} should be").into()),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                Err(TryRecvError::PeerDead) => {}
                Err(error) => return Err(error.into()),
            }
        },
        Err(OpenError::Region(ringway::shm::OpenError::NotFound { .. })) => {}
        Err(error) => return Err(error.into()),
    }
    let sent = File::open(folder.join("sent")).map_or(0, |sent| stored(&sent));
    if next < sent {
        return Err(format!("{sent} numbers were sent, and {next} are there").into());
    }
    println!(
        "{in_file} numbers received and {} in the ring: none is missing, none is there twice",
        next - in_file
    );
    // The next run begins anew. Whoever was killed early has left less.
    match ringway::shm::unlink(&Name::new(&ring_of(folder)?)?) {
        Ok(()) | Err(ringway::shm::OpenError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    for file in ["sent", "received"] {
        match fs::remove_file(folder.join(file)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// The name of a folder's ring.
fn ring_of(folder: &Path) -> Result<String, Box<dyn Error>> {
    let folder = folder.canonicalize()?;
    let name = folder.file_name().and_then(|name| name.to_str()).ok_or("the folder's name is no text")?;
    Ok(format!("kill-your-own-{name}"))
}

fn config() -> Config {
    Config::spsc().capacity(64).lifetime(Lifetime::UntilUnlinked)
}

/// The number that is stored in a file; 0 if none is yet.
fn stored(file: &File) -> u64 {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, 0).map_or(0, |()| u64::from_le_bytes(bytes))
}

/// Tells the storm that this process lives, by touching the file that it was given.
struct Life {
    file: Option<PathBuf>,
    shown: Option<Instant>,
}

impl Life {
    fn new() -> Self {
        Self { file: std::env::var_os("RINGWAY_STORM_ALIVE").map(PathBuf::from), shown: None }
    }

    fn show(&mut self) -> Outcome {
        let Some(file) = &self.file else { return Ok(()) };
        if self.shown.is_none_or(|shown| shown.elapsed() > Duration::from_millis(500)) {
            fs::write(file, "alive")?;
            self.shown = Some(Instant::now());
        }
        Ok(())
    }
}
