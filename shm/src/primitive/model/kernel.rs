//! A kernel that stands in for the real one: for an explorer that runs several virtual processes in one real
//! thread.
//!
//! ```text
//!   answered here    random bytes · pauses · sleeping and waking · heavy fences · life words · lock bytes · names
//!   stays real       what a file contains, its length, its mappings: what is opened here is a real descriptor
//! ```
//!
//! Of the calls that a stand-in kernel answers, [`Hooks::kernel`](super::Hooks::kernel) is not shown any: one
//! call, one question. Which virtual process asks is the stand-in's to know: it is the one that it let run.
//! Errors are error numbers, as the real kernel's are.

use crate::primitive::kernel::{Change, Wake, Watched};
use std::ffi::OsString;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// Which file: two descriptors of one file have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The device that it lies on (`st_dev`).
    pub device: u64,
    /// Its number there (`st_ino`).
    pub number: u64,
}

/// What is to be opened, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open<'a> {
    /// A new file in memory, that can be sealed.
    Memory,
    /// A new file without a name, in the directory of this path.
    Nameless(&'a Path),
    /// A new file of a name of its own; `EEXIST` if the name is taken.
    New(&'a Path),
    /// The file of a name.
    Existing {
        /// The name.
        path: &'a Path,
        /// For reading only?
        read_only: bool,
    },
}

/// The kernel, as far as it is not memory, played by [`Hooks::instead`](super::Hooks::instead).
///
/// # Errors
///
/// Every error is an error number (`EINTR`, `ENOENT`), and is taken as the real kernel's would be.
///
/// # Examples
///
/// A kernel in which every name is free, every lock is refused, and every sleep ends at once:
///
/// ```
/// use ringway_shm::primitive::kernel::{Change, Wake, Watched};
/// use ringway_shm::primitive::model::{FileId, Hooks, Kernel, Open, install};
/// use ringway_shm::{Access, Blueprint, Name, OpenError, Region};
/// use std::ffi::OsString;
/// use std::os::fd::{BorrowedFd, OwnedFd};
/// use std::{path::Path, rc::Rc, time::Duration};
///
/// const NOT_FOUND: i32 = 2;
/// const REFUSED: i32 = 1;
///
/// struct Empty;
///
/// impl Kernel for Empty {
///     fn random(&self) -> [u8; 16] { [7; 16] }
///     fn pause(&self, _: Duration) {}
///     fn sleep(&self, _: &[Watched], _: Option<Duration>) -> Result<Wake, i32> { Ok(Wake::Woken) }
///     fn wake(&self, _: usize, _: usize) -> usize { 0 }
///     fn change_and_wake(&self, _: usize, _: Change, _: usize) -> usize { 0 }
///     fn join_heavy_fences(&self) -> bool { true }
///     fn heavy_fence(&self) -> bool { true }
///     fn enlist(&self, _: usize) -> Option<u32> { None }
///     fn delist(&self, _: usize) {}
///     fn lock(&self, _: FileId, _: u64, _: bool) -> Result<bool, i32> { Ok(false) }
///     fn unlock(&self, _: FileId, _: u64, _: bool) {}
///     fn is_locked(&self, _: FileId, _: u64) -> Result<bool, i32> { Ok(true) }
///     fn open(&self, _: Open<'_>) -> Result<OwnedFd, i32> { Err(NOT_FOUND) }
///     fn link(&self, _: BorrowedFd<'_>, _: &Path) -> Result<(), i32> { Err(REFUSED) }
///     fn unlink(&self, _: &Path) -> Result<(), i32> { Err(NOT_FOUND) }
///     fn look(&self, _: &Path) -> Result<OwnedFd, i32> { Err(NOT_FOUND) }
///     fn list(&self, _: &Path) -> Result<Vec<OsString>, i32> { Ok(Vec::new()) }
/// }
///
/// impl Hooks for Empty {
///     fn instead(&self) -> Option<&dyn Kernel> { Some(self) }
/// }
///
/// let _installed = install(Rc::new(Empty));
/// let opened = Region::open(Name::new("quotes")?, &Blueprint::new(1, 1).expected(), Access::default());
/// assert!(matches!(opened, Err(OpenError::NotFound { .. })));
/// # Ok::<(), ringway_shm::NameError>(())
/// ```
pub trait Kernel {
    /// Random bytes.
    fn random(&self) -> [u8; 16];

    /// Lets this much time go by, sleeping at no word.
    fn pause(&self, length: Duration);

    /// Sleeps while the words, one or several, have their values, until one is woken or the monotonic clock shows
    /// `until`.
    ///
    /// # Errors
    ///
    /// Of several words: `ENOSYS`, `EPERM` and `EACCES` say that it cannot sleep at several. Of all else, and of one
    /// word, the sleeper looks again (`EAGAIN`, `EINTR`), or sees that the moment came (`ETIMEDOUT`).
    fn sleep(&self, watched: &[Watched], until: Option<Duration>) -> Result<Wake, i32>;

    /// Wakes as many as `most` of those who sleep at the word of this address, by whatever address they know it; says how many.
    fn wake(&self, address: usize, most: usize) -> usize;

    /// Changes a word of 32 bits, or the lower half of one of 64, with a full barrier before and after, and wakes as many as
    /// `most` of those who sleep at it; says how many. No process dies between the two.
    fn change_and_wake(&self, address: usize, change: Change, most: usize) -> usize;

    /// Lets heavy fences reach the calling process; false: refused.
    fn join_heavy_fences(&self) -> bool;

    /// A full fence in every process that joined; false: refused.
    fn heavy_fence(&self) -> bool;

    /// The life word at this address is to be marked when the calling process dies. The answer is the number
    /// of the thread that the word shall bear, at most 30 bits wide and not 0; `None`: refused.
    fn enlist(&self, life: usize) -> Option<u32>;

    /// Ends [`enlist`](Self::enlist).
    fn delist(&self, life: usize);

    /// Takes a lock byte by an open description of its own, which ends with the calling process; false:
    /// somebody else has it, also the same process by another description.
    ///
    /// # Errors
    ///
    /// What the real kernel may say.
    fn lock(&self, file: FileId, byte: u64, exclusive: bool) -> Result<bool, i32>;

    /// Gives back a lock byte that was taken so.
    fn unlock(&self, file: FileId, byte: u64, exclusive: bool);

    /// Does anybody have the lock byte, the calling process included?
    ///
    /// # Errors
    ///
    /// What the real kernel may say.
    fn is_locked(&self, file: FileId, byte: u64) -> Result<bool, i32>;

    /// Opens a file. What comes back is a real descriptor, of a file in memory for one: what it contains is
    /// not the stand-in's matter.
    ///
    /// # Errors
    ///
    /// What the real kernel may say: `ENOENT`, `EEXIST`, `EOPNOTSUPP` of a nameless one.
    fn open(&self, how: Open<'_>) -> Result<OwnedFd, i32>;

    /// Gives an open file a name.
    ///
    /// # Errors
    ///
    /// `EEXIST` if the name is taken.
    fn link(&self, file: BorrowedFd<'_>, path: &Path) -> Result<(), i32>;

    /// Takes a name away.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such name.
    fn unlink(&self, path: &Path) -> Result<(), i32>;

    /// A descriptor of the file of a name, to learn what it is.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such name.
    fn look(&self, path: &Path) -> Result<OwnedFd, i32>;

    /// The names in a directory.
    ///
    /// # Errors
    ///
    /// What the real kernel may say.
    fn list(&self, directory: &Path) -> Result<Vec<OsString>, i32>;
}
