//! A region's superblock seen by an opener: copied out once, checked whole, and never read from the region again.
//!
//! ```text
//!   region ──copied out──▶ Superblock ──check──▶ Geometry (private) ──expect──▶ the kind and type asked for
//! ```

use crate::blueprint::{Lifetime, REGION_LEN_MAX, ROWS_MAX};
use crate::layout::{
    ENDIAN, FIRST_OWN, MAGIC, PAGE, PARAMETERS, ROWS, SECTIONS_MAX, Section, Superblock, VERSION, rows_len,
};
use core::fmt;
use core::mem::{offset_of, size_of};
use zerocopy::IntoBytes;

/// What an opener expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The kind of region.
    pub kind: u32,
    /// The version of that kind's layout.
    pub kind_version: u32,
    /// The type in it; zero when none does.
    pub fingerprint: u128,
}

/// Why the bytes at hand are not a region that this program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected {
    /// Too short to hold a superblock, or shorter or longer than the superblock says.
    Length {
        /// Bytes there are.
        found: u64,
        /// Bytes there should be.
        expected: u64,
    },
    /// It does not begin with the magic bytes.
    NotARegion,
    /// Written by a machine of another byte order.
    ByteOrder,
    /// Another version of the layout.
    Version {
        /// The version found.
        found: u32,
        /// The version this crate knows.
        expected: u32,
    },
    /// It needs features that this crate does not know.
    Features {
        /// The unknown bits.
        unknown: u64,
    },
    /// The superblock's checksum does not match its bytes.
    Checksum {
        /// The checksum found.
        found: u32,
        /// The checksum of the bytes.
        expected: u32,
    },
    /// The sections do not lie as they must, or reserved bytes are not zero.
    Geometry,
    /// Created before the machine's last boot.
    OtherBoot,
    /// Another kind of region.
    Kind {
        /// The kind found.
        found: u32,
        /// The kind asked for.
        expected: u32,
    },
    /// Another version of this kind.
    KindVersion {
        /// The version found.
        found: u32,
        /// The version asked for.
        expected: u32,
    },
    /// Another type lies in it.
    Fingerprint {
        /// The fingerprint found.
        found: u128,
        /// The fingerprint of the type asked for.
        expected: u128,
    },
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found, expected } => write!(f, "{found} bytes where a region has {expected}"),
            Self::NotARegion => f.write_str("not a Ringway region"),
            Self::ByteOrder => f.write_str("written by a machine of another byte order"),
            Self::Version { found, expected } => {
                write!(f, "layout version {found}, this program knows version {expected}")
            }
            Self::Features { unknown } => write!(f, "needs unknown features {unknown:#x}"),
            Self::Checksum { found, expected } => {
                write!(f, "superblock checksum {found:#010x} should be {expected:#010x}")
            }
            Self::Geometry => f.write_str("the superblock's sections do not fit together"),
            Self::OtherBoot => f.write_str("created before the machine's last boot"),
            Self::Kind { found, expected } => write!(f, "a region of kind {found:#x}, not {expected:#x}"),
            Self::KindVersion { found, expected } => {
                write!(f, "version {found} of its kind, this program knows version {expected}")
            }
            Self::Fingerprint { found, expected } => {
                write!(f, "holds another type: fingerprint {found:#034x}, not {expected:#034x}")
            }
        }
    }
}

impl core::error::Error for Rejected {}

/// What is known of a file from outside, and by whom it is to be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Its length.
    pub(crate) len: u64,
    /// The file is as long as its region, rounded up to this.
    pub(crate) grain: u64,
    /// The boot that the region must be of; `None` takes any.
    pub(crate) boot: Option<[u8; 16]>,
    pub(crate) read_only: bool,
}

/// A region's facts, copied out of its superblock once and kept in private memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes of the whole region.
    pub region_len: u64,
    /// Random identity of the region.
    pub identity: [u8; 16],
    /// The kind of region.
    pub kind: u32,
    /// The version of that kind's layout.
    pub kind_version: u32,
    /// The type in it; zero when none does.
    pub fingerprint: u128,
    /// Does the name outlive the parties?
    pub lifetime: Lifetime,
    /// How many participants there may be.
    pub rows: u32,
    /// Numbers that the kind defined.
    pub parameters: [u64; PARAMETERS],
    /// Nanoseconds since 1970 at creation, as the creator said.
    pub created_ns: u64,
    /// User id of the creator, as the creator said.
    pub creator_user: u32,
    /// Process id of the creator in its own namespace, as the creator said.
    pub creator_process: u32,
    sections: Vec<Section>,
}

impl Geometry {
    /// Where a section lies, if the region has one of this content.
    #[must_use]
    pub fn section(&self, content: u32) -> Option<Section> {
        self.sections.iter().copied().find(|section| section.content == content)
    }

    /// Checks a superblock that was copied out of a region.
    pub(crate) fn check(superblock: &Superblock, found: &Found) -> Result<Self, Rejected> {
        if superblock.magic != MAGIC {
            return Err(Rejected::NotARegion);
        }
        if superblock.endian != ENDIAN {
            return Err(Rejected::ByteOrder);
        }
        if superblock.version != VERSION {
            return Err(Rejected::Version { found: superblock.version, expected: VERSION });
        }
        if superblock.incompatible != 0 {
            return Err(Rejected::Features { unknown: superblock.incompatible });
        }
        let expected = checksum(superblock);
        if superblock.checksum != expected {
            return Err(Rejected::Checksum { found: superblock.checksum, expected });
        }
        let file_len = superblock.region_len.checked_next_multiple_of(found.grain);
        if file_len != Some(found.len) {
            let expected = file_len.unwrap_or(superblock.region_len);
            return Err(Rejected::Length { found: found.len, expected });
        }
        if superblock.read_only_compatible != 0 && !found.read_only {
            return Err(Rejected::Features { unknown: superblock.read_only_compatible });
        }
        let sections = Self::check_sections(superblock).ok_or(Rejected::Geometry)?;
        if found.boot.is_some_and(|boot| superblock.boot != boot) {
            return Err(Rejected::OtherBoot);
        }
        Ok(Self {
            region_len: superblock.region_len,
            identity: superblock.identity,
            kind: superblock.kind,
            kind_version: superblock.kind_version,
            fingerprint: u128::from_le_bytes(superblock.fingerprint),
            lifetime: if superblock.lifetime == 0 { Lifetime::UntilUnlinked } else { Lifetime::LastParty },
            rows: superblock.rows,
            parameters: superblock.parameters,
            created_ns: superblock.created_ns,
            creator_user: superblock.creator_user,
            creator_process: superblock.creator_process,
            sections,
        })
    }

    /// The used sections, if they lie one after the other from the second page to the end of the region, the first
    /// is the participants', and everything reserved is zero.
    fn check_sections(superblock: &Superblock) -> Option<Vec<Section>> {
        let count = superblock.section_count as usize;
        let reserved = superblock.reserved_a == 0
            && superblock.reserved_c == 0
            && superblock.reserved_b.iter().all(|&word| word == 0);
        let known = superblock.lifetime <= 1 && (1..=ROWS_MAX).contains(&superblock.rows);
        if !reserved
            || !known
            || !(1..=SECTIONS_MAX).contains(&count)
            || superblock.region_len > REGION_LEN_MAX
        {
            return None;
        }
        let (used, unused) = superblock.sections.split_at(count);
        if unused.iter().any(|&section| section != Section::default()) {
            return None;
        }
        let standing = [(ROWS, rows_len(superblock.rows))];
        let mut offset = PAGE;
        for (at, section) in used.iter().enumerate() {
            let content_fits = match standing.get(at) {
                Some(&(content, len)) => section.content == content && section.len == len,
                None => section.content >= FIRST_OWN,
            };
            let unique = used[..at].iter().all(|earlier| earlier.content != section.content);
            let lies_right = section.offset == offset && section.len != 0 && section.len % PAGE == 0;
            if !content_fits || !unique || !lies_right || section.reserved != 0 {
                return None;
            }
            offset = offset.checked_add(section.len).filter(|&end| end <= superblock.region_len)?;
        }
        (offset == superblock.region_len).then(|| used.to_vec())
    }

    /// Is it what the opener expects?
    pub(crate) fn expect(&self, expected: &Expected) -> Result<(), Rejected> {
        if self.kind != expected.kind {
            return Err(Rejected::Kind { found: self.kind, expected: expected.kind });
        }
        if self.kind_version != expected.kind_version {
            return Err(Rejected::KindVersion { found: self.kind_version, expected: expected.kind_version });
        }
        if self.fingerprint != expected.fingerprint {
            return Err(Rejected::Fingerprint { found: self.fingerprint, expected: expected.fingerprint });
        }
        Ok(())
    }
}

/// Checksum of everything in the superblock before its checksum.
pub(crate) fn checksum(superblock: &Superblock) -> u32 {
    const { assert!(offset_of!(Superblock, checksum) + 4 == size_of::<Superblock>()) };
    crc32fast::hash(&superblock.as_bytes()[..offset_of!(Superblock, checksum)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::{Birth, Blueprint};
    use zerocopy::FromBytes;

    const BIRTH: Birth = Birth { identity: [1; 16], boot: [2; 16], created_ns: 3, user: 4, process: 5 };

    /// Checks against a file of `len` bytes, in this boot or another.
    fn check(superblock: &Superblock, len: u64, boot: [u8; 16]) -> Result<Geometry, Rejected> {
        Geometry::check(superblock, &Found { len, grain: PAGE, boot: Some(boot), read_only: false })
    }

    fn example() -> Blueprint {
        let blueprint = Blueprint::new(77, 2).fingerprint(u128::MAX / 3).parameters([9; PARAMETERS]);
        blueprint.section(FIRST_OWN, 100).unwrap().section(FIRST_OWN + 1, 3 * PAGE).unwrap()
    }

    #[test]
    fn a_built_superblock_is_accepted() {
        let blueprint = example();
        let superblock = blueprint.superblock(&BIRTH);
        let geometry = check(&superblock, blueprint.region_len(), BIRTH.boot).unwrap();
        assert_eq!(geometry.expect(&blueprint.expected()), Ok(()));
        assert_eq!(geometry.section(FIRST_OWN).unwrap().len, PAGE);
        assert_eq!(geometry.section(FIRST_OWN + 1).unwrap().len, 3 * PAGE);
        assert_eq!(geometry.section(FIRST_OWN + 2), None);
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        let blueprint = example();
        let bytes = blueprint.superblock(&BIRTH);
        for bit in 0..size_of::<Superblock>() * 8 {
            let mut flipped = bytes.as_bytes().to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let superblock = Superblock::read_from_bytes(&flipped).unwrap();
            let verdict = check(&superblock, blueprint.region_len(), BIRTH.boot);
            assert!(verdict.is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_resealed_lie_about_the_sections_is_refused() {
        let blueprint = example();
        type Lie = fn(&mut Superblock);
        let lies: [Lie; 14] = [
            |s| s.sections[1].offset += PAGE,
            |s| s.sections[1].offset = u64::MAX - PAGE + 1,
            |s| s.sections[2].len += PAGE,
            |s| s.sections[2].len = u64::MAX - PAGE + 1,
            |s| s.sections[2].len = 0,
            |s| s.sections[2].content = FIRST_OWN,
            |s| s.sections[1].content = ROWS,
            |s| s.section_count = 9,
            |s| s.section_count = 0,
            |s| s.section_count = 2,
            |s| s.rows = 0,
            |s| s.rows = u32::MAX,
            |s| s.lifetime = 2,
            |s| s.reserved_b[13] = 1,
        ];
        for (number, lie) in lies.iter().enumerate() {
            let mut superblock = blueprint.superblock(&BIRTH);
            lie(&mut superblock);
            superblock.checksum = checksum(&superblock);
            let verdict = check(&superblock, blueprint.region_len(), BIRTH.boot);
            assert_eq!(verdict, Err(Rejected::Geometry), "lie {number}");
        }
    }

    #[test]
    fn each_expectation_has_its_own_refusal() {
        let blueprint = example();
        let superblock = blueprint.superblock(&BIRTH);
        let len = blueprint.region_len();
        assert!(matches!(check(&superblock, len, [0; 16]), Err(Rejected::OtherBoot)));
        assert!(matches!(check(&superblock, len + 1, BIRTH.boot), Err(Rejected::Length { .. })));
        let mut other = superblock;
        other.version += 1;
        assert!(matches!(check(&other, len, BIRTH.boot), Err(Rejected::Version { found: 2, .. })));
        other = superblock;
        other.incompatible = 4;
        assert!(matches!(check(&other, len, BIRTH.boot), Err(Rejected::Features { unknown: 4 })));
        other = superblock;
        other.endian = ENDIAN.swap_bytes();
        assert!(matches!(check(&other, len, BIRTH.boot), Err(Rejected::ByteOrder)));
        let geometry = check(&superblock, len, BIRTH.boot).unwrap();
        let expected = blueprint.expected();
        let refusal = |expected| geometry.expect(&expected).unwrap_err();
        assert!(matches!(refusal(Expected { kind: 1, ..expected }), Rejected::Kind { .. }));
        assert!(matches!(refusal(Expected { kind_version: 1, ..expected }), Rejected::KindVersion { .. }));
        assert!(matches!(refusal(Expected { fingerprint: 1, ..expected }), Rejected::Fingerprint { .. }));
    }

    #[test]
    fn in_larger_pages_the_file_is_rounded_up_and_no_longer() {
        let blueprint = example();
        let superblock = blueprint.superblock(&BIRTH);
        let grain = 2 << 20;
        let fits = |len, grain| {
            let found = Found { len, grain, boot: None, read_only: false };
            Geometry::check(&superblock, &found).map(|geometry| geometry.region_len)
        };
        let region_len = blueprint.region_len();
        assert_eq!(fits(grain, grain), Ok(region_len));
        for len in [0, region_len, region_len + PAGE, grain - 1, grain - PAGE, grain + 1, 2 * grain] {
            assert_eq!(fits(len, grain), Err(Rejected::Length { found: len, expected: grain }), "{len}");
        }
        assert_eq!(fits(grain, PAGE), Err(Rejected::Length { found: grain, expected: region_len }));
    }
}
