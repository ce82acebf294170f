//! Segments of the application that cannot be adopted, and those whose name has gone its own way.

use crate::blueprint;
use crate::party::fresh_name;
use ringway_shm::shared_memory::{Shmem, ShmemConf};
use ringway_shm::{Blueprint, CreateError, OpenError, Region, Rejected};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The name of a segment; its file goes when the test ends, however it ends.
struct Id(String);

impl Id {
    fn new() -> Self {
        Self(format!("adopted-{}", fresh_name("segment").text()))
    }

    fn create(&self, len: u64) -> Shmem {
        ShmemConf::new().os_id(&self.0).size(usize::try_from(len).unwrap()).create().unwrap()
    }

    fn open(&self) -> Shmem {
        ShmemConf::new().os_id(&self.0).open().unwrap()
    }

    fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(&self.0)
    }

    fn is_there(&self) -> bool {
        self.path().exists()
    }
}

impl Drop for Id {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.path());
    }
}

fn adopt(segment: Shmem) -> Result<Region, CreateError> {
    Region::adopt(segment, &blueprint(), Duration::ZERO)
}

fn refused(segment: Shmem) -> OpenError {
    match adopt(segment).unwrap_err() {
        CreateError::Open(error) => *error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_segment_that_is_too_small_is_refused_and_goes() {
    let id = Id::new();
    let needed = blueprint().region_len();
    for found in [1, 511, 4096, needed - 4096] {
        let refusal = CreateError::SegmentTooSmall { found, needed };
        assert_eq!(adopt(id.create(found)).unwrap_err(), refusal);
        assert!(!id.is_there(), "what the application's owner would have removed stayed");
    }
}

#[test]
fn a_segment_that_is_longer_than_the_region_will_do() {
    let id = Id::new();
    let mine = adopt(id.create(blueprint().region_len() + 3 * 4096 + 17)).unwrap();
    let theirs = adopt(id.open()).unwrap();
    assert_eq!(mine.geometry(), theirs.geometry());
    assert_eq!(mine.geometry().region_len, blueprint().region_len());
    drop(mine);
    assert!(!id.is_there());
}

#[test]
fn a_segment_that_is_never_made_ready_is_not_waited_for_for_ever() {
    let id = Id::new();
    let unready = id.create(blueprint().region_len());
    assert_eq!(refused(id.open()), OpenError::TimedOut);
    let start = Instant::now();
    let wait = Duration::from_millis(20);
    let error = Region::adopt(id.open(), &blueprint(), wait).unwrap_err();
    assert_eq!(error, CreateError::Open(Box::new(OpenError::TimedOut)));
    assert!(start.elapsed() >= wait && start.elapsed() < Duration::from_secs(2));
    assert!(id.is_there(), "a guest removed it");
    drop(unready);
    assert!(!id.is_there());
}

#[test]
fn a_guest_of_a_short_or_strange_segment_is_told_what_is_wrong() {
    let id = Id::new();
    let short = id.create(100);
    let refusal = Rejected::Length { found: 100, expected: 512 };
    assert_eq!(refused(id.open()), OpenError::Rejected(refusal));
    drop(short);

    std::fs::write(id.path(), [0xff; 8192]).unwrap();
    assert_eq!(refused(id.open()), OpenError::Rejected(Rejected::NotARegion));
    assert!(id.is_there());
}

#[test]
fn a_segment_cut_short_behind_its_superblock_is_refused() {
    let id = Id::new();
    let owner = adopt(id.create(blueprint().region_len())).unwrap();
    std::fs::OpenOptions::new().write(true).open(id.path()).unwrap().set_len(4096).unwrap();
    let refusal = Rejected::Length { found: 4096, expected: blueprint().region_len() };
    assert_eq!(refused(id.open()), OpenError::Rejected(refusal));
    drop(owner);
    assert!(!id.is_there());
}

#[test]
fn an_owner_builds_over_what_the_segment_held() {
    let id = Id::new();
    let mut segment = id.create(blueprint().region_len());
    segment.set_owner(false);
    drop(segment);
    std::fs::write(id.path(), vec![0xee; usize::try_from(blueprint().region_len()).unwrap()]).unwrap();
    let mut segment = id.open();
    segment.set_owner(true);
    let region = adopt(segment).unwrap();
    let (_, len) = region.section(ringway_shm::layout::FIRST_OWN).unwrap();
    let bytes = crate::party::bytes::get(&region, ringway_shm::layout::FIRST_OWN, 0, len);
    assert!(bytes.iter().all(|&byte| byte == 0));
    assert_eq!(adopt(id.open()).unwrap().geometry(), region.geometry());
}

#[test]
fn a_segment_whose_name_leads_elsewhere_is_gone_and_the_other_one_stays() {
    let id = Id::new();
    let len = blueprint().region_len();
    // Before the adoption: by an owner and by a guest.
    let owned = id.create(len);
    std::fs::remove_file(id.path()).unwrap();
    let other = adopt(id.create(len)).unwrap();
    assert_eq!(refused(owned), OpenError::SegmentGone);
    assert!(id.is_there(), "the owner of the old segment removed the new one");
    let guest = id.open();
    std::fs::remove_file(id.path()).unwrap();
    assert_eq!(refused(guest), OpenError::SegmentGone);

    // After it: what has the name now is not the old owner's.
    let newer = adopt(id.create(len)).unwrap();
    drop(other);
    assert!(id.is_there(), "the owner of the old segment removed the new one");
    assert_eq!(adopt(id.open()).unwrap().geometry(), newer.geometry());
    drop(newer);
    assert!(!id.is_there());
}

#[test]
fn a_guest_does_not_take_the_name_away() {
    let id = Id::new();
    let owner = adopt(id.create(blueprint().region_len())).unwrap();
    drop(adopt(id.open()).unwrap());
    assert!(id.is_there());
    // The owner does, though a guest is still there: that is the way of such segments.
    let guest = adopt(id.open()).unwrap();
    drop(owner);
    assert!(!id.is_there());
    assert_eq!(guest.expect(&blueprint().expected()), Ok(()));
    assert!(guest.expect(&Blueprint::new(1, 1).expected()).is_err());
}
