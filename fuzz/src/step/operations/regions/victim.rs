//! The victim's life: what the verb needs, the verb between two marks, and the end of what it gave.

use super::super::parties::text;
use super::place::{Held, Spot};
use super::{ENDED, RegionStage, Scene, VISITOR, Verb, blueprint};
use crate::step::tracee::{LIMIT, mark};
use core::fmt::Display;
use ringway_shm::layout::FIRST_OWN;
use ringway_shm::shared_memory::ShmemConf;
use ringway_shm::{Permissions, Region, list, remove_leftovers};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

impl RegionStage {
    pub(super) fn play(&self) -> Result<(), String> {
        // What the verb gave, if it gave a region, is dropped when the verb is over.
        match self.act() {
            Err(why) if !self.may_fail() => Err(format!("{:?}: {why}", self.verb)),
            _ => Ok(()),
        }
    }

    fn act(&self) -> Result<Option<Held>, String> {
        let place = &self.place;
        let anonymous = || Region::anonymous(&blueprint()).map_err(text);
        let nameless = || Region::nameless(&blueprint(), Permissions::default());
        let expected = blueprint().expected();
        match self.verb {
            Verb::Create => self.marked(|| place.create()).map(Some).map_err(text),
            Verb::Open => self.marked(|| place.open(Duration::ZERO)).map(Some).map_err(text),
            Verb::OpenOrCreate => self.marked(|| place.open_or_create()).map(Some).map_err(text),
            Verb::Anonymous => self.gives(|| Region::anonymous(&blueprint())),
            Verb::Nameless => self.gives(nameless),
            Verb::Unlink => self.does(|| place.unlink()),
            Verb::List => self.does(list),
            Verb::RemoveLeftovers => self.does(remove_leftovers),
            Verb::Leave => {
                let held = place.open_or_create().map_err(text)?;
                self.marked(|| {
                    drop(held);
                    Ok::<_, String>(())
                })?;
                Ok(None)
            }
            Verb::Publish => {
                let Spot::Name(name) = &place.spot else { return Err("it is for names".to_owned()) };
                let region = nameless().map_err(text)?;
                self.does(|| region.publish(name.clone()))?;
                Ok(Some(Held::Region(Arc::new(region))))
            }
            Verb::Mirror => {
                let region = anonymous()?;
                self.does(|| region.mirror(FIRST_OWN).map(drop))
            }
            Verb::Send | Verb::Receive => {
                let (here, there) = UnixStream::pair().map_err(text)?;
                there.set_read_timeout(Some(LIMIT)).map_err(text)?;
                let region = anonymous()?;
                if self.verb == Verb::Send {
                    return self.does(|| region.send(&here));
                }
                region.send(&here).map_err(text)?;
                self.gives(|| Region::receive(&there, &expected))
            }
            Verb::Inherit => {
                let descriptor = anonymous()?.inheritable().map_err(text)?;
                self.gives(|| Region::attach(descriptor.as_fd(), &expected))
            }
            Verb::Adopt | Verb::AdoptAsGuest => {
                let name = self.segment();
                let size = blueprint().region_len() as usize;
                let owned = ShmemConf::new().os_id(&name).size(size).create().map_err(text)?;
                if self.verb == Verb::Adopt {
                    return self.gives(|| Region::adopt(owned, &blueprint(), Duration::ZERO));
                }
                let _owner = Region::adopt(owned, &blueprint(), Duration::ZERO).map_err(text)?;
                let guest = ShmemConf::new().os_id(&name).open().map_err(text)?;
                self.gives(|| Region::adopt(guest, &blueprint(), LIMIT))
            }
        }
    }

    /// The verb between its marks. What it came to is noted before the second one.
    fn marked<R, E>(&self, verb: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
        mark();
        let answer = verb();
        self.notes.set(ENDED, if answer.is_ok() { 1 } else { 2 });
        mark();
        answer
    }

    /// A verb that gives a region.
    fn gives<E: Display>(&self, verb: impl FnOnce() -> Result<Region, E>) -> Result<Option<Held>, String> {
        self.marked(verb).map(|region| Some(Held::Region(Arc::new(region)))).map_err(text)
    }

    /// A verb that does something.
    fn does<R, E: Display>(&self, verb: impl FnOnce() -> Result<R, E>) -> Result<Option<Held>, String> {
        self.marked(verb).map(|_| None).map_err(text)
    }

    /// The name of a segment of the application's.
    pub(super) fn segment(&self) -> String {
        format!("ringway-{}", self.folder.file_name().unwrap_or_default().display())
    }

    /// May the verb say that it cannot?
    fn may_fail(&self) -> bool {
        // While it was stopped, a visitor may have made what is not to be there, or removed what is.
        let is_visited = self.notes.get(VISITOR) > 0;
        match (self.verb, self.scene) {
            // What is there cannot be made, and what is not cannot be opened.
            (Verb::Create | Verb::Publish, Scene::Kept) => true,
            (Verb::Open, Scene::Bare | Scene::Leftover) => true,
            // A leftover is nothing that could be unlinked, once the next one has met it.
            (Verb::OpenOrCreate | Verb::Open, _) => false,
            _ => is_visited,
        }
    }
}
