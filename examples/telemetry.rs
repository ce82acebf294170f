//! A process samples itself a thousand times a second, and no reader can slow it down: readers come, go and die.
//!
//! ```text
//!   telemetry                         one command: a sampler, a reader that leaves, one that comes back and is killed
//!   telemetry sample NAME [SECONDS]   two terminals: samples until SECONDS are over, or it is stopped
//!   telemetry read NAME [SECONDS]     a line a second
//!
//!   sampler   sample ─▶ room? ── yes ──▶ slot ───── NAME ─────────▶  reader   numbers with gaps: what it missed
//!                         └───── no ───▶ dropped += 1
//!             who came, left, died?      ◀────── NAME.readers ─────           its process number
//! ```
//!
//! The ring drops what is newest when it is full: a reader that comes back finds the oldest samples that nobody has read,
//! then a gap as wide as the ring has counted drops, and then the present. The slots are in the latency layout.
//!
//! A producer that drops never waits, so it is never told of its consumer. That is what the second ring is for: a reader is
//! its producer, says who it is, and by its end tells the sampler of its own.

#![forbid(unsafe_code)]

use ringway::slots::{self, Latency};
use ringway::zerocopy::{FromBytes, Immutable, IntoBytes};
use ringway::{
    Access, AttachError, Config, CreateError, Fingerprint, OpenError, RecvError, TryRecvError, WaitStrategy,
    WhenFull, shm,
};
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

/// What the sampler knows of itself at one moment.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Fingerprint)]
#[zerocopy(crate = "ringway::zerocopy")]
#[repr(C)]
struct Sample {
    /// Samples taken before this one, those that were dropped among them.
    number: u64,
    /// How many of those were dropped.
    dropped: u64,
    /// When it was due, in nanoseconds since the sampler began.
    due_ns: u64,
    /// How much later it was taken.
    late_ns: u64,
    /// Memory of the sampler that is resident, in pages.
    pages: u64,
}

/// Between two samples.
const PERIOD: Duration = Duration::from_millis(1);

/// Samples that are kept for a reader that is away: half a second of them.
const KEPT: u64 = 512;

/// How long a reader waits for a sampler that is just starting.
const STARTING: Duration = Duration::from_secs(1);

const USAGE: &str = "\
usage: telemetry                          shows a sampler, and readers that come and go (5 seconds)
       telemetry sample NAME [SECONDS]    samples itself under NAME
       telemetry read NAME [SECONDS]      prints what is sampled under NAME, a line a second";

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [] => show(),
        ["--help" | "-h"] => say(USAGE),
        ["sample", name] => sample(name, None),
        ["sample", name, seconds] => parse(seconds).and_then(|end| sample(name, Some(end))),
        ["read", name] => read(name, None),
        ["read", name, seconds] => parse(seconds).and_then(|end| read(name, Some(end))),
        [verb @ ("sample" | "read"), ..] => {
            Err(format!("{verb} takes a NAME and perhaps SECONDS; see --help").into())
        }
        [word, ..] => Err(format!("{word} is neither sample nor read; see --help").into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("telemetry: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(seconds: &str) -> Result<Duration, Box<dyn Error>> {
    let parsed = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    parsed.ok_or_else(|| format!("{seconds} is no number of seconds").into())
}

/// Prints a line; an end of the terminal or the pipe that reads it is an error and no panic.
fn say(line: &str) -> Outcome {
    writeln!(std::io::stdout(), "{line}").map_err(|error| format!("standard output: {error}").into())
}

fn readers_of(name: &str) -> String {
    format!("{name}.readers")
}

/// The sampler: one sample each period, sent or dropped, and a look at who reads.
fn sample(name: &str, end: Option<Duration>) -> Outcome {
    let refused = |error| match error {
        CreateError::Region(shm::CreateError::Exists { .. }) => {
            format!("{name} is in use, by a sampler or by the reader of one that is gone")
        }
        error => format!("{name}: {error}"),
    };
    // The readers' ring first: who finds NAME finds both.
    let mut readers =
        slots::Consumer::<u64>::create(readers_of(name), &Config::spsc().capacity(16)).map_err(refused)?;
    let config = Config::spsc().capacity(KEPT);
    let mut tx = slots::Producer::<Sample, Latency>::create(name, &config).map_err(refused)?;
    tx.set_when_full(WhenFull::DropNewest);
    let memory = File::open("/proc/self/statm")?;
    say(&format!("sampler: {} samples a second under {name}", 1_000_000 / PERIOD.as_micros()))?;

    let start = Instant::now();
    let (mut number, mut due, mut is_read) = (0, Duration::ZERO, false);
    while end.is_none_or(|end| due < end) {
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        let late = start.elapsed().saturating_sub(due);
        let (due_ns, late_ns) = (nanoseconds(due), nanoseconds(late));
        let pages = resident(&memory)?;
        tx.send(&Sample { number, dropped: tx.dropped(), due_ns, late_ns, pages })?;
        number += 1;
        watch(&mut readers, &mut is_read)?;
        // After a long stop the samples that were due meanwhile are not made up for.
        due = if late < 1000 * PERIOD { due + PERIOD } else { start.elapsed() };
    }
    say(&format!("sampler: {number} samples taken, {} dropped", tx.dropped()))
}

/// Says who came, and what became of whom.
fn watch(readers: &mut slots::Consumer<u64>, is_read: &mut bool) -> Outcome {
    match readers.try_recv() {
        Ok(process) => {
            *is_read = true;
            say(&format!("sampler: reader {process} came"))
        }
        Err(TryRecvError::PeerDead) => {
            // Another one may have come while the sampler was stopped.
            *is_read = readers.has_producer()?;
            say("sampler: a reader died")
        }
        // So it stays until another one comes; said once.
        Err(TryRecvError::Closed) if *is_read => {
            *is_read = false;
            say("sampler: a reader left")
        }
        Err(TryRecvError::Closed | TryRecvError::Empty) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The second number of `/proc/self/statm`, which counts pages.
fn resident(memory: &File) -> Result<u64, Box<dyn Error>> {
    let mut text = [0; 128];
    let len = memory.read_at(&mut text, 0)?;
    let pages =
        std::str::from_utf8(&text[..len])?.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    Ok(pages.ok_or("/proc/self/statm has no second number")?)
}

/// A reader's place. The samples are given up first: who is told that the reader left finds the place free.
struct Place {
    samples: slots::Consumer<Sample, Latency>,
    _announced: slots::Producer<u64>,
}

impl Place {
    fn take(name: &str) -> Result<Self, Box<dyn Error>> {
        let refused = |error| match error {
            OpenError::Attach(AttachError::ConsumerTaken | AttachError::ProducerTaken) => {
                format!("{name} has a reader already")
            }
            OpenError::Region(shm::OpenError::TimedOut | shm::OpenError::NotFound { .. }) => {
                format!("there is no sampler under {name}; start one: telemetry sample {name}")
            }
            error => format!("{name}: {error}"),
        };
        let starting = Access { wait: STARTING, ..Access::default() };
        let mut samples = slots::Consumer::<Sample, Latency>::open_with(name, starting).map_err(refused)?;
        let mut announced = slots::Producer::<u64>::open(readers_of(name)).map_err(refused)?;
        samples.set_wait_strategy(WaitStrategy::Sleep);
        announced.try_send(&u64::from(std::process::id()))?;
        Ok(Self { samples, _announced: announced })
    }
}

/// A reader: takes what there is, and prints a line a second.
fn read(name: &str, end: Option<Duration>) -> Outcome {
    let mut place = Place::take(name)?;
    let start = Instant::now();
    let (mut seen, mut line_due) = (None, start + Duration::from_secs(1));
    loop {
        let is_over = end.is_some_and(|end| start.elapsed() >= end);
        let until = end.map_or(line_due, |end| line_due.min(start + end));
        let ended = match place.samples.recv_until(until) {
            Ok(sample) => {
                seen.get_or_insert_with(|| Seen::new(&sample)).add(&sample);
                None
            }
            Err(RecvError::TimedOut) => None,
            Err(RecvError::Closed) => Some(Ok(())),
            Err(RecvError::PeerDead) => Some(Err("the sampler died".into())),
            Err(error) => return Err(error.into()),
        };
        if is_over || ended.is_some() || Instant::now() >= line_due {
            line_due = line_due.max(Instant::now()) + Duration::from_secs(1);
            match &mut seen {
                Some(seen) => say(&seen.line(place.samples.dropped()))?,
                None => say("reader: no samples")?,
            }
        }
        match ended {
            Some(Ok(())) => return say("reader: the sampler has left"),
            Some(died) => return died,
            None if is_over => return Ok(()),
            None => {}
        }
    }
}

/// What a reader has seen since its last line.
struct Seen {
    samples: u64,
    missed: u64,
    worst_ns: u64,
    /// The number that comes next, if none is missed.
    next: u64,
    /// Drops that were told before.
    dropped: u64,
    last: Sample,
}

impl Seen {
    fn new(first: &Sample) -> Self {
        Self { samples: 0, missed: 0, worst_ns: 0, next: first.number, dropped: first.dropped, last: *first }
    }

    fn add(&mut self, sample: &Sample) {
        self.samples += 1;
        self.missed += sample.number.wrapping_sub(self.next);
        self.worst_ns = self.worst_ns.max(sample.late_ns);
        self.next = sample.number.wrapping_add(1);
        self.last = *sample;
    }

    /// The line, after which counting begins anew.
    fn line(&mut self, dropped: u64) -> String {
        let Sample { number, due_ns, late_ns, pages, .. } = self.last;
        let line = format!(
            "reader: {:5} samples to number {number} at {:.1} s, missed {}, dropped {}; late {} us, at worst {} us; {pages} pages",
            self.samples,
            due_ns as f64 / 1e9,
            self.missed,
            dropped.wrapping_sub(self.dropped),
            late_ns / 1000,
            self.worst_ns / 1000,
        );
        (self.samples, self.missed, self.worst_ns, self.dropped) = (0, 0, 0, dropped);
        line
    }
}

/// A process of ours, which does not outlive us.
struct Started(Child);

impl Started {
    fn new(arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        Ok(Self(Command::new(std::env::current_exe()?).args(arguments).spawn()?))
    }

    fn succeed(mut self) -> Outcome {
        let ended = self.0.wait()?;
        if ended.success() { Ok(()) } else { Err(format!("a part ended with {ended}").into()) }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything in one command: what one would do in two terminals.
fn show() -> Outcome {
    // The shell's number and not our own: after a Ctrl-C, which ends all parties at once, nobody is left to take the name
    // away but the next one that uses it.
    let name = format!("telemetry-{}", std::os::unix::process::parent_id());
    let sampler = Started::new(&["sample", &name, "5"])?;
    Started::new(&["read", &name, "1.5"])?.succeed()?;
    // Longer than the ring keeps samples.
    std::thread::sleep(Duration::from_secs(1));
    let back = Started::new(&["read", &name])?;
    std::thread::sleep(Duration::from_millis(1800));
    drop(back);
    sampler.succeed()
}
