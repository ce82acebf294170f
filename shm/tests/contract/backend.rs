//! The kinds of regions, as the suite sees them.

use crate::party::{Directory, Tidy, fresh_name};
use ringway_shm::shared_memory::ShmemConf;
use ringway_shm::{Access, Blueprint, CreateError, Expected, Name, OpenError, Permissions, Region};
use std::any::Any;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where the other process learns what it needs to come to the region.
const WHERE: &str = "RINGWAY_TEST_WHERE";

/// One region of one kind, and the ways to come to it.
pub(crate) trait Backend {
    /// The place of a region that does not exist yet.
    fn new() -> Self;

    /// Makes the region.
    fn create(&self, blueprint: &Blueprint) -> Region;

    /// Comes to the region a second time, in this process.
    fn second(&self, first: &Region, expected: &Expected) -> Result<Region, OpenError>;

    /// Tells another process where the region is; the answer is to be kept until that process has arrived.
    fn pass(&self, first: &Region, command: &mut Command) -> Box<dyn Any>;

    /// Comes to the region in the other process.
    fn arrive(expected: &Expected) -> Result<Region, OpenError>;
}

/// A region without a name, whose descriptor is duplicated or inherited.
pub(crate) struct ThroughDescriptor;

impl Backend for ThroughDescriptor {
    fn new() -> Self {
        Self
    }

    fn create(&self, blueprint: &Blueprint) -> Region {
        Region::anonymous(blueprint).unwrap()
    }

    fn second(&self, first: &Region, expected: &Expected) -> Result<Region, OpenError> {
        Region::attach(first.as_fd(), expected)
    }

    fn pass(&self, first: &Region, command: &mut Command) -> Box<dyn Any> {
        let passed = first.inheritable().unwrap();
        command.env(WHERE, passed.as_raw_fd().to_string());
        Box::new(passed)
    }

    fn arrive(expected: &Expected) -> Result<Region, OpenError> {
        Region::inherited(std::env::var(WHERE).unwrap().parse().unwrap(), expected)
    }
}

/// A region without a name, sent over a socket.
pub(crate) struct ThroughSocket;

impl Backend for ThroughSocket {
    fn new() -> Self {
        Self
    }

    fn create(&self, blueprint: &Blueprint) -> Region {
        Region::anonymous(blueprint).unwrap()
    }

    fn second(&self, first: &Region, expected: &Expected) -> Result<Region, OpenError> {
        let (here, there) = UnixStream::pair().unwrap();
        first.send(&here).unwrap();
        Region::receive(&there, expected)
    }

    /// The other process has the socket as its input.
    fn pass(&self, first: &Region, command: &mut Command) -> Box<dyn Any> {
        let (here, there) = UnixStream::pair().unwrap();
        first.send(&here).unwrap();
        command.stdin(Stdio::from(OwnedFd::from(there)));
        Box::new(here)
    }

    fn arrive(expected: &Expected) -> Result<Region, OpenError> {
        let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Region::receive(&socket, expected)
    }
}

/// A region with a POSIX name.
pub(crate) struct Named(Tidy);

impl Named {
    pub(crate) fn name(&self) -> Name {
        self.0.name()
    }
}

impl Backend for Named {
    fn new() -> Self {
        Self(Tidy::new("contract"))
    }

    fn create(&self, blueprint: &Blueprint) -> Region {
        Region::create(self.name(), blueprint, Permissions::default()).unwrap()
    }

    fn second(&self, _first: &Region, expected: &Expected) -> Result<Region, OpenError> {
        Region::open(self.name(), expected, Access::default())
    }

    fn pass(&self, _first: &Region, command: &mut Command) -> Box<dyn Any> {
        command.env(WHERE, self.name().text());
        Box::new(())
    }

    fn arrive(expected: &Expected) -> Result<Region, OpenError> {
        Region::open(Name::new(&std::env::var(WHERE).unwrap())?, expected, Access::default())
    }
}

/// A region at a path.
pub(crate) struct InDirectory(Directory);

impl InDirectory {
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path()
    }

    fn create(&self, blueprint: &Blueprint) -> Region {
        Region::create_file(self.path(), blueprint, Permissions::default()).unwrap()
    }

    fn second(&self, expected: &Expected) -> Result<Region, OpenError> {
        Region::open_file(self.path(), expected, Access::default())
    }

    fn pass(&self, command: &mut Command) -> Box<dyn Any> {
        command.env(WHERE, self.path());
        Box::new(())
    }

    fn arrive(expected: &Expected) -> Result<Region, OpenError> {
        Region::open_file(std::env::var_os(WHERE).unwrap(), expected, Access::default())
    }
}

macro_rules! directories {
    ($($(#[doc = $doc:literal])* $backend:ident: $directory:expr;)*) => {$(
        $(#[doc = $doc])*
        pub(crate) struct $backend(pub(crate) InDirectory);

        impl Backend for $backend {
            fn new() -> Self {
                Self(InDirectory($directory))
            }

            fn create(&self, blueprint: &Blueprint) -> Region {
                self.0.create(blueprint)
            }

            fn second(&self, _first: &Region, expected: &Expected) -> Result<Region, OpenError> {
                self.0.second(expected)
            }

            fn pass(&self, _first: &Region, command: &mut Command) -> Box<dyn Any> {
                self.0.pass(command)
            }

            fn arrive(expected: &Expected) -> Result<Region, OpenError> {
                InDirectory::arrive(expected)
            }
        }
    )*};
}

directories! {
    /// A file where the machine keeps temporary files.
    OnDisk: Directory::on_disk("contract");
    /// A file in memory.
    OnTmpfs: Directory::below(Path::new("/dev/shm"), "contract");
}

/// A segment that the application made. Its name is not one of the crate's.
pub(crate) struct Adopted(String);

impl Adopted {
    fn attach(id: &str, expected: &Expected) -> Result<Region, OpenError> {
        let segment = ShmemConf::new().os_id(id).open().unwrap();
        let blueprint =
            Blueprint::new(expected.kind, expected.kind_version).fingerprint(expected.fingerprint);
        Region::adopt(segment, &blueprint, Duration::from_secs(10)).map_err(|error| match error {
            CreateError::Open(error) => *error,
            other => panic!("{other}"),
        })
    }
}

impl Backend for Adopted {
    fn new() -> Self {
        Self(format!("adopted-{}", fresh_name("contract").text()))
    }

    fn create(&self, blueprint: &Blueprint) -> Region {
        let len = usize::try_from(blueprint.region_len()).unwrap();
        let segment = ShmemConf::new().os_id(&self.0).size(len).create().unwrap();
        Region::adopt(segment, blueprint, Duration::ZERO).unwrap()
    }

    fn second(&self, _first: &Region, expected: &Expected) -> Result<Region, OpenError> {
        Self::attach(&self.0, expected)
    }

    fn pass(&self, _first: &Region, command: &mut Command) -> Box<dyn Any> {
        command.env(WHERE, &self.0);
        Box::new(())
    }

    fn arrive(expected: &Expected) -> Result<Region, OpenError> {
        Self::attach(&std::env::var(WHERE).unwrap(), expected)
    }
}
