//! Processes that have the same number in different PID namespaces.

use crate::party::{self, Party, answer, until};
use crate::scene::{ROLE, Scene, hear_owner, listen, open, say, sent, take_role};
use crate::system::{self, Orphan};
use ringway_shm::{Kind, Owner, Standing};

/// Forks a child that is the first process of a namespace of its own.
#[test]
fn errand() {
    let Some((how, region)) = sent() else { return };
    if !system::unshare_process_numbers() {
        return answer("refused");
    }
    let name = region.name().unwrap().clone();
    let child = system::fork(|| {
        // The parent says first under which number it knows this process.
        listen();
        assert_eq!(std::process::id(), 1);
        let region = open(&name);
        let row = if how == "claim" {
            Ok(take_role(&region))
        } else {
            let row = region.participant().unwrap();
            say(row.owner());
            Err(row)
        };
        while let Some(line) = listen() {
            let other = Owner::from_bits(line.parse().unwrap()).unwrap();
            answer(&format!("{:?}", region.standing(other).unwrap()));
        }
        drop(row);
    });
    answer(&child.as_raw_nonzero().to_string());
    system::reap(child);
}

/// A process that is number one of its namespace; `None` where there are no namespaces to be had.
fn first_of_its_kind(scene: &Scene, how: &str) -> Option<(Party, Orphan, Owner)> {
    let mut party = scene.send("namespaces::errand", how);
    let number = party.hear();
    if number == "refused" {
        return None;
    }
    let process = Orphan::new(&number);
    party.tell("begin");
    let owner = hear_owner(&mut party);
    Some((party, process, owner))
}

#[test]
fn processes_of_one_number_in_two_namespaces_are_told_apart() {
    let scene = Scene::new("spaces");
    let (Some((_one, process, owner)), Some((mut two, process_too, owner_too))) =
        (first_of_its_kind(&scene, "claim"), first_of_its_kind(&scene, "attend"))
    else {
        return party::skipped(
            "processes_of_one_number_in_two_namespaces_are_told_apart",
            "no PID namespace of our own",
        );
    };
    assert_ne!(owner, owner_too);
    let rows = scene.region.participants().unwrap();
    assert_eq!(rows.len(), 2);
    for row in &rows {
        // The same numbers throughout: those of the processes, of their threads, and of their sentinels.
        assert_eq!((row.process, row.thread, row.kind), (1, 1, Kind::Process));
    }
    let lives = [owner, owner_too].map(|owner| scene.region.life(owner).unwrap().alive);
    assert_eq!(lives[0], lives[1]);

    let (watch, watch_too) = (scene.watch(owner), scene.watch(owner_too));
    scene.lives(owner);
    scene.is_there(owner_too);
    let question = owner.to_bits().to_string();
    assert_eq!(two.ask(&question), "Alive");
    process.kill();
    scene.is_bereft(owner, watch);
    until("the proof of a death in another namespace", || two.ask(&question) == "Gone");
    scene.is_there(owner_too);
    assert!(watch_too.is_asleep());
    assert_eq!(scene.region.is_claimed(ROLE), Ok(false));

    process_too.kill();
    watch_too.hear_of_the_death();
    scene.is_left_by(owner_too);
    assert_eq!(scene.region.standing(owner), Ok(Standing::Gone));
}
