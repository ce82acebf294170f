//! Sends a file from one process to another through a ring without a name, and compares SHA-256 at both ends.
//!
//! ```text
//!   cargo run --release -p ringway-examples --bin transfer -- FILE
//!
//!   sender:    make a ring ──▶ start the receiver, which inherits the ring's descriptor
//!              file ──▶ record, record, ... ──▶ empty record ──▶ digest
//!   receiver:  records ──▶ digest of its own ──▶ equal?
//! ```
//!
//! Without FILE it sends its own executable. A receiver that ends early, or a sender that goes silent, is an error with a
//! name and a non-zero exit status.

#![forbid(unsafe_code)]

use ringway::{Config, RecvError, Region, SendError, bytes};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of a record: large enough that its header and its publication cost nothing beside its copy.
const CHUNK: usize = 64 << 10;

/// How long the receiver waits for the next record before it takes the sender for gone.
const SILENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    // A file's name need not be text.
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(|argument| argument.to_str().unwrap_or_default()).collect();
    let result = match words.as_slice() {
        ["--receive", number] => receive(number),
        ["--help" | "-h"] => {
            println!(
                "usage: transfer [FILE]    sends FILE (or this program) to a second process and compares SHA-256"
            );
            Ok(())
        }
        [option] if option.starts_with('-') => Err(format!("{option} is no option; see --help").into()),
        [_] => send(Path::new(&arguments[0])),
        [] => std::env::current_exe().map_err(Into::into).and_then(|me| send(&me)),
        _ => Err("one file at a time; see --help".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("transfer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The sender: reads the file, sends it, and then what its bytes came to.
fn send(path: &Path) -> Result<(), Box<dyn Error>> {
    let shown = path.display();
    let mut file = File::open(path).map_err(|error| format!("{shown}: {error}"))?;
    let region = Arc::new(bytes::anonymous(&Config::spsc().capacity(1 << 20))?);
    let mut tx = bytes::Producer::attach(&region)?;
    let passed = region.inheritable()?;
    let number = passed.as_raw_fd().to_string();
    let mut receiver = Command::new(std::env::current_exe()?).args(["--receive", &number]).spawn()?;
    drop(passed);

    let start = Instant::now();
    let (mut digest, mut chunk, mut sent) = (Sha256::new(), vec![0; CHUNK], 0u64);
    let result = loop {
        match file.read(&mut chunk) {
            Ok(0) => break Ok(()),
            Ok(len) => {
                digest.update(&chunk[..len]);
                sent += len as u64;
                if let Err(error) = put(&mut tx, &chunk[..len], &mut receiver) {
                    break Err(error);
                }
            }
            Err(error) => break Err(format!("{shown}: {error}").into()),
        }
    };
    let digest = digest.finalize();
    let result = result
        .and_then(|()| put(&mut tx, &[], &mut receiver))
        .and_then(|()| put(&mut tx, &digest, &mut receiver));
    if let Err(error) = result {
        // The receiver waits for records that will not come; it is ours to end.
        let _ = receiver.kill();
        let _ = receiver.wait();
        return Err(error);
    }
    let ended = receiver.wait()?;
    let seconds = start.elapsed().as_secs_f64();
    println!("sent     {}  {sent} bytes in {seconds:.2} s", hex(&digest));
    if ended.success() { Ok(()) } else { Err(format!("the receiver ended with {ended}").into()) }
}

/// Sends one record, and looks after the receiver while the ring stays full.
fn put(tx: &mut bytes::Producer, record: &[u8], receiver: &mut Child) -> Result<(), Box<dyn Error>> {
    loop {
        match tx.send_until(record, Duration::from_millis(200)) {
            Err(SendError::TimedOut) => {
                if let Some(ended) = receiver.try_wait()? {
                    return Err(format!("the receiver ended early with {ended}").into());
                }
            }
            other => return Ok(other?),
        }
    }
}

/// The receiver: takes the file in, and compares what its bytes come to with what the sender says.
fn receive(number: &str) -> Result<(), Box<dyn Error>> {
    let number = number.parse().map_err(|_| format!("{number} is no descriptor"))?;
    let region = Region::inherited(number, &bytes::expected())?;
    let mut rx = bytes::Consumer::attach(&Arc::new(region))?;
    let (mut digest, mut record, mut received) = (Sha256::new(), Vec::with_capacity(CHUNK), 0u64);
    loop {
        take(&mut rx, &mut record)?;
        if record.is_empty() {
            break;
        }
        digest.update(&record);
        received += record.len() as u64;
    }
    take(&mut rx, &mut record)?;
    let digest = digest.finalize();
    println!("received {}  {received} bytes", hex(&digest));
    if record == digest[..] { Ok(()) } else { Err("the digests differ".into()) }
}

/// Receives one record, unless the sender goes silent.
fn take(rx: &mut bytes::Consumer, record: &mut Vec<u8>) -> Result<(), Box<dyn Error>> {
    rx.recv_until(record, SILENCE).map_err(|error| match error {
        RecvError::TimedOut => format!("nothing came for {} s", SILENCE.as_secs()).into(),
        other => other.into(),
    })
}

/// Bytes as people compare them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
