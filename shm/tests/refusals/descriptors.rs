//! What may come over a socket, or stand behind a number, and is no sealed region.

use crate::blueprint;
use crate::party::Tidy;
use ringway_shm::{Blueprint, Expected, OpenError, Region, Rejected};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// How long a socket may be silent before the test has failed.
const PATIENCE: Duration = Duration::from_secs(10);

fn expected() -> Expected {
    blueprint().expected()
}

/// Sends descriptors in one message, as anybody may.
fn send(socket: &UnixStream, descriptors: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    }
    sendmsg(socket, &[IoSlice::new(b"R")], &mut control, SendFlags::empty()).unwrap();
}

/// What a receiver and an heir make of a descriptor.
fn received(descriptor: impl AsFd) -> OpenError {
    let (here, there) = UnixStream::pair().unwrap();
    there.set_read_timeout(Some(PATIENCE)).unwrap();
    send(&here, &[descriptor.as_fd()]);
    let error = Region::receive(&there, &expected()).unwrap_err();
    let number = descriptor.as_fd().as_raw_fd();
    assert_eq!(Region::inherited(number, &expected()).unwrap_err(), error);
    assert_eq!(Region::attach(descriptor.as_fd(), &expected()).unwrap_err(), error);
    error
}

/// A memory file with the bytes of a region, and these seals.
fn copied(seals: SealFlags, change: impl Fn(&mut Vec<u8>)) -> OwnedFd {
    let region = Region::anonymous(&blueprint()).unwrap();
    let mut bytes = vec![0; usize::try_from(region.geometry().region_len).unwrap()];
    File::from(region.as_fd().try_clone_to_owned().unwrap()).read_exact_at(&mut bytes, 0).unwrap();
    change(&mut bytes);
    let file = rustix::fs::memfd_create("copy", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).unwrap();
    File::from(file.try_clone().unwrap()).write_all_at(&bytes, 0).unwrap();
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    file
}

#[test]
fn a_memory_file_that_could_still_shrink_is_refused() {
    for seals in [
        SealFlags::empty(),
        SealFlags::SEAL,
        SealFlags::GROW | SealFlags::SEAL,
        SealFlags::SHRINK | SealFlags::SEAL,
        SealFlags::SHRINK | SealFlags::GROW,
    ] {
        assert_eq!(received(copied(seals, |_| ())), OpenError::NotSealed, "{seals:?}");
    }
    // With all three, a copy is as good as a region.
    Region::attach(copied(SEALS, |_| ()).as_fd(), &expected()).unwrap();
}

#[test]
fn a_sealed_file_with_wrong_bytes_is_refused() {
    let rejected = |change: fn(&mut Vec<u8>)| match received(copied(SEALS, change)) {
        OpenError::Rejected(rejected) => rejected,
        other => panic!("{other:?}"),
    };
    assert!(matches!(rejected(Vec::clear), Rejected::Length { found: 0, expected: 512 }));
    assert!(matches!(rejected(|bytes| bytes.truncate(100)), Rejected::Length { found: 100, .. }));
    assert!(matches!(rejected(|bytes| bytes.truncate(4096)), Rejected::Length { found: 4096, .. }));
    assert!(matches!(rejected(|bytes| bytes.extend([0; 4096])), Rejected::Length { .. }));
    assert!(matches!(rejected(|bytes| bytes.fill(0)), Rejected::NotARegion));
    assert!(matches!(rejected(|bytes| bytes[0x150] ^= 1), Rejected::Checksum { .. }));
    assert!(matches!(
        Region::attach(copied(SEALS, |_| ()).as_fd(), &Blueprint::new(1, 1).expected()),
        Err(OpenError::Rejected(Rejected::Kind { .. }))
    ));
}

#[test]
fn a_sealed_file_that_nobody_may_write_is_refused() {
    // Mapping it for writing is not possible; that is an error of the system, not a signal.
    let error = received(copied(SEALS | SealFlags::WRITE, |_| ()));
    assert!(matches!(error, OpenError::System(_) | OpenError::PermissionDenied), "{error:?}");
}

/// A file on whatever file system the build is on.
fn on_disk() -> (File, std::path::PathBuf) {
    let name = format!("{}-{}", std::process::id(), crate::party::unique());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut file = File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
    file.write_all(&[0; 8192]).unwrap();
    (file, path)
}

#[test]
fn a_file_on_a_disk_is_refused() {
    let (file, path) = on_disk();
    std::fs::remove_file(path).unwrap();
    // Should the build be on a file system in memory, it is at least not sealed.
    assert!(matches!(received(&file), OpenError::NotAFile | OpenError::NotSealed));
}

#[test]
fn what_is_no_file_is_refused() {
    let (socket, _other) = UnixStream::pair().unwrap();
    let pipe = Tidy::new("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, pipe.0.path(), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let pipe = File::options().read(true).write(true).open(pipe.0.path()).unwrap();
    assert_eq!(received(&pipe), OpenError::NotAFile);
    assert_eq!(received(&socket), OpenError::NotAFile);
    assert_eq!(received(File::open("/dev/shm").unwrap()), OpenError::NotAFile);
    assert_eq!(received(File::open("/dev/null").unwrap()), OpenError::NotAFile);
    assert_eq!(received(File::open("/proc/self/stat").unwrap()), OpenError::NotAFile);
}

#[test]
fn a_named_region_does_not_travel() {
    let tidy = Tidy::new("travel");
    let region = crate::create(tidy.name());
    assert_eq!(received(&region), OpenError::NotSealed);
}

#[test]
fn a_number_that_is_no_open_descriptor_is_said_to_be_none() {
    for number in [-1, -100, i32::MAX] {
        assert_eq!(Region::inherited(number, &expected()).unwrap_err(), OpenError::NoDescriptor);
    }
}

#[test]
fn a_message_without_a_descriptor_and_a_closed_socket_are_said() {
    let (here, there) = UnixStream::pair().unwrap();
    send(&here, &[]);
    assert_eq!(Region::receive(&there, &expected()).unwrap_err(), OpenError::NoDescriptor);
    there.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(Region::receive(&there, &expected()).unwrap_err(), OpenError::TimedOut);
    there.set_read_timeout(Some(PATIENCE)).unwrap();
    drop(here);
    assert_eq!(Region::receive(&there, &expected()).unwrap_err(), OpenError::NoDescriptor);
}

#[test]
fn a_receiver_that_is_gone_is_an_error_and_not_a_signal() {
    let (here, there) = UnixStream::pair().unwrap();
    there.shutdown(Shutdown::Both).unwrap();
    assert!(Region::anonymous(&blueprint()).unwrap().send(&here).is_err());
}

#[test]
fn descriptors_that_nobody_asked_for_are_closed() {
    // Each is one end of a socket whose other end tells when it is gone.
    let region = Region::anonymous(&blueprint()).unwrap();
    for extra in 1..8 {
        let (here, there) = UnixStream::pair().unwrap();
        let sockets: Vec<_> = (0..extra).map(|_| UnixStream::pair().unwrap()).collect();
        let mut all = vec![region.as_fd()];
        all.extend(sockets.iter().map(|(sent, _)| sent.as_fd()));
        send(&here, &all);
        let received = Region::receive(&there, &expected()).unwrap();
        assert_eq!(received.geometry(), region.geometry());
        for (sent, mut kept) in sockets {
            drop(sent);
            kept.set_read_timeout(Some(PATIENCE)).unwrap();
            let end = kept.read(&mut [0]).expect("a descriptor stayed open");
            assert_eq!(end, 0, "{extra} descriptors too many");
        }
    }
}

/// Opening a stranger's file may stall, or be seen; it is known for a stranger's before.
#[cfg(feature = "model")]
#[test]
fn a_strangers_file_is_not_even_opened() {
    use ringway_shm::primitive::kernel::Call;
    use ringway_shm::primitive::model::{Hooks, Verdict, install};

    struct Never;
    impl Hooks for Never {
        fn kernel(&self, call: &Call<'_>) -> Verdict {
            assert_ne!(*call, Call::Reopen);
            Verdict::Real
        }
    }

    let (file, path) = on_disk();
    std::fs::remove_file(path).unwrap();
    let unsealed = copied(SealFlags::empty(), |_| ());
    let _installed = install(std::rc::Rc::new(Never));
    assert!(Region::attach(file.as_fd(), &expected()).is_err());
    assert!(Region::attach(unsealed.as_fd(), &expected()).is_err());
}
