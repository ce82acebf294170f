//! A sampler whose readers leave, die and are stopped, and readers whose sampler does.

#![forbid(unsafe_code)]

mod stage;

use stage::{Running, Stage, eventually, stays};

const TELEMETRY: &str = env!("CARGO_BIN_EXE_telemetry");

impl Stage {
    fn sampler(&self, seconds: &str) -> Running {
        let sampler = self.start(TELEMETRY, &["sample", &self.name, seconds]);
        eventually("it samples", || sampler.out().contains("samples a second"));
        sampler
    }

    fn reader(&self, seconds: &[&str]) -> Running {
        self.start(TELEMETRY, &[&["read", &self.name][..], seconds].concat())
    }
}

/// What a reader's line says.
struct Line {
    samples: u64,
    number: u64,
    missed: u64,
    dropped: u64,
}

/// The reader's lines, whose numbers stand in this order.
fn lines(said: &str) -> Vec<Line> {
    let numbers =
        said.lines().filter(|line| line.starts_with("reader: ") && line.contains(" samples to number "));
    numbers
        .map(|line| {
            let after = |word| {
                let (_, rest) = line.split_once(word).expect("a line of the reader's");
                let digits = rest.trim_start().split(|c: char| !c.is_ascii_digit()).next();
                digits.and_then(|digits| digits.parse().ok()).expect("a number")
            };
            Line {
                samples: after("reader:"),
                number: after("number "),
                missed: after("missed "),
                dropped: after("dropped "),
            }
        })
        .collect()
}

/// A number that the sampler said at its end.
fn dropped(said: &str) -> u64 {
    let last = said.lines().last().expect("its last line");
    let word = last.split_whitespace().rev().nth(1).expect("a number");
    word.parse().expect("a number")
}

#[test]
fn one_command_shows_readers_that_leave_come_back_and_die() {
    let stage = Stage::new("show");
    let said = stage.start(TELEMETRY, &[]).succeeds().out;
    let told: Vec<&str> = said.lines().filter(|line| line.starts_with("sampler: ")).collect();
    let phrases = ["samples a second", "came", "a reader left", "came", "a reader died", "samples taken"];
    assert_eq!(told.len(), phrases.len(), "{said}");
    for (line, phrase) in told.iter().zip(phrases) {
        assert!(line.contains(phrase), "{phrase}: {said}");
    }
    assert!(lines(&said).iter().any(|line| line.missed > 0 && line.missed <= line.dropped), "{said}");
}

#[test]
fn a_killed_reader_is_told_of_and_the_next_one_sees_what_it_missed() {
    let stage = Stage::new("killed");
    let sampler = stage.sampler("60");
    let mut first = stage.reader(&[]);
    eventually("it reads", || !lines(&first.out()).is_empty());
    first.kill();
    eventually("the sampler says so", || sampler.out().contains("a reader died"));
    // Nobody reads for longer than the ring keeps.
    stays("nobody is there", || !sampler.out().contains("a reader left"));
    let second = stage.reader(&["1.2"]).succeeds();
    eventually("the sampler says so", || sampler.out().contains("a reader left"));
    assert_eq!(sampler.out().matches(" came").count(), 2);
    let seen = lines(&second.out);
    let (missed, dropped) = seen.iter().fold((0, 0), |sum, line| (sum.0 + line.missed, sum.1 + line.dropped));
    assert!(missed > 0 && missed <= dropped, "{missed} missed, {dropped} dropped: {}", second.out);
    // All that it did not miss has come, from behind what the first one had received.
    let received: u64 = seen.iter().map(|line| line.samples).sum();
    let last = seen.last().expect("a line").number;
    let before = lines(&first.out()).last().expect("a line").number;
    assert!(last + 1 - received - missed > before, "{}{}", first.out(), second.out);
}

#[test]
fn a_killed_sampler_ends_its_reader_and_leaves_the_name_free() {
    let stage = Stage::new("sampler");
    for _ in 0..3 {
        let mut sampler = stage.sampler("60");
        let reader = stage.reader(&[]);
        eventually("it reads", || sampler.out().contains(" came"));
        sampler.kill();
        let ended = reader.fails_with("telemetry: the sampler died");
        assert!(ended.out.contains("samples to number") || ended.out.contains("no samples"), "{}", ended.out);
        assert!(stage.is_clear(), "{:?}", stage.names());
    }
    // Without a reader there is nobody to take the names away but the next one.
    stage.sampler("60").kill();
    stage.reader(&[]).fails_with("there is no sampler");
    stage.sampler("0.1").succeeds();
    assert!(stage.is_clear(), "{:?}", stage.names());
}

#[test]
fn a_stopped_reader_stops_nobody() {
    let stage = Stage::new("stopped");
    let sampler = stage.sampler("4");
    let reader = stage.reader(&[]);
    eventually("it reads", || !lines(&reader.out()).is_empty());
    reader.signal("STOP");
    stays("it has neither left nor died", || !["left", "died"].iter().any(|end| sampler.out().contains(end)));
    reader.signal("CONT");
    let taken = sampler.succeeds().out;
    let ended = reader.succeeds();
    assert!(ended.out.contains("the sampler has left"), "{}", ended.out);
    let seen = lines(&ended.out);
    let (received, missed) =
        seen.iter().fold((0, 0), |sum, line| (sum.0 + line.samples, sum.1 + line.missed));
    // The one reader there ever was: what it has not missed, it has received.
    assert_eq!(received + missed, seen.last().expect("a line").number + 1, "{}", ended.out);
    assert!(0 < missed && missed <= dropped(&taken), "{taken}{}", ended.out);
    assert!(stage.is_clear(), "{:?}", stage.names());
}

#[test]
fn what_cannot_work_is_said_at_once() {
    let stage = Stage::new("told");
    let name = stage.name.as_str();
    for (arguments, phrase) in [
        (&["read", name][..], "there is no sampler under "),
        (&["read"], "read takes a NAME and perhaps SECONDS; see --help"),
        (&["sample", "a", "1", "2"], "sample takes"),
        (&["sample", name, "soon"], "soon is no number of seconds"),
        (&["sample", name, "-1"], "-1 is no number of seconds"),
        (&["sample", "no/name"], "cannot stand at byte 2 of a name"),
        (&["write"], "write is neither sample nor read; see --help"),
    ] {
        stage.start(TELEMETRY, arguments).fails_with(phrase);
    }
    assert!(stage.start(TELEMETRY, &["--help"]).succeeds().out.contains("telemetry read NAME [SECONDS]"));
    let sampler = stage.sampler("60");
    stage.start(TELEMETRY, &["sample", name]).fails_with("is in use");
    let _reader = stage.reader(&[]);
    eventually("it is there", || sampler.out().contains(" came"));
    stage.reader(&[]).fails_with("has a reader already");
}
