//! What a ring is to be: capacity, wrapping, lifetime, permissions.

use core::fmt;
use ringway_shm::{Lifetime, Permissions};

/// Smallest capacity of a byte ring, in bytes: a page, the grain of a mirrored mapping.
pub const BYTES_MIN: u64 = 4096;

/// Largest capacity, in bytes of data: 1 TiB.
pub const DATA_LEN_MAX: u64 = 1 << 40;

/// How records get past the end of the data section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// A padding record fills the rest, the record begins anew at the start.
    Padding,
    /// The data section is mapped twice in a row, so that records run over its end and stay contiguous.
    Mirrored,
}

/// A ring to be created.
///
/// # Examples
///
/// ```
/// use ringway::Config;
///
/// let config = Config::spsc().capacity(1 << 20).mode(0o660);
/// # let _ = config;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    pub(crate) capacity: u64,
    pub(crate) wrap: Wrap,
    pub(crate) lifetime: Lifetime,
    pub(crate) permissions: Permissions,
    pub(crate) participants: u32,
}

impl Config {
    /// One producer, one consumer; capacity 65,536 (bytes, or slots), room for 15 participants, readable and writable
    /// by the owner alone, gone with its last party.
    #[must_use]
    pub fn spsc() -> Self {
        Self {
            capacity: 1 << 16,
            wrap: Wrap::Padding,
            lifetime: Lifetime::LastParty,
            permissions: Permissions::default(),
            participants: 15,
        }
    }

    /// Capacity: bytes of a byte ring, slots of a ring of slots. A power of two.
    #[must_use]
    pub fn capacity(mut self, capacity: u64) -> Self {
        self.capacity = capacity;
        self
    }

    /// How records get past the end of a byte ring. A ring of slots takes [`Wrap::Padding`] only, and never pads.
    #[must_use]
    pub fn wrap(mut self, wrap: Wrap) -> Self {
        self.wrap = wrap;
        self
    }

    /// Does a ring with a name, or in a file, outlive its parties?
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Permission bits of a ring with a name, or in a file, at most `0o777`; the umask does not touch them.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.permissions.mode = mode;
        self
    }

    /// Group of a named ring.
    #[must_use]
    pub fn group(mut self, group: u32) -> Self {
        self.permissions.group = Some(group);
        self
    }

    /// Room for this many participants (processes and threads), 1 to 4096.
    #[must_use]
    pub fn participants(mut self, participants: u32) -> Self {
        self.participants = participants;
        self
    }
}

/// A capacity that a ring cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapacityError {
    /// Zero.
    Zero,
    /// Not a power of two.
    NotPowerOfTwo {
        /// The capacity asked for.
        capacity: u64,
    },
    /// Smaller than a ring can be.
    TooSmall {
        /// The capacity asked for.
        capacity: u64,
        /// The smallest there is.
        min: u64,
    },
    /// Larger than a ring can be.
    TooLarge {
        /// The capacity asked for.
        capacity: u64,
        /// The largest there is.
        max: u64,
    },
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("a ring of capacity zero"),
            Self::NotPowerOfTwo { capacity } => {
                write!(
                    f,
                    "capacity {capacity} is not a power of two; {} is the next",
                    capacity.next_power_of_two()
                )
            }
            Self::TooSmall { capacity, min } => write!(f, "capacity {capacity}: the smallest is {min}"),
            Self::TooLarge { capacity, max } => write!(f, "capacity {capacity}: the largest is {max}"),
        }
    }
}

impl core::error::Error for CapacityError {}

/// Checks a capacity of things of `size` bytes each; returns the bytes of data.
pub(crate) fn data_len(capacity: u64, min: u64, size: u64) -> Result<u64, CapacityError> {
    let max = (DATA_LEN_MAX / size.max(1)).checked_ilog2().map_or(0, |log| 1 << log);
    if capacity == 0 {
        Err(CapacityError::Zero)
    } else if capacity > max {
        Err(CapacityError::TooLarge { capacity, max })
    } else if !capacity.is_power_of_two() {
        Err(CapacityError::NotPowerOfTwo { capacity })
    } else if capacity < min {
        Err(CapacityError::TooSmall { capacity, min })
    } else {
        Ok(capacity * size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capacity_that_cannot_be_is_said_so() {
        assert_eq!(data_len(0, 1, 8), Err(CapacityError::Zero));
        assert_eq!(data_len(3, 1, 8), Err(CapacityError::NotPowerOfTwo { capacity: 3 }));
        assert_eq!(data_len(2048, 4096, 1), Err(CapacityError::TooSmall { capacity: 2048, min: 4096 }));
        assert_eq!(
            data_len(u64::MAX, 1, 8),
            Err(CapacityError::TooLarge { capacity: u64::MAX, max: 1 << 37 })
        );
        assert_eq!(data_len(1 << 38, 1, 8), Err(CapacityError::TooLarge { capacity: 1 << 38, max: 1 << 37 }));
        assert_eq!(data_len(1, 1, u64::MAX), Err(CapacityError::TooLarge { capacity: 1, max: 0 }));
        assert_eq!(data_len(1 << 37, 1, 8), Ok(1 << 40));
        assert_eq!(data_len(4, 1, 12), Ok(48));
    }
}
