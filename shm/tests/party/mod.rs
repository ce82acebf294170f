//! What the tests share: other processes with a deadline, names that are cleaned up, and plain bytes.
//!
//! Another process is this test binary again, asked for one hidden test (its *errand*), with which it talks in lines:
//! it reads its input and answers on its output in lines marked with `@`, since the harness prints there as well. It
//! dies with the thread that started it, with the [`Party`] that holds it, and when its input ends.

#![allow(dead_code)] // because each test binary uses its own part of it.

pub(crate) mod bytes;

use ringway_shm::primitive::{AtomicU64, Ordering};
use ringway_shm::{Name, Region};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything in these tests may take before it has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The environment variable that sends a process on its errand.
const ERRAND: &str = "RINGWAY_TEST_ERRAND";

/// A number that no other call in this process has got.
pub(crate) fn unique() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only the number counts.
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// A name that no other test of the machine uses.
pub(crate) fn fresh_name(label: &str) -> Name {
    Name::new(&format!("test-{label}-{}-{}", std::process::id(), unique())).unwrap()
}

/// Takes the name away when the test ends, however it ends.
pub(crate) struct Tidy(pub(crate) Name);

impl Tidy {
    pub(crate) fn new(label: &str) -> Self {
        Self(fresh_name(label))
    }

    pub(crate) fn name(&self) -> Name {
        self.0.clone()
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.path().symlink_metadata().is_ok()
    }

    /// Does the name go? Whoever leaves last may find that a sweeper of another test is just taking it away.
    pub(crate) fn goes(&self) -> bool {
        let start = Instant::now();
        while self.is_there() && start.elapsed() < Duration::from_secs(3) {
            std::thread::yield_now();
        }
        !self.is_there()
    }
}

impl Drop for Tidy {
    fn drop(&mut self) {
        let path = self.0.path();
        let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path));
    }
}

/// A directory of a test's own, which goes when the test ends, however it ends.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    /// Where the machine keeps temporary files: mostly on a disk.
    pub(crate) fn on_disk(label: &str) -> Self {
        Self::below(&std::env::temp_dir(), label)
    }

    pub(crate) fn below(parent: &Path, label: &str) -> Self {
        let directory = parent.join(format!("ringway-files-{}", fresh_name(label).text()));
        std::fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.join("region")
    }

    /// What is in it.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The identity of a region as a word of text.
pub(crate) fn identity(region: &Region) -> String {
    region.geometry().identity.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Held by tests that look at what is left of a name, against those that remove all leftovers of the machine, in this
/// process and in other test binaries.
pub(crate) struct Sweeping {
    _among_processes: File,
    _among_threads: MutexGuard<'static, ()>,
}

pub(crate) fn sweeping() -> Sweeping {
    static SWEEPING: Mutex<()> = Mutex::new(());
    let among_threads = SWEEPING.lock().unwrap_or_else(PoisonError::into_inner);
    Sweeping { _among_processes: among_processes("sweeping"), _among_threads: among_threads }
}

/// Held by one test of this user at a time.
fn among_processes(label: &str) -> File {
    let name = format!("ringway-test-{label}-{}", rustix::process::geteuid().as_raw());
    let path = std::env::temp_dir().join(name);
    let file = File::options().create(true).truncate(false).write(true).open(path).unwrap();
    // Another run of these tests may be at it for as long as they take.
    until_within(10 * DEADLINE, "others at the same test", || {
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
    });
    file
}

/// Says on the standard error that a test did not run.
pub(crate) fn skipped(test: &str, why: &str) {
    // Not `eprintln!`, which the harness would keep to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {why}");
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Goes round until `done` says so; fails at the deadline.
pub(crate) fn until(what: &str, done: impl FnMut() -> bool) {
    until_within(DEADLINE, what, done);
}

fn until_within(deadline: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < deadline, "waited too long: {what}");
        std::thread::yield_now();
    }
}

/// A small generator with a seed that is printed, so that a failure can be tried again (SplitMix64).
pub(crate) struct Numbers(u64);

impl Numbers {
    /// A generator with the seed in `RINGWAY_TEST_SEED`, or one of the moment.
    pub(crate) fn seeded(test: &str) -> Self {
        let given = std::env::var("RINGWAY_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = given.unwrap_or(now.as_nanos() as u64);
        println!("{test}: RINGWAY_TEST_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.any() % limit
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.any().to_le_bytes()[..chunk.len()]);
        }
    }

    fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The errand that this process was started for, if it was started for one.
pub(crate) fn errand() -> Option<String> {
    let errand = std::env::var(ERRAND).ok()?;
    // Should the thread that started this process be gone already, the end of the input ends it.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    Some(errand)
}

/// The command that sends another process of this binary to the hidden test `entry`.
pub(crate) fn command(entry: &str, errand: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    sent(&mut command, entry, errand);
    command
}

/// Gives a command the arguments and the environment of an errand.
pub(crate) fn sent(command: &mut Command, entry: &str, errand: &str) {
    command.args([entry, "--exact", "--nocapture", "--test-threads=1"]).env(ERRAND, errand);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
}

/// A command that starts this binary behind a shell line ending in `exec "$@"`, in a mount namespace of its own: what it
/// mounts nobody else sees. `None` where there is no such namespace to be had. The line exits with 77 where it cannot.
pub(crate) fn in_namespace(line: &str) -> Option<Command> {
    for program in [&["unshare", "--mount"][..], &["unshare", "--map-root-user", "--mount"]] {
        let possible = Command::new(program[0]).args(&program[1..]).arg("true").output();
        if possible.is_ok_and(|output| output.status.success()) {
            let mut command = Command::new(program[0]);
            command.args(&program[1..]).args(["sh", "-c", line, "sh"]).arg(std::env::current_exe().unwrap());
            return Some(command);
        }
    }
    None
}

/// Large pages for a test; they are given back when it ends.
pub(crate) struct LargePages {
    before: u64,
    _alone: File,
}

impl LargePages {
    const POOL: &str = "/proc/sys/vm/nr_hugepages";

    /// `None` where the machine does not let us have so many.
    pub(crate) fn more(count: u64) -> Option<Self> {
        let now = || std::fs::read_to_string(Self::POOL).ok()?.trim().parse::<u64>().ok();
        let alone = among_processes("large-pages");
        let before = now()?;
        let taken = Self { before, _alone: alone };
        std::fs::write(Self::POOL, (before + count).to_string()).ok()?;
        (now()? >= before + count).then_some(taken)
    }
}

impl Drop for LargePages {
    fn drop(&mut self) {
        let _ = std::fs::write(Self::POOL, self.before.to_string());
    }
}

/// Answers whoever sent this process.
pub(crate) fn answer(text: &str) {
    let mut out = std::io::stdout().lock();
    // If nobody listens any more there is nobody to tell.
    let _ = writeln!(out, "@{text}").and_then(|()| out.flush());
}

/// Waits until the input ends: the other side is done with this process, or gone.
pub(crate) fn stay() {
    let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
}

/// Ends this process as a crash would: nothing is dropped, nothing flushed.
pub(crate) fn die() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    unreachable!("a process survived its own SIGKILL")
}

/// Another process, killed when dropped.
pub(crate) struct Party {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Party {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, answers) = channel();
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The harness may have begun the line.
                if let Some((_, text)) = line.split_once('@') {
                    let _ = sender.send(text.to_owned());
                }
            }
        });
        Self { child, input, answers, reader: Some(reader) }
    }

    /// Sends a line.
    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("a party with a piped input");
        writeln!(input, "{line}").and_then(|()| input.flush()).unwrap();
    }

    /// The next answer.
    pub(crate) fn hear(&mut self) -> String {
        self.answers.recv_timeout(DEADLINE).expect("an answer from the other process")
    }

    /// An answer that is there already.
    pub(crate) fn heard(&mut self) -> Option<String> {
        self.answers.try_recv().ok()
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.hear()
    }

    /// Kills it where it stands, and waits until nothing of it is left.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Its process id.
    pub(crate) fn id(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Sends it a signal, and waits for nothing.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.id(), signal).unwrap();
    }

    /// Ends its input, and says whether it ended well.
    pub(crate) fn finish(self) -> bool {
        self.finished().success()
    }

    /// Ends its input, and says how it ended.
    pub(crate) fn finished(mut self) -> std::process::ExitStatus {
        self.input = None;
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> std::process::ExitStatus {
        let mut status = None;
        until("the end of another process", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A child that it forked has the same input and output, and ends with the one.
        self.input = None;
        // So that the descriptor of its output is closed, too, when this returns.
        let _ = self.reader.take().map(JoinHandle::join);
    }
}
