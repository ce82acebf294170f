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
}

/// A failure to open as a failure to create.
pub(crate) fn created(error: OpenError) -> CreateError {
    match error {
        OpenError::Region(error) => CreateError::Region(error.into()),
        OpenError::Attach(error) => CreateError::Attach(error),
    }
}

/// The four ways to a side of a named ring, the same for both sides of both kinds.
macro_rules! by_name {
    ($form:expr, $side:literal, $taken:literal, $other:ident, $other_name:literal, $other_side:ident) => {
        #[doc = concat!("Has the ring a live ", $other_name, ", in this process or another?")]
        ///
        /// # Errors
        ///
        /// [`SystemError`](ringway_shm::SystemError) when the system does not answer.
        pub fn $other(&self) -> Result<bool, ringway_shm::SystemError> {
            self.region().is_claimed($crate::setup::Side::$other_side as u32)
        }

        #[doc = concat!("Creates a named ring and is its ", $side, ".")]
        ///
        /// # Errors
        ///
        /// [`CreateError`](crate::CreateError); nothing is left behind.
        pub fn create<N: TryInto<$crate::Name>>(
            name: N,
            config: &$crate::Config,
        ) -> Result<Self, $crate::CreateError>
        where
            ringway_shm::CreateError: From<N::Error>,
        {
            let name = name.try_into().map_err(ringway_shm::CreateError::from)?;
            $form.create(name, config, Self::attach)
        }

        #[doc = concat!("Opens a named ring as its ", $side, ".")]
        ///
        /// # Errors
        ///
        #[doc = concat!("[`OpenError`](crate::OpenError); [`", $taken, "`](crate::AttachError::", $taken, ") when it has one.")]
        pub fn open<N: TryInto<$crate::Name>>(name: N) -> Result<Self, $crate::OpenError>
        where
            ringway_shm::OpenError: From<N::Error>,
        {
            Self::open_with(name, $crate::Access::default())
        }

        #[doc = concat!("Opens a named ring as its ", $side, ", waiting for it or taking another user's, as `access` says.")]
        ///
        /// # Errors
        ///
        /// [`OpenError`](crate::OpenError).
        pub fn open_with<N: TryInto<$crate::Name>>(
            name: N,
            access: $crate::Access,
        ) -> Result<Self, $crate::OpenError>
        where
            ringway_shm::OpenError: From<N::Error>,
        {
            let name = name.try_into().map_err(ringway_shm::OpenError::from)?;
            let region = $crate::Region::open(name, &$form.expected(), access)?;
            Self::attach(&std::sync::Arc::new(region))
        }

        #[doc = concat!("Opens a named ring as its ", $side, ", or creates it. A ring that exists keeps its own capacity.")]
        ///
        /// # Errors
        ///
        /// [`CreateError`](crate::CreateError).
        pub fn open_or_create<N: TryInto<$crate::Name>>(
            name: N,
            config: &$crate::Config,
        ) -> Result<Self, $crate::CreateError>
        where
            ringway_shm::CreateError: From<N::Error>,
        {
            let name = name.try_into().map_err(ringway_shm::CreateError::from)?;
            let region = $crate::Region::open_or_create(name, &$form.blueprint(config)?, config.permissions)?;
            Self::attach(&std::sync::Arc::new(region)).map_err($crate::setup::created)
        }
    };
}

/// What a handle says of itself: how it waits, and waiting for the other side.
macro_rules! on_its_own {
    ($other:literal, $await_other:ident, $await_other_until:ident, $error:ident) => {
        /// Chooses how the calls of this handle that have to wait pass their time. Belongs to this handle; a new one spins and
        /// then sleeps.
        pub fn set_wait_strategy(&mut self, strategy: $crate::WaitStrategy) {
            self.party.set_strategy(strategy);
        }

        #[doc = concat!("Waits until the ring has a ", $other, ". At once when it has.")]
        ///
        /// # Errors
        ///
        #[doc = concat!("[`", stringify!($error), "::Forked`](crate::", stringify!($error), "::Forked).")]
        pub fn $await_other(&mut self) -> Result<(), $error> {
            self.$await_other_until($crate::Deadline::NEVER)
        }

        #[doc = concat!("Waits until the ring has a ", $other, " or a deadline passes.")]
        ///
        /// # Errors
        ///
        #[doc = concat!("[`", stringify!($error), "::TimedOut`](crate::", stringify!($error), "::TimedOut) or `Forked`.")]
        pub fn $await_other_until(&mut self, deadline: impl Into<$crate::Deadline>) -> Result<(), $error> {
            Ok(self.party.await_peer(deadline.into())?)
        }
    };
}

pub(crate) use {by_name, on_its_own};
