//! Threads that end, the first one among them, in a process that goes on.

use crate::party::{answer, until};
use crate::scene::{ROLE, Scene, hear_owner, listen, open, say, sent, state, take_role};
use crate::system::{self, Orphan};
use ringway_shm::{Claim, Kind};
use std::sync::mpsc::channel;

/// Takes the role, with threads as it is told.
#[test]
fn errand() {
    let Some((how, region)) = sent() else { return };
    match &*how {
        "thread" => {
            let claim = take_role(&region);
            let (end, ended) = channel::<()>();
            let thread = std::thread::spawn(move || {
                say(region.thread_participant().unwrap().owner());
                let _ = ended.recv();
            });
            listen();
            drop(end);
            thread.join().unwrap();
            answer("joined");
            go_on(claim);
        }
        "claimer" => {
            // This thread claims the row of the process, and with it starts the sentinel.
            let claim = std::thread::spawn(move || take_role(&region)).join().unwrap();
            answer("joined");
            go_on(claim);
        }
        "first" => {
            let name = region.name().unwrap().clone();
            // In a forked child the thread that forked is the first.
            let child = system::fork(|| {
                answer(&std::process::id().to_string());
                let claim = take_role(&open(&name));
                std::thread::spawn(move || {
                    go_on(claim);
                    system::leave(0);
                });
                system::end_thread();
            });
            system::reap(child);
        }
        other => panic!("{other}"),
    }
}

fn go_on(claim: Claim) {
    while let Some(line) = listen() {
        match &*line {
            "ping" => answer("pong"),
            "claim" => answer(&format!("{:?}", claim.region().claim(ROLE + 1).map(|_| ()))),
            "attach" => {
                let region = open(claim.region().name().unwrap());
                answer(&format!("{:?}", region.claim(ROLE + 1).map(|_| ())));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_thread_that_ends_is_gone_and_its_process_is_not() {
    let scene = Scene::new("thread");
    let (mut party, owner) = scene.send_holder("threads::errand", "thread");
    let thread = hear_owner(&mut party);
    let watch = scene.watch(owner);
    let watch_thread = scene.watch(thread);
    scene.lives(owner);
    scene.is_there(thread);
    assert_eq!(party.ask("end"), "joined");
    watch_thread.hear_of_the_leaving();
    scene.is_left_by(thread);
    scene.lives(owner);
    assert!(watch.is_asleep());
    let rows = scene.region.participants().unwrap();
    assert!(rows.iter().all(|row| row.kind == Kind::Process), "{rows:?}");
    party.kill();
    scene.is_bereft(owner, watch);
}

#[test]
fn a_thread_row_is_told_and_proven_gone_when_its_process_is_killed() {
    let scene = Scene::new("both");
    let (mut party, owner) = scene.send_holder("threads::errand", "thread");
    let thread = hear_owner(&mut party);
    let watches = [scene.watch(owner), scene.watch(thread)];
    party.kill();
    for (owner, watch) in [owner, thread].into_iter().zip(watches) {
        scene.is_bereft(owner, watch);
    }
}

#[test]
fn the_thread_that_claimed_may_end() {
    let scene = Scene::new("claimer");
    let (mut party, owner) = scene.send_holder("threads::errand", "claimer");
    let watch = scene.watch(owner);
    assert_eq!(party.hear(), "joined");
    assert_eq!(party.ask("ping"), "pong");
    assert_eq!(party.ask("claim"), "Ok(())");
    scene.lives(owner);
    assert!(watch.is_asleep());
    party.kill();
    scene.is_bereft(owner, watch);
}

#[test]
fn the_first_thread_may_end() {
    let scene = Scene::new("first");
    let mut party = scene.send("threads::errand", "first");
    let number = party.hear();
    let child = Orphan::new(&number);
    let owner = hear_owner(&mut party);
    let watch = scene.watch(owner);
    until("the end of a first thread", || state(&number) == Some('Z'));
    assert_eq!(party.ask("ping"), "pong");
    scene.lives(owner);
    assert!(watch.is_asleep());
    // And what is left of the process can do all that it could.
    assert_eq!(party.ask("claim"), "Ok(())");
    assert_eq!(party.ask("attach"), "Ok(())");
    scene.lives(owner);
    child.kill();
    scene.is_bereft(owner, watch);
}
