//! A process killed at any call leaves a name that is free, or leads to a whole region.

use crate::alone;
use crate::party::{self, Party, Tidy};
use crate::verb::{At, Deed, SCENES, Scene, VERBS, Verb, blueprint, leads_to, open_or_create, still_works};
use ringway_shm::primitive::model;
use ringway_shm::shared_memory::ShmemConf;
use ringway_shm::{CreateError, Name, OpenError, Region, list};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The process that dies: a verb, the number of the call, and a name.
#[test]
fn errand() {
    let Some(errand) = party::errand() else { return };
    let [verb, call, name] = errand.split(' ').collect::<Vec<_>>()[..] else { panic!("{errand}") };
    let hooks = At::new(call.parse().unwrap(), Deed::Die);
    if verb == "adopt" {
        let segment = segment(name).create().unwrap();
        let _installed = model::install(hooks);
        let region = Region::adopt(segment, &blueprint(), Duration::ZERO).unwrap();
        party::answer("made");
        drop(region);
    } else {
        let name = Name::new(name).unwrap();
        let verb = VERBS.into_iter().find(|known| format!("{known:?}") == verb).unwrap();
        let handle = (verb == Verb::Leave).then(|| open_or_create(name.clone()).unwrap());
        let _installed = model::install(hooks);
        let outcome = verb.act(&name, handle);
        // What the verb got is not dropped under the hooks: leaving is a verb of its own.
        std::mem::forget(outcome);
    }
    party::answer("survived");
}

/// Sends a process to die; true if it did.
fn dies(verb: &str, call: usize, name: &str) -> bool {
    let mut party = Party::start(party::command("kills::errand", &format!("{verb} {call} {name}")));
    let status = party.ended();
    if status.success() {
        return false;
    }
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(9), "{verb} at call {call}: {status}");
    true
}

#[test]
fn a_process_killed_at_any_call_leaves_nothing_that_trips() {
    let _alone = alone();
    for verb in VERBS {
        for scene in SCENES.into_iter().filter(|scene| scene.suits(verb)) {
            for call in 0.. {
                if !trial(verb, scene, call) {
                    assert!(call > 0, "{verb:?} called nothing");
                    break;
                }
            }
        }
    }
}

fn trial(verb: Verb, scene: Scene, call: usize) -> bool {
    let context = format!("{verb:?} in {scene:?} killed at call {call}");
    let tidy = Tidy::new("dies");
    let third = scene.set(&tidy.0);
    let died = dies(&format!("{verb:?}"), call, tidy.0.text());
    if let Some(entry) = list().unwrap().into_iter().find(|entry| entry.name == tidy.0) {
        assert!(entry.geometry.is_ok(), "{context}: half-made: {entry:?}");
        assert_eq!(entry.in_use, third.is_some(), "{context}");
    }
    if let Some(third) = third {
        let unlinked = verb == Verb::Unlink && !tidy.is_there();
        assert!(unlinked || leads_to(&tidy.0, &third), "{context}: a party lost its name");
        drop(third);
        assert!(tidy.goes(), "{context}: the dead kept the name");
    }
    still_works(&tidy, &context);
    died
}

fn segment(id: &str) -> ShmemConf {
    let len = usize::try_from(blueprint().region_len()).unwrap();
    ShmemConf::new().os_id(id).size(len)
}

/// The file of a segment, which a killed owner leaves to the application.
struct Left(PathBuf);

impl Drop for Left {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn an_owner_killed_while_it_adopts_leaves_a_segment_that_is_ready_or_never_will_be() {
    let _alone = alone();
    let (mut unready, mut ready) = (0, 0);
    for call in 0.. {
        let id = format!("adopted-{}", party::fresh_name("dies").text());
        let left = Left(Path::new("/dev/shm").join(&id));
        if !dies("adopt", call, &id) {
            assert!(!left.0.exists(), "a live owner left its segment");
            break;
        }
        if !left.0.exists() {
            continue;
        }
        let start = Instant::now();
        let found = ShmemConf::new().os_id(&id).open().unwrap();
        match Region::adopt(found, &blueprint(), Duration::ZERO) {
            Ok(region) => {
                ready += 1;
                assert_eq!(region.geometry().region_len, blueprint().region_len());
            }
            Err(CreateError::Open(error)) if *error == OpenError::TimedOut => unready += 1,
            Err(error) => panic!("call {call}: {error}"),
        }
        assert!(start.elapsed() < Duration::from_secs(1));
    }
    assert!(unready > 0 && ready > 0, "{unready} unready, {ready} ready");
}
