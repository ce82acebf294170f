//! A small kernel of virtual processes: names lead to files in memory, and locks and life words belong to
//! whoever runs.

#![allow(unsafe_code)] // because a kernel knows words by their addresses.

use ringway_shm::primitive::kernel::{Change, Wake, Watched};
use ringway_shm::primitive::model::{FileId, Hooks, Kernel, Open, Verdict};
use ringway_shm::primitive::{AtomicU32, Ordering, kernel::Call};
use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// What the kernel sets in a life word whose owner died.
const DIED: u32 = 0x4000_0000;

struct Lock {
    process: u32,
    file: FileId,
    byte: u64,
    exclusive: bool,
}

#[derive(Default)]
pub(crate) struct World {
    /// The process that runs.
    process: Cell<u32>,
    drawn: Cell<u8>,
    files: RefCell<HashMap<PathBuf, OwnedFd>>,
    locks: RefCell<Vec<Lock>>,
    /// Process and address.
    lives: RefCell<Vec<(u32, usize)>>,
}

impl World {
    pub(crate) fn new() -> Rc<Self> {
        Rc::default()
    }

    pub(crate) fn be(&self, process: u32) {
        self.process.set(process);
    }

    /// The first thing that is seen of a death.
    pub(crate) fn mark(&self, process: u32) {
        let mut lives = self.lives.borrow_mut();
        for &(_, life) in lives.iter().filter(|(owner, _)| *owner == process) {
            // SAFETY: the test keeps the mappings of its dead until the end, and their words are on this list
            // only.
            let word = unsafe { &*(life as *const AtomicU32) };
            // The hooks' own step: this world has no matter with it.
            word.fetch_or(DIED, Ordering::Release);
        }
        lives.retain(|(owner, _)| *owner != process);
    }

    /// The last thing that is seen of it.
    pub(crate) fn unlock_all(&self, process: u32) {
        self.locks.borrow_mut().retain(|lock| lock.process != process);
    }

    pub(crate) fn names(&self) -> Vec<PathBuf> {
        self.files.borrow().keys().cloned().collect()
    }

    pub(crate) fn locks(&self) -> usize {
        self.locks.borrow().len()
    }

    pub(crate) fn enlisted(&self, process: u32) -> usize {
        self.lives.borrow().iter().filter(|(owner, _)| *owner == process).count()
    }
}

fn raw<T>(answer: rustix::io::Result<T>) -> Result<T, i32> {
    answer.map_err(Errno::raw_os_error)
}

fn memory() -> Result<OwnedFd, i32> {
    raw(rustix::fs::memfd_create(c"world", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING))
}

/// A description of its own.
fn again(file: &OwnedFd, access: OFlags) -> Result<OwnedFd, i32> {
    let path = format!("/proc/thread-self/fd/{}", file.as_raw_fd());
    raw(rustix::fs::open(path, access | OFlags::CLOEXEC, Mode::empty()))
}

impl Hooks for World {
    fn kernel(&self, call: &Call<'_>) -> Verdict {
        let answered = matches!(
            call,
            Call::Memfd
                | Call::OpenNameless(_)
                | Call::OpenNew(_)
                | Call::Open(_)
                | Call::Reopen
                | Call::Link(_)
                | Call::Unlink(_)
                | Call::Lock { .. }
                | Call::Unlock(_)
                | Call::LockHeld(_)
                | Call::ListDirectory(_)
                | Call::StartSentinel
                | Call::Sleep(_)
                | Call::Wake(_)
                | Call::ChangeAndWake { .. }
        );
        assert!(!answered, "{call:?} is answered by the stand-in, and opens nothing");
        Verdict::Real
    }

    fn instead(&self) -> Option<&dyn Kernel> {
        Some(self)
    }
}

impl Kernel for World {
    fn random(&self) -> [u8; 16] {
        self.drawn.set(self.drawn.get() + 1);
        [self.drawn.get(); 16]
    }

    fn pause(&self, _length: Duration) {}

    fn sleep(&self, watched: &[Watched], _until: Option<Duration>) -> Result<Wake, i32> {
        if watched.len() == 1 { Ok(Wake::Woken) } else { Err(Errno::NOSYS.raw_os_error()) }
    }

    fn wake(&self, _address: usize, _most: usize) -> usize {
        0
    }

    fn change_and_wake(&self, address: usize, change: Change, _most: usize) -> usize {
        // SAFETY: the door lends a word for the time of the call.
        let word = unsafe { &*(address as *const AtomicU32) };
        match change {
            Change::Store(value) => word.store(value, Ordering::Release),
            Change::Add(value) => _ = word.fetch_add(value, Ordering::Release),
        }
        1
    }

    fn join_heavy_fences(&self) -> bool {
        true
    }

    fn heavy_fence(&self) -> bool {
        true
    }

    fn enlist(&self, life: usize) -> Option<u32> {
        self.lives.borrow_mut().push((self.process.get(), life));
        Some(self.process.get())
    }

    fn delist(&self, life: usize) {
        self.lives.borrow_mut().retain(|(_, known)| *known != life);
    }

    fn lock(&self, file: FileId, byte: u64, exclusive: bool) -> Result<bool, i32> {
        let mut locks = self.locks.borrow_mut();
        let mut same = locks.iter().filter(|lock| (lock.file, lock.byte) == (file, byte));
        let is_free = same.all(|lock| !lock.exclusive && !exclusive);
        if is_free {
            locks.push(Lock { process: self.process.get(), file, byte, exclusive });
        }
        Ok(is_free)
    }

    fn unlock(&self, file: FileId, byte: u64, exclusive: bool) {
        let given = (self.process.get(), file, byte, exclusive);
        let mut locks = self.locks.borrow_mut();
        let at = locks.iter().position(|lock| (lock.process, lock.file, lock.byte, lock.exclusive) == given);
        locks.swap_remove(at.expect("who gives a lock back has it"));
    }

    fn is_locked(&self, file: FileId, byte: u64) -> Result<bool, i32> {
        Ok(self.locks.borrow().iter().any(|lock| (lock.file, lock.byte) == (file, byte)))
    }

    fn open(&self, how: Open<'_>) -> Result<OwnedFd, i32> {
        match how {
            Open::Memory | Open::Nameless(_) => memory(),
            Open::New(path) => {
                let file = memory()?;
                let ours = again(&file, OFlags::RDWR)?;
                self.files.borrow_mut().insert(path.to_owned(), file);
                Ok(ours)
            }
            Open::Existing { path, read_only } => {
                let files = self.files.borrow();
                let file = files.get(path).ok_or(Errno::NOENT.raw_os_error())?;
                again(file, if read_only { OFlags::RDONLY } else { OFlags::RDWR })
            }
        }
    }

    fn link(&self, file: BorrowedFd<'_>, path: &Path) -> Result<(), i32> {
        let mut files = self.files.borrow_mut();
        if files.contains_key(path) {
            return Err(Errno::EXIST.raw_os_error());
        }
        let file = file.try_clone_to_owned().map_err(|_| Errno::MFILE.raw_os_error())?;
        files.insert(path.to_owned(), file);
        Ok(())
    }

    fn unlink(&self, path: &Path) -> Result<(), i32> {
        let gone = self.files.borrow_mut().remove(path);
        gone.map(drop).ok_or(Errno::NOENT.raw_os_error())
    }

    fn look(&self, path: &Path) -> Result<OwnedFd, i32> {
        self.open(Open::Existing { path, read_only: true })
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, i32> {
        let files = self.files.borrow();
        let here = files.keys().filter(|path| path.parent() == Some(directory));
        Ok(here.filter_map(|path| path.file_name()).map(ToOwned::to_owned).collect())
    }
}
