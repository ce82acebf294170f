//! A kernel that stands in for the real one: virtual processes of one thread live, are refused, die and are
//! found out.

#![cfg(feature = "model")]
#![deny(unsafe_code)]

#[path = "stand_in/world.rs"]
mod world;

use ringway_shm::primitive::model::{self, Hooks, Outcome, Step, all_mapped, locate, mappings};
use ringway_shm::primitive::{AtomicU32, Ordering, kernel};
use ringway_shm::{
    Access, Blueprint, ClaimError, CreateError, Lifetime, Name, OpenError, ParticipateError, Permissions,
    Region, Standing, layout, list, unlink,
};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::World;

const ROLE: u32 = 3;

fn blueprint() -> Blueprint {
    Blueprint::new(0x7374_616e, 1).section(layout::FIRST_OWN, layout::PAGE).unwrap().rows(2).unwrap()
}

fn name(label: &str) -> Name {
    Name::new(&format!("test-stand-in-{label}-{}", std::process::id())).unwrap()
}

fn create(name: &Name) -> Arc<Region> {
    Arc::new(Region::create(name.clone(), &blueprint(), Permissions::default()).unwrap())
}

fn open(name: &Name) -> Result<Arc<Region>, OpenError> {
    Region::open(name.clone(), &blueprint().expected(), Access::default()).map(Arc::new)
}

fn own(region: &Region) -> usize {
    region.section(layout::FIRST_OWN).unwrap().0.as_ptr() as usize
}

#[test]
fn a_role_of_a_virtual_process_is_refused_to_another_until_its_death_is_proven() {
    let (world, name) = (World::new(), name("role"));
    let installed = model::install(world.clone());
    world.be(1);
    let first = create(&name);
    assert!(!name.path().exists(), "the real kernel has no such name");
    let claim = first.claim(ROLE).unwrap();
    world.be(2);
    let second = open(&name).unwrap();
    assert_eq!(second.claim(ROLE).unwrap_err(), ClaimError::Taken);
    assert!(second.is_claimed(ROLE).unwrap());
    assert_eq!(second.standing(claim.owner()).unwrap(), Standing::Alive);
    world.mark(1);
    assert_eq!(second.standing(claim.owner()).unwrap(), Standing::Dying);
    world.unlock_all(1);
    assert_eq!(second.standing(claim.owner()).unwrap(), Standing::Gone);
    let heir = second.claim(ROLE).unwrap();
    assert_ne!(heir.owner(), claim.owner());
    drop(heir);
    drop(second);
    assert_eq!(world.names(), Vec::<PathBuf>::new(), "the last one takes the name away");
    assert_eq!((world.locks(), world.enlisted(2)), (0, 0), "and has given all back");
    drop(installed);
    // What a killed process left in this thread goes without a kernel to tell.
    drop((claim, first));
}

#[test]
fn a_leftover_of_virtual_processes_is_removed_at_open() {
    let (world, name) = (World::new(), name("leftover"));
    let installed = model::install(world.clone());
    world.be(1);
    let dead = create(&name);
    let again = Region::create(name.clone(), &blueprint(), Permissions::default());
    assert!(matches!(again, Err(CreateError::Exists { .. })));
    world.mark(1);
    world.unlock_all(1);
    world.be(2);
    let entries = list().unwrap();
    assert!(matches!(&entries[..], [entry] if entry.name == name && !entry.in_use));
    assert!(matches!(open(&name), Err(OpenError::NotFound { .. })));
    assert_eq!(world.names(), Vec::<PathBuf>::new());
    let fresh = create(&name);
    assert_ne!(fresh.geometry().identity, dead.geometry().identity);
    unlink(&name).unwrap();
    drop(installed);
    drop((dead, fresh));
}

#[test]
fn a_path_of_virtual_processes_leads_to_no_real_file() {
    let world = World::new();
    let installed = model::install(world.clone());
    world.be(1);
    let path = std::env::temp_dir().join(format!("stand-in-{}", std::process::id()));
    let blueprint = blueprint().lifetime(Lifetime::UntilUnlinked);
    let region = Arc::new(Region::create_file(&path, &blueprint, Permissions::default()).unwrap());
    assert!(!path.exists());
    let claim = region.claim(ROLE).unwrap();
    world.mark(1);
    world.unlock_all(1);
    world.be(2);
    let kept = Region::open_file(&path, &blueprint.expected(), Access::default()).unwrap();
    assert_eq!(kept.geometry().identity, region.geometry().identity);
    assert!(kept.is_gone(claim.owner()).unwrap());
    drop(installed);
    drop((claim, region, kept));
}

#[test]
fn a_table_is_full_when_virtual_processes_have_every_row() {
    let (world, name) = (World::new(), name("rows"));
    let installed = model::install(world.clone());
    let mut parties = Vec::new();
    for process in 1..=2 {
        world.be(process);
        let region = if process == 1 { create(&name) } else { open(&name).unwrap() };
        parties.push((region.participant().unwrap(), region));
    }
    world.be(3);
    let late = open(&name).unwrap();
    assert!(matches!(late.participant(), Err(ParticipateError::TableFull { rows: 2 })));
    world.be(2);
    // The row outlives the region's own handle, whose mapping it is seen in.
    let (row, region) = parties.pop().unwrap();
    let owner = row.owner();
    drop(region);
    row.runs_on(7);
    assert_eq!(late.last_core(owner), Some(7));
    drop(row);
    world.be(3);
    assert_eq!(late.participant().unwrap().owner().row(), owner.row());
    world.be(1);
    drop(parties);
    world.be(3);
    drop(late);
    assert_eq!((world.locks(), world.names().len()), (0, 0));
    drop(installed);
}

#[test]
fn two_mappings_of_one_file_have_one_place() {
    let (world, name) = (World::new(), name("place"));
    let installed = model::install(world.clone());
    world.be(1);
    let before = mappings();
    let (first, second) = (create(&name), open(&name).unwrap());
    assert_ne!(mappings(), before);
    let (here, there) = (own(&first), own(&second));
    assert_ne!(here, there);
    let place = locate(here).unwrap();
    assert_eq!(locate(there), Some(place));
    assert_eq!(locate(there + 5).unwrap().offset, place.offset + 5);
    let mirror = second.mirror(layout::FIRST_OWN).unwrap();
    assert_eq!(locate(mirror.start().as_ptr() as usize + mirror.len()), Some(place));
    let shown = all_mapped();
    assert_eq!(shown.iter().filter(|range| range.place.region == place.region).count(), 4);
    drop(installed);
}

/// Where the steps of a thread were.
#[derive(Default)]
struct Places(RefCell<Vec<Option<model::Place>>>);

impl Hooks for Places {
    fn atomic(&self, step: &Step) -> Outcome {
        self.0.borrow_mut().push(locate(step.address()));
        step.perform()
    }
}

#[test]
fn the_window_of_a_real_hold_is_a_part_of_its_region() {
    let region = Region::create(name("window"), &blueprint(), Permissions::default()).unwrap();
    let me = region.participant().unwrap();
    let places = Rc::new(Places::default());
    let installed = model::install(places.clone());
    me.runs_on(9);
    drop(installed);
    let seen = places.0.take();
    let life = region.life(me.owner()).unwrap();
    let life = locate(core::ptr::from_ref(life.word) as usize).unwrap();
    assert_eq!(seen.len(), 2, "a look at the core's word, and a store");
    for place in seen {
        let place = place.expect("the row lies in the region");
        assert_eq!((place.region, place.offset / layout::PAGE), (life.region, life.offset / layout::PAGE));
    }
}

#[test]
fn what_a_stand_in_refuses_is_not_taken_for_the_real_kernels_refusal() {
    let (bell, life, word) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let sleep = || kernel::sleep_at_either((&bell, 0), (&life, 0), Some(kernel::now()));
    let real = sleep();
    let installed = model::install(World::new());
    assert_eq!(sleep(), None, "this world cannot sleep at two words");
    assert_eq!(kernel::sleep(&bell, 0, None), kernel::Wake::Woken);
    assert_eq!((kernel::store_and_wake(&word, 5), kernel::wake(&word)), (1, 0));
    kernel::pause(Duration::from_secs(1 << 30));
    drop(installed);
    assert_eq!(sleep(), real, "the real kernel is asked, unless it refused itself");
    assert_eq!(word.load(Ordering::Relaxed), 5);
}
