//! Rings in files: what is in them outlives every party.

#![deny(unsafe_code)]

mod fixture;

use fixture::config;
use ringway::slots::{self, Latency};
use ringway::{Access, AttachError, CreateError, Lifetime, OpenError, RecvError, SendError, bytes};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A directory of this test's own, removed with what is in it.
struct Directory(PathBuf);

impl Directory {
    fn new(label: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringway-files-{label}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("ring")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn records_go_through_a_file() {
    let directory = Directory::new("records");
    let mut tx = bytes::Producer::create_file(directory.file(), &config(4096)).unwrap();
    let mut rx = bytes::Consumer::open_file(directory.file(), Access::default()).unwrap();
    tx.send(b"one").unwrap();
    assert_eq!(rx.recv_vec().unwrap(), b"one");
    let again = bytes::Consumer::open_file(directory.file(), Access::default());
    assert!(matches!(again, Err(OpenError::Attach(AttachError::ConsumerTaken))));
    let again = bytes::Producer::create_file(directory.file(), &config(4096));
    assert!(matches!(again, Err(CreateError::Region(ringway::shm::CreateError::Exists { .. }))));
    drop((tx, rx));
    assert!(!directory.file().exists(), "a ring goes with its last party, unless it is to stay");
}

/// What a ring that is to stay holds when everybody has left, for the next ones.
fn stays<R>(label: &str, fill: impl FnOnce(&Path), take: impl FnOnce(&Path) -> R) -> R {
    let directory = Directory::new(label);
    fill(&directory.file());
    assert!(directory.file().exists());
    let taken = take(&directory.file());
    ringway::shm::unlink_file(directory.file()).unwrap();
    taken
}

#[test]
fn what_everybody_left_in_a_file_is_there_for_the_next() {
    let config = config(4096).lifetime(Lifetime::UntilUnlinked);
    stays(
        "records-stay",
        |path| {
            let mut tx = bytes::Producer::open_or_create_file(path, &config).unwrap();
            (0..9u8).for_each(|number| tx.send(&[number]).unwrap());
        },
        |path| {
            let mut rx = bytes::Consumer::open_or_create_file(path, &config).unwrap();
            (0..9u8).for_each(|number| assert_eq!(rx.recv_vec().unwrap(), [number]));
            assert_eq!(rx.recv_vec(), Err(RecvError::Closed));
            let mut tx = bytes::Producer::open_file(path, Access::default()).unwrap();
            tx.send(b"more").unwrap();
            assert_eq!(rx.recv_vec().unwrap(), b"more");
        },
    );
}

#[test]
fn slots_of_either_layout_stay_in_a_file() {
    let config = fixture::config(8).lifetime(Lifetime::UntilUnlinked);
    stays(
        "slots-stay",
        |path| {
            let mut tx = slots::Producer::<u64>::create_file(path, &config).unwrap();
            (0..8).for_each(|number| tx.send(&number).unwrap());
            let full = tx.send_timeout(&8, Duration::from_millis(1));
            assert_eq!(full, Err(SendError::TimedOut));
        },
        |path| {
            let wrong = slots::Consumer::<u64, Latency>::open_file(path, Access::default());
            assert!(matches!(wrong, Err(OpenError::Region(_))));
            let mut rx = slots::Consumer::<u64>::open_file(path, Access::default()).unwrap();
            (0..8).for_each(|number| assert_eq!(rx.recv(), Ok(number)));
        },
    );
    stays(
        "latency-stays",
        |path| {
            let mut tx = slots::Producer::<u64, Latency>::create_file(path, &config).unwrap();
            (0..8).for_each(|number| tx.send(&number).unwrap());
        },
        |path| {
            let mut rx = slots::Consumer::<u64, Latency>::open_file(path, Access::default()).unwrap();
            (0..8).for_each(|number| assert_eq!(rx.recv(), Ok(number)));
            assert_eq!(rx.recv(), Err(RecvError::Closed));
        },
    );
}
