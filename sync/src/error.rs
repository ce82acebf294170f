//! What can go wrong with primitives: one closed list per verb.

use crate::lock::{Held, OwnerDied};
use core::fmt;
use ringway_shm::{Owner, ParticipateError, SystemError};

/// Why a primitive could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The region could not be opened, or holds something else.
    Region(ringway_shm::OpenError),
    /// The region was opened for reading only; primitives write.
    ReadOnly,
    /// This process could not take part in the region.
    Participate(ParticipateError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(error) => error.fmt(f),
            Self::ReadOnly => f.write_str("the region was opened read-only, and primitives write"),
            Self::Participate(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OpenError {}

/// Why a primitive could not be created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateError {
    /// The region could not be created; [`ringway_shm::CreateError::Exists`] among the reasons.
    Region(ringway_shm::CreateError),
    /// It is there, and could not be opened.
    Open(OpenError),
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CreateError {}

/// Why a lock was not got, or in what state it was.
///
/// It stays in its thread, as the guard does that may be in it. Where an error has to be `Send`, as in a
/// `Box<dyn Error + Send + Sync>`, match it first, or make a text of it.
///
/// # Examples
///
/// ```
/// use ringway_sync::{Mutex, Setup};
///
/// fn count(total: &Mutex<u64>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     total.lock().map_err(|error| error.to_string())?.update(|n| *n += 1);
///     Ok(())
/// }
/// # let total: Mutex<u64> = Setup::new().anonymous()?;
/// # count(&total).map_err(|error| error.to_string())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum LockError<L: Held> {
    /// It was got: from a holder that died with it, or left it inconsistent. The guard is within.
    OwnerDied(OwnerDied<L>),
    /// Somebody has it, and the call does not wait.
    WouldBlock,
    /// Somebody had it until the deadline.
    TimedOut,
    /// This thread has it already.
    Deadlock,
    /// The region was opened by the process that this one was forked from: open it afresh.
    Forked,
    /// The thread could not take part in the region: [`ParticipateError::TableFull`] for one.
    Participate(ParticipateError),
    /// The system does not answer for the holder.
    System(SystemError),
}

impl<L: Held> fmt::Debug for LockError<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerDied(died) => f.debug_tuple("OwnerDied").field(died).finish(),
            Self::WouldBlock => f.write_str("WouldBlock"),
            Self::TimedOut => f.write_str("TimedOut"),
            Self::Deadlock => f.write_str("Deadlock"),
            Self::Forked => f.write_str("Forked"),
            Self::Participate(error) => f.debug_tuple("Participate").field(error).finish(),
            Self::System(error) => f.debug_tuple("System").field(error).finish(),
        }
    }
}

impl<L: Held> fmt::Display for LockError<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerDied(_) => f.write_str("a holder of the lock died with it"),
            Self::WouldBlock => f.write_str("the lock is taken"),
            Self::TimedOut => f.write_str("the lock was not free in time"),
            Self::Deadlock => f.write_str("this thread has the lock already"),
            Self::Forked => f.write_str("the region was opened before a fork, by the parent"),
            Self::Participate(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl<L: Held> core::error::Error for LockError<L> {}

/// Why something was refused, whatever it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    WouldBlock,
    TimedOut,
    Deadlock,
    Participate(ParticipateError),
    System(SystemError),
}

impl From<ParticipateError> for Refused {
    fn from(error: ParticipateError) -> Self {
        Self::Participate(error)
    }
}

impl From<SystemError> for Refused {
    fn from(error: SystemError) -> Self {
        Self::System(error)
    }
}

impl<L: Held> From<Refused> for LockError<L> {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::WouldBlock => Self::WouldBlock,
            Refused::TimedOut => Self::TimedOut,
            Refused::Deadlock => Self::Deadlock,
            Refused::Participate(ParticipateError::Forked) => Self::Forked,
            Refused::Participate(error) => Self::Participate(error),
            Refused::System(error) => Self::System(error),
        }
    }
}

/// Why a permit was not got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcquireError {
    /// There is none, and the call does not wait.
    WouldBlock,
    /// There was none until the deadline.
    TimedOut,
    /// The region was opened by the process that this one was forked from: open it afresh.
    Forked,
    /// The system does not answer for a holder.
    System(SystemError),
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("there is no permit"),
            Self::TimedOut => f.write_str("there was no permit in time"),
            Self::Forked => f.write_str("the region was opened before a fork, by the parent"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AcquireError {}

/// Why permits were not released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReleaseError {
    /// There would be more than a semaphore can count.
    Overflow {
        /// How many there can be.
        max: u32,
    },
    /// The region was opened by the process that this one was forked from: open it afresh.
    Forked,
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow { max } => write!(f, "a semaphore counts to {max}"),
            Self::Forked => f.write_str("the region was opened before a fork, by the parent"),
        }
    }
}

impl core::error::Error for ReleaseError {}

/// Why a party of a barrier did not get by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BarrierError {
    /// The barrier was broken: by whom, and why. It stays so until everybody has left it.
    Broken(Broken),
    /// Not all had arrived, and the call does not wait.
    WouldBlock,
    /// Not all had arrived until the deadline. This party has: the next call waits on.
    TimedOut,
    /// The region was opened by the process that this one was forked from: open it afresh.
    Forked,
    /// The system does not answer for a party.
    System(SystemError),
}

/// Who broke a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken {
    /// The seat of the party.
    pub seat: u32,
    /// Whose seat it was, if that still stands there.
    pub who: Option<Owner>,
    /// Did it die? Otherwise it left.
    pub died: bool,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.died { "died" } else { "left" };
        write!(f, "the barrier is broken: party {} {how}", self.seat)
    }
}

impl fmt::Display for BarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => broken.fmt(f),
            Self::WouldBlock => f.write_str("not all parties have arrived"),
            Self::TimedOut => f.write_str("not all parties arrived in time"),
            Self::Forked => f.write_str("the region was opened before a fork, by the parent"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for BarrierError {}

/// Why somebody could not become a party of a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// Every seat is taken, or not waited for any more.
    Full {
        /// How many parties the barrier is for.
        parties: u32,
    },
    /// Nobody has said how many parties it is for ([`Barrier::expect`](crate::Barrier::expect)).
    NotSetUp,
    /// It is for another number of parties, or treats the dead otherwise.
    Expects {
        /// How many parties it is for.
        parties: u32,
    },
    /// A barrier is for 1 to this many parties.
    Parties {
        /// How many there can be.
        max: u32,
    },
    /// The barrier is broken, and not everybody has left it.
    Broken(Broken),
    /// The region was opened by the process that this one was forked from: open it afresh.
    Forked,
    /// The system does not answer for a party.
    System(SystemError),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { parties } => write!(f, "all {parties} parties of the barrier are there"),
            Self::NotSetUp => f.write_str("nobody has said how many parties the barrier is for"),
            Self::Expects { parties } => {
                write!(f, "the barrier is for {parties} parties, or treats its dead otherwise")
            }
            Self::Parties { max } => write!(f, "a barrier is for 1 to {max} parties"),
            Self::Broken(broken) => broken.fmt(f),
            Self::Forked => f.write_str("the region was opened before a fork, by the parent"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for JoinError {}

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
    OpenError::Region from ringway_shm::OpenError;
    CreateError::Region from ringway_shm::CreateError;
    CreateError::Open from OpenError;
    AcquireError::System from SystemError;
    BarrierError::System from SystemError;
    BarrierError::Broken from Broken;
    JoinError::System from SystemError;
    JoinError::Broken from Broken;
}

impl From<ParticipateError> for OpenError {
    fn from(error: ParticipateError) -> Self {
        match error {
            ParticipateError::ReadOnly => Self::ReadOnly,
            error => Self::Participate(error),
        }
    }
}
