//! A name for the peer: a line of text in a nameless file, of which it inherits the descriptor.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::getpid;

use super::sole;
use ringway_shm::primitive::{AtomicU64, Ordering};

/// A name that no other channel of this machine has: the process's id and a number.
pub(crate) fn unique() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only that the numbers differ matters.
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("ringway-bench-{}-{number}", getpid().as_raw_pid())
}

/// What [`read`] reads.
///
/// # Errors
///
/// The kernel's refusal.
pub(crate) fn write(name: &str) -> io::Result<Vec<OwnedFd>> {
    let mut file = File::from(memfd_create("ringway-bench", MemfdFlags::CLOEXEC)?);
    file.write_all(name.as_bytes())?;
    Ok(vec![file.into()])
}

/// The name that [`write`] wrote.
///
/// # Errors
///
/// The kernel's refusal, or other descriptors than that one.
pub(crate) fn read(descriptors: Vec<OwnedFd>) -> io::Result<String> {
    let file = File::from(sole(descriptors)?);
    // All that inherited it share one position, which is left alone.
    let mut name = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
    file.read_exact_at(&mut name, 0)?;
    String::from_utf8(name).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written_and_is_given_once() {
        let name = unique();
        assert_eq!(read(write(&name).unwrap()).unwrap(), name);
        assert_ne!(unique(), name);
    }
}
