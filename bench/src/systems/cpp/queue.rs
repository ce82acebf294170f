//! A queue of C++ and its two ends, by the table of functions that `bench/cpp/queue.hpp` makes of a library's queue.
//!
//! Messages of 8 and 64 bytes one at a time are sent and received by loops in C++ ([`Loops`]), so that the calls are
//! inlined as they are in a C++ program. Everything else is a call from Rust, which is little beside what it moves.

#![allow(unsafe_code)] // because functions of C++ are called.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::endpoint::{RecordConsumer, RecordProducer, SlotConsumer, SlotProducer};
use crate::memory::message;
use crate::memory::shared::Mapping;
use crate::stage::clock::Clock;
use crate::stage::wait::{Deadline, Halt};
use crate::work::{Run, Work};

/// The functions of a queue: `Table` in `bench/cpp/queue.hpp`.
#[repr(C)]
pub(super) struct Table {
    pub(super) shared_size: usize,
    create: unsafe extern "C" fn() -> *mut c_void,
    destroy: unsafe extern "C" fn(*mut c_void),
    pub(super) create_at: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    sender: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    drop_sender: unsafe extern "C" fn(*mut c_void),
    receiver: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    drop_receiver: unsafe extern "C" fn(*mut c_void),
    push: unsafe extern "C" fn(*mut c_void, *const c_void) -> bool,
    pop: unsafe extern "C" fn(*mut c_void, *mut c_void) -> bool,
    push_bulk: unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> usize,
    pop_bulk: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> usize,
    send: unsafe extern "C" fn(*mut c_void, u64, u64, *const Waiting) -> i32,
    receive: unsafe extern "C" fn(*mut c_void, u64, u64, *const Waiting, *mut [u64; 2]) -> i32,
}

/// How the loops in C++ wait: `Waiting` there.
#[repr(C)]
struct Waiting {
    look: unsafe extern "C" fn(*const c_void) -> bool,
    deadline: *const c_void,
    polls_mask: u32,
}

/// How the loops in C++ end: `Outcome` there.
const DONE: i32 = 0;
const FAULT: i32 = 2;

/// A kind of queue.
pub(super) trait Kind {
    /// Its functions for messages of `length` bytes.
    fn table(length: usize) -> Option<&'static Table>;
}

/// A queue, in memory of its own or in memory that processes share.
pub(super) struct Queue {
    pub(super) table: &'static Table,
    /// Bytes of a message.
    pub(super) length: usize,
    pub(super) start: NonNull<c_void>,
    /// What the queue lies in, if processes share it.
    pub(super) mapping: Option<Mapping>,
}

// SAFETY: a queue is for several threads; what a thread does with it goes through an end of its own.
unsafe impl Send for Queue {}

// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// In memory of its own.
    pub(super) fn new<K: Kind>(length: usize) -> Option<Arc<Self>> {
        let table = K::table(length)?;
        // SAFETY: the function has no conditions.
        let start = NonNull::new(unsafe { (table.create)() })?;
        Some(Arc::new(Self { table, length, start, mapping: None }))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // A shared one is left as it is: the peer may still look at it, and it holds nothing outside the mapping.
        if self.mapping.is_none() {
            // SAFETY: `create` made it, and no end is left, since each keeps the queue.
            unsafe { (self.table.destroy)(self.start.as_ptr()) };
        }
    }
}

/// The end that sends.
pub(super) struct Sender {
    end: NonNull<c_void>,
    queue: Arc<Queue>,
}

/// The end that receives.
pub(super) struct Receiver {
    end: NonNull<c_void>,
    queue: Arc<Queue>,
}

// SAFETY: an end is used by one thread at a time, whichever it is.
unsafe impl Send for Sender {}

// SAFETY: as above.
unsafe impl Send for Receiver {}

impl Sender {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        // SAFETY: the queue is there, and the end keeps it.
        let end = unsafe { (queue.table.sender)(queue.start.as_ptr()) };
        Self { end: NonNull::new(end).expect("C++ gives no null for `new`"), queue }
    }

    /// Sends the message that starts at `message`.
    #[inline]
    pub(super) fn push(&mut self, message: *const u8, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        // SAFETY: the end is this thread's; the callers pass whole messages that are aligned as the queue's are.
        while !unsafe { (self.queue.table.push)(self.end.as_ptr(), message.cast()) } {
            wait.poll()?;
        }
        Ok(())
    }

    /// Sends `count` messages that start at `messages`.
    #[inline]
    fn push_all(&mut self, messages: *const u8, count: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let (mut sent, mut wait) = (0, deadline.wait());
        while sent < count {
            let rest = messages.wrapping_add(sent * self.queue.length).cast();
            // SAFETY: as in `push`, for the `count - sent` messages that start there.
            let pushed = unsafe { (self.queue.table.push_bulk)(self.end.as_ptr(), rest, count - sent) };
            sent += pushed;
            if pushed == 0 {
                wait.poll()?;
            }
        }
        Ok(())
    }
}

impl Receiver {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        // SAFETY: the queue is there, and the end keeps it.
        let end = unsafe { (queue.table.receiver)(queue.start.as_ptr()) };
        Self { end: NonNull::new(end).expect("C++ gives no null for `new`"), queue }
    }

    /// Receives a message to where `message` starts.
    #[inline]
    pub(super) fn pop(&mut self, message: *mut u8, deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        // SAFETY: the end is this thread's; the callers pass room for a message that is aligned as the queue's are.
        while !unsafe { (self.queue.table.pop)(self.end.as_ptr(), message.cast()) } {
            wait.poll()?;
        }
        Ok(())
    }

    /// Receives at least one message and at most `room`, from `messages` on.
    #[inline]
    fn pop_some(&mut self, messages: *mut u8, room: usize, deadline: &Deadline<'_>) -> Result<usize, Halt> {
        let mut wait = deadline.wait();
        loop {
            // SAFETY: as in `pop`, for the `room` messages that start there.
            let popped = unsafe { (self.queue.table.pop_bulk)(self.end.as_ptr(), messages.cast(), room) };
            if popped > 0 {
                return Ok(popped);
            }
            wait.poll()?;
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // SAFETY: `sender` made it, and nobody else has it.
        unsafe { (self.queue.table.drop_sender)(self.end.as_ptr()) };
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // SAFETY: `receiver` made it, and nobody else has it.
        unsafe { (self.queue.table.drop_receiver)(self.end.as_ptr()) };
    }
}

/// Checks that bytes are whole messages of a queue, which are longer than a word and start at a cache line.
#[inline]
fn check(queue: &Queue, bytes: &[u8]) -> Result<(), Halt> {
    let is_whole = !bytes.is_empty() && bytes.len().is_multiple_of(queue.length);
    if is_whole && bytes.as_ptr().addr().is_multiple_of(LINE) { Ok(()) } else { Err(Halt::Closed) }
}

/// Where such messages start.
const LINE: usize = 64;

impl SlotProducer for Sender {
    #[inline]
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.push(ptr::from_ref(&slot).cast(), deadline)
    }

    #[inline]
    fn send_batch(&mut self, slots: &[u64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.push_all(slots.as_ptr().cast(), slots.len(), deadline)
    }
}

impl SlotConsumer for Receiver {
    #[inline]
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt> {
        let mut slot = 0;
        self.pop(ptr::from_mut(&mut slot).cast(), deadline)?;
        Ok(slot)
    }

    #[inline]
    fn receive_batch(&mut self, slots: &mut [u64], deadline: &Deadline<'_>) -> Result<usize, Halt> {
        self.pop_some(slots.as_mut_ptr().cast(), slots.len(), deadline)
    }
}

impl RecordProducer for Sender {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        check(&self.queue, message)?;
        self.push(message.as_ptr(), deadline)
    }

    #[inline]
    fn send_batch(&mut self, messages: &[u8], length: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        check(&self.queue, messages)?;
        self.push_all(messages.as_ptr(), messages.len() / length, deadline)
    }
}

impl RecordConsumer for Receiver {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        check(&self.queue, message)?;
        self.pop(message.as_mut_ptr(), deadline)
    }

    #[inline]
    fn receive_batch(
        &mut self,
        messages: &mut [u8],
        length: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        check(&self.queue, messages)?;
        self.pop_some(messages.as_mut_ptr(), messages.len() / length, deadline)
    }
}

/// The loops in C++.
pub(super) struct Loops;

impl Work<Sender, Receiver> for Loops {
    fn near(near: &mut Sender, run: Run<'_>, _: &Clock, _: &mut [u32]) -> Result<(), Halt> {
        let waiting = Waiting::until(run.deadline);
        // SAFETY: the end is this thread's; what is waited by lives until the call ends.
        let outcome = unsafe { (near.queue.table.send)(near.end.as_ptr(), run.first, run.count, &waiting) };
        outcome_of(outcome, run.deadline)
    }

    fn far(far: &mut Receiver, run: Run<'_>) -> Result<(), Halt> {
        let waiting = Waiting::until(run.deadline);
        let mut wrong = [0; 2];
        // SAFETY: as above; what is wrong is written to an array that is this call's.
        let outcome = unsafe {
            (far.queue.table.receive)(far.end.as_ptr(), run.first, run.count, &waiting, &mut wrong)
        };
        if outcome == FAULT {
            let [slot, expected] = wrong;
            return Err(message::name_slot_fault(slot, expected).into());
        }
        outcome_of(outcome, run.deadline)
    }
}

impl Waiting {
    fn until(deadline: &Deadline<'_>) -> Self {
        Self { look, deadline: ptr::from_ref(deadline).cast(), polls_mask: deadline.polls_mask() }
    }
}

/// Whether to go on waiting.
///
/// # Safety
///
/// `deadline` comes from [`Waiting::until`], and lives.
unsafe extern "C" fn look(deadline: *const c_void) -> bool {
    // SAFETY: it is a deadline that lives, by this function's own condition.
    let deadline = unsafe { &*deadline.cast::<Deadline<'_>>() };
    deadline.look().is_ok()
}

/// What a loop's end means: one that was halted was told so by [`look`], which is asked why.
fn outcome_of(outcome: i32, deadline: &Deadline<'_>) -> Result<(), Halt> {
    if outcome == DONE {
        return Ok(());
    }
    deadline.look()?;
    Err(Halt::Closed)
}
