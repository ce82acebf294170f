//! From a configuration to a region and back: what both kinds of ring check before anybody touches a position.
//!
//! ```text
//!   create:  Config ─ capacity fits? ─ Blueprint ─ nameless region ─ claim the side ─ name
//!   open:    region ─ kind, version, type (superblock) ─ parameters and sections fit each other ─ claim the side
//! ```
//!
//! `create` claims the side before the region gets its name, so a creator never loses its side to a faster stranger.
//! `open_or_create` opens what it has created, and may.

use crate::config::{Config, Wrap, data_len};
use crate::error::{AttachError, CreateError, OpenError};
use crate::layout::{CAPACITY, CONTROL, DATA, KIND_VERSION, SLOT_ALIGN, SLOT_SIZE, WRAP};
use ringway_shm::layout::{PAGE, PARAMETERS};
use ringway_shm::{Blueprint, Claim, Expected, Name, Region, Rejected};
use std::path::Path;
use std::sync::Arc;

/// What a ring is made of: bytes, or slots of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) kind: u32,
    pub(crate) fingerprint: u128,
    pub(crate) slot_size: u64,
    pub(crate) slot_align: u64,
    /// Bytes of data for each unit of capacity.
    pub(crate) stride: u64,
    pub(crate) capacity_min: u64,
}

/// The two sides of a ring, as roles of its region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Producer = 0,
    Consumer = 1,
}

impl Side {
    /// Takes the side, if nobody alive has it.
    pub(crate) fn claim(self, region: &Arc<Region>) -> Result<Claim, AttachError> {
        let taken = match self {
            Self::Producer => AttachError::ProducerTaken,
            Self::Consumer => AttachError::ConsumerTaken,
        };
        region.claim(self as u32).map_err(|error| AttachError::from_claim(error, taken))
    }
}

/// A checked ring, not yet taken by anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) capacity: u64,
    pub(crate) wrap: Wrap,
}

impl Form {
    pub(crate) fn expected(&self) -> Expected {
        Expected { kind: self.kind, kind_version: KIND_VERSION, fingerprint: self.fingerprint }
    }

    /// What a region for this configuration consists of.
    pub(crate) fn blueprint(&self, config: &Config) -> Result<Blueprint, CreateError> {
        if self.slot_size > 0 && config.wrap == Wrap::Mirrored {
            return Err(CreateError::MirroredSlots);
        }
        let len = data_len(config.capacity, self.capacity_min, self.stride)?;
        let mut parameters = [0; PARAMETERS];
        parameters[CAPACITY] = config.capacity;
        parameters[WRAP] = u64::from(config.wrap == Wrap::Mirrored);
        parameters[SLOT_SIZE] = self.slot_size;
        parameters[SLOT_ALIGN] = self.slot_align;
        let blueprint = Blueprint::new(self.kind, KIND_VERSION)
            .fingerprint(self.fingerprint)
            .parameters(parameters)
            .lifetime(config.lifetime)
            .rows(config.participants)
            .and_then(|blueprint| blueprint.section(CONTROL, PAGE))
            .and_then(|blueprint| blueprint.section(DATA, len))
            .map_err(ringway_shm::CreateError::from)?;
        Ok(blueprint)
    }

    /// Checks what a region says of itself against what this program would have built.
    pub(crate) fn shape(&self, region: &Region) -> Result<Shape, OpenError> {
        let rejected = |why| OpenError::Region(ringway_shm::OpenError::Rejected(why));
        region.expect(&self.expected()).map_err(rejected)?;
        let geometry = region.geometry();
        let parameters = geometry.parameters;
        let wrap = match parameters[WRAP] {
            0 => Wrap::Padding,
            1 if self.slot_size == 0 => Wrap::Mirrored,
            _ => return Err(rejected(Rejected::Geometry)),
        };
        let capacity = parameters[CAPACITY];
        let len = data_len(capacity, self.capacity_min, self.stride).unwrap_or(0);
        let control = geometry.section(CONTROL).is_some_and(|section| section.len == PAGE);
        let data = len > 0
            && geometry.section(DATA).is_some_and(|section| section.len == len.next_multiple_of(PAGE));
        let slot = (parameters[SLOT_SIZE], parameters[SLOT_ALIGN]) == (self.slot_size, self.slot_align);
        let rest = parameters[SLOT_ALIGN + 1..].iter().all(|&parameter| parameter == 0);
        if control && data && slot && rest {
            Ok(Shape { capacity, wrap })
        } else {
            Err(rejected(Rejected::Geometry))
        }
    }

    /// Builds a region, lets `take` claim what it needs, and only then gives it the name.
    pub(crate) fn create<R>(
        &self,
        name: Name,
        config: &Config,
        take: impl FnOnce(&Arc<Region>) -> Result<R, OpenError>,
    ) -> Result<R, CreateError> {
        let region = Region::nameless(&self.blueprint(config)?, config.permissions)?;
        let region = Arc::new(region);
        let taken = take(&region).map_err(created)?;
        region.publish(name)?;
        Ok(taken)
    }

    /// As [`create`](Self::create), for a file.
    pub(crate) fn create_file<R>(
        &self,
        path: &Path,
        config: &Config,
        take: impl FnOnce(&Arc<Region>) -> Result<R, OpenError>,
    ) -> Result<R, CreateError> {
        // A path without a directory lies in the current one.
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let region = Region::nameless_file(directory, &self.blueprint(config)?, config.permissions)?;
        let region = Arc::new(region);
        let taken = take(&region).map_err(created)?;
        region.publish_file(path)?;
        Ok(taken)
    }
}

/// A failure to open as a failure to create.
pub(crate) fn created(error: OpenError) -> CreateError {
    match error {
        OpenError::Region(error) => CreateError::Region(error.into()),
        OpenError::Attach(error) => CreateError::Attach(error),
    }
}
