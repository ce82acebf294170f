//! The two doors to primitives: by name in one line, and in a region that the user lays out.
//!
//! ```text
//!   Mutex::<u64>::open_or_create("total")         one primitive, one region, one line
//!
//!   #[derive(Shared)]                             several, and data, in one region: offsets and fingerprint are
//!   struct Office { total: Mutex<u64>, .. }       computed by the compiler, and checked at open
//!   Office::open_or_create("office")
//!
//!   Plan::new() ... place                         the same, when it is known at run time only (plan.rs)
//!
//!            type or plan ─▶ length, fingerprint ─▶ Region ─▶ Spot ─▶ handles
//! ```
//!
//! All-zero is the first state of everything, so what has just been made is ready; what is to be set up before anybody else
//! sees it (a count, how many parties) is done before the region gets its name ([`Setup::create_with`]).

use crate::layout::{KIND_SPACE, KIND_VERSION, LINE, SPACE};
use crate::place::Spot;
use crate::{CreateError, OpenError};
use ringway_shm::fingerprint::Hash;
use ringway_shm::{Access, Blueprint, Expected, Lifetime, Name, Permissions, Region};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

/// What lies in a region and is used by all who open it: a primitive, data, or a struct of such.
///
/// Derive it for a struct whose fields are `Shared`; the struct is then a set of handles. Fields lie in the region in the order
/// of their declaration; their names and types make up the fingerprint, so that two programs that open one region were
/// compiled from the same declaration.
///
/// # Examples
///
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use ringway_sync::{Barrier, Mutex, Permits, Setup, Shared};
///
/// #[derive(Shared)]
/// struct Office {
///     total: Mutex<u64>,
///     counters: [Mutex<u32>; 4],
///     phones: Permits<2>,
///     morning: Barrier,
/// }
///
/// # let name = format!("doc-office-{}", std::process::id());
/// let office: Office = Setup::new().create_with(name.as_str(), |office: &Office| {
///     office.morning.expect(3)?; // before anybody else can open it
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })?;
/// let there = Office::open(name.as_str())?; // in another process
/// there.total.lock()?.set(7);
/// there.counters[3].lock()?.set(8);
/// assert_eq!((office.total.lock()?.get(), office.counters[3].lock()?.get()), (7, 8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Shared: Sized {
    /// Bytes that it takes: a multiple of 128.
    const LEN: usize;

    /// What lies there, as 128 bits.
    const FINGERPRINT: u128;

    /// Handles of what lies in a part of a region.
    ///
    /// # Errors
    ///
    /// [`OpenError::ReadOnly`], and [`OpenError::Participate`] of what needs a row from the beginning.
    fn at(spot: Spot) -> Result<Self, OpenError>;

    /// Creates a region of this and nothing else, under a name that must be free.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; nothing is left behind.
    fn create<N: TryInto<Name>>(name: N) -> Result<Self, CreateError>
    where
        ringway_shm::CreateError: From<N::Error>,
    {
        Setup::new().create(name)
    }

    /// Opens what is there under a name.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; among them that it is something else.
    fn open<N: TryInto<Name>>(name: N) -> Result<Self, OpenError>
    where
        ringway_shm::OpenError: From<N::Error>,
    {
        Setup::new().open(name, Access::default())
    }

    /// Opens what is there under a name, or creates it.
    ///
    /// # Errors
    ///
    /// [`CreateError`].
    fn open_or_create<N: TryInto<Name>>(name: N) -> Result<Self, CreateError>
    where
        ringway_shm::CreateError: From<N::Error>,
    {
        Setup::new().open_or_create(name)
    }

    /// What lies in a region that is here already: got by descriptor, for one.
    ///
    /// # Errors
    ///
    /// [`OpenError::Region`] when something else lies there.
    fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        region.expect(&expected(Self::FINGERPRINT)).map_err(ringway_shm::OpenError::from)?;
        Self::at(Spot::whole(region, Self::LEN)?)
    }
}

impl<S: Shared, const N: usize> Shared for [S; N] {
    const LEN: usize = S::LEN * N;
    const FINGERPRINT: u128 =
        Hash::new().bytes(b"array").number(N as u64).fingerprint(S::FINGERPRINT).finish();

    fn at(spot: Spot) -> Result<Self, OpenError> {
        let all: Result<Vec<S>, OpenError> =
            (0..N).map(|index| S::at(spot.part::<S>(index * S::LEN))).collect();
        let all = <[S; N]>::try_from(all?);
        Ok(all.unwrap_or_else(|_| unreachable!("there are {N}")))
    }
}

/// How a region of primitives is made: for how many, for how long, for whom.
///
/// # Examples
///
/// ```
/// use ringway_sync::{Mutex, Setup};
///
/// # let name = format!("doc-setup-{}", std::process::id());
/// let setup = Setup::new().participants(500).mode(0o660);
/// let total: Mutex<u64> = setup.open_or_create(name.as_str())?;
/// # drop(total);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setup {
    participants: u32,
    lifetime: Lifetime,
    permissions: Permissions,
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Setup {
    /// Room for 126 participants, readable and writable by the owner alone, gone with its last party.
    #[must_use]
    pub fn new() -> Self {
        Self { participants: 126, lifetime: Lifetime::LastParty, permissions: Permissions::default() }
    }

    /// Room for this many participants, 1 to 4096: each thread that takes locks is one, from its first lock until it ends, and
    /// each process that takes permits or is a party of a barrier.
    #[must_use]
    pub fn participants(mut self, participants: u32) -> Self {
        self.participants = participants;
        self
    }

    /// Does a region with a name, or in a file, outlive its parties?
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Permission bits of a region with a name, or in a file, at most `0o777`; the umask does not touch them.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.permissions.mode = mode;
        self
    }

    /// Group of a region with a name, or in a file.
    #[must_use]
    pub fn group(mut self, group: u32) -> Self {
        self.permissions.group = Some(group);
        self
    }

    /// Creates a region for a type under a name that must be free.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; nothing is left behind.
    pub fn create<S: Shared, N: TryInto<Name>>(&self, name: N) -> Result<S, CreateError>
    where
        ringway_shm::CreateError: From<N::Error>,
    {
        self.create_with(name, |_: &S| Ok::<_, CreateError>(()))
    }

    /// Creates a region for a type, sets it up, and only then gives it its name, which must be free.
    ///
    /// # Errors
    ///
    /// Those of `set_up`, and [`CreateError`] as one of them; nothing is left behind.
    pub fn create_with<S: Shared, N: TryInto<Name>, E: From<CreateError>>(
        &self,
        name: N,
        set_up: impl FnOnce(&S) -> Result<(), E>,
    ) -> Result<S, E>
    where
        ringway_shm::CreateError: From<N::Error>,
    {
        let name =
            name.try_into().map_err(|error| CreateError::from(ringway_shm::CreateError::from(error)))?;
        let region = self.nameless::<S>()?;
        let handles = S::attach(&region).map_err(CreateError::from)?;
        set_up(&handles)?;
        region.publish(name).map_err(CreateError::from)?;
        Ok(handles)
    }

    /// Opens what is there under a name, as `access` says. Nothing else of the setup counts.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open<S: Shared, N: TryInto<Name>>(&self, name: N, access: Access) -> Result<S, OpenError>
    where
        ringway_shm::OpenError: From<N::Error>,
    {
        let name = name.try_into().map_err(ringway_shm::OpenError::from)?;
        S::attach(&Arc::new(Region::open(name, &expected(S::FINGERPRINT), access)?))
    }

    /// Opens what is there under a name, or creates it; of several that call this at once, all get the same.
    ///
    /// # Errors
    ///
    /// [`CreateError`].
    pub fn open_or_create<S: Shared, N: TryInto<Name>>(&self, name: N) -> Result<S, CreateError>
    where
        ringway_shm::CreateError: From<N::Error>,
    {
        let name = name.try_into().map_err(ringway_shm::CreateError::from)?;
        let region = Region::open_or_create(name, &self.blueprint::<S>()?, self.permissions)?;
        Ok(S::attach(&Arc::new(region))?)
    }

    /// Opens what is there under a name, or creates it and sets it up before it has the name. Where it is there already, it is
    /// not set up again.
    ///
    /// # Errors
    ///
    /// Those of `set_up`, and [`CreateError`] as one of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{CreateError, Semaphore, Setup};
    ///
    /// # let name = format!("doc-first-{}", std::process::id());
    /// let open = || {
    ///     Setup::new().open_or_create_with(name.as_str(), |tickets: &Semaphore| {
    ///         tickets.release(3)?;
    ///         Ok::<_, Box<dyn std::error::Error>>(())
    ///     })
    /// };
    /// let (first, second) = (open()?, open()?);
    /// assert_eq!((first.count(), second.count()), (3, 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_or_create_with<S: Shared, N: TryInto<Name>, E: From<CreateError>>(
        &self,
        name: N,
        set_up: impl Fn(&S) -> Result<(), E>,
    ) -> Result<S, E>
    where
        ringway_shm::CreateError: From<N::Error>,
    {
        let name =
            name.try_into().map_err(|error| CreateError::from(ringway_shm::CreateError::from(error)))?;
        loop {
            match self.open::<S, _>(name.clone(), Access::default()) {
                Err(OpenError::Region(ringway_shm::OpenError::NotFound { .. })) => {}
                answer => return Ok(answer.map_err(CreateError::from)?),
            }
            let region = self.nameless::<S>()?;
            let handles = S::attach(&region).map_err(CreateError::from)?;
            set_up(&handles)?;
            match region.publish(name.clone()) {
                Ok(()) => return Ok(handles),
                // Another was faster; each further round is one more that has come and gone.
                Err(ringway_shm::CreateError::Exists { .. }) => {}
                Err(error) => return Err(CreateError::from(error).into()),
            }
        }
    }

    /// Opens what lies in a file, or creates it.
    ///
    /// # Errors
    ///
    /// [`CreateError`].
    pub fn open_or_create_file<S: Shared>(&self, path: impl AsRef<Path>) -> Result<S, CreateError> {
        let region = Region::open_or_create_file(path, &self.blueprint::<S>()?, self.permissions)?;
        Ok(S::attach(&Arc::new(region))?)
    }

    /// Creates a region without a name, for the threads of this process and for those to whom its descriptor is handed
    /// ([`Region::inheritable`], [`Region::send`]), who then [`attach`](Shared::attach) or [`inherit`](Self::inherit).
    ///
    /// # Errors
    ///
    /// [`CreateError`].
    pub fn anonymous<S: Shared>(&self) -> Result<S, CreateError> {
        let region = Region::anonymous(&self.blueprint::<S>()?)?;
        Ok(S::attach(&Arc::new(region))?)
    }

    /// What lies in the region of a descriptor, which stays the caller's.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::{Mutex, Setup};
    /// use std::os::fd::AsFd;
    ///
    /// let total: Mutex<u64> = Setup::new().anonymous()?;
    /// let descriptor = total.region().inheritable()?;
    /// let again: Mutex<u64> = Setup::new().inherit(descriptor.as_fd())?; // in another process
    /// again.lock()?.set(7);
    /// assert_eq!(total.lock()?.get(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inherit<S: Shared>(&self, descriptor: BorrowedFd<'_>) -> Result<S, OpenError> {
        S::attach(&Arc::new(Region::attach(descriptor, &expected(S::FINGERPRINT))?))
    }

    fn nameless<S: Shared>(&self) -> Result<Arc<Region>, CreateError> {
        Ok(Arc::new(Region::nameless(&self.blueprint::<S>()?, self.permissions)?))
    }

    fn blueprint<S: Shared>(&self) -> Result<Blueprint, CreateError> {
        self.blueprint_of(S::LEN, S::FINGERPRINT)
    }

    /// What a region of so many bytes consists of.
    pub(crate) fn blueprint_of(&self, len: usize, fingerprint: u128) -> Result<Blueprint, CreateError> {
        let blueprint = Blueprint::new(KIND_SPACE, KIND_VERSION)
            .fingerprint(fingerprint)
            .lifetime(self.lifetime)
            .rows(self.participants)
            .and_then(|blueprint| blueprint.section(SPACE, len.max(LINE) as u64));
        Ok(blueprint.map_err(ringway_shm::CreateError::from)?)
    }

    pub(crate) fn permissions(&self) -> Permissions {
        self.permissions
    }
}

/// Where the fingerprint of a struct begins, for the derive.
#[doc(hidden)]
pub const fn shared_hash() -> Hash {
    Hash::new().bytes(b"struct of primitives")
}

/// Which regions hold this.
pub(crate) fn expected(fingerprint: u128) -> Expected {
    Expected { kind: KIND_SPACE, kind_version: KIND_VERSION, fingerprint }
}

/// The door by name, as verbs of the type itself.
macro_rules! by_name {
    ($what:literal) => {
        #[doc = concat!("Creates ", $what, " under a name that must be free.")]
        ///
        /// # Errors
        ///
        /// [`CreateError`](crate::CreateError); nothing is left behind.
        pub fn create<Named: TryInto<ringway_shm::Name>>(name: Named) -> Result<Self, crate::CreateError>
        where
            ringway_shm::CreateError: From<Named::Error>,
        {
            <Self as crate::Shared>::create(name)
        }

        #[doc = concat!("Opens ", $what, " that is there under a name.")]
        ///
        /// # Errors
        ///
        /// [`OpenError`](crate::OpenError); among them that something else is there.
        pub fn open<Named: TryInto<ringway_shm::Name>>(name: Named) -> Result<Self, crate::OpenError>
        where
            ringway_shm::OpenError: From<Named::Error>,
        {
            <Self as crate::Shared>::open(name)
        }

        #[doc = concat!("Opens ", $what, " that is there under a name, or creates it.")]
        ///
        /// # Errors
        ///
        /// [`CreateError`](crate::CreateError).
        pub fn open_or_create<Named: TryInto<ringway_shm::Name>>(
            name: Named,
        ) -> Result<Self, crate::CreateError>
        where
            ringway_shm::CreateError: From<Named::Error>,
        {
            <Self as crate::Shared>::open_or_create(name)
        }
    };
}
pub(crate) use by_name;
