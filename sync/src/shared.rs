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

use crate::layout::{KIND_SPACE, KIND_VERSION};
use crate::place::Spot;
use crate::setup::Setup;
use crate::{CreateError, OpenError};
use ringway_shm::fingerprint::Hash;
use ringway_shm::{Access, Expected, Name, Region};
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
    ///
    /// # Panics
    ///
    /// Of what lies there already: when the part is shorter than [`LEN`](Self::LEN), as it can be of a layout written by hand.
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
