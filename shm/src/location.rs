//! Where a region is found: under a name of the machine's memory, or at a path of the user's own.

use crate::error::SystemError;
use crate::name::Name;
use core::fmt;
use rustix::io::Errno;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A name or a path: what leads to a region.
///
/// # Examples
///
/// ```
/// use ringway_shm::{Location, Name};
///
/// let name = Location::from(Name::machine("quotes")?);
/// assert_eq!(name.to_string(), "quotes");
/// assert_eq!(name.path().to_str(), Some("/dev/shm/ringway-machine-quotes"));
/// # Ok::<(), ringway_shm::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Location {
    /// A POSIX name, whose region lies in memory.
    Name(Name),
    /// An absolute path, whose region lies wherever the path leads.
    File(PathBuf),
}

impl Location {
    /// A path, made absolute: the process's directory may be another one when it is used.
    pub(crate) fn file(path: &Path) -> Result<Self, SystemError> {
        let absolute = std::path::absolute(path).map_err(|error| {
            SystemError::new("finding a path", Errno::from_io_error(&error).unwrap_or(Errno::INVAL))
        })?;
        Ok(Self::File(absolute))
    }

    /// Where that is in the file system.
    #[must_use]
    pub fn path(&self) -> Cow<'_, Path> {
        match self {
            Self::Name(name) => Cow::Owned(name.path()),
            Self::File(path) => Cow::Borrowed(path),
        }
    }
}

impl From<Name> for Location {
    fn from(name: Name) -> Self {
        Self::Name(name)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}
