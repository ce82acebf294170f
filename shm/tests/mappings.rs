//! A process that has no mapping left is told so: no claim of a row or a role waits for what it holds itself.

mod party;

use party::{DEADLINE, Party, answer, command, errand};
use ringway_shm::{Blueprint, Region};
use std::sync::Arc;
use std::sync::mpsc::channel;

/// A process that takes all mappings there are but `free`, and then claims.
#[test]
fn claimant() {
    let Some(errand) = errand() else { return };
    let (what, free) = errand.split_once(' ').unwrap();
    let (is_role, free): (bool, usize) = (what == "role", free.parse().unwrap());
    let region = Arc::new(Region::anonymous(&Blueprint::new(1, 1)).unwrap());
    let known = is_role.then(|| region.participant().unwrap());
    let (begin, begun) = channel::<()>();
    let (tell, told) = channel();
    // The thread has its stack before there is none to be had.
    std::thread::spawn(move || {
        begun.recv().unwrap();
        let failed = if is_role { region.claim(1).is_err() } else { region.participant().is_err() };
        tell.send(failed).unwrap();
    });
    let mut pages = Vec::with_capacity(1 << 18);
    loop {
        // Neighbours of different access do not become one mapping.
        let access = if pages.len() % 2 == 0 { libc::PROT_NONE } else { libc::PROT_READ };
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh page of the kernel's choice, which nobody uses.
        let page = unsafe { libc::mmap(core::ptr::null_mut(), 4096, access, kind, -1, 0) };
        if page == libc::MAP_FAILED {
            break;
        }
        pages.push(page);
    }
    for page in pages.drain(..free) {
        // SAFETY: a page from above.
        unsafe { libc::munmap(page, 4096) };
    }
    begin.send(()).unwrap();
    let failed = told.recv_timeout(DEADLINE / 3);
    for page in pages {
        // SAFETY: as above.
        unsafe { libc::munmap(page, 4096) };
    }
    answer(match failed {
        Ok(true) => "failed",
        Ok(false) => "claimed",
        Err(_) => "hangs",
    });
    drop(known);
}

#[test]
fn a_process_without_mappings_fails_to_claim_and_goes_on() {
    for what in ["row", "role"] {
        let heard: Vec<String> = (0..6)
            .map(|free| {
                let mut party = Party::start(command("claimant", &format!("{what} {free}")));
                let ended = party.ended();
                // Where no mapping is left, memory may have none either, and ends a process that asks for some.
                party.heard().unwrap_or_else(|| ended.to_string())
            })
            .collect();
        assert!(heard.iter().all(|heard| heard != "hangs"), "{what}: {heard:?}");
        assert!(heard.contains(&"failed".to_owned()), "{what}: {heard:?}");
        assert!(heard.contains(&"claimed".to_owned()), "{what}: {heard:?}");
    }
}
