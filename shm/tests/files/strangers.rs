//! Files of somebody else's, and paths that lead nowhere a region can be.

use crate::party::{Directory, is_root, skipped};
use crate::{create, lasting, mortal, open, open_as};
use ringway_shm::{Access, CreateError, Location, OpenError, Permissions, Region, Rejected, unlink_file};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::time::Duration;

#[test]
fn a_file_of_somebody_elses_is_neither_opened_nor_taken_away() {
    let directory = Directory::on_disk("stranger");
    let path = directory.path();
    for bytes in [&b""[..], b"RINGWA", b"a letter", &[0; 8192]] {
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(
            open(&path).unwrap_err(),
            OpenError::Rejected(Rejected::Length { .. } | Rejected::NotARegion)
        ));
        let exists = CreateError::Exists { location: Location::File(path.clone()) };
        assert_eq!(Region::create_file(&path, &lasting(), Permissions::default()).unwrap_err(), exists);
        assert!(Region::open_or_create_file(&path, &mortal(), Permissions::default()).is_err());
        assert_eq!(unlink_file(&path), Err(OpenError::Rejected(Rejected::NotARegion)));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn the_last_component_is_not_followed_and_the_others_are() {
    let directory = Directory::on_disk("links");
    let (path, link) = (directory.path(), directory.0.join("link"));
    let region = create(&path, &lasting());
    symlink(&path, &link).unwrap();
    assert_eq!(open(&link).unwrap_err(), OpenError::NotAFile);
    assert_eq!(unlink_file(&link), Err(OpenError::NotAFile));
    let exists = Region::create_file(&link, &lasting(), Permissions::default()).unwrap_err();
    assert_eq!(exists, CreateError::Exists { location: Location::File(link.clone()) });

    let way = directory.0.join("way");
    symlink(&directory.0, &way).unwrap();
    let same = open(&way.join("region")).unwrap();
    assert_eq!(same.geometry(), region.geometry());
}

#[test]
fn what_is_no_plain_file_is_refused() {
    let directory = Directory::on_disk("kinds");
    let path = directory.path();
    create(&path, &lasting());
    assert_eq!(open(&directory.0).unwrap_err(), OpenError::NotAFile);
    assert_eq!(open(&path.join("below")).unwrap_err(), OpenError::NotAFile);
    assert_eq!(open(Path::new("/dev/null")).unwrap_err(), OpenError::NotAFile);
    assert_eq!(unlink_file(&directory.0), Err(OpenError::NotAFile));
    assert_eq!(unlink_file("/dev/null"), Err(OpenError::NotAFile));
    let pipe = directory.0.join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(open(&pipe).unwrap_err(), OpenError::NotAFile);
    for nowhere in ["", "/"] {
        assert!(open(Path::new(nowhere)).is_err());
        assert!(Region::create_file(nowhere, &lasting(), Permissions::default()).is_err());
    }
    let missing = directory.0.join("missing").join("region");
    assert!(matches!(open(&missing).unwrap_err(), OpenError::NotFound { .. }));
    let refused = Region::open_or_create_file(&missing, &lasting(), Permissions::default());
    assert!(matches!(refused.unwrap_err(), CreateError::System(_)));
}

#[test]
fn an_opener_waits_as_long_as_it_says() {
    let directory = Directory::on_disk("wait");
    let path = directory.path();
    let access = Access { wait: Duration::from_millis(10), ..Access::default() };
    assert_eq!(open_as(&path, access).unwrap_err(), OpenError::TimedOut);
    let access = Access { wait: crate::party::DEADLINE, ..Access::default() };
    std::thread::scope(|threads| {
        let waiter = threads.spawn(|| open_as(&path, access).unwrap().geometry().identity);
        let region = create(&path, &lasting());
        assert_eq!(waiter.join().unwrap(), region.geometry().identity);
    });
}

#[test]
fn mode_and_owner_are_as_with_names() {
    let directory = Directory::on_disk("mode");
    let path = directory.path();
    let permissions = Permissions { mode: 0o640, group: None };
    let _region = Region::create_file(&path, &lasting(), permissions).unwrap();
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
    let refused =
        Region::create_file(directory.0.join("other"), &lasting(), Permissions { mode: 0o400, group: None });
    assert_eq!(refused.unwrap_err(), CreateError::Permissions { mode: 0o400, group: None });
    if !is_root() {
        return skipped("mode_and_owner_are_as_with_names", "only root can give files away");
    }
    std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
    assert_eq!(open(&path).unwrap_err(), OpenError::ForeignOwner { owner: 65_534 });
    open_as(&path, Access { foreign_owner: true, ..Access::default() }).unwrap();
}

#[test]
fn a_region_without_a_path_gets_one_when_it_is_wanted() {
    let directory = Directory::on_disk("nameless");
    let path = directory.path();
    drop(Region::nameless_file(&directory.0, &mortal(), Permissions::default()).unwrap());
    let region = Region::nameless_file(&directory.0, &mortal(), Permissions::default()).unwrap();
    assert_eq!(region.location(), None);
    assert!(directory.files().is_empty());
    std::fs::write(&path, b"in the way").unwrap();
    assert!(matches!(region.publish_file(&path).unwrap_err(), CreateError::Exists { .. }));
    std::fs::remove_file(&path).unwrap();
    region.publish_file(&path).unwrap();
    assert_eq!(open(&path).unwrap().geometry(), region.geometry());
    drop(region);
    assert!(directory.files().is_empty());
}
