//! What becomes of a transfer when one end of it is killed, stopped or refused, in both of its forms.

#![forbid(unsafe_code)]

mod stage;

use stage::{Random, Running, Stage, eventually, lives, signal, stays};
use std::fs;
use std::path::Path;
use std::time::Duration;

const TRANSFER: &str = env!("CARGO_BIN_EXE_transfer");

/// A file without an end.
const ENDLESS: &str = "/dev/zero";

fn text(path: &Path) -> &str {
    path.to_str().expect("the path of a test")
}

impl Stage {
    fn sender(&self, file: &str) -> Running {
        self.start(TRANSFER, &["send", &self.name, file])
    }

    fn receiver(&self) -> Running {
        self.start(TRANSFER, &["receive", &self.name, text(&self.path("out"))])
    }

    /// Bytes of the longest unfinished file beside OUT.
    fn arrived(&self) -> u64 {
        let parts = self.files("out.part-");
        parts.iter().filter_map(|part| Some(fs::metadata(self.path(part)).ok()?.len())).max().unwrap_or(0)
    }

    /// One transfer under the name, from beginning to end.
    fn transfers(&self) {
        let content = Random(77).bytes((2 << 20) + 321);
        let file = self.file("in", &content);
        let (receiver, sender) = (self.receiver(), self.sender(text(&file)));
        let (received, sent) = (receiver.succeeds(), sender.succeeds());
        assert_eq!(digest(&received.out, "received"), digest(&sent.out, "sent"));
        assert!(fs::read(self.path("out")).expect("OUT") == content);
        assert!(self.is_clear(), "{:?}", self.names());
        fs::remove_file(self.path("out")).expect("OUT");
    }
}

fn digest(said: &str, verb: &str) -> String {
    let line = said.lines().find(|line| line.starts_with(verb)).expect("both ends report");
    line.split_whitespace().nth(1).expect("a digest").to_owned()
}

/// The number of bytes in what an end said.
fn bytes(said: &str) -> u64 {
    let words: Vec<&str> = said.split_whitespace().collect();
    let at = words.iter().position(|&word| word == "bytes").expect("a number of bytes");
    words[at - 1].parse().expect("a number")
}

#[test]
fn whoever_comes_first_waits_for_the_other() {
    let stage = Stage::new("first");
    let file = stage.file("in", b"a few words");
    for first_receives in [false, true] {
        let start = |receives: bool| if receives { stage.receiver() } else { stage.sender(text(&file)) };
        let mut first = start(first_receives);
        eventually("it says that it waits", || first.out().contains("waiting"));
        stays("it waits", || first.is_running());
        start(!first_receives).succeeds();
        first.succeeds();
        assert_eq!(fs::read(stage.path("out")).expect("OUT"), b"a few words");
        assert!(stage.is_clear(), "{:?}", stage.names());
    }
}

#[test]
fn a_killed_sender_ends_the_receiver_and_leaves_the_name_free() {
    let stage = Stage::new("sender");
    let mut random = Random(1);
    for moment in 0..5 {
        let enough = random.below(6 << 20);
        let (receiver, mut sender) = (stage.receiver(), stage.sender(ENDLESS));
        eventually("bytes arrive", || stage.arrived() > enough);
        sender.kill();
        let received = bytes(&receiver.fails_with("transfer: the sender died after ").err);
        assert!(received > enough, "{received} of {enough}");
        assert_eq!(stage.files("out"), [""; 0]);
        assert!(stage.is_clear(), "moment {moment}: {:?}", stage.names());
        stage.transfers();
    }
}

#[test]
fn a_killed_receiver_ends_the_sender_and_leaves_the_name_free() {
    let stage = Stage::new("receiver");
    let mut random = Random(2);
    for moment in 0..5 {
        let enough = random.below(6 << 20);
        let (mut receiver, sender) = (stage.receiver(), stage.sender(ENDLESS));
        eventually("bytes arrive", || stage.arrived() > enough);
        receiver.kill();
        let sent = bytes(&sender.fails_with("transfer: the receiver died after ").err);
        assert!(sent > enough, "{sent} of {enough}");
        assert!(stage.is_clear(), "moment {moment}: {:?}", stage.names());
        // What the killed one could not take away is not taken for anything.
        stage.files("out.part-").iter().for_each(|part| fs::remove_file(stage.path(part)).expect("a part"));
        stage.transfers();
    }
}

#[test]
fn an_end_that_is_killed_before_it_began_does_not_keep_the_other_from_the_next() {
    let stage = Stage::new("early");
    let file = stage.file("in", b"the next");
    let mut random = Random(3);
    for _ in 0..8 {
        let kills_sender = random.below(2) == 0;
        let moment = Duration::from_micros(random.below(8000));
        let (receiver, sender) = (stage.receiver(), stage.sender(ENDLESS));
        let (mut killed, mut other) = if kills_sender { (sender, receiver) } else { (receiver, sender) };
        std::thread::sleep(moment);
        killed.kill();
        let said = if kills_sender { "the sender died after " } else { "the receiver died after " };
        // It was met, or it was never missed; a sender that still waits sends without an end, and is not waited for.
        stays("it waits, or it has told what became of the other", || {
            other.is_running() || other.err().contains(said)
        });
        if !other.is_running() {
            other.fails_with(said);
        } else if kills_sender {
            stage.sender(text(&file)).succeeds();
            other.succeeds();
            assert_eq!(fs::read(stage.path("out")).expect("OUT"), b"the next");
        } else {
            let mut next = stage.receiver();
            eventually("the next one is served", || stage.arrived() > 1 << 20);
            next.kill();
            other.fails_with(said);
        }
        stage.files("out.part-").iter().for_each(|part| fs::remove_file(stage.path(part)).expect("a part"));
        assert!(stage.is_clear(), "{:?}", stage.names());
    }
}

#[test]
fn a_killed_sender_ends_the_receiver_that_it_started() {
    let stage = Stage::new("parent");
    let mut random = Random(4);
    for _ in 0..5 {
        let mut sender = stage.start(TRANSFER, &[ENDLESS]);
        let receiver = sender.child();
        let enough = random.below(6 << 20);
        eventually("bytes leave", || sender.has_read() > enough);
        sender.kill();
        eventually("the receiver ends", || !lives(receiver));
        let said = sender.err();
        assert!(said.lines().count() == 1 && said.contains("the sender died after "), "{said}");
    }
}

#[test]
fn a_killed_receiver_ends_the_sender_that_started_it() {
    let stage = Stage::new("child");
    let mut random = Random(5);
    for moment in 0..8 {
        let sender = stage.start(TRANSFER, &[ENDLESS]);
        let receiver = sender.child();
        if moment >= 3 {
            let enough = random.below(6 << 20);
            eventually("bytes leave", || sender.has_read() > enough);
        }
        signal(receiver, "KILL");
        sender.fails_with("transfer: the receiver died ");
    }
}

#[test]
fn an_end_that_is_stopped_is_waited_for() {
    let stage = Stage::new("stopped");
    let file = stage.zeros("in", 24 << 20);
    for stops_sender in [false, true] {
        let (mut receiver, mut sender) = (stage.receiver(), stage.sender(text(&file)));
        eventually("bytes arrive", || stage.arrived() > 1 << 20);
        let stopped = if stops_sender { sender.process() } else { receiver.process() };
        signal(stopped, "STOP");
        stays("both are there", || receiver.is_running() && sender.is_running());
        signal(stopped, "CONT");
        sender.succeeds();
        receiver.succeeds();
        assert_eq!(fs::metadata(stage.path("out")).expect("OUT").len(), 24 << 20);
        assert!(stage.is_clear(), "{:?}", stage.names());
    }
    let mut sender = stage.start(TRANSFER, &[text(&file)]);
    let receiver = sender.child();
    eventually("bytes leave", || sender.has_read() > 1 << 20);
    signal(receiver, "STOP");
    stays("both are there", || sender.is_running() && lives(receiver));
    signal(receiver, "CONT");
    sender.succeeds();
}

#[test]
fn half_a_file_is_not_taken_for_a_whole_one() {
    let stage = Stage::new("half");
    let (mut first, sender) = (stage.receiver(), stage.sender(ENDLESS));
    eventually("bytes arrive", || stage.arrived() > 0);
    // With the receiver stopped, the sender fills the ring and waits.
    first.signal("STOP");
    let mut before = 0;
    eventually("the ring is full", || {
        let now = sender.has_read();
        std::thread::sleep(Duration::from_millis(50));
        std::mem::replace(&mut before, now) == now && now > 1 << 20
    });
    sender.signal("STOP");
    first.kill();
    let second = stage.receiver();
    eventually("it meets the half of a file", || second.err().contains("passing over half a file"));
    stage.sender(ENDLESS).fails_with("has a sender already");
    stage.receiver().fails_with("has a receiver already");
    sender.signal("CONT");
    sender.fails_with("transfer: the receiver died after ");
    let file = stage.file("in", b"a whole one");
    stage.sender(text(&file)).succeeds();
    second.succeeds();
    assert_eq!(fs::read(stage.path("out")).expect("OUT"), b"a whole one");
    assert!(stage.is_clear(), "{:?}", stage.names());
}

#[test]
fn a_sender_that_gives_up_is_told_apart_from_one_that_died() {
    let stage = Stage::new("left");
    // It can be opened, and its first byte cannot be read.
    let (receiver, sender) = (stage.receiver(), stage.sender("/proc/self/mem"));
    sender.fails_with("/proc/self/mem: ");
    receiver.fails_with("the sender left early, after 0 bytes");
    assert_eq!(stage.files("out"), [""; 0]);
    assert!(stage.is_clear(), "{:?}", stage.names());
}

#[test]
fn a_receiver_that_gives_up_is_told_apart_from_one_that_died() {
    let stage = Stage::new("full");
    let (sender, receiver) = (stage.sender(ENDLESS), stage.start("sh", &["-c", &limited(&stage)]));
    receiver.fails_with("out.part-");
    sender.fails_with("the receiver left early, after ");
    assert_eq!(stage.files("out"), [""; 0]);
    assert!(stage.is_clear(), "{:?}", stage.names());
}

/// A receiver whose files may not grow beyond a limit: to write more is an error.
fn limited(stage: &Stage) -> String {
    let out = stage.path("out");
    format!("trap '' XFSZ; ulimit -f 8192; exec '{TRANSFER}' receive '{}' '{}'", stage.name, text(&out))
}

#[test]
fn what_cannot_work_is_said_at_once() {
    let stage = Stage::new("said");
    let (directory, missing) = (text(&stage.directory), text(&stage.path("none")).to_owned());
    let nowhere = format!("{missing}/out");
    for (arguments, phrase) in [
        (&["send", &stage.name][..], "send takes a NAME and a FILE; see --help"),
        (&["receive"], "receive takes a NAME and perhaps an OUT; see --help"),
        (&["receive", "a", "b", "c"], "receive takes"),
        (&["--bogus"], "--bogus is no option; see --help"),
        (&["one", "two"], "one file at a time"),
        (&["send", &stage.name, &missing], &missing),
        (&["send", &stage.name, directory], "a directory"),
        (&["send", "no/name", ENDLESS], "cannot stand at byte 2 of a name"),
        (&["receive", "no/name"], "cannot stand at byte 2 of a name"),
        (&["receive", &stage.name, "/dev/null"], "/dev/null: not a plain file"),
        (&["receive", &stage.name, directory], "not a plain file"),
        (&["receive", &stage.name, &nowhere], &missing),
    ] {
        stage.start(TRANSFER, arguments).fails_with(phrase);
    }
    assert!(stage.start(TRANSFER, &["--help"]).succeeds().out.contains("transfer receive NAME [OUT]"));
    assert!(stage.is_clear(), "{:?}", stage.names());
}
