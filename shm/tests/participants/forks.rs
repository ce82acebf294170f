//! A forked child has the parent's handles, and nothing of the parent's region; and it takes nothing of it along.

use crate::party::bytes::{get, put};
use crate::party::{Party, answer};
use crate::scene::{ROLE, Scene, hear_owner, listen, open, say, sent, take_role};
use crate::system::{self, Orphan};
use ringway_shm::primitive::Ordering;
use ringway_shm::{Claim, ClaimError, Owner, Participant, ParticipateError, Region, Standing, layout};
use rustix::process::Signal;
use std::rc::Rc;
use std::sync::Arc;

/// The role that a child claims in its own name.
const ROLE_OF_CHILD: u32 = ROLE + 1;

/// What a process has of a region.
struct Handles {
    thread: Rc<Participant>,
    claim: Claim,
    region: Arc<Region>,
}

/// Takes the role and a row for its thread, and forks when told to.
#[test]
fn errand() {
    let Some((how, region)) = sent() else { return };
    let claim = take_role(&region);
    if how == "storm" {
        return storm(&region, claim);
    }
    let thread = region.thread_participant().unwrap();
    say(thread.owner());
    put(&region, layout::FIRST_OWN, 0, &PARENTS);
    let mut held = Some(Handles { thread, claim, region });
    while let Some(line) = listen() {
        match &*line {
            "ping" => answer("pong"),
            "fork" => {
                let child = system::fork(|| child(&mut held));
                answer(&format!("reaped {}", system::reap(child)));
            }
            "fork without handlers" => {
                let child = system::fork_bare(|| answer(&refusals(&held.as_ref().unwrap().region)));
                answer(&format!("reaped {}", system::reap(child)));
            }
            "fork without handlers and stay" => {
                let child = system::fork_bare(|| child(&mut held));
                answer(&format!("reaped {}", system::reap(child)));
            }
            other => panic!("{other}"),
        }
    }
}

/// What the parent writes into its section.
const PARENTS: [u8; 64] = [0xa5; 64];
/// What the child writes there.
const CHILDS: [u8; 64] = [0x5a; 64];

/// What a forked child does with the handles of its parent.
fn child(held: &mut Option<Handles>) {
    let name = held.as_ref().unwrap().region.name().unwrap().clone();
    let mut own = None;
    answer(&std::process::id().to_string());
    while let Some(line) = listen() {
        match (&*line, held.as_ref()) {
            ("refused", Some(held)) => answer(&refusals(&held.region)),
            ("read", Some(held)) => {
                let sections = [(layout::FIRST_OWN, 2 * layout::PAGE), (layout::ROWS, layout::PAGE)];
                let zeros = sections.map(|(content, len)| {
                    get(&held.region, content, 0, len as usize).iter().all(|&byte| byte == 0)
                });
                answer(&format!("{zeros:?}"));
            }
            ("write", Some(held)) => {
                put(&held.region, layout::FIRST_OWN, 0, &CHILDS);
                put(&held.region, layout::ROWS, 0, &[0xff; layout::PAGE as usize]);
                held.claim.participant().runs_on(17);
                held.thread.runs_on(18);
                answer("written");
            }
            ("drop", _) => {
                drop(held.take());
                answer("dropped");
            }
            ("take part", _) => {
                let region = open(&name);
                own = Some((region.claim(ROLE_OF_CHILD).unwrap(), region.thread_participant().unwrap()));
                say(own.as_ref().unwrap().0.owner());
            }
            ("map and fork", Some(held)) => {
                let (start, _) = held.region.section(layout::FIRST_OWN).unwrap();
                let page = system::map_at(start);
                page.store(7, Ordering::Relaxed);
                let child = system::fork(|| assert_eq!(page.load(Ordering::Relaxed), 7));
                answer(&format!("reaped {}", system::reap(child)));
            }
            ("end", _) => break,
            (other, _) => panic!("{other}"),
        }
    }
    drop(own);
}

/// What the parent's region answers in a child.
fn refusals(region: &Arc<Region>) -> String {
    let claim = region.claim(ROLE_OF_CHILD).map(|_| ());
    let (process, thread) = (region.participant().map(|_| ()), region.thread_participant().map(|_| ()));
    assert_eq!(claim, Err(ClaimError::Participate(ParticipateError::Forked)));
    assert_eq!(process, Err(ParticipateError::Forked));
    assert_eq!(thread, Err(ParticipateError::Forked));
    format!("is forked: {}", region.is_forked())
}

/// A scene with a party that has forked: the parent's owners, and the child.
fn forked(scene: &Scene) -> (Party, [Owner; 2], Orphan) {
    let (mut parent, owner) = scene.send_holder("forks::errand", "fork");
    let thread = hear_owner(&mut parent);
    parent.tell("fork");
    let child = Orphan::new(&parent.hear());
    (parent, [owner, thread], child)
}

#[test]
fn a_parent_that_is_killed_is_gone_though_its_child_lives_on() {
    let scene = Scene::new("parent");
    let (mut parent, [owner, thread], child) = forked(&scene);
    let watches = [scene.watch(owner), scene.watch(thread)];
    scene.lives(owner);
    scene.is_there(thread);
    parent.kill();
    for (owner, watch) in [owner, thread].into_iter().zip(watches) {
        scene.is_bereft(owner, watch);
    }
    // The child has the parent's input now.
    assert_eq!(parent.ask("refused"), "is forked: true");
    assert_eq!(parent.ask("read"), "[true, true]");
    child.kill();
}

#[test]
fn a_child_takes_part_in_its_own_name() {
    let scene = Scene::new("child");
    let (mut parent, [owner, thread], child) = forked(&scene);
    let watch = scene.watch(owner);
    parent.tell("take part");
    let own = hear_owner(&mut parent);
    assert!(own != owner && own != thread);
    let watch_own = scene.watch(own);
    scene.lives(owner);
    scene.is_there(own);
    assert_eq!(scene.region.is_claimed(ROLE_OF_CHILD), Ok(true));

    parent.kill();
    scene.is_bereft(owner, watch);
    scene.is_there(own);
    assert_eq!(scene.region.claim(ROLE_OF_CHILD).unwrap_err(), ClaimError::Taken);
    assert!(watch_own.is_asleep());

    child.kill();
    watch_own.hear_of_the_death();
    scene.is_left_by(own);
    crate::party::until("the child's role", || scene.region.claim(ROLE_OF_CHILD).is_ok());
}

#[test]
fn a_child_that_dies_is_told_of_and_its_parent_goes_on() {
    let scene = Scene::new("orphan");
    let (mut parent, [owner, thread], child) = forked(&scene);
    let watch = scene.watch(owner);
    parent.tell("take part");
    let own = hear_owner(&mut parent);
    let watch_own = scene.watch(own);
    child.kill();
    watch_own.hear_of_the_death();
    scene.is_left_by(own);
    assert_eq!(parent.hear(), "reaped false");
    assert_eq!(parent.ask("ping"), "pong");
    scene.lives(owner);
    scene.is_there(thread);
    assert!(watch.is_asleep());
}

#[test]
fn what_a_child_does_with_its_parents_handles_is_no_matter_to_the_parent() {
    let scene = Scene::new("handles");
    let (mut parent, [owner, thread], _child) = forked(&scene);
    let watch = scene.watch(owner);
    let undisturbed = || {
        scene.lives(owner);
        scene.is_there(thread);
        assert!(watch.is_asleep());
        assert!(scene.tidy.is_there());
        assert_eq!(get(&scene.region, layout::FIRST_OWN, 0, 64), PARENTS);
        assert_eq!(scene.region.last_core(owner), None);
        assert_eq!(scene.region.last_core(thread), None);
    };
    assert_eq!(parent.ask("refused"), "is forked: true");
    assert_eq!(parent.ask("read"), "[true, true]");
    undisturbed();
    assert_eq!(parent.ask("write"), "written");
    undisturbed();
    assert_eq!(parent.ask("refused"), "is forked: true");
    assert_eq!(parent.ask("drop"), "dropped");
    undisturbed();
    parent.tell("end");
    assert_eq!(parent.hear(), "reaped true");
    assert_eq!(parent.ask("ping"), "pong");
    undisturbed();
    parent.kill();
    scene.is_bereft(owner, watch);
}

#[test]
fn a_child_forked_behind_the_handlers_back_is_refused_as_well() {
    let scene = Scene::new("bare");
    let (mut parent, owner) = scene.send_holder("forks::errand", "fork");
    let thread = hear_owner(&mut parent);
    assert_eq!(parent.ask("fork without handlers"), "is forked: true");
    assert_eq!(parent.hear(), "reaped true");
    scene.lives(owner);
    scene.is_there(thread);
}

#[test]
fn a_child_forked_behind_the_handlers_back_is_told_and_proven_gone() {
    let scene = Scene::new("unhandled");
    let (mut parent, owner) = scene.send_holder("forks::errand", "fork");
    hear_owner(&mut parent);
    parent.tell("fork without handlers and stay");
    let child = Orphan::new(&parent.hear());
    // What it maps where its parent's region was, its own children have.
    assert_eq!(parent.ask("map and fork"), "reaped true");
    parent.tell("take part");
    let own = hear_owner(&mut parent);
    let watch = scene.watch(own);
    scene.is_there(own);
    child.kill();
    watch.hear_of_the_death();
    scene.is_left_by(own);
    scene.lives(owner);
}

/// Forks again and again while other threads take and leave everything that can be taken.
fn storm(region: &Arc<Region>, claim: Claim) {
    for role in [20, 21] {
        let region = Arc::clone(region);
        std::thread::spawn(move || {
            loop {
                drop(region.claim(role));
                drop(region.participant());
                drop(region.thread_participant());
            }
        });
    }
    // So that the row of the process comes and goes, too.
    drop(claim);
    for round in 0..500 {
        let child = system::fork(|| {
            system::end_within(20);
            assert_eq!(region.participant().map(|_| ()), Err(ParticipateError::Forked));
        });
        assert!(system::reap(child), "round {round}");
    }
    // And one that stays.
    let child = system::fork(|| {
        answer(&std::process::id().to_string());
        crate::party::stay();
    });
    system::reap(child);
}

#[test]
fn a_fork_at_any_moment_takes_nothing_along() {
    let scene = Scene::new("storm");
    let (mut parent, owner) = scene.send_holder("forks::errand", "storm");
    let child = Orphan::new(&parent.hear());
    parent.signal(Signal::KILL);
    parent.ended();
    scene.is_left_by(owner);
    for role in [ROLE, 20, 21] {
        crate::party::until("a role", || scene.region.is_claimed(role) == Ok(false));
    }
    crate::party::until("all rows", || {
        let rows = scene.region.participants().unwrap();
        rows.iter().all(|row| row.standing == Standing::Gone)
    });
    child.kill();
}
