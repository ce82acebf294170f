//! While an owner builds a region in a segment, nobody attaches: not before any step of the building, nor after it,
//! until the version word is stored.

use crate::alone;
use crate::party::fresh_name;
use crate::verb::blueprint;
use ringway_shm::primitive::model::{self, Action, Copy, Hooks, Outcome, Step, Verdict};
use ringway_shm::primitive::{Ordering, kernel::Call};
use ringway_shm::shared_memory::ShmemConf;
use ringway_shm::{CreateError, OpenError, Region, layout};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Comes as a guest around every step of the owner.
struct Guest {
    id: String,
    /// The hooks are the guest's as well; its own steps are no occasion.
    is_here: Cell<bool>,
    ready: Cell<bool>,
    visits: Cell<u32>,
}

impl Guest {
    fn visit(&self) {
        if self.is_here.replace(true) {
            return;
        }
        self.visits.set(self.visits.get() + 1);
        let segment = ShmemConf::new().os_id(&self.id).open().unwrap();
        match Region::adopt(segment, &blueprint(), Duration::ZERO) {
            Ok(region) => {
                assert!(self.ready.get(), "a guest got in before the region was ready");
                assert_eq!(region.geometry().region_len, blueprint().region_len());
            }
            Err(CreateError::Open(error)) if *error == OpenError::TimedOut => {
                assert!(!self.ready.get(), "a ready region kept a guest waiting");
            }
            Err(error) => panic!("ready: {}, {error}", self.ready.get()),
        }
        self.is_here.set(false);
    }
}

impl Hooks for Guest {
    fn atomic(&self, step: &Step) -> Outcome {
        self.visit();
        let outcome = step.perform();
        if !self.is_here.get() && step.action() == Action::Store(u64::from(layout::VERSION)) {
            assert_eq!(step.order(), Ordering::Release);
            self.ready.set(true);
        }
        self.visit();
        outcome
    }

    fn copy(&self, copy: &Copy) {
        self.visit();
        copy.perform();
        self.visit();
    }

    fn kernel(&self, _: &Call<'_>) -> Verdict {
        self.visit();
        Verdict::Real
    }
}

#[test]
fn a_guest_of_a_segment_is_let_in_when_it_is_ready_and_not_before() {
    let _alone = alone();
    let id = format!("adopted-{}", fresh_name("guest").text());
    let len = usize::try_from(blueprint().region_len()).unwrap();
    let segment = ShmemConf::new().os_id(&id).size(len).create().unwrap();
    let guest =
        Rc::new(Guest { id, is_here: Cell::new(false), ready: Cell::new(false), visits: Cell::new(0) });
    let installed = model::install(Rc::clone(&guest) as Rc<dyn Hooks>);
    let region = Region::adopt(segment, &blueprint(), Duration::ZERO);
    drop(installed);
    assert!(region.is_ok() && guest.ready.get());
    assert!(guest.visits.get() > 15, "{} visits", guest.visits.get());
}
