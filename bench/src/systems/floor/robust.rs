//! The kernel's robust futex: a word in shared memory that the kernel marks when the thread that holds it dies.
//!
//! The floor of the time until a death is known: the mark and the wake-up are made while the process is still being taken
//! apart. A thread of the peer tells the kernel of a list with one link (set_robust_list(2); the format is in the kernel's
//! `Documentation/locking/robust-futexes.rst`), whose word holds the thread's id and the bit that says that somebody
//! sleeps. The link is in the peer's own memory; only the word is shared.

#![allow(unsafe_code)] // because the kernel is told of the list by its address.

use std::io;
use std::os::fd::OwnedFd;
use std::ptr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::thread::futex::{OWNER_DIED, WAITERS};
use rustix::thread::gettid;

use crate::endpoint::{Channel, Mourner, Shape};
use crate::memory::futex;
use crate::memory::shared::{Mapping, Words};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};
use ringway_shm::primitive::{AtomicU32, Ordering};

/// The system.
pub(crate) fn system() -> System {
    System::new("robust futex").deaths::<Robust>().owner_deaths::<Robust>()
}

/// The page.
///
/// ```text
///   word                       means
///   0                          not held yet
///   WAITERS | thread id        held; written by the peer, once
///   WAITERS | OWNER_DIED       the thread that held it is dead; written by the kernel
///   thread id                  held by who waited for it
/// ```
#[repr(C, align(128))]
#[derive(Debug)]
struct Page {
    word: AtomicU32,
}

// SAFETY: the one field is an atomic word.
unsafe impl Words for Page {}

/// The word as a channel.
struct Robust;

/// The waiting end.
struct Near(Mapping);

impl Channel for Robust {
    type Near = Near;
    type Far = ();

    fn create(_: Shape) -> io::Result<(Near, Vec<OwnedFd>)> {
        let mapping = Mapping::create(size_of::<Page>())?;
        let descriptor = mapping.descriptor()?;
        Ok((Near(mapping), vec![descriptor]))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let file = sole(descriptors)?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let held = Mapping::attach(file).and_then(Holding::start);
            match held {
                Ok(_holding) => {
                    // The receiver waits for this; what is held is held until the process is killed.
                    _ = sender.send(Ok(()));
                    loop {
                        thread::sleep(Duration::from_secs(1));
                    }
                }
                Err(error) => _ = sender.send(Err(error)),
            }
        });
        receiver.recv().map_err(io::Error::other)?
    }
}

impl Mourner for Near {
    fn mourn(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let word = &self.0.view::<Page>(0).word;
        loop {
            // Acquire: whatever the dead thread wrote is there; the kernel's mark is a full barrier.
            let seen = word.load(Ordering::Acquire);
            if seen & OWNER_DIED == 0 {
                futex::sleep(word, seen, deadline)?;
                continue;
            }
            let id = gettid().as_raw_nonzero().get().cast_unsigned();
            // Relaxed: the load above ordered what the dead thread wrote, and nothing is published.
            let taken = word.compare_exchange(seen, id, Ordering::Relaxed, Ordering::Relaxed);
            return if taken.is_ok() { Ok(()) } else { Err(Halt::Wrong("somebody else took the lock")) };
        }
    }
}

/// A link of the list, and its end: the address of the next one.
#[repr(C)]
struct Link {
    next: *const Link,
}

/// What the kernel is told of.
#[repr(C)]
struct Head {
    list: Link,
    /// From a link to its word, in bytes.
    offset: libc::c_long,
    pending: *const Link,
}

/// A page whose word the calling thread holds. It must be kept as long as the thread lives.
struct Holding {
    /// The kernel writes to it when the thread dies.
    _mapping: Mapping,
}

impl Holding {
    fn start(mapping: Mapping) -> io::Result<Self> {
        let word = &mapping.view::<Page>(0).word;
        let head: &'static mut Head =
            Box::leak(Box::new(Head { list: Link { next: ptr::null() }, offset: 0, pending: ptr::null() }));
        let link: &'static Link = Box::leak(Box::new(Link { next: &raw const head.list }));
        head.list.next = link;
        let (target, from) = (ptr::from_ref(word).addr(), ptr::from_ref(link).addr());
        head.offset = target.wrapping_sub(from).cast_signed() as libc::c_long;
        // SAFETY: the list is closed, its head and its link are never freed, and its one word lies in a page that is
        // kept mapped with the result. This thread takes no robust mutex of the C library, whose list it replaces.
        let refused =
            unsafe { libc::syscall(libc::SYS_set_robust_list, ptr::from_ref(head), size_of::<Head>()) };
        if refused != 0 {
            return Err(io::Error::last_os_error());
        }
        let id = gettid().as_raw_nonzero().get().cast_unsigned();
        // Release: the list is complete; nothing else is published. Pairs with the Acquire in `mourn`.
        word.store(WAITERS | id, Ordering::Release);
        Ok(Self { _mapping: mapping })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringway_shm::primitive::AtomicU64;

    #[test]
    fn the_end_of_a_thread_marks_its_word() {
        let mut near = Near(Mapping::create(size_of::<Page>()).unwrap());
        let file = near.0.descriptor().unwrap();
        let holder =
            thread::spawn(|| std::mem::forget(Holding::start(Mapping::attach(file).unwrap()).unwrap()));
        let stop = AtomicU64::new(0);
        assert_eq!(near.mourn(&Deadline::new(Duration::from_secs(20), &stop, false)), Ok(()));
        holder.join().unwrap();
    }
}
