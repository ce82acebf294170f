//! Where a region is, under a name or at a path, and the verbs that both have: of a bare region, and of a ring.

use super::blueprint;
use core::fmt;
use ringway::{AttachError, Config, slots};
use ringway_shm::{Access, CreateError, Name, OpenError, Permissions, Region, unlink, unlink_file};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where it is.
#[derive(Clone, Debug)]
pub(super) enum Spot {
    Name(Name),
    File(PathBuf),
}

/// A region with a place of its own.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) spot: Spot,
    /// Is it a ring's? Then who makes it is its producer, and who opens it is its consumer.
    pub(super) is_ring: bool,
}

type Producer = slots::Producer<u64>;
type Consumer = slots::Consumer<u64>;

/// What somebody has of it.
pub(super) enum Held {
    Region(Arc<Region>),
    Producer(Producer),
    Consumer(Consumer),
}

impl Held {
    pub(super) fn region(&self) -> &Arc<Region> {
        match self {
            Self::Region(region) => region,
            Self::Producer(tx) => tx.region(),
            Self::Consumer(rx) => rx.region(),
        }
    }
}

/// Why somebody has nothing of it.
#[derive(Debug)]
pub(super) enum Refused {
    /// Whoever is just taking the name away does not get on.
    TimedOut,
    /// Somebody has that side of the ring.
    Taken,
    Otherwise(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("timed out"),
            Self::Taken => f.write_str("taken"),
            Self::Otherwise(why) => f.write_str(why),
        }
    }
}

impl From<OpenError> for Refused {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::TimedOut => Self::TimedOut,
            error => Self::Otherwise(error.to_string()),
        }
    }
}

impl From<CreateError> for Refused {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Open(error) => (*error).into(),
            error => Self::Otherwise(error.to_string()),
        }
    }
}

impl From<AttachError> for Refused {
    fn from(error: AttachError) -> Self {
        match error {
            AttachError::ProducerTaken | AttachError::ConsumerTaken => Self::Taken,
            error => Self::Otherwise(error.to_string()),
        }
    }
}

impl From<ringway::OpenError> for Refused {
    fn from(error: ringway::OpenError) -> Self {
        match error {
            ringway::OpenError::Region(error) => error.into(),
            ringway::OpenError::Attach(error) => error.into(),
            error => Self::Otherwise(error.to_string()),
        }
    }
}

impl From<ringway::CreateError> for Refused {
    fn from(error: ringway::CreateError) -> Self {
        match error {
            ringway::CreateError::Region(error) => error.into(),
            ringway::CreateError::Attach(error) => error.into(),
            error => Self::Otherwise(error.to_string()),
        }
    }
}

fn config() -> Config {
    Config::spsc().capacity(8)
}

fn bare(region: Region) -> Held {
    Held::Region(Arc::new(region))
}

impl Place {
    pub(super) fn create(&self) -> Result<Held, Refused> {
        let nobody = Permissions::default();
        Ok(match (&self.spot, self.is_ring) {
            (Spot::Name(name), false) => bare(Region::create(name.clone(), &blueprint(), nobody)?),
            (Spot::File(path), false) => bare(Region::create_file(path, &blueprint(), nobody)?),
            (Spot::Name(name), true) => Held::Producer(Producer::create(name.text(), &config())?),
            (Spot::File(path), true) => Held::Producer(Producer::create_file(path, &config())?),
        })
    }

    pub(super) fn open(&self, wait: Duration) -> Result<Held, Refused> {
        let access = Access { wait, ..Access::default() };
        let expected = blueprint().expected();
        Ok(match (&self.spot, self.is_ring) {
            (Spot::Name(name), false) => bare(Region::open(name.clone(), &expected, access)?),
            (Spot::File(path), false) => bare(Region::open_file(path, &expected, access)?),
            (Spot::Name(name), true) => Held::Consumer(Consumer::open_with(name.text(), access)?),
            (Spot::File(path), true) => Held::Consumer(Consumer::open_file(path, access)?),
        })
    }

    /// The region alone, and no side of a ring in it.
    pub(super) fn open_bare(&self, wait: Duration) -> Result<Region, Refused> {
        let access = Access { wait, ..Access::default() };
        let expected = if self.is_ring { slots::expected::<u64>() } else { blueprint().expected() };
        Ok(match &self.spot {
            Spot::Name(name) => Region::open(name.clone(), &expected, access)?,
            Spot::File(path) => Region::open_file(path, &expected, access)?,
        })
    }

    pub(super) fn open_or_create(&self) -> Result<Held, Refused> {
        let nobody = Permissions::default();
        Ok(match (&self.spot, self.is_ring) {
            (Spot::Name(name), false) => bare(Region::open_or_create(name.clone(), &blueprint(), nobody)?),
            (Spot::File(path), false) => bare(Region::open_or_create_file(path, &blueprint(), nobody)?),
            (Spot::Name(name), true) => Held::Producer(Producer::open_or_create(name.text(), &config())?),
            (Spot::File(path), true) => Held::Producer(Producer::open_or_create_file(path, &config())?),
        })
    }

    pub(super) fn unlink(&self) -> Result<(), Refused> {
        match &self.spot {
            Spot::Name(name) => unlink(name)?,
            Spot::File(path) => unlink_file(path)?,
        }
        Ok(())
    }

    pub(super) fn path(&self) -> PathBuf {
        match &self.spot {
            Spot::Name(name) => name.path(),
            Spot::File(path) => path.clone(),
        }
    }
}
