//! Queues of C++ between two threads: Boost.Lockfree, moodycamel's ReaderWriterQueue and ConcurrentQueue.
//!
//! Each is used as its own documentation says, one message a call, or an array a call where there is such a call
//! (`bench/cpp/*.cpp`). A record is a message of its length that starts at a cache line.
//!
//! Messages of 8 and 64 bytes one at a time are sent and received by loops in C++ (`bench/cpp/queue.hpp`), so that the
//! calls are inlined as they are in a C++ program. Everything else is a call from Rust, which is little beside what it moves.
//!
//! Boost's `spsc_queue` of fixed capacity has no pointers, and so it can lie in memory that two processes share.

#![allow(unsafe_code)] // because functions of C++ are called.

use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::endpoint::{
    Caller, Channel, RecordConsumer, RecordProducer, Shape, SlotConsumer, SlotProducer, ThreadChannel,
};
use crate::memory::message;
use crate::memory::shared::Mapping;
use crate::plan::case::Case;
use crate::stage::clock::Clock;
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};
use crate::work::flows::{RecordBatches, Records, SlotBatches};
use crate::work::{Run, Work};

/// The functions of a queue: `Table` in `bench/cpp/queue.hpp`.
#[repr(C)]
struct Table {
    shared_size: usize,
    create: unsafe extern "C" fn() -> *mut c_void,
    destroy: unsafe extern "C" fn(*mut c_void),
    create_at: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
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

unsafe extern "C" {
    #[cfg(ringway_cpp = "boost_lockfree")]
    safe fn ringway_boost_spsc_queue(length: usize) -> Option<&'static Table>;
    #[cfg(ringway_cpp = "boost_lockfree")]
    safe fn ringway_boost_queue(length: usize) -> Option<&'static Table>;
    #[cfg(ringway_cpp = "reader_writer_queue")]
    safe fn ringway_reader_writer_queue(length: usize) -> Option<&'static Table>;
    #[cfg(ringway_cpp = "concurrent_queue")]
    safe fn ringway_concurrent_queue(length: usize) -> Option<&'static Table>;
}

/// A kind of queue.
trait Kind {
    /// Its functions for messages of `length` bytes.
    fn table(length: usize) -> Option<&'static Table>;
}

/// Names the kinds, and the function of C++ that gives the table of each.
macro_rules! kinds {
    ($($file:literal $kind:ident $function:ident),* $(,)?) => {
        $(
            #[cfg(ringway_cpp = $file)]
            struct $kind;

            #[cfg(ringway_cpp = $file)]
            impl Kind for $kind {
                fn table(length: usize) -> Option<&'static Table> {
                    $function(length)
                }
            }
        )*
    };
}

kinds! {
    "boost_lockfree" BoostSpsc ringway_boost_spsc_queue,
    "boost_lockfree" BoostQueue ringway_boost_queue,
    "reader_writer_queue" ReaderWriter ringway_reader_writer_queue,
    "concurrent_queue" Concurrent ringway_concurrent_queue,
}

/// The systems of Boost.Lockfree.
#[cfg(ringway_cpp = "boost_lockfree")]
pub(super) fn boost() -> Vec<System> {
    let shared = System::new("Boost spsc_queue, shared")
        .round_trips::<SharedPair>()
        .measure::<Shared, Loops>(Case::Slots { length: 8, batched: false })
        .measure::<Shared, SlotBatches>(Case::Slots { length: 8, batched: true })
        .measure::<Shared, Loops>(Case::Slots { length: 64, batched: false })
        .measure::<Shared, RecordBatches<64>>(Case::Slots { length: 64, batched: true })
        .long_slots::<Shared, 1024>();
    vec![bulk::<BoostSpsc>("Boost spsc_queue"), shared, single::<BoostQueue>("Boost queue")]
}

/// moodycamel's ReaderWriterQueue.
#[cfg(ringway_cpp = "reader_writer_queue")]
pub(super) fn reader_writer() -> System {
    single::<ReaderWriter>("ReaderWriterQueue")
}

/// moodycamel's ConcurrentQueue.
#[cfg(ringway_cpp = "concurrent_queue")]
pub(super) fn concurrent() -> System {
    bulk::<Concurrent>("ConcurrentQueue")
}

/// A queue that has calls for one message and for several.
fn bulk<K: Kind>(name: &str) -> System {
    single::<K>(name)
        .measure_threads::<Threads<K>, SlotBatches>(Case::Slots { length: 8, batched: true })
        .measure_threads::<Threads<K>, RecordBatches<64>>(Case::Slots { length: 64, batched: true })
        .measure_threads::<Threads<K>, RecordBatches<1024>>(Case::Slots { length: 1024, batched: true })
}

/// A queue that has calls for one message only.
fn single<K: Kind>(name: &str) -> System {
    System::new(name)
        .measure_threads::<Threads<K>, Loops>(Case::Slots { length: 8, batched: false })
        .measure_threads::<Threads<K>, Loops>(Case::Slots { length: 64, batched: false })
        .measure_threads::<Threads<K>, Records<1024>>(Case::Slots { length: 1024, batched: false })
}

/// A queue, in memory of its own or in memory that processes share.
struct Queue {
    table: &'static Table,
    /// Bytes of a message.
    length: usize,
    start: NonNull<c_void>,
    /// What the queue lies in, if processes share it.
    mapping: Option<Mapping>,
}

// SAFETY: a queue is for several threads; what a thread does with it goes through an end of its own.
unsafe impl Send for Queue {}

// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// In memory of its own.
    fn new<K: Kind>(length: usize) -> Option<Arc<Self>> {
        let table = K::table(length)?;
        // SAFETY: the function has no conditions.
        let start = NonNull::new(unsafe { (table.create)() })?;
        Some(Arc::new(Self { table, length, start, mapping: None }))
    }

    /// In new memory that processes share.
    fn shared<K: Kind>(length: usize) -> io::Result<Arc<Self>> {
        let table = K::table(length).ok_or(io::ErrorKind::Unsupported)?;
        let mapping = Mapping::create(table.shared_size)?;
        // SAFETY: the mapping has `shared_size` zero bytes, starts at a page, and nobody else has it yet.
        let start = unsafe { (table.create_at)(mapping.start().cast()) };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Arc::new(Self { table, length, start, mapping: Some(mapping) }))
    }

    /// In the memory where another process made it.
    fn attach<K: Kind>(length: usize, file: OwnedFd) -> io::Result<Arc<Self>> {
        let table = K::table(length).ok_or(io::ErrorKind::Unsupported)?;
        let mapping = Mapping::attach(file)?;
        let start = NonNull::new(mapping.start().cast()).filter(|_| mapping.length() == table.shared_size);
        let start = start.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Arc::new(Self { table, length, start, mapping: Some(mapping) }))
    }

    /// The memory again, for the peer.
    fn descriptor(&self) -> io::Result<OwnedFd> {
        self.mapping.as_ref().ok_or(io::ErrorKind::Unsupported)?.descriptor()
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
struct Sender {
    end: NonNull<c_void>,
    queue: Arc<Queue>,
}

/// The end that receives.
struct Receiver {
    end: NonNull<c_void>,
    queue: Arc<Queue>,
}

// SAFETY: an end is used by one thread at a time, whichever it is.
unsafe impl Send for Receiver {}

impl Sender {
    fn new(queue: Arc<Queue>) -> Self {
        // SAFETY: the queue is there, and the end keeps it.
        let end = unsafe { (queue.table.sender)(queue.start.as_ptr()) };
        Self { end: NonNull::new(end).expect("C++ gives no null for `new`"), queue }
    }

    /// Sends the message that starts at `message`.
    #[inline]
    fn push(&mut self, message: *const u8, deadline: &Deadline<'_>) -> Result<(), Halt> {
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
    fn new(queue: Arc<Queue>) -> Self {
        // SAFETY: the queue is there, and the end keeps it.
        let end = unsafe { (queue.table.receiver)(queue.start.as_ptr()) };
        Self { end: NonNull::new(end).expect("C++ gives no null for `new`"), queue }
    }

    /// Receives a message to where `message` starts.
    #[inline]
    fn pop(&mut self, message: *mut u8, deadline: &Deadline<'_>) -> Result<(), Halt> {
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
struct Loops;

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

/// A queue between two threads.
struct Threads<K>(PhantomData<K>);

impl<K: Kind> ThreadChannel for Threads<K> {
    type Near = Sender;
    type Far = Receiver;

    fn create(shape: Shape) -> (Sender, Receiver) {
        let queue = Queue::new::<K>(shape.length).expect("C++ has the queue for each length of slots");
        (Sender::new(Arc::clone(&queue)), Receiver::new(queue))
    }
}

/// Boost's queue of fixed capacity between two processes.
#[cfg(ringway_cpp = "boost_lockfree")]
struct Shared;

#[cfg(ringway_cpp = "boost_lockfree")]
impl Channel for Shared {
    type Near = Sender;
    type Far = Receiver;

    fn create(shape: Shape) -> io::Result<(Sender, Vec<OwnedFd>)> {
        let queue = Queue::shared::<BoostSpsc>(shape.length)?;
        let descriptor = queue.descriptor()?;
        Ok((Sender::new(queue), vec![descriptor]))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Receiver> {
        Ok(Receiver::new(Queue::attach::<BoostSpsc>(shape.length, sole(descriptors)?)?))
    }
}

/// Such a queue each way.
#[cfg(ringway_cpp = "boost_lockfree")]
struct SharedPair;

/// One end of both.
#[cfg(ringway_cpp = "boost_lockfree")]
struct End {
    sender: Sender,
    receiver: Receiver,
}

#[cfg(ringway_cpp = "boost_lockfree")]
impl Channel for SharedPair {
    type Near = End;
    type Far = End;

    fn create(shape: Shape) -> io::Result<(End, Vec<OwnedFd>)> {
        let (there, back) =
            (Queue::shared::<BoostSpsc>(shape.length)?, Queue::shared::<BoostSpsc>(shape.length)?);
        let descriptors = vec![there.descriptor()?, back.descriptor()?];
        Ok((End { sender: Sender::new(there), receiver: Receiver::new(back) }, descriptors))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<End> {
        let [there, back] = <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| io::ErrorKind::InvalidInput)?;
        let there = Queue::attach::<BoostSpsc>(shape.length, there)?;
        let back = Queue::attach::<BoostSpsc>(shape.length, back)?;
        Ok(End { sender: Sender::new(back), receiver: Receiver::new(there) })
    }
}

/// A message of a round trip where the queue's messages start.
#[cfg(ringway_cpp = "boost_lockfree")]
#[repr(align(64))]
struct Aligned([u8; 64]);

#[cfg(ringway_cpp = "boost_lockfree")]
impl Caller for End {
    #[inline]
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.sender.push(Aligned(*message).0.as_ptr(), deadline)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut aligned = Aligned([0; 64]);
        self.receiver.pop(aligned.0.as_mut_ptr(), deadline)?;
        *message = aligned.0;
        Ok(())
    }
}
