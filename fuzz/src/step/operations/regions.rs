//! Every verb by which a region is made, found, handed on and left: under a name, at a path, and without either.
//!
//! ```text
//!   scene   bare: nothing is there      kept: a third party has the region all the while
//!           leftover: a dead party left it      awaited: somebody waits for it to be made
//!   victim  ── mark ── the verb ── mark ──▶ leaves
//!   after   one region for all who meet, whole; no party has lost its name; the name goes with the last; what the verb said
//!           that it did is so. A region without a place leaves nothing to look at, but for a segment of the application's
//! ```

mod place;
mod victim;

use super::parties::text;
use crate::actor::Actor;
use crate::step::scene::{Notes, READY};
use crate::step::sweep::{Moment, Operation, Stage};
use crate::step::tracee::{LIMIT, mark};
use nix::unistd::Pid;
use place::{Place, Refused, Spot};
use ringway_shm::layout::{FIRST_OWN, PAGE};
use ringway_shm::shared_memory::ShmemConf;
use ringway_shm::{Blueprint, CreateError, Name, OpenError, Region, list};
use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What the victim does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Create,
    Open,
    OpenOrCreate,
    /// Drops its handle.
    Leave,
    Unlink,
    List,
    RemoveLeftovers,
    Anonymous,
    Nameless,
    Publish,
    Mirror,
    /// Sends a region over a socket, and receives one.
    Send,
    Receive,
    Inherit,
    /// Makes a region of a segment, and joins one that somebody has made.
    Adopt,
    AdoptAsGuest,
}

/// What is there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    Bare,
    Kept,
    Leftover,
    Awaited,
}

/// Words of the board beside those of `scene.rs`.
const END: usize = 1000;
/// Identity of the region that somebody has: two words each.
const THIRD: usize = 1002;
const VISITOR: usize = 1004;
/// How the victim's verb ended: 1 it did, 2 it said that it could not.
const ENDED: usize = 1006;
/// The victim was not killed, and has left.
const LEFT: usize = 1008;
/// Whoever waited has it.
const CAME: usize = 1007;

pub(crate) fn all() -> Vec<Operation> {
    use Scene::{Awaited, Bare, Kept, Leftover};
    let placed: [(&str, Verb, &[Scene]); 5] = [
        ("create", Verb::Create, &[Bare, Kept, Leftover, Awaited]),
        ("open", Verb::Open, &[Bare, Kept, Leftover]),
        ("open_or_create", Verb::OpenOrCreate, &[Bare, Kept, Leftover, Awaited]),
        ("leave", Verb::Leave, &[Bare, Kept]),
        ("unlink", Verb::Unlink, &[Kept, Leftover]),
    ];
    let named: [(&str, Verb, &[Scene]); 4] = [
        ("list", Verb::List, &[Kept, Leftover]),
        ("remove_leftovers", Verb::RemoveLeftovers, &[Kept, Leftover]),
        ("nameless", Verb::Nameless, &[Bare]),
        ("publish", Verb::Publish, &[Bare, Kept, Awaited]),
    ];
    let placeless: [(&str, Verb, &[Scene]); 7] = [
        ("anonymous", Verb::Anonymous, &[Bare]),
        ("mirror", Verb::Mirror, &[Bare]),
        ("send", Verb::Send, &[Bare]),
        ("receive", Verb::Receive, &[Bare]),
        ("inherited", Verb::Inherit, &[Bare]),
        ("adopt", Verb::Adopt, &[Bare]),
        ("adopt as guest", Verb::AdoptAsGuest, &[Bare]),
    ];
    let mut all = Vec::new();
    for (name, verb, scenes) in placed {
        for (of, is_file, is_ring) in [
            ("name", false, false),
            ("file", true, false),
            ("ring by name", false, true),
            ("ring in a file", true, true),
        ] {
            all.extend(operations(of, name, verb, scenes, is_file, is_ring));
        }
    }
    all.extend(
        named
            .into_iter()
            .flat_map(|(name, verb, scenes)| operations("name", name, verb, scenes, false, false)),
    );
    all.extend(
        placeless
            .into_iter()
            .flat_map(|(name, verb, scenes)| operations("region", name, verb, scenes, false, false)),
    );
    all
}

/// A verb in each of its scenes.
fn operations(
    of: &str,
    name: &str,
    verb: Verb,
    scenes: &'static [Scene],
    is_file: bool,
    is_ring: bool,
) -> impl Iterator<Item = Operation> {
    let name = format!("{of}: {name}");
    scenes.iter().map(move |&scene| {
        let scene_name = match scene {
            Scene::Bare => "",
            Scene::Kept => ", kept",
            Scene::Leftover => ", leftover",
            Scene::Awaited => ", one waiting",
        };
        let recovers = matches!(verb, Verb::Leave | Verb::Unlink | Verb::OpenOrCreate | Verb::Create);
        let set = move || {
            RegionStage::set(verb, scene, is_file, is_ring).map(|stage| Box::new(stage) as Box<dyn Stage>)
        };
        Operation {
            name: format!("{name}{scene_name}"),
            has_recoverer: recovers && scene != Scene::Awaited,
            set: Box::new(set),
        }
    })
}

fn blueprint() -> Blueprint {
    Blueprint::new(0x7374_6570, 1).section(FIRST_OWN, PAGE).expect("one page")
}

struct RegionStage {
    verb: Verb,
    scene: Scene,
    place: Place,
    /// A folder of the stage's own, for files and segments.
    folder: PathBuf,
    notes: Notes,
    third: Option<Actor>,
    visitor: Option<Actor>,
}

/// Notes which region somebody has.
fn note_identity(notes: &Notes, word: usize, region: &Region) {
    let identity = u128::from_le_bytes(region.geometry().identity);
    notes.set(word, identity as u64);
    notes.set(word + 1, (identity >> 64) as u64);
}

/// Is it the region that was noted there?
fn is_noted(notes: &Notes, word: usize, region: &Region) -> bool {
    let noted = u128::from(notes.get(word)) | u128::from(notes.get(word + 1)) << 64;
    u128::from_le_bytes(region.geometry().identity) == noted
}

impl RegionStage {
    fn set(verb: Verb, scene: Scene, is_file: bool, is_ring: bool) -> Result<Self, String> {
        thread_local! {
            static STAGES: Cell<u32> = const { Cell::new(0) };
        }
        let number = STAGES.replace(STAGES.get() + 1);
        let text_of_name = format!("step-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(format!("ringway-{text_of_name}"));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let spot = match is_file {
            true => Spot::File(folder.join("region")),
            false => Spot::Name(Name::new(&text_of_name).map_err(text)?),
        };
        let place = Place { spot, is_ring };
        let notes = Notes::new()?;
        let mut stage = Self { verb, scene, place, folder, notes, third: None, visitor: None };
        let (place, notes) = (&stage.place, &stage.notes);
        match scene {
            Scene::Bare => {}
            Scene::Kept => {
                stage.third = Some(notes.start(|| hold(notes, place, THIRD, READY, END).map_err(text))?);
                notes.until("a third party has the region", LIMIT, || notes.get(READY) > 0)?;
            }
            Scene::Leftover => {
                let mut dead = notes.start(|| hold(notes, place, THIRD, READY, END).map_err(text))?;
                notes.until("somebody has the region", LIMIT, || notes.get(READY) > 0)?;
                dead.kill();
            }
            Scene::Awaited => {
                stage.third = Some(notes.start(|| {
                    notes.set(READY, 1);
                    let region =
                        place.open_bare(LIMIT).map_err(|error| format!("whoever waited: {error}"))?;
                    note_identity(notes, THIRD, &region);
                    notes.set(CAME, 1);
                    notes.until("it may leave", LIMIT, || notes.get(END) > 0)
                })?);
                notes.until("somebody waits", LIMIT, || notes.get(READY) > 0)?;
            }
        }
        Ok(stage)
    }

    /// Does a verb that is about a place stand here?
    fn is_placed(&self) -> bool {
        use Verb::{Adopt, AdoptAsGuest, Anonymous, Inherit, Mirror, Receive, Send};
        !matches!(self.verb, Anonymous | Mirror | Send | Receive | Inherit | Adopt | AdoptAsGuest)
    }

    /// Whoever holds the region keeps its name, but against `unlink`.
    fn keeps_its_name(&self, word: usize, who: &str) -> Result<(), String> {
        match self.place.open(Duration::ZERO) {
            Ok(held) if is_noted(&self.notes, word, held.region()) => Ok(()),
            _ if self.verb == Verb::Unlink => Ok(()),
            Ok(_) => Err(format!("{who} has lost its name to another region")),
            Err(error) => Err(format!("{who} has lost its name: {error}")),
        }
    }

    /// One region for all who meet, whatever happened before; and no name after the last has left.
    fn meets(&self, is_last: bool) -> Result<(), String> {
        let first = self.place.open_or_create().map_err(|error| format!("the next one: {error}"))?;
        let second = self.place.open(Duration::ZERO).map_err(|error| format!("the one after: {error}"))?;
        if first.region().geometry() != second.region().geometry() {
            return Err("two that met have two regions".to_owned());
        }
        if self.scene == Scene::Awaited && !is_last {
            self.notes.until("whoever waited has it", LIMIT, || self.notes.get(CAME) > 0)?;
            if !is_noted(&self.notes, THIRD, first.region()) && self.visitor.is_none() {
                return Err("whoever waited has another region".to_owned());
            }
        }
        if let Spot::Name(name) = &self.place.spot {
            let listed = list().map_err(text)?.into_iter().find(|entry| entry.name == *name);
            let listed = listed.ok_or("a region with a name is not listed")?;
            if !listed.in_use || listed.geometry.is_err() {
                return Err(format!("listed as {listed:?}"));
            }
        }
        Ok(())
    }

    fn is_tidy(&self) -> Result<(), String> {
        if self.place.path().exists() {
            return Err("the last one has left, and the name is there".to_owned());
        }
        let left = fs::read_dir(&self.folder).map_err(text)?.flatten().map(|entry| entry.file_name());
        let left: Vec<_> = left.collect();
        if left.is_empty() { Ok(()) } else { Err(format!("left behind: {left:?}")) }
    }

    fn after(&mut self) -> Result<(), String> {
        if !self.is_placed() {
            return self.after_placeless();
        }
        let notes = self.notes.clone();
        let is_done = notes.get(ENDED) == 1 && self.visitor.is_none();
        let takes_away = match self.scene {
            Scene::Leftover => matches!(self.verb, Verb::Unlink | Verb::RemoveLeftovers),
            _ => self.verb == Verb::Unlink,
        };
        if is_done && takes_away && self.place.path().exists() {
            return Err("it said that it took the name away".to_owned());
        }
        if self.scene == Scene::Kept {
            notes.let_live("a looker", || self.keeps_its_name(THIRD, "the third party"))?;
        }
        notes.let_live("the survivors", || self.meets(false))?;
        notes.set(END, 1);
        for actor in [&mut self.third, &mut self.visitor].into_iter().flatten() {
            notes.ends_well("a party", actor)?;
        }
        // After `unlink` there were two regions, and both have gone.
        notes.let_live("the last", || self.meets(true))?;
        self.is_tidy()
    }

    /// A region without a place is gone with its last descriptor; a segment stays the application's.
    fn after_placeless(&self) -> Result<(), String> {
        if !matches!(self.verb, Verb::Adopt | Verb::AdoptAsGuest) {
            return Ok(());
        }
        let name = self.segment();
        self.notes.let_live("a guest", || {
            // An owner that leaves takes it away.
            let is_ready = self.notes.get(ENDED) == 1 && self.notes.get(LEFT) == 0;
            let segment = match ShmemConf::new().os_id(&name).open() {
                Ok(segment) => segment,
                Err(error) if is_ready => return Err(format!("a segment that was ready: {error}")),
                Err(_) => return Ok(()),
            };
            match Region::adopt(segment, &blueprint(), Duration::ZERO) {
                Ok(region) if region.geometry().kind == blueprint().expected().kind => Ok(()),
                Ok(_) => Err("a guest found another region".to_owned()),
                Err(CreateError::Open(error))
                    if *error == OpenError::TimedOut && self.verb == Verb::Adopt && !is_ready =>
                {
                    Ok(())
                }
                Err(error) => Err(format!("a guest: {error}")),
            }
        })
    }
}

/// Has the region of a place, and no side of a ring in it, until it is told to leave.
fn hold(notes: &Notes, place: &Place, word: usize, ready: usize, end: usize) -> Result<(), Refused> {
    let held = place.open_or_create()?;
    let region = Arc::clone(held.region());
    drop(held);
    note_identity(notes, word, &region);
    notes.set(ready, 1);
    notes.until("it may leave", LIMIT * 4, || notes.get(end) > 0).map_err(Refused::Otherwise)
}

impl Stage for RegionStage {
    fn victim(&self) -> i32 {
        self.notes.run(|| self.play())
    }

    fn ready(&mut self, _: Pid) -> Result<(), String> {
        Ok(())
    }

    fn nudge(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn after_death(&mut self, _: Moment) -> Result<(), String> {
        self.after()
    }

    fn while_stopped(&mut self) -> Result<(), String> {
        if !self.is_placed() {
            return Ok(());
        }
        let (place, notes) = (&self.place, &self.notes);
        const STAYS: usize = 1010;
        let mut visitor = notes.start(|| match hold(notes, place, VISITOR, STAYS, END) {
            // Whoever is just taking the name away may be stopped, or have the ring's side: that is said, and not waited for.
            Err(Refused::TimedOut | Refused::Taken) => {
                notes.set(STAYS, 2);
                Ok(())
            }
            answer => answer.map_err(|why| format!("a visitor: {why}")),
        })?;
        notes.until("a visitor has an answer", LIMIT, || notes.get(STAYS) > 0)?;
        if notes.get(STAYS) == 1 {
            self.visitor = Some(visitor);
            Ok(())
        } else {
            notes.ends_well("a visitor", &mut visitor)
        }
    }

    fn after_all(&mut self) -> Result<(), String> {
        self.notes.set(LEFT, 1);
        if self.visitor.is_some() {
            let notes = self.notes.clone();
            notes.let_live("a looker", || self.keeps_its_name(VISITOR, "the visitor"))?;
        }
        self.after()
    }

    fn recoverer(&self) -> i32 {
        self.notes.run(|| {
            mark();
            let held = self.place.open_or_create();
            drop(held);
            mark();
            Ok(())
        })
    }

    fn wrong(&self) -> Option<String> {
        self.notes.is_wrong()
    }
}

impl Drop for RegionStage {
    fn drop(&mut self) {
        (self.third, self.visitor) = (None, None);
        // What a failed trial leaves is taken away as well.
        _ = fs::remove_dir_all(&self.folder);
        if let Spot::Name(name) = &self.place.spot {
            _ = fs::remove_file(name.path());
        }
        _ = fs::remove_file(PathBuf::from("/dev/shm").join(self.segment()));
    }
}
