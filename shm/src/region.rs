//! A region: shared bytes with a checked superblock, and the roles that parties hold in it.
//!
//! ```text
//!   Blueprint ─┬─ anonymous()              sealed memfd; travels by descriptor (travel.rs)
//!              ├─ create(name), open(name) POSIX name (named.rs)
//!              └─ adopt(segment)           a segment that the application has (adopted.rs)
//!                        │
//!                        ▼
//!              Region: geometry (private copy) · mapping · lock bytes · claims
//! ```
//!
//! **Lock bytes.** The kernel keeps, for each open description of the region's file, locks on single bytes far beyond
//! the file's end. It gives them back when the description goes, at the latest at its process's death, so a role whose
//! holder was killed is free at once and nobody has to repair anything. (A forked child shares the description, and so
//! keeps the role taken until it exits or executes another program; it can neither claim nor give back any itself.)
//!
//! ```text
//!   byte                  taken by                                    means
//!   LOCKS + 0 ATTACHED    every party of a named region, shared       somebody lives here
//!                         last party or sweeper, exclusive            nobody lives here any more
//!   LOCKS + 1 REMOVING    whoever takes the name away, exclusive      only one does, and of this region
//!   LOCKS + 16 + role     the holder of the role, exclusive           `Claim`
//! ```

use crate::blueprint::{Birth, Blueprint};
use crate::error::{ClaimError, CreateError, Doing, OpenError, SystemError};
use crate::geometry::{Expected, Geometry, Rejected};
use crate::layout::{Section, Superblock};
use crate::mapping::{Mapping, Mirror};
use crate::name::Name;
use crate::primitive::{AtomicU32, AtomicU64, Ordering, kernel};
use core::ptr::NonNull;
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use zerocopy::{FromZeros, IntoBytes};

/// First lock byte: beyond any region's end.
const LOCKS: u64 = 1 << 62;
pub(crate) const ATTACHED: u64 = LOCKS;
pub(crate) const REMOVING: u64 = LOCKS + 1;
const ROLES: u64 = LOCKS + 16;

/// How many roles a region has.
pub const ROLES_MAX: u32 = 64;

/// Shared bytes in the address space, with what is known about them.
///
/// # Examples
///
/// ```
/// use ringway_shm::{Blueprint, Region, layout};
///
/// let blueprint = Blueprint::new(1, 1).section(layout::FIRST_OWN, 4096)?;
/// let region = Region::anonymous(&blueprint)?;
/// assert_eq!(region.geometry().region_len, blueprint.region_len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Region {
    geometry: Geometry,
    mapping: Mapping,
    file: OwnedFd,
    read_only: bool,
    /// The process that opened it: a forked child shares its locks and must neither take nor give back any.
    process: u32,
    /// The name that this region was given or opened by; empty for one that has none.
    name: OnceLock<Name>,
    /// 1: a file that may be given a name, and has none yet.
    nameable: AtomicU32,
    /// The path of an adopted segment that is ours to remove.
    segment: Option<PathBuf>,
    /// Roles claimed through this value: the kernel does not tell two claimers of one description apart.
    claimed: AtomicU64,
}

impl Region {
    pub(crate) fn assemble(
        geometry: Geometry,
        mapping: Mapping,
        file: OwnedFd,
        read_only: bool,
        name: Option<Name>,
    ) -> Self {
        let name = name.map_or_else(OnceLock::new, OnceLock::from);
        Self {
            geometry,
            mapping,
            file,
            read_only,
            process: this_process(),
            name,
            nameable: AtomicU32::new(0),
            segment: None,
            claimed: AtomicU64::new(0),
        }
    }

    /// Creates a region without a name, in a sealed memory file: nobody can ever change its length.
    ///
    /// # Errors
    ///
    /// [`CreateError::NoRoom`] when its pages cannot all be reserved now.
    pub fn anonymous(blueprint: &Blueprint) -> Result<Self, CreateError> {
        let file = kernel::memfd(c"ringway").doing("creating a memory file")?;
        let geometry = fill(&file, blueprint)?;
        kernel::seal(file.as_fd()).doing("sealing a region")?;
        let mapping = map(Mapping::file(file.as_fd(), geometry.region_len, false), geometry.region_len)?;
        Ok(Self::assemble(geometry, mapping, file, false, None))
    }

    /// What the region consists of.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The name it was created or opened by.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.name.get()
    }

    /// Was it opened for reading only?
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Is it of this kind, version and type?
    ///
    /// # Errors
    ///
    /// [`Rejected`] says what it is instead.
    pub fn expect(&self, expected: &Expected) -> Result<(), Rejected> {
        self.geometry.expect(expected)
    }

    /// Address and length of a section. Readable, and writable unless [`is_read_only`](Self::is_read_only), while the
    /// region lives; page-aligned.
    #[must_use]
    pub fn section(&self, content: u32) -> Option<(NonNull<u8>, usize)> {
        let section = self.geometry.section(content)?;
        let (offset, len) = (section.offset as usize, section.len as usize);
        debug_assert!(offset + len <= self.mapping.len());
        // The geometry was checked against the length that is mapped, so the address cannot wrap to null.
        let start = NonNull::new(self.mapping.start().as_ptr().wrapping_add(offset))?;
        Some((start, len))
    }

    /// Maps a section twice in a row.
    ///
    /// # Errors
    ///
    /// [`SystemError`] when there is no such section (`EINVAL`) or no room in the address space.
    pub fn mirror(&self, content: u32) -> Result<Mirror, SystemError> {
        let doing = "mapping a section twice";
        let section: Section = self.geometry.section(content).ok_or(SystemError::new(doing, Errno::INVAL))?;
        Mirror::new(self.file.as_fd(), section, &self.mapping, self.read_only).doing(doing)
    }

    /// Takes a role that only one live handle can have at a time, in whatever process.
    ///
    /// It is given back when the claim is dropped or its process dies.
    ///
    /// # Errors
    ///
    /// [`ClaimError::Taken`] when somebody has it.
    ///
    /// # Panics
    ///
    /// When `role` is not below [`ROLES_MAX`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, ClaimError, Region};
    /// use std::sync::Arc;
    ///
    /// let region = Arc::new(Region::anonymous(&Blueprint::new(1, 1))?);
    /// let claim = region.claim(3)?;
    /// assert_eq!(region.claim(3).unwrap_err(), ClaimError::Taken);
    /// drop(claim);
    /// region.claim(3)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn claim(self: &Arc<Self>, role: u32) -> Result<Claim, ClaimError> {
        assert!(role < ROLES_MAX, "role {role}: there are {ROLES_MAX}");
        if self.read_only {
            return Err(ClaimError::ReadOnly);
        }
        if self.is_forked() {
            return Err(ClaimError::Forked);
        }
        // Relaxed: the bit only keeps this process's claimers apart; what they share is ordered by the region's words.
        if self.claimed.fetch_or(1 << role, Ordering::Relaxed) & (1 << role) != 0 {
            return Err(ClaimError::Taken);
        }
        // From here on the drop of the claim gives the bit back, whatever fails.
        let mut claim = Claim { region: Arc::clone(self), role, locked: false };
        if !kernel::try_lock(&self.file, ROLES + u64::from(role), true).doing("claiming a role")? {
            return Err(ClaimError::Taken);
        }
        claim.locked = true;
        Ok(claim)
    }

    /// Does anybody have this role, here or in another process?
    ///
    /// # Errors
    ///
    /// [`SystemError`] when the system does not answer.
    pub fn is_claimed(&self, role: u32) -> Result<bool, SystemError> {
        let here = self.claimed.load(Ordering::Relaxed) & 1u64.checked_shl(role).unwrap_or(0) != 0;
        Ok(here || kernel::is_locked(&self.file, ROLES + u64::from(role)).doing("asking for a role")?)
    }

    /// Are we in a child of the process that opened it?
    fn is_forked(&self) -> bool {
        self.process != this_process()
    }

    pub(crate) fn file(&self) -> &OwnedFd {
        &self.file
    }

    pub(crate) fn set_nameable(&self) {
        // Relaxed: the word is this process's own, and tells apart who may go on to name the region.
        self.nameable.store(1, Ordering::Relaxed);
    }

    /// Takes the right to name the region; false if it is not to be named, or somebody is at it.
    pub(crate) fn take_nameable(&self) -> bool {
        self.nameable.swap(0, Ordering::Relaxed) == 1
    }

    pub(crate) fn own_segment(&mut self, path: PathBuf) {
        self.segment = Some(path);
    }

    pub(crate) fn set_name(&self, name: Name) {
        let named = self.name.set(name);
        debug_assert_eq!(named, Ok(()), "only `publish` names a region, and only one without a name");
    }
}

impl AsFd for Region {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.is_forked() {
            return;
        }
        if let Some(name) = self.name.take() {
            crate::named::leave(self, &name);
        }
        if let Some(path) = self.segment.take() {
            // What fails here leaves the segment under its name, for the application to remove.
            let _ = crate::named::remove(&path, &self.file);
        }
    }
}

/// A role that this process holds; given back when dropped.
#[derive(Debug)]
pub struct Claim {
    region: Arc<Region>,
    role: u32,
    locked: bool,
}

impl Claim {
    /// The region it was claimed in.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        &self.region
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.locked && !self.region.is_forked() {
            // A failure here leaves the role taken until the region's descriptor goes: too long, never twice.
            let _ = kernel::unlock(&self.region.file, ROLES + u64::from(self.role));
        }
        self.region.claimed.fetch_and(!(1 << self.role), Ordering::Relaxed);
    }
}

fn this_process() -> u32 {
    rustix::process::getpid().as_raw_nonzero().get() as u32
}

/// Turns an empty file into a region that nobody else can see yet: length, pages, superblock.
pub(crate) fn fill(file: &OwnedFd, blueprint: &Blueprint) -> Result<Geometry, CreateError> {
    let len = blueprint.region_len();
    // A memory file has no limit of its own: asked for more than there is, the kernel would kill processes to find it.
    if len > kernel::memory_total() {
        return Err(CreateError::NoRoom { needed: len });
    }
    reserved(kernel::truncate(file.as_fd(), len), len, "sizing a region")?;
    reserved(kernel::reserve(file.as_fd(), len), len, "reserving a region's pages")?;
    let superblock = blueprint.superblock(&birth()?);
    kernel::write_start(file.as_fd(), superblock.as_bytes()).doing("writing a superblock")?;
    Ok(Geometry::check(&superblock, len, &superblock.boot, false).map_err(OpenError::Rejected)?)
}

/// Reads "no room" out of the ways in which the kernel says it.
pub(crate) fn reserved(
    result: rustix::io::Result<()>,
    needed: u64,
    doing: &'static str,
) -> Result<(), CreateError> {
    match result {
        Ok(()) => Ok(()),
        Err(Errno::NOSPC | Errno::NOMEM | Errno::DQUOT | Errno::FBIG | Errno::FAULT) => {
            Err(CreateError::NoRoom { needed })
        }
        Err(errno) => Err(SystemError::new(doing, errno).into()),
    }
}

/// Reads "no room" out of a failed mapping.
pub(crate) fn map(result: rustix::io::Result<Mapping>, needed: u64) -> Result<Mapping, CreateError> {
    result.map_err(|errno| match errno {
        Errno::NOMEM | Errno::OVERFLOW => CreateError::NoRoom { needed },
        errno => SystemError::new("mapping a region", errno).into(),
    })
}

/// Copies the superblock out of a file, once, and checks it against the file's length.
pub(crate) fn read_geometry(file: BorrowedFd<'_>, read_only: bool) -> Result<Geometry, OpenError> {
    let found = kernel::stat(file).doing("looking at a region")?.st_size as u64;
    let mut superblock = Superblock::new_zeroed();
    let len = kernel::read_start(file, superblock.as_mut_bytes()).doing("reading a superblock")?;
    if len < size_of::<Superblock>() {
        let expected = size_of::<Superblock>() as u64;
        return Err(Rejected::Length { found, expected }.into());
    }
    Ok(Geometry::check(&superblock, found, &boot()?, read_only)?)
}

/// The facts that go into a new superblock.
pub(crate) fn birth() -> Result<Birth, SystemError> {
    let mut identity = [0; 16];
    rustix::rand::getrandom(&mut identity, rustix::rand::GetRandomFlags::empty())
        .doing("drawing an identity")?;
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    Ok(Birth {
        identity,
        boot: boot()?,
        created_ns: (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64),
        user: rustix::process::geteuid().as_raw(),
        process: this_process(),
    })
}

/// The kernel's boot id, read once per process.
pub(crate) fn boot() -> Result<[u8; 16], SystemError> {
    static BOOT: OnceLock<[u8; 16]> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(*boot);
    }
    let doing = "reading the kernel's boot id";
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_err(|error| SystemError::new(doing, Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let boot = u128::from_str_radix(&digits, 16).map_err(|_| SystemError::new(doing, Errno::INVAL))?;
    Ok(*BOOT.get_or_init(|| boot.to_be_bytes()))
}
