//! The kernel's POSIX message queues, one each way. A message is a message of the queue: it has no batches.
//!
//! A queue has the most messages and, for records of 8 KiB, the longest ones that the kernel allows anybody. Its name is
//! gone as soon as it is open; the peer inherits the descriptor, which on Linux a queue is. A kernel may be built without
//! them, or refuse them to a container: then the system is absent.

#![allow(unsafe_code)] // because neither std nor rustix knows these calls.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use rustix::io::Errno;
use rustix::thread::gettid;

use crate::endpoint::{Caller, Channel, RecordConsumer, RecordProducer, Shape, Waits};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{Absent, System};

/// The name in tables.
const NAME: &str = "posix mq";

/// Bytes of the longest message that a kernel allows anybody, unless an administrator has changed that.
const LENGTH_MAX: usize = 8192;

/// How many messages a queue holds, where the kernel does not say how many it may: its own default.
const MESSAGES: i64 = 10;

/// The system, or why it is not measured.
pub(super) fn system() -> Result<System, Absent> {
    let shape = Shape { length: LENGTH_MAX, batched: false, waits: Waits::Poll };
    if let Err(error) = queue(shape).and_then(|_first| queue(shape)) {
        return Err(Absent { name: NAME, reason: format!("the kernel refuses such queues: {error}") });
    }
    Ok(System::new(NAME)
        .round_trips::<Queues>()
        .single_records::<Queues, 64>()
        .single_records::<Queues, 1024>()
        .single_records::<Queues, LENGTH_MAX>()
        .open::<Queues>()
        .wakeups::<Queues>())
}

/// A new queue that nobody else has, for messages of `shape`.
fn queue(shape: Shape) -> io::Result<OwnedFd> {
    // No other thread has the name, and this one gives it up below.
    let name = CString::new(format!("/ringway-bench-{}", gettid()))?;
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
    let flags = if shape.waits == Waits::Poll { flags | libc::O_NONBLOCK } else { flags };
    // SAFETY: all fields are integers, of which zero is a value.
    let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
    attributes.mq_maxmsg = messages_max();
    attributes.mq_msgsize = shape.length as i64;
    let mode: libc::mode_t = 0o600;
    // SAFETY: the name ends with a zero, and both it and the attributes live as long as the call.
    let number = unsafe { libc::mq_open(name.as_ptr(), flags, mode, &raw const attributes) };
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just opened it, and nobody else knows it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    // SAFETY: as for the call that opened it. If it fails there is nothing left to take away.
    _ = unsafe { libc::mq_unlink(name.as_ptr()) };
    Ok(descriptor)
}

/// How many messages the kernel allows a queue of anybody's.
fn messages_max() -> i64 {
    let text = fs::read_to_string("/proc/sys/fs/mqueue/msg_max").unwrap_or_default();
    text.trim().parse().unwrap_or(MESSAGES)
}

/// Two queues, one each way. A flow leaves one of them alone.
struct Queues;

/// One end of them.
struct End {
    source: OwnedFd,
    target: OwnedFd,
}

impl Channel for Queues {
    type Near = End;
    type Far = End;

    fn create(shape: Shape) -> io::Result<(End, Vec<OwnedFd>)> {
        let (there, back) = (queue(shape)?, queue(shape)?);
        let far = vec![there.try_clone()?, back.try_clone()?];
        Ok((End { source: back, target: there }, far))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<End> {
        let [source, target] =
            <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(End { source, target })
    }
}

impl End {
    #[inline]
    fn put(&self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        loop {
            // SAFETY: the descriptor is open, and the call reads `message` alone.
            let sent =
                unsafe { libc::mq_send(self.target.as_raw_fd(), message.as_ptr().cast(), message.len(), 0) };
            if sent == 0 {
                return Ok(());
            }
            match last_error() {
                Errno::AGAIN => wait.poll()?,
                Errno::INTR => deadline.look()?,
                error => return Err(error.into()),
            }
        }
    }

    #[inline]
    fn take(&self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        loop {
            let (start, room) = (message.as_mut_ptr().cast(), message.len());
            // SAFETY: the descriptor is open, and the call writes to `message` alone; it may have no place for a priority.
            let received = unsafe { libc::mq_receive(self.source.as_raw_fd(), start, room, ptr::null_mut()) };
            if let Ok(length) = usize::try_from(received) {
                return if length == room { Ok(()) } else { Err(Halt::Closed) };
            }
            match last_error() {
                Errno::AGAIN => wait.poll()?,
                Errno::INTR => deadline.look()?,
                error => return Err(error.into()),
            }
        }
    }
}

/// Why the last call of this thread failed.
fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

impl Caller for End {
    #[inline]
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put(message, deadline)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.take(message, deadline)
    }
}

impl RecordProducer for End {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.put(message, deadline)
    }
}

impl RecordConsumer for End {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.take(message, deadline)
    }
}
