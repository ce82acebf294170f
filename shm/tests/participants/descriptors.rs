//! A process whose descriptors are closed under it.

use crate::party::answer;
use crate::scene::{Scene, listen, sent, take_role};
use crate::system;
use ringway_shm::Standing;
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd};

/// Takes the role, and closes all descriptors when told to.
#[test]
fn errand() {
    let Some((_, region)) = sent() else { return };
    let number = region.as_fd().as_raw_fd();
    let claim = take_role(&region);
    let owner = claim.owner();
    let mut held = Some((region, claim));
    while let Some(line) = listen() {
        match (&*line, &held) {
            ("close", _) => {
                system::close_all_descriptors();
                answer(&format!("{:?}", system::file_behind(number)));
            }
            ("ask", Some((region, _))) => {
                let standing = region.standing(owner).unwrap();
                let refused = region.is_gone(owner).unwrap_err().raw_os_error() == Errno::BADF.raw_os_error();
                answer(&format!("{standing:?} {refused}"));
            }
            ("open a stranger", _) => {
                system::open_stranger(number);
                answer(&format!("{}", system::file_behind(number).is_some()));
            }
            ("drop", _) => {
                let before = system::file_behind(number);
                drop(held.take());
                answer(&format!("{}", system::file_behind(number) == before));
            }
            (other, _) => panic!("{other}"),
        }
    }
}

#[test]
fn a_process_without_descriptors_is_alive_and_told_and_proven_gone_when_killed() {
    for stranger in [false, true] {
        let scene = Scene::new("closed");
        let (mut party, owner) = scene.send_holder("descriptors::errand", "hold");
        let watch = scene.watch(owner);
        assert_eq!(party.ask("close"), "None");
        scene.lives(owner);
        assert_eq!(party.ask("ask"), "Alive true");
        if stranger {
            // Another file under the number is not asked for locks.
            assert_eq!(party.ask("open a stranger"), "true");
            assert_eq!(party.ask("ask"), "Alive true");
        }
        scene.lives(owner);
        assert!(watch.is_asleep());
        party.kill();
        scene.is_bereft(owner, watch);
    }
}

#[test]
fn a_process_without_descriptors_leaves_and_closes_nothing_of_a_stranger() {
    for stranger in [true, false] {
        let scene = Scene::new("stranger");
        let (mut party, owner) = scene.send_holder("descriptors::errand", "hold");
        let watch = scene.watch(owner);
        assert_eq!(party.ask("close"), "None");
        if stranger {
            assert_eq!(party.ask("open a stranger"), "true");
        }
        scene.lives(owner);
        assert_eq!(party.ask("drop"), "true");
        watch.hear_of_the_leaving();
        assert_eq!(scene.region.standing(owner), Ok(Standing::Gone));
        scene.is_left_by(owner);
        scene.role_is_free(owner);
        assert!(party.finish());
    }
}
