//! Programs on a stage: started with files of their own to write to, sent signals, and gone when the test is.

#![allow(dead_code)] // because not every test needs every prop.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long to wait for what must happen: it takes milliseconds where nothing else runs.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// How long to look at what must not happen.
pub(crate) const WHILE: Duration = Duration::from_millis(700);

/// A directory and a name of the test's own.
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    started: Mutex<u32>,
}

impl Stage {
    pub(crate) fn new(test: &str) -> Self {
        let name = format!("stage-{test}-{}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        fs::create_dir_all(&directory).expect("a directory for the test");
        Self { name, directory, started: Mutex::new(0) }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// A file of this content.
    pub(crate) fn file(&self, file: &str, content: &[u8]) -> PathBuf {
        let path = self.path(file);
        fs::write(&path, content).expect("the file can be written");
        path
    }

    /// A long file of zeros that takes no room.
    pub(crate) fn zeros(&self, file: &str, len: u64) -> PathBuf {
        let path = self.path(file);
        File::create(&path).and_then(|file| file.set_len(len)).expect("a sparse file");
        path
    }

    /// Files in the directory whose names begin with `start`.
    pub(crate) fn files(&self, start: &str) -> Vec<String> {
        files_in(&self.directory, |name| name.starts_with(start))
    }

    /// Starts a program, in a process group of its own.
    pub(crate) fn start(&self, program: &str, arguments: &[&str]) -> Running {
        let number = {
            let mut started = self.started.lock().expect("no test panics with it");
            *started += 1;
            *started
        };
        let (out, err) = (self.path(&format!("stdout-{number}")), self.path(&format!("stderr-{number}")));
        let create = |path: &Path| Stdio::from(File::create(path).expect("a file for what it says"));
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(create(&out))
            .stderr(create(&err))
            .process_group(0)
            .spawn()
            .expect("the program starts");
        Running { child, out, err }
    }

    /// Nothing under this stage's name, and nothing whose name begins with it, is left in shared memory.
    pub(crate) fn is_clear(&self) -> bool {
        self.names().is_empty()
    }

    /// What lies in shared memory under this stage's name.
    pub(crate) fn names(&self) -> Vec<String> {
        files_in(Path::new("/dev/shm"), |name| name.contains(&self.name))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
        for name in self.names() {
            let _ = fs::remove_file(Path::new("/dev/shm").join(name));
        }
    }
}

fn files_in(directory: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory that can be listed");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| is_wanted(name)).collect()
}

/// A program that runs; killed, with all that it started, when dropped.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// How a program ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Running {
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn out(&self) -> String {
        fs::read_to_string(&self.out).expect("what it said")
    }

    pub(crate) fn err(&self) -> String {
        fs::read_to_string(&self.err).expect("what it said")
    }

    /// The one process that it started, once it has.
    pub(crate) fn child(&self) -> u32 {
        let mut found = None;
        eventually("it starts a process", || {
            found = processes().find(|&(_, parent)| parent == self.process()).map(|(process, _)| process);
            found.is_some()
        });
        found.expect("found")
    }

    /// Bytes that it has read from anywhere.
    pub(crate) fn has_read(&self) -> u64 {
        let counts = fs::read_to_string(format!("/proc/{}/io", self.process())).unwrap_or_default();
        let count = counts.lines().find_map(|line| line.strip_prefix("rchar: "));
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("ours to wait for").is_none()
    }

    /// Kills it alone, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("ours to kill");
        self.child.wait().expect("ours to wait for");
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.process(), name);
    }

    /// Waits for its end.
    pub(crate) fn ends(mut self) -> Ended {
        let mut status = None;
        eventually("it ends", || {
            status = self.child.try_wait().expect("ours to wait for");
            status.is_some()
        });
        Ended { status: status.expect("ended"), out: self.out(), err: self.err() }
    }

    /// Waits for its end, which has to be a success.
    pub(crate) fn succeeds(self) -> Ended {
        let ended = self.ends();
        assert!(ended.status.success(), "{}: {}{}", ended.status, ended.out, ended.err);
        ended
    }

    /// Waits for its end, which has to be a failure told in one line that contains `phrase`.
    pub(crate) fn fails_with(self, phrase: &str) -> Ended {
        let ended = self.ends();
        assert_eq!(ended.status.code(), Some(1), "{}{}", ended.out, ended.err);
        assert!(ended.err.lines().count() == 1 && ended.err.contains(phrase), "{phrase}: {}", ended.err);
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The group is there as long as anybody in it is: if it is not, there is nobody to kill.
        send(&format!("-{}", self.process()), "KILL");
        let _ = self.child.wait();
    }
}

/// Processes with their parents; those that have ended and wait to be asked about are left out.
fn processes() -> impl Iterator<Item = (u32, u32)> {
    let entries = fs::read_dir("/proc").expect("a listing of processes");
    entries.filter_map(|entry| {
        let process = entry.ok()?.file_name().into_string().ok()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // After the name, which may hold anything: state, parent.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut words = rest.split_whitespace();
        let state = words.next()?;
        let parent = words.next()?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some((process, parent))
    })
}

/// Does a process run, or is it stopped?
pub(crate) fn lives(process: u32) -> bool {
    processes().any(|(number, _)| number == process)
}

/// Sends a signal to a process.
pub(crate) fn signal(process: u32, name: &str) {
    assert!(send(&process.to_string(), name), "{name} to {process}");
}

fn send(target: &str, name: &str) -> bool {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -s {name} -- {target}")])
        .stderr(Stdio::null())
        .status()
        .expect("a shell");
    sent.success()
}

/// Waits until something is so, which it will be.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LIMIT, "not in {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Looks for a while whether something stays so.
#[track_caller]
pub(crate) fn stays(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < WHILE {
        assert!(is_so(), "no more: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Numbers at random, the same at each run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.below(256) as u8).take(len).collect()
    }
}
