//! What may stand under a name and is no region.

use crate::party::bytes::crc32;
use crate::party::{DEADLINE, Tidy, sweeping, unique};
use crate::{blueprint, create, open, open_or_create, open_reading};
use ringway_shm::{
    CreateError, Name, OpenError, Permissions, Region, Rejected, list, remove_leftovers, unlink,
};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, symlink};
use std::time::Instant;

/// No verb takes it for a region, waits for it, or harms it.
fn refused(tidy: &Tidy, fits: impl Fn(&OpenError) -> bool) {
    let start = Instant::now();
    let name = &tidy.0;
    for error in [open(name).unwrap_err(), open_reading(name).unwrap_err()] {
        assert!(fits(&error), "{error:?}");
    }
    match open_or_create(name).unwrap_err() {
        CreateError::Open(error) => assert!(fits(&error), "{error:?}"),
        other => panic!("{other:?}"),
    }
    let exists = CreateError::Exists { location: name.clone().into() };
    assert_eq!(Region::create(name.clone(), &blueprint(), Permissions::default()).unwrap_err(), exists);
    let entry = list().unwrap().into_iter().find(|entry| entry.name == *name).unwrap();
    assert!(entry.geometry.as_ref().is_err_and(&fits), "{entry:?}");
    let sweeping = sweeping();
    assert!(!remove_leftovers().unwrap().contains(name));
    drop(sweeping);
    assert!(tidy.is_there(), "it was removed");
    assert!(start.elapsed() < DEADLINE / 10, "{:?}", start.elapsed());
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let (target, link) = (Tidy::new("target"), Tidy::new("link"));
    let region = create(target.name());
    symlink(target.0.path(), link.0.path()).unwrap();
    refused(&link, |error| *error == OpenError::NotAFile);
    assert_eq!(unlink(&link.0), Err(OpenError::NotAFile));
    assert_eq!(open(&target.0).unwrap().geometry(), region.geometry());

    let dangling = Tidy::new("dangling");
    symlink("/nowhere/at/all", dangling.0.path()).unwrap();
    refused(&dangling, |error| *error == OpenError::NotAFile);
}

#[test]
fn a_directory_is_no_region() {
    let tidy = Tidy::new("directory");
    std::fs::create_dir(tidy.0.path()).unwrap();
    refused(&tidy, |error| *error == OpenError::NotAFile);
    assert_eq!(unlink(&tidy.0), Err(OpenError::NotAFile));
    assert!(tidy.is_there());
}

#[test]
fn a_pipe_is_no_region_and_is_not_waited_for() {
    let tidy = Tidy::new("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, tidy.0.path(), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    refused(&tidy, |error| *error == OpenError::NotAFile);
}

/// A file under a name, with these bytes.
fn file(label: &str, bytes: &[u8]) -> Tidy {
    let tidy = Tidy::new(label);
    std::fs::write(tidy.0.path(), bytes).unwrap();
    tidy
}

#[test]
fn a_file_too_short_for_a_superblock_says_how_long_it_is() {
    for len in [0, 1, 8, 511] {
        let tidy = file("short", &b"RINGWAY\0".repeat(64)[..len]);
        let found = len as u64;
        refused(&tidy, |error| *error == OpenError::Rejected(Rejected::Length { found, expected: 512 }));
        unlink(&tidy.0).unwrap();
        assert!(!tidy.is_there());
    }
}

#[test]
fn random_bytes_are_no_region() {
    let mut noise = vec![0_u8; 8192];
    for (at, chunk) in noise.chunks_mut(4).enumerate() {
        chunk.copy_from_slice(&crc32(&at.to_le_bytes()).to_le_bytes());
    }
    refused(&file("noise", &noise), |error| *error == OpenError::Rejected(Rejected::NotARegion));
    refused(&file("zeros", &[0; 8192]), |error| *error == OpenError::Rejected(Rejected::NotARegion));
}

/// A region at rest under its name, and its file.
fn at_rest(label: &str) -> (Tidy, File) {
    let tidy = Tidy::new(label);
    drop(create(tidy.name()));
    let file = OpenOptions::new().read(true).write(true).open(tidy.0.path()).unwrap();
    (tidy, file)
}

#[test]
fn a_region_cut_short_or_grown_is_refused() {
    let (tidy, file) = at_rest("cut");
    let expected = blueprint().region_len();
    for found in [expected - 4096, expected + 4096, expected - 1, expected + 1, 4096, 512] {
        file.set_len(found).unwrap();
        refused(&tidy, |error| *error == OpenError::Rejected(Rejected::Length { found, expected }));
    }
    file.set_len(expected).unwrap();
    open(&tidy.0).unwrap();
}

#[test]
fn a_live_region_cut_short_is_refused_to_the_next_one() {
    let tidy = Tidy::new("live");
    let region = create(tidy.name());
    let file = OpenOptions::new().write(true).open(tidy.0.path()).unwrap();
    let expected = region.geometry().region_len;
    let found = expected - 4096;
    file.set_len(found).unwrap();
    refused(&tidy, |error| *error == OpenError::Rejected(Rejected::Length { found, expected }));
}

#[test]
fn a_changed_byte_anywhere_in_the_superblock_is_refused() {
    let live = Tidy::new("flipped");
    let region = create(live.name());
    let live_file = OpenOptions::new().read(true).write(true).open(live.0.path()).unwrap();
    let (rest, rest_file) = at_rest("flipped");
    for (tidy, file) in [(&live, &live_file), (&rest, &rest_file)] {
        for at in 0..512 {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ (1 << (at % 8))], at).unwrap();
            for error in [open(&tidy.0).unwrap_err(), open_reading(&tidy.0).unwrap_err()] {
                assert!(matches!(error, OpenError::Rejected(_)), "byte {at}: {error:?}");
            }
            if at % 64 == 0 {
                refused(tidy, |error| matches!(error, OpenError::Rejected(_)));
            }
            file.write_all_at(&byte, at).unwrap();
        }
        open(&tidy.0).unwrap();
    }
    // Whoever was there before is not concerned: it never reads the superblock again.
    assert_eq!(region.geometry(), open(&live.0).unwrap().geometry());
}

/// Changes the superblock of a region at rest, and makes its checksum right again.
fn forge(file: &File, at: usize, bytes: &[u8]) {
    let mut superblock = [0; 512];
    file.read_exact_at(&mut superblock, 0).unwrap();
    superblock[at..at + bytes.len()].copy_from_slice(bytes);
    let checksum = crc32(&superblock[..508]);
    superblock[508..].copy_from_slice(&checksum.to_le_bytes());
    file.write_all_at(&superblock, 0).unwrap();
}

#[test]
fn a_region_from_before_a_reboot_is_refused_and_kept() {
    let (tidy, file) = at_rest("boot");
    forge(&file, 0x40, &unique().to_le_bytes());
    refused(&tidy, |error| *error == OpenError::Rejected(Rejected::OtherBoot));
    unlink(&tidy.0).unwrap();
    drop(open_or_create(&tidy.0).unwrap());
}

#[test]
fn a_forged_superblock_with_a_right_checksum_is_refused_by_what_is_wrong() {
    type Fits = fn(&OpenError) -> bool;
    let forgeries: [(&str, usize, &[u8], Fits); 12] = [
        ("magic", 0, b"r", |e| *e == OpenError::Rejected(Rejected::NotARegion)),
        ("version", 0x0c, &[2], |e| *e == OpenError::Rejected(Rejected::Version { found: 2, expected: 1 })),
        ("byte order", 0x08, &[1, 2, 3, 4], |e| *e == OpenError::Rejected(Rejected::ByteOrder)),
        ("incompatible", 0x10, &[4], |e| *e == OpenError::Rejected(Rejected::Features { unknown: 4 })),
        ("region_len", 0x2a, &[0xff], |e| matches!(e, OpenError::Rejected(Rejected::Length { .. }))),
        ("lifetime", 0x58, &[2], |e| *e == OpenError::Rejected(Rejected::Geometry)),
        ("rows", 0x5c, &[0, 0, 0, 0x80], |e| *e == OpenError::Rejected(Rejected::Geometry)),
        ("section_count", 0xc0, &[8], |e| *e == OpenError::Rejected(Rejected::Geometry)),
        ("section offset", 0xc8 + 8 + 7, &[0x80], |e| *e == OpenError::Rejected(Rejected::Geometry)),
        ("section length", 0xc8 + 48 + 16 + 7, &[0xff], |e| *e == OpenError::Rejected(Rejected::Geometry)),
        ("reserved", 0x190, &[1], |e| *e == OpenError::Rejected(Rejected::Geometry)),
        ("kind", 0x50, &[0], |e| matches!(e, OpenError::Rejected(Rejected::Kind { .. }))),
    ];
    for (what, at, bytes, fits) in forgeries {
        let (tidy, file) = at_rest("forged");
        forge(&file, at, bytes);
        let error = open(&tidy.0).unwrap_err();
        assert!(fits(&error), "{what}: {error:?}");
    }
}

#[test]
fn a_feature_that_only_writers_must_know_lets_readers_in() {
    let (tidy, file) = at_rest("features");
    forge(&file, 0x18, &[1]);
    let refusal = OpenError::Rejected(Rejected::Features { unknown: 1 });
    assert_eq!(open(&tidy.0).unwrap_err(), refusal);
    assert!(open_reading(&tidy.0).unwrap().is_read_only());
    // And one that anybody may ignore lets everybody in.
    forge(&file, 0x18, &[0]);
    forge(&file, 0x20, &[0xff; 8]);
    open(&tidy.0).unwrap();
}

#[test]
fn a_region_that_lies_about_its_lifetime_is_not_removed_while_it_is_held() {
    // A last party goes by what it found when it came, not by what the bytes say now.
    let _sweeping = sweeping();
    let tidy = Tidy::new("lifetime");
    let region = create(tidy.name());
    let file = OpenOptions::new().read(true).write(true).open(tidy.0.path()).unwrap();
    forge(&file, 0x58, &[1]);
    assert!(!remove_leftovers().unwrap().contains(&tidy.0));
    drop(region);
    assert!(tidy.is_there());
    // Now it is at rest and says that it should have gone.
    assert!(remove_leftovers().unwrap().contains(&tidy.0));
}

#[test]
fn strangers_in_the_directory_are_neither_listed_nor_touched() {
    let posix = Tidy::new("stranger").0.posix();
    let others = [posix.replace("ringway-", "other-"), posix.replacen("ringway-", "ringway-00", 1)];
    for other in others {
        let path = std::path::Path::new("/dev/shm").join(&other);
        std::fs::write(&path, b"mine").unwrap();
        let listed = list().unwrap().iter().any(|entry| entry.name.posix() == other);
        let sweeping = sweeping();
        let removed = remove_leftovers().unwrap().iter().map(Name::posix).any(|name| name == other);
        drop(sweeping);
        let kept = std::fs::read(&path);
        std::fs::remove_file(&path).unwrap();
        assert!(!listed && !removed, "{other}");
        assert_eq!(kept.unwrap(), b"mine");
    }
}
