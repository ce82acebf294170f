//! What others could tell of a process: the memory that it shares, and what the kernel will look at when it dies.
//!
//! The latter are the robust lists of its threads (`get_robust_list(2)`): their heads, wherever they lie, and the entries of
//! Ringway's, which stand in the private page behind each shared one.

#![allow(unsafe_code)] // because the kernel is asked where a thread's list is.

use nix::libc;
use nix::unistd::Pid;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::FileExt;

/// A page, as `/proc` counts addresses.
const PAGE: u64 = 4096;

/// How much of one mapping is looked at. Regions under the killer are small.
const LEN_MAX: u64 = 1 << 20;

/// What was there at the last look.
#[derive(Debug)]
pub(crate) struct Outside {
    process: Pid,
    memory: File,
    ranges: Vec<(u64, u64)>,
    /// Heads of its threads' robust lists.
    heads: Vec<(u64, u64)>,
    digest: u64,
    bytes: Vec<u8>,
}

impl Outside {
    pub(crate) fn of(process: Pid) -> io::Result<Self> {
        let memory = File::open(format!("/proc/{process}/mem"))?;
        let (ranges, heads) = (Vec::new(), Vec::new());
        let mut outside = Self { process, memory, ranges, heads, digest: 0, bytes: Vec::new() };
        outside.ranges = outside.find()?;
        outside.heads = outside.find_heads()?;
        outside.digest = outside.look();
        Ok(outside)
    }

    /// Looks again: is anything another than at the last look? After a call to the kernel the process may have other mappings.
    pub(crate) fn changed(&mut self, after_a_call: bool) -> io::Result<bool> {
        if after_a_call {
            self.ranges = self.find()?;
            self.heads = self.find_heads()?;
        }
        let digest = self.look();
        Ok(core::mem::replace(&mut self.digest, digest) != digest)
    }

    fn look(&mut self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for &(start, end) in self.ranges.iter().chain(&self.heads) {
            (start, end).hash(&mut hasher);
            self.bytes.resize((end - start) as usize, 0);
            match self.memory.read_exact_at(&mut self.bytes, start) {
                Ok(()) => self.bytes.hash(&mut hasher),
                // A mapping beyond its file's end, as one of a file that is being made.
                Err(error) => error.raw_os_error().hash(&mut hasher),
            }
        }
        hasher.finish()
    }

    /// Shared mappings that can be written, and the private page behind each, where the entries of the kernel's list stand.
    fn find(&self) -> io::Result<Vec<(u64, u64)>> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.process))?;
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for line in maps.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(range), Some(access)) = (words.next(), words.next()) else { continue };
            let Some((start, end)) = range.split_once('-') else { continue };
            let (Ok(start), Ok(end)) = (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16)) else {
                continue;
            };
            let is_behind = ranges.last().is_some_and(|&(_, last)| last == start);
            if access == "rw-s" {
                ranges.push((start, end.min(start + LEN_MAX)));
            } else if access == "rw-p" && is_behind {
                ranges.push((start, start + PAGE));
            }
        }
        Ok(ranges)
    }

    /// Where the robust lists of its threads begin: three words each.
    fn find_heads(&self) -> io::Result<Vec<(u64, u64)>> {
        let mut heads = Vec::new();
        for thread in fs::read_dir(format!("/proc/{}/task", self.process))? {
            let name = thread?.file_name();
            let Some(thread) = name.to_str().and_then(|name| name.parse::<libc::pid_t>().ok()) else {
                continue;
            };
            let (mut head, mut len) = (0u64, 0usize);
            // SAFETY: fills two words.
            let answer =
                unsafe { libc::syscall(libc::SYS_get_robust_list, thread, &raw mut head, &raw mut len) };
            if answer == 0 && head != 0 {
                heads.push((head, head + len as u64));
            }
        }
        Ok(heads)
    }
}
