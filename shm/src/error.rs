//! What can go wrong with regions: one closed list for creating, one for opening, and the small ones.

use crate::{BlueprintError, Location, NameError, Rejected};
use core::convert::Infallible;
use core::fmt;
use rustix::io::Errno;

/// A system call that failed for a reason this crate has no better name for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemError {
    /// What was being done, as a phrase.
    pub doing: &'static str,
    errno: Errno,
}

impl SystemError {
    pub(crate) fn new(doing: &'static str, errno: Errno) -> Self {
        Self { doing, errno }
    }

    /// The system's error number.
    #[must_use]
    pub fn raw_os_error(&self) -> i32 {
        self.errno.raw_os_error()
    }
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, std::io::Error::from(self.errno))
    }
}

impl core::error::Error for SystemError {}

/// Names what was being done when a system call failed.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, SystemError>;
}

impl<T> Doing<T> for rustix::io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, SystemError> {
        self.map_err(|errno| SystemError::new(doing, errno))
    }
}

/// Why a region could not be created. Nothing of it is left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateError {
    /// The name is no name.
    Name(NameError),
    /// The blueprint cannot be built.
    Blueprint(BlueprintError),
    /// A region of this name or at this path exists, or another file stands in its place.
    Exists {
        /// The name or the path.
        location: Location,
    },
    /// The file system or the machine has no room for the region.
    NoRoom {
        /// Bytes asked for.
        needed: u64,
    },
    /// The file system cannot reserve room for a file, so that a later touch might fail for want of it.
    CannotReserve,
    /// The system refused the mode or the group asked for.
    Permissions {
        /// The permission bits asked for.
        mode: u32,
        /// The group asked for, if any.
        group: Option<u32>,
    },
    /// A segment to be adopted is too small.
    SegmentTooSmall {
        /// Bytes of the segment.
        found: u64,
        /// Bytes that the region takes.
        needed: u64,
    },
    /// The region was created, but not by us, and cannot be opened.
    Open(Box<OpenError>),
    /// A system call failed.
    System(SystemError),
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::Blueprint(error) => error.fmt(f),
            Self::Exists { location: Location::Name(name) } => {
                write!(f, "a region named {name} exists already")
            }
            Self::Exists { location } => write!(f, "there is something at {location} already"),
            Self::NoRoom { needed } => write!(f, "no room for a region of {needed} bytes"),
            Self::CannotReserve => f.write_str("the file system cannot reserve room for a file"),
            Self::Permissions { mode, group: Some(group) } => {
                write!(f, "mode {mode:o} and group {group} are not ours to give")
            }
            Self::Permissions { mode, group: None } => write!(f, "mode {mode:o} is not ours to give"),
            Self::SegmentTooSmall { found, needed } => {
                write!(f, "the segment has {found} bytes, the region takes {needed}")
            }
            Self::Open(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CreateError {}

/// Why a region could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The name is no name.
    Name(NameError),
    /// There is no region of this name or at this path.
    NotFound {
        /// The name or the path.
        location: Location,
    },
    /// No such region appeared, or it was not made ready, in time.
    TimedOut,
    /// It belongs to another user, and the opener did not say that this is wanted.
    ForeignOwner {
        /// The owner's user id.
        owner: u32,
    },
    /// The system does not let this user open it.
    PermissionDenied,
    /// What stands under the name or at the path is no plain file, or a descriptor is of none in memory.
    NotAFile,
    /// A descriptor from another process must be a sealed memory file, and this one is not.
    NotSealed,
    /// A message came over the socket, but no descriptor with it; or the other end closed the socket.
    NoDescriptor,
    /// The name the segment had leads to another one by now.
    SegmentGone,
    /// The bytes are not a region that this program may use.
    Rejected(Rejected),
    /// A system call failed.
    System(SystemError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::NotFound { location: Location::Name(name) } => write!(f, "no region named {name}"),
            Self::NotFound { location } => write!(f, "no region at {location}"),
            Self::TimedOut => f.write_str("no region was ready in time"),
            Self::ForeignOwner { owner } => write!(f, "the region belongs to user {owner}"),
            Self::PermissionDenied => f.write_str("not permitted to open the region"),
            Self::NotAFile => f.write_str("not a plain file that a region can lie in"),
            Self::NotSealed => f.write_str("not a sealed memory file"),
            Self::NoDescriptor => f.write_str("there is no such descriptor, or none came over the socket"),
            Self::SegmentGone => f.write_str("the segment's name leads to another segment"),
            Self::Rejected(why) => why.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OpenError {}

/// Why a section could not be mapped twice in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MirrorError {
    /// The region has no such section.
    NoSection {
        /// The section asked for.
        content: u32,
    },
    /// The region lies in a file of large pages, and the section neither begins nor ends with one.
    LargePages {
        /// Bytes of a page there.
        page: u64,
        /// Where the section begins.
        offset: u64,
        /// Bytes of the section.
        len: u64,
    },
    /// A system call failed.
    System(SystemError),
}

impl fmt::Display for MirrorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSection { content } => write!(f, "the region has no section {content}"),
            Self::LargePages { page, offset, len } => {
                write!(
                    f,
                    "a section of {len} bytes at {offset} cannot be mapped twice in pages of {page} bytes"
                )
            }
            Self::System(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for MirrorError {}

impl From<MirrorError> for SystemError {
    fn from(error: MirrorError) -> Self {
        match error {
            MirrorError::NoSection { .. } => {
                Self::new("mapping a section twice that is not there", Errno::INVAL)
            }
            MirrorError::LargePages { .. } => {
                Self::new("mapping a section twice in large pages", Errno::INVAL)
            }
            MirrorError::System(error) => error,
        }
    }
}

/// Why a process or a thread could not take part in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParticipateError {
    /// Every row of the region's table belongs to somebody alive.
    TableFull {
        /// How many rows there are.
        rows: u32,
    },
    /// The region was opened read-only.
    ReadOnly,
    /// The region was opened by the process that this one was forked from: open it afresh.
    Forked,
    /// The thread ends: it has given its rows back, and what runs is the destructor of another thread-local.
    ThreadEnds,
    /// A system call failed.
    System(SystemError),
}

impl fmt::Display for ParticipateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TableFull { rows } => {
                write!(f, "all {rows} participants that the region has room for are there")
            }
            Self::ReadOnly => f.write_str("the region was opened read-only"),
            Self::Forked => f.write_str("the region was opened before a fork, by the parent"),
            Self::ThreadEnds => f.write_str("the thread ends, and has given its rows back"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ParticipateError {}

/// Why a role could not be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimError {
    /// Somebody who is alive, here or in another process, has the role.
    Taken,
    /// This process could not take part in the region.
    Participate(ParticipateError),
    /// A system call failed.
    System(SystemError),
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("the role is taken"),
            Self::Participate(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ClaimError {}

macro_rules! converts {
    ($($target:ident :: $variant:ident from $source:ty;)*) => {$(
        impl From<$source> for $target {
            fn from(source: $source) -> Self {
                Self::$variant(source)
            }
        }
    )*};
}

converts! {
    CreateError::Name from NameError;
    CreateError::Blueprint from BlueprintError;
    CreateError::System from SystemError;
    OpenError::Name from NameError;
    OpenError::Rejected from Rejected;
    OpenError::System from SystemError;
    MirrorError::System from SystemError;
    ClaimError::Participate from ParticipateError;
    ClaimError::System from SystemError;
    ParticipateError::System from SystemError;
}

impl From<OpenError> for CreateError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Name(error) => Self::Name(error),
            OpenError::System(error) => Self::System(error),
            other => Self::Open(Box::new(other)),
        }
    }
}

impl From<Infallible> for CreateError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<Infallible> for OpenError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
