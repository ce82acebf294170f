//! Sends a file from one process to another, compares SHA-256 at both ends, and survives whatever becomes of either.
//!
//! ```text
//!   transfer [FILE]                 one command: starts its own receiver, which inherits two rings without names
//!   transfer send NAME FILE         two terminals, in any order: whoever comes first makes the rings, and waits
//!   transfer receive NAME [OUT]
//!
//!   sender    begin ─ part ─ part ─ ... ─ end + digest   ── NAME ────────▶  receiver: a digest of its own,
//!             equal?                                     ◀─ NAME.answer ──  OUT under its name, and then the answer
//! ```
//!
//! Whichever end dies (`kill -9`, Ctrl-C, a closed terminal) or gives up, the other one is told by the ring: it ends with
//! one line that says so and a failure. An end that is only stopped is waited for; no time-out guesses. The rings go with
//! the last end, so their names are free at once (when both ends are killed together, to whoever comes next).
//!
//! A producer is told of its consumer only when the ring is full. So the sender looks at the ring of answers before each
//! record: a receiver that is gone is gone there too. (It looks when it has read a piece of FILE. One that waits for a
//! silent pipe is told when the pipe speaks.)
//!
//! Half a file is never taken for a whole one. Each record bears the number that its sender drew; a receiver takes records of
//! one number only, from a `begin` to an `end` with the digest of all in between, and passes over what a sender before
//! that left behind. OUT is written under another name beside it, and renamed when the digests are equal; only a receiver
//! that is itself killed leaves that file there.

#![forbid(unsafe_code)]

use ringway::{AttachError, Config, CreateError, RecvError, Region, SendError, TryRecvError, bytes};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

const USAGE: &str = "\
usage: transfer [FILE]                 sends FILE (or this program) to a second process and compares SHA-256
       transfer send NAME FILE         sends FILE to whoever receives under NAME
       transfer receive NAME [OUT]     receives one file under NAME, and writes it to OUT if OUT is given";

/// Bytes of the file in a record: enough that its header and its publication cost nothing beside its copy.
const CHUNK: usize = 64 << 10;

/// Bytes of a record before those of the file: kind and number.
const HEAD: usize = 16;

/// Kinds of records: `PART` bears a piece of the file, `END` and `ANSWER` a digest.
const BEGIN: u64 = 1;
const PART: u64 = 2;
const END: u64 = 3;
const ANSWER: u64 = 4;

fn main() -> ExitCode {
    // A file's name need not be text.
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(|argument| argument.to_str().unwrap_or_default()).collect();
    let result = match words.as_slice() {
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        ["--receive", records, answers] => receive_inherited(records, answers),
        ["send", name, _] => send_by_name(name, Path::new(&arguments[2])),
        ["receive", name] => receive_by_name(name, None),
        ["receive", name, _] => receive_by_name(name, Some(Path::new(&arguments[2]))),
        ["send", ..] => Err("send takes a NAME and a FILE; see --help".into()),
        ["receive", ..] => Err("receive takes a NAME and perhaps an OUT; see --help".into()),
        [option, ..] if option.starts_with('-') => Err(format!("{option} is no option; see --help").into()),
        [_] => send_to_child(Path::new(&arguments[0])),
        [] => std::env::current_exe().map_err(Into::into).and_then(|me| send_to_child(&me)),
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

fn config() -> Config {
    Config::spsc().capacity(1 << 20)
}

/// The one command: two rings without names, and a second process that inherits them.
fn send_to_child(path: &Path) -> Outcome {
    let file = open(path)?;
    let regions = [Arc::new(bytes::anonymous(&config())?), Arc::new(bytes::anonymous(&config())?)];
    let mut records = bytes::Producer::attach(&regions[0])?;
    let answers = bytes::Consumer::attach(&regions[1])?;
    let passed = [regions[0].inheritable()?, regions[1].inheritable()?];
    let numbers = passed.each_ref().map(|descriptor| descriptor.as_raw_fd().to_string());
    let mut receiver = Command::new(std::env::current_exe()?).arg("--receive").args(numbers).spawn()?;
    drop(passed);
    let result = await_child(&mut records, &mut receiver)
        .and_then(|()| Sender { records, answers, number: draw(), sent: 0 }.send(file, path));
    // The sender's side of the rings is closed by now, so the receiver has nothing to wait for.
    let ended = receiver.wait()?;
    result?;
    if ended.success() { Ok(()) } else { Err(format!("the receiver ended with {ended}").into()) }
}

/// Waits for the receiver's first step into the ring; before that, no ring can tell that it died.
fn await_child(records: &mut bytes::Producer, receiver: &mut Child) -> Outcome {
    while let Err(error) = records.await_consumer_until(Duration::from_millis(100)) {
        if error != SendError::TimedOut {
            return Err(error.into());
        }
        if let Some(ended) = receiver.try_wait()? {
            return Err(format!("the receiver died before it began ({ended})").into());
        }
    }
    Ok(())
}

fn receive_inherited(records: &str, answers: &str) -> Outcome {
    let inherited = |number: &str| -> Result<Arc<Region>, Box<dyn Error>> {
        let number = number.parse().map_err(|_| format!("{number} is no descriptor"))?;
        Ok(Arc::new(Region::inherited(number, &bytes::expected())?))
    };
    let (records, answers) = (inherited(records)?, inherited(answers)?);
    // The answers first: a sender that finds a consumer looks there for what becomes of it.
    let answers = bytes::Producer::attach(&answers)?;
    let records = bytes::Consumer::attach(&records)?;
    Receiver { records, answers, received: 0 }.receive(None, true)
}

fn send_by_name(name: &str, path: &Path) -> Outcome {
    let file = open(path)?;
    let refused = |error| refused(name, "sender", error);
    let mut records = bytes::Producer::open_or_create(name, &config()).map_err(refused)?;
    let mut answers = bytes::Consumer::open_or_create(answers_of(name), &config()).map_err(refused)?;
    if !records.has_consumer()? {
        println!("waiting for a receiver: transfer receive {name}");
    }
    // To meet it is a new beginning: neither ring tells of the deaths of receivers before this one.
    records.await_consumer()?;
    answers.await_producer()?;
    Sender { records, answers, number: draw(), sent: 0 }.send(file, path)
}

fn receive_by_name(name: &str, out: Option<&Path>) -> Outcome {
    out.map_or(Ok(()), check)?;
    let refused = |error| refused(name, "receiver", error);
    // The answers first, as above.
    let answers = bytes::Producer::open_or_create(answers_of(name), &config()).map_err(refused)?;
    let records = bytes::Consumer::open_or_create(name, &config()).map_err(refused)?;
    if !records.has_producer()? {
        println!("waiting for a sender: transfer send {name} FILE");
    }
    Receiver { records, answers, received: 0 }.receive(out, false)
}

fn answers_of(name: &str) -> String {
    format!("{name}.answer")
}

/// Why there is no place for us under a name.
fn refused(name: &str, side: &str, error: CreateError) -> String {
    match error {
        CreateError::Attach(AttachError::ProducerTaken | AttachError::ConsumerTaken) => {
            format!("{name} has a {side} already")
        }
        error => format!("{name}: {error}"),
    }
}

/// A number that no other sender draws.
fn draw() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// What became of the other end.
enum End {
    Died,
    Left,
    /// Nothing of the kind: the ring itself is out of order.
    Broken(Box<dyn Error>),
}

impl From<SendError> for End {
    fn from(error: SendError) -> Self {
        match error {
            SendError::PeerDead => Self::Died,
            SendError::Closed => Self::Left,
            other => Self::Broken(other.into()),
        }
    }
}

impl From<RecvError> for End {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::PeerDead => Self::Died,
            RecvError::Closed => Self::Left,
            other => Self::Broken(other.into()),
        }
    }
}

impl End {
    /// One line for whoever reads it.
    fn told(self, who: &str, bytes: u64) -> Box<dyn Error> {
        match self {
            Self::Died => format!("the {who} died after {bytes} bytes").into(),
            Self::Left => format!("the {who} left early, after {bytes} bytes").into(),
            Self::Broken(error) => error,
        }
    }
}

/// The sending end, with a receiver at the other one.
struct Sender {
    records: bytes::Producer,
    answers: bytes::Consumer,
    number: u64,
    sent: u64,
}

impl Sender {
    /// Sends the file, and compares what its bytes came to here and there.
    fn send(mut self, mut file: File, path: &Path) -> Outcome {
        let start = Instant::now();
        let (mut digest, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
        self.put(BEGIN, &[])?;
        loop {
            let len = file.read(&mut chunk).map_err(|error| format!("{}: {error}", path.display()))?;
            if len == 0 {
                break;
            }
            digest.update(&chunk[..len]);
            self.put(PART, &chunk[..len])?;
            self.sent += len as u64;
        }
        let digest = digest.finalize();
        self.put(END, &digest)?;
        let theirs = self.answer()?;
        println!("sent     {}  {} bytes in {:.2} s", hex(&digest), self.sent, start.elapsed().as_secs_f64());
        if theirs == digest[..] { Ok(()) } else { Err("the digests differ".into()) }
    }

    /// Sends one record, unless the receiver is gone.
    fn put(&mut self, kind: u64, payload: &[u8]) -> Outcome {
        let sent = self.sent;
        let told = |end: End| end.told("receiver", sent);
        match self.answers.try_recv(&mut Vec::new()) {
            // An answer that somebody before us did not wait for.
            Ok(()) | Err(TryRecvError::Empty) => {}
            Err(TryRecvError::PeerDead) => return Err(told(End::Died)),
            Err(TryRecvError::Closed) => return Err(told(End::Left)),
            Err(other) => return Err(other.into()),
        }
        put(&mut self.records, kind, self.number, payload).map_err(|error| told(error.into()))
    }

    /// Waits for the digest that the receiver came to.
    fn answer(&mut self) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut record = Vec::new();
        loop {
            self.answers.recv(&mut record).map_err(|error| End::from(error).told("receiver", self.sent))?;
            match take_apart(&record) {
                Some((ANSWER, number, digest)) if number == self.number => return Ok(digest.to_vec()),
                _ => {}
            }
        }
    }
}

/// The receiving end.
struct Receiver {
    records: bytes::Consumer,
    answers: bytes::Producer,
    received: u64,
}

impl Receiver {
    /// Receives one file, and answers with what its bytes came to.
    fn receive(mut self, out: Option<&Path>, has_one_sender: bool) -> Outcome {
        let mut record = Vec::with_capacity(HEAD + CHUNK);
        let number = self.begin(&mut record, has_one_sender)?;
        let mut output = out.map(|out| Output::create(out, number)).transpose()?;
        let mut digest = Sha256::new();
        let theirs = loop {
            self.take(&mut record)?;
            match take_apart(&record) {
                Some((PART, from, part)) if from == number => {
                    digest.update(part);
                    output.as_mut().map_or(Ok(()), |output| output.write(part))?;
                    self.received += part.len() as u64;
                }
                Some((END, from, digest)) if from == number => break digest,
                Some((BEGIN, ..)) => {
                    let received = self.received;
                    return Err(
                        format!("the sender was gone after {received} bytes, and another began").into()
                    );
                }
                _ => return Err("there is a record that no sender sends".into()),
            }
        };
        let digest = digest.finalize();
        let is_equal = theirs == &digest[..];
        if is_equal {
            output.map_or(Ok(()), Output::keep)?;
        }
        put(&mut self.answers, ANSWER, number, &digest)?;
        println!("received {}  {} bytes", hex(&digest), self.received);
        if is_equal { Ok(()) } else { Err("the digests differ".into()) }
    }

    /// Waits for the beginning of a file, past what senders before it left behind. Who is gone before it began is not
    /// missed, unless there will be no other.
    fn begin(&mut self, record: &mut Vec<u8>, has_one_sender: bool) -> Result<u64, Box<dyn Error>> {
        let mut passed_over = 0u64;
        loop {
            match self.records.recv(record) {
                Ok(()) => match take_apart(record) {
                    Some((BEGIN, number, _)) => return Ok(number),
                    _ if passed_over == 0 => {
                        eprintln!("transfer: passing over half a file that was left here")
                    }
                    _ => {}
                },
                Err(RecvError::PeerDead | RecvError::Closed) if !has_one_sender => {
                    passed_over = 0;
                    self.records.await_producer()?;
                    continue;
                }
                Err(error) => return Err(End::from(error).told("sender", 0)),
            }
            passed_over += 1;
        }
    }

    fn take(&mut self, record: &mut Vec<u8>) -> Outcome {
        self.records.recv(record).map_err(|error| End::from(error).told("sender", self.received))
    }
}

/// Sends a record: its head, and then what it bears.
fn put(records: &mut bytes::Producer, kind: u64, number: u64, payload: &[u8]) -> Result<(), SendError> {
    let mut record = records.reserve(HEAD + payload.len())?;
    record.write_at(0, &kind.to_le_bytes());
    record.write_at(8, &number.to_le_bytes());
    record.write_at(HEAD, payload);
    record.commit();
    Ok(())
}

/// Kind, number and payload of a record.
fn take_apart(record: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (kind, rest) = record.split_first_chunk()?;
    let (number, payload) = rest.split_first_chunk()?;
    Some((u64::from_le_bytes(*kind), u64::from_le_bytes(*number), payload))
}

/// The file that is sent.
fn open(path: &Path) -> Result<File, String> {
    let shown = |error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(shown)?;
    if file.metadata().map_err(shown)?.is_dir() {
        return Err(format!("{}: a directory, and not a file", path.display()));
    }
    Ok(file)
}

/// Refuses an OUT that could only fail, or harm, when the file has come: a rename replaces whatever is there.
fn check(out: &Path) -> Outcome {
    let shown = out.display();
    match fs::metadata(out) {
        Ok(found) if !found.is_file() => return Err(format!("{shown}: not a plain file").into()),
        _ => {}
    }
    let directory = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() && out.file_name().is_some() => Ok(()),
        Ok(_) => Err(format!("{shown}: not the path of a file").into()),
        Err(error) => Err(format!("{}: {error}", directory.display()).into()),
    }
}

/// A file on its way: under a name of its own until it is whole, and removed if it never is.
struct Output {
    file: File,
    part: PathBuf,
    whole: PathBuf,
}

impl Output {
    fn create(whole: &Path, number: u64) -> Result<Self, String> {
        let mut part = whole.as_os_str().to_owned();
        part.push(format!(".part-{number:016x}"));
        let part = PathBuf::from(part);
        let file = File::create_new(&part).map_err(|error| format!("{}: {error}", part.display()))?;
        Ok(Self { file, part, whole: whole.to_owned() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all(bytes).map_err(|error| format!("{}: {error}", self.part.display()))
    }

    fn keep(self) -> Result<(), String> {
        fs::rename(&self.part, &self.whole).map_err(|error| format!("{}: {error}", self.whole.display()))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Kept, there is nothing under this name any more.
        let _ = fs::remove_file(&self.part);
    }
}

/// Bytes as people compare them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
