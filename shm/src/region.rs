//! A region: shared bytes with a checked superblock, and the roles that parties hold in it.
//!
//! ```text
//!   Blueprint ─┬─ anonymous()              sealed memfd; travels by descriptor (travel.rs)
//!              ├─ create(name), open(name) POSIX name (named.rs)
//!              ├─ create_file, open_file   a path (file.rs)
//!              └─ adopt(segment)           a segment that the application has (adopted.rs)
//!                        │
//!                        ▼
//!              Region: geometry (private copy) · mapping · lock bytes · claims
//! ```
//!
//! **Lock bytes.** The kernel keeps locks on single bytes far beyond the file's end, and gives them back when the address
//! space of their holder ends (hold.rs), so a role whose holder was killed is free at once and nobody has to repair
//! anything.
//!
//! ```text
//!   byte                    taken by                                    means
//!   ATTACHED                every party of a region with a name, shared       somebody lives here
//!                           last party or sweeper, exclusive            nobody lives here any more
//!   REMOVING                whoever takes the name away, exclusive      only one does, and of this region
//!   ROLE_LOCKS + role       the holder of the role, exclusive           `Claim`
//!   ROW_LOCKS + row         the owner of the row, exclusive             `Participant`
//!   TRIAL_LOCKS + n         a party at a path, shared, for a moment     how does this file system keep locks?
//! ```

use crate::access::Access;
use crate::blueprint::{Birth, Blueprint};
use crate::error::{CreateError, Doing, MirrorError, OpenError, SystemError};
use crate::file::Draft;
use crate::geometry::{Expected, Found, Geometry, Rejected};
use crate::hold::{Backing, Hold};
use crate::layout::{PAGE, ROWS, Row, Superblock};
use crate::location::Location;
use crate::mapping::{Mapping, Mirror};
use crate::name::Name;
use crate::participants::Participant;
use crate::primitive::kernel::{self, on_the_heap};
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::process::Home;
use core::ptr::NonNull;
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use zerocopy::{FromZeros, IntoBytes};

/// How many regions this process has opened.
static REGIONS: AtomicU64 = AtomicU64::new(0);

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
    /// No other region that this process opens has it.
    number: u64,
    /// Kept by the rows as well that are seen in it.
    mapping: Arc<Mapping>,
    /// Where the table of participants is mapped.
    rows: NonNull<Row>,
    backing: Backing,
    /// The process that opened it: a forked child has neither its mappings nor its locks.
    home: Home,
    /// This party of a region with a name.
    attached: Mutex<Option<Hold>>,
    /// This process's row, while somebody uses it.
    participant: Mutex<Weak<Participant>>,
    /// The name or path that this region was given or opened by; empty for one that has none.
    location: OnceLock<Location>,
    /// 1: a file that may be given a name, and has none yet.
    nameable: AtomicU32,
    /// The name under which it was built, where a file cannot be without one.
    draft: Mutex<Option<Draft>>,
    /// The path of an adopted segment that is ours to remove.
    segment: Option<PathBuf>,
}

impl Region {
    pub(crate) fn assemble(
        geometry: Geometry,
        mapping: Mapping,
        backing: Backing,
        attached: Option<Hold>,
        location: Option<Location>,
    ) -> Self {
        let table = geometry.section(ROWS).expect("checked: every region has a table of participants");
        assert!(
            table.offset + table.len <= mapping.len() as u64,
            "the geometry was checked against the length"
        );
        #[cfg(feature = "model")]
        mapping.is_of(Some(backing.identity()));
        let rows = mapping.start().as_ptr().wrapping_add(table.offset as usize).cast::<Row>();
        Self {
            geometry,
            number: REGIONS.fetch_add(1, Ordering::Relaxed) + 1,
            mapping: Arc::new(mapping),
            rows: NonNull::new(rows).expect("an address in a mapping"),
            backing,
            home: Home::here(),
            attached: Mutex::new(attached),
            participant: Mutex::new(Weak::new()),
            location: location.map_or_else(OnceLock::new, OnceLock::from),
            nameable: AtomicU32::new(0),
            draft: Mutex::new(None),
            segment: None,
        }
    }

    /// Creates a region without a name, in a sealed memory file: nobody can ever change its length.
    ///
    /// # Errors
    ///
    /// [`CreateError::NoRoom`] when its pages cannot all be reserved now.
    pub fn anonymous(blueprint: &Blueprint) -> Result<Self, CreateError> {
        let file = kernel::memfd(c"ringway").doing("creating a memory file")?;
        let backing = Backing::in_memory(file, false).doing("looking at a region")?;
        let geometry = fill(&backing, blueprint)?;
        kernel::seal(backing.descriptor().as_fd()).doing("sealing a region")?;
        let mapping = map(backing.map(&geometry), geometry.region_len)?;
        Ok(Self::assemble(geometry, mapping, backing, None, None))
    }

    /// What the region consists of.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The name it was created or opened by.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        match self.location.get()? {
            Location::Name(name) => Some(name),
            Location::File(_) => None,
        }
    }

    /// The name or the path it was created or opened by.
    #[must_use]
    pub fn location(&self) -> Option<&Location> {
        self.location.get()
    }

    /// Was it opened for reading only?
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.backing.is_read_only()
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
    /// [`MirrorError`] when there is no such section, when it does not lie in whole pages of the file, which matters for
    /// large ones only, or when there is no room in the address space.
    pub fn mirror(&self, content: u32) -> Result<Mirror, MirrorError> {
        let doing = "mapping a section twice";
        let section = self.geometry.section(content).ok_or(MirrorError::NoSection { content })?;
        let (page, offset, len) = (self.backing.grain(), section.offset, section.len);
        if offset % page != 0 || len % page != 0 {
            return Err(MirrorError::LargePages { page, offset, len });
        }
        let file = self.backing.file().doing(doing)?;
        Ok(Mirror::new(file, section, self.is_read_only()).doing(doing)?)
    }

    /// A number that no other region has which this process opens.
    #[inline(always)]
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Are we in a child of the process that opened it? Then nothing of the region is here: open it afresh.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.home.is_elsewhere()
    }

    /// The same, without a system call, for whoever asks often. It does not know a child that was made by a bare `clone`,
    /// where no handler of `fork` ran; that one has no memory of the region to ask about.
    #[inline]
    #[must_use]
    pub fn is_known_forked(&self) -> bool {
        self.home.is_forked()
    }

    pub(crate) fn backing(&self) -> &Backing {
        &self.backing
    }

    pub(crate) fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    /// Address of the first row; the others follow it.
    #[inline(always)]
    pub(crate) fn rows(&self) -> NonNull<Row> {
        self.rows
    }

    /// The row that this process has, if it has one.
    pub(crate) fn known(&self) -> &Mutex<Weak<Participant>> {
        &self.participant
    }

    /// Ends being a party of the region.
    pub(crate) fn detach(&self) {
        *self.attached.lock().unwrap_or_else(PoisonError::into_inner) = None;
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

    pub(crate) fn set_draft(&self, draft: Option<Draft>) {
        *self.draft.lock().unwrap_or_else(PoisonError::into_inner) = draft;
    }

    /// The region has its place now; the name under which it was built goes.
    pub(crate) fn set_location(&self, location: Location) {
        let named = self.location.set(location);
        debug_assert_eq!(named, Ok(()), "only `publish` names a region, and only one without a name");
        self.set_draft(None);
    }
}

#[allow(unsafe_code)] // because the address of the rows is raw.
// SAFETY: the address is of a mapping that the region keeps, and belongs to no thread.
unsafe impl Send for Region {}
#[allow(unsafe_code)] // as above.
// SAFETY: what is shared through it are atomic words.
unsafe impl Sync for Region {}

impl AsFd for Region {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.backing.descriptor().as_fd()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.home.is_elsewhere() {
            return;
        }
        if let Some(location) = self.location.take() {
            crate::naming::leave(self, &location);
        }
        if let Some(path) = self.segment.take() {
            // What fails here leaves the segment under its name, for the application to remove.
            let _ = crate::naming::remove(&path, &self.backing);
        }
    }
}

/// Turns an empty file into a region that nobody else can see yet: length, pages, superblock.
pub(crate) fn fill(backing: &Backing, blueprint: &Blueprint) -> Result<Geometry, CreateError> {
    let (needed, grain) = (blueprint.region_len(), backing.grain());
    let len = needed.next_multiple_of(grain);
    // A file in memory has no limit of its own: asked for more than there is, the kernel would kill processes to find it.
    if backing.is_in_memory() && len > kernel::memory_total() {
        return Err(CreateError::NoRoom { needed });
    }
    let file = backing.descriptor().as_fd();
    reserved(kernel::truncate(file, len), needed, "sizing a region")?;
    reserved(kernel::reserve(file, len), needed, "reserving a region's pages")?;
    let superblock = blueprint.superblock(&birth()?);
    if grain == PAGE {
        kernel::write_start(file, superblock.as_bytes()).doing("writing a superblock")?;
    } else {
        // A file of large pages takes nothing by `write`.
        map(Mapping::file(file, len, false), needed)?.write_start(superblock.as_bytes());
    }
    let found = Found { len, grain, boot: Some(superblock.boot), read_only: false };
    Ok(Geometry::check(&superblock, &found).map_err(OpenError::Rejected)?)
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
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Err(CreateError::CannotReserve),
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

/// Copies the superblock out of a file, once, and checks it against the file's length, which is in whole grains.
pub(crate) fn read_geometry(file: BorrowedFd<'_>, grain: u64, access: Access) -> Result<Geometry, OpenError> {
    let len = kernel::stat(file).doing("looking at a region")?.st_size as u64;
    let mut superblock = Superblock::new_zeroed();
    let read = kernel::read_start(file, superblock.as_mut_bytes()).doing("reading a superblock")?;
    if read < size_of::<Superblock>() {
        let expected = size_of::<Superblock>() as u64;
        return Err(Rejected::Length { found: len, expected }.into());
    }
    let boot = if access.after_reboot { None } else { Some(boot()?) };
    let found = Found { len, grain, boot, read_only: access.read_only };
    Ok(Geometry::check(&superblock, &found)?)
}

/// The facts that go into a new superblock.
pub(crate) fn birth() -> Result<Birth, SystemError> {
    let identity = kernel::random().doing("drawing an identity")?;
    on_the_heap!(Ok(Birth {
        identity,
        boot: boot()?,
        created_ns: 0,
        user: 0,
        process: crate::process::process_id(),
    }));
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    Ok(Birth {
        identity,
        boot: boot()?,
        created_ns: (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64),
        user: rustix::process::geteuid().as_raw(),
        process: crate::process::process_id(),
    })
}

/// The kernel's boot id, read once per process.
pub(crate) fn boot() -> Result<[u8; 16], SystemError> {
    on_the_heap!(Ok([0x11; 16]));
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
