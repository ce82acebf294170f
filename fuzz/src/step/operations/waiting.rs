//! The eventcount by itself: who rings, who makes ready to sleep, sleeps and is woken, with nobody, one and two others asleep.
//!
//! ```text
//!   region     an item and a bell, a line each
//!   ringer     item = 1, ring                         sleeper    look ─ prepare ─ look ─ sleep ─ look ...
//!   after      of a killed ringer: what it published is found, after a tick at the latest; else a successor rings
//!              of a killed sleeper: the others are woken by the next ring
//! ```

#![allow(unsafe_code)] // because an item and a bell lie at addresses in a region.

use super::parties::text;
use crate::actor::Actor;
use crate::step::scene::Notes;
use crate::step::sweep::{Moment, Operation, Stage};
use crate::step::tracee::{LIMIT, mark};
use nix::unistd::Pid;
use ringway_shm::layout::{FIRST_OWN, PAGE};
use ringway_shm::primitive::{AtomicU64, Ordering, kernel};
use ringway_shm::{Blueprint, Region};
use ringway_sync::{Deadline, EventCount, Ringer, Sleeper};
use std::os::fd::{AsFd, OwnedFd};

/// What the victim does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// Publishes and rings.
    Ring,
    /// Makes ready, sleeps and is woken.
    Sleep,
    /// Makes ready, and leaves again.
    Prepare,
}

/// Others that have found the item.
const FOUND: usize = 1000;
/// Of these, those whose last sleep was ended by its time.
const BY_TICK: usize = 1001;

pub(crate) fn all() -> Vec<Operation> {
    let mut all = Vec::new();
    for (name, verb) in [("ring", Verb::Ring), ("sleep", Verb::Sleep), ("prepare", Verb::Prepare)] {
        for others in 0..3 {
            let who = ["", ", one waiting", ", two waiting"][others];
            let set = move || BellStage::set(verb, others).map(|stage| Box::new(stage) as Box<dyn Stage>);
            all.push(Operation {
                name: format!("bell: {name}{who}"),
                has_recoverer: verb == Verb::Ring,
                set: Box::new(set),
            });
        }
    }
    all
}

struct BellStage {
    verb: Verb,
    others: usize,
    descriptor: OwnedFd,
    notes: Notes,
    sleeping: Vec<Actor>,
    /// Whoever ends the victim's sleep.
    ringing: Option<Actor>,
}

/// An item and a bell in a region.
struct Place {
    region: Region,
}

impl Place {
    fn address(&self, line: usize) -> *mut u8 {
        let (start, len) = self.region.section(FIRST_OWN).expect("the region has it");
        assert!(line * 128 < len);
        start.as_ptr().wrapping_add(line * 128)
    }

    fn item(&self) -> &AtomicU64 {
        // SAFETY: an aligned word of a section that is mapped while the region lives; everybody takes it for an atomic one.
        unsafe { &*self.address(0).cast() }
    }

    fn bell(&self) -> &EventCount {
        // SAFETY: aligned, and zero at birth, which is its first state; made of atomic words.
        unsafe { &*self.address(1).cast() }
    }

    fn is_there(&self) -> bool {
        // Acquire: pairs with the Release in `publish`.
        self.item().load(Ordering::Acquire) > 0
    }

    fn publish(&self, ringer: &mut Ringer) {
        self.item().store(1, Ordering::Release);
        ringer.ring(self.bell());
    }

    /// Sleeps until the item is there. Says whether the last sleep ended by its time.
    fn await_item(&self, sleeper: &mut Sleeper) -> bool {
        let until = Deadline::after(LIMIT);
        let mut by_tick = false;
        while !self.is_there() && !until.has_passed() {
            let ticket = sleeper.prepare(self.bell());
            if self.is_there() {
                break;
            }
            by_tick = sleeper.sleep(self.bell(), ticket, None, until, false);
        }
        by_tick
    }
}

fn blueprint() -> Blueprint {
    Blueprint::new(0x6265_6c6c, 1).section(FIRST_OWN, PAGE).expect("one page")
}

impl BellStage {
    fn set(verb: Verb, others: usize) -> Result<Self, String> {
        let descriptor = Region::anonymous(&blueprint()).map_err(text)?.inheritable().map_err(text)?;
        let (notes, sleeping) = (Notes::new()?, Vec::new());
        Ok(Self { verb, others, descriptor, notes, sleeping, ringing: None })
    }

    fn place(&self) -> Result<Place, String> {
        let region = Region::attach(self.descriptor.as_fd(), &blueprint().expected()).map_err(text)?;
        // As every party of a ring does: fences of others reach it.
        let _ = kernel::join_heavy_fences();
        Ok(Place { region })
    }

    fn ring(&self) -> Result<(), String> {
        let place = self.place()?;
        place.publish(&mut Ringer::at(place.bell()));
        Ok(())
    }

    fn play(&self) -> Result<(), String> {
        let place = self.place()?;
        let (mut ringer, mut sleeper) = (Ringer::at(place.bell()), Sleeper::new());
        mark();
        match self.verb {
            Verb::Ring => place.publish(&mut ringer),
            Verb::Sleep => _ = place.await_item(&mut sleeper),
            Verb::Prepare => _ = sleeper.prepare(place.bell()),
        }
        self.notes.answered(0);
        mark();
        Ok(())
    }

    /// Everybody who waits has it in the end; whether by a ring of the victim's or of a successor's, and at the latest by a
    /// tick.
    fn after(&mut self) -> Result<(), String> {
        let is_published = self.place()?.is_there();
        if !is_published || self.verb != Verb::Ring {
            self.notes.let_live("a successor", || self.ring())?;
        }
        for sleeping in &mut self.sleeping {
            self.notes.ends_well("a sleeper", sleeping)?;
        }
        if let Some(ringing) = &mut self.ringing {
            self.notes.ends_well("who rings", ringing)?;
        }
        let (found, by_tick) = (self.notes.get(FOUND), self.notes.get(BY_TICK));
        if found != self.others as u64 {
            return Err(format!("{found} of {} found what was published", self.others));
        }
        // A wake-up dies with the ringer between its publication and its wake, and with nobody else.
        let may = self.verb == Verb::Ring && is_published && self.notes.answer().is_none();
        if by_tick > 0 && !may {
            return Err(format!("{by_tick} were woken by their own time"));
        }
        Ok(())
    }
}

impl Stage for BellStage {
    fn victim(&self) -> i32 {
        self.notes.run(|| self.play())
    }

    fn ready(&mut self, _: Pid) -> Result<(), String> {
        for _ in 0..self.others {
            let sleeping = self.notes.start(|| {
                let place = self.place()?;
                let by_tick = place.await_item(&mut Sleeper::new());
                self.notes.add(BY_TICK, by_tick.into());
                self.notes.add(FOUND, u64::from(place.is_there()));
                Ok(())
            })?;
            self.notes.until_asleep("a sleeper", &sleeping)?;
            self.sleeping.push(sleeping);
        }
        Ok(())
    }

    fn nudge(&mut self) -> Result<(), String> {
        if self.ringing.is_none() && self.verb == Verb::Sleep {
            self.ringing = Some(self.notes.start(|| self.ring())?);
        }
        Ok(())
    }

    fn after_death(&mut self, _: Moment) -> Result<(), String> {
        self.after()
    }

    fn while_stopped(&mut self) -> Result<(), String> {
        // Others go on without it: they are woken while it stands still, if anybody else rings.
        if self.verb != Verb::Ring {
            self.notes.let_live("another ringer", || self.ring())?;
            for sleeping in &mut self.sleeping {
                self.notes.ends_well("a sleeper", sleeping)?;
            }
        }
        Ok(())
    }

    fn after_all(&mut self) -> Result<(), String> {
        self.after()
    }

    fn recoverer(&self) -> i32 {
        self.notes.run(|| {
            let place = self.place()?;
            let mut ringer = Ringer::at(place.bell());
            mark();
            place.publish(&mut ringer);
            mark();
            Ok(())
        })
    }

    fn wrong(&self) -> Option<String> {
        self.notes.is_wrong()
    }
}
