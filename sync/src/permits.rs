//! A counting semaphore whose permits come back from the dead.
//!
//! ```text
//!   cells     N words: 0, or the owner that has this permit
//!   gate      where those sleep who found none: odd, somebody may sleep
//!
//!   acquire   a cell: 0 ─▶ me                    one compare-and-swap takes the permit and says who has it
//!             a cell of somebody gone ─▶ me      the same
//!             none: gate odd ─ fence ─ look again ─ sleep at the gate, beside the life words of all who have one
//!   release   a cell: me ─▶ 0 ─ fence ─ gate odd? ─▶ even, and all are woken
//! ```
//!
//! How many permits there are is not counted but is the number of cells, so it is right at every instruction: a permit is in
//! its cell, free or somebody's. All who sleep are woken by each release, and each looks for itself: no wake-up is handed on,
//! so none is lost with somebody who was woken.
//!
//! **No wake-up is lost.** A sleeper makes the gate odd and then looks at the cells, a release empties its cell and then looks
//! at the gate, with a full fence between on either side: one of them sees the other.
//!
//! | killed | leaves |
//! |---|---|
//! | before a cell is its own | nothing |
//! | holding a permit | its owner in the cell: whoever sleeps beside its life word is woken, finds it gone, takes the cell over |
//! | in the release, behind the cell | a permit that is free, and sleepers that its life word wakes, since they saw it in the cell |
//! | taking over | the dead one's owner in the cell, or its own |
//!
//! What it deliberately does not do: be fair.

use crate::beside::{self, Company, Dying, Holder};
use crate::error::AcquireError;
use crate::gate;
use crate::layout::{BEHIND, GateLine, LINE};
use crate::place::{Place, Spot};
use crate::shared::{Shared, by_name};
use crate::{Deadline, OpenError, pace};
use ringway_shm::fingerprint::Hash;
use ringway_shm::primitive::{AtomicU64, Ordering, spin_hint};
use ringway_shm::{Owner, Participant, Region, SystemError};
use std::sync::Arc;
use std::time::Duration;

/// Rounds over the cells in vain, before a sleep.
const SPINS: u32 = 32;

/// `N` permits in shared memory that come back when their holder is dropped, or its process dies.
///
/// All `N` are there in the beginning. A permit belongs to the process that took it: its [`Permit`] may be sent to another
/// thread, and one that is forgotten comes back when the process ends.
///
/// # Examples
///
/// ```
/// use ringway_sync::{AcquireError, Permits};
///
/// # let name = format!("doc-permits-{}", std::process::id());
/// let connections = Permits::<2>::open_or_create(name.as_str())?;
/// let (first, second) = (connections.acquire()?, connections.acquire()?);
/// assert_eq!(connections.try_acquire().err(), Some(AcquireError::WouldBlock));
/// drop(first);
/// assert_eq!(connections.acquire()?.number(), 0);
/// # drop(second);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Permits<const N: usize> {
    shared: Arc<Held>,
}

/// What the handle and its permits share.
#[derive(Debug)]
struct Held {
    place: Place<GateLine>,
    participant: Arc<Participant>,
}

impl<const N: usize> Shared for Permits<N> {
    const LEN: usize = {
        assert!(N >= 1, "there is at least one permit");
        (BEHIND + 8 * N).next_multiple_of(LINE)
    };
    const FINGERPRINT: u128 = Hash::new().bytes(b"Permits").number(N as u64).finish();

    fn at(spot: Spot) -> Result<Self, OpenError> {
        let participant = spot.region().participant()?;
        Ok(Self { shared: Arc::new(Held { place: Place::new::<Self>(spot)?, participant }) })
    }
}

impl<const N: usize> Permits<N> {
    by_name!("a set of permits");

    /// Takes a permit, waiting as long as it takes.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Forked`], [`AcquireError::System`].
    pub fn acquire(&self) -> Result<Permit<N>, AcquireError> {
        self.try_acquire_until(Deadline::NEVER)
    }

    /// Takes a permit, waiting no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire), and [`AcquireError::TimedOut`].
    pub fn try_acquire_for(&self, timeout: Duration) -> Result<Permit<N>, AcquireError> {
        self.try_acquire_until(Deadline::after(timeout))
    }

    /// Takes a permit if one is free, or its holder gone. Never waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::WouldBlock`], [`AcquireError::Forked`], [`AcquireError::System`].
    pub fn try_acquire(&self) -> Result<Permit<N>, AcquireError> {
        self.is_here()?;
        let taken = match self.take() {
            None => self.take_from_the_gone(&mut Company::none())?.0,
            taken => taken,
        };
        taken.ok_or(AcquireError::WouldBlock)
    }

    /// Takes a permit, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire), and [`AcquireError::TimedOut`].
    pub fn try_acquire_until(&self, deadline: impl Into<Deadline>) -> Result<Permit<N>, AcquireError> {
        self.is_here()?;
        match self.take() {
            Some(permit) => Ok(permit),
            None => self.wait(deadline.into()),
        }
    }

    /// How many permits nobody has at this moment. One whose holder is gone counts when it was taken over.
    #[must_use]
    pub fn available(&self) -> usize {
        // Relaxed: it may be another number by the time that it is told.
        self.cells().iter().filter(|cell| cell.load(Ordering::Relaxed) == 0).count()
    }

    /// Who has permits at this moment, dead or alive; one that has several is named as often.
    #[must_use]
    pub fn holders(&self) -> Vec<Owner> {
        // Relaxed: as above.
        self.cells().iter().filter_map(|cell| Owner::from_bits(cell.load(Ordering::Relaxed))).collect()
    }

    /// How many permits were taken over from dead holders since the permits were made. Wraps.
    #[must_use]
    pub fn reclaimed(&self) -> u32 {
        // Relaxed: for people.
        self.shared.place.line().reclaimed.load(Ordering::Relaxed)
    }

    /// As [`Mutex::repaired`](crate::Mutex::repaired).
    #[must_use]
    pub fn repaired(&self) -> u32 {
        // Relaxed: for people.
        self.shared.place.line().repaired.load(Ordering::Relaxed)
    }

    /// The region they lie in.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        self.shared.place.region()
    }

    fn cells(&self) -> &[AtomicU64] {
        self.shared.place.cells(N)
    }

    fn is_here(&self) -> Result<(), AcquireError> {
        // A forked child finds zeros, which would be free permits.
        if self.region().is_known_forked() { Err(AcquireError::Forked) } else { Ok(()) }
    }

    fn permit(&self, number: usize) -> Permit<N> {
        Permit { permits: self.clone(), number }
    }

    /// Takes a free permit, first where this process's row says: others begin elsewhere.
    fn take(&self) -> Option<Permit<N>> {
        let me = self.shared.participant.owner();
        let first = me.row() as usize % N;
        let cells = self.cells();
        let mut numbers = (first..N).chain(0..first);
        let taken = numbers.find(|&number| {
            let cell = &cells[number];
            // Relaxed: whoever takes it does so with Acquire: what the last holder did is there. Pairs with the Release in
            // `Permit::drop`. Release: our row is live for whoever finds us, though another thread has claimed it. Pairs with the
            // fence in `beside::look`.
            cell.load(Ordering::Relaxed) == 0
                && cell.compare_exchange(0, me.to_bits(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
        });
        taken.map(|number| self.permit(number))
    }

    /// Takes a permit of somebody who is gone; notes those who live, and says whether somebody is dying.
    fn take_from_the_gone<'a>(
        &'a self,
        company: &mut Company<'a>,
    ) -> Result<(Option<Permit<N>>, bool), SystemError> {
        let me = self.shared.participant.owner().to_bits();
        let mut is_dying = false;
        for (number, cell) in self.cells().iter().enumerate() {
            // Relaxed: as in `take`.
            let found = cell.load(Ordering::Relaxed);
            // What is no owner is a stranger's word, and nobody's.
            let state = match Owner::from_bits(found) {
                Some(owner) => beside::look(self.region(), owner)?,
                None => Holder::Gone,
            };
            match state {
                Holder::Alive(life) => company.add(life),
                Holder::Dying => is_dying = true,
                Holder::Gone => {
                    // Acquire: what the dead one did is there, which was found gone by the Acquires of `Region::standing`, or by the
                    // kernel's lock. Release: as in `take`.
                    if cell.compare_exchange(found, me, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                        if found != 0 {
                            self.shared.place.line().reclaimed.fetch_add(1, Ordering::Relaxed);
                        }
                        return Ok((Some(self.permit(number)), false));
                    }
                }
            }
        }
        Ok((None, is_dying))
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, deadline: Deadline) -> Result<Permit<N>, AcquireError> {
        let line = self.shared.place.line();
        let mut rounds = pace::looks(SPINS);
        let mut dying = Dying::default();
        let mut was_tick = false;
        loop {
            let ticket = gate::announce(&line.gate);
            let mut company = Company::none();
            let (permit, is_dying) = self.take_from_the_gone(&mut company)?;
            if let Some(permit) = permit {
                if was_tick {
                    line.repaired.fetch_add(1, Ordering::Relaxed);
                }
                return Ok(permit);
            }
            self.is_here()?;
            if deadline.has_passed() {
                return Err(AcquireError::TimedOut);
            }
            if is_dying {
                dying.pause(&line.gate, ticket, deadline);
                continue;
            }
            if rounds > 0 {
                rounds -= 1;
                spin_hint();
                continue;
            }
            was_tick = company.sleep(&line.gate, ticket, deadline);
            if was_tick {
                // A long wait: the kernel may have marked nobody.
                for owner in self.holders() {
                    self.region().look_closely(owner)?;
                }
            }
        }
    }
}

/// A permit; given back when dropped, or when the process dies. May be sent to another thread.
#[derive(Debug)]
#[must_use = "the permit is given back when this is dropped"]
pub struct Permit<const N: usize> {
    permits: Permits<N>,
    number: usize,
}

impl<const N: usize> Permit<N> {
    /// Which of the permits it is: 0 to N - 1. Nobody else has this one, so it may say which of N things is used.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }
}

impl<const N: usize> Drop for Permit<N> {
    fn drop(&mut self) {
        let me = self.permits.shared.participant.owner().to_bits();
        let cell = &self.permits.cells()[self.number];
        // Release: what was done with the permit is there for its next holder. Pairs with the Acquires that take it. In a forked
        // child it is not there, and neither is anybody to wake.
        if cell.compare_exchange(me, 0, Ordering::Release, Ordering::Relaxed).is_ok() {
            gate::open(&self.permits.shared.place.line().gate);
        }
    }
}
