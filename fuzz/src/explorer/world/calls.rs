//! The calls to the kernel that the world answers itself.

use super::World;
use super::image::{read_word, write_word};
use super::kernel::file_id;
use super::process::Pending;
use super::site::Use;
use super::state::State;
use ringway_shm::primitive::Ordering;
use ringway_shm::primitive::kernel::{Change, Wake, Watched};
use ringway_shm::primitive::model::{FileId, Kernel, Open};
use rustix::io::Errno;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::Location;
use std::path::Path;
use std::time::Duration;

pub(super) const NO_ROOM: &[i32] = &[libc::ENOSPC, libc::EPERM];
pub(super) const REFUSED: &[i32] = &[libc::EPERM];
const INTERRUPTED: &[i32] = &[libc::EINTR];
const NO_LOCKS: &[i32] = &[libc::ENOLCK];

/// Where heavy fences are made: the door itself, since a call to the kernel has no line of its own.
const HEAVY: &Location<'static> = Location::caller();

impl Kernel for World {
    fn random(&self) -> [u8; 16] {
        if self.is_aside() {
            return [0; 16];
        }
        let mut state = self.state.borrow_mut();
        let process = state.current;
        state.kernel.random(process)
    }

    fn pause(&self, length: Duration) {
        if self.is_aside() || self.is_before() {
            return;
        }
        self.point(Pending::Step);
        {
            let mut state = self.state.borrow_mut();
            let (process, until) = (state.current, state.kernel.clock + length);
            state.processes[process].pending = Pending::Asleep { until: Some(until) };
            // When it ends is a part of what comes next.
            state.hears(process, until.as_nanos() as u64);
            state.tell(Some(process), None, None, |_| format!("pauses for {length:?}"));
        }
        self.asleep();
    }

    fn sleep(&self, watched: &[Watched], until: Option<Duration>) -> Result<Wake, i32> {
        if self.is_aside() {
            return Err(libc::ETIMEDOUT);
        }
        if self.is_before() {
            return Err(libc::EAGAIN);
        }
        let words = self.watched(watched);
        {
            let mut state = self.call(INTERRUPTED)?;
            let process = state.current;
            for &(word, _) in &words {
                state.accessed(word, process, true, false);
            }
            let sleeps = state.fall_asleep(process, &words, until);
            state.hears(process, u64::from(sleeps) | 1 << 42);
            state.tell(Some(process), None, None, |state| {
                let deed = if sleeps { "falls asleep" } else { "does not fall asleep" };
                let places: Vec<_> = words.iter().map(|&(word, _)| state.told_of_word(word)).collect();
                format!("{deed} at {}", places.join(" and "))
            });
            if !sleeps {
                return Err(libc::EAGAIN);
            }
        }
        if self.asleep() { Ok(Wake::TimedOut) } else { Ok(Wake::Woken) }
    }

    fn wake(&self, address: usize, most: usize) -> usize {
        if self.is_aside() || self.is_before() {
            return 0;
        }
        let Some((word, _)) = self.word_at(address, 4) else { return 0 };
        let Ok(mut state) = self.call(&[]) else { return 0 };
        let process = state.current;
        // The kernel makes a full barrier here and in a sleep. Nobody is promised it, so nobody learns by it.
        let woken = state.wake_sleepers(word, most);
        state.hears(process, woken as u64);
        state.tell(Some(process), None, None, |state| {
            format!("wakes {woken} at {}", state.told_of_word(word))
        });
        woken
    }

    fn change_and_wake(&self, address: usize, change: Change, most: usize) -> usize {
        let word = if self.is_aside() {
            // What is left of the run changes nothing; past it somebody may.
            if self.is_gone() && self.is_shared(address) {
                return 0;
            }
            if let Ok(mut state) = self.state.try_borrow_mut() {
                state.is_strange = true;
            }
            None
        } else {
            self.word_at(address, 4)
        };
        let Some((word, _)) = word else {
            write_word(address, 4, changed(read_word(address, 4), change));
            return 0;
        };
        if self.is_before() {
            write_word(address, 4, changed(read_word(address, 4), change));
            let mut state = self.state.borrow_mut();
            let width = state.places.known(word).width;
            state.memory.overwrite(word, read_word(address, width));
            return 0;
        }
        let Ok(mut state) = self.call(&[]) else { return 0 };
        let process = state.current;
        // The newest value, as of any change that is one step. Of a word of 64 bits it is the lower half.
        let found = state.memory.peek(word, 0);
        let value = found & !u64::from(u32::MAX) | changed(found, change);
        state.accessed(word, process, true, true);
        let step = state.steps;
        state.memory.change(process, word, value, Ordering::SeqCst, step);
        write_word(address, state.places.known(word).width, value);
        state.stored();
        state.memory.fence(process, Ordering::SeqCst);
        let woken = state.wake_sleepers(word, most);
        state.hears(process, woken as u64);
        state.tell(Some(process), None, None, |state| {
            format!("{change:x?}: {value:#x}, and wakes {woken} at {}", state.told_of_word(word))
        });
        woken
    }

    fn join_heavy_fences(&self) -> bool {
        if self.is_aside() {
            return true;
        }
        let Ok(mut state) = self.call(REFUSED) else { return false };
        let process = state.current;
        if state.refuses_heavy_fences(process) {
            return false;
        }
        state.kernel.join_heavy_fences(process);
        state.tell(Some(process), None, None, |_| "joins the heavy fences of others".to_owned());
        true
    }

    fn heavy_fence(&self) -> bool {
        if self.is_aside() {
            return true;
        }
        if self.is_before() {
            let state = self.state.borrow();
            return !state.refuses_heavy_fences(state.current);
        }
        let Ok(mut state) = self.call(REFUSED) else { return false };
        let state = &mut *state;
        let process = state.current;
        if state.refuses_heavy_fences(process) {
            state.tell(Some(process), None, None, |_| "heavy fence: refused".to_owned());
            return false;
        }
        if state.weakened(HEAVY, Use::HeavyFence).is_some() {
            state.memory.heavy_fence(process, state.kernel.joined());
        }
        state.tell(Some(process), None, None, |_| "heavy fence".to_owned());
        true
    }

    fn enlist(&self, life: usize) -> Option<u32> {
        if self.is_aside() {
            return None;
        }
        let (word, _) = self.word_at(life, 4)?;
        let mut state = self.state.borrow_mut();
        let process = state.current;
        Some(state.kernel.enlist(process, word))
    }

    fn delist(&self, life: usize) {
        if self.is_aside() {
            return;
        }
        if let Some((word, _)) = self.word_at(life, 4) {
            let mut state = self.state.borrow_mut();
            let process = state.current;
            state.kernel.delist(process, word);
        }
    }

    fn lock(&self, file: FileId, byte: u64, exclusive: bool) -> Result<bool, i32> {
        if self.is_aside() {
            return Ok(true);
        }
        let mut state = self.call(NO_LOCKS)?;
        let state = &mut *state;
        let process = state.current;
        let taken = state.kernel.lock(process, file, byte, exclusive, &mut state.memory);
        state.hears(process, u64::from(taken) | 1 << 43);
        state.tell(Some(process), None, None, |_| {
            let kind = if exclusive { "exclusive" } else { "shared" };
            format!("takes the {kind} lock of byte {byte:#x}: {taken}")
        });
        Ok(taken)
    }

    fn unlock(&self, file: FileId, byte: u64, exclusive: bool) {
        if self.is_aside() {
            return;
        }
        let Ok(mut state) = self.call(&[]) else { return };
        let state = &mut *state;
        let process = state.current;
        state.kernel.unlock(process, file, byte, exclusive, &mut state.memory);
        state.stored();
        state.tell(Some(process), None, None, |_| format!("gives back the lock of byte {byte:#x}"));
    }

    fn is_locked(&self, file: FileId, byte: u64) -> Result<bool, i32> {
        if self.is_aside() {
            return Ok(false);
        }
        let mut state = self.call(NO_LOCKS)?;
        let state = &mut *state;
        let process = state.current;
        let locked = state.kernel.is_locked(process, file, byte, &mut state.memory);
        state.hears(process, u64::from(locked) | 1 << 44);
        state.tell(Some(process), None, None, |_| format!("asks for the lock of byte {byte:#x}: {locked}"));
        Ok(locked)
    }

    fn open(&self, how: Open<'_>) -> Result<OwnedFd, i32> {
        if self.is_aside() {
            return Err(libc::EIO);
        }
        let (errors, path) = match how {
            Open::Memory | Open::Nameless(_) => (NO_ROOM, None),
            Open::New(path) => (NO_ROOM, Some(path)),
            Open::Existing { path, .. } => (REFUSED, Some(path)),
        };
        let mut state = self.call(errors)?;
        let state = &mut *state;
        let process = state.current;
        let opened = match how {
            Open::Existing { path, .. } => state.find(process, path),
            Open::New(path) if state.kernel.named(process, path, &mut state.memory).is_some() => {
                Err(libc::EEXIST)
            }
            Open::Memory | Open::Nameless(_) | Open::New(_) => state.make(process),
        };
        if let (Ok(file), Open::New(path)) = (&opened, how) {
            let file = file.try_clone().map_err(|_| libc::EMFILE)?;
            state.kernel.link(process, path.to_owned(), file, &mut state.memory);
        }
        state.hears(process, opened.as_ref().map_or_else(|&errno| errno as u64, |_| 0));
        state.tell(Some(process), None, None, |_| {
            let what = path.map_or_else(|| "a new file".to_owned(), |path| path.display().to_string());
            format!("opens {what}: {}", told_of_result(&opened))
        });
        opened
    }

    fn link(&self, file: BorrowedFd<'_>, path: &Path) -> Result<(), i32> {
        if self.is_aside() {
            return Err(libc::EIO);
        }
        let file = file.try_clone_to_owned().map_err(|_| libc::EMFILE)?;
        let mut state = self.call(NO_ROOM)?;
        let state = &mut *state;
        let process = state.current;
        let linked = state.kernel.link(process, path.to_owned(), file, &mut state.memory);
        state.hears(process, u64::from(linked) | 1 << 45);
        state.stored();
        state.tell(Some(process), None, None, |_| {
            format!("gives a file the name {}: {linked}", path.display())
        });
        if linked { Ok(()) } else { Err(libc::EEXIST) }
    }

    fn unlink(&self, path: &Path) -> Result<(), i32> {
        if self.is_aside() {
            return Err(libc::EIO);
        }
        let mut state = self.call(REFUSED)?;
        let state = &mut *state;
        let process = state.current;
        let unlinked = state.kernel.unlink(process, path, &mut state.memory);
        state.hears(process, u64::from(unlinked) | 1 << 46);
        state.stored();
        state.tell(Some(process), None, None, |_| {
            format!("takes the name {} away: {unlinked}", path.display())
        });
        if unlinked { Ok(()) } else { Err(libc::ENOENT) }
    }

    fn look(&self, path: &Path) -> Result<OwnedFd, i32> {
        if self.is_aside() {
            return Err(libc::ENOENT);
        }
        let mut state = self.call(&[])?;
        let process = state.current;
        let found = state.find(process, path);
        state.tell(Some(process), None, None, |_| {
            format!("looks at {}: {}", path.display(), told_of_result(&found))
        });
        found
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, i32> {
        if self.is_aside() {
            return Ok(Vec::new());
        }
        let mut state = self.call(&[])?;
        let process = state.current;
        let inside = |path: &&std::path::PathBuf| path.parent() == Some(directory);
        let names = state.kernel.names().filter(inside).filter_map(|path| path.file_name());
        let names: Vec<OsString> = names.map(OsString::from).collect();
        state.hears(process, names.len() as u64);
        state.tell(Some(process), None, None, |_| format!("lists {}: {names:?}", directory.display()));
        Ok(names)
    }
}

/// What a word of 32 bits becomes.
fn changed(found: u64, change: Change) -> u64 {
    u64::from(match change {
        Change::Store(value) => value,
        Change::Add(value) => (found as u32).wrapping_add(value),
    })
}

impl State {
    /// The file of a name, and which of the run's files it is.
    fn find(&mut self, process: usize, path: &Path) -> Result<OwnedFd, i32> {
        let found = self.kernel.named(process, path, &mut self.memory).ok_or(libc::ENOENT);
        let file =
            found.and_then(|(file, number)| Ok((file.try_clone().map_err(|_| libc::EMFILE)?, *number)));
        self.hears(process, file.as_ref().map_or_else(|&errno| errno as u64 | 1 << 47, |file| file.1));
        file.map(|(file, _)| file)
    }

    fn make(&mut self, process: usize) -> Result<OwnedFd, i32> {
        let flags = rustix::fs::MemfdFlags::CLOEXEC | rustix::fs::MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create(c"explored", flags).map_err(|errno| errno.raw_os_error())?;
        if let Some(id) = file_id(file.as_fd()) {
            let number = self.kernel.made(process, id);
            self.places.made(id, number);
        }
        Ok(file)
    }
}

fn told_of_result(result: &Result<OwnedFd, i32>) -> String {
    match result {
        Ok(_) => "there it is".to_owned(),
        Err(errno) => format!("{:?}", Errno::from_raw_os_error(*errno)),
    }
}
