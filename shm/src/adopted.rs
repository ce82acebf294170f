//! Regions on a segment that the application has already, made with the `shared_memory` crate.
//!
//! Such a segment has its name before it is a region, so here, and only here, there is a moment in which others can see
//! it half-made. The version word is 0 until everything else is written:
//!
//! ```text
//!   owner    reserve pages ─ version = 0 ─ zero ─ superblock, version 0 ─ version = VERSION (Release)
//!   others   version != 0 (Acquire), or the deadline passes ─ copy the superblock out ─ check
//! ```
//!
//! (Pages come first, since touching one that is not there could end the process. A segment that held a region before
//! still shows it until then.) An owner killed in between leaves a segment that is never ready: others time out, and the
//! application removes it as it would any segment of its own. The crate removes an owner's segment by name, whoever has
//! the name by then; here it is removed only if the name still leads to it.

#![allow(unsafe_code)] // because the superblock is written and read through the mapping.

use crate::blueprint::Blueprint;
use crate::error::{CreateError, Doing, OpenError};
use crate::geometry::{Found, Geometry, Rejected};
use crate::hold::Backing;
use crate::layout::{Superblock, VERSION};
use crate::mapping::Mapping;
use crate::name::DIRECTORY;
use crate::primitive::{AtomicU32, Ordering, copy_in, copy_out, kernel};
use crate::region::{Region, birth, boot, map, reserved};
use core::mem::offset_of;
use rustix::io::Errno;
use shared_memory::Shmem;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;
use zerocopy::{FromZeros, IntoBytes};

impl Region {
    /// Makes a region of a segment that the application created or opened with the `shared_memory` crate.
    ///
    /// The segment's owner builds the region in it, over whatever it held; everybody else waits up to `wait` for that
    /// and attaches. The segment goes with the region; an owner's name is removed then.
    ///
    /// # Errors
    ///
    /// [`CreateError::SegmentTooSmall`], [`CreateError::NoRoom`], or [`CreateError::Open`] with
    /// [`OpenError::TimedOut`], [`OpenError::SegmentGone`] or [`OpenError::Rejected`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, Region};
    /// use shared_memory::ShmemConf;
    /// use std::time::Duration;
    ///
    /// let blueprint = Blueprint::new(1, 1);
    /// let name = format!("doc-adopt-{}", std::process::id());
    /// let mine = ShmemConf::new().os_id(&name).size(1 << 20).create()?;
    /// let mine = Region::adopt(mine, &blueprint, Duration::ZERO)?;
    /// let theirs = ShmemConf::new().os_id(&name).open()?;
    /// let theirs = Region::adopt(theirs, &blueprint, Duration::from_secs(1))?;
    /// assert_eq!(mine.geometry(), theirs.geometry());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt(segment: Shmem, blueprint: &Blueprint, wait: Duration) -> Result<Self, CreateError> {
        let path = Path::new(DIRECTORY).join(segment.get_os_id().trim_start_matches('/'));
        let file = open_segment(&path)?;
        // Until it is a region, an owner's segment goes as any of the application's does: with its name.
        let owner = segment.is_owner();
        let mut mapping = map(Mapping::segment(segment), blueprint.region_len())?;
        let geometry = if owner { build(&mapping, blueprint)? } else { await_ready(&mapping, wait)? };
        geometry.expect(&blueprint.expected()).map_err(OpenError::Rejected)?;
        // The name is the only way to a descriptor; it must lead to the bytes that are mapped.
        let same = file_identity(&file)? == identity(&mapping);
        let backing =
            Backing::in_memory(file, false).doing("looking at a segment").map_err(OpenError::from)?;
        mapping.disown();
        if !same {
            return Err(OpenError::SegmentGone.into());
        }
        let mut region = Self::assemble(geometry, mapping, backing, None, None);
        if owner {
            region.own_segment(path);
        }
        Ok(region)
    }
}

/// A descriptor of the segment's file, for locks and further mappings.
fn open_segment(path: &Path) -> Result<OwnedFd, OpenError> {
    kernel::open(path, false).map_err(|errno| match errno {
        Errno::NOENT => OpenError::SegmentGone,
        Errno::ACCESS | Errno::PERM => OpenError::PermissionDenied,
        errno => OpenError::System(crate::SystemError::new("opening a segment", errno)),
    })
}

/// Writes the region into the segment, the version word last.
fn build(mapping: &Mapping, blueprint: &Blueprint) -> Result<Geometry, CreateError> {
    let (found, needed) = (mapping.len() as u64, blueprint.region_len());
    if found < needed {
        return Err(CreateError::SegmentTooSmall { found, needed });
    }
    // SAFETY: exactly the range of the mapping, which lives through the call.
    let populated = unsafe { kernel::populate(mapping.start().as_ptr(), mapping.len()) };
    reserved(populated, needed, "reserving a segment's pages")?;
    let superblock = blueprint.superblock(&birth()?);
    let version = version(mapping);
    // Relaxed: parties that attach while we rebuild a used segment were the application's to keep away.
    version.store(0, Ordering::Relaxed);
    let zeros = [0u8; 4096];
    for page in (0..needed as usize).step_by(zeros.len()) {
        let target = mapping.start().as_ptr().wrapping_add(page);
        // SAFETY: `needed` is a multiple of the page and at most the mapping's length; no reference covers the region.
        unsafe { copy_in(zeros.as_ptr(), target, zeros.len()) };
    }
    let mut unready = superblock;
    unready.version = 0;
    let bytes = unready.as_bytes();
    // SAFETY: the superblock lies within the first page of the mapping; no reference covers it.
    unsafe { copy_in(bytes.as_ptr(), mapping.start().as_ptr(), bytes.len()) };
    // Release: publishes the superblock and the zeros. Pairs with the Acquire in `await_ready`.
    version.store(VERSION, Ordering::Release);
    Ok(Geometry::check(&superblock, &as_segment(needed, superblock.boot)).map_err(OpenError::Rejected)?)
}

/// Waits for the owner's version word and checks what it published.
fn await_ready(mapping: &Mapping, wait: Duration) -> Result<Geometry, OpenError> {
    let found = mapping.len() as u64;
    if found < size_of::<Superblock>() as u64 {
        return Err(Rejected::Length { found, expected: size_of::<Superblock>() as u64 }.into());
    }
    let deadline = kernel::now().saturating_add(wait);
    let version = version(mapping);
    // Acquire: pairs with the Release in `build`; the superblock copied below is whole.
    while version.load(Ordering::Acquire) == 0 {
        if kernel::now() >= deadline {
            return Err(OpenError::TimedOut);
        }
        kernel::pause(Duration::from_micros(200).min(wait));
    }
    let mut superblock = Superblock::new_zeroed();
    let bytes = superblock.as_mut_bytes();
    // SAFETY: the mapping is at least as long as a superblock; no reference covers it.
    unsafe { copy_out(mapping.start().as_ptr(), bytes.as_mut_ptr(), bytes.len()) };
    // An adopted segment may be longer than the region in it.
    let usable = if superblock.region_len <= found { superblock.region_len } else { found };
    Ok(Geometry::check(&superblock, &as_segment(usable, boot()?))?)
}

/// A segment, in this boot, of which so many bytes are the region's.
fn as_segment(len: u64, boot: [u8; 16]) -> Found {
    Found { len, grain: 1, boot: Some(boot), read_only: false }
}

/// The version word, in a mapping that is long enough to have one.
fn version(mapping: &Mapping) -> &AtomicU32 {
    assert!(mapping.len() >= size_of::<Superblock>());
    let word = mapping.start().as_ptr().wrapping_add(offset_of!(Superblock, version));
    // SAFETY: aligned (the mapping is page-aligned), inside the mapping (asserted) and alive as long as it; other
    // accesses to these bytes while the reference lives are atomic or made by this file's copies, which are no Rust
    // accesses to the optimiser.
    unsafe { &*word.cast::<AtomicU32>() }
}

/// The identity of the region that is mapped.
pub(crate) fn identity(mapping: &Mapping) -> [u8; 16] {
    let mut identity = [0; 16];
    assert!(mapping.len() >= size_of::<Superblock>());
    let source = mapping.start().as_ptr().wrapping_add(offset_of!(Superblock, identity));
    // SAFETY: inside the mapping (asserted); no reference covers it.
    unsafe { copy_out(source, identity.as_mut_ptr(), identity.len()) };
    identity
}

/// The identity in a file's superblock.
fn file_identity(file: &OwnedFd) -> Result<[u8; 16], OpenError> {
    let mut superblock = Superblock::new_zeroed();
    kernel::read_start(file.as_fd(), superblock.as_mut_bytes()).doing("reading a superblock")?;
    Ok(superblock.identity)
}
