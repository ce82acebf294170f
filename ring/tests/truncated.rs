//! A region that somebody cuts short hides no death in another: the kernel then marks no life word, but the lock is free.

mod fixture;

use fixture::child::{Started, link, may_go_on, say, task};
use fixture::{LIMIT, config, in_time};
use ringway::{Access, RecvError, WaitStrategy, slots};
use std::path::{Path, PathBuf};

/// A directory of this test's own, removed with what is in it.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Takes part in two rings and waits for its death.
fn victim(directory: &Path) {
    let open = |name| slots::Producer::<u64>::open_file(directory.join(name), Access::default()).unwrap();
    // The one that is cut short last, so that the kernel meets it first.
    let _sides = (open("whole"), open("cut"));
    let mut link = link();
    say(&mut link, 1);
    may_go_on(&mut link);
}

fn a_death_is_told(test: &str, strategy: WaitStrategy) {
    if let Some(directory) = task() {
        return victim(Path::new(&directory));
    }
    let directory = std::env::temp_dir().join(format!("ringway-{test}-{}", std::process::id()));
    let directory = Directory(directory);
    std::fs::create_dir(&directory.0).unwrap();
    let create = |name| slots::Consumer::<u64>::create_file(directory.0.join(name), &config(8)).unwrap();
    let (mut whole, cut) = (create("whole"), create("cut"));
    let mut child = Started::new(test, directory.0.to_str().unwrap());
    assert_eq!(child.number(), 1);
    // Nobody of this process may touch it from now on.
    std::mem::forget(cut);
    std::fs::File::options().write(true).open(directory.0.join("cut")).unwrap().set_len(0).unwrap();
    child.kill();
    let told = in_time(move || {
        whole.set_wait_strategy(strategy);
        whole.recv_until(LIMIT)
    });
    assert_eq!(told, Err(RecvError::PeerDead));
}

#[test]
fn a_sleeper_is_told() {
    a_death_is_told("a_sleeper_is_told", WaitStrategy::Sleep);
}

#[test]
fn a_spinner_is_told() {
    a_death_is_told("a_spinner_is_told", WaitStrategy::Spin);
}
