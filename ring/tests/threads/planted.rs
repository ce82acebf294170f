//! Mistakes of this test's own: `.ci/sanitize` runs each of them under the sanitizer that has to report it, so that one
//! which sees nothing is found out. Without a sanitizer they do no harm, and show nothing.

#![allow(unsafe_code)] // because the mistakes are made with raw copies.

use crate::court::{over, side_by_side};
use crate::fixture::config;
use ringway::layout::DATA;
use ringway::shm::primitive::{AtomicU64, Ordering, copy_in, copy_out, spin_hint};
use ringway::{Region, bytes};
use std::ptr::NonNull;
use std::sync::Arc;

fn data(region: &Region) -> NonNull<u8> {
    region.section(DATA).unwrap().0
}

/// Bytes go from thread to thread by a store that publishes nothing.
#[test]
#[ignore = "a planted data race, which the thread sanitizer and Miri must report"]
fn a_payload_behind_a_relaxed_word() {
    let region = Arc::new(bytes::anonymous(&config(4096)).unwrap());
    let (is_there, bytes) = (AtomicU64::new(0), [7u8; 40]);
    let write = || {
        // SAFETY: 40 private bytes, and as many of the data section.
        unsafe { copy_in(bytes.as_ptr(), data(&region).as_ptr(), bytes.len()) };
        // The mistake: not a Release.
        is_there.store(1, Ordering::Relaxed);
    };
    let read = || {
        let over = over();
        while is_there.load(Ordering::Acquire) == 0 {
            assert!(!over.has_passed());
            spin_hint();
        }
        let mut found = [0u8; 40];
        // SAFETY: 40 bytes of the data section, and as many private ones.
        unsafe { copy_out(data(&region).as_ptr(), found.as_mut_ptr(), found.len()) };
    };
    side_by_side([Box::new(write), Box::new(read)]);
}

/// A copy out of the ring that is a byte longer than its target.
#[test]
#[ignore = "a planted overflow, which the address sanitizer and Miri must report"]
fn a_copy_beyond_its_target() {
    let region = bytes::anonymous(&config(4096)).unwrap();
    // The allocator rounds up to 24 bytes: where nobody watches, nothing else is hit.
    let mut target = Vec::<u8>::with_capacity(20);
    let len = std::hint::black_box(target.capacity() + 1);
    // SAFETY: none: this is the mistake. It stays within what the allocator gave.
    unsafe { copy_out(data(&region).as_ptr(), target.as_mut_ptr(), len) };
    std::hint::black_box(&target);
}
