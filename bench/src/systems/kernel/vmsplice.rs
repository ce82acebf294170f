//! A pipe to which the sender's own pages are lent (`vmsplice`), so that the kernel does not copy what is sent. The
//! receiver reads as from any pipe.
//!
//! Bytes that are in the pipe must not be written to, and no call says when they have left. The sender knows by counting:
//!
//! * A pipe holds a fixed number of pieces, each of at most one page; its size is that number of pages.
//! * A piece leaves when the last of its bytes was read, oldest first, and only then is there room for another. The
//!   kernel copies and counts under one lock.
//! * Hence bytes have been read when as many other bytes as the pipe's size have been accepted after them: these are at
//!   least as many pieces as the pipe holds.
//!
//! The sender fills messages one after another in memory of the pipe's size and twice the longest send. A byte comes
//! again after all others but those at the end that were too few for a send, and those of the new send itself, which
//! together are less than two sends.
//!
//! A message comes from elsewhere, and is copied to these pages as every other system copies it to its own. The pages
//! are not given away (`SPLICE_F_GIFT`), since they are used again.

#![allow(unsafe_code)] // because pages are lent to the kernel and written to again later.

use std::io;
use std::os::fd::OwnedFd;
use std::slice;

use rustix::io::Errno;
use rustix::pipe::{IoSliceRaw, SpliceFlags, fcntl_getpipe_size, vmsplice};

use super::pipe::Pipe;
use super::stream::{BATCH_BYTES, StreamEnd};
use crate::endpoint::{Channel, RecordProducer, Shape};
use crate::memory::shared::Mapping;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::System;
use crate::work::flows::batch;

/// The system.
pub(super) fn system() -> System {
    System::new("vmsplice").all_records::<Lent>()
}

/// The pipe.
struct Lent;

/// Its sending end.
struct Lender {
    pipe: StreamEnd,
    /// The pages that are lent. Nobody else maps them.
    pages: Mapping,
    /// Where the next send is filled in.
    next: usize,
    /// Bytes of the longest send.
    send_max: usize,
}

impl Channel for Lent {
    type Near = Lender;
    type Far = StreamEnd;

    fn create(shape: Shape) -> io::Result<(Lender, Vec<OwnedFd>)> {
        let (pipe, descriptors) = Pipe::create(shape)?;
        let send_max =
            if shape.batched { batch(BATCH_BYTES, shape.length) * shape.length } else { shape.length };
        let pages = Mapping::create(fcntl_getpipe_size(pipe.target())? + 2 * send_max)?;
        Ok((Lender { pipe, pages, next: 0, send_max }, descriptors))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<StreamEnd> {
        Pipe::attach(shape, descriptors)
    }
}

impl Lender {
    fn lend(&mut self, messages: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        if messages.len() > self.send_max {
            return Err(Halt::Closed);
        }
        if self.pages.length() - self.next < messages.len() {
            self.next = 0;
        }
        // SAFETY: `next` and as many bytes as the messages have lie in the mapping, by the check above and since the mapping
        // is longer than the longest send.
        let start = unsafe { self.pages.start().add(self.next) };
        // SAFETY: the bytes lie in the mapping; nobody else maps them, no reference to them lives, and the kernel has done
        // with them, as the head of this file shows.
        let filled = unsafe { slice::from_raw_parts_mut(start, messages.len()) };
        filled.copy_from_slice(messages);
        self.next += messages.len();

        let mut left: &[u8] = filled;
        let mut wait = deadline.wait();
        while !left.is_empty() {
            let pieces = [IoSliceRaw::from_slice(left)];
            // SAFETY: what is lent stays mapped, and is not written to until the kernel has done with it, as the head of
            // this file shows.
            match unsafe { vmsplice(self.pipe.target(), &pieces, SpliceFlags::NONBLOCK) } {
                Ok(count) => left = &left[count..],
                Err(Errno::AGAIN) => wait.poll()?,
                Err(Errno::INTR) => deadline.look()?,
                Err(Errno::PIPE) => return Err(Halt::Closed),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl RecordProducer for Lender {
    const BATCH_BYTES: usize = BATCH_BYTES;

    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.lend(message, deadline)
    }

    fn send_batch(&mut self, messages: &[u8], _: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.lend(messages, deadline)
    }
}
