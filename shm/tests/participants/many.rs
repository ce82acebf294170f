//! More participants of one process than one sentinel can tell of.

use crate::party::{self, answer};
use crate::scene::{DIED, Scene, Watch, open, sent};
use ringway_shm::primitive::Ordering;
use ringway_shm::{Name, Owner};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::collections::HashSet;

/// How many regions. (A table is searched from its start, which takes long where thousands of its rows are taken.)
const REGIONS: usize = 12;
/// How many participants in each.
const EACH: usize = 180;
/// How many in all: more than the kernel looks at in one thread's list.
const PARTICIPANTS: usize = REGIONS * EACH;
const _: () = assert!(PARTICIPANTS > 2048);

/// Takes many rows, through a handle each.
#[test]
fn errand() {
    let Some((how, region)) = sent() else { return };
    let mut names: Vec<_> = how.split(',').map(|name| Name::new(name).unwrap()).collect();
    names.push(region.name().unwrap().clone());
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit });
    if limit.maximum.is_some_and(|maximum| maximum < PARTICIPANTS as u64 + 50) {
        return answer("few descriptors");
    }
    let handles: Vec<_> = names.iter().flat_map(|name| (0..EACH).map(|_| open(name))).collect();
    let participants: Vec<_> = handles.iter().map(|region| region.participant().unwrap()).collect();
    answer(&participants.len().to_string());
    party::stay();
}

#[test]
fn all_of_more_participants_than_one_list_has_entries_are_told_and_proven_gone() {
    let scenes: Vec<_> = (0..REGIONS).map(|_| Scene::with_rows("many", EACH as u32 + 1)).collect();
    let names: Vec<_> = scenes[1..].iter().map(|scene| scene.tidy.0.text()).collect();
    let mut party = scenes[0].send("many::errand", &names.join(","));
    let taken = party.hear();
    if taken == "few descriptors" {
        let test = "all_of_more_participants_than_one_list_has_entries_are_told_and_proven_gone";
        return party::skipped(test, "the limit of open descriptors is too low");
    }
    assert_eq!(taken, PARTICIPANTS.to_string());
    let owners: Vec<(&Scene, Owner)> = scenes
        .iter()
        .flat_map(|scene| scene.region.participants().unwrap().into_iter().map(move |row| (scene, row.owner)))
        .collect();
    assert_eq!(owners.len(), PARTICIPANTS);
    let lives: Vec<_> = owners.iter().map(|(scene, owner)| scene.region.life(*owner).unwrap()).collect();
    assert_eq!(lives.iter().map(|life| life.alive).collect::<HashSet<_>>().len(), 2, "sentinels");
    let sampled = [0, 1, 1000, 2047, 2048, PARTICIPANTS - 1].map(|at| owners[at]);
    let watches = sampled.map(|(scene, owner)| scene.watch(owner));
    party.kill();
    watches.into_iter().for_each(Watch::hear_of_the_death);
    for ((scene, owner), life) in owners.iter().zip(&lives) {
        scene.is_left_by(*owner);
        assert_eq!(life.word.load(Ordering::Acquire) & DIED, DIED, "{owner:?}");
    }
}
