//! The table of participants: full, handed on, stormed, and read.

#![allow(unsafe_code)] // because a word of the section is a word at an address.

use crate::party::{Numbers, Party, answer, stay, until};
use crate::scene::{Scene, hear_owner, open, say, sent};
use core::ptr::NonNull;
use ringway_shm::primitive::{AtomicU64, Ordering, kernel, spin_hint};
use ringway_shm::{ClaimError, Kind, Owner, Participant, ParticipateError, Region, Standing, layout};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Takes a row and stays, or takes and leaves rows for ever.
#[test]
fn errand() {
    let Some((how, region)) = sent() else { return };
    match &*how {
        "stay" => {
            let row = take_row(&region);
            let word = word_of(&region, row.owner());
            enter(word, row.owner());
            say(row.owner());
            stay();
            leave(word, row.owner());
        }
        "churn" => loop {
            let row = take_row(&region);
            let word = word_of(&region, row.owner());
            enter(word, row.owner());
            leave(word, row.owner());
        },
        other => panic!("{other}"),
    }
}

/// Takes a row. While others come and go, every row may be taken at the moment it is looked at.
fn take_row(region: &Region) -> Arc<Participant> {
    let mut row = None;
    until("a row", || {
        row = region.participant().ok();
        row.is_some()
    });
    row.unwrap()
}

/// The word of a row's owner, in the section.
fn word_of(region: &Region, owner: Owner) -> &AtomicU64 {
    let (start, len) = region.section(layout::FIRST_OWN).unwrap();
    let offset = owner.row() as usize * size_of::<AtomicU64>();
    assert!(offset < len);
    let word: NonNull<AtomicU64> = NonNull::new(start.as_ptr().wrapping_add(offset)).unwrap().cast();
    // SAFETY: an aligned word of the section (asserted), mapped as long as the region; all who use it use it so.
    unsafe { word.as_ref() }
}

/// Whoever had the row last has left the word, or is dead.
fn enter(word: &AtomicU64, owner: Owner) {
    let last = Owner::from_bits(word.swap(owner.to_bits(), Ordering::AcqRel));
    if last.is_some_and(|last| last.row() != owner.row() || last.generation() >= owner.generation()) {
        answer(&format!("{owner:?} came after {last:?}"));
    }
}

/// Nobody came while we had the row.
fn leave(word: &AtomicU64, owner: Owner) {
    let left = word.compare_exchange(owner.to_bits(), 0, Ordering::AcqRel, Ordering::Acquire);
    if let Err(found) = left {
        answer(&format!("{:?} came upon {owner:?}", Owner::from_bits(found)));
    }
}

#[test]
fn a_full_table_is_refused_by_its_own_error() {
    for rows in [1, 2, 31, 33, 65] {
        let scene = Scene::with_rows("full", rows);
        // Each handle of its own has a row of its own.
        let handles: Vec<_> = (0..rows).map(|_| open(&scene.tidy.0)).collect();
        let mut participants: Vec<_> = handles.iter().map(|region| region.participant().unwrap()).collect();
        let owners: HashSet<Owner> = participants.iter().map(|participant| participant.owner()).collect();
        assert_eq!(owners.iter().map(|owner| owner.row()).collect::<HashSet<_>>().len(), rows as usize);
        let full = ParticipateError::TableFull { rows };
        assert_eq!(scene.region.participant().unwrap_err(), full);
        assert_eq!(scene.region.thread_participant().unwrap_err(), full);
        assert_eq!(scene.region.claim(0).unwrap_err(), ClaimError::Participate(full));
        assert_eq!(scene.region.is_claimed(0), Ok(false));
        let left = participants.swap_remove(rows as usize / 2).owner();
        let next = scene.region.participant().unwrap().owner();
        assert_eq!((next.row(), next.generation()), (left.row(), left.generation() + 1));
        assert_eq!(scene.region.standing(left), Ok(Standing::Gone));
        assert_eq!(scene.region.standing(next), Ok(Standing::Gone));
    }
}

#[test]
fn a_row_of_the_dead_is_the_next_ones() {
    let scene = Scene::with_rows("heir", 2);
    let (mut dying, dead) = scene.send_attendant();
    let (_living, alive) = scene.send_attendant();
    let full = ParticipateError::TableFull { rows: 2 };
    assert_eq!(scene.region.participant().unwrap_err(), full);
    let mut last = dead;
    for _ in 0..5 {
        let watch = scene.watch(last);
        dying.kill();
        watch.hear_of_the_death();
        scene.is_left_by(last);
        let (heir, owner) = scene.send_attendant();
        assert_eq!((owner.row(), owner.generation()), (last.row(), last.generation() + 1));
        assert_eq!(scene.region.participant().unwrap_err(), full);
        for gone in [dead, last] {
            assert_eq!(scene.region.standing(gone), Ok(Standing::Gone));
            assert_eq!(scene.region.is_gone(gone), Ok(true));
            assert!(scene.region.life(gone).is_none());
        }
        scene.is_there(owner);
        scene.is_there(alive);
        (dying, last) = (heir, owner);
    }
}

/// A party of the storm, and its owner if it stays.
struct Stormer {
    party: Party,
    owner: Option<Owner>,
}

impl Stormer {
    fn start(scene: &Scene, stays: bool, seen: &mut HashSet<Owner>) -> Self {
        let mut party = scene.send("table::errand", if stays { "stay" } else { "churn" });
        let owner = stays.then(|| hear_owner(&mut party));
        if let Some(owner) = owner {
            assert!(seen.insert(owner), "{owner:?} was given out twice");
            scene.is_there(owner);
        }
        Self { party, owner }
    }

    fn end(mut self, scene: &Scene, by_leaving: bool) {
        assert_eq!(self.party.heard(), None);
        if by_leaving && self.owner.is_some() {
            assert!(self.party.finish());
        } else {
            self.party.kill();
        }
        if let Some(owner) = self.owner {
            // While another takes the row, and has not yet written it, the last owner seems to linger.
            until("a row left", || scene.region.standing(owner) == Ok(Standing::Gone));
            until("a row left", || scene.region.is_gone(owner) == Ok(true));
        }
    }
}

#[test]
fn a_storm_of_kills_loses_no_row_and_gives_none_out_twice() {
    const STEPS: u32 = 500;
    const ROWS: u32 = 8;
    let scene = Scene::with_rows("storm", ROWS);
    let mut numbers = Numbers::seeded("a_storm_of_kills_loses_no_row_and_gives_none_out_twice");
    let mut parties: [Option<Stormer>; ROWS as usize] = Default::default();
    let mut seen = HashSet::new();
    for _ in 0..STEPS {
        let slot = numbers.below(u64::from(ROWS)) as usize;
        match parties[slot].take() {
            None => parties[slot] = Some(Stormer::start(&scene, numbers.below(2) == 0, &mut seen)),
            Some(party) => {
                let (start, delay) = (Instant::now(), Duration::from_micros(numbers.below(500)));
                while start.elapsed() < delay {
                    spin_hint();
                }
                party.end(&scene, numbers.below(4) == 0);
            }
        }
        for owner in parties.iter().flatten().filter_map(|party| party.owner) {
            scene.is_there(owner);
        }
    }
    for party in parties.into_iter().flatten() {
        party.end(&scene, false);
    }
    scene.all_rows_are_free();
    assert!(seen.iter().all(|&owner| scene.region.standing(owner) == Ok(Standing::Gone)));
}

#[test]
fn a_list_of_participants_says_who_they_are() {
    let scene = Scene::new("list");
    assert_eq!(scene.region.participants(), Ok(vec![]));
    let before = kernel::now();
    let (party, process) = scene.send_holder("threads::errand", "thread");
    let mut party = party;
    let thread = hear_owner(&mut party);
    let (mut dying, dead) = scene.send_attendant();
    let dead_process = dying.id().as_raw_nonzero().get() as u32;
    dying.kill();
    scene.is_left_by(dead);
    let after = kernel::now();

    let rows = scene.region.participants().unwrap();
    let party_process = party.id().as_raw_nonzero().get() as u32;
    let expected = [
        (process, Kind::Process, Standing::Alive, party_process),
        (thread, Kind::Thread, Standing::Alive, party_process),
        (dead, Kind::Process, Standing::Gone, dead_process),
    ];
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!((row.owner, row.kind, row.standing, row.process), expected);
        let attached = Duration::from_nanos(row.attached_ns);
        assert!(before <= attached && attached <= after, "{row:?}");
        let there = std::fs::exists(format!("/proc/{}/task/{}", row.process, row.thread)).unwrap();
        assert_eq!(there, row.standing == Standing::Alive, "{row:?}");
    }
    assert_ne!(rows[0].thread, rows[1].thread);
    // Looking changed nothing.
    assert_eq!(scene.region.participants().as_ref(), Ok(&rows));

    // Whoever takes a row of the dead is found there; whoever leaves is not found any more.
    let me = scene.region.participant().unwrap();
    let rows = scene.region.participants().unwrap();
    assert_eq!(me.owner().row(), dead.row());
    assert_eq!((rows.len(), rows[2].owner, rows[2].process), (3, me.owner(), std::process::id()));
    drop(me);
    assert_eq!(party.ask("end"), "joined");
    let rows = scene.region.participants().unwrap();
    assert_eq!(rows.iter().map(|row| row.owner).collect::<Vec<_>>(), [process]);
    party.kill();
    scene.is_left_by(process);
    let rows = scene.region.participants().unwrap();
    assert_eq!((rows.len(), rows[0].owner, rows[0].standing), (1, process, Standing::Gone));
}
