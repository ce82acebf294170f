//! Regions at a path of the user's own: a file on a disk, on a mount of large pages, in any directory.
//!
//! The path works as a name does (naming.rs). What lies at it outlives more than a name's region:
//!
//! | what happens | the region |
//! |---|---|
//! | every party ends, and others come | of [`Lifetime::UntilUnlinked`]: as it was left, its roles and rows free |
//! | the file is cut short or grows | refused at open, [`Rejected::Length`]; a party that has it mapped and touches what is gone gets `SIGBUS` |
//! | the machine boots anew | refused at open, [`Rejected::OtherBoot`], unless [`Access::after_reboot`] says otherwise |
//! | the file is copied | the copy is another region with the same identity: harmless, since a region is found by its file |
//! | the file is moved | its parties keep it; the last of them looks for it where it was, and leaves it where it is |
//!
//! Nothing here waits for a disk: what a party wrote is seen by the others at once, and reaches the disk when the kernel
//! brings it there.
//!
//! The last component of a path is not followed when it is a symbolic link: what is created, locked and taken away is the
//! path itself. Its directories may be links.
//!
//! **Without a name at first.** A file system that knows nameless files (`O_TMPFILE`) gives the path in one step. On any
//! other, the region is built under a name of its own beside it, a *draft*, which is linked to the path when it is whole
//! and goes then:
//!
//! ```text
//!   .ringway-draft-<32 hex digits> ─ ATTACHED(shared) ─ still there? ─ length ─ … ─ link to the path ─ unlink the draft
//! ```
//!
//! | killed | leaves |
//! |---|---|
//! | before the link | a draft that nobody holds |
//! | between link and unlink | the whole region, and a draft that is a second name of it |
//!
//! A draft whose ATTACHED byte nobody holds is stale. The next creation that needs a draft in that directory removes it;
//! so does anybody who removes the file by hand.

#[allow(unused_imports)] // because the docs name them.
use crate::{blueprint::Lifetime, geometry::Rejected};

use crate::access::{Access, Permissions};
use crate::blueprint::Blueprint;
use crate::error::{CreateError, Doing, OpenError, SystemError};
use crate::geometry::Expected;
use crate::hold::{Backing, Hold};
use crate::layout::{ATTACHED, MAGIC};
use crate::location::Location;
use crate::naming;
use crate::primitive::kernel;
use crate::process::Home;
use crate::region::Region;
use rustix::io::Errno;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// First part of a draft's file name.
const DRAFT: &str = ".ringway-draft-";

/// How often a draft is begun before somebody seems to remove them on purpose.
const DRAFTS_MAX: u32 = 16;

impl Region {
    /// Builds a region in a directory, that has no path yet; [`publish_file`](Self::publish_file) gives it one. What is to
    /// be claimed or written before anybody else can open it is done in between.
    ///
    /// # Errors
    ///
    /// [`CreateError::NoRoom`] when its pages cannot all be reserved now, [`CreateError::CannotReserve`] when the file
    /// system never can, [`CreateError::Permissions`] when the mode or the group is refused, or the mode does not let the
    /// owner read and write.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, Permissions, Region};
    ///
    /// let path = std::env::temp_dir().join(format!("doc-nameless-{}", std::process::id()));
    /// let region = Region::nameless_file(std::env::temp_dir(), &Blueprint::new(1, 1), Permissions::default())?;
    /// assert!(!path.exists());
    /// region.publish_file(&path)?;
    /// assert!(path.exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nameless_file(
        directory: impl AsRef<Path>,
        blueprint: &Blueprint,
        permissions: Permissions,
    ) -> Result<Self, CreateError> {
        let directory = Location::file(directory.as_ref())?;
        let (backing, attached, draft) = begin(&directory.path())?;
        let region = naming::build(backing, attached, blueprint, permissions)?;
        region.set_draft(draft);
        Ok(region)
    }

    /// Gives a region from [`nameless_file`](Self::nameless_file) its path, in one step: whoever opens it finds it whole.
    /// The path lies in the file system of the directory that the region was built in.
    ///
    /// # Errors
    ///
    /// [`CreateError::Exists`] when something stands at the path that is no leftover.
    ///
    /// # Panics
    ///
    /// When the region has a name or a path already, or cannot get one.
    pub fn publish_file(&self, path: impl AsRef<Path>) -> Result<(), CreateError> {
        naming::publish(self, Location::file(path.as_ref())?)
    }

    /// Creates a region at a path where nothing is.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; nothing is left behind. [`CreateError::CannotReserve`] when the file system cannot reserve room.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Access, Blueprint, CreateError, Lifetime, Permissions, Region, layout, unlink_file};
    ///
    /// let path = std::env::temp_dir().join(format!("doc-file-{}", std::process::id()));
    /// let blueprint = Blueprint::new(1, 1).section(layout::FIRST_OWN, 100)?.lifetime(Lifetime::UntilUnlinked);
    /// let region = Region::create_file(&path, &blueprint, Permissions::default())?;
    /// let again = Region::create_file(&path, &blueprint, Permissions::default());
    /// assert!(matches!(again, Err(CreateError::Exists { .. })));
    /// let identity = region.geometry().identity;
    /// drop(region);
    /// // It stays though nobody has it open.
    /// let region = Region::open_file(&path, &blueprint.expected(), Access::default())?;
    /// assert_eq!(region.geometry().identity, identity);
    /// unlink_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_file(
        path: impl AsRef<Path>,
        blueprint: &Blueprint,
        permissions: Permissions,
    ) -> Result<Self, CreateError> {
        create(&Location::file(path.as_ref())?, blueprint, permissions)
    }

    /// Opens the region at a path, waiting for it as long as `access` says.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; among them [`OpenError::NotFound`], [`OpenError::ForeignOwner`] and [`OpenError::Rejected`], with
    /// [`Rejected::OtherBoot`] for one from before a reboot, and [`Rejected::Length`] for one that was cut short.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Access, Blueprint, OpenError, Region};
    ///
    /// let path = std::env::temp_dir().join("doc-nothing-is-here");
    /// let refused = Region::open_file(&path, &Blueprint::new(1, 1).expected(), Access::default());
    /// assert!(matches!(refused, Err(OpenError::NotFound { .. })));
    /// ```
    pub fn open_file(path: impl AsRef<Path>, expected: &Expected, access: Access) -> Result<Self, OpenError> {
        naming::open(&Location::file(path.as_ref())?, expected, access)
    }

    /// Opens the region at a path, or creates it; of several that call this at once, all get the same region.
    ///
    /// An existing region keeps its own geometry and permissions.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; [`CreateError::Open`] when a region exists and cannot be opened.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, Permissions, Region};
    ///
    /// let path = std::env::temp_dir().join(format!("doc-either-{}", std::process::id()));
    /// let blueprint = Blueprint::new(1, 1);
    /// let first = Region::open_or_create_file(&path, &blueprint, Permissions::default())?;
    /// let second = Region::open_or_create_file(&path, &blueprint, Permissions::default())?;
    /// assert_eq!(first.geometry(), second.geometry());
    /// drop((first, second));
    /// assert!(!path.exists(), "the last party takes the path away, unless the lifetime says otherwise");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_or_create_file(
        path: impl AsRef<Path>,
        blueprint: &Blueprint,
        permissions: Permissions,
    ) -> Result<Self, CreateError> {
        let location = Location::file(path.as_ref())?;
        naming::open_or_create(&location, &blueprint.expected(), || create(&location, blueprint, permissions))
    }
}

/// Takes a region's path away. Parties that have the region open keep it; the path is free.
///
/// A file that does not begin as a region does is somebody else's, and is left alone.
///
/// # Errors
///
/// [`OpenError::NotFound`], [`OpenError::PermissionDenied`], [`OpenError::Rejected`] when it is no region, or
/// [`OpenError::TimedOut`] when somebody else is taking the path away and does not finish.
///
/// # Examples
///
/// ```
/// use ringway_shm::{Blueprint, OpenError, Permissions, Region, unlink_file};
///
/// let path = std::env::temp_dir().join(format!("doc-unlink-file-{}", std::process::id()));
/// let _region = Region::create_file(&path, &Blueprint::new(1, 1), Permissions::default())?;
/// unlink_file(&path)?;
/// assert!(matches!(unlink_file(&path), Err(OpenError::NotFound { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn unlink_file(path: impl AsRef<Path>) -> Result<(), OpenError> {
    naming::unlink(&Location::file(path.as_ref())?, |file| {
        naming::check_owner(file, Access { foreign_owner: true, ..Access::default() })?;
        let mut magic = [0; MAGIC.len()];
        kernel::read_start(file.as_fd(), &mut magic).doing("reading a superblock")?;
        if magic == MAGIC { Ok(()) } else { Err(crate::Rejected::NotARegion.into()) }
    })
}

fn create(
    location: &Location,
    blueprint: &Blueprint,
    permissions: Permissions,
) -> Result<Region, CreateError> {
    let path = location.path();
    let directory = path.parent().ok_or(SystemError::new("finding a directory", Errno::INVAL))?;
    let region = Region::nameless_file(directory, blueprint, permissions)?;
    naming::publish(&region, location.clone())?;
    Ok(region)
}

/// Begins a file that nobody else can see, or knows for one in the making. Its ATTACHED lock is taken before it gets its
/// path: a sweeper never sees a region at a path that nobody holds and that is about to be used.
fn begin(directory: &Path) -> Result<(Backing, Option<Hold>, Option<Draft>), CreateError> {
    match kernel::open_nameless(directory) {
        Ok(file) => {
            let backing = Backing::probe(file, false).doing("looking at a file system")?;
            let attached = backing.hold(ATTACHED, false).doing("attaching to a region")?;
            Ok((backing, attached, None))
        }
        // In turn: the file system does not know it, the kernel does not, and neither says it well.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => begin_draft(directory),
        Err(errno) => Err(SystemError::new("creating a nameless file", errno).into()),
    }
}

#[cold]
fn begin_draft(directory: &Path) -> Result<(Backing, Option<Hold>, Option<Draft>), CreateError> {
    remove_stale_drafts(directory);
    for _ in 0..DRAFTS_MAX {
        let random = u128::from_le_bytes(kernel::random().doing("drawing a name")?);
        let path = directory.join(format!("{DRAFT}{random:032x}"));
        let file = kernel::open_new(&path).doing("creating a file")?;
        let draft = Draft { path, home: Home::here() };
        let backing = Backing::probe(file, false).doing("looking at a file system")?;
        let attached = backing.hold(ATTACHED, false).doing("attaching to a region")?;
        // Between its creation and the lock it looked stale, and somebody may have removed it.
        if attached.is_some() && naming::leads_to(&draft.path, &backing).doing("looking at a file")? {
            return Ok((backing, attached, Some(draft)));
        }
    }
    Err(SystemError::new("creating a file", Errno::AGAIN).into())
}

/// The name of a file in the making; taken away when this is dropped.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    home: Home,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.home.is_elsewhere() {
            // What fails here leaves a draft that is stale as soon as its region is.
            let _ = kernel::unlink(&self.path);
        }
    }
}

/// Removes what killed creators left in a directory. What cannot be looked at or removed is left to the next one.
fn remove_stale_drafts(directory: &Path) {
    for name in kernel::list_directory(directory).unwrap_or_default() {
        if name.to_str().is_some_and(is_draft) {
            let _ = remove_if_stale(&directory.join(name));
        }
    }
}

fn is_draft(file_name: &str) -> bool {
    let digits = file_name.strip_prefix(DRAFT);
    digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn remove_if_stale(path: &Path) -> Result<(), OpenError> {
    let doing = "removing a draft";
    let file = kernel::open(path, false).doing(doing)?;
    naming::check_owner(&file, Access::default())?;
    let backing = Backing::probe(file, false).doing(doing)?;
    if let Some(_nobody_holds_it) = backing.hold(ATTACHED, true).doing(doing)? {
        naming::remove(path, &backing).doing(doing)?;
    }
    Ok(())
}
