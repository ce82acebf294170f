//! What becomes of a file when its parties end, when the machine does, and when somebody cuts, copies or moves it.

use crate::party::bytes::{crc32, get, put};
use crate::party::{self, Directory, Party};
use crate::{create, lasting, mortal, open, open_as};
use ringway_shm::layout::FIRST_OWN;
use ringway_shm::{
    Access, CreateError, Location, OpenError, Owner, Permissions, Region, Rejected, Standing, unlink_file,
};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

const AFTER_REBOOT: Access =
    Access { read_only: false, foreign_owner: false, wait: std::time::Duration::ZERO, after_reboot: true };

/// Another party, that opens or creates the file and then does as its deed says.
#[test]
fn errand() {
    let Some(errand) = party::errand() else { return };
    let [deed, lifetime, path] = errand.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{errand}") };
    let blueprint = if lifetime == "lasting" { lasting() } else { mortal() };
    let region = Region::open_or_create_file(path, &blueprint, Permissions::default()).unwrap();
    let region = Arc::new(region);
    let claim = region.claim(3).unwrap();
    party::answer(&claim.owner().to_bits().to_string());
    party::answer(&String::from_utf8_lossy(&get(&region, FIRST_OWN, 4000, 5)));
    if deed == "write" {
        put(&region, FIRST_OWN, 4000, b"words");
    }
    party::answer("done");
    party::stay();
    if deed == "touch" {
        get(&region, FIRST_OWN, 4096, 1);
        party::answer("survived");
    }
    drop(claim);
}

/// Another party and the owner that it is, when it has done its deed.
fn other(deed: &str, lifetime: &str, path: &Path, finds: &str) -> (Party, Owner) {
    let mut party =
        Party::start(party::command("kept::errand", &format!("{deed} {lifetime} {}", path.display())));
    let owner = Owner::from_bits(party.hear().parse().unwrap()).unwrap();
    assert_eq!(party.hear(), finds);
    assert_eq!(party.hear(), "done");
    (party, owner)
}

#[test]
fn the_content_outlives_every_party_and_the_roles_are_free() {
    let directory = Directory::on_disk("restart");
    let path = directory.path();
    let (mut killed, dead) = other("write", "lasting", &path, "\0\0\0\0\0");
    killed.kill();
    assert_eq!(directory.files(), ["region"]);
    // The errand claims the role that the dead had.
    let (left, gone) = other("look", "lasting", &path, "words");
    assert!(left.finish());
    let region = Arc::new(open(&path).unwrap());
    assert_eq!(get(&region, FIRST_OWN, 4000, 5), b"words");
    for owner in [dead, gone] {
        assert_eq!(region.standing(owner), Ok(Standing::Gone));
    }
    assert_eq!(region.is_claimed(3), Ok(false));
    region.claim(3).unwrap();
    unlink_file(&path).unwrap();
    drop(region);
    assert!(directory.files().is_empty());
}

#[test]
fn a_mortal_file_goes_with_its_last_party_and_a_dead_ones_is_a_leftover() {
    let directory = Directory::on_disk("mortal");
    let path = directory.path();
    let (left, _) = other("write", "mortal", &path, "\0\0\0\0\0");
    assert!(left.finish());
    assert!(directory.files().is_empty());

    for round in 0..3 {
        let (mut killed, _) = other("write", "mortal", &path, "\0\0\0\0\0");
        killed.kill();
        assert_eq!(directory.files(), ["region"]);
        match round {
            // Opened it is not there any more, and created anew it is another one.
            0 => assert_eq!(open(&path).unwrap_err(), OpenError::NotFound { location: at(&path) }),
            1 => drop(create(&path, &mortal())),
            _ => assert!(other("look", "mortal", &path, "\0\0\0\0\0").0.finish()),
        }
        assert!(directory.files().is_empty(), "round {round}");
    }
}

fn at(path: &Path) -> Location {
    Location::File(path.to_owned())
}

#[test]
fn one_party_that_stays_keeps_a_mortal_file() {
    let directory = Directory::on_disk("stays");
    let path = directory.path();
    let region = create(&path, &mortal());
    let (mut killed, _) = other("write", "mortal", &path, "\0\0\0\0\0");
    killed.kill();
    let (left, _) = other("look", "mortal", &path, "words");
    assert!(left.finish());
    assert_eq!(region.location(), Some(&at(&path)));
    assert_eq!(region.name(), None);
    let exists = Region::create_file(&path, &mortal(), Permissions::default()).unwrap_err();
    assert_eq!(exists, CreateError::Exists { location: at(&path) });
    drop(region);
    assert!(directory.files().is_empty());
}

fn file(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

#[test]
fn a_file_cut_short_or_grown_is_refused_at_open() {
    let directory = Directory::on_disk("cut");
    let path = directory.path();
    drop(create(&path, &lasting()));
    let expected = lasting().region_len();
    for found in [expected - 4096, expected + 4096, expected - 1, expected + 1, 4096, 512] {
        file(&path).set_len(found).unwrap();
        let refusal = OpenError::Rejected(Rejected::Length { found, expected });
        assert_eq!(open(&path).unwrap_err(), refusal);
        assert_eq!(open_as(&path, AFTER_REBOOT).unwrap_err(), refusal);
    }
    file(&path).set_len(100).unwrap();
    let refusal = OpenError::Rejected(Rejected::Length { found: 100, expected: 512 });
    assert_eq!(open(&path).unwrap_err(), refusal);
    // What begins as a region does is still one to take away.
    unlink_file(&path).unwrap();
    assert!(directory.files().is_empty());
}

#[test]
fn who_touches_what_was_cut_off_ends_by_a_signal() {
    let directory = Directory::on_disk("signal");
    let path = directory.path();
    let (touching, _) = other("touch", "lasting", &path, "\0\0\0\0\0");
    file(&path).set_len(lasting().region_len() - 4096).unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&touching.finished());
    assert_eq!(signal, Some(rustix::process::Signal::BUS.as_raw()));
    // What it held is free, and the file is refused until it is as long as it was.
    assert!(matches!(open(&path).unwrap_err(), OpenError::Rejected(Rejected::Length { .. })));
    file(&path).set_len(lasting().region_len()).unwrap();
    assert_eq!(open(&path).unwrap().is_claimed(3), Ok(false));
}

/// Makes the region look as if it had been created before the last boot.
fn reboot(path: &Path) {
    let file = file(path);
    let mut superblock = [0; 512];
    file.read_exact_at(&mut superblock, 0).unwrap();
    superblock[0x40..0x50].copy_from_slice(&[7; 16]);
    let checksum = crc32(&superblock[..508]);
    superblock[508..].copy_from_slice(&checksum.to_le_bytes());
    file.write_all_at(&superblock, 0).unwrap();
}

#[test]
fn a_file_from_before_a_reboot_is_refused_unless_it_is_wanted() {
    let directory = Directory::on_disk("boot");
    let path = directory.path();
    let region = create(&path, &lasting());
    put(&region, FIRST_OWN, 0, b"kept");
    drop(region);
    reboot(&path);
    let refusal = OpenError::Rejected(Rejected::OtherBoot);
    assert_eq!(open(&path).unwrap_err(), refusal);
    let refused = Region::open_or_create_file(&path, &lasting(), Permissions::default()).unwrap_err();
    assert_eq!(refused, CreateError::Open(Box::new(refusal)));
    for read_only in [false, true] {
        let region = open_as(&path, Access { read_only, ..AFTER_REBOOT }).unwrap();
        assert_eq!(get(&region, FIRST_OWN, 0, 4), b"kept");
    }
    // Who wants it gets it checked all the same.
    file(&path).write_all_at(&[1], 0x190).unwrap();
    assert!(matches!(
        open_as(&path, AFTER_REBOOT).unwrap_err(),
        OpenError::Rejected(Rejected::Checksum { .. })
    ));
}

#[test]
fn a_mortal_file_from_before_a_reboot_is_a_leftover() {
    let directory = Directory::on_disk("boot");
    let path = directory.path();
    let kept = std::mem::ManuallyDrop::new(create(&path, &mortal()));
    // Somebody has it still, so it is none, whatever its boot says.
    reboot(&path);
    assert_eq!(open(&path).unwrap_err(), OpenError::Rejected(Rejected::OtherBoot));
    let copy = std::fs::read(&path).unwrap();
    drop(std::mem::ManuallyDrop::into_inner(kept));
    assert!(directory.files().is_empty());

    std::fs::write(&path, &copy).unwrap();
    assert_eq!(open_as(&path, AFTER_REBOOT).unwrap_err(), OpenError::NotFound { location: at(&path) });
    assert!(directory.files().is_empty());
    std::fs::write(&path, &copy).unwrap();
    let region = Region::open_or_create_file(&path, &mortal(), Permissions::default()).unwrap();
    assert_ne!(region.geometry().identity, copy[0x30..0x40]);
}

#[test]
fn a_region_with_a_name_is_not_from_before_a_reboot_whoever_wants_it() {
    let tidy = party::Tidy::new("boot");
    drop(Region::create(tidy.name(), &lasting(), Permissions::default()).unwrap());
    reboot(&tidy.0.path());
    let refused = Region::open(tidy.name(), &lasting().expected(), AFTER_REBOOT).unwrap_err();
    assert_eq!(refused, OpenError::Rejected(Rejected::OtherBoot));
}

#[test]
fn whoever_the_kernel_did_not_see_die_is_gone_all_the_same() {
    // A copy of a file in use is what a power failure leaves: life words that nobody will ever mark.
    let directory = Directory::on_disk("copy");
    let (path, copy) = (directory.path(), directory.0.join("copy"));
    let (user, owner) = other("write", "lasting", &path, "\0\0\0\0\0");
    std::fs::copy(&path, &copy).unwrap();
    let reading = Access { read_only: true, ..Access::default() };
    assert_eq!(open_as(&copy, reading).unwrap().standing(owner), Ok(Standing::Gone));
    assert_eq!(open_as(&path, reading).unwrap().standing(owner), Ok(Standing::Alive));
    let (first, second) = (open(&path).unwrap(), open(&copy).unwrap());
    assert_eq!(first.geometry().identity, second.geometry().identity);
    assert_eq!(first.standing(owner), Ok(Standing::Alive));
    assert_eq!(second.standing(owner), Ok(Standing::Gone));
    assert_eq!((first.is_claimed(3), second.is_claimed(3)), (Ok(true), Ok(false)));
    // Two files, whatever they have in common.
    put(&second, FIRST_OWN, 4000, b"other");
    assert_eq!(get(&first, FIRST_OWN, 4000, 5), b"words");
    drop(second);
    let second = open(&copy).unwrap();
    assert_eq!(get(&second, FIRST_OWN, 4000, 5), b"other");
    assert!(user.finish());
}

#[test]
fn a_file_that_was_moved_is_left_where_it_is() {
    let directory = Directory::on_disk("moved");
    let (path, elsewhere) = (directory.path(), directory.0.join("elsewhere"));
    let region = create(&path, &mortal());
    std::fs::rename(&path, &elsewhere).unwrap();
    let successor = create(&path, &mortal());
    drop(region);
    let mut files = directory.files();
    files.sort();
    assert_eq!(files, ["elsewhere", "region"]);
    assert_eq!(open(&path).unwrap().geometry(), successor.geometry());
    // Where it is now nobody has it, so there it is a leftover.
    assert!(matches!(open(&elsewhere).unwrap_err(), OpenError::NotFound { .. }));
    assert_eq!(directory.files(), ["region"]);
}
