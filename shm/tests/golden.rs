//! Golden bytes pin the layout: a superblock byte by byte, its checksum computed a second way, and zero behind it.

#![deny(unsafe_code)]

mod party;

use party::bytes::crc32;
use ringway_shm::{Blueprint, Lifetime, Name, Permissions, Region, layout};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

/// What differs from region to region: identity and boot id, then the moment, the user and the process, then the
/// checksum.
const VARYING: [std::ops::Range<usize>; 3] = [0x30..0x50, 0x70..0x80, 0x1fc..0x200];

/// The first 512 bytes of [`blueprint`]'s region, the varying ones zero, 32 to a line.
const GOLDEN: &str = "
52494e4757415900040302010100000000000000000000000000000000000000
0000000000000000007000000000000000000000000000000000000000000000
00000000000000000000000000000000646e696b020100000100000021000000
000102030405060708090a0b0c0d0e0f00000000000000000000000000000000
0100000000000000030200000000000003000000000000000400000000000000
050000000000000006000000000000000700000000000000ffffffffffffffff
0300000000000000010000000000000000100000000000000020000000000000
100000000000000000300000000000000010000000000000ffff000000000000
0040000000000000003000000000000000000000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000
";

/// One of everything: a type, parameters, rows that do not fill their page, two sections.
fn blueprint() -> Blueprint {
    let blueprint =
        Blueprint::new(0x6b69_6e64, 0x0102).fingerprint(0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100);
    let blueprint = blueprint.parameters([1, 0x0203, 3, 4, 5, 6, 7, u64::MAX]).rows(33).unwrap();
    blueprint.section(16, 1).unwrap().section(0xffff, 3 * layout::PAGE).unwrap()
}

fn bytes(region: &Region) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(region.geometry().region_len).unwrap()];
    let file = File::from(region.as_fd().try_clone_to_owned().unwrap());
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn masked(bytes: &[u8]) -> String {
    let mut superblock = bytes[..512].to_vec();
    VARYING.into_iter().for_each(|range| superblock[range].fill(0));
    let line = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    superblock.chunks(32).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_superblock_is_these_bytes() {
    let region = Region::anonymous(&blueprint()).unwrap();
    let found = masked(&bytes(&region));
    assert_eq!(found, GOLDEN.trim(), "found:\n{found}\n");
}

#[test]
fn the_varying_fields_lie_where_they_are_said_to() {
    let region = Region::anonymous(&blueprint()).unwrap();
    let (bytes, geometry) = (bytes(&region), region.geometry());
    assert_eq!(bytes[0x30..0x40], geometry.identity);
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let found: String = bytes[0x40..0x50].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, boot.trim().replace('-', ""));
    assert_eq!(bytes[0x70..0x78], geometry.created_ns.to_le_bytes());
    assert_eq!(bytes[0x78..0x7c], rustix::process::geteuid().as_raw().to_le_bytes());
    assert_eq!(bytes[0x7c..0x80], std::process::id().to_le_bytes());
}

#[test]
fn the_checksum_is_the_crc_of_all_bytes_before_it() {
    // The check value of this CRC in every catalogue.
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    let bytes = bytes(&Region::anonymous(&blueprint()).unwrap());
    assert_eq!(bytes[0x1fc..0x200], crc32(&bytes[..0x1fc]).to_le_bytes());
}

#[test]
fn everything_behind_the_superblock_is_zero_at_birth() {
    let region = Region::anonymous(&blueprint()).unwrap();
    assert!(bytes(&region)[512..].iter().all(|&byte| byte == 0));
}

#[test]
fn only_the_lifetime_word_tells_a_lasting_region() {
    let mortal = masked(&bytes(&Region::anonymous(&blueprint()).unwrap()));
    let lasting = blueprint().lifetime(Lifetime::UntilUnlinked);
    let lasting = masked(&bytes(&Region::anonymous(&lasting).unwrap()));
    // Offset 0x58: line 2 of 32 bytes, byte 24.
    let mut lines: Vec<String> = lasting.lines().map(str::to_owned).collect();
    assert_eq!(&lines[2][48..56], "00000000");
    lines[2].replace_range(48..56, "01000000");
    assert_eq!(lines.join("\n"), mortal);
}

#[test]
fn every_backend_writes_the_same_bytes() {
    let golden = masked(&bytes(&Region::anonymous(&blueprint()).unwrap()));
    let tidy = party::Tidy::new("golden");
    let named = Region::create(tidy.name(), &blueprint(), Permissions::default()).unwrap();
    assert_eq!(masked(&bytes(&named)), golden);
    let directory = party::Directory::on_disk("golden");
    let file = Region::create_file(directory.path(), &blueprint(), Permissions::default()).unwrap();
    assert_eq!(masked(&bytes(&file)), golden);

    let len = usize::try_from(blueprint().region_len()).unwrap();
    let id = format!("adopted-{}", party::fresh_name("golden").text());
    let segment = ringway_shm::shared_memory::ShmemConf::new().os_id(id).size(len).create().unwrap();
    let adopted = Region::adopt(segment, &blueprint(), std::time::Duration::ZERO).unwrap();
    assert_eq!(masked(&bytes(&adopted)), golden);
    let bytes = bytes(&adopted);
    assert_eq!(bytes[0x1fc..0x200], crc32(&bytes[..0x1fc]).to_le_bytes());
    assert!(bytes[512..].iter().all(|&byte| byte == 0));
}

#[test]
fn names_lie_where_they_are_said_to() {
    let user = rustix::process::geteuid().as_raw();
    let path = |name: Name| name.path().to_str().unwrap().to_owned();
    assert_eq!(path(Name::new("quotes").unwrap()), format!("/dev/shm/ringway-{user}-quotes"));
    assert_eq!(path(Name::of_user("quotes", 7).unwrap()), "/dev/shm/ringway-7-quotes");
    assert_eq!(path(Name::machine("quotes").unwrap()), "/dev/shm/ringway-machine-quotes");
}

#[test]
fn sections_follow_one_another_to_the_end() {
    let region = Region::anonymous(&blueprint()).unwrap();
    let place = |content| region.geometry().section(content).map(|found| (found.offset, found.len)).unwrap();
    assert_eq!(place(layout::ROWS), (0x1000, 0x2000));
    assert_eq!(place(16), (0x3000, 0x1000));
    assert_eq!(place(0xffff), (0x4000, 0x3000));
    assert_eq!(region.geometry().region_len, 0x7000);
}
