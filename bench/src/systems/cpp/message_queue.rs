//! Boost.Interprocess `message_queue`: messages with priorities in named shared memory, guarded by a mutex.
//!
//! One queue a direction. `try_send` and `try_receive` are polled; each takes the mutex of the queue, which on Linux is
//! that of the threads library, shared between processes. Of a peer that is killed while it has the mutex this party never
//! hears: a call then does not return, whatever the deadline is.
//!
//! A queue's name is its file in shared memory: each end takes it away when it leaves, so that none is left behind.

#![allow(unsafe_code)] // because functions of C++ are called.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use crate::endpoint::{Caller, Channel, RecordConsumer, RecordProducer, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, note};

mod shared;

/// Bytes of the messages that a queue holds.
const CAPACITY: usize = 256 << 10;

unsafe extern "C" {
    fn ringway_message_queue_create(name: *const c_char, count: usize, length: usize) -> *mut c_void;
    fn ringway_message_queue_open(name: *const c_char) -> *mut c_void;
    fn ringway_message_queue_remove(name: *const c_char);
    fn ringway_message_queue_drop(queue: *mut c_void);
    fn ringway_message_queue_send(queue: *mut c_void, message: *const c_void, length: usize) -> c_int;
    fn ringway_message_queue_receive(queue: *mut c_void, message: *mut c_void, length: usize) -> c_int;
}

/// The system.
pub(super) fn system() -> System {
    shared::queues(System::new("Boost message_queue"))
        .round_trips::<Pair>()
        .single_records::<Pair, 64>()
        .single_records::<Pair, 1024>()
}

/// A queue, and its name.
struct Queue {
    start: NonNull<c_void>,
    name: CString,
}

impl Queue {
    fn create(name: &str, count: usize, length: usize) -> io::Result<Self> {
        let name = CString::new(name)?;
        // SAFETY: the name ends with a zero.
        let start = unsafe { ringway_message_queue_create(name.as_ptr(), count, length) };
        Self::found(start, name)
    }

    fn open(name: &str) -> io::Result<Self> {
        let name = CString::new(name)?;
        // SAFETY: the name ends with a zero.
        let start = unsafe { ringway_message_queue_open(name.as_ptr()) };
        Self::found(start, name)
    }

    fn found(start: *mut c_void, name: CString) -> io::Result<Self> {
        let start = NonNull::new(start).ok_or_else(|| io::Error::other("Boost gives no queue"))?;
        Ok(Self { start, name })
    }

    #[inline]
    fn send(&self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        poll(deadline, || {
            // SAFETY: the queue is there; the bytes are as many as is said.
            unsafe { ringway_message_queue_send(self.start.as_ptr(), message.as_ptr().cast(), message.len()) }
        })
    }

    #[inline]
    fn receive(&self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        poll(deadline, || {
            // SAFETY: the queue is there; there is room for as many bytes as is said.
            unsafe {
                ringway_message_queue_receive(self.start.as_ptr(), message.as_mut_ptr().cast(), message.len())
            }
        })
    }
}

/// Calls until the call is done or cannot be.
#[inline]
fn poll(deadline: &Deadline<'_>, mut call: impl FnMut() -> c_int) -> Result<(), Halt> {
    let mut wait = deadline.wait();
    loop {
        match call() {
            1 => return Ok(()),
            0 => wait.poll()?,
            _ => return Err(Halt::Closed),
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: `create` or `open` made it, and nobody else has it.
        unsafe { ringway_message_queue_drop(self.start.as_ptr()) };
        let name: &CStr = &self.name;
        // SAFETY: the name ends with a zero. It is gone if the other end was here first.
        unsafe { ringway_message_queue_remove(name.as_ptr()) };
    }
}

/// A queue each way. A flow leaves one of them alone.
struct Pair;

/// One end of both.
struct End {
    out: Queue,
    into: Queue,
}

/// The names of both queues of a pair.
fn names(name: &str) -> [String; 2] {
    ["there", "back"].map(|direction| format!("{name}-{direction}"))
}

impl Channel for Pair {
    type Near = End;
    type Far = End;

    fn create(shape: Shape) -> io::Result<(End, Vec<OwnedFd>)> {
        let name = note::unique();
        let [there, back] = names(&name);
        let queue = |name| Queue::create(name, CAPACITY / shape.length, shape.length);
        let end = End { out: queue(&there)?, into: queue(&back)? };
        Ok((end, note::write(&name)?))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<End> {
        let [there, back] = names(&note::read(descriptors)?);
        Ok(End { out: Queue::open(&back)?, into: Queue::open(&there)? })
    }
}

impl Caller for End {
    #[inline]
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.out.send(message, deadline)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.into.receive(message, deadline)
    }
}

impl RecordProducer for End {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.out.send(message, deadline)
    }
}

impl RecordConsumer for End {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.into.receive(message, deadline)
    }
}
