//! The verbs on one name, and the scenes in which they are done.

use crate::party::Tidy;
use ringway_shm::primitive::kernel::Call;
use ringway_shm::primitive::model::{self, Hooks, Verdict};
use ringway_shm::{
    Access, Blueprint, CreateError, Expected, Name, OpenError, Permissions, Region, layout, list,
    remove_leftovers, unlink,
};
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

pub(crate) fn blueprint() -> Blueprint {
    Blueprint::new(0x6361_6c6c, 1).section(layout::FIRST_OWN, layout::PAGE).unwrap()
}

pub(crate) fn open_or_create(name: Name) -> Result<Region, CreateError> {
    Region::open_or_create(name, &blueprint(), Permissions::default())
}

/// What a party may do with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Open,
    OpenReading,
    /// Opens it as another kind, and is refused.
    OpenOther,
    OpenOrCreate,
    Leave,
    Unlink,
    List,
    RemoveLeftovers,
}

pub(crate) const VERBS: [Verb; 9] = [
    Verb::Create,
    Verb::Open,
    Verb::OpenReading,
    Verb::OpenOther,
    Verb::OpenOrCreate,
    Verb::Leave,
    Verb::Unlink,
    Verb::List,
    Verb::RemoveLeftovers,
];

/// How a verb ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The party has the region now.
    Held(Box<Region>),
    /// It did what it does.
    Done,
    NotFound,
    Exists,
    TimedOut,
    /// Another kind of region.
    OtherKind,
    /// A system call failed, or permission was refused: what an injected failure may look like.
    Failed(#[allow(dead_code)] String), // because it is shown when a test fails.
}

impl Outcome {
    pub(crate) fn held(&self) -> Option<&Region> {
        match self {
            Self::Held(region) => Some(region),
            _ => None,
        }
    }
}

impl From<OpenError> for Outcome {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NotFound { .. } => Self::NotFound,
            OpenError::TimedOut => Self::TimedOut,
            OpenError::Rejected(ringway_shm::Rejected::Kind { .. }) => Self::OtherKind,
            OpenError::System(_) | OpenError::PermissionDenied => Self::Failed(error.to_string()),
            other => panic!("{other:?} is no answer to anything that these tests do"),
        }
    }
}

impl From<CreateError> for Outcome {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Exists { .. } => Self::Exists,
            CreateError::Open(error) => (*error).into(),
            CreateError::System(_) | CreateError::NoRoom { .. } | CreateError::Permissions { .. } => {
                Self::Failed(error.to_string())
            }
            other => panic!("{other:?} is no answer to anything that these tests do"),
        }
    }
}

impl<E: Into<Outcome>> From<Result<Region, E>> for Outcome {
    fn from(result: Result<Region, E>) -> Self {
        result.map_or_else(Into::into, |region| Self::Held(Box::new(region)))
    }
}

impl Verb {
    /// Does it; a leaver's handle is dropped.
    pub(crate) fn act(self, name: &Name, handle: Option<Region>) -> Outcome {
        assert_eq!(handle.is_some(), self == Self::Leave);
        let expected = blueprint().expected();
        let open = |expected: Expected, read_only| {
            let access = Access { read_only, ..Access::default() };
            Outcome::from(Region::open(name.clone(), &expected, access))
        };
        match self {
            Self::Create => Region::create(name.clone(), &blueprint(), Permissions::default()).into(),
            Self::Open => open(expected, false),
            Self::OpenReading => open(expected, true),
            Self::OpenOther => open(Expected { kind: 1, ..expected }, false),
            Self::OpenOrCreate => open_or_create(name.clone()).into(),
            Self::Leave => {
                drop(handle);
                Outcome::Done
            }
            Self::Unlink => unlink(name).map_or_else(Outcome::from, |()| Outcome::Done),
            Self::List => list().map_or_else(|error| Outcome::Failed(error.to_string()), |_| Outcome::Done),
            Self::RemoveLeftovers => {
                remove_leftovers().map_or_else(|error| Outcome::Failed(error.to_string()), |_| Outcome::Done)
            }
        }
    }
}

/// How a name stands before the verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Nobody but the leavers, if there are any, has it.
    Bare,
    /// A third party holds it all the while.
    Kept,
    /// A dead party left it.
    Leftover,
}

pub(crate) const SCENES: [Scene; 3] = [Scene::Bare, Scene::Kept, Scene::Leftover];

impl Scene {
    /// Sets it up; the answer is the third party.
    pub(crate) fn set(self, name: &Name) -> Option<Region> {
        match self {
            Self::Bare => None,
            Self::Kept => Some(open_or_create(name.clone()).unwrap()),
            Self::Leftover => {
                leave_behind(open_or_create(name.clone()).unwrap());
                None
            }
        }
    }

    /// A leaver has the region, so it is no leftover.
    pub(crate) fn suits(self, verb: Verb) -> bool {
        !(self == Self::Leftover && verb == Verb::Leave)
    }
}

/// Gives a region up as a killed process does: its descriptor goes, its name stays.
pub(crate) fn leave_behind(region: Region) {
    struct Dead;
    impl Hooks for Dead {
        fn kernel(&self, _: &Call<'_>) -> Verdict {
            Verdict::Fail(Errno::IO.raw_os_error())
        }
    }
    let _installed = model::install(Rc::new(Dead));
    drop(region);
}

/// What happens at the chosen call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// The call fails and the kernel never sees it.
    Fail(Errno),
    /// The process is killed before it.
    Die,
}

/// Counts the calls to the kernel, and does something at one of them.
pub(crate) struct At {
    call: usize,
    deed: Deed,
    count: Cell<usize>,
    seen: RefCell<String>,
    clock: Clock,
}

impl At {
    pub(crate) fn new(call: usize, deed: Deed) -> Rc<Self> {
        let seen = RefCell::new("not reached".to_owned());
        Rc::new(Self { call, deed, count: Cell::new(0), seen, clock: Clock::default() })
    }

    /// Did the call come?
    pub(crate) fn reached(&self) -> bool {
        self.count.get() > self.call
    }

    /// The call and what was done at it, for people.
    pub(crate) fn context(&self) -> String {
        format!("{:?} at call {}, {}", self.deed, self.call, self.seen.borrow())
    }
}

impl Hooks for At {
    fn kernel(&self, call: &Call<'_>) -> Verdict {
        let count = self.count.get();
        self.count.set(count + 1);
        if count != self.call {
            return Verdict::Real;
        }
        *self.seen.borrow_mut() = format!("{call:?}");
        match self.deed {
            Deed::Fail(errno) => Verdict::Fail(errno.raw_os_error()),
            Deed::Die => crate::party::die(),
        }
    }

    fn now(&self) -> Option<Duration> {
        Some(self.clock.now())
    }
}

/// A clock that goes on by looking at it, so that patience costs no time.
#[derive(Default)]
pub(crate) struct Clock(Cell<u32>);

impl Clock {
    pub(crate) fn now(&self) -> Duration {
        self.0.set(self.0.get() + 1);
        Duration::from_millis(300) * self.0.get()
    }
}

/// Does the name lead to this region?
pub(crate) fn leads_to(name: &Name, region: &Region) -> bool {
    let ours = rustix::fs::fstat(region.as_fd()).unwrap();
    let named = rustix::fs::lstat(name.path());
    named.is_ok_and(|named| (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino))
}

/// Whatever happened before: the name is free or leads to a whole region, whoever wants it has it at once, and it goes
/// with its last party.
pub(crate) fn still_works(tidy: &Tidy, context: &str) {
    if let Some(entry) = list().unwrap().into_iter().find(|entry| entry.name == tidy.0) {
        assert!(entry.geometry.is_ok(), "{context}: a half-made region: {entry:?}");
    }
    let start = std::time::Instant::now();
    let region = open_or_create(tidy.name()).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert!(start.elapsed() < Duration::from_secs(1), "{context}: took {:?}", start.elapsed());
    let expected = blueprint().expected();
    let peer = Region::open(tidy.name(), &expected, Access::default());
    let peer = peer.unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(peer.geometry(), region.geometry(), "{context}");
    drop((region, peer));
    assert!(tidy.goes(), "{context}: the name stayed");
}
