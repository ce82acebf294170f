//! An eventcount in shared memory: shown twice in one process, and between two processes over one memfd.
//!
//! The other process is this test binary again, sent to one hidden test; it inherits the region by the number of its
//! descriptor.

#![allow(unsafe_code)] // because a section of a region is an address.

use crate::event::{Handles, exchange};
use ringway_shm::primitive::AtomicU32;
use ringway_shm::{Blueprint, Region};
use ringway_sync::EventCount;
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};

/// The environment variable that tells the other process where its region is.
const INHERITED: &str = "RINGWAY_TEST_INHERITED";

const CONTENT: u32 = 0x5459;
const ROUNDS: u32 = 5_000;

/// What lies in the region. Zeros are its initial state.
#[repr(C)]
pub(crate) struct Board {
    bells: [EventCount; 2],
    turn: AtomicU32,
}

/// One region, mapped twice.
pub(crate) struct Shared([Region; 2]);

fn blueprint() -> Blueprint {
    Blueprint::new(CONTENT, 1).section(CONTENT, size_of::<Board>() as u64).unwrap()
}

fn board(region: &Region) -> &Board {
    let (start, len) = region.section(CONTENT).unwrap();
    assert!(len >= size_of::<Board>() && start.cast::<Board>().is_aligned());
    // SAFETY: a section of a board's length and alignment (asserted), of atomic words only, for which every content is
    // good; it is mapped as long as the region lives.
    unsafe { start.cast().as_ref() }
}

impl Shared {
    pub(crate) fn new() -> Self {
        let region = Region::anonymous(&blueprint()).unwrap();
        let passed = region.inheritable().unwrap();
        let again = Region::inherited(passed.as_raw_fd(), &blueprint().expected()).unwrap();
        Self([region, again])
    }

    /// One event, at two addresses.
    pub(crate) fn bells(&self) -> Handles<'_, EventCount> {
        let [here, there] = self.0.each_ref().map(|region| &board(region).bells[0]);
        assert!(!core::ptr::eq(here, there));
        (here, Some(there))
    }
}

/// Another process, killed when dropped.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn no_wake_up_is_lost_between_two_processes() {
    let region = Region::anonymous(&blueprint()).unwrap();
    let passed = region.inheritable().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["processes::the_other_process", "--exact", "--ignored", "--test-threads=1"]);
    command.env(INHERITED, passed.as_raw_fd().to_string()).stdout(Stdio::null());
    let mut other = Other(command.spawn().unwrap());
    drop(passed);
    let Board { bells: [ours, theirs], turn } = board(&region);
    let long = exchange((ours, theirs), turn, 0, ROUNDS);
    assert!(other.0.wait().unwrap().success());
    assert!(long <= ROUNDS / 1000, "{long} sleeps took long");
}

#[test]
#[ignore = "runs in the other process"]
fn the_other_process() {
    // Nobody has sent it: all ignored tests were asked for.
    let Ok(number) = std::env::var(INHERITED) else { return };
    let region = Region::inherited(number.parse().unwrap(), &blueprint().expected()).unwrap();
    let Board { bells: [theirs, ours], turn } = board(&region);
    let long = exchange((ours, theirs), turn, 1, ROUNDS);
    assert!(long <= ROUNDS / 1000, "{long} sleeps took long");
}
