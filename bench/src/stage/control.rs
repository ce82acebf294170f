//! The page by which the measuring party leads its peer through a sample: orders, a barrier, a way to stop.
//!
//! ```text
//!   near (measures)                         far (the peer)
//!   writes the order, step = n      ──▶     sees step == n, reads the order
//!   waits for ready == n            ◀──     ready = n              the barrier: the timed part starts here
//!   ...works...                             ...works...
//!   waits for done == n             ◀──     done = n, once all is verified
//! ```
//!
//! Either party sets `stop` when it gives up; the other notices at its next look (see [`wait`](crate::stage::wait)).

use std::io;
use std::mem::offset_of;
use std::os::fd::OwnedFd;

use crate::memory::shared::{Line, Mapping, Words};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::floor::line::LineEnd;
use ringway_shm::primitive::{AtomicU64, Ordering};

/// The page, to the byte.
///
/// ```text
///   0x000 step   0x008 kind   0x010 count   0x018 first   (near writes these)
///   0x080 ready  0x100 done                               (far writes these)
///   0x180 stop                                            (both)
///   0x200 line                                            (both, in turns: the bare line)
/// ```
#[repr(C, align(128))]
#[derive(Debug)]
struct Orders {
    /// Number of the last order given, from 1. Written by near only, after the order.
    step: AtomicU64,
    /// What to do: one of the constants below. Written by near only.
    kind: AtomicU64,
    /// How many messages or round trips. Written by near only.
    count: AtomicU64,
    /// The sequence number of the first. Written by near only.
    first: AtomicU64,
}

#[repr(C)]
#[derive(Debug)]
struct Layout {
    orders: Orders,
    /// Number of the last order seen. Written by far only; at most `step`.
    ready: Line,
    /// Number of the last order carried out and verified. Written by far only; at most `ready`.
    done: Line,
    /// Not zero once a party gave up. Written by both.
    stop: Line,
    /// The bare line. Written by both in turns.
    line: Line,
}

const _: () = assert!(offset_of!(Layout, ready) == 0x080);
const _: () = assert!(offset_of!(Layout, line) == 0x200);

const END: u64 = 1;
const LINE: u64 = 2;
const WORK: u64 = 3;

/// What the peer is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Leave.
    End,
    /// Answer this many round trips of the bare line, the first of which has the number `first`.
    Line { first: u64, count: u64 },
    /// Take part in this many messages or round trips, the first of which has the number `first`.
    Work { first: u64, count: u64 },
}

/// The page, mapped.
#[derive(Debug)]
pub(crate) struct Control {
    mapping: Mapping,
}

impl Control {
    /// A new page, all zero.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn create() -> io::Result<Self> {
        Ok(Self { mapping: Mapping::create(size_of::<Layout>())? })
    }

    /// The page that the measuring party created.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn attach(file: OwnedFd) -> io::Result<Self> {
        Ok(Self { mapping: Mapping::attach(file)? })
    }

    /// The file again, for the peer.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.mapping.descriptor()
    }

    fn layout(&self) -> &Layout {
        self.mapping.view(0)
    }

    /// The stop word.
    pub(crate) fn stop_word(&self) -> &AtomicU64 {
        &self.layout().stop.word
    }

    /// Tells the other party that this one gave up.
    pub(crate) fn stop(&self) {
        // Relaxed: nothing is read on the strength of the word.
        self.stop_word().store(1, Ordering::Relaxed);
    }

    /// The bare line.
    pub(crate) fn line(&self) -> LineEnd<'_> {
        LineEnd::new(&self.layout().line.word)
    }

    /// Near: gives order number `step` and waits until the peer is about to carry it out.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`](crate::stage::wait::Wait::poll).
    pub(crate) fn give(&self, step: u64, order: Order, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let (kind, count, first) = match order {
            Order::End => (END, 0, 0),
            Order::Line { first, count } => (LINE, count, first),
            Order::Work { first, count } => (WORK, count, first),
        };
        let orders = &self.layout().orders;
        // Relaxed: published by the store of `step`.
        orders.kind.store(kind, Ordering::Relaxed);
        orders.count.store(count, Ordering::Relaxed);
        orders.first.store(first, Ordering::Relaxed);
        // Release: publishes the order. Pairs with the Acquire in `next`.
        orders.step.store(step, Ordering::Release);
        await_word(&self.layout().ready.word, step, deadline)
    }

    /// Near: waits until the peer has carried out order number `step`.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`](crate::stage::wait::Wait::poll).
    pub(crate) fn await_done(&self, step: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        await_word(&self.layout().done.word, step, deadline)
    }

    /// Near: as [`await_done`](Self::await_done), but sleeps between its looks.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`](crate::stage::wait::Wait::poll).
    pub(crate) fn await_done_napping(&self, step: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        // Acquire: pairs with the Release in `tell_done`.
        while self.layout().done.word.load(Ordering::Acquire) != step {
            deadline.nap()?;
        }
        Ok(())
    }

    /// Far: waits for order number `step`.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`](crate::stage::wait::Wait::poll).
    pub(crate) fn next(&self, step: u64, deadline: &Deadline<'_>) -> Result<Order, Halt> {
        let orders = &self.layout().orders;
        await_word(&orders.step, step, deadline)?;
        // Relaxed: ordered by the Acquire of `step` just now; near writes them again only after this order is done.
        let (kind, count) = (orders.kind.load(Ordering::Relaxed), orders.count.load(Ordering::Relaxed));
        let first = orders.first.load(Ordering::Relaxed);
        // Release: the order has been read. Pairs with the Acquire in `await_word`.
        self.layout().ready.word.store(step, Ordering::Release);
        Ok(match kind {
            LINE => Order::Line { first, count },
            WORK => Order::Work { first, count },
            _ => Order::End,
        })
    }

    /// Far: says that order number `step` is carried out.
    pub(crate) fn tell_done(&self, step: u64) {
        // Release: whatever was done is done. Pairs with the Acquire in `await_word`.
        self.layout().done.word.store(step, Ordering::Release);
    }
}

#[allow(unsafe_code)] // because the contract of `Words` is a promise that the compiler cannot check.
// SAFETY: all fields are atomic words or lines of such.
unsafe impl Words for Layout {}

fn await_word(word: &AtomicU64, value: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
    let mut wait = deadline.wait();
    // Acquire: pairs with the Release stores of `give`, `next` and `tell_done`.
    while word.load(Ordering::Acquire) != value {
        wait.poll()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn orders_arrive_in_order_and_are_awaited() {
        let near = Control::create().unwrap();
        let far = Control::attach(near.descriptor().unwrap()).unwrap();
        let orders = [Order::Line { first: 3, count: 5 }, Order::Work { first: 7, count: 9 }, Order::End];
        thread::scope(|scope| {
            scope.spawn(|| {
                let deadline = Deadline::new(Duration::from_secs(20), far.stop_word(), true);
                for (step, order) in (1..).zip(orders) {
                    assert_eq!(far.next(step, &deadline), Ok(order));
                    far.tell_done(step);
                }
            });
            let deadline = Deadline::new(Duration::from_secs(20), near.stop_word(), true);
            for (step, order) in (1..).zip(orders) {
                near.give(step, order, &deadline).unwrap();
                near.await_done(step, &deadline).unwrap();
            }
        });
    }

    #[test]
    fn a_party_that_gave_up_is_not_waited_for() {
        let near = Control::create().unwrap();
        near.stop();
        let deadline = Deadline::new(Duration::from_secs(60), near.stop_word(), true);
        assert_eq!(near.give(1, Order::End, &deadline), Err(Halt::Stopped));
    }
}
