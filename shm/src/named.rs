//! Regions with a POSIX name: in memory, listed in `/dev/shm`, gone with the machine's next boot.
//!
//! The file is nameless until it is whole (`O_TMPFILE`), and is then linked in one step. How names are given, found and
//! taken away is told in naming.rs.

use crate::access::{Access, Permissions};
use crate::blueprint::Blueprint;
use crate::error::{CreateError, Doing, OpenError};
use crate::geometry::Expected;
use crate::hold::Backing;
use crate::layout::ATTACHED;
use crate::location::Location;
use crate::name::{DIRECTORY, Name};
use crate::naming;
use crate::primitive::kernel;
use crate::region::Region;
use std::path::Path;

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
        let backing = Backing::in_memory(file, false).doing("looking at a region")?;
        // Before the name: a sweeper never sees a named region that nobody holds and that is about to be used. Nobody else
        // knows the file, so the lock is free.
        let attached = backing.hold(ATTACHED, false).doing("attaching to a region")?;
        naming::build(backing, attached, blueprint, permissions)
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
        naming::publish(self, Location::Name(name))
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
        naming::open(&Location::Name(name), expected, access)
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
        naming::open_or_create(&Location::Name(name.clone()), &blueprint.expected(), || {
            Self::create(name.clone(), blueprint, permissions)
        })
    }
}
