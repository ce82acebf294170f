//! The ways to a side of a ring, and what each handle says of the other side: the same for both sides of every kind.
//!
//! ```text
//!   by_name   create ─ open ─ open_with ─ open_or_create                   a POSIX name
//!   by_path   create_file ─ open_file ─ open_or_create_file                a file anywhere
//!   attach    a region that is here already                                (in each handle)
//! ```

/// By a name.
macro_rules! by_name {
    ($form:expr, $side:literal, $taken:literal) => {
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

        #[doc = concat!("Opens a named ring as its ", $side, ", or creates it: the verb for a process that may be started again.")]
        ///
        /// A ring that exists keeps its own capacity.
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

/// By the path of a file.
macro_rules! by_path {
    ($form:expr, $side:literal, $taken:literal) => {
        #[doc = concat!("Creates a ring in a file, and is its ", $side, ". The path must be free.")]
        ///
        /// The file goes with its last party, unless
        /// [`lifetime`](crate::Config::lifetime)[`(Lifetime::UntilUnlinked)`](crate::Lifetime::UntilUnlinked) is set: with it, a
        /// file on a disk keeps the ring across restarts of every party. One on a hugetlbfs mount lies in large pages.
        /// `docs/GUARANTEES.md` says what a truncation, a restart and a reboot mean.
        ///
        /// # Errors
        ///
        /// [`CreateError`](crate::CreateError); nothing is left behind.
        pub fn create_file(
            path: impl AsRef<std::path::Path>,
            config: &$crate::Config,
        ) -> Result<Self, $crate::CreateError> {
            $form.create_file(path.as_ref(), config, Self::attach)
        }

        #[doc = concat!("Opens the ring in a file as its ", $side, ".")]
        ///
        /// # Errors
        ///
        #[doc = concat!("[`OpenError`](crate::OpenError); [`", $taken, "`](crate::AttachError::", $taken, ") when it has one.")]
        pub fn open_file(
            path: impl AsRef<std::path::Path>,
            access: $crate::Access,
        ) -> Result<Self, $crate::OpenError> {
            let region = $crate::Region::open_file(path, &$form.expected(), access)?;
            Self::attach(&std::sync::Arc::new(region))
        }

        #[doc = concat!("Opens the ring in a file as its ", $side, ", or creates it: the verb for a process that may be started again.")]
        ///
        /// A ring that exists keeps its own capacity. See [`create_file`](Self::create_file) for how long the file stays.
        ///
        /// # Errors
        ///
        /// [`CreateError`](crate::CreateError).
        pub fn open_or_create_file(
            path: impl AsRef<std::path::Path>,
            config: &$crate::Config,
        ) -> Result<Self, $crate::CreateError> {
            let blueprint = $form.blueprint(config)?;
            let region = $crate::Region::open_or_create_file(path, &blueprint, config.permissions)?;
            Self::attach(&std::sync::Arc::new(region)).map_err($crate::setup::created)
        }
    };
}

/// What a handle says of the other side and of itself: is it there, waiting until it is, and how to wait.
macro_rules! on_its_own {
    ($other:literal, $other_side:ident, $has_other:ident, $await_other:ident, $await_other_until:ident, $error:ident) => {
        #[doc = concat!("Has the ring a live ", $other, ", in this process or another?")]
        ///
        /// # Errors
        ///
        /// [`SystemError`](ringway_shm::SystemError) when the system does not answer.
        pub fn $has_other(&self) -> Result<bool, ringway_shm::SystemError> {
            self.region().is_claimed($crate::setup::Side::$other_side as u32)
        }

        /// Chooses how the calls of this handle that have to wait pass their time. Belongs to this handle; a new one spins and
        /// then sleeps.
        pub fn set_wait_strategy(&mut self, strategy: $crate::WaitStrategy) {
            self.party.set_strategy(strategy);
        }

        #[doc = concat!("Waits until the ring has a live ", $other, ". At once when it has.")]
        ///
        #[doc = concat!("That is a new beginning: the death of a ", $other, " before it is not told any more.")]
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

pub(crate) use {by_name, by_path, on_its_own};
