//! One suite for every kind of region: what a region promises, whatever it is made of.
//!
//! A backend is one implementation of [`backend::Backend`]; a new one joins with a line in `suite!`.

#![deny(unsafe_code)]

#[path = "contract/backend.rs"]
mod backend;
#[path = "contract/facts.rs"]
mod facts;
mod party;

use backend::{Adopted, Backend, Named, OnDisk, OnTmpfs, ThroughDescriptor, ThroughSocket};
use ringway_shm::{Access, Lifetime, OpenError, Region};

macro_rules! suite {
    ($($backend:ident as $module:ident;)*) => {
        $(mod $module {
            use super::{facts, backend::$backend};

            suite!(facts of $backend:
                what_one_writes_the_other_reads,
                all_parties_see_one_geometry,
                another_kind_version_or_type_is_refused_by_its_own_error,
                a_role_has_one_holder_in_a_process,
                a_role_has_one_holder_among_processes,
                a_role_is_free_after_its_holder_was_killed,
                a_mirror_shows_a_section_twice_and_is_the_section,
                a_mirror_shows_no_byte_of_another_section,
                sections_are_found_by_their_number,
                sections_lie_on_pages_and_are_zero_at_birth,
                the_length_is_what_the_blueprint_says,
                every_page_is_reserved_at_birth,
                a_second_party_keeps_the_region_when_the_first_leaves,
            );
        })*

        /// Where another process finds the region that it was sent to.
        fn arrive(backend: &str) -> ringway_shm::Region {
            match backend {
                $(stringify!($backend) => <$backend as Backend>::arrive(&facts::blueprint().expected()),)*
                other => panic!("no backend {other}"),
            }.unwrap()
        }
    };
    (facts of $backend:ident: $($fact:ident,)*) => {
        $(#[test]
        fn $fact() {
            facts::$fact::<$backend>(stringify!($backend));
        })*
    };
}

suite! {
    ThroughDescriptor as anonymous_through_a_descriptor;
    ThroughSocket as anonymous_through_a_socket;
    Named as named;
    Adopted as adopted;
    OnDisk as file;
    OnTmpfs as file_on_tmpfs;
}

/// The other process: attaches, does as its errand says, and stays until it is killed or its input ends.
#[test]
fn errand() {
    let Some(errand) = party::errand() else { return };
    let (backend, deed) = errand.split_once(' ').unwrap();
    let region = std::sync::Arc::new(arrive(backend));
    let held = match deed {
        "claim" => {
            let claim = region.claim(facts::ROLE);
            party::answer(if claim.is_ok() { "claimed" } else { "refused" });
            claim.ok()
        }
        "write" => {
            let found = party::bytes::get(&region, facts::DATA, 5, 5);
            party::bytes::put(&region, facts::DATA, 4090, b"from the other");
            party::answer(&String::from_utf8_lossy(&found));
            None
        }
        other => panic!("no deed {other}"),
    };
    party::stay();
    drop(held);
}

/// Has another process of this binary find the facts of files to hold below a directory that it mounts.
fn the_facts_of_files_hold(test: &str, mount: &str, exceptions: &[&str]) {
    let directory = party::Directory::on_disk("mounted");
    let line = format!("cd {} && {{ {mount}; }} 2>/dev/null || exit 77; exec \"$@\"", directory.0.display());
    let Some(mut command) = party::in_namespace(&line) else {
        return party::skipped(test, "no mount namespace of our own");
    };
    command.args(["file::", "--test-threads=1"]).env("TMPDIR", directory.0.join("mounted"));
    command.args(exceptions.iter().flat_map(|fact| ["--skip", fact]));
    let output = command.output().unwrap();
    if output.status.code() == Some(77) {
        return party::skipped(test, "the file system could not be mounted");
    }
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(" passed"), "{said}");
    assert!(!said.contains(" 0 passed"), "no fact was looked at: {said}");
}

#[test]
fn the_facts_hold_on_overlayfs() {
    // Of a file there, the mapping keeps the file below, and the locks are the descriptor's.
    let mount = "mkdir mounted below && mount -t tmpfs none below && mkdir below/lower below/upper below/work \
        && mount -t overlay -o lowerdir=below/lower,upperdir=below/upper,workdir=below/work none mounted";
    the_facts_of_files_hold("the_facts_hold_on_overlayfs", mount, &[]);
}

#[test]
fn the_facts_hold_in_large_pages_but_for_length_and_mirrors() {
    let test = "the_facts_hold_in_large_pages_but_for_length_and_mirrors";
    let Some(_pages) = party::LargePages::more(16) else {
        return party::skipped(test, "the machine gives no large pages");
    };
    let mount = "mkdir mounted && mount -t hugetlbfs none mounted";
    the_facts_of_files_hold(test, mount, &["a_mirror_shows", "the_length_is_what"]);
}

const READING: Access =
    Access { read_only: true, foreign_owner: false, wait: std::time::Duration::ZERO, after_reboot: false };

#[test]
fn a_named_region_opened_for_reading_reads_and_claims_nothing() {
    let backend = Named::new();
    let first = backend.create(&facts::blueprint());
    reads_and_claims_nothing(first, || Region::open(backend.name(), &facts::blueprint().expected(), READING));
}

#[test]
fn a_file_opened_for_reading_reads_and_claims_nothing() {
    let backend = OnDisk::new();
    let first = backend.create(&facts::blueprint());
    let expected = facts::blueprint().expected();
    reads_and_claims_nothing(first, || Region::open_file(backend.0.path(), &expected, READING));
}

fn reads_and_claims_nothing(first: Region, open: impl Fn() -> Result<Region, OpenError>) {
    party::bytes::put(&first, facts::DATA, 0, b"words");

    let reader = open().unwrap();
    let reader = std::sync::Arc::new(reader);

    assert!(reader.is_read_only() && !first.is_read_only());
    assert_eq!(reader.geometry(), first.geometry());
    assert_eq!(party::bytes::get(&reader, facts::DATA, 0, 5), b"words");
    let refused = ringway_shm::ClaimError::Participate(ringway_shm::ParticipateError::ReadOnly);
    assert_eq!(reader.claim(0).unwrap_err(), refused);
    assert_eq!(reader.is_claimed(0), Ok(false));
    let first = std::sync::Arc::new(first);
    let claim = first.claim(0).unwrap();
    assert_eq!(reader.is_claimed(0), Ok(true));
    drop(claim);
    assert_eq!(reader.is_claimed(0), Ok(false));

    let mirror = reader.mirror(facts::DATA).unwrap();
    assert_eq!(party::bytes::get_mirrored(&mirror, mirror.len(), 5), b"words");
}

#[test]
fn the_lifetime_travels_with_the_region() {
    fn travels(backend: impl Backend) {
        let region = backend.create(&facts::blueprint().lifetime(Lifetime::UntilUnlinked));
        let second = backend.second(&region, &facts::blueprint().expected()).unwrap();
        assert_eq!(second.geometry().lifetime, Lifetime::UntilUnlinked);
    }
    travels(Named::new());
    travels(OnDisk::new());
}
