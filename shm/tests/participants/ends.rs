//! Processes that end in every way there is, that become another program, and that only stop.

use crate::party::{self, answer, until};
use crate::scene::{ROLE, Scene, listen, say, sent, state, take_role};
use crate::system;
use ringway_shm::Standing;
use rustix::process::Signal;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

/// Takes the role, and ends in the way that it is told; or takes only a row.
#[test]
fn errand() {
    let Some((how, region)) = sent() else { return };
    if how == "attend" {
        let row = region.participant().unwrap();
        say(row.owner());
        return party::stay();
    }
    let claim = take_role(&region);
    while let Some(line) = listen() {
        match &*line {
            "ping" => answer("pong"),
            "kill" => party::die(),
            "exit" => std::process::exit(0),
            "leave" => system::leave(0),
            "fault" => system::fault(),
            "abort" => std::process::abort(),
            "panic with the handles on the stack" => panic!("as told"),
            "panic with the handles in a static" => {
                std::mem::forget((region, claim));
                panic!("as told");
            }
            "exec" => panic!("exec: {}", Command::new("sleep").arg("100").exec()),
            other => panic!("{other}"),
        }
    }
}

const ENTRY: &str = "ends::errand";

#[test]
fn whoever_ends_without_leaving_is_told_and_proven_gone() {
    let ways = [("kill", Some(9)), ("exit", None), ("leave", None), ("abort", Some(6)), ("fault", Some(11))];
    for (way, signal) in ways.into_iter().chain([("panic with the handles in a static", None)]) {
        let scene = Scene::new("ends");
        let (mut party, owner) = scene.send_holder(ENTRY, "hold");
        let watch = scene.watch(owner);
        scene.lives(owner);
        assert!(watch.is_asleep());
        party.tell(way);
        scene.is_bereft(owner, watch);
        let status = party.ended();
        assert_eq!(status.signal(), signal, "{way}");
        assert_eq!(status.code() == Some(101), way.starts_with("panic"), "{way}: {status}");
    }
}

#[test]
fn whoever_is_killed_by_any_signal_is_told_and_proven_gone() {
    // None that a shell may have had ignored, and none that the runtime handles.
    for signal in [Signal::KILL, Signal::TERM, Signal::USR1, Signal::XCPU] {
        let scene = Scene::new("signal");
        let (mut party, owner) = scene.send_holder(ENTRY, "hold");
        let watch = scene.watch(owner);
        party.signal(signal);
        scene.is_bereft(owner, watch);
        assert_eq!(party.ended().signal(), Some(signal.as_raw()));
    }
}

#[test]
fn a_panic_that_drops_the_handles_is_a_leaving() {
    let scene = Scene::new("unwinds");
    let (mut party, owner) = scene.send_holder(ENTRY, "hold");
    let watch = scene.watch(owner);
    party.tell("panic with the handles on the stack");
    watch.hear_of_the_leaving();
    scene.is_left_by(owner);
    scene.role_is_free(owner);
    assert_eq!(party.ended().code(), Some(101));
}

#[test]
fn whoever_drops_its_handles_is_gone_and_its_sleepers_wake() {
    let scene = Scene::new("leaves");
    let (party, owner) = scene.send_holder(ENTRY, "hold");
    let watch = scene.watch(owner);
    assert!(party.finish());
    watch.hear_of_the_leaving();
    scene.is_left_by(owner);
    scene.role_is_free(owner);
}

#[test]
fn a_zombie_is_gone_though_nobody_waited_for_it() {
    let scene = Scene::new("zombie");
    let (party, owner) = scene.send_holder(ENTRY, "hold");
    let watch = scene.watch(owner);
    party.signal(Signal::KILL);
    scene.is_bereft(owner, watch);
    let process = party.id().as_raw_nonzero().to_string();
    until("a zombie", || state(&process) == Some('Z'));
    // Nor does being found out, or taken over, wait for anybody.
    assert_eq!(scene.region.standing(owner), Ok(Standing::Gone));
    drop(scene.region.claim(ROLE).unwrap());
    assert_eq!(state(&process), Some('Z'));
}

#[test]
fn a_process_that_executes_another_program_is_gone() {
    let scene = Scene::new("exec");
    let (mut party, owner) = scene.send_holder(ENTRY, "hold");
    let watch = scene.watch(owner);
    party.tell("exec");
    scene.is_bereft(owner, watch);
    let name = format!("/proc/{}/comm", party.id().as_raw_nonzero());
    until("another program", || std::fs::read_to_string(&name).unwrap() == "sleep\n");
    party.kill();
}

#[test]
fn a_stopped_process_is_alive_and_goes_on() {
    let scene = Scene::new("stopped");
    let (mut party, owner) = scene.send_holder(ENTRY, "hold");
    let process = party.id().as_raw_nonzero().to_string();
    let watch = scene.watch(owner);
    for _ in 0..3 {
        party.signal(Signal::STOP);
        until("a stop", || state(&process) == Some('T'));
        scene.lives(owner);
        party.tell("ping");
        party.signal(Signal::CONT);
        assert_eq!(party.hear(), "pong");
        scene.lives(owner);
    }
    assert!(watch.is_asleep());
    party.signal(Signal::STOP);
    until("a stop", || state(&process) == Some('T'));
    scene.lives(owner);
    party.signal(Signal::KILL);
    scene.is_bereft(owner, watch);
}
