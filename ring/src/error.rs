//! What can go wrong with rings: one closed list per verb.

use crate::config::CapacityError;
use core::fmt;
use ringway_shm::{ClaimError, ParticipateError, SystemError};

/// What in the region cannot be, and where: written by a peer that does not follow the protocol, or by a broken one.
///
/// The handle that met it is poisoned: it answers the same to all that asks for the ring from then on, and writes to the region no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// This handle's position in the ring when it met it.
    pub position: u64,
    /// What it met.
    pub fault: Fault,
}

/// A word in the region that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The producer's position went backwards, or too far ahead of the consumer's.
    Tail {
        /// What stood there.
        tail: u64,
    },
    /// The consumer's position went backwards, or ahead of the producer's.
    Head {
        /// What stood there.
        head: u64,
    },
    /// A record's header is none, or its record does not fit where it stands.
    Header {
        /// What stood there.
        word: u64,
    },
    /// A slot's sequence word, in the latency layout, is neither that of its message nor that of the lap before.
    Sequence {
        /// What stood there.
        sequence: u64,
    },
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.position;
        match self.fault {
            Fault::Tail { tail } => {
                write!(f, "corrupt at position {at}: the producer's position reads {tail}")
            }
            Fault::Head { head } => {
                write!(f, "corrupt at position {at}: the consumer's position reads {head}")
            }
            Fault::Header { word } => write!(f, "corrupt at position {at}: a record header reads {word:#x}"),
            Fault::Sequence { sequence } => {
                write!(f, "corrupt at position {at}: a slot's sequence word reads {sequence}")
            }
        }
    }
}

impl core::error::Error for Corruption {}

/// Why a side of a ring could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// The ring has a live producer, in this process or another.
    ProducerTaken,
    /// The ring has a live consumer, in this process or another.
    ConsumerTaken,
    /// Every participant that the region has room for is there.
    TableFull {
        /// How many there can be.
        rows: u32,
    },
    /// The region was opened read-only.
    ReadOnly,
    /// The region was opened by the process that this one was forked from: open it afresh.
    Forked,
    /// The positions in the ring cannot be.
    Corrupt(Corruption),
    /// A system call failed.
    System(SystemError),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProducerTaken => f.write_str("the ring has a producer already"),
            Self::ConsumerTaken => f.write_str("the ring has a consumer already"),
            Self::TableFull { rows } => {
                write!(f, "all {rows} participants that the ring has room for are there")
            }
            Self::ReadOnly => f.write_str("the region was opened read-only"),
            Self::Forked => f.write_str("the region was opened before a fork, by the parent"),
            Self::Corrupt(corruption) => corruption.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AttachError {}

impl AttachError {
    pub(crate) fn from_claim(error: ClaimError, taken: Self) -> Self {
        match error {
            ClaimError::Participate(ParticipateError::TableFull { rows }) => Self::TableFull { rows },
            ClaimError::Participate(ParticipateError::ReadOnly) => Self::ReadOnly,
            ClaimError::Participate(ParticipateError::Forked) => Self::Forked,
            ClaimError::Participate(ParticipateError::System(error)) | ClaimError::System(error) => {
                Self::System(error)
            }
            // Both errors may grow; the crates grow together.
            _ => taken,
        }
    }
}

/// Why a ring could not be created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateError {
    /// A ring cannot have this capacity.
    Capacity(CapacityError),
    /// A ring of slots does not wrap by a mirrored mapping: no slot runs over its end.
    MirroredSlots,
    /// The region could not be created; [`ringway_shm::CreateError::Exists`] among the reasons.
    Region(ringway_shm::CreateError),
    /// The side that was asked for could not be taken.
    Attach(AttachError),
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity(error) => error.fmt(f),
            Self::MirroredSlots => f.write_str("a ring of slots is never mirrored"),
            Self::Region(error) => error.fmt(f),
            Self::Attach(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CreateError {}

/// Why a ring could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The region could not be opened, or is not a ring of this kind and type.
    Region(ringway_shm::OpenError),
    /// The side that was asked for could not be taken.
    Attach(AttachError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(error) => error.fmt(f),
            Self::Attach(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OpenError {}

/// Why room could not be reserved, or a message not sent, at once. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError {
    /// There is too little room now.
    Full {
        /// Bytes or slots that it takes, padding included.
        needed: u64,
        /// Bytes or slots that are free.
        free: u64,
    },
    /// The message is longer than any that this ring takes.
    TooLong {
        /// Its length in bytes, or in slots.
        len: u64,
        /// The longest.
        max: u64,
    },
    /// The consumer died, and there is no room that it had released before. Told once for each death; the handle goes on,
    /// and serves the next consumer: the next call waits for one.
    PeerDead,
    /// The consumer has left, and there is no room that it had released before. Every call answers so at once, until another
    /// one comes; to serve it, `await_consumer` first.
    Closed,
    /// The handle was made by the process that this one was forked from.
    Forked,
    /// The region holds what cannot be.
    Corrupt(Corruption),
}

impl fmt::Display for TrySendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { needed, free } => write!(f, "full: {needed} needed, {free} free"),
            Self::TooLong { len, max } => write!(f, "a message of length {len}, the longest has {max}"),
            Self::PeerDead => f.write_str("the consumer died"),
            Self::Closed => f.write_str("the consumer has left"),
            Self::Forked => f.write_str("the handle was made before a fork, by the parent"),
            Self::Corrupt(corruption) => corruption.fmt(f),
        }
    }
}

impl core::error::Error for TrySendError {}

/// Why a message was not sent, or room not reserved, in time. Nothing of it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// There was too little room until the deadline.
    TimedOut,
    /// The message is longer than any that this ring takes.
    TooLong {
        /// Its length in bytes, or in slots.
        len: u64,
        /// The longest.
        max: u64,
    },
    /// The consumer died, and there is no room that it had released before. Told once for each death; the handle goes on,
    /// and serves the next consumer: the next call waits for one.
    PeerDead,
    /// The consumer has left, and there is no room that it had released before. Every call answers so at once, until another
    /// one comes; to serve it, `await_consumer` first.
    Closed,
    /// The handle was made by the process that this one was forked from.
    Forked,
    /// The region holds what cannot be.
    Corrupt(Corruption),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no room in time"),
            Self::TooLong { len, max } => write!(f, "a message of length {len}, the longest has {max}"),
            Self::PeerDead => f.write_str("the consumer died"),
            Self::Closed => f.write_str("the consumer has left"),
            Self::Forked => f.write_str("the handle was made before a fork, by the parent"),
            Self::Corrupt(corruption) => corruption.fmt(f),
        }
    }
}

impl core::error::Error for SendError {}

/// Why no message was received at once. A message that there is stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryRecvError {
    /// There is none.
    Empty,
    /// There is one, and it does not fit.
    TooSmall {
        /// The bytes that it takes: its length, or in a call that receives many its record's.
        needed: usize,
    },
    /// The producer died, and what it had sent has been received. Told once for each death; the handle goes on, and serves
    /// the next producer: the next call waits for one.
    PeerDead,
    /// The producer has left, and what it had sent has been received. Every call answers so at once, until another one comes;
    /// to serve it, `await_producer` first.
    Closed,
    /// The handle was made by the process that this one was forked from.
    Forked,
    /// The region holds what cannot be.
    Corrupt(Corruption),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::TooSmall { needed } => write!(f, "the message takes {needed} bytes"),
            Self::PeerDead => f.write_str("the producer died"),
            Self::Closed => f.write_str("the producer has left"),
            Self::Forked => f.write_str("the handle was made before a fork, by the parent"),
            Self::Corrupt(corruption) => corruption.fmt(f),
        }
    }
}

impl core::error::Error for TryRecvError {}

/// Why no message was received in time. A message that there is stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// There was none until the deadline.
    TimedOut,
    /// There is one, and it does not fit.
    TooSmall {
        /// The bytes that it takes: its length, or in a call that receives many its record's.
        needed: usize,
    },
    /// The producer died, and what it had sent has been received. Told once for each death; the handle goes on, and serves
    /// the next producer: the next call waits for one.
    PeerDead,
    /// The producer has left, and what it had sent has been received. Every call answers so at once, until another one comes;
    /// to serve it, `await_producer` first.
    Closed,
    /// The handle was made by the process that this one was forked from.
    Forked,
    /// The region holds what cannot be.
    Corrupt(Corruption),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no message in time"),
            Self::TooSmall { needed } => write!(f, "the message takes {needed} bytes"),
            Self::PeerDead => f.write_str("the producer died"),
            Self::Closed => f.write_str("the producer has left"),
            Self::Forked => f.write_str("the handle was made before a fork, by the parent"),
            Self::Corrupt(corruption) => corruption.fmt(f),
        }
    }
}

impl core::error::Error for RecvError {}

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
    AttachError::Corrupt from Corruption;
    TrySendError::Corrupt from Corruption;
    SendError::Corrupt from Corruption;
    TryRecvError::Corrupt from Corruption;
    RecvError::Corrupt from Corruption;
    CreateError::Capacity from CapacityError;
    CreateError::Region from ringway_shm::CreateError;
    CreateError::Attach from AttachError;
    OpenError::Region from ringway_shm::OpenError;
    OpenError::Attach from AttachError;
}

/// Why a wait ends without what it waited for, or a try says more than that there was nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    TimedOut,
    PeerDead,
    Closed,
    Forked,
    Corrupt(Corruption),
}

macro_rules! ends {
    ($($error:ident: $timed_out:expr;)*) => {$(
        impl From<Ending> for $error {
            fn from(ending: Ending) -> Self {
                match ending {
                    Ending::TimedOut => $timed_out,
                    Ending::PeerDead => Self::PeerDead,
                    Ending::Closed => Self::Closed,
                    Ending::Forked => Self::Forked,
                    Ending::Corrupt(corruption) => Self::Corrupt(corruption),
                }
            }
        }
    )*};
}

ends! {
    TrySendError: unreachable!("a try has no deadline");
    SendError: Self::TimedOut;
    TryRecvError: unreachable!("a try has no deadline");
    RecvError: Self::TimedOut;
}

/// A try's answer as a wait that has ended gives it.
#[inline(always)]
pub(crate) fn settled<T>(result: Result<T, TrySendError>) -> Result<T, SendError> {
    result.map_err(|error| match error {
        TrySendError::Full { .. } => SendError::TimedOut,
        TrySendError::TooLong { len, max } => SendError::TooLong { len, max },
        TrySendError::PeerDead => SendError::PeerDead,
        TrySendError::Closed => SendError::Closed,
        TrySendError::Forked => SendError::Forked,
        TrySendError::Corrupt(corruption) => SendError::Corrupt(corruption),
    })
}

/// A try's answer as a wait that has ended gives it.
#[inline(always)]
pub(crate) fn arrived<T>(result: Result<T, TryRecvError>) -> Result<T, RecvError> {
    result.map_err(|error| match error {
        TryRecvError::Empty => RecvError::TimedOut,
        TryRecvError::TooSmall { needed } => RecvError::TooSmall { needed },
        TryRecvError::PeerDead => RecvError::PeerDead,
        TryRecvError::Closed => RecvError::Closed,
        TryRecvError::Forked => RecvError::Forked,
        TryRecvError::Corrupt(corruption) => RecvError::Corrupt(corruption),
    })
}
