//! Every byte of a region that belongs to this crate, drawn once and checked by the compiler.
//!
//! ```text
//!   offset
//!   0x0000  Superblock      512 bytes, written before anybody else can see them, never again
//!   0x0200  zero            to the end of the first page
//!   0x1000  rows            `rows` participants, 128 bytes each, to a page boundary
//!   ......  sections        what the kind of region asks for, each at a page boundary
//! ```
//!
//! All integers are little-endian. All-zero is the valid initial state of everything behind the superblock. A changed
//! byte is a new [`VERSION`]. `docs/LAYOUT.md` is the same drawing for people who read a region in another language.

use crate::primitive::{AtomicU32, AtomicU64};
use core::mem::{offset_of, size_of};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Version of the layout that this crate writes, and the only one that it opens.
pub const VERSION: u32 = 1;

/// First bytes of every region.
pub const MAGIC: [u8; 8] = *b"RINGWAY\0";

/// Bytes of a page, the grain of everything in a region.
pub const PAGE: u64 = 4096;

/// What [`Superblock::endian`] reads on a machine of our byte order.
pub const ENDIAN: u32 = 0x0102_0304;

/// How many sections a region may have.
pub const SECTIONS_MAX: usize = 8;

/// How many numbers a kind of region may keep about itself.
pub const PARAMETERS: usize = 8;

/// A part of a region: what it holds and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Section {
    /// What the section holds: [`ROWS`], or a number that the kind of region defines. 0 means none.
    pub content: u32,
    /// Zero.
    pub reserved: u32,
    /// First byte, a multiple of [`PAGE`].
    pub offset: u64,
    /// Bytes, a multiple of [`PAGE`].
    pub len: u64,
}

/// [`Section::content`]: the table of participants, [`Row`] by [`Row`].
pub const ROWS: u32 = 1;
/// [`Section::content`]: first number that a kind of region may define for itself.
pub const FIRST_OWN: u32 = 16;

/// The first 512 bytes of a region. Written once before anybody else can see the region, never changed.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Superblock {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`ENDIAN`]; anything else was written by a machine of another byte order.
    pub endian: u32,
    /// [`VERSION`]. In an adopted segment this word is stored last, with Release; 0 means not ready yet.
    pub version: u32,
    /// Features that a program must know to open the region at all. None yet.
    pub incompatible: u64,
    /// Features that a program must know to write; without them it may open read-only. None yet.
    pub read_only_compatible: u64,
    /// Features that a program may ignore. None yet.
    pub compatible: u64,
    /// Bytes of the whole region.
    pub region_len: u64,
    /// Random identity: two regions that ever bore one name can be told apart.
    pub identity: [u8; 16],
    /// The kernel's boot id at creation. A region from before a reboot is not trusted, unless its opener says so.
    pub boot: [u8; 16],
    /// What kind of region this is: a number of the crate that defined it.
    pub kind: u32,
    /// Version of that kind's own layout.
    pub kind_version: u32,
    /// 0: the name lives until it is unlinked. 1: until the last party leaves.
    pub lifetime: u32,
    /// How many rows the table of participants has.
    pub rows: u32,
    /// Fingerprint of the type that lies in the region, little-endian; zero when none does.
    pub fingerprint: [u8; 16],
    /// Nanoseconds since 1970 at creation, for people.
    pub created_ns: u64,
    /// User id of the creator, for people.
    pub creator_user: u32,
    /// Process id of the creator in its own namespace, for people.
    pub creator_process: u32,
    /// Numbers that the kind defines.
    pub parameters: [u64; PARAMETERS],
    /// How many entries of `sections` are used.
    pub section_count: u32,
    /// Zero.
    pub reserved_a: u32,
    /// Where things lie, ascending, without gaps.
    pub sections: [Section; SECTIONS_MAX],
    /// Zero.
    pub reserved_b: [u64; 14],
    /// Zero.
    pub reserved_c: u32,
    /// CRC-32 (IEEE, as in zlib) of all bytes before, with `version` at its final value.
    pub checksum: u32,
}

const _: () = assert!(offset_of!(Superblock, endian) == 0x008);
const _: () = assert!(offset_of!(Superblock, version) == 0x00c);
const _: () = assert!(offset_of!(Superblock, incompatible) == 0x010);
const _: () = assert!(offset_of!(Superblock, read_only_compatible) == 0x018);
const _: () = assert!(offset_of!(Superblock, compatible) == 0x020);
const _: () = assert!(offset_of!(Superblock, region_len) == 0x028);
const _: () = assert!(offset_of!(Superblock, identity) == 0x030);
const _: () = assert!(offset_of!(Superblock, boot) == 0x040);
const _: () = assert!(offset_of!(Superblock, kind) == 0x050);
const _: () = assert!(offset_of!(Superblock, kind_version) == 0x054);
const _: () = assert!(offset_of!(Superblock, lifetime) == 0x058);
const _: () = assert!(offset_of!(Superblock, rows) == 0x05c);
const _: () = assert!(offset_of!(Superblock, fingerprint) == 0x060);
const _: () = assert!(offset_of!(Superblock, created_ns) == 0x070);
const _: () = assert!(offset_of!(Superblock, creator_user) == 0x078);
const _: () = assert!(offset_of!(Superblock, creator_process) == 0x07c);
const _: () = assert!(offset_of!(Superblock, parameters) == 0x080);
const _: () = assert!(offset_of!(Superblock, section_count) == 0x0c0);
const _: () = assert!(offset_of!(Superblock, sections) == 0x0c8);
const _: () = assert!(offset_of!(Superblock, reserved_b) == 0x188);
const _: () = assert!(offset_of!(Superblock, reserved_c) == 0x1f8);
const _: () = assert!(offset_of!(Superblock, checksum) == 0x1fc);
const _: () = assert!(size_of::<Superblock>() == 0x200);

/// One participant: a process, or a thread that takes locks. All-zero means free.
///
/// A row belongs to whoever holds its lock byte (`docs/LAYOUT.md`), and only its owner writes it; the kernel writes `life`
/// when the owner dies.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Row {
    /// Generation in the upper half, one of [`FREE`], [`PROCESS`], [`THREAD`] in the lower. The generation goes up by one
    /// each time the row is claimed.
    pub word: AtomicU64,
    /// The life word: 0, or the thread number of the owner's sentinel with bit 31 set, which the kernel replaces by bits 31
    /// and 30 when the owner dies. 0 in a live row: nobody will mark it.
    pub life: AtomicU32,
    /// The core on which the owner last waited or woke somebody, plus one; 0 when it has done neither yet.
    pub core: AtomicU32,
    /// Process id in the upper half, thread id in the lower, both in the owner's namespace, for people.
    pub identity: AtomicU64,
    /// When the owner attached, in nanoseconds of the monotonic clock, for people.
    pub attached_ns: AtomicU64,
    /// The operation that the owner is in the middle of, for whoever repairs after its death. Zero in this version.
    pub record: [AtomicU64; 4],
    /// Where the owner sleeps. Zero in this version.
    pub park: AtomicU32,
    /// How many locks the owner holds. Zero in this version.
    pub held: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU64; 7],
}

/// Lower half of [`Row::word`]: nobody's.
pub const FREE: u32 = 0;
/// Lower half of [`Row::word`]: a process's.
pub const PROCESS: u32 = 1;
/// Lower half of [`Row::word`]: a thread's.
pub const THREAD: u32 = 2;

const _: () = assert!(size_of::<Row>() == 128);
// The entry of a robust list stands a page behind the life word, and is a pointer.
const _: () = assert!(offset_of!(Row, life) == 0x08 && offset_of!(Row, life) % 8 == 0);
const _: () = assert!(offset_of!(Row, identity) == 0x10);
const _: () = assert!(offset_of!(Row, record) == 0x20);
const _: () = assert!(offset_of!(Row, park) == 0x40);
const _: () = assert!(offset_of!(Row, reserved) == 0x48);

/// Lock byte: every party of a region with a name holds it, shared; whoever takes the name away, exclusively.
pub const ATTACHED: u64 = LOCKS;
/// Lock byte: whoever takes the name away.
pub const REMOVING: u64 = LOCKS + 1;
/// First lock byte of the roles.
pub const ROLE_LOCKS: u64 = LOCKS + 16;
/// First lock byte of the rows.
pub const ROW_LOCKS: u64 = LOCKS + 4096;
/// First of the 2^32 lock bytes by which a party asks a file system how it keeps locks; held for a moment.
pub const TRIAL_LOCKS: u64 = LOCKS + (1 << 32);
/// First lock byte: beyond any region's end.
const LOCKS: u64 = 1 << 62;

/// Bytes that the table of `rows` participants takes, in whole pages.
#[must_use]
pub const fn rows_len(rows: u32) -> u64 {
    (rows as u64 * size_of::<Row>() as u64).next_multiple_of(PAGE)
}
