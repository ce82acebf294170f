//! The region that a script plays in: made once for each shape, written anew for each script, and never believed.
//!
//! A script's writes go to the region and to a private copy of it. After a call of a victim's the two differ in what the victim
//! has written, and in nothing else.

#![allow(unsafe_code)] // because what a stranger does to a region is done through raw addresses.

use super::guard::{self, PAGE};
use super::victim::MESSAGE;
use core::ops::Range;
use core::ptr::NonNull;
use ringway::layout::{CONTROL, DATA};
use ringway::slots::{self, Latency};
use ringway::{Config, Region, Wrap, bytes};
use ringway_shm::Participant;
use ringway_shm::layout::ROWS;
use ringway_shm::primitive::{AtomicU64, Ordering, copy_in, copy_out};
use std::sync::Arc;

/// Kinds of ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Padded,
    Mirrored,
    Slots,
    Lines,
}

/// Types of slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Of {
    Bytes,
    Word,
    Odd,
    Wide,
}

/// The slot of [`Of::Odd`]: of a size that divides no page.
pub(crate) type Odd = [u8; 3];
/// The slot of [`Of::Wide`].
pub(crate) type Wide = [u64; 6];

/// A kind of ring, its capacity, and its type of slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    pub(crate) of: Of,
    pub(crate) capacity: u64,
}

const fn shape(kind: Kind, of: Of, capacity: u64) -> Shape {
    Shape { kind, of, capacity }
}

/// All shapes that there are.
pub(crate) const SHAPES: [Shape; 16] = [
    shape(Kind::Padded, Of::Bytes, 4096),
    shape(Kind::Mirrored, Of::Bytes, 4096),
    shape(Kind::Padded, Of::Bytes, 8192),
    shape(Kind::Mirrored, Of::Bytes, 8192),
    shape(Kind::Slots, Of::Word, 1),
    shape(Kind::Slots, Of::Word, 8),
    shape(Kind::Slots, Of::Word, 64),
    shape(Kind::Slots, Of::Odd, 8),
    shape(Kind::Slots, Of::Odd, 64),
    shape(Kind::Slots, Of::Wide, 8),
    shape(Kind::Lines, Of::Word, 1),
    shape(Kind::Lines, Of::Word, 8),
    shape(Kind::Lines, Of::Word, 64),
    shape(Kind::Lines, Of::Odd, 8),
    shape(Kind::Lines, Of::Odd, 64),
    shape(Kind::Lines, Of::Wide, 8),
];

impl Shape {
    pub(crate) fn is_bytes(self) -> bool {
        self.of == Of::Bytes
    }

    /// A new ring of this shape.
    pub(crate) fn region(self) -> Region {
        let config = Config::spsc().capacity(self.capacity);
        let region = match (self.kind, self.of) {
            (Kind::Padded, _) => bytes::anonymous(&config),
            (Kind::Mirrored, _) => bytes::anonymous(&config.wrap(Wrap::Mirrored)),
            (Kind::Slots, Of::Odd) => slots::anonymous::<Odd>(&config),
            (Kind::Slots, Of::Wide) => slots::anonymous::<Wide>(&config),
            (Kind::Slots, _) => slots::anonymous::<u64>(&config),
            (Kind::Lines, Of::Odd) => slots::anonymous_in::<Odd, Latency>(&config),
            (Kind::Lines, Of::Wide) => slots::anonymous_in::<Wide, Latency>(&config),
            (Kind::Lines, _) => slots::anonymous_in::<u64, Latency>(&config),
        };
        region.expect("a region in memory")
    }
}

/// A region that is mapped between guard pages, with a row of this process's.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) shape: Shape,
    pub(crate) region: Arc<Region>,
    /// Keeps the row between scripts.
    pub(crate) participant: Arc<Participant>,
    start: NonNull<u8>,
    /// Where its sections begin, in bytes from the region's first.
    pub(crate) rows: usize,
    pub(crate) control: usize,
    pub(crate) data: usize,
    /// The region as each script finds it.
    born: Vec<u8>,
    /// The region as it has to be.
    known: Vec<u8>,
    found: Vec<u8>,
    /// Room for a message that is received.
    pub(crate) room: Vec<u8>,
}

impl Stage {
    pub(crate) fn new(shape: Shape) -> Self {
        guard::arena();
        let region = Arc::new(guarded(shape));
        let participant = region.participant().expect("a row of an empty table");
        let at = |content| region.section(content).expect("a ring has all three sections").0;
        let rows = at(ROWS).as_ptr();
        // The table of rows begins at the second page of every region.
        let start = NonNull::new(rows.wrapping_sub(PAGE)).expect("an address in a mapping");
        let from_start = |content| at(content).as_ptr() as usize - start.as_ptr() as usize;
        let (control, data) = (from_start(CONTROL), from_start(DATA));
        let len = region.geometry().region_len as usize;
        let empty = || vec![0; len];
        let mut stage = Self {
            shape,
            participant,
            start,
            rows: PAGE,
            control,
            data,
            born: empty(),
            known: empty(),
            found: empty(),
            room: vec![0; MESSAGE.len()],
            region,
        };
        stage.look();
        stage.born.copy_from_slice(&stage.found);
        stage.known.copy_from_slice(&stage.found);
        stage
    }

    /// Where the region is mapped.
    pub(crate) fn range(&self) -> Range<usize> {
        let start = self.start.as_ptr() as usize;
        start..start + self.known.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn data_len(&self) -> usize {
        self.len() - self.data
    }

    /// Makes the region what it was at birth.
    pub(crate) fn renew(&mut self) {
        // SAFETY: the whole region, mapped while `self.region` lives; the source is private and as long. References cover at most
        // atomic words there, and those bear a writer.
        unsafe { copy_in(self.born.as_ptr(), self.start.as_ptr(), self.born.len()) };
        self.known.copy_from_slice(&self.born);
    }

    /// The whole word at a byte offset, which is rounded down.
    fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at < self.known.len());
        let word = self.start.as_ptr().wrapping_add(at & !7).cast::<AtomicU64>();
        // SAFETY: an aligned word within the region (asserted; its length is a multiple of 8), mapped while `self.region` lives.
        // Others write it at any time, which an atomic word allows.
        unsafe { &*word }
    }

    pub(crate) fn get(&self, at: usize) -> u64 {
        self.word(at).load(Ordering::Relaxed)
    }

    /// A stranger's write of a word.
    pub(crate) fn put(&mut self, at: usize, word: u64) {
        self.word(at).store(word, Ordering::Relaxed);
        let at = at & !7;
        self.known[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }

    /// A stranger's write of half a word.
    pub(crate) fn put_half(&mut self, at: usize, half: u32) {
        let (shift, word) = ((at & 4) * 8, self.get(at));
        self.put(at, word & !(0xffff_ffff << shift) | u64::from(half) << shift);
    }

    pub(crate) fn get_half(&self, at: usize) -> u32 {
        (self.get(at) >> ((at & 4) * 8)) as u32
    }

    /// A stranger's write of bytes, as many as there is room for.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(self.known.len().saturating_sub(at))];
        // SAFETY: inside the region (cut to it), which is mapped and writable while `self.region` lives; the source is private.
        // References cover at most atomic words there, and those bear a writer.
        unsafe { copy_in(bytes.as_ptr(), self.start.as_ptr().wrapping_add(at), bytes.len()) };
        self.known[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Reads the region.
    fn look(&mut self) {
        // SAFETY: the whole region, mapped while `self.region` lives; the target is private and as long.
        unsafe { copy_out(self.start.as_ptr(), self.found.as_mut_ptr(), self.found.len()) };
    }

    /// What a call has changed: nothing at all?
    pub(crate) fn is_unchanged(&mut self) -> bool {
        self.look();
        self.found == self.known
    }

    /// What stands in a word as it was before the call, and as it was found after it.
    pub(crate) fn halves(&self, at: usize) -> (u32, u32) {
        let half =
            |bytes: &[u8]| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        (half(&self.known), half(&self.found))
    }

    /// Takes what was found for right.
    pub(crate) fn accept(&mut self, range: Range<usize>) {
        self.known[range.clone()].copy_from_slice(&self.found[range]);
    }

    /// Whatever was not accepted must not have changed.
    pub(crate) fn settle(&self, who: &str) {
        // The whole first: it is compared by libc, and a loop over it would be libFuzzer's whole work.
        if self.known == self.found {
            return;
        }
        if let Some(at) = (0..self.known.len()).find(|&at| self.known[at] != self.found[at]) {
            let (was, is) = (self.known[at], self.found[at]);
            panic!(
                "{who} changed byte {at:#x} of the region from {was:#04x} to {is:#04x}, which is not its own"
            );
        }
    }

    /// Are there so many mirrors of the data between guard pages? Asks which hole shows a word of it twice.
    pub(crate) fn has_mirrors(&mut self, count: usize) -> bool {
        let len = self.data_len();
        let was = self.get(self.data);
        // A word that stands nowhere else by chance.
        let mark = 0x6d61_726b_0000_0000 ^ was.rotate_left(17);
        self.put(self.data, mark);
        let shows = |hole: &&Range<usize>| {
            guard::peek(hole.start) == Some(mark) && guard::peek(hole.start + len) == Some(mark)
        };
        // What is mapped last lies in the highest hole that was free.
        let found = guard::arena().holes(2 * len).rev().filter(shows).take(count).count();
        self.put(self.data, was);
        found == count
    }
}

/// A new ring of a shape, between guard pages.
fn guarded(shape: Shape) -> Region {
    guard::until_guarded(|| {
        let region = shape.region();
        let rows = region.section(ROWS).expect("every region has rows").0.as_ptr() as usize;
        let start = rows - PAGE;
        let range = start..start + region.geometry().region_len as usize;
        guard::is_guarded(&guard::maps().expect("what is mapped"), &range).then_some(region)
    })
}
