//! What a region is to hold: asked for by a crate above, turned into a superblock.
//!
//! ```text
//!   Blueprint ──superblock──▶ Superblock ──bytes──▶ region          (the way back: geometry.rs)
//! ```

use crate::geometry::{Expected, checksum};
use crate::layout::{
    ENDIAN, FIRST_OWN, MAGIC, PAGE, PARAMETERS, ROWS, SECTIONS_MAX, Section, Superblock, VERSION, rows_len,
};
use core::fmt;

/// Largest region, in bytes: what fits an address space with room to mirror.
pub const REGION_LEN_MAX: u64 = 1 << 44;

/// Most participants of a region.
pub const ROWS_MAX: u32 = 4096;

/// Does a region's name outlive its parties?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Lifetime {
    /// The name, or the path of a file, goes when the last party leaves, and what the region held with it. A party that is
    /// killed leaves the name behind, for the next one that opens it for writing, creates under it or sweeps
    /// ([`remove_leftovers`](crate::remove_leftovers)) to remove.
    #[default]
    LastParty,
    /// The name or path and what the region holds stay until [`unlink`](crate::unlink) or
    /// [`unlink_file`](crate::unlink_file), across restarts of every party.
    UntilUnlinked,
}

/// What a kind of region consists of.
///
/// # Examples
///
/// ```
/// use ringway_shm::{Blueprint, layout};
///
/// let blueprint = Blueprint::new(0x6e6f_7465, 1).section(layout::FIRST_OWN, 4096)?;
/// assert!(blueprint.region_len() >= 2 * 4096);
/// # Ok::<(), ringway_shm::BlueprintError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    kind: u32,
    kind_version: u32,
    fingerprint: u128,
    parameters: [u64; PARAMETERS],
    rows: u32,
    lifetime: Lifetime,
    own: Vec<(u32, u64)>,
}

/// A blueprint that cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlueprintError {
    /// A section's number is below [`FIRST_OWN`] or used twice.
    SectionContent {
        /// The number.
        content: u32,
    },
    /// A section of no bytes, or one that makes the region longer than [`REGION_LEN_MAX`].
    SectionLength {
        /// Its length in bytes.
        len: u64,
    },
    /// More sections than a superblock has room for.
    TooManySections,
    /// No participants, or more than [`ROWS_MAX`].
    Rows {
        /// How many were asked for.
        rows: u32,
    },
}

impl fmt::Display for BlueprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SectionContent { content } => {
                write!(f, "section number {content} is reserved or used twice")
            }
            Self::SectionLength { len } => write!(f, "a section of {len} bytes does not fit a region"),
            Self::TooManySections => write!(f, "a region has at most {} sections", SECTIONS_MAX - 1),
            Self::Rows { rows } => write!(f, "{rows} participants: a region has 1 to {ROWS_MAX}"),
        }
    }
}

impl core::error::Error for BlueprintError {}

impl Blueprint {
    /// A region of the given kind, with 15 participants, no type, no parameters and no sections of its own.
    #[must_use]
    pub fn new(kind: u32, kind_version: u32) -> Self {
        Self {
            kind,
            kind_version,
            fingerprint: 0,
            parameters: [0; PARAMETERS],
            rows: 15,
            lifetime: Lifetime::default(),
            own: Vec::new(),
        }
    }

    /// The type that lies in the region; opening it as another type is refused.
    #[must_use]
    pub fn fingerprint(mut self, fingerprint: u128) -> Self {
        self.fingerprint = fingerprint;
        self
    }

    /// Numbers that the kind keeps about itself.
    #[must_use]
    pub fn parameters(mut self, parameters: [u64; PARAMETERS]) -> Self {
        self.parameters = parameters;
        self
    }

    /// Does the name outlive the parties?
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// How many processes and threads may take part at once: 1 to [`ROWS_MAX`].
    ///
    /// # Errors
    ///
    /// [`BlueprintError::Rows`] outside that range.
    pub fn rows(mut self, rows: u32) -> Result<Self, BlueprintError> {
        if rows == 0 || rows > ROWS_MAX {
            return Err(BlueprintError::Rows { rows });
        }
        self.rows = rows;
        Ok(self)
    }

    /// Adds a section of at least `len` bytes, rounded up to whole pages.
    ///
    /// # Errors
    ///
    /// [`BlueprintError`] when the number is reserved or taken, the length is zero or does not fit, or the table is
    /// full.
    pub fn section(mut self, content: u32, len: u64) -> Result<Self, BlueprintError> {
        if content < FIRST_OWN || self.own.iter().any(|&(taken, _)| taken == content) {
            return Err(BlueprintError::SectionContent { content });
        }
        if self.own.len() + 1 == SECTIONS_MAX {
            return Err(BlueprintError::TooManySections);
        }
        if len == 0 || len > REGION_LEN_MAX || self.region_len() + len.next_multiple_of(PAGE) > REGION_LEN_MAX
        {
            return Err(BlueprintError::SectionLength { len });
        }
        self.own.push((content, len.next_multiple_of(PAGE)));
        Ok(self)
    }

    /// Bytes of the whole region.
    #[must_use]
    pub fn region_len(&self) -> u64 {
        PAGE + rows_len(self.rows) + self.own.iter().map(|&(_, len)| len).sum::<u64>()
    }

    /// Which kind, version and type an opener of this blueprint accepts.
    #[must_use]
    pub fn expected(&self) -> Expected {
        Expected { kind: self.kind, kind_version: self.kind_version, fingerprint: self.fingerprint }
    }

    /// The superblock of a region built from this blueprint; the checksum is in place.
    pub(crate) fn superblock(&self, birth: &Birth) -> Superblock {
        let mut sections = [Section::default(); SECTIONS_MAX];
        let standing = [(ROWS, rows_len(self.rows))];
        let mut offset = PAGE;
        let mut section_count = 0;
        for (entry, &(content, len)) in sections.iter_mut().zip(standing.iter().chain(&self.own)) {
            *entry = Section { content, reserved: 0, offset, len };
            offset += len;
            section_count += 1;
        }
        let mut superblock = Superblock {
            magic: MAGIC,
            endian: ENDIAN,
            version: VERSION,
            incompatible: 0,
            read_only_compatible: 0,
            compatible: 0,
            region_len: offset,
            identity: birth.identity,
            boot: birth.boot,
            kind: self.kind,
            kind_version: self.kind_version,
            lifetime: u32::from(self.lifetime == Lifetime::LastParty),
            rows: self.rows,
            fingerprint: self.fingerprint.to_le_bytes(),
            created_ns: birth.created_ns,
            creator_user: birth.user,
            creator_process: birth.process,
            parameters: self.parameters,
            section_count,
            reserved_a: 0,
            sections,
            reserved_b: [0; 14],
            reserved_c: 0,
            checksum: 0,
        };
        superblock.checksum = checksum(&superblock);
        superblock
    }
}

/// Facts of the moment and the process that a region was created in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth {
    pub(crate) identity: [u8; 16],
    pub(crate) boot: [u8; 16],
    pub(crate) created_ns: u64,
    pub(crate) user: u32,
    pub(crate) process: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_built_is_said() {
        let blueprint = Blueprint::new(1, 1);
        let refused = |result: Result<Blueprint, _>| result.unwrap_err();
        assert_eq!(
            refused(blueprint.clone().section(ROWS, 1)),
            BlueprintError::SectionContent { content: ROWS }
        );
        assert_eq!(
            refused(blueprint.clone().section(FIRST_OWN, 0)),
            BlueprintError::SectionLength { len: 0 }
        );
        assert_eq!(
            refused(blueprint.clone().section(FIRST_OWN, u64::MAX)),
            BlueprintError::SectionLength { len: u64::MAX }
        );
        assert_eq!(refused(blueprint.clone().rows(0)), BlueprintError::Rows { rows: 0 });
        assert_eq!(refused(blueprint.rows(ROWS_MAX + 1)), BlueprintError::Rows { rows: ROWS_MAX + 1 });
    }
}
