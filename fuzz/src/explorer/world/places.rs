//! Which word of which file an address is, whatever mapping it is in.

use super::image::read_word;
use crate::explorer::memory::{GRANULE, Memory, Multiply, WORDS_MAX};
use ringway_shm::primitive::model::{self, FileId, MappedRange};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// A byte of a file of the run: the file's number from bit 48 on, the offset below.
pub(crate) type Spot = u64;

/// Where the file's number begins.
const FILE_AT: u32 = 48;

/// The spots of the first file are below this.
pub(crate) const FIRST_FILE_END: Spot = 1 << FILE_AT;

/// A word that was touched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) spot: Spot,
    pub(crate) width: u8,
    /// Where it was last seen mapped.
    pub(crate) address: usize,
    /// Processes that were ever seen to read or write it in the middle of a run, a bit each.
    readers: u8,
    writers: u8,
    /// The same, as far as the present search goes by.
    assumed: (u8, u8),
}

/// Bytes in a row of the address space: those of a mirrored section may go on at its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) first: Spot,
    /// Bytes before the second part, and where that begins.
    then: Option<(usize, Spot)>,
}

impl Span {
    /// The part of it that lies in the first file, by offset and length; and the second part of one that is mirrored.
    pub(crate) fn parts(self, len: usize) -> impl Iterator<Item = (usize, usize)> {
        let (before, after) = match self.then {
            Some((bytes, spot)) => (bytes, (spot, len - bytes)),
            None => (len, (FIRST_FILE_END, 0)),
        };
        let parts = [(self.first, before), after].into_iter();
        parts.filter(|&(spot, _)| spot < FIRST_FILE_END).map(|(spot, len)| (spot as usize, len))
    }

    /// The granules that `len` bytes from here touch.
    pub(crate) fn granules(self, len: usize) -> impl Iterator<Item = Spot> {
        let (before, after) = match self.then {
            Some((bytes, spot)) => (bytes, (spot, len - bytes)),
            None => (len, (self.first, 0)),
        };
        let part = |(spot, len): (Spot, usize)| {
            let from = spot - spot % GRANULE;
            (from..spot + len as u64).step_by(GRANULE as usize)
        };
        part((self.first, before)).chain(part(after).filter(move |_| after.1 > 0))
    }
}

/// The places.
#[derive(Default)]
pub(crate) struct Places {
    /// Mappings, as of `changes`.
    ranges: Vec<MappedRange>,
    changes: Option<u64>,
    /// The door's numbers of the files of the run, in order of their first use.
    files: Vec<u64>,
    /// So many of them are there in every run.
    kept: usize,
    /// Files that the processes of the run made, and their numbers.
    made: Vec<(FileId, u64)>,
    words: HashMap<Spot, u16, BuildHasherDefault<Multiply>>,
    known: Vec<Known>,
}

impl Places {
    /// Forgets the files of the run.
    pub(crate) fn reset(&mut self) {
        self.files.truncate(self.kept);
        self.made.clear();
    }

    /// A process has made a file. Its number is that of who made it, and does not depend on who maps it first, or how often.
    pub(crate) fn made(&mut self, file: FileId, number: u64) {
        self.made.push((file, number));
    }

    /// The files that are known now are there in every run.
    pub(crate) fn keep(&mut self, address: usize) {
        let _ = self.spot(address);
        self.kept = self.files.len();
    }

    /// Where an address is, with the bytes from there to the mapping's end; `None` outside all mappings.
    #[inline]
    pub(crate) fn spot(&mut self, address: usize) -> Option<(Spot, usize)> {
        let changes = model::mappings();
        if self.changes != Some(changes) {
            self.ranges = model::all_mapped();
            self.changes = Some(changes);
        }
        let inside = |range: &&MappedRange| address.wrapping_sub(range.start) < range.len;
        let range = self.ranges.iter().find(inside)?;
        let within = address - range.start;
        let offset = range.place.offset + within as u64;
        let rest = range.len - within;
        if let Some((device, number)) = range.file.filter(|_| !self.made.is_empty()) {
            let file = FileId { device, number };
            if let Some(&(_, made)) = self.made.iter().find(|(known, _)| *known == file) {
                return Some((made << FILE_AT | offset, rest));
            }
        }
        let file = match self.files.iter().position(|&file| file == range.place.region) {
            Some(file) => file,
            None => {
                self.files.push(range.place.region);
                self.files.len() - 1
            }
        };
        Some(((file as u64) << FILE_AT | offset, rest))
    }

    /// A process accesses a word in the middle of a run. False if that is news to the present search.
    #[inline]
    pub(crate) fn accessed(&mut self, word: usize, process: usize, reads: bool, writes: bool) -> bool {
        let known = &mut self.known[word];
        known.readers |= u8::from(reads) << process;
        known.writers |= u8::from(writes) << process;
        (known.readers, known.writers) == known.assumed
    }

    /// Goes by all that was seen so far.
    pub(crate) fn assume(&mut self) {
        for known in &mut self.known {
            known.assumed = (known.readers, known.writers);
        }
    }

    /// Takes every word for everybody's.
    pub(crate) fn assume_nothing(&mut self) {
        self.known.iter_mut().for_each(|known| known.assumed = (u8::MAX, u8::MAX));
    }

    /// Takes over what another world learned, whose files are the same in order.
    pub(crate) fn adopt(&mut self, other: Self, memory: &mut Memory) {
        assert!(self.known.is_empty(), "a world that has not run yet");
        for _ in &other.known {
            memory.add_word();
        }
        (self.words, self.known) = (other.words, other.known);
    }

    /// Is an access of a process one that no other process can tell, or change, as far as is known?
    #[inline]
    pub(crate) fn is_own(&self, word: usize, process: usize, writes: bool) -> bool {
        let (readers, writers) = self.known[word].assumed;
        let others = if writes { readers | writers } else { writers };
        others & !(1 << process) == 0
    }

    /// An address at which a spot is mapped.
    pub(crate) fn address(&self, spot: Spot) -> Option<usize> {
        let file = *self.files.get((spot >> FILE_AT) as usize)?;
        let offset = spot & (FIRST_FILE_END - 1);
        let has = |range: &&MappedRange| {
            range.place.region == file && offset.wrapping_sub(range.place.offset) < range.len as u64
        };
        let range = self.ranges.iter().find(has)?;
        Some(range.start + (offset - range.place.offset) as usize)
    }

    fn range(&self, address: usize) -> Option<MappedRange> {
        self.ranges.iter().find(|range| address.wrapping_sub(range.start) < range.len).copied()
    }

    /// Where `len` bytes from an address on are; `None` if not all of them are in a mapping.
    pub(crate) fn span(&mut self, address: usize, len: usize) -> Option<Span> {
        let (first, there) = self.spot(address)?;
        if len <= there {
            return Some(Span { first, then: None });
        }
        // Only a mirror goes on behind its end: the same bytes again. What lies there otherwise is another's.
        let (first_range, second_range) = (self.range(address)?, self.range(address + there)?);
        // (A whole region begins at 0, and is not mirrored: another process's mapping of it may lie behind ours.)
        let is_section = first_range.place.offset > 0;
        let is_mirror =
            is_section && first_range.place == second_range.place && first_range.len == second_range.len;
        let (second, rest) = self.spot(address + there)?;
        (is_mirror && len - there <= rest).then_some(Span { first, then: Some((there, second)) })
    }

    /// The word at a spot, taken up if it is new.
    #[inline]
    pub(crate) fn word(
        &mut self,
        spot: Spot,
        width: u8,
        address: usize,
        memory: &mut Memory,
    ) -> Option<usize> {
        let word = match self.words.get(&spot) {
            Some(&word) => usize::from(word),
            None => {
                if self.known.len() == WORDS_MAX {
                    return None;
                }
                let word = memory.add_word();
                if memory.is_payload(spot) {
                    memory.set_mixed(word);
                }
                self.words.insert(spot, word as u16);
                self.known.push(Known { spot, width, address, readers: 0, writers: 0, assumed: (0, 0) });
                word
            }
        };
        let known = &mut self.known[word];
        known.address = address;
        // The kernel knows lower halves: the whole word is as wide as its widest access.
        let is_wider = width > known.width;
        known.width = known.width.max(width);
        if !memory.is_used(word) {
            memory.begin_word(word, read_word(address, known.width));
        } else if is_wider {
            memory.overwrite(word, read_word(address, width));
        }
        Some(word)
    }

    /// The word that covers a granule of payload, if there ever was one.
    pub(crate) fn word_over(&self, granule: Spot) -> Option<usize> {
        let at = |spot: Spot| self.words.get(&spot).map(|&word| usize::from(word));
        at(granule).or_else(|| at(granule.wrapping_sub(GRANULE)).filter(|&word| self.known[word].width == 8))
    }

    pub(crate) fn known(&self, word: usize) -> Known {
        self.known[word]
    }

    pub(crate) fn words_in_use<'a>(&'a self, memory: &'a Memory) -> impl Iterator<Item = usize> + 'a {
        (0..self.known.len()).filter(|&word| memory.is_used(word))
    }

    /// A word that is in use, by file and offset.
    pub(crate) fn find(&self, spot: Spot) -> Option<usize> {
        self.words.get(&spot).map(|&word| usize::from(word))
    }

    /// For people: the offset, and the file's number if there is more than one.
    pub(crate) fn text(&self, spot: Spot) -> String {
        let offset = spot & ((1 << FILE_AT) - 1);
        match self.files.len() + self.made.len() {
            0 | 1 => format!("{offset:#06x}"),
            _ => format!("{}:{offset:#06x}", spot >> FILE_AT),
        }
    }
}
