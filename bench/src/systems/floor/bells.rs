//! The least that carries a 64-byte message there and back between parties that sleep: for each way one box in shared
//! memory and one bell.
//!
//! The floor of the latency of every channel that sleeps. A party writes its message and the stamp beside it, rings, and
//! sleeps until the other party's bell rings. It neither polls before it sleeps nor asks before it rings whether somebody
//! sleeps. The bell of `futex` is the stamp itself; that of `eventfd` is a descriptor.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use crate::endpoint::{Caller, Channel, Shape};
use crate::memory::futex;
use crate::memory::shared::{View, Words};
use crate::plan::case::{Case, Limit};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;
use crate::work::sleeping::SleepingTrips;
use ringway_shm::primitive::{AtomicU32, AtomicU64, Ordering};

/// The systems.
pub(crate) fn systems() -> Vec<System> {
    let futex = System::new("futex").wakeups::<Bells<Stamp>>();
    let again = futex.again();
    let limit = Case::Limit(Limit::Trip { sleeps: true });
    vec![
        futex.blocked::<Bells<Stamp>>().measure::<Bells<Stamp>, SleepingTrips>(limit),
        again,
        System::new("eventfd").wakeups::<Bells<EventFd>>().measure::<Bells<EventFd>, SleepingTrips>(limit),
    ]
}

/// A stamp and a message.
#[repr(C, align(128))]
#[derive(Debug)]
struct MessageBox {
    /// How many messages were put in, wrapping. Written by the sender only, after the message.
    stamp: AtomicU32,
    /// The message. Written by the sender only, while the receiver knows that it has read the one before.
    words: [AtomicU64; 8],
}

/// Both boxes.
#[repr(C)]
#[derive(Debug)]
struct Layout {
    /// Written by near only.
    there: MessageBox,
    /// Written by far only.
    back: MessageBox,
}

#[allow(unsafe_code)] // because the contract of `Words` is a promise that the compiler cannot check.
// SAFETY: all fields are atomic words, or arrays and structures of such.
unsafe impl Words for Layout {}

/// How one party is woken, and wakes the other.
trait Bell: Sized {
    /// The near party's bell, and what the far one needs to make its own.
    fn create() -> io::Result<(Self, Vec<OwnedFd>)>;

    /// The far party's bell.
    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self>;

    /// Wakes the other party, for which `stamp` has changed.
    fn ring(&self, stamp: &AtomicU32) -> Result<(), Halt>;

    /// Sleeps until the other party has rung for the value `due` of `stamp`.
    fn sleep(&self, stamp: &AtomicU32, due: u32, deadline: &Deadline<'_>) -> Result<(), Halt>;
}

/// The stamp itself.
struct Stamp;

impl Bell for Stamp {
    fn create() -> io::Result<(Self, Vec<OwnedFd>)> {
        Ok((Self, Vec::new()))
    }

    fn attach(_: Vec<OwnedFd>) -> io::Result<Self> {
        Ok(Self)
    }

    #[inline]
    fn ring(&self, stamp: &AtomicU32) -> Result<(), Halt> {
        futex::wake(stamp)
    }

    #[inline]
    fn sleep(&self, stamp: &AtomicU32, due: u32, deadline: &Deadline<'_>) -> Result<(), Halt> {
        loop {
            // Acquire: the message is there. Pairs with the Release in `End::send`.
            let seen = stamp.load(Ordering::Acquire);
            if seen == due {
                return Ok(());
            }
            futex::sleep(stamp, seen, deadline)?;
        }
    }
}

/// A descriptor for each way.
struct EventFd {
    rung: OwnedFd,
    heard: OwnedFd,
}

impl Bell for EventFd {
    fn create() -> io::Result<(Self, Vec<OwnedFd>)> {
        let there = eventfd(0, EventfdFlags::CLOEXEC)?;
        let back = eventfd(0, EventfdFlags::CLOEXEC)?;
        let far = vec![back.as_fd().try_clone_to_owned()?, there.as_fd().try_clone_to_owned()?];
        Ok((Self { rung: there, heard: back }, far))
    }

    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let [rung, heard] = <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(Self { rung, heard })
    }

    #[inline]
    fn ring(&self, _: &AtomicU32) -> Result<(), Halt> {
        rustix::io::write(&self.rung, &1_u64.to_ne_bytes())?;
        Ok(())
    }

    #[inline]
    fn sleep(&self, stamp: &AtomicU32, due: u32, deadline: &Deadline<'_>) -> Result<(), Halt> {
        while let Err(error) = rustix::io::read(&self.heard, &mut [0; size_of::<u64>()]) {
            if error != Errno::INTR {
                return Err(error.into());
            }
            deadline.look()?;
        }
        // Acquire: as for the bell that is the stamp.
        if stamp.load(Ordering::Acquire) == due { Ok(()) } else { Err(Halt::Closed) }
    }
}

/// Both boxes with their bells as a channel.
struct Bells<B>(B);

/// One end of it.
struct End<B> {
    boxes: View<Layout>,
    bell: B,
    is_near: bool,
    sent: u32,
    received: u32,
}

impl<B: Bell> Channel for Bells<B> {
    type Near = End<B>;
    type Far = End<B>;

    fn create(_: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let boxes = View::<Layout>::create()?;
        let (bell, mut descriptors) = B::create()?;
        descriptors.insert(0, boxes.descriptor()?);
        Ok((End { boxes, bell, is_near: true, sent: 0, received: 0 }, descriptors))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        let mut descriptors = descriptors.into_iter();
        let boxes = View::attach(descriptors.next().ok_or(io::ErrorKind::InvalidInput)?)?;
        let bell = B::attach(descriptors.collect())?;
        Ok(End { boxes, bell, is_near: false, sent: 0, received: 0 })
    }
}

impl<B: Bell> Caller for End<B> {
    #[inline]
    fn send(&mut self, message: &[u8; 64], _: &Deadline<'_>) -> Result<(), Halt> {
        let target = if self.is_near { &self.boxes.there } else { &self.boxes.back };
        let (words, _) = message.as_chunks();
        for (word, bytes) in target.words.iter().zip(words) {
            // Relaxed: published by the stamp.
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        self.sent = self.sent.wrapping_add(1);
        // Release: publishes the message. Pairs with the Acquire in `Bell::sleep`.
        target.stamp.store(self.sent, Ordering::Release);
        self.bell.ring(&target.stamp)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let source = if self.is_near { &self.boxes.back } else { &self.boxes.there };
        self.received = self.received.wrapping_add(1);
        self.bell.sleep(&source.stamp, self.received, deadline)?;
        let (words, _) = message.as_chunks_mut();
        for (bytes, word) in words.iter_mut().zip(&source.words) {
            // Relaxed: ordered by the Acquire of the stamp; the sender writes again only after the answer.
            *bytes = word.load(Ordering::Relaxed).to_le_bytes();
        }
        Ok(())
    }
}
