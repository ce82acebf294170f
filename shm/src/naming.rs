//! How a region gets its place in the file system, is opened there, and is taken away by whoever leaves last. The place
//! is a POSIX name (named.rs) or a path (file.rs); here it is "the name".
//!
//! ```text
//!   create   file without the name ─ ATTACHED(shared) ─ length ─ pages ─ superblock ─ mode ─ map ─ link
//!   open     open ─ whose? ─ ATTACHED(shared) ─ still named? ─ superblock ─ map
//!   leave    give ATTACHED back ─ ATTACHED(exclusive)? ─ REMOVING ─ does the name still lead here? ─ unlink
//! ```
//!
//! | killed | leaves |
//! |---|---|
//! | anywhere in create before `link` | nothing: a nameless file goes with its last descriptor |
//! | anywhere after `link`, or in open | a whole region; its ATTACHED lock goes with the process |
//! | as the last party, before `unlink` | a name whose ATTACHED byte nobody holds: a leftover |
//!
//! A leftover of [`Lifetime::LastParty`] is removed by the next `open`, `open_or_create`, `create` or
//! [`remove_leftovers`](crate::remove_leftovers) that meets it; one from before a reboot, too, since nobody lives through
//! that. The name and the region it leads to cannot change under REMOVING: to give the name to another region it would
//! have to be unlinked first, and only the holder of this region's REMOVING byte does that. (Somebody who moves files of
//! their own over a region's path is no party to this.)
//!
//! No two parties can both miss that they are the last: each first gives its shared lock back and then tries the
//! exclusive one, so the second of them finds the byte free, or held by somebody who removes the name.

use crate::access::{Access, Permissions};
use crate::blueprint::{Blueprint, Lifetime};
use crate::error::{CreateError, Doing, OpenError, SystemError};
use crate::geometry::{Expected, Geometry};
use crate::hold::{Backing, Hold};
use crate::layout::{ATTACHED, REMOVING};
use crate::location::Location;
use crate::mapping::Mapping;
use crate::primitive::{kernel, yield_core};
use crate::region::{Region, fill, map, read_geometry};
use rustix::fs::FileType;
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// How long an opener, a creator or a remover lets others finish taking a name away before it gives up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Builds a region in a file that nobody else can see yet, or knows for one in the making.
pub(crate) fn build(
    backing: Backing,
    attached: Option<Hold>,
    blueprint: &Blueprint,
    permissions: Permissions,
) -> Result<Region, CreateError> {
    let geometry = fill(&backing, blueprint)?;
    let file = backing.descriptor().as_fd();
    let Permissions { mode, group } = permissions;
    let refused = |_| CreateError::Permissions { mode, group };
    // Its own owner could neither open such a region nor remove what is left of it.
    if mode & 0o600 != 0o600 || mode & !0o777 != 0 {
        return Err(refused(Errno::INVAL));
    }
    if let Some(group) = group {
        kernel::set_group(file, group).map_err(refused)?;
    }
    kernel::set_mode(file, mode).map_err(refused)?;
    let mapping = map(backing.map(&geometry), geometry.region_len)?;
    let region = Region::assemble(geometry, mapping, backing, attached, None);
    region.set_nameable();
    Ok(region)
}

/// Gives a region from [`build`] its name, in one step.
pub(crate) fn publish(region: &Region, location: Location) -> Result<(), CreateError> {
    assert!(region.take_nameable(), "a region is named once");
    let path = location.path();
    let mut linked = kernel::link(region.as_fd(), &path);
    if linked == Err(Errno::EXIST) && remove_leftover(&location).unwrap_or(false) {
        linked = kernel::link(region.as_fd(), &path);
    }
    drop(path);
    if linked.is_err() {
        region.set_nameable();
    }
    match linked {
        Ok(()) => {
            region.set_location(location);
            Ok(())
        }
        Err(Errno::EXIST) => Err(CreateError::Exists { location }),
        Err(errno) => Err(SystemError::new("naming a region", errno).into()),
    }
}

/// Opens the region of a name, waiting for it as long as `access` says.
pub(crate) fn open(location: &Location, expected: &Expected, access: Access) -> Result<Region, OpenError> {
    let deadline = kernel::now().saturating_add(access.wait);
    loop {
        match open_now(location, expected, access) {
            Err(OpenError::NotFound { .. }) if !access.wait.is_zero() => {
                if kernel::now() >= deadline {
                    return Err(OpenError::TimedOut);
                }
                // The word to wait for is the name itself, and a file system has no door to sleep at.
                kernel::pause(Duration::from_millis(1));
            }
            other => return other,
        }
    }
}

/// Opens the region of a name, or has `create` make it.
pub(crate) fn open_or_create(
    location: &Location,
    expected: &Expected,
    create: impl Fn() -> Result<Region, CreateError>,
) -> Result<Region, CreateError> {
    let mut deadline = None;
    loop {
        match open_now(location, expected, Access::default()) {
            Err(OpenError::NotFound { .. }) => {}
            other => return Ok(other?),
        }
        match create() {
            // Created and perhaps removed again by others in between: go round, but not for ever. The patience begins
            // here, so that what was spent on waiting above does not end it before the new one is looked at.
            Err(error @ CreateError::Exists { .. }) => {
                let now = kernel::now();
                if now >= *deadline.get_or_insert(now.saturating_add(PATIENCE)) {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
}

/// One attempt to open a name as it is now.
fn open_now(location: &Location, expected: &Expected, access: Access) -> Result<Region, OpenError> {
    let path = location.path();
    let deadline = kernel::now().saturating_add(PATIENCE);
    loop {
        let file = open_file(location, access.read_only)?;
        check_owner(&file, access)?;
        let backing = backing(location, file, access.read_only)?;
        if let Some(_nobody_attaches) = leftover(&backing)? {
            match remove(&path, &backing) {
                // Another user's leftover is theirs to remove; it is no region any more, all the same.
                Ok(true) | Err(Errno::ACCESS | Errno::PERM) => {
                    return Err(OpenError::NotFound { location: location.clone() });
                }
                Ok(false) => {}
                Err(errno) => return Err(SystemError::new("removing a leftover", errno).into()),
            }
        } else if let Some(attached) = attach(&path, &backing)? {
            let judged = Access { after_reboot: access.after_reboot && is_file(location), ..access };
            let geometry = read_geometry(backing.descriptor().as_fd(), backing.grain(), judged)?;
            let fits = geometry.expect(expected);
            let mapped =
                fits.map_err(OpenError::Rejected).and_then(|()| map_opened(location, &backing, &geometry));
            match mapped {
                Ok(Some(mapping)) => {
                    let at = Some(location.clone());
                    let region = Region::assemble(geometry, mapping, backing, Some(attached), at);
                    if is_file(location) && !access.read_only {
                        region.mark_unmarked().doing("looking for owners that are gone")?;
                    }
                    return Ok(region);
                }
                // The name leads elsewhere by now: look again.
                Ok(None) => give_up(attached, &backing, &geometry, &path),
                Err(error) => {
                    // For a moment this was a party: if the last other one left meanwhile, the name goes with us.
                    give_up(attached, &backing, &geometry, &path);
                    return Err(error);
                }
            }
        }
        // Somebody is taking the name away: it will be gone in a moment, or they died and the lock is free.
        if kernel::now() >= deadline {
            return Err(OpenError::TimedOut);
        }
        yield_core();
    }
}

fn is_file(location: &Location) -> bool {
    matches!(location, Location::File(_))
}

/// The file that a name leads to, never through a symbolic link in the name's place.
fn open_file(location: &Location, read_only: bool) -> Result<OwnedFd, OpenError> {
    kernel::open(&location.path(), read_only).map_err(|errno| match errno {
        Errno::NOENT => OpenError::NotFound { location: location.clone() },
        Errno::ACCESS | Errno::PERM | Errno::ROFS => OpenError::PermissionDenied,
        Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::NOTDIR => OpenError::NotAFile,
        errno => SystemError::new("opening a region", errno).into(),
    })
}

/// A plain file, and ours unless the opener takes others' too.
pub(crate) fn check_owner(file: &OwnedFd, access: Access) -> Result<(), OpenError> {
    let stat = kernel::stat(file.as_fd()).doing("looking at a region")?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(OpenError::NotAFile);
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() && !access.foreign_owner {
        return Err(OpenError::ForeignOwner { owner: stat.st_uid });
    }
    Ok(())
}

/// What is known beforehand of the file systems of names is asked of those of paths.
fn backing(location: &Location, file: OwnedFd, read_only: bool) -> Result<Backing, SystemError> {
    match location {
        Location::Name(_) => Backing::in_memory(file, read_only),
        Location::File(_) => Backing::probe(file, read_only),
    }
    .doing("looking at a region")
}

/// Takes the shared ATTACHED lock; `None` when the name is being taken away, or was while we looked.
fn attach(path: &Path, backing: &Backing) -> Result<Option<Hold>, OpenError> {
    let Some(attached) = backing.hold(ATTACHED, false).doing("attaching to a region")? else {
        return Ok(None);
    };
    // Holding ATTACHED nobody removes the name as a leftover any more; but it may have happened just before.
    Ok(leads_to(path, backing).doing("looking at a region")?.then_some(attached))
}

/// Does the name still lead to the file? Its number of names does not tell: a file on a disk may have others.
pub(crate) fn leads_to(path: &Path, backing: &Backing) -> rustix::io::Result<bool> {
    match kernel::stat_path(path) {
        Ok(named) => Ok(backing.is(&named)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Maps the region of a file. By a POSIX name and for writing this goes through the `shared_memory` crate, which opens by
/// name; `None` when the name led it elsewhere.
fn map_opened(
    location: &Location,
    backing: &Backing,
    geometry: &Geometry,
) -> Result<Option<Mapping>, OpenError> {
    let doing = "mapping a region";
    let name = match location {
        Location::Name(name) if !backing.is_read_only() => name,
        _ => return Ok(Some(backing.map(geometry).doing(doing)?)),
    };
    match Mapping::posix(name, geometry.region_len) {
        Ok(mapping) if crate::adopted::identity(&mapping) == geometry.identity => Ok(Some(mapping)),
        Ok(_) | Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(SystemError::new(doing, errno).into()),
    }
}

/// Gives a region with a name up: the last party of a [`Lifetime::LastParty`] region takes the name away.
pub(crate) fn leave(region: &Region, location: &Location) {
    region.detach();
    take_away_if_last(region.backing(), region.geometry(), &location.path());
}

/// Gives ATTACHED back, and takes the name away if nobody else has it and it is not to stay.
fn give_up(attached: Hold, backing: &Backing, geometry: &Geometry, path: &Path) {
    drop(attached);
    take_away_if_last(backing, geometry, path);
}

/// Takes the name away if nobody has ATTACHED and it is not to stay.
fn take_away_if_last(backing: &Backing, geometry: &Geometry, path: &Path) {
    if geometry.lifetime == Lifetime::LastParty && !backing.is_read_only() {
        // Nothing here can be reported to anybody, and whatever fails leaves at most a leftover, which the next one finds.
        if let Ok(Some(_nobody_attaches)) = backing.hold(ATTACHED, true) {
            let _ = remove(path, backing);
        }
    }
}

/// Is it a region that should have gone with its last party? Then the answer is the exclusive ATTACHED lock.
fn leftover(backing: &Backing) -> Result<Option<Hold>, OpenError> {
    // Looked at without a lock first: this is asked at every open, and nearly always answered by a live party.
    if backing.is_read_only() || backing.is_held(ATTACHED).doing("looking for parties")? {
        return Ok(None);
    }
    let access = Access { after_reboot: true, ..Access::default() };
    match read_geometry(backing.descriptor().as_fd(), backing.grain(), access) {
        Ok(geometry) if geometry.lifetime == Lifetime::LastParty => {}
        // Of another version, damaged, or no region at all: not ours to judge or to remove.
        Ok(_) | Err(OpenError::Rejected(_)) => return Ok(None),
        Err(error) => return Err(error),
    }
    Ok(backing.hold(ATTACHED, true).doing("looking for parties")?)
}

/// Removes the name if it leads to a leftover; true if there is nothing under it now.
pub(crate) fn remove_leftover(location: &Location) -> Result<bool, OpenError> {
    let file = match open_file(location, false) {
        Ok(file) => file,
        Err(OpenError::NotFound { .. }) => return Ok(true),
        Err(error) => return Err(error),
    };
    check_owner(&file, Access::default())?;
    let backing = backing(location, file, false)?;
    let Some(_nobody_attaches) = leftover(&backing)? else { return Ok(false) };
    Ok(remove(&location.path(), &backing).doing("removing a leftover")?)
}

/// Takes a name away from whatever region it leads to, in use or not.
pub(crate) fn unlink(
    location: &Location,
    may: impl Fn(&OwnedFd) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let deadline = kernel::now().saturating_add(PATIENCE);
    loop {
        let file = open_file(location, false)?;
        may(&file)?;
        let backing = backing(location, file, false)?;
        match remove(&location.path(), &backing) {
            Ok(true) => return Ok(()),
            Ok(false) if kernel::now() < deadline => yield_core(),
            Ok(false) => return Err(OpenError::TimedOut),
            Err(Errno::ACCESS | Errno::PERM) => return Err(OpenError::PermissionDenied),
            Err(errno) => return Err(SystemError::new("taking a name away", errno).into()),
        }
    }
}

/// Takes the name away if it still leads to the file; false if another remover is at it.
pub(crate) fn remove(path: &Path, backing: &Backing) -> rustix::io::Result<bool> {
    let Some(_only_remover) = backing.hold(REMOVING, true)? else { return Ok(false) };
    // Otherwise the name leads elsewhere, or nowhere: somebody was faster.
    if leads_to(path, backing)? {
        kernel::unlink(path)?;
    }
    Ok(true)
}
