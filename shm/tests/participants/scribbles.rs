//! A peer that writes what it likes over every shared byte spoils the news, and nothing else.

use crate::mutex::SharedMutex;
use crate::party::bytes::put;
use crate::party::{Numbers, Party, Tidy, answer};
use crate::scene::{ROLE, Scene, listen, open, sent, take_role};
use ringway_shm::primitive::{AtomicU32, Ordering};
use ringway_shm::{Name, Owner, Region, layout};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread::JoinHandle;

/// How many threads lock and unlock, and how many mutexes they have for it.
const LOCKERS: usize = 4;
const MUTEXES: usize = 3;

/// Takes the role in a region that is scribbled over, and uses mutexes in another that is not.
#[test]
fn errand() {
    let Some((how, region)) = sent() else { return };
    let locks = open(&Name::new(&how).unwrap());
    let mutexes: Vec<_> = (0..MUTEXES).map(|number| SharedMutex::at(&locks, number)).collect();
    let claim = take_role(&region);
    let stop = Arc::new(AtomicU32::new(0));
    let mut threads: Vec<JoinHandle<()>> = (0..LOCKERS)
        .map(|thread| {
            let (stop, mutexes) = (Arc::clone(&stop), mutexes.clone());
            // One is for whoever is told to hold it.
            std::thread::spawn(move || lock_and_unlock(&mutexes[1..], thread, &stop))
        })
        .collect();
    let (there, stopped, owner) = (Arc::clone(&region), Arc::clone(&stop), claim.owner());
    threads.push(std::thread::spawn(move || use_everything(&there, owner, &stopped)));
    let mut held = Some((claim, region));
    while let Some(line) = listen() {
        match &*line {
            "hold" => {
                let mutex = mutexes[0].clone();
                let thread = std::thread::spawn(move || {
                    answer(&mutex.lock().to_string());
                    std::thread::sleep(10 * crate::party::DEADLINE);
                });
                drop(thread);
            }
            "drop" => {
                stop.store(1, Ordering::Relaxed);
                let panics = threads.drain(..).filter_map(|thread| thread.join().err()).count();
                drop(held.take());
                answer(&format!("{panics} panics"));
            }
            other => panic!("{other}"),
        }
    }
}

fn lock_and_unlock(mutexes: &[SharedMutex], thread: usize, stop: &AtomicU32) {
    let mut turn = thread;
    while stop.load(Ordering::Relaxed) == 0 {
        let mutex = &mutexes[turn % mutexes.len()];
        assert_eq!(mutex.lock(), 0);
        assert_eq!(mutex.unlock(), 0);
        turn += 1;
    }
}

/// Whatever the rows say, every verb answers something.
fn use_everything(region: &Arc<Region>, owner: Owner, stop: &AtomicU32) {
    while stop.load(Ordering::Relaxed) == 0 {
        let _ = (region.standing(owner), region.is_gone(owner), region.life(owner), region.last_core(owner));
        let _ = region.participants();
        let thread = region.thread_participant();
        thread.unwrap().runs_on(3);
        drop(region.claim(ROLE + 1));
    }
}

/// A scene whose region is scribbled over while a party uses it, and the party's mutexes.
fn scribbled(test: &str) -> (Scene, Scene, Party, Owner) {
    let (scene, locks) = (Scene::new("scribbled"), Scene::new("locks"));
    (0..MUTEXES).for_each(|number| SharedMutex::at(&locks.region, number).make());
    let (party, owner) = scene.send_holder("scribbles::errand", locks.tidy.0.text());
    scene.lives(owner);
    scribble(&scene.tidy, test);
    (scene, locks, party, owner)
}

/// Writes over every byte of a region, the superblock's too.
fn scribble(tidy: &Tidy, test: &str) {
    let file = std::fs::File::options().write(true).open(tidy.0.path()).unwrap();
    let mut numbers = Numbers::seeded(test);
    let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
    for _ in 0..400 {
        numbers.fill(&mut bytes);
        file.write_all_at(&bytes, 0).unwrap();
    }
}

#[test]
fn the_mutexes_of_a_victim_are_handed_on_when_it_dies() {
    let test = "the_mutexes_of_a_victim_are_handed_on_when_it_dies";
    let (scene, locks, mut party, owner) = scribbled(test);
    assert_eq!(party.ask("hold"), "0");
    assert_eq!(scene.region.is_claimed(ROLE), Ok(true));
    scribble(&scene.tidy, test);
    party.kill();
    assert_eq!(SharedMutex::at(&locks.region, 0).lock(), rustix::io::Errno::OWNERDEAD.raw_os_error());
    // The role was no shared byte.
    scene.role_is_free(owner);
    // Nor is the right to a row.
    scene.all_rows_are_free();
}

#[test]
fn a_victim_uses_and_drops_everything() {
    let (scene, locks, mut party, owner) = scribbled("a_victim_uses_and_drops_everything");
    assert_eq!(party.ask("drop"), "0 panics");
    scene.role_is_free(owner);
    for number in 0..MUTEXES {
        let mutex = SharedMutex::at(&locks.region, number);
        assert_eq!((mutex.lock(), mutex.unlock()), (0, 0));
    }
    assert!(party.finish());
}

#[test]
fn whatever_a_row_says_something_is_answered() {
    let scene = Scene::with_rows("random", 2);
    let region = &scene.region;
    let me = region.participant().unwrap();
    let mut numbers = Numbers::seeded("whatever_a_row_says_something_is_answered");
    let mut bytes = [0; 2 * 128];
    for round in 0..100_000_u32 {
        numbers.fill(&mut bytes);
        // Some words of it are such as there are.
        if round % 2 == 0 {
            bytes[..4].copy_from_slice(&(round / 2 % 4).to_le_bytes());
            bytes[4..8].copy_from_slice(&me.owner().generation().to_le_bytes());
        }
        if round % 5 == 0 {
            bytes[8..12].copy_from_slice(&[0; 4]);
        }
        put(region, layout::ROWS, 0, &bytes);
        let bits = [me.owner().to_bits(), numbers.below(u64::MAX), u64::from(round), 1, 2, 3];
        for owner in bits.into_iter().filter_map(Owner::from_bits) {
            region.standing(owner).unwrap();
            region.is_gone(owner).unwrap();
            let _ = (region.life(owner), region.last_core(owner));
        }
        if round % 16 == 0 {
            assert!(region.participants().unwrap().len() <= 2);
            drop(region.thread_participant());
        }
    }
    drop(me);
    region.participant().unwrap();
}
