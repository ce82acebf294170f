//! A region laid out at run time: several primitives, and data, one behind the other.
//!
//! ```text
//!   Plan::new() ─ add::<Mutex<u64>>("total") ─▶ Planned      what and where
//!               └ add::<Permits<4>>("rooms") ─▶ Planned
//!   Space::create_with / open / open_or_create(name, &plan)  the region, if it is of just this plan
//!   space.get(&planned) ─▶ Mutex<u64>                        a handle
//! ```

use crate::place::Spot;
use crate::setup::Setup;
use crate::shared::{Shared, expected};
use crate::{CreateError, OpenError};
use core::marker::PhantomData;
use ringway_shm::fingerprint::Hash;
use ringway_shm::{Access, Name, Region};
use std::sync::Arc;

/// What a region is to hold. Two programs open the same region with equal plans: the same things, by the same names, in the
/// same order.
///
/// # Examples
///
/// ```
/// use ringway_sync::{Data, Mutex, Plan, Setup, Space};
///
/// # let name = format!("doc-plan-{}", std::process::id());
/// # let workers = 3;
/// let mut plan = Plan::new();
/// let title = plan.add::<Data<[u8; 32]>>("title");
/// let totals: Vec<_> = (0..workers).map(|worker| plan.add::<Mutex<u64>>(&format!("total {worker}"))).collect();
///
/// let space = Space::open_or_create(name.as_str(), &plan, &Setup::new())?;
/// let total = space.get(&totals[2])?;
/// total.lock()?.set(7);
/// space.get(&title)?.set(b"what the workers have done, 2026");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    len: usize,
    hash: Hash,
}

impl Default for Plan {
    fn default() -> Self {
        Self::new()
    }
}

/// Something in a [`Plan`]: what it is and where it lies.
#[derive(Debug)]
pub struct Planned<S> {
    offset: usize,
    what: PhantomData<fn() -> S>,
}

impl Plan {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { len: 0, hash: Hash::new().bytes(b"plan") }
    }

    /// Adds something behind what is there.
    ///
    /// # Panics
    ///
    /// When the plan is longer than an address space.
    pub fn add<S: Shared>(&mut self, name: &str) -> Planned<S> {
        let offset = self.len;
        self.len = offset.checked_add(S::LEN).expect("a plan fits an address space");
        self.hash = self.hash.bytes(name.as_bytes()).number(offset as u64).fingerprint(S::FINGERPRINT);
        Planned { offset, what: PhantomData }
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Is there nothing in it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn fingerprint(&self) -> u128 {
        self.hash.finish()
    }
}

/// A region that was laid out by a [`Plan`].
#[derive(Clone, Debug)]
pub struct Space {
    all: Spot,
}

impl Space {
    /// Creates a region of a plan under a name that must be free, and sets it up before it has the name.
    ///
    /// # Errors
    ///
    /// Those of `set_up`, and [`CreateError`] as one of them; nothing is left behind.
    pub fn create_with<N: TryInto<Name>, E: From<CreateError>>(
        name: N,
        plan: &Plan,
        setup: &Setup,
        set_up: impl FnOnce(&Self) -> Result<(), E>,
    ) -> Result<Self, E>
    where
        ringway_shm::CreateError: From<N::Error>,
    {
        let name =
            name.try_into().map_err(|error| CreateError::from(ringway_shm::CreateError::from(error)))?;
        let blueprint = setup.blueprint_of(plan.len, plan.fingerprint())?;
        let region = Region::nameless(&blueprint, setup.permissions()).map_err(CreateError::from)?;
        let space = Self::attach(&Arc::new(region), plan).map_err(CreateError::from)?;
        set_up(&space)?;
        space.region().publish(name).map_err(CreateError::from)?;
        Ok(space)
    }

    /// Opens what is there under a name, if it is of this plan.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open<N: TryInto<Name>>(name: N, plan: &Plan) -> Result<Self, OpenError>
    where
        ringway_shm::OpenError: From<N::Error>,
    {
        let name = name.try_into().map_err(ringway_shm::OpenError::from)?;
        let region = Region::open(name, &expected(plan.fingerprint()), Access::default())?;
        Self::attach(&Arc::new(region), plan)
    }

    /// Opens what is there under a name, or creates it.
    ///
    /// # Errors
    ///
    /// [`CreateError`].
    pub fn open_or_create<N: TryInto<Name>>(name: N, plan: &Plan, setup: &Setup) -> Result<Self, CreateError>
    where
        ringway_shm::CreateError: From<N::Error>,
    {
        let name = name.try_into().map_err(ringway_shm::CreateError::from)?;
        let blueprint = setup.blueprint_of(plan.len, plan.fingerprint())?;
        let region = Region::open_or_create(name, &blueprint, setup.permissions())?;
        Ok(Self::attach(&Arc::new(region), plan)?)
    }

    /// Creates a region of a plan without a name.
    ///
    /// # Errors
    ///
    /// [`CreateError`].
    pub fn anonymous(plan: &Plan, setup: &Setup) -> Result<Self, CreateError> {
        let region = Region::anonymous(&setup.blueprint_of(plan.len, plan.fingerprint())?)?;
        Ok(Self::attach(&Arc::new(region), plan)?)
    }

    /// A region that is here already, if it is of this plan.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn attach(region: &Arc<Region>, plan: &Plan) -> Result<Self, OpenError> {
        region.expect(&expected(plan.fingerprint())).map_err(ringway_shm::OpenError::from)?;
        Ok(Self { all: Spot::whole(region, plan.len)? })
    }

    /// A handle of something in the plan.
    ///
    /// # Errors
    ///
    /// As [`Shared::at`].
    ///
    /// # Panics
    ///
    /// When it is of another plan, and does not lie in this one.
    pub fn get<S: Shared>(&self, planned: &Planned<S>) -> Result<S, OpenError> {
        S::at(self.all.part::<S>(planned.offset))
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        self.all.region()
    }
}
