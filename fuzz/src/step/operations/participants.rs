//! Rows and roles of a region: taken, given back, asked after, with nobody, one and two asleep at the victim's life word.
//!
//! ```text
//!   region     two rows: whatever a dead one keeps of them is found out
//!   victim     ── mark ── the verb ── mark ──▶ leaves
//!   watchers   asleep at the victim's life word, if it has one before the verb
//!   after      both rows and the role are to be had; no owner is named twice; of the victim nothing is alive
//! ```

use super::parties::{owner_of, text, watch};
use crate::actor::Actor;
use crate::step::scene::{Notes, WOKEN};
use crate::step::sweep::{Moment, Operation, Stage};
use crate::step::tracee::{LIMIT, mark};
use nix::unistd::Pid;
use ringway_shm::layout::{FIRST_OWN, PAGE};
use ringway_shm::{Blueprint, Claim, ClaimError, Owner, Participant, Region, Standing};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;

/// What the victim does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Participant,
    ThreadParticipant,
    LeaveRow,
    Claim,
    GiveBack,
    Standing,
    IsGone,
    Life,
    LookClosely,
    Participants,
    IsClaimed,
}

const VERBS: [(&str, Verb); 11] = [
    ("participant", Verb::Participant),
    ("thread_participant", Verb::ThreadParticipant),
    ("drop participant", Verb::LeaveRow),
    ("claim", Verb::Claim),
    ("drop claim", Verb::GiveBack),
    ("standing", Verb::Standing),
    ("is_gone", Verb::IsGone),
    ("life", Verb::Life),
    ("look_closely", Verb::LookClosely),
    ("participants", Verb::Participants),
    ("is_claimed", Verb::IsClaimed),
];

/// The role that is taken.
const ROLE: u32 = 3;
/// The victim's owner, if it has one before the verb.
const OWNER: usize = 1000;

pub(crate) fn all() -> Vec<Operation> {
    let mut all = Vec::new();
    for (name, verb) in VERBS {
        let watchers_max = if matches!(verb, Verb::LeaveRow | Verb::GiveBack | Verb::Claim) { 2 } else { 0 };
        for watchers in 0..=watchers_max {
            let who = ["", ", one waiting", ", two waiting"][watchers as usize];
            let set = move || RowStage::set(verb, watchers).map(|stage| Box::new(stage) as Box<dyn Stage>);
            let has_recoverer = watchers == 0;
            all.push(Operation { name: format!("rows: {name}{who}"), has_recoverer, set: Box::new(set) });
        }
    }
    all
}

struct RowStage {
    verb: Verb,
    watchers: u32,
    descriptor: OwnedFd,
    notes: Notes,
    watching: Vec<Actor>,
    victim: Option<Pid>,
}

impl RowStage {
    fn set(verb: Verb, watchers: u32) -> Result<Self, String> {
        let descriptor = Region::anonymous(&blueprint()).map_err(text)?.inheritable().map_err(text)?;
        let notes = Notes::new()?;
        let stage = Self { verb, watchers, descriptor, notes, watching: Vec::new(), victim: None };
        if matches!(verb, Verb::Standing | Verb::IsGone | Verb::Life | Verb::LookClosely) {
            // Somebody who has died, to be asked after.
            let mut dead = stage.notes.start(|| {
                let region = stage.region()?;
                let row = region.participant().map_err(text)?;
                stage.notes.set(OWNER, row.owner().to_bits());
                stage.notes.until("it is killed", LIMIT, || false)
            })?;
            stage.notes.until("somebody has a row", LIMIT, || stage.notes.get(OWNER) > 0)?;
            dead.kill();
        }
        Ok(stage)
    }

    fn region(&self) -> Result<Arc<Region>, String> {
        Region::attach(self.descriptor.as_fd(), &blueprint().expected()).map(Arc::new).map_err(text)
    }

    fn dead(&self) -> Result<Owner, String> {
        Owner::from_bits(self.notes.get(OWNER)).ok_or("nobody died".to_owned())
    }

    fn play(&self) -> Result<(), String> {
        let region = self.region()?;
        let is = |is_right: bool, what: &str| if is_right { Ok(()) } else { Err(what.to_owned()) };
        match self.verb {
            Verb::Participant => {
                self.notes.marked(|| region.participant()).map_err(text)?;
                Ok(())
            }
            Verb::ThreadParticipant => {
                self.notes.marked(|| region.thread_participant()).map_err(text)?;
                Ok(())
            }
            Verb::LeaveRow => {
                let row = region.participant().map_err(text)?;
                self.notes.set(OWNER, row.owner().to_bits());
                self.notes.marked(|| drop(row));
                Ok(())
            }
            Verb::Claim => {
                // A row first, if somebody is to sleep at its life word.
                let row = if self.watchers > 0 { Some(region.participant().map_err(text)?) } else { None };
                self.notes.marked(|| region.claim(ROLE)).map_err(text)?;
                drop(row);
                Ok(())
            }
            Verb::GiveBack => {
                let claim = region.claim(ROLE).map_err(text)?;
                self.notes.set(OWNER, claim.owner().to_bits());
                self.notes.marked(|| drop(claim));
                Ok(())
            }
            Verb::Standing => {
                let dead = self.dead()?;
                is(
                    self.notes.marked(|| region.standing(dead)) == Ok(Standing::Gone),
                    "a dead one is not gone",
                )
            }
            Verb::IsGone => {
                let dead = self.dead()?;
                is(self.notes.marked(|| region.is_gone(dead)) == Ok(true), "a dead one is not gone")
            }
            Verb::Life => {
                let dead = self.dead()?;
                is(self.notes.marked(|| region.life(dead)).is_none(), "a dead one has a life word")
            }
            Verb::LookClosely => {
                let dead = self.dead()?;
                self.notes.marked(|| region.look_closely(dead)).map_err(text)
            }
            Verb::Participants => {
                let rows = self.notes.marked(|| region.participants()).map_err(text)?;
                is(rows.is_empty(), "nobody has a row, and one is there")
            }
            Verb::IsClaimed => {
                is(self.notes.marked(|| region.is_claimed(ROLE)) == Ok(false), "nobody has the role")
            }
        }
    }

    /// Takes all that there is, and looks whether a dead one has kept any of it.
    fn takes_all(&self) -> Result<(), String> {
        let region = self.region()?;
        let victim = self.victim.ok_or("no victim")?;
        if let Some(owner) = owner_of(&region, victim)? {
            return Err(format!("{owner:?} of the dead is {:?}", region.standing(owner)));
        }
        // What the dead one's rows say of it still stands there.
        let rows = region.participants().map_err(text)?;
        let dead = rows.iter().filter(|row| row.process == victim.as_raw() as u32).map(|row| row.owner);
        let dead: Vec<Owner> = dead.chain(Owner::from_bits(self.notes.get(OWNER))).collect();
        let first: Arc<Participant> = region.participant().map_err(text)?;
        let second: Rc<Participant> = region.thread_participant().map_err(text)?;
        if first.owner() == second.owner()
            || [first.owner(), second.owner()].iter().any(|owner| dead.contains(owner))
        {
            return Err("an owner is named twice".to_owned());
        }
        let claim: Claim = region.claim(ROLE).map_err(|error| format!("the role of the dead: {error}"))?;
        if region.claim(ROLE).err() != Some(ClaimError::Taken) || region.is_claimed(ROLE) != Ok(true) {
            return Err("a role is held twice".to_owned());
        }
        if claim.owner() != first.owner() || region.standing(first.owner()) != Ok(Standing::Alive) {
            return Err("somebody alive is not".to_owned());
        }
        drop(claim);
        if region.is_claimed(ROLE) == Ok(false) { Ok(()) } else { Err("a role stays taken".to_owned()) }
    }

    fn after(&mut self) -> Result<(), String> {
        for watcher in &mut self.watching {
            self.notes.ends_well("a watcher", watcher)?;
        }
        self.notes.let_live("the survivor", || self.takes_all())
    }
}

fn blueprint() -> Blueprint {
    let rows = Blueprint::new(0x726f_7773, 1).rows(2).expect("two rows");
    rows.section(FIRST_OWN, PAGE).expect("one page")
}

impl Stage for RowStage {
    fn victim(&self) -> i32 {
        self.notes.run(|| self.play())
    }

    fn ready(&mut self, victim: Pid) -> Result<(), String> {
        self.victim = Some(victim);
        for _ in 0..self.watchers {
            let watcher = self.notes.start(|| watch(&*self.region()?, &self.notes, victim))?;
            self.notes.until_asleep("a watcher", &watcher)?;
            self.watching.push(watcher);
        }
        Ok(())
    }

    fn nudge(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn after_death(&mut self, _: Moment) -> Result<(), String> {
        self.after()
    }

    fn while_stopped(&mut self) -> Result<(), String> {
        let victim = self.victim.ok_or("no victim")?;
        let has_row = matches!(self.verb, Verb::Claim) && self.watchers > 0;
        if has_row && self.notes.get(WOKEN) > 0 {
            return Err("somebody was told of its death".to_owned());
        }
        self.notes.let_live("a visitor", || {
            let region = self.region()?;
            let owner = owner_of(&region, victim)?;
            if has_row && owner.map(|owner| region.standing(owner)) != Some(Ok(Standing::Alive)) {
                return Err(format!("a stopped victim is not alive: {owner:?}"));
            }
            // Where the victim has one row, and a thread of ours the other, nobody is robbed of one.
            let row = region.participant().map_err(text)?;
            let named = owner.is_some_and(|owner| owner == row.owner());
            if named { Err("a stopped one was robbed of its row".to_owned()) } else { Ok(()) }
        })
    }

    fn after_all(&mut self) -> Result<(), String> {
        self.after()
    }

    fn recoverer(&self) -> i32 {
        self.notes.run(|| {
            let region = self.region()?;
            mark();
            let claim = region.claim(ROLE);
            drop(claim);
            mark();
            Ok(())
        })
    }

    fn wrong(&self) -> Option<String> {
        self.notes.is_wrong()
    }
}
