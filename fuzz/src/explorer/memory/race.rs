//! Races on payload: two accesses of which one writes, and of which neither happened before the other.
//!
//! Each four bytes that were ever copied have a shadow: for each process the stretch of its last write and of its last
//! read (after Flanagan and Freund, "FastTrack", 2009, which keeps less for speed). An access races with what it does not
//! know of. A word that is payload at other times keeps the same shadow for its atomic accesses, which race with copies and
//! not with each other.
//!
//! What was written, and the shadows, are a part of the state's digest: a dead process says nothing any more of what it
//! wrote, and whether it did.

use super::digest::{Digest, join, mix, part};
use super::view::Clock;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes that share a shadow.
pub(crate) const GRANULE: u64 = 4;

#[derive(Clone, Copy)]
struct Shadow {
    writes: Clock,
    reads: Clock,
    atomic_writes: Clock,
    atomic_reads: Clock,
    /// What stands there, as far as it was written in this run.
    content: u64,
    digest: Digest,
}

const CLEAN: Shadow = Shadow {
    writes: Clock::ZERO,
    reads: Clock::ZERO,
    atomic_writes: Clock::ZERO,
    atomic_reads: Clock::ZERO,
    content: 0,
    digest: 0,
};

impl Shadow {
    /// Takes its part in a sum anew.
    fn sum_up(&mut self, granule: u64, sum: &mut Digest) {
        let clocks = [&self.writes, &self.reads, &self.atomic_writes, &self.atomic_reads];
        let now = clocks.iter().fold(part(granule, self.content), |sum, clock| join(sum, clock.digest()));
        *sum = sum.wrapping_add(now).wrapping_sub(self.digest);
        self.digest = now;
    }
}

/// Two accesses that race: the one that was found, and whose earlier one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Race {
    pub(crate) other: usize,
    pub(crate) writes: bool,
    pub(crate) other_writes: bool,
}

/// The shadows.
#[derive(Default)]
pub(crate) struct Payload {
    shadows: HashMap<u64, Shadow, BuildHasherDefault<Multiply>>,
    /// Sum over the shadows.
    pub(super) digest: Digest,
}

impl Payload {
    pub(crate) fn reset(&mut self) {
        self.shadows.clear();
        self.digest = 0;
    }

    pub(super) fn touch(
        &mut self,
        granule: u64,
        process: usize,
        now: &Clock,
        writes: Option<u64>,
    ) -> Result<(), Race> {
        let shadow = self.shadows.entry(granule).or_insert(CLEAN);
        let race = |other, other_writes| Err(Race { other, writes: writes.is_some(), other_writes });
        if let Some(other) = shadow.writes.beyond(now).or_else(|| shadow.atomic_writes.beyond(now)) {
            return race(other, true);
        }
        if let Some(content) = writes {
            if let Some(other) = shadow.reads.beyond(now).or_else(|| shadow.atomic_reads.beyond(now)) {
                return race(other, false);
            }
            shadow.writes.set(process, now.of(process));
            shadow.content = mix(0, content) as u64;
        } else {
            shadow.reads.set(process, now.of(process));
        }
        shadow.sum_up(granule, &mut self.digest);
        Ok(())
    }

    pub(super) fn has(&self, granule: u64) -> bool {
        self.shadows.contains_key(&granule)
    }

    /// Other bytes stand there, by nobody's access.
    pub(super) fn overwrite(&mut self, granule: u64, content: u64) {
        let shadow = self.shadows.entry(granule).or_insert(CLEAN);
        shadow.content = mix(0, content) as u64;
        shadow.sum_up(granule, &mut self.digest);
    }

    pub(super) fn touch_atomically(
        &mut self,
        granule: u64,
        process: usize,
        now: &Clock,
        writes: bool,
    ) -> Result<(), Race> {
        let shadow = self.shadows.entry(granule).or_insert(CLEAN);
        if let Some(other) = shadow.writes.beyond(now) {
            return Err(Race { other, writes, other_writes: true });
        }
        if writes {
            if let Some(other) = shadow.reads.beyond(now) {
                return Err(Race { other, writes, other_writes: false });
            }
            shadow.atomic_writes.set(process, now.of(process));
        } else {
            shadow.atomic_reads.set(process, now.of(process));
        }
        shadow.sum_up(granule, &mut self.digest);
        Ok(())
    }
}

/// A hash of one number.
#[derive(Default)]
pub(crate) struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }

    fn write_u128(&mut self, word: u128) {
        // A digest is spread already.
        self.0 = word as u64 ^ (word >> 64) as u64;
    }
}
