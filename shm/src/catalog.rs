//! The named regions of the machine: listing them, taking names away, and removing what the dead left.

use crate::access::Access;
use crate::error::{Doing, OpenError, SystemError};
use crate::geometry::Geometry;
use crate::layout::{ATTACHED, PAGE};
use crate::location::Location;
use crate::name::{DIRECTORY, Name};
use crate::naming;
use crate::primitive::kernel;
use crate::region::read_geometry;
use rustix::fs::FileType;
use rustix::io::Errno;
use std::os::fd::AsFd;
use std::path::Path;

/// A named region, as it was when the list was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name.
    pub name: Name,
    /// User id of its owner, as the kernel says.
    pub owner: u32,
    /// Bytes of the file.
    pub len: u64,
    /// Does a live party hold it?
    pub in_use: bool,
    /// What it consists of, or why it cannot be opened.
    pub geometry: Result<Geometry, OpenError>,
}

/// Lists the regions that this user can see, in order of their file names; looking changes nothing.
///
/// # Errors
///
/// [`SystemError`] when the directory of names cannot be read.
///
/// # Examples
///
/// ```
/// for entry in ringway_shm::list()? {
///     println!("{} {} bytes, in use: {}", entry.name, entry.len, entry.in_use);
/// }
/// # Ok::<(), ringway_shm::SystemError>(())
/// ```
pub fn list() -> Result<Vec<Entry>, SystemError> {
    let mut files = kernel::list_directory(Path::new(DIRECTORY)).doing("listing regions")?;
    files.sort();
    let names = files.iter().filter_map(|file| Name::from_posix(file.to_str()?));
    Ok(names.filter_map(look).collect())
}

/// One entry; `None` when the name is gone by now.
fn look(name: Name) -> Option<Entry> {
    let stat = kernel::stat_path(&name.path()).ok()?;
    // Opening a pipe or a device would be more than looking.
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let opened = if is_file { kernel::open(&name.path(), true) } else { Err(Errno::NXIO) };
    let (in_use, geometry) = match &opened {
        Ok(file) => {
            let in_use = kernel::is_locked(file, ATTACHED).unwrap_or(true);
            let access = Access { read_only: true, ..Access::default() };
            (in_use, read_geometry(file.as_fd(), PAGE, access))
        }
        Err(Errno::NOENT) => return None,
        // What we may not open we cannot judge: it counts as in use.
        Err(Errno::ACCESS | Errno::PERM) => (true, Err(OpenError::PermissionDenied)),
        Err(_) => (true, Err(OpenError::NotAFile)),
    };
    Some(Entry { name, owner: stat.st_uid, len: stat.st_size as u64, in_use, geometry })
}

/// Takes a name away. Parties that have the region open keep it; the name is free.
///
/// # Errors
///
/// [`OpenError::NotFound`], [`OpenError::PermissionDenied`], or [`OpenError::TimedOut`] when somebody else is taking
/// the name away and does not finish.
///
/// # Examples
///
/// ```
/// use ringway_shm::{Blueprint, Name, OpenError, Permissions, Region, unlink};
///
/// let name = Name::new(&format!("doc-unlink-{}", std::process::id()))?;
/// let _region = Region::create(name.clone(), &Blueprint::new(1, 1), Permissions::default())?;
/// unlink(&name)?;
/// assert!(matches!(unlink(&name), Err(OpenError::NotFound { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn unlink(name: &Name) -> Result<(), OpenError> {
    naming::unlink(&Location::Name(name.clone()), |_| Ok(()))
}

/// Removes every region of this user that should have gone with its last party, and says which.
///
/// A region that a live process holds is never touched, nor one that is to live until it is unlinked.
///
/// # Errors
///
/// [`SystemError`] when the directory of names cannot be read. What cannot be removed is left out of the answer.
///
/// # Examples
///
/// ```
/// for name in ringway_shm::remove_leftovers()? {
///     println!("removed {name}");
/// }
/// # Ok::<(), ringway_shm::SystemError>(())
/// ```
pub fn remove_leftovers() -> Result<Vec<Name>, SystemError> {
    let user = rustix::process::geteuid().as_raw();
    let idle = list()?.into_iter().filter(|entry| !entry.in_use && entry.owner == user);
    Ok(idle
        .map(|entry| entry.name)
        .filter(|name| matches!(naming::remove_leftover(&Location::Name(name.clone())), Ok(true)))
        .collect())
}
