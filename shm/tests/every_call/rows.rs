//! Rows and roles whose owner is killed at any step, or that change hands while somebody asks for the last owner.

use crate::alone;
use crate::party::{self, Party, Tidy, until};
use ringway_shm::primitive::Ordering;
use ringway_shm::primitive::kernel::Call;
use ringway_shm::primitive::model::{self, Hooks, Outcome, Step, Verdict};
use ringway_shm::{Access, Blueprint, Name, Owner, Permissions, Region, Standing};
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

const ROLE: u32 = 5;

/// One row: whoever lives has it.
fn blueprint() -> Blueprint {
    Blueprint::new(0x726f_7773, 1).rows(1).unwrap()
}

fn create(name: Name) -> Arc<Region> {
    Arc::new(Region::create(name, &blueprint(), Permissions::default()).unwrap())
}

fn open(name: Name) -> Arc<Region> {
    Arc::new(Region::open(name, &blueprint().expected(), Access::default()).unwrap())
}

/// Does something at one step, of whatever kind, and counts them all.
struct AtStep<F> {
    step: u32,
    count: Cell<u32>,
    /// The hooks are there for what is done as well; its own steps are no occasion.
    deed: RefCell<Option<F>>,
}

impl<F: FnOnce()> AtStep<F> {
    fn new(step: u32, deed: F) -> Rc<Self> {
        Rc::new(Self { step, count: Cell::new(0), deed: RefCell::new(Some(deed)) })
    }

    fn pass(&self) {
        let count = self.count.get();
        self.count.set(count + 1);
        if count == self.step {
            let deed = self.deed.take();
            deed.into_iter().for_each(|deed| deed());
        }
    }

    fn reached(&self) -> bool {
        self.deed.borrow().is_none()
    }
}

impl<F: FnOnce()> Hooks for AtStep<F> {
    fn atomic(&self, step: &Step) -> Outcome {
        self.pass();
        step.perform()
    }

    fn light_fence(&self, _: &'static Location<'static>) {
        self.pass();
        ringway_shm::primitive::fence(Ordering::SeqCst);
    }

    fn kernel(&self, _: &Call<'_>) -> Verdict {
        self.pass();
        Verdict::Real
    }
}

const VERBS: [&str; 5] = ["participate", "participate as thread", "claim", "leave", "give back"];

/// The process that dies: a verb, the number of the step, and a name.
#[test]
fn errand() {
    let Some(errand) = party::errand() else { return };
    let [verb, step, name] = errand.split(',').collect::<Vec<_>>()[..] else { panic!("{errand}") };
    let region = open(Name::new(name).unwrap());
    let (participant, claim) = match verb {
        "leave" => (Some(region.participant().unwrap()), None),
        "give back" => (None, Some(region.claim(ROLE).unwrap())),
        _ => (None, None),
    };
    let hooks = AtStep::new(step.parse().unwrap(), || party::die());
    under(&hooks, || match verb {
        "participate" => core::mem::forget(region.participant().unwrap()),
        "participate as thread" => core::mem::forget(region.thread_participant().unwrap()),
        "claim" => core::mem::forget(region.claim(ROLE).unwrap()),
        _ => drop((participant, claim)),
    });
    party::answer(&hooks.count.get().to_string());
}

#[test]
fn a_row_and_a_role_whose_owner_is_killed_at_any_step_are_free() {
    let _alone = alone();
    for verb in VERBS {
        let tidy = Tidy::new("rows");
        let region = create(tidy.name());
        let mut last = None;
        for step in 0.. {
            let context = format!("{verb} killed at step {step}");
            let errand = format!("{verb},{step},{}", tidy.0.text());
            let status = Party::start(party::command("rows::errand", &errand)).ended();
            until(&context, || {
                let rows = region.participants().unwrap();
                rows.iter().all(|row| row.standing == Standing::Gone && region.is_gone(row.owner) == Ok(true))
            });
            let dead = region.participants().unwrap().first().map(|row| row.owner);
            let mut claim = None;
            until(&context, || {
                claim = region.claim(ROLE).ok();
                claim.is_some()
            });
            let owner = claim.unwrap().owner();
            for earlier in [last, dead].into_iter().flatten() {
                assert!(earlier.generation() < owner.generation(), "{context}: {earlier:?}, {owner:?}");
                assert_eq!(region.standing(earlier), Ok(Standing::Gone), "{context}");
            }
            last = Some(owner);
            if status.success() {
                assert!(step > 5, "{verb} takes no steps");
                break;
            }
            let signal = std::os::unix::process::ExitStatusExt::signal(&status);
            assert_eq!(signal, Some(9), "{context}: {status}");
        }
    }
}

/// A region whose one row is that of a dead process.
fn bereft(tidy: &Tidy) -> (Arc<Region>, Owner) {
    let region = create(tidy.name());
    // At no step: how often the process looks for its sentinel to have started depends on how busy the machine is.
    let errand = format!("participate,{},{}", u32::MAX, tidy.0.text());
    assert!(Party::start(party::command("rows::errand", &errand)).ended().success());
    let dead = region.participants().unwrap()[0].owner;
    until("a death", || region.standing(dead) == Ok(Standing::Gone));
    (region, dead)
}

#[test]
fn an_owner_that_is_gone_seems_alive_at_no_step_of_the_next_one() {
    let _alone = alone();
    for step in 0.. {
        let tidy = Tidy::new("seems");
        let (region, dead) = bereft(&tidy);
        let (next, asked) = (open(tidy.name()), Arc::clone(&region));
        let hooks = AtStep::new(step, move || {
            // Until the row is written its last owner may seem to linger.
            assert_ne!(asked.standing(dead), Ok(Standing::Alive), "step {step}");
            assert!(asked.life(dead).is_none(), "step {step}");
        });
        let row = under(&hooks, || next.participant().unwrap());
        assert_eq!(region.standing(dead), Ok(Standing::Gone));
        assert_eq!(region.standing(row.owner()), Ok(Standing::Alive));
        if !hooks.reached() {
            assert!(step > 5);
            break;
        }
    }
}

#[test]
fn whoever_asks_for_an_owner_hears_nothing_of_the_next_one() {
    let _alone = alone();
    let questions: [fn(&Region, Owner) -> bool; 2] = [
        |region, dead| region.standing(dead) == Ok(Standing::Alive),
        |region, dead| region.life(dead).is_some(),
    ];
    for seems_alive in questions {
        for step in 0.. {
            let tidy = Tidy::new("asks");
            let (region, dead) = bereft(&tidy);
            let row = Rc::new(RefCell::new(None));
            let (next, taken) = (open(tidy.name()), Rc::clone(&row));
            let hooks = AtStep::new(step, move || {
                taken.replace(Some(next.participant().unwrap()));
            });
            assert!(!under(&hooks, || seems_alive(&region, dead)), "step {step}");
            assert_eq!(row.take().is_some(), hooks.reached());
            if !hooks.reached() {
                assert!(step > 1);
                break;
            }
        }
    }
}

#[test]
fn whoever_asks_for_an_owner_that_leaves_gets_its_life_word_or_none() {
    let _alone = alone();
    for step in 0.. {
        let tidy = Tidy::new("leaves");
        let (region, leaving) = (create(tidy.name()), open(tidy.name()));
        let row = leaving.participant().unwrap();
        let owner = row.owner();
        let expected = region.life(owner).unwrap().alive;
        assert_ne!(expected, 0);
        let hooks = AtStep::new(step, move || drop(row));
        let life = under(&hooks, || region.life(owner).map(|life| life.alive));
        assert!(life.is_none_or(|alive| alive == expected), "step {step}: {life:?}");
        if !hooks.reached() {
            assert_eq!(life, Some(expected));
            break;
        }
        assert_eq!(region.standing(owner), Ok(Standing::Gone), "step {step}");
    }
}

/// Does something with the hooks installed.
fn under<T>(hooks: &Rc<impl Hooks + 'static>, deed: impl FnOnce() -> T) -> T {
    let _installed = model::install(Rc::clone(hooks) as Rc<dyn Hooks>);
    deed()
}

/// Notes the order of two calls.
#[derive(Default)]
struct JoinsFirst {
    joined: Cell<bool>,
    started: Cell<bool>,
}

impl Hooks for JoinsFirst {
    fn kernel(&self, call: &Call<'_>) -> Verdict {
        match call {
            Call::JoinHeavyFences => self.joined.set(true),
            Call::StartSentinel => {
                assert!(self.joined.get(), "the kernel makes a process of several threads wait for it");
                self.started.set(true);
            }
            _ => {}
        }
        Verdict::Real
    }
}

/// The process whose first row it is.
#[test]
fn first_row() {
    let Some(_) = party::errand() else { return };
    let hooks = Rc::new(JoinsFirst::default());
    let region = Region::anonymous(&blueprint()).unwrap();
    let installed = model::install(Rc::clone(&hooks) as Rc<dyn Hooks>);
    let row = region.participant().unwrap();
    drop(installed);
    assert!(hooks.started.get(), "nobody tells of its death");
    drop(row);
    party::answer("joined first");
}

#[test]
fn a_process_joins_heavy_fences_before_it_has_a_second_thread() {
    let mut party = Party::start(party::command("rows::first_row", "first"));
    assert!(party.ended().success());
}
