//! File systems that are not like others: made of large pages, unable to reserve, full, or stacked on another.

use crate::party::{self, Directory, LargePages, Party, skipped};
use crate::{lasting, mortal, open};
use ringway_shm::layout::{FIRST_OWN, PAGE};
use ringway_shm::{
    Blueprint, CreateError, MirrorError, OpenError, Permissions, Region, Rejected, Standing, unlink_file,
};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

/// What happens on the other file system.
#[test]
fn errand() {
    let Some(errand) = party::errand() else { return };
    let (deed, path) = errand.split_once(' ').unwrap();
    let path = Path::new(path);
    match deed {
        "large" => in_large_pages(path),
        "ram" => where_nothing_can_be_reserved(path),
        "small" => where_there_is_little_room(path),
        "overlay" => on_top_of_another(path),
        other => panic!("no deed {other}"),
    }
}

/// Sends another process to the file system that the shell line mounts at `mounted`.
fn send(test: &str, deed: &str, mount: &str) {
    let directory = Directory::on_disk(deed);
    let mounted = directory.0.join("mounted");
    std::fs::create_dir(&mounted).unwrap();
    let line = format!("cd {} && {{ {mount}; }} 2>/dev/null || exit 77; exec \"$@\"", directory.0.display());
    let Some(mut command) = party::in_namespace(&line) else {
        return skipped(test, "no mount namespace of our own");
    };
    let path = mounted.join("region");
    party::sent(&mut command, "mounts::errand", &format!("{deed} {}", path.display()));
    let status = Party::start(command).ended();
    if status.code() == Some(77) {
        return skipped(test, "the file system could not be mounted");
    }
    assert!(status.success(), "{status}");
}

fn file_len(region: &Region) -> u64 {
    rustix::fs::fstat(region.as_fd()).unwrap().st_size as u64
}

#[test]
fn a_file_of_large_pages_is_longer_than_its_region_by_less_than_one() {
    let test = "a_file_of_large_pages_is_longer_than_its_region_by_less_than_one";
    let Some(_pages) = LargePages::more(8) else {
        return skipped(test, "the machine gives no large pages");
    };
    send(test, "large", "mount -t hugetlbfs none mounted");
}

fn in_large_pages(path: &Path) {
    let stat = rustix::fs::statfs(path.parent().unwrap()).unwrap();
    let page = stat.f_bsize as u64;
    assert!(page > PAGE);
    let region = Arc::new(Region::create_file(path, &lasting(), Permissions::default()).unwrap());
    assert_eq!((region.geometry().region_len, file_len(&region)), (lasting().region_len(), page));
    party::bytes::put(&region, FIRST_OWN, 100, b"large");
    // A participant has no life word there, and is found alive and gone by its lock.
    let claim = region.claim(1).unwrap();
    let owner = claim.owner();
    assert_eq!(region.standing(owner), Ok(Standing::Alive));
    assert!(region.life(owner).is_some_and(|life| life.alive == 0));
    drop(claim);
    assert_eq!(region.standing(owner), Ok(Standing::Gone));
    let section = region.geometry().section(FIRST_OWN).unwrap();
    let refusal = MirrorError::LargePages { page, offset: section.offset, len: section.len };
    assert_eq!(region.mirror(FIRST_OWN).unwrap_err(), refusal);
    drop(region);

    let region = open(path).unwrap();
    assert_eq!(party::bytes::get(&region, FIRST_OWN, 100, 5), b"large");
    drop(region);
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    for found in [2 * page, 0] {
        file.set_len(found).unwrap();
        let expected = if found == 0 { 512 } else { page };
        assert_eq!(open(path).unwrap_err(), OpenError::Rejected(Rejected::Length { found, expected }));
    }
    file.set_len(page).unwrap();
    std::fs::remove_file(path).unwrap();

    let longer = Blueprint::new(1, 1).section(FIRST_OWN, page).unwrap();
    let region = Region::create_file(path, &longer, Permissions::default()).unwrap();
    assert_eq!(file_len(&region), 2 * page);
    drop(region);
    let giant = Blueprint::new(1, 1).section(FIRST_OWN, 1 << 40).unwrap();
    let refusal = CreateError::NoRoom { needed: giant.region_len() };
    assert_eq!(Region::create_file(path, &giant, Permissions::default()).unwrap_err(), refusal);
    assert!(!path.exists());
}

#[test]
fn a_file_system_that_cannot_reserve_is_told() {
    send("a_file_system_that_cannot_reserve_is_told", "ram", "mount -t ramfs none mounted");
}

fn where_nothing_can_be_reserved(path: &Path) {
    let refused = Region::create_file(path, &lasting(), Permissions::default()).unwrap_err();
    assert_eq!(refused, CreateError::CannotReserve);
    assert!(std::fs::read_dir(path.parent().unwrap()).unwrap().next().is_none());
}

#[test]
fn a_full_file_system_is_an_error_and_not_a_signal() {
    let mount = "mount -t tmpfs -o size=1m none mounted";
    send("a_full_file_system_is_an_error_and_not_a_signal", "small", mount);
}

fn where_there_is_little_room(path: &Path) {
    let large = Blueprint::new(1, 1).section(FIRST_OWN, 4 << 20).unwrap();
    let refusal = CreateError::NoRoom { needed: large.region_len() };
    assert_eq!(Region::create_file(path, &large, Permissions::default()).unwrap_err(), refusal);
    assert!(!path.exists());
    Region::create_file(path, &mortal(), Permissions::default()).unwrap();
}

#[test]
fn where_the_mapping_does_not_keep_the_locks_the_descriptor_does() {
    let mount = "mkdir below && mount -t tmpfs none below && mkdir below/lower below/upper below/work \
        && mount -t overlay -o lowerdir=below/lower,upperdir=below/upper,workdir=below/work none mounted";
    send("where_the_mapping_does_not_keep_the_locks_the_descriptor_does", "overlay", mount);
}

fn on_top_of_another(path: &Path) {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let region = Arc::new(Region::create_file(path, &lasting(), Permissions::default()).unwrap());
    let participant = region.participant().unwrap();
    let before = descriptors();
    let claim = region.claim(1).unwrap();
    let kept = descriptors() - before;
    party::answer(&format!("a role takes {kept} descriptors"));
    assert!(kept <= 1);
    let second = Arc::new(open(path).unwrap());
    assert!(second.claim(1).is_err());
    assert_eq!(second.standing(participant.owner()), Ok(Standing::Alive));
    drop(claim);
    assert_eq!(second.is_claimed(1), Ok(false));
    second.claim(1).unwrap();
    drop((participant, region, second));
    unlink_file(path).unwrap();
}
