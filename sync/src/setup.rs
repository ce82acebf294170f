//! How a region of primitives is made and opened: by a name, in a file, without either.
//!
//! ```text
//!   create, create_with ─ open ─ open_or_create, open_or_create_with        a name
//!   open_or_create_file                                                     a file
//!   anonymous ─ inherit                                                     a descriptor
//! ```

use crate::layout::{KIND_SPACE, KIND_VERSION, LINE, SPACE};
use crate::shared::{Shared, expected};
use crate::{CreateError, OpenError};
use ringway_shm::{Access, Blueprint, Lifetime, Name, Permissions, Region};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

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
