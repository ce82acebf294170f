//! The verbs on a path, where the file system knows nameless files and where it does not: each call failed, fatal, and
//! with another party's verb in between.

use crate::party::{self, Directory, Party};
use crate::turns::{ALL, Turns};
use crate::verb::{At, Deed, Outcome, blueprint, leave_behind};
use crate::{alone, descriptors};
use ringway_shm::primitive::kernel::Call;
use ringway_shm::primitive::model::{self, Hooks, Verdict};
use ringway_shm::{Access, Permissions, Region, unlink_file};
use rustix::io::Errno;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Create,
    Open,
    OpenOrCreate,
    Leave,
    Unlink,
}

const VERBS: [Verb; 5] = [Verb::Create, Verb::Open, Verb::OpenOrCreate, Verb::Leave, Verb::Unlink];

fn open_or_create(path: &Path) -> Region {
    Region::open_or_create_file(path, &blueprint(), Permissions::default()).unwrap()
}

impl Verb {
    fn act(self, path: &Path, handle: Option<Region>) -> Outcome {
        match self {
            Self::Create => Region::create_file(path, &blueprint(), Permissions::default()).into(),
            Self::Open => Region::open_file(path, &blueprint().expected(), Access::default()).into(),
            Self::OpenOrCreate => {
                Region::open_or_create_file(path, &blueprint(), Permissions::default()).into()
            }
            Self::Leave => {
                drop(handle);
                Outcome::Done
            }
            Self::Unlink => unlink_file(path).map_or_else(Outcome::from, |()| Outcome::Done),
        }
    }
}

/// How a path stands before the verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    Bare,
    /// A third party holds it all the while.
    Kept,
    /// A dead party left it.
    Leftover,
}

impl Scene {
    fn set(self, path: &Path) -> Option<Region> {
        match self {
            Self::Bare => None,
            Self::Kept => Some(open_or_create(path)),
            Self::Leftover => {
                leave_behind(open_or_create(path));
                None
            }
        }
    }
}

/// The verbs in every scene, with drafts and without.
fn each_case(mut trial: impl FnMut(Verb, Scene, bool)) {
    for verb in VERBS {
        for scene in [Scene::Bare, Scene::Kept, Scene::Leftover] {
            // A leaver has the region, so it is no leftover.
            if !(scene == Scene::Leftover && verb == Verb::Leave) {
                [false, true].into_iter().for_each(|drafts| trial(verb, scene, drafts));
            }
        }
    }
}

/// A file system that may know no nameless files, and what else happens at a call.
struct Drafts {
    drafts: bool,
    then: Rc<dyn Hooks>,
}

impl Hooks for Drafts {
    fn kernel(&self, call: &Call<'_>) -> Verdict {
        match call {
            Call::OpenNameless(_) if self.drafts => Verdict::Fail(Errno::OPNOTSUPP.raw_os_error()),
            call => self.then.kernel(call),
        }
    }

    fn now(&self) -> Option<Duration> {
        self.then.now()
    }
}

/// Hooks that do nothing.
struct Plain;

impl Hooks for Plain {}

fn under<T>(drafts: bool, then: Rc<dyn Hooks>, deed: impl FnOnce() -> T) -> T {
    let _installed = model::install(Rc::new(Drafts { drafts, then }));
    deed()
}

fn leads_to(path: &Path, region: &Region) -> bool {
    let named = Region::open_file(path, &blueprint().expected(), Access::default());
    named.is_ok_and(|named| named.geometry() == region.geometry())
}

/// Whatever happened before: whoever wants the path has it at once, and whoever needs a draft next leaves nothing.
fn still_works(directory: &Directory, context: &str) {
    let path = directory.path();
    let region = open_or_create(&path);
    let peer = Region::open_file(&path, &blueprint().expected(), Access::default());
    assert_eq!(peer.unwrap().geometry(), region.geometry(), "{context}");
    drop(region);
    let left = directory.files();
    let drafts = left.iter().filter(|name| name.starts_with(".ringway-draft-")).count();
    assert!(drafts <= 1 && left.len() == drafts, "{context}: {left:?}");
    let created =
        under(true, Rc::new(Plain), || Region::create_file(&path, &blueprint(), Permissions::default()));
    assert_eq!(directory.files(), ["region"], "{context}");
    drop(created.unwrap());
    assert!(directory.files().is_empty(), "{context}");
}

#[test]
fn without_nameless_files_a_region_has_a_draft_until_it_has_its_path() {
    let _alone = alone();
    let directory = Directory::on_disk("draft");
    for errno in [Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL] {
        struct Refuses(Errno);
        impl Hooks for Refuses {
            fn kernel(&self, call: &Call<'_>) -> Verdict {
                match call {
                    Call::OpenNameless(_) => Verdict::Fail(self.0.raw_os_error()),
                    _ => Verdict::Real,
                }
            }
        }
        let make = || Region::nameless_file(&directory.0, &blueprint(), Permissions::default()).unwrap();
        let region = under(false, Rc::new(Refuses(errno)), make);
        let [draft] = &directory.files()[..] else { panic!("one draft") };
        assert!(draft.starts_with(".ringway-draft-") && draft.len() == 47, "{draft}");
        // Somebody is at it, so it is not stale.
        drop(under(true, Rc::new(Plain), || open_or_create(&directory.path())));
        assert_eq!(directory.files()[..], *std::slice::from_ref(draft));
        region.publish_file(directory.path()).unwrap();
        assert_eq!(directory.files(), ["region"]);
        assert!(leads_to(&directory.path(), &region));
        drop(region);
        assert!(directory.files().is_empty());
        drop(under(false, Rc::new(Refuses(errno)), make));
        assert!(directory.files().is_empty(), "what was never named left its draft");
    }
    // What only looks like one is no draft of ours.
    let other = directory.0.join(".ringway-draft-of-a-letter");
    std::fs::write(&other, b"mine").unwrap();
    drop(under(true, Rc::new(Plain), || open_or_create(&directory.path())));
    assert!(other.exists());
}

#[test]
fn a_failed_call_of_a_verb_on_a_path_leaves_nothing_that_trips() {
    let _alone = alone();
    each_case(|verb, scene, drafts| {
        for errno in [Errno::IO, Errno::NOSPC, Errno::ACCESS, Errno::NOMEM] {
            for call in 0.. {
                let directory = Directory::on_disk("fails");
                let hooks = At::new(call, Deed::Fail(errno));
                let before = descriptors();
                trial(verb, scene, drafts, &directory, &hooks);
                assert!(descriptors() <= before, "{}: a descriptor leaked", hooks.context());
                if !hooks.reached() {
                    assert!(call > 0, "nothing was called");
                    break;
                }
            }
        }
    });
}

fn trial(verb: Verb, scene: Scene, drafts: bool, directory: &Directory, hooks: &Rc<At>) {
    let path = directory.path();
    let third = scene.set(&path);
    let handle = (verb == Verb::Leave).then(|| open_or_create(&path));
    let outcome = under(drafts, Rc::clone(hooks) as Rc<dyn Hooks>, || verb.act(&path, handle));
    let context = format!("{verb:?} in {scene:?}, drafts {drafts}, {}", hooks.context());
    if !hooks.reached() {
        assert!(!matches!(outcome, Outcome::Failed(_)), "{context}: {outcome:?}");
    }
    if let Some(third) = &third {
        let unlinked = verb == Verb::Unlink && !path.exists();
        assert!(unlinked || leads_to(&path, third), "{context}: a party lost its path");
    }
    drop((outcome, third));
    still_works(directory, &context);
}

/// The process that dies.
#[test]
fn errand() {
    let Some(errand) = party::errand() else { return };
    let [verb, call, drafts, path] = errand.splitn(4, ' ').collect::<Vec<_>>()[..] else {
        panic!("{errand}")
    };
    let path = Path::new(path);
    let verb = VERBS.into_iter().find(|known| format!("{known:?}") == verb).unwrap();
    let handle = (verb == Verb::Leave).then(|| open_or_create(path));
    let hooks = At::new(call.parse().unwrap(), Deed::Die);
    // What the verb got is not dropped under the hooks: leaving is a verb of its own.
    under(drafts == "true", hooks, || std::mem::forget(verb.act(path, handle)));
}

#[test]
fn a_process_killed_at_any_call_on_a_path_leaves_nothing_that_trips() {
    let _alone = alone();
    each_case(|verb, scene, drafts| {
        for call in 0.. {
            let directory = Directory::on_disk("dies");
            let path = directory.path();
            let context = format!("{verb:?} in {scene:?}, drafts {drafts}, killed at call {call}");
            let third = scene.set(&path);
            let errand = format!("{verb:?} {call} {drafts} {}", path.display());
            let status = Party::start(party::command("paths::errand", &errand)).ended();
            if let Some(third) = third {
                let unlinked = verb == Verb::Unlink && !path.exists();
                assert!(unlinked || leads_to(&path, &third), "{context}: a party lost its path");
            }
            still_works(&directory, &context);
            if status.success() {
                assert!(call > 0, "{verb:?} called nothing");
                break;
            }
            let signal = std::os::unix::process::ExitStatusExt::signal(&status);
            assert_eq!(signal, Some(9), "{context}: {status}");
        }
    });
}

/// One stops before each of its calls, the other before each of its own, and then each goes to its end.
#[test]
fn those_that_meet_at_a_path_may_stop_anywhere() {
    let _alone = alone();
    let mut schedules = 0;
    let creators = [[Verb::Create, Verb::Create], [Verb::Create, Verb::OpenOrCreate]];
    let leavers = [[Verb::Leave, Verb::Leave], [Verb::Leave, Verb::Open], [Verb::Leave, Verb::OpenOrCreate]];
    let others = [[Verb::Open, Verb::Leave], [Verb::OpenOrCreate, Verb::Leave], [Verb::Create, Verb::Unlink]];
    for pair in [&creators[..], &leavers, &others].concat() {
        for first in 0.. {
            let mut ended = false;
            for second in 0.. {
                let (one, two) = meet(pair, first, second);
                (ended, schedules) = (one, schedules + 1);
                if two {
                    break;
                }
            }
            if ended {
                break;
            }
        }
    }
    println!("{schedules} schedules");
}

fn meet(pair: [Verb; 2], first: u32, second: u32) -> (bool, bool) {
    let directory = Directory::on_disk("meets");
    let path = directory.path();
    let turns = Arc::new(Turns::of(2).without_nameless_files());
    let (ended, outcomes) = std::thread::scope(|threads| {
        let actors: Vec<_> = (0..2)
            .map(|who| {
                let (turns, path) = (Arc::clone(&turns), &path);
                let handle = (pair[who] == Verb::Leave).then(|| open_or_create(path));
                threads.spawn(move || turns.act(who, || pair[who].act(path, handle)))
            })
            .collect();
        let ended = (turns.run(0, first), turns.run(1, second));
        assert!(turns.run(0, ALL) && turns.run(1, ALL));
        (ended, actors.into_iter().map(|actor| actor.join().unwrap()).collect::<Vec<_>>())
    });
    let context = format!("{pair:?}, {first} calls and {second}: {outcomes:?}");
    let held: Vec<&Region> = outcomes.iter().filter_map(Outcome::held).collect();
    // A wait may end in vain where the other is stopped while it takes the path away.
    let waits = pair.contains(&Verb::Leave) || pair.contains(&Verb::Unlink);
    for outcome in &outcomes {
        assert!(!matches!(outcome, Outcome::Failed(_) | Outcome::OtherKind), "{context}");
        assert!(waits || !matches!(outcome, Outcome::TimedOut | Outcome::NotFound), "{context}");
    }
    if !pair.contains(&Verb::Unlink) {
        assert!(waits || !held.is_empty(), "{context}");
        assert!(held.iter().all(|region| leads_to(&path, region)), "{context}");
        assert!(directory.files().len() <= 1, "{context}: {:?}", directory.files());
    }
    drop(outcomes);
    assert!(directory.files().is_empty(), "{context}");
    ended
}
