//! The virtual kernel: lock bytes, sleepers, life words, names of files, and the clock.
//!
//! ```text
//!   kill     the process takes no further step
//!   mark     each of its life words gets the mark, and wakes one who sleeps there          at any later moment
//!   bury     its locks are free                                                            after that, at any moment
//! ```
//!
//! What a lock, a name or a death hands from one process to another is knowledge, as with an atomic word: who takes a lock
//! knows what those knew who gave it back before.

use super::process::{Pending, Status};
use super::state::State;
use crate::explorer::memory::{Digest, Knowledge, Memory, join, mix, part};
use ringway_shm::primitive::Ordering;
use ringway_shm::primitive::model::FileId;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

/// A life word's owner died.
const DIED: u64 = 0x4000_0000;
/// Somebody may sleep at a life word.
const WAITERS: u64 = 0x8000_0000;
/// The number of the thread that a life word bears.
const THREAD: u64 = 0x3fff_ffff;

/// A lock byte.
#[derive(Default)]
struct Lock {
    /// Processes that hold it, and whether for themselves alone.
    holders: Vec<(usize, bool)>,
    /// What those knew who gave it back.
    knows: Knowledge,
}

/// What the kernel keeps of a process.
#[derive(Default)]
struct Kept {
    /// The words that it sleeps at.
    watched: Vec<usize>,
    /// Its life words.
    enlisted: Vec<usize>,
    /// Do heavy fences reach it?
    has_joined: bool,
    /// Random numbers drawn.
    drawn: u64,
    /// Files made.
    made: u64,
}

/// The kernel's part of a run.
#[derive(Default)]
pub(crate) struct KernelState {
    pub(crate) clock: Duration,
    locks: BTreeMap<(FileId, u64), Lock>,
    kept: Vec<Kept>,
    /// Those who sleep at words, in the order in which they fell asleep, and are woken.
    queue: Vec<usize>,
    /// Which file a name leads to, and its number.
    names: BTreeMap<PathBuf, (OwnedFd, u64)>,
    /// What those knew who gave files their names or took them away.
    named: Knowledge,
    /// Files of the run, and their numbers.
    files: Vec<(FileId, u64)>,
}

impl KernelState {
    pub(crate) fn reset(&mut self) {
        // Not zero: the clock of a machine that has just begun is no special case for anybody.
        self.clock = Duration::from_secs(1000);
        self.locks.clear();
        self.kept.clear();
        self.queue.clear();
        self.names.clear();
        self.named.clear();
        self.files.clear();
    }

    pub(crate) fn add_process(&mut self) {
        self.kept.push(Kept::default());
    }

    pub(crate) fn enlisted(&self, process: usize) -> &[usize] {
        &self.kept[process].enlisted
    }

    pub(crate) fn awake(&mut self, process: usize) {
        self.kept[process].watched.clear();
        self.queue.retain(|&asleep| asleep != process);
    }

    pub(crate) fn join_heavy_fences(&mut self, process: usize) {
        self.kept[process].has_joined = true;
    }

    pub(crate) fn has_joined(&self, process: usize) -> bool {
        self.kept[process].has_joined
    }

    pub(crate) fn joined(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.kept.len()).filter(|&process| self.kept[process].has_joined)
    }

    pub(crate) fn enlist(&mut self, process: usize, word: usize) -> u32 {
        self.kept[process].enlisted.push(word);
        process as u32 + 1
    }

    pub(crate) fn delist(&mut self, process: usize, word: usize) {
        self.kept[process].enlisted.retain(|&enlisted| enlisted != word);
    }

    /// Bytes that are different each time, and the same in each run.
    pub(crate) fn random(&mut self, process: usize) -> [u8; 16] {
        let kept = &mut self.kept[process];
        kept.drawn += 1;
        part(process as u64 + 1, kept.drawn).to_le_bytes()
    }

    pub(crate) fn lock(
        &mut self,
        process: usize,
        file: FileId,
        byte: u64,
        exclusive: bool,
        memory: &mut Memory,
    ) -> bool {
        let lock = self.locks.entry((file, byte)).or_default();
        let is_free =
            if exclusive { lock.holders.is_empty() } else { !lock.holders.iter().any(|held| held.1) };
        if is_free {
            lock.holders.push((process, exclusive));
            memory.learn(process, &lock.knows);
        }
        is_free
    }

    pub(crate) fn unlock(
        &mut self,
        process: usize,
        file: FileId,
        byte: u64,
        exclusive: bool,
        memory: &mut Memory,
    ) {
        let Some(lock) = self.locks.get_mut(&(file, byte)) else { return };
        if let Some(at) = lock.holders.iter().position(|&held| held == (process, exclusive)) {
            lock.holders.swap_remove(at);
            memory.tell(process, &mut lock.knows);
        }
    }

    pub(crate) fn is_locked(&mut self, process: usize, file: FileId, byte: u64, memory: &mut Memory) -> bool {
        let Some(lock) = self.locks.get(&(file, byte)) else { return false };
        if lock.holders.is_empty() {
            memory.learn(process, &lock.knows);
        }
        !lock.holders.is_empty()
    }

    /// The address space of a killed process is gone: its locks are free.
    pub(crate) fn bury(&mut self, process: usize, memory: &mut Memory) {
        for lock in self.locks.values_mut().filter(|lock| lock.holders.iter().any(|held| held.0 == process)) {
            lock.holders.retain(|held| held.0 != process);
            memory.tell(process, &mut lock.knows);
        }
        self.kept[process] = Kept::default();
        memory.forget(process);
    }

    /// A file that a process just made. Its number says who did, and which of that one's it is: by that its content is known.
    pub(crate) fn made(&mut self, process: usize, file: FileId) -> u64 {
        let kept = &mut self.kept[process];
        let number = (process as u64 + 1) << 8 | kept.made;
        kept.made += 1;
        self.files.push((file, number));
        number
    }

    /// Which of the files of the run it is.
    pub(crate) fn number(&self, file: Option<FileId>) -> Option<u64> {
        self.files.iter().find(|known| Some(known.0) == file).map(|&(_, number)| number)
    }

    /// The number of a name's file. Nobody learns anything by it.
    pub(crate) fn named_number(&self, path: &std::path::Path) -> Option<u64> {
        self.names.get(path).map(|&(_, number)| number)
    }

    /// Gives a file a name; false if the name is taken.
    pub(crate) fn link(&mut self, process: usize, path: PathBuf, file: OwnedFd, memory: &mut Memory) -> bool {
        if self.names.contains_key(&path) {
            return false;
        }
        let number = self.number(file_id(&file)).unwrap_or(u64::MAX);
        self.names.insert(path, (file, number));
        memory.tell(process, &mut self.named);
        true
    }

    /// Takes a name away; false if there is none.
    pub(crate) fn unlink(&mut self, process: usize, path: &std::path::Path, memory: &mut Memory) -> bool {
        memory.tell(process, &mut self.named);
        self.names.remove(path).is_some()
    }

    /// The file of a name.
    pub(crate) fn named(
        &mut self,
        process: usize,
        path: &std::path::Path,
        memory: &mut Memory,
    ) -> Option<&(OwnedFd, u64)> {
        memory.learn(process, &self.named);
        self.names.get(path)
    }

    /// The names in a directory.
    pub(crate) fn names(&self) -> impl Iterator<Item = &PathBuf> {
        self.names.keys()
    }

    pub(crate) fn digest(&self) -> Digest {
        let mut digest = part(self.clock.as_secs(), u64::from(self.clock.subsec_nanos()));
        // One that nobody made is there in every run.
        let number = |file: &FileId| self.number(Some(*file)).unwrap_or(file.number | 1 << 63);
        let mut locks: Digest = 0;
        for ((file, byte), lock) in &self.locks {
            let mut holders = [0u64; 2];
            for &(process, exclusive) in &lock.holders {
                holders[usize::from(exclusive)] += 1 << (8 * process);
            }
            let held = mix(mix(part(number(file), *byte), holders[0]), holders[1]);
            locks = locks.wrapping_add(join(held, lock.knows.digest()));
        }
        digest = join(digest, locks);
        for (process, kept) in self.kept.iter().enumerate() {
            let words = |words: &[usize]| words.iter().fold(0, |digest, &word| mix(digest, word as u64));
            let sleeps = join(words(&kept.watched), words(&kept.enlisted));
            digest = join(
                digest,
                mix(
                    sleeps,
                    u64::from(kept.has_joined) | kept.drawn << 1 | kept.made << 32 | (process as u64) << 56,
                ),
            );
        }
        if !self.names.is_empty() {
            for (path, (_, number)) in &self.names {
                let bytes = path.as_os_str().as_encoded_bytes();
                digest = bytes.iter().fold(digest, |digest, &byte| mix(digest, u64::from(byte)));
                digest = mix(digest, *number);
            }
        }
        // Who sleeps alone is in no order.
        if self.queue.len() > 1 {
            digest = self.queue.iter().fold(digest, |digest, &process| mix(digest, process as u64));
        }
        join(digest, self.named.digest())
    }
}

/// Which file a descriptor is of.
pub(crate) fn file_id(file: impl std::os::fd::AsFd) -> Option<FileId> {
    rustix::fs::fstat(file).ok().map(|stat| FileId { device: stat.st_dev, number: stat.st_ino })
}

impl State {
    /// Falls asleep, if the words still have their values. They are read as the kernel reads them: the newest.
    pub(crate) fn fall_asleep(
        &mut self,
        process: usize,
        watched: &[(usize, u64)],
        until: Option<Duration>,
    ) -> bool {
        // At a word of 64 bits it is the lower half that counts.
        let look = |this: &mut Self, word| u64::from(this.memory.look(process, word) as u32);
        if watched.iter().any(|&(word, value)| look(self, word) != value) {
            return false;
        }
        self.kernel.queue.push(process);
        self.kernel.kept[process].watched = watched.iter().map(|&(word, _)| word).collect();
        self.processes[process].pending = Pending::Asleep { until };
        true
    }

    /// Wakes those who sleep at a word, up to `most`: first who fell asleep first.
    pub(crate) fn wake_sleepers(&mut self, word: usize, most: usize) -> usize {
        let mut woken = 0;
        for process in self.kernel.queue.clone() {
            let is_there = self.kernel.kept[process].watched.contains(&word);
            // One that was stopped in its sleep is woken all the same, and goes on when it is resumed.
            let sleeps = matches!(self.processes[process].status, Status::Running | Status::Stalled);
            if woken < most && is_there && sleeps {
                self.wake_process(process, false);
                woken += 1;
            }
        }
        woken
    }

    /// What the kernel does to the life words of a process that dies.
    pub(crate) fn mark(&mut self, process: usize) {
        let enlisted = self.kernel.kept[process].enlisted.clone();
        for word in enlisted {
            let value = self.memory.peek(word, 0);
            if value & THREAD != process as u64 + 1 {
                continue;
            }
            let marked = value & WAITERS | DIED;
            self.write(process, word, marked, Ordering::SeqCst);
            if value & WAITERS != 0 {
                self.wake_sleepers(word, 1);
            }
        }
    }
}
