//! What every kind of region promises, one function for each promise.

use crate::backend::Backend;
use crate::party::bytes::{get, get_mirrored, put, put_mirrored};
use crate::party::{self, Party, until};
use ringway_shm::layout::{FIRST_OWN, PAGE, ROWS};
use ringway_shm::{Blueprint, ClaimError, Expected, OpenError, Region, Rejected};
use std::any::Any;
use std::os::fd::AsFd;
use std::sync::Arc;

/// The section that the facts write to.
pub(crate) const DATA: u32 = FIRST_OWN;
/// A section behind it.
const MORE: u32 = FIRST_OWN + 7;
/// The role that another process claims.
pub(crate) const ROLE: u32 = 5;

/// The region that the facts are about: 20 rows, two sections, and a type.
pub(crate) fn blueprint() -> Blueprint {
    let blueprint = Blueprint::new(0x7465_7374, 3).fingerprint(0x1234_5678_9abc_def0 << 60);
    let blueprint = blueprint.parameters([1, 2, 3, 4, 5, 6, 7, u64::MAX]).rows(20).unwrap();
    blueprint.section(DATA, 2 * PAGE).unwrap().section(MORE, PAGE + 1).unwrap()
}

fn two<B: Backend>() -> (B, Arc<Region>, Arc<Region>) {
    let backend = B::new();
    let first = backend.create(&blueprint());
    let second = backend.second(&first, &blueprint().expected()).unwrap();
    (backend, Arc::new(first), Arc::new(second))
}

/// Another process at the region.
fn other(backend: &impl Backend, label: &str, deed: &str, region: &Region) -> (Party, Box<dyn Any>) {
    let mut command = party::command("errand", &format!("{label} {deed}"));
    let kept = backend.pass(region, &mut command);
    (Party::start(command), kept)
}

pub(crate) fn what_one_writes_the_other_reads<B: Backend>(label: &str) {
    let (backend, first, second) = two::<B>();
    put(&first, DATA, 3, b"there");
    assert_eq!(get(&second, DATA, 3, 5), b"there");
    put(&second, MORE, 4000, &[7; 500]);
    assert_eq!(get(&first, MORE, 4000, 500), [7; 500]);
    put(&second, ROWS, 0, b"row");
    assert_eq!(get(&first, ROWS, 0, 3), b"row");

    put(&first, DATA, 5, b"hello");
    let (mut other, _kept) = other(&backend, label, "write", &first);
    assert_eq!(other.hear(), "hello");
    assert_eq!(get(&second, DATA, 4090, 14), b"from the other");
}

pub(crate) fn all_parties_see_one_geometry<B: Backend>(_: &str) {
    let (_backend, first, second) = two::<B>();
    assert_eq!(first.geometry(), second.geometry());
    let geometry = first.geometry();
    assert_eq!(geometry.kind, 0x7465_7374);
    assert_eq!(geometry.kind_version, 3);
    assert_eq!(geometry.fingerprint, 0x1234_5678_9abc_def0 << 60);
    assert_eq!(geometry.parameters, [1, 2, 3, 4, 5, 6, 7, u64::MAX]);
    assert_eq!(geometry.rows, 20);
    assert_eq!(geometry.creator_process, std::process::id());
    assert_eq!(geometry.creator_user, rustix::process::geteuid().as_raw());
    assert_ne!(geometry.identity, [0; 16]);
    assert_eq!(first.expect(&blueprint().expected()), Ok(()));

    let elsewhere = B::new().create(&blueprint());
    assert_ne!(elsewhere.geometry().identity, geometry.identity);
}

pub(crate) fn another_kind_version_or_type_is_refused_by_its_own_error<B: Backend>(_: &str) {
    let backend = B::new();
    let first = backend.create(&blueprint());
    let right = blueprint().expected();
    let found = first.geometry();
    let refusals = [
        (Expected { kind: 1, ..right }, Rejected::Kind { found: found.kind, expected: 1 }),
        (
            Expected { kind_version: 4, ..right },
            Rejected::KindVersion { found: found.kind_version, expected: 4 },
        ),
        (
            Expected { fingerprint: 9, ..right },
            Rejected::Fingerprint { found: found.fingerprint, expected: 9 },
        ),
    ];
    for (expected, refusal) in refusals {
        assert_eq!(first.expect(&expected), Err(refusal));
        assert_eq!(backend.second(&first, &expected).unwrap_err(), OpenError::Rejected(refusal));
    }
    assert!(backend.second(&first, &right).is_ok());
}

pub(crate) fn a_role_has_one_holder_in_a_process<B: Backend>(_: &str) {
    let (_backend, first, second) = two::<B>();
    let claim = first.claim(ROLE).unwrap();
    assert_eq!(first.claim(ROLE).unwrap_err(), ClaimError::Taken);
    assert_eq!(second.claim(ROLE).unwrap_err(), ClaimError::Taken);
    assert_eq!((first.is_claimed(ROLE), second.is_claimed(ROLE)), (Ok(true), Ok(true)));
    assert!(Arc::ptr_eq(claim.region(), &first));
    // Neighbours are other roles.
    let neighbours = [second.claim(ROLE - 1).unwrap(), second.claim(ROLE + 1).unwrap()];
    let last = second.claim(ringway_shm::ROLES_MAX - 1).unwrap();
    drop((neighbours, last));

    drop(claim);
    assert_eq!((first.is_claimed(ROLE), second.is_claimed(ROLE)), (Ok(false), Ok(false)));
    let claim = second.claim(ROLE).unwrap();
    assert_eq!(first.claim(ROLE).unwrap_err(), ClaimError::Taken);
    // The claim keeps its attachment, and so the role, alive.
    drop(second);
    assert_eq!(first.claim(ROLE).unwrap_err(), ClaimError::Taken);
    drop(claim);
    first.claim(ROLE).unwrap();
}

pub(crate) fn a_role_has_one_holder_among_processes<B: Backend>(label: &str) {
    let backend = B::new();
    let first = Arc::new(backend.create(&blueprint()));
    let claim = first.claim(ROLE).unwrap();
    let (mut refused, kept) = other(&backend, label, "claim", &first);
    assert_eq!(refused.hear(), "refused");
    drop((claim, kept, refused));

    let (mut holder, kept) = other(&backend, label, "claim", &first);
    assert_eq!(holder.hear(), "claimed");
    assert_eq!(first.claim(ROLE).unwrap_err(), ClaimError::Taken);
    assert_eq!(first.is_claimed(ROLE), Ok(true));
    // It gives the role back and ends when its input does.
    drop(kept);
    assert!(holder.finish());
    until("a role that was given back", || first.claim(ROLE).is_ok());
}

pub(crate) fn a_role_is_free_after_its_holder_was_killed<B: Backend>(label: &str) {
    let backend = B::new();
    let first = Arc::new(backend.create(&blueprint()));
    let (mut holder, _kept) = other(&backend, label, "claim", &first);
    assert_eq!(holder.hear(), "claimed");
    assert_eq!(first.claim(ROLE).unwrap_err(), ClaimError::Taken);
    holder.kill();
    first.claim(ROLE).unwrap();
}

pub(crate) fn a_mirror_shows_a_section_twice_and_is_the_section<B: Backend>(_: &str) {
    let (_backend, first, second) = two::<B>();
    let mirror = first.mirror(DATA).unwrap();
    let len = mirror.len();
    assert_eq!(len, 2 * PAGE as usize);
    assert_eq!(mirror.start().as_ptr() as usize % PAGE as usize, 0);

    put_mirrored(&mirror, len - 3, b"across");
    assert_eq!(get(&first, DATA, 0, 3), b"oss");
    assert_eq!(get(&first, DATA, len - 3, 3), b"acr");
    assert_eq!(get_mirrored(&mirror, 2 * len - 3, 3), b"acr");
    put(&second, DATA, 1000, b"second");
    assert_eq!(get_mirrored(&mirror, 1000, 6), b"second");
    assert_eq!(get_mirrored(&mirror, len + 1000, 6), b"second");

    // A mirror needs nothing of its region once it is there.
    drop((first, second));
    assert_eq!(get_mirrored(&mirror, len + 1000, 6), b"second");
}

pub(crate) fn a_mirror_shows_no_byte_of_another_section<B: Backend>(_: &str) {
    let (_backend, first, second) = two::<B>();
    let mirror = second.mirror(DATA).unwrap();
    put_mirrored(&mirror, 0, &vec![0xff; 2 * mirror.len()]);
    for content in [ROWS, MORE] {
        let len = first.section(content).unwrap().1;
        assert!(get(&first, content, 0, len).iter().all(|&byte| byte == 0), "section {content}");
    }
    assert!(second.mirror(FIRST_OWN + 1).is_err());
}

pub(crate) fn sections_are_found_by_their_number<B: Backend>(_: &str) {
    let (_backend, first, second) = two::<B>();
    for region in [&first, &second] {
        let geometry = region.geometry();
        for content in [ROWS, DATA, MORE] {
            let section = geometry.section(content).unwrap();
            let (start, len) = region.section(content).unwrap();
            assert_eq!(section.len, len as u64);
            let (rows, _) = region.section(ROWS).unwrap();
            let distance = start.as_ptr() as usize - rows.as_ptr() as usize;
            assert_eq!(section.offset, PAGE + distance as u64);
        }
        for content in [0, 3, FIRST_OWN + 1, u32::MAX] {
            assert_eq!(region.section(content), None);
            assert_eq!(geometry.section(content), None);
        }
        assert_eq!(region.section(DATA).unwrap().1, 2 * PAGE as usize);
        assert_eq!(region.section(MORE).unwrap().1, 2 * PAGE as usize);
        assert_eq!(region.section(ROWS).unwrap().1, PAGE as usize);
    }
}

pub(crate) fn sections_lie_on_pages_and_are_zero_at_birth<B: Backend>(_: &str) {
    let (_backend, first, second) = two::<B>();
    for region in [&first, &second] {
        for content in [ROWS, DATA, MORE] {
            let (start, len) = region.section(content).unwrap();
            assert_eq!(start.as_ptr() as usize % PAGE as usize, 0);
            assert!(get(region, content, 0, len).iter().all(|&byte| byte == 0), "section {content}");
        }
    }
}

pub(crate) fn the_length_is_what_the_blueprint_says<B: Backend>(_: &str) {
    let (_backend, first, second) = two::<B>();
    for region in [&first, &second] {
        assert_eq!(region.geometry().region_len, blueprint().region_len());
        let stat = rustix::fs::fstat(region.as_fd()).unwrap();
        assert_eq!(stat.st_size as u64, blueprint().region_len());
    }
}

pub(crate) fn every_page_is_reserved_at_birth<B: Backend>(_: &str) {
    let backend = B::new();
    let region = backend.create(&Blueprint::new(1, 1).section(DATA, 3 << 20).unwrap());
    let stat = rustix::fs::fstat(region.as_fd()).unwrap();
    assert!(stat.st_blocks as u64 * 512 >= region.geometry().region_len);
}

pub(crate) fn a_second_party_keeps_the_region_when_the_first_leaves<B: Backend>(_: &str) {
    let (_backend, first, second) = two::<B>();
    put(&first, DATA, 0, b"kept");
    drop(first);
    assert_eq!(get(&second, DATA, 0, 4), b"kept");
    put(&second, DATA, 0, b"held");
    assert_eq!(get(&second, DATA, 0, 4), b"held");
}
