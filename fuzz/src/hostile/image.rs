//! What stands where a region is expected: a superblock that is nearly right, and behind it whatever there is.

use super::guard::PAGE;
use super::input::Input;
use super::stage::{Kind, Odd, Of, SHAPES, Shape, Wide};
use core::mem::{offset_of, size_of};
use ringway::bytes;
use ringway::slots::{self, Latency};
use ringway_shm::Expected;
use ringway_shm::layout::{ROWS, Section, Superblock};
use ringway_shm::primitive::copy_out;
use std::cell::RefCell;
use std::collections::HashMap;

/// Bytes of the files that regions are expected in.
pub(crate) const LENS: [usize; 12] =
    [0, 100, 511, 512, PAGE, 2 * PAGE, 3 * PAGE, 4 * PAGE, 4 * PAGE + 8, 5 * PAGE, 6 * PAGE, 8 * PAGE];

/// Bytes of a file, and what its opener expects.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

/// What opens a ring of a shape.
pub(crate) fn expected(shape: Shape) -> Expected {
    match (shape.kind, shape.of) {
        (Kind::Padded | Kind::Mirrored, _) => bytes::expected(),
        (Kind::Slots, Of::Odd) => slots::expected::<Odd>(),
        (Kind::Slots, Of::Wide) => slots::expected::<Wide>(),
        (Kind::Slots, _) => slots::expected::<u64>(),
        (Kind::Lines, Of::Odd) => slots::expected_in::<Odd, Latency>(),
        (Kind::Lines, Of::Wide) => slots::expected_in::<Wide, Latency>(),
        (Kind::Lines, _) => slots::expected_in::<u64, Latency>(),
    }
}

/// The superblock of a new ring of a shape.
fn superblock(shape: Shape) -> [u8; size_of::<Superblock>()] {
    thread_local! {
        static KNOWN: RefCell<HashMap<Shape, [u8; size_of::<Superblock>()]>> = RefCell::new(HashMap::new());
    }
    KNOWN.with_borrow_mut(|known| {
        *known.entry(shape).or_insert_with(|| {
            let region = shape.region();
            let rows = region.section(ROWS).expect("every region has rows").0.as_ptr();
            let mut bytes = [0; size_of::<Superblock>()];
            // The table of rows begins at the second page of every region.
            read(rows.wrapping_sub(PAGE), &mut bytes);
            bytes
        })
    })
}

#[allow(unsafe_code)] // because a region's first page is handed out by nobody.
fn read(source: *const u8, target: &mut [u8]) {
    // SAFETY: the first page of a region that the caller has open; the target is private.
    unsafe { copy_out(source, target.as_mut_ptr(), target.len()) };
}

/// Fields that are worth a lie, and how wide they are.
const FIELDS: [(usize, usize); 20] = [
    (offset_of!(Superblock, magic), 8),
    (offset_of!(Superblock, endian), 4),
    (offset_of!(Superblock, version), 4),
    (offset_of!(Superblock, incompatible), 8),
    (offset_of!(Superblock, read_only_compatible), 8),
    (offset_of!(Superblock, compatible), 8),
    (offset_of!(Superblock, region_len), 8),
    (offset_of!(Superblock, region_len), 8),
    (offset_of!(Superblock, boot), 8),
    (offset_of!(Superblock, kind), 4),
    (offset_of!(Superblock, kind_version), 4),
    (offset_of!(Superblock, lifetime), 4),
    (offset_of!(Superblock, rows), 4),
    (offset_of!(Superblock, rows), 4),
    (offset_of!(Superblock, fingerprint), 8),
    (offset_of!(Superblock, section_count), 4),
    (offset_of!(Superblock, section_count), 4),
    (offset_of!(Superblock, reserved_a), 4),
    (offset_of!(Superblock, reserved_b), 8),
    (offset_of!(Superblock, reserved_c), 4),
];

/// An image, as an input says.
pub(crate) fn image(input: &mut Input<'_>) -> Image {
    let shape = input.choose(&SHAPES);
    let mut head = superblock(shape);
    let region_len = word(&head, offset_of!(Superblock, region_len)) as usize;
    let len = if input.one_in(4) { input.choose(&LENS) } else { region_len };
    let lies = input.below(4);
    for _ in 0..lies {
        lie(&mut head, input);
    }
    if !input.one_in(16) {
        let at = offset_of!(Superblock, checksum);
        let sum = crc32fast::hash(&head[..at]);
        head[at..].copy_from_slice(&sum.to_le_bytes());
    }
    let mut bytes = head.to_vec();
    bytes.resize(len, 0);
    // What stands in the rows, the control page and the data at first; the rest comes while somebody looks at it.
    for _ in 0..input.below(4) {
        let at = size_of::<Superblock>() + input.below(6 * PAGE as u64) as usize;
        let part = input.take(16);
        if let Some(target) = bytes.get_mut(at..at + part.len()) {
            target.copy_from_slice(part);
        }
    }
    let shape = if input.one_in(8) { input.choose(&SHAPES) } else { shape };
    Image { bytes, expected: expected(shape) }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// One lie in a superblock.
fn lie(head: &mut [u8], input: &mut Input<'_>) {
    let (at, width) = match input.below(4) {
        0 => input.choose(&FIELDS),
        1 => (offset_of!(Superblock, parameters) + 8 * input.below(8) as usize, 8),
        2 => {
            let section = offset_of!(Superblock, sections) + size_of::<Section>() * input.below(8) as usize;
            let field = input.choose(&[
                (offset_of!(Section, content), 4),
                (offset_of!(Section, reserved), 4),
                (offset_of!(Section, offset), 8),
                (offset_of!(Section, len), 8),
            ]);
            (section + field.0, field.1)
        }
        _ => (input.below(head.len() as u64) as usize & !7, 8),
    };
    let was = word(head, at & !7) >> ((at & 7) * 8);
    let page = PAGE as u64;
    let value = match input.below(8) {
        0 => was.wrapping_add(page),
        1 => was.wrapping_sub(page),
        2 => input.choose(&[u64::MAX, u64::MAX - 4095, 1 << 63, 1 << 44, (1 << 44) + page, 1 << 40, 1 << 32]),
        3 => input.choose(&[1, 2, 3, 8, 16, 17, 31, 32, 33, 64, 4096, 4097, 0x1_0001, 0x2_0001, 0x3_0001]),
        4 => 0,
        5 => was ^ 1 << input.below(64),
        6 => was.wrapping_mul(2),
        _ => input.word(),
    };
    head[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
}
