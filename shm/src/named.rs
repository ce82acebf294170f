//! Regions with a POSIX name: built nameless, named in one step, removed by whoever leaves last.
//!
//! ```text
//!   create   nameless file ─ length ─ pages ─ superblock ─ mode ─ ATTACHED(shared) ─ map ─ link
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
//! [`remove_leftovers`](crate::remove_leftovers) that meets it. The name and the region it leads to cannot change under
//! REMOVING: to give the name to another region it would have to be unlinked first, and only the holder of this
//! region's REMOVING byte does that.
//!
//! No two parties can both miss that they are the last: each first gives its shared lock back and then tries the
//! exclusive one, so the second of them finds the byte free, or held by somebody who removes the name.

use crate::blueprint::{Blueprint, Lifetime};
use crate::error::{CreateError, Doing, OpenError, SystemError};
use crate::geometry::{Expected, Geometry};
use crate::hold::{Backing, Hold};
use crate::layout::{ATTACHED, REMOVING};
use crate::mapping::Mapping;
use crate::name::{DIRECTORY, Name};
use crate::primitive::kernel;
use crate::region::{Region, fill, map, read_geometry};
use rustix::fs::FileType;
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// How long an opener, a creator or a remover lets others finish taking a name away before it gives up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who may open a new region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Permission bits of the file; the process's umask does not touch them.
    pub mode: u32,
    /// The group it belongs to; `None` leaves the creator's.
    pub group: Option<u32>,
}

impl Default for Permissions {
    /// The owner alone reads and writes.
    fn default() -> Self {
        Self { mode: 0o600, group: None }
    }
}

/// How to open a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Access {
    /// Map it for reading only. A party that cannot write cannot take the name away either: if it is the last to leave a
    /// region of [`Lifetime::LastParty`], the name stays until the next opener or sweep meets it.
    pub read_only: bool,
    /// Open it though it belongs to another user (root's regions included).
    pub foreign_owner: bool,
    /// How long to wait for it to be created; zero does not wait.
    pub wait: Duration,
}

impl Region {
    /// Builds a region that has no name yet; [`publish`](Self::publish) gives it one. What is to be claimed or written
    /// before anybody else can open it is done in between.
    ///
    /// # Errors
    ///
    /// [`CreateError::NoRoom`] when its pages cannot all be reserved now, [`CreateError::Permissions`] when the mode or
    /// the group is refused, or the mode does not let the owner read and write.
    pub fn nameless(blueprint: &Blueprint, permissions: Permissions) -> Result<Self, CreateError> {
        let file = kernel::open_nameless(Path::new(DIRECTORY)).doing("creating a nameless file")?;
        let geometry = fill(&file, blueprint)?;
        let Permissions { mode, group } = permissions;
        let refused = |_| CreateError::Permissions { mode, group };
        // Its own owner could neither open such a region nor remove what is left of it.
        if mode & 0o600 != 0o600 {
            return Err(refused(Errno::INVAL));
        }
        if let Some(group) = group {
            kernel::set_group(file.as_fd(), group).map_err(refused)?;
        }
        kernel::set_mode(file.as_fd(), mode).map_err(refused)?;
        let mapping = map(Mapping::file(file.as_fd(), geometry.region_len, false), geometry.region_len)?;
        let backing = Backing::in_memory(file, false).doing("looking at a region")?;
        // Before the name: a sweeper never sees a named region that nobody holds and that is about to be used. Nobody else
        // knows the file, so the lock is free.
        let attached = backing.hold(ATTACHED, false).doing("attaching to a region")?;
        let region = Self::assemble(geometry, mapping, backing, attached, None);
        region.set_nameable();
        Ok(region)
    }

    /// Gives a region from [`nameless`](Self::nameless) its name, in one step: whoever opens it finds it whole.
    ///
    /// # Errors
    ///
    /// [`CreateError::Exists`] when the name is taken by a region in use or by another file.
    ///
    /// # Panics
    ///
    /// When the region is not from [`nameless`](Self::nameless) or has a name already.
    pub fn publish(&self, name: Name) -> Result<(), CreateError> {
        assert!(self.take_nameable(), "a region is named once");
        let path = name.path();
        let mut linked = kernel::link(self.as_fd(), &path);
        if linked == Err(Errno::EXIST) && remove_leftover(&path).unwrap_or(false) {
            linked = kernel::link(self.as_fd(), &path);
        }
        if linked.is_err() {
            self.set_nameable();
        }
        match linked {
            Ok(()) => {
                self.set_name(name);
                Ok(())
            }
            Err(Errno::EXIST) => Err(CreateError::Exists { name }),
            Err(errno) => Err(SystemError::new("naming a region", errno).into()),
        }
    }

    /// Creates a region under a name that must be free.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; nothing is left behind.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Access, Blueprint, CreateError, Name, Permissions, Region};
    ///
    /// let name = Name::new(&format!("doc-create-{}", std::process::id()))?;
    /// let blueprint = Blueprint::new(1, 1);
    /// let region = Region::create(name.clone(), &blueprint, Permissions::default())?;
    /// let again = Region::create(name.clone(), &blueprint, Permissions::default());
    /// assert!(matches!(again, Err(CreateError::Exists { .. })));
    /// let peer = Region::open(name, &blueprint.expected(), Access::default())?;
    /// assert_eq!(peer.geometry(), region.geometry());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(name: Name, blueprint: &Blueprint, permissions: Permissions) -> Result<Self, CreateError> {
        let region = Self::nameless(blueprint, permissions)?;
        region.publish(name)?;
        Ok(region)
    }

    /// Opens the region of a name, waiting for it as long as `access` says.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; among them [`OpenError::NotFound`], [`OpenError::ForeignOwner`] and [`OpenError::Rejected`].
    pub fn open(name: Name, expected: &Expected, access: Access) -> Result<Self, OpenError> {
        let deadline = kernel::now().saturating_add(access.wait);
        loop {
            match open_now(&name, Some(expected), access) {
                Err(OpenError::NotFound { .. }) if !access.wait.is_zero() => {
                    if kernel::now() >= deadline {
                        return Err(OpenError::TimedOut);
                    }
                    // The word to wait for is the name itself, and a file system has no door to sleep at.
                    std::thread::sleep(Duration::from_millis(1));
                }
                other => return other,
            }
        }
    }

    /// Opens the region of a name, or creates it; of several that call this at once, all get the same region.
    ///
    /// An existing region keeps its own geometry and permissions.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; [`CreateError::Open`] when a region exists and cannot be opened.
    pub fn open_or_create(
        name: Name,
        blueprint: &Blueprint,
        permissions: Permissions,
    ) -> Result<Self, CreateError> {
        let mut deadline = None;
        loop {
            match open_now(&name, Some(&blueprint.expected()), Access::default()) {
                Err(OpenError::NotFound { .. }) => {}
                other => return Ok(other?),
            }
            match Self::create(name.clone(), blueprint, permissions) {
                // Created and perhaps removed again by others in between: go round, but not for ever. The patience
                // begins here, so that what was spent on waiting above does not end it before the new one is looked at.
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
}

/// One attempt to open a name as it is now.
pub(crate) fn open_now(
    name: &Name,
    expected: Option<&Expected>,
    access: Access,
) -> Result<Region, OpenError> {
    let path = name.path();
    let not_found = || OpenError::NotFound { name: name.clone() };
    let deadline = kernel::now().saturating_add(PATIENCE);
    loop {
        let file = match kernel::open(&path, access.read_only) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(not_found()),
            Err(Errno::ACCESS | Errno::PERM) => return Err(OpenError::PermissionDenied),
            Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => return Err(OpenError::NotAFile),
            Err(errno) => return Err(SystemError::new("opening a region", errno).into()),
        };
        check_owner(&file, access)?;
        let backing = Backing::in_memory(file, access.read_only).doing("looking at a region")?;
        if let Some(_nobody_attaches) = leftover(&backing)? {
            match remove(&path, &backing) {
                // Another user's leftover is theirs to remove; it is no region any more, all the same.
                Ok(true) | Err(Errno::ACCESS | Errno::PERM) => return Err(not_found()),
                Ok(false) => {}
                Err(errno) => return Err(SystemError::new("removing a leftover", errno).into()),
            }
        } else if let Some(attached) = attach(&backing)? {
            let geometry = read_geometry(backing.descriptor().as_fd(), access.read_only)?;
            let fits = expected.map_or(Ok(()), |expected| geometry.expect(expected));
            let mapped =
                fits.map_err(OpenError::Rejected).and_then(|()| map_named(name, &backing, &geometry));
            match mapped {
                Ok(Some(mapping)) => {
                    let name = Some(name.clone());
                    return Ok(Region::assemble(geometry, mapping, backing, Some(attached), name));
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
        std::thread::yield_now();
    }
}

/// A plain file, and ours unless the opener takes others' too.
fn check_owner(file: &OwnedFd, access: Access) -> Result<(), OpenError> {
    let stat = kernel::stat(file.as_fd()).doing("looking at a region")?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(OpenError::NotAFile);
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() && !access.foreign_owner {
        return Err(OpenError::ForeignOwner { owner: stat.st_uid });
    }
    Ok(())
}

/// Takes the shared ATTACHED lock; `None` when the name is being taken away, or was while we looked.
fn attach(backing: &Backing) -> Result<Option<Hold>, OpenError> {
    let Some(attached) = backing.hold(ATTACHED, false).doing("attaching to a region")? else {
        return Ok(None);
    };
    // Holding ATTACHED nobody removes the name as a leftover any more; but it may have happened just before.
    let stat = kernel::stat(backing.descriptor().as_fd()).doing("looking at a region")?;
    Ok((stat.st_nlink > 0).then_some(attached))
}

/// Maps the region of a file. For writing this goes through the `shared_memory` crate, which opens by name; `None` when
/// the name led it elsewhere.
fn map_named(name: &Name, backing: &Backing, geometry: &Geometry) -> Result<Option<Mapping>, OpenError> {
    let doing = "mapping a region";
    if backing.is_read_only() {
        let file = backing.descriptor().as_fd();
        return Ok(Some(Mapping::file(file, geometry.region_len, true).doing(doing)?));
    }
    match Mapping::posix(&name.posix(), geometry.region_len) {
        Ok(mapping) if crate::adopted::identity(&mapping) == geometry.identity => Ok(Some(mapping)),
        Ok(_) | Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(SystemError::new(doing, errno).into()),
    }
}

/// Gives a named region up: the last party of a [`Lifetime::LastParty`] region takes the name away.
pub(crate) fn leave(region: &Region, name: &Name) {
    region.detach();
    take_away_if_last(region.backing(), region.geometry(), &name.path());
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
    match read_geometry(backing.descriptor().as_fd(), false) {
        Ok(geometry) if geometry.lifetime == Lifetime::LastParty => {}
        // From before a reboot, of another version, or no region at all: not ours to judge or to remove.
        Ok(_) | Err(OpenError::Rejected(_)) => return Ok(None),
        Err(error) => return Err(error),
    }
    Ok(backing.hold(ATTACHED, true).doing("looking for parties")?)
}

/// Removes the name if it leads to a leftover; true if it did.
pub(crate) fn remove_leftover(path: &Path) -> Result<bool, OpenError> {
    let file = match kernel::open(path, false) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(true),
        Err(errno) => return Err(SystemError::new("opening a region", errno).into()),
    };
    check_owner(&file, Access::default())?;
    let backing = Backing::in_memory(file, false).doing("looking at a region")?;
    let Some(_nobody_attaches) = leftover(&backing)? else { return Ok(false) };
    Ok(remove(path, &backing).doing("removing a leftover")?)
}

/// Takes the name away if it still leads to the file; false if another remover is at it.
pub(crate) fn remove(path: &Path, backing: &Backing) -> rustix::io::Result<bool> {
    let Some(_only_remover) = backing.hold(REMOVING, true)? else { return Ok(false) };
    let ours = kernel::stat(backing.descriptor().as_fd())?;
    match kernel::stat_path(path) {
        Ok(named) if (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino) => kernel::unlink(path)?,
        // The name leads elsewhere, or nowhere: somebody was faster.
        Ok(_) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    Ok(true)
}
