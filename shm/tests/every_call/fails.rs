//! A failed call is an error that says so, or no matter; it leaves no descriptor and no name that trips.

use crate::party::{Tidy, fresh_name};
use crate::verb::{At, Deed, Outcome, SCENES, Scene, VERBS, Verb, blueprint};
use crate::verb::{leads_to, open_or_create, still_works};
use crate::{alone, descriptors};
use ringway_shm::primitive::model;
use ringway_shm::shared_memory::{Shmem, ShmemConf};
use ringway_shm::{
    ClaimError, CreateError, Lifetime, OpenError, ParticipateError, Permissions, Region, layout,
};
use rustix::io::Errno;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const ERRNOS: [Errno; 6] = [Errno::IO, Errno::NOSPC, Errno::ACCESS, Errno::INTR, Errno::NOMEM, Errno::MFILE];

/// Has `trial` try every call with every error, and counts descriptors around each.
fn fail_each(trial: impl Fn(&Rc<At>)) {
    for errno in ERRNOS {
        for call in 0.. {
            let hooks = At::new(call, Deed::Fail(errno));
            let before = descriptors();
            trial(&hooks);
            assert!(descriptors() <= before, "{}: a descriptor leaked", hooks.context());
            if !hooks.reached() {
                assert!(call > 0, "nothing was called");
                break;
            }
        }
    }
}

/// Does something with the hooks installed.
fn under<T>(hooks: &Rc<At>, deed: impl FnOnce() -> T) -> T {
    let _installed = model::install(Rc::clone(hooks) as Rc<dyn model::Hooks>);
    deed()
}

#[test]
fn a_failed_call_of_a_verb_on_a_name_leaves_nothing_that_trips() {
    let _alone = alone();
    for verb in VERBS {
        for scene in SCENES.into_iter().filter(|scene| scene.suits(verb)) {
            fail_each(|hooks| trial(verb, scene, hooks));
        }
    }
}

fn trial(verb: Verb, scene: Scene, hooks: &Rc<At>) {
    let tidy = Tidy::new("fails");
    let third = scene.set(&tidy.0);
    let handle = (verb == Verb::Leave).then(|| open_or_create(tidy.name()).unwrap());
    let outcome = under(hooks, || verb.act(&tidy.0, handle));
    let context = format!("{verb:?} in {scene:?}, {}", hooks.context());
    if !hooks.reached() {
        assert!(!matches!(outcome, Outcome::Failed(_)), "{context}: {outcome:?}");
    }
    if let Some(third) = &third {
        let unlinked = verb == Verb::Unlink && !tidy.is_there();
        assert!(unlinked || leads_to(&tidy.0, third), "{context}: a party lost its name");
    }
    if let (Some(third), Some(held)) = (&third, outcome.held()) {
        assert_eq!(third.geometry(), held.geometry(), "{context}");
    }
    drop((outcome, third));
    still_works(&tidy, &context);
}

#[test]
fn a_failed_call_of_a_creation_with_a_group_leaves_nothing() {
    let _alone = alone();
    fail_each(|hooks| {
        let tidy = Tidy::new("group");
        let group = Some(rustix::process::getegid().as_raw());
        let permissions = Permissions { mode: 0o640, group };
        let lasting = blueprint().lifetime(Lifetime::UntilUnlinked);
        let created = under(hooks, || Region::create(tidy.name(), &lasting, permissions));
        assert_eq!(created.is_ok(), tidy.is_there(), "{}", hooks.context());
        assert!(hooks.reached() != created.is_ok(), "{}", hooks.context());
    });
}

#[test]
fn a_failed_call_with_a_nameless_region_leaves_the_region_usable() {
    let _alone = alone();
    fail_each(|hooks| {
        let created = under(hooks, || Region::anonymous(&blueprint()));
        match created {
            Ok(region) => assert!(!hooks.reached() && region.section(layout::FIRST_OWN).is_some()),
            Err(error) => {
                assert!(matches!(error, CreateError::System(_) | CreateError::NoRoom { .. }), "{error:?}");
            }
        }
    });
    let region = Arc::new(Region::anonymous(&blueprint()).unwrap());
    fail_each(|hooks| {
        let attached = under(hooks, || Region::attach(region.as_fd(), &blueprint().expected()));
        if let Err(error) = attached {
            let fits = matches!(error, OpenError::System(_) | OpenError::PermissionDenied);
            assert!(hooks.reached() && fits, "{error:?}");
        }
    });
    fail_each(|hooks| {
        let mirror = under(hooks, || region.mirror(layout::FIRST_OWN));
        assert_ne!(mirror.is_ok(), hooks.reached());
    });
    fail_each(|hooks| {
        let asked = under(hooks, || region.is_claimed(1));
        assert_eq!(asked.ok(), (!hooks.reached()).then_some(false));
    });
    fail_each(|hooks| {
        let claim = under(hooks, || region.claim(1));
        match &claim {
            // Without a sentinel a participant has no life word, and lives.
            Ok(_) => assert!(!hooks.reached() || hooks.context().contains("StartSentinel")),
            Err(ClaimError::System(_) | ClaimError::Participate(ParticipateError::System(_))) => {}
            Err(error) => panic!("{error:?}"),
        }
        drop(claim);
        drop(region.claim(1).expect("a failed claim took the role"));
    });
    fail_each(|hooks| {
        let claim = region.claim(1).unwrap();
        under(hooks, || drop(claim));
        // Nothing keeps a lock from going.
        assert_eq!(region.is_claimed(1), Ok(false));
    });
}

/// A segment as an application makes it; its file goes when the test ends, however it ends.
struct Segment {
    id: String,
}

impl Segment {
    fn new() -> Self {
        Self { id: format!("adopted-{}", fresh_name("fails").text()) }
    }

    fn create(&self) -> Shmem {
        let len = usize::try_from(blueprint().region_len()).unwrap();
        ShmemConf::new().os_id(&self.id).size(len).create().unwrap()
    }

    fn open(&self) -> Shmem {
        ShmemConf::new().os_id(&self.id).open().unwrap()
    }

    fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(&self.id)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.path());
    }
}

#[test]
fn a_failed_call_of_an_adoption_leaves_no_segment_behind() {
    let _alone = alone();
    fail_each(|hooks| {
        let segment = Segment::new();
        let shmem = segment.create();
        let adopted = under(hooks, || Region::adopt(shmem, &blueprint(), Duration::ZERO));
        assert_ne!(adopted.is_ok(), hooks.reached(), "{}: {adopted:?}", hooks.context());
        assert_eq!(adopted.is_ok(), segment.path().exists(), "{}: {adopted:?}", hooks.context());
        drop(adopted);
        assert!(!segment.path().exists(), "{}", hooks.context());
    });
}

#[test]
fn a_failed_call_of_a_second_adoption_leaves_the_first_alone() {
    let _alone = alone();
    let segment = Segment::new();
    let first = Region::adopt(segment.create(), &blueprint(), Duration::ZERO).unwrap();
    fail_each(|hooks| {
        let shmem = segment.open();
        let second = under(hooks, || Region::adopt(shmem, &blueprint(), Duration::ZERO));
        assert_ne!(second.is_ok(), hooks.reached(), "{}", hooks.context());
        if let Ok(second) = second {
            assert_eq!(second.geometry(), first.geometry());
        }
        assert!(segment.path().exists(), "{}", hooks.context());
    });
    drop(first);
    assert!(!segment.path().exists());
}

#[test]
fn a_failed_call_in_leaving_an_adopted_segment_leaves_it_to_the_application_at_worst() {
    let _alone = alone();
    fail_each(|hooks| {
        let segment = Segment::new();
        let region = Region::adopt(segment.create(), &blueprint(), Duration::ZERO).unwrap();
        under(hooks, || drop(region));
        assert!(hooks.reached() || !segment.path().exists(), "{}", hooks.context());
    });
}
