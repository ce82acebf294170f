//! The least that locks and meets: a word in shared memory. The floors of the locks and barriers.
//!
//! `futex mutex` is the last of Ulrich Drepper, "Futexes Are Tricky" (2011), section 5:
//!
//! ```text
//!   word   means                                    lock     0 to 1, or else: to 2, and sleep while it was not 0
//!   0      free                                     unlock   to 0, and wake one if it was 2
//!   1      held
//!   2      held, and somebody may sleep
//! ```
//!
//! `test and set` spins on a word that is 1 while somebody holds it. In `spinning barrier` the first party that comes adds
//! one to a count, and spins until the second one turns the sense around (John Mellor-Crummey and Michael Scott,
//! <https://doi.org/10.1145/103727.103729>, algorithm 7). None of them survives the death of whoever holds it.

use std::io;
use std::os::fd::OwnedFd;

use crate::endpoint::{Barrier, Common, Lock};
use crate::memory::futex;
use crate::memory::shared::{View, Words};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};
use ringway_shm::primitive::{AtomicU32, Ordering};

/// The systems.
pub(super) fn systems() -> Vec<System> {
    vec![
        System::new("futex mutex").mutex::<FutexMutex>(),
        System::new("test and set").spinlock::<TestAndSet>(),
        System::new("spinning barrier").barrier::<SenseBarrier>(),
    ]
}

/// The words, of which a lock uses one.
#[repr(C, align(128))]
#[derive(Debug)]
struct Cell {
    /// Who holds it, or how many parties have come.
    word: AtomicU32,
    /// The sense of a barrier: turned around by the last party of each phase.
    sense: AtomicU32,
}

#[allow(unsafe_code)] // because the contract of `Words` is a promise that the compiler cannot check.
// SAFETY: both fields are atomic words.
unsafe impl Words for Cell {}

const FREE: u32 = 0;
const HELD: u32 = 1;
const SLEPT_FOR: u32 = 2;

/// A mutex whose waiters sleep.
struct FutexMutex(View<Cell>);

/// A lock whose waiters spin.
struct TestAndSet(View<Cell>);

/// A barrier of two whose waiters spin.
struct SenseBarrier {
    cell: View<Cell>,
    /// What the sense is when all have come to the next phase.
    due: u32,
}

fn create() -> io::Result<(View<Cell>, Vec<OwnedFd>)> {
    let cell = View::<Cell>::create()?;
    let descriptor = cell.descriptor()?;
    Ok((cell, vec![descriptor]))
}

fn attach(descriptors: Vec<OwnedFd>) -> io::Result<View<Cell>> {
    View::attach(sole(descriptors)?)
}

impl Common for FutexMutex {
    type Kept = View<Cell>;

    fn create() -> io::Result<(View<Cell>, Vec<OwnedFd>)> {
        create()
    }

    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        attach(descriptors).map(Self)
    }
}

impl Lock for FutexMutex {
    #[inline]
    fn hold(&mut self, work: impl FnOnce(), deadline: &Deadline<'_>) -> Result<(), Halt> {
        let word = &self.0.word;
        // Acquire: what the last holder wrote is there. Pairs with the Release below.
        if word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            lock_slowly(word, deadline)?;
        }
        work();
        // Release: publishes what was written. Pairs with the Acquire of whoever locks next.
        if word.swap(FREE, Ordering::Release) == SLEPT_FOR {
            futex::wake(word)?;
        }
        Ok(())
    }
}

#[cold]
fn lock_slowly(word: &AtomicU32, deadline: &Deadline<'_>) -> Result<(), Halt> {
    // Acquire: as in `hold`.
    while word.swap(SLEPT_FOR, Ordering::Acquire) != FREE {
        futex::sleep(word, SLEPT_FOR, deadline)?;
    }
    Ok(())
}

impl Common for TestAndSet {
    type Kept = View<Cell>;

    fn create() -> io::Result<(View<Cell>, Vec<OwnedFd>)> {
        create()
    }

    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        attach(descriptors).map(Self)
    }
}

impl Lock for TestAndSet {
    #[inline]
    fn hold(&mut self, work: impl FnOnce(), deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        // Acquire: what the last holder wrote is there. Pairs with the Release below.
        while self.0.word.swap(HELD, Ordering::Acquire) != FREE {
            wait.poll()?;
        }
        work();
        // Release: publishes what was written. Pairs with the Acquire above.
        self.0.word.store(FREE, Ordering::Release);
        Ok(())
    }
}

impl Common for SenseBarrier {
    type Kept = View<Cell>;

    fn create() -> io::Result<(View<Cell>, Vec<OwnedFd>)> {
        create()
    }

    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        Ok(Self { cell: attach(descriptors)?, due: 1 })
    }
}

impl Barrier for SenseBarrier {
    #[inline]
    fn wait(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let due = self.due;
        self.due = 1 - due;
        // Both: what each party wrote before is there for the one that comes last, which publishes it by the sense.
        if self.cell.word.fetch_add(1, Ordering::AcqRel) == 1 {
            // Relaxed: the other party comes again only after it has seen the sense.
            self.cell.word.store(0, Ordering::Relaxed);
            // Release: pairs with the Acquire below.
            self.cell.sense.store(due, Ordering::Release);
            return Ok(());
        }
        let mut wait = deadline.wait();
        // Acquire: pairs with the Release above.
        while self.cell.sense.load(Ordering::Acquire) != due {
            wait.poll()?;
        }
        Ok(())
    }
}
