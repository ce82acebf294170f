//! What both locks are to their users: the type, its verbs, its guard. How one is taken and given back is the matter of its
//! own file, which has three functions for that:
//!
//! ```text
//!   acquire(place, me, deadline)       once the first try has failed
//!   try_acquire(place, me, own)        the same, without waiting
//!   release(place, me, is_inconsistent)
//! ```

use super::word::INCONSISTENT;
use ringway_shm::Owner;

/// How a lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Clean,
    /// What it guards may be half-written; from whom it was taken over, if it was by us.
    Inconsistent {
        who: Option<Owner>,
    },
}

impl Taken {
    pub(super) fn from_free(word: u64) -> Self {
        if word & INCONSISTENT == 0 { Self::Clean } else { Self::Inconsistent { who: None } }
    }
}

macro_rules! lock {
    (
        $(#[$about:meta])*
        $lock:ident, $guard:ident, $name:literal, $what:literal, own: $own:ty
    ) => {
        $(#[$about])*
        pub struct $lock<T, A = $crate::lock::Copies> {
            place: $crate::place::Place<$crate::layout::LockLine>,
            /// What this handle and its clones remember.
            own: $own,
            poisons: bool,
            guards: core::marker::PhantomData<(fn() -> T, A)>,
        }

        #[doc = concat!("A [`", $name, "`] that is held by this thread; given back when dropped.")]
        pub type $guard<'a, T, A = $crate::lock::Copies> = $crate::lock::Guard<'a, $lock<T, A>>;

        impl<T: $crate::Plain> $crate::Shared for $lock<T> {
            const LEN: usize = $crate::place::cell_len::<T>($crate::layout::BEHIND);
            const FINGERPRINT: u128 = ringway_shm::fingerprint::Hash::new()
                .bytes($name.as_bytes())
                .fingerprint(T::FINGERPRINT)
                .finish();

            fn at(spot: $crate::Spot) -> Result<Self, $crate::OpenError> {
                let (place, own) = ($crate::place::Place::new::<Self>(spot)?, <$own>::default());
                Ok(Self { place, own, poisons: false, guards: core::marker::PhantomData })
            }
        }

        impl<T: $crate::Plain> $lock<T> {
            $crate::shared::by_name!($what);

            /// The lock with guards that give references to what it guards.
            ///
            /// # Safety
            ///
            /// * As long as a guard of this handle lives, no process writes what it guards but through a guard: every process that
            ///   can write the region follows this protocol. (With [`get`](crate::Guard::get) and [`set`](crate::Guard::set)
            ///   nothing depends on that but the value.)
            /// * A guard of this handle that is leaked, and a reference that came out of it, are not used when the thread that took
            ///   the lock has ended: the next holder has it then.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ringway_sync::{Setup, ", $name, "};")]
            ///
            #[doc = concat!("let numbers: ", $name, "<[u64; 100]> = Setup::new().anonymous()?;")]
            /// // SAFETY: nobody else has the region.
            /// let numbers = unsafe { numbers.in_place() };
            /// let mut guard = numbers.lock()?;
            /// guard[7] = 1;
            /// assert_eq!(guard.iter().sum::<u64>(), 1);
            /// # drop(guard);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[allow(unsafe_code)] // because references to shared bytes are a promise about others.
            #[must_use]
            pub unsafe fn in_place(self) -> $lock<T, $crate::lock::InPlace> {
                let Self { place, own, poisons, .. } = self;
                $lock { place, own, poisons, guards: core::marker::PhantomData }
            }
        }

        impl<T: $crate::Plain, A: $crate::lock::Access> $lock<T, A> {
            /// Takes the lock, waiting as long as it takes.
            ///
            /// # Errors
            ///
            /// [`LockError::OwnerDied`](crate::LockError::OwnerDied), with the guard, when its last holder died with it;
            /// [`Deadlock`](crate::LockError::Deadlock) when this thread has it; [`Forked`](crate::LockError::Forked);
            /// [`Participate`](crate::LockError::Participate) when the region has no row for the thread;
            /// [`System`](crate::LockError::System) when the system does not answer for a holder.
            #[inline(always)]
            pub fn lock(&self) -> Result<$guard<'_, T, A>, $crate::LockError<Self>> {
                self.lock_until($crate::Deadline::NEVER)
            }

            /// Takes the lock, waiting no longer than `timeout`.
            ///
            /// # Errors
            ///
            /// As [`lock`](Self::lock), and [`TimedOut`](crate::LockError::TimedOut).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ringway_sync::{LockError, Setup, ", $name, "};")]
            /// use std::time::Duration;
            ///
            #[doc = concat!("let total: ", $name, "<u64> = Setup::new().anonymous()?;")]
            /// let guard = total.lock()?;
            /// std::thread::scope(|scope| {
            ///     scope.spawn(|| {
            ///         let late = total.lock_timeout(Duration::from_millis(1));
            ///         assert!(matches!(late, Err(LockError::TimedOut)));
            ///     });
            /// });
            /// # drop(guard);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn lock_timeout(
                &self,
                timeout: core::time::Duration,
            ) -> Result<$guard<'_, T, A>, $crate::LockError<Self>> {
                self.lock_until($crate::Deadline::after(timeout))
            }

            /// Takes the lock, waiting until a deadline.
            ///
            /// # Errors
            ///
            /// As [`lock_timeout`](Self::lock_timeout).
            #[inline(always)]
            pub fn lock_until(
                &self,
                deadline: impl Into<$crate::Deadline>,
            ) -> Result<$guard<'_, T, A>, $crate::LockError<Self>> {
                self.take(|me| acquire(&self.place, me, deadline.into()))
            }

            /// Takes the lock if it is free, or its holder is gone. Never waits.
            ///
            /// # Errors
            ///
            /// As [`lock`](Self::lock), and [`WouldBlock`](crate::LockError::WouldBlock): somebody has it, or, of a mutex, has
            /// waited for it for long and is next.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ringway_sync::{LockError, Setup, ", $name, "};")]
            ///
            #[doc = concat!("let total: ", $name, "<u64> = Setup::new().anonymous()?;")]
            /// let guard = total.try_lock()?;
            /// assert!(matches!(total.try_lock(), Err(LockError::Deadlock)), "this thread has it");
            /// std::thread::scope(|scope| {
            ///     scope.spawn(|| assert!(matches!(total.try_lock(), Err(LockError::WouldBlock))));
            /// });
            /// # drop(guard);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[inline(always)]
            pub fn try_lock(&self) -> Result<$guard<'_, T, A>, $crate::LockError<Self>> {
                self.take(|me| try_acquire(&self.place, me, &self.own))
            }

            /// Takes the lock; what a dead holder may have left half-written is given to `repair` first, a copy that is then
            /// written back and taken for consistent.
            ///
            /// # Errors
            ///
            /// As [`lock`](Self::lock), but `OwnerDied`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ringway_sync::{Setup, ", $name, "};")]
            ///
            #[doc = concat!("let pair: ", $name, "<[u64; 2]> = Setup::new().anonymous()?;")]
            /// let guard = pair.lock_or_repair(|pair| pair[1] = pair[0])?;
            /// assert_eq!(guard.get(), [0, 0]);
            /// # drop(guard);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn lock_or_repair(
                &self,
                repair: impl FnOnce(&mut T),
            ) -> Result<$guard<'_, T, A>, $crate::LockError<Self>> {
                match self.lock() {
                    Err($crate::LockError::OwnerDied(died)) => {
                        let mut guard = died.into_guard();
                        guard.update(repair);
                        guard.mark_consistent();
                        Ok(guard)
                    }
                    answer => answer,
                }
            }

            /// Has guards of this handle that end in a panic leave the lock as a death would: the next one is told
            /// [`LockError::OwnerDied`](crate::LockError::OwnerDied).
            #[must_use]
            pub fn poison_on_panic(self) -> Self {
                Self { poisons: true, ..self }
            }

            /// Who has the lock at this moment; dead or alive.
            #[must_use]
            pub fn owner(&self) -> Option<ringway_shm::Owner> {
                // Relaxed: it may be another's by the time that it is told.
                $crate::lock::word::owner(self.place.line().word.load(Ordering::Relaxed))
            }

            /// The region it lies in.
            #[must_use]
            pub fn region(&self) -> &std::sync::Arc<ringway_shm::Region> {
                self.place.region()
            }

            #[inline(always)]
            fn take(
                &self,
                acquire: impl FnOnce(u64) -> Result<Taken, $crate::error::Refused>,
            ) -> Result<$guard<'_, T, A>, $crate::LockError<Self>> {
                let me = match self.place.region().thread_owner() {
                    Ok(me) => $crate::lock::word::token(me),
                    Err(error) => return Err($crate::error::Refused::from(error).into()),
                };
                // Acquire: what the last holder wrote is there. Pairs with the Releases that give the lock back.
                let free = self.place.line().word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed);
                if free.is_err() {
                    self.told(me, acquire(me))?;
                }
                Ok($crate::lock::Guard::borrowed(self, me))
            }

            /// What is to be said of a lock that was not free at once.
            #[cold]
            #[inline(never)]
            fn told(
                &self,
                me: u64,
                taken: Result<Taken, $crate::error::Refused>,
            ) -> Result<(), $crate::LockError<Self>> {
                match taken {
                    Ok(Taken::Clean) => Ok(()),
                    Ok(Taken::Inconsistent { who }) => {
                        Err($crate::LockError::OwnerDied($crate::lock::Guard::owned(self.clone(), me, who)))
                    }
                    Err(refused) => Err(refused.into()),
                }
            }
        }

        impl<T, A> core::fmt::Debug for $lock<T, A> {
            /// Shows where it lies: a look at it would be one more access.
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct($name).field("region", &self.place.region().location()).finish_non_exhaustive()
            }
        }

        impl<T, A> Clone for $lock<T, A> {
            fn clone(&self) -> Self {
                let (place, own) = (self.place.clone(), self.own.clone());
                Self { place, own, poisons: self.poisons, guards: core::marker::PhantomData }
            }
        }

        impl<T: $crate::Plain, A: $crate::lock::Access> $crate::lock::Held for $lock<T, A> {
            type Value = T;
            type Access = A;
        }

        impl<T: $crate::Plain, A: $crate::lock::Access> $crate::lock::guard::Release for $lock<T, A> {
            #[inline(always)]
            fn value(&self) -> core::ptr::NonNull<u8> {
                self.place.behind::<T>().cast()
            }

            #[inline(always)]
            fn release(&self, me: u64, is_inconsistent: bool) {
                release(&self.place, me, is_inconsistent);
            }

            #[inline(always)]
            fn poisons(&self) -> bool {
                self.poisons
            }
        }
    };
}
pub(super) use lock;
