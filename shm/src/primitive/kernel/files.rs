//! The file that a region lies in.

#![allow(unsafe_code)] // because seals by number need a `libc` call, and populating needs an address.

#[cfg(feature = "model")]
use super::answer;
use super::{Call, pass};
#[cfg(feature = "model")]
use crate::primitive::model::Open;
use rustix::fs::{AtFlags, FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::{Errno, Result};
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A new anonymous file that can be sealed.
pub(crate) fn memfd(label: &CStr) -> Result<OwnedFd> {
    instead!(|kernel| answer(kernel.open(Open::Memory)));
    pass(Call::Memfd)?;
    on_the_heap!(super::heap::memfd());
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create(label, flags | MemfdFlags::NOEXEC_SEAL) {
        // Kernels before 6.3 do not know NOEXEC_SEAL.
        Err(Errno::INVAL) => rustix::fs::memfd_create(label, flags),
        other => other,
    }
}

/// A new file in `directory` that has no name yet and vanishes with its last descriptor.
pub(crate) fn open_nameless(directory: &Path) -> Result<OwnedFd> {
    instead!(|kernel| answer(kernel.open(Open::Nameless(directory))));
    pass(Call::OpenNameless(directory))?;
    rustix::fs::open(directory, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)
}

/// A new file of its own name; fails with `EXIST` if the name is taken.
pub(crate) fn open_new(path: &Path) -> Result<OwnedFd> {
    instead!(|kernel| answer(kernel.open(Open::New(path))));
    pass(Call::OpenNew(path))?;
    let fresh = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    rustix::fs::open(path, fresh | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)
}

/// An existing file, never through a symbolic link.
pub(crate) fn open(path: &Path, read_only: bool) -> Result<OwnedFd> {
    instead!(|kernel| answer(kernel.open(Open::Existing { path, read_only })));
    pass(Call::Open(path))?;
    let access = if read_only { OFlags::RDONLY } else { OFlags::RDWR };
    let quiet = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::fs::open(path, access | quiet, Mode::empty())
}

/// A description of our own of an open file: its locks are ours and not the sender's.
pub(crate) fn reopen(descriptor: i32, read_only: bool) -> Result<OwnedFd> {
    pass(Call::Reopen)?;
    let access = if read_only { OFlags::RDONLY } else { OFlags::RDWR };
    // A lease that the sender has on the file makes this fail, not wait.
    rustix::fs::open(own_path(descriptor), access | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())
}

/// The path under which this process sees one of its own descriptors. It is the calling thread's: that of the process is
/// its first thread's, and empty once that one has ended.
fn own_path(descriptor: i32) -> String {
    format!("/proc/thread-self/fd/{descriptor}")
}

/// What matters here of the file system that a file lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// Is it kept in memory, where asking for more than there is costs processes their lives?
    pub(crate) in_memory: bool,
    /// Bytes of the large pages that it consists of, if it does.
    pub(crate) large_page: Option<u64>,
}

/// The file system of an open file.
pub(crate) fn file_system(file: BorrowedFd<'_>) -> Result<FileSystem> {
    pass(Call::Stat)?;
    let found = rustix::fs::fstatfs(file)?;
    #[allow(clippy::unnecessary_cast)] // because the fields' types differ between targets.
    let (kind, block) = (found.f_type as u32, found.f_bsize as u64);
    let large_page = (kind == libc::HUGETLBFS_MAGIC as u32).then_some(block);
    Ok(FileSystem { in_memory: kind == libc::TMPFS_MAGIC as u32, large_page })
}

/// All the memory there is, swap included, in bytes.
pub(crate) fn memory_total() -> u64 {
    on_the_heap!(u64::MAX);
    let info = rustix::system::sysinfo();
    #[allow(clippy::unnecessary_cast)] // because the fields' type differs between targets.
    let units = (info.totalram as u64).saturating_add(info.totalswap as u64);
    units.saturating_mul(u64::from(info.mem_unit))
}

/// Sets the file's length.
pub(crate) fn truncate(file: BorrowedFd<'_>, len: u64) -> Result<()> {
    pass(Call::Truncate(len))?;
    on_the_heap!(super::heap::truncate(file, len));
    rustix::fs::ftruncate(file, len)
}

/// Reserves every page of the first `len` bytes, so that no later touch can fail for want of memory.
pub(crate) fn reserve(file: BorrowedFd<'_>, len: u64) -> Result<()> {
    pass(Call::Reserve(len))?;
    on_the_heap!(Ok(()));
    // In pieces, each repeated after a signal: one call for a large region might be interrupted again and again.
    let piece = 64 << 20;
    let mut at = 0;
    while at < len {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), at, piece.min(len - at)) {
            Ok(()) => at += piece,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reserves the pages behind a mapping whose descriptor we do not have.
///
/// # Safety
///
/// `start..start + len` is one mapping of this process.
pub(crate) unsafe fn populate(start: *mut u8, len: usize) -> Result<()> {
    pass(Call::Reserve(len as u64))?;
    // SAFETY: the caller vouches for the range; the advice only faults pages in.
    unsafe { rustix::mm::madvise(start.cast(), len, rustix::mm::Advice::LinuxPopulateWrite) }
}

/// Writes all of `bytes` at the start of the file.
pub(crate) fn write_start(file: BorrowedFd<'_>, bytes: &[u8]) -> Result<()> {
    pass(Call::Write(bytes.len()))?;
    on_the_heap!(super::heap::write_start(file, bytes));
    let mut done = 0;
    while done < bytes.len() {
        match rustix::io::pwrite(file, &bytes[done..], done as u64) {
            Ok(0) => return Err(Errno::IO),
            Ok(n) => done += n,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads up to `bytes.len()` bytes from the start of the file; says how many there were.
pub(crate) fn read_start(file: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<usize> {
    pass(Call::Read(bytes.len()))?;
    let mut done = 0;
    while done < bytes.len() {
        match rustix::io::pread(file, &mut bytes[done..], done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Sets the permission bits, whatever the process's umask.
pub(crate) fn set_mode(file: BorrowedFd<'_>, mode: u32) -> Result<()> {
    pass(Call::Mode(mode))?;
    rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
}

/// Sets the group.
pub(crate) fn set_group(file: BorrowedFd<'_>, group: u32) -> Result<()> {
    pass(Call::Group(group))?;
    rustix::fs::fchown(file, None, Some(rustix::fs::Gid::from_raw(group)))
}

/// The seals of a region: its length is final, and so are its seals.
pub(crate) const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Seals length and seals.
pub(crate) fn seal(file: BorrowedFd<'_>) -> Result<()> {
    pass(Call::Seal)?;
    on_the_heap!(Ok(()));
    rustix::fs::fcntl_add_seals(file, SEALS)
}

/// Does the file behind a descriptor carry all of [`SEALS`]? `INVAL` when it is not one in memory (tmpfs or hugetlbfs),
/// `BADF` when no such descriptor is open. The kernel answers this itself, whatever file system the file is of.
pub(crate) fn is_sealed(descriptor: i32) -> Result<bool> {
    pass(Call::Stat)?;
    // SAFETY: the command takes no argument and touches no memory; any number may be asked about.
    let seals = unsafe { libc::fcntl(descriptor, libc::F_GET_SEALS) };
    if seals == -1 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    Ok(SealFlags::from_bits_retain(seals as u32).contains(SEALS))
}

/// Gives a nameless file its name in one step; fails with `EXIST` if the name is taken.
pub(crate) fn link(file: BorrowedFd<'_>, path: &Path) -> Result<()> {
    instead!(|kernel| answer(kernel.link(file, path)));
    pass(Call::Link(path))?;
    let ours = own_path(file.as_raw_fd());
    match rustix::fs::linkat(rustix::fs::CWD, ours, rustix::fs::CWD, path, AtFlags::SYMLINK_FOLLOW) {
        // Without /proc there is the way by descriptor, for which older kernels want a privilege.
        Err(Errno::NOENT) => rustix::fs::linkat(file, c"", rustix::fs::CWD, path, AtFlags::EMPTY_PATH),
        other => other,
    }
}

/// Takes a name away.
pub(crate) fn unlink(path: &Path) -> Result<()> {
    instead!(|kernel| answer(kernel.unlink(path)));
    pass(Call::Unlink(path))?;
    rustix::fs::unlink(path)
}

/// What an open file is.
pub(crate) fn stat(file: BorrowedFd<'_>) -> Result<rustix::fs::Stat> {
    pass(Call::Stat)?;
    rustix::fs::fstat(file)
}

/// What a path names now, not following a symbolic link.
pub(crate) fn stat_path(path: &Path) -> Result<rustix::fs::Stat> {
    instead!(|kernel| answer(kernel.look(path)).and_then(rustix::fs::fstat));
    pass(Call::Stat)?;
    rustix::fs::lstat(path)
}

/// The names in a directory.
pub(crate) fn list_directory(path: &Path) -> Result<Vec<std::ffi::OsString>> {
    instead!(|kernel| answer(kernel.list(path)));
    pass(Call::ListDirectory(path))?;
    let failed = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name());
    }
    Ok(names)
}

/// Shows the hooks that `len` bytes are about to be mapped.
pub(crate) fn about_to_map(len: usize) -> Result<()> {
    pass(Call::Map(len))
}
