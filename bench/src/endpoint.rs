//! What a system has to offer to be measured: how its two ends come to be, and how they move messages.
//!
//! All verbs block and give up by `Err`. They block by polling (see [`wait`](crate::stage::wait)), or, where [`Shape::waits`]
//! says so, by sleeping in the kernel: until the deadline at most, or in a system call that a signal ends, which the
//! [alarm](crate::stage::alarm) sends then. They are called in loops that are compiled for each system by itself, so mark them
//! `#[inline]`.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::Pid;

use crate::stage::wait::{Deadline, Halt};

/// What a channel is about to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of one message.
    pub length: usize,
    /// Whether messages are sent and received many at a time.
    pub batched: bool,
    /// How its parties wait.
    pub waits: Waits,
}

/// How the parties of a channel wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Every wait polls.
    Poll,
    /// Every wait sleeps in the kernel until what it waits for is there.
    Sleep,
    /// As the system waits when nothing is chosen: descriptors block; others may poll for a while before they sleep.
    Usual,
}

/// A channel between two processes. The near end is the measuring process's: the producer, or the caller of round
/// trips. The far end is its peer's.
pub(crate) trait Channel {
    /// The end of the process that creates the channel.
    type Near;
    /// The end of the process that attaches to it.
    type Far;

    /// Creates the channel, and says which descriptors the peer is to inherit.
    ///
    /// # Errors
    ///
    /// Whatever keeps the channel from being created; the row is reported as failed.
    fn create(shape: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)>;

    /// Attaches, in the peer, to the descriptors that `create` named, in their order.
    ///
    /// # Errors
    ///
    /// Whatever keeps the channel from being attached to; the row is reported as failed.
    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far>;
}

/// A channel between two threads of one process.
pub(crate) trait ThreadChannel {
    /// The end of the measuring thread.
    type Near;
    /// The end of the other thread.
    type Far: Send;

    /// Creates both ends.
    fn create(shape: Shape) -> (Self::Near, Self::Far);
}

/// One end of a channel for round trips of 64-byte messages. Both ends send and receive in turns.
pub(crate) trait Caller {
    /// Sends one message.
    ///
    /// # Errors
    ///
    /// As [`Wait::poll`](crate::stage::wait::Wait::poll), or the channel's own failure.
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt>;

    /// Receives one message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt>;
}

/// The near end of a channel that tells of its peer's death. The far end is whatever the peer holds when it is killed.
pub(crate) trait Mourner: Send {
    /// Learns who the peer is, once it has attached.
    ///
    /// # Errors
    ///
    /// Whatever keeps the peer from being waited for.
    fn meet(&mut self, _peer: Pid) -> io::Result<()> {
        Ok(())
    }

    /// Sleeps in the kernel until the peer is dead. Called once, by a thread that does nothing else; no signal ends its
    /// system calls, so that they need the deadline.
    ///
    /// # Errors
    ///
    /// `Late` after the deadline, or whatever else came instead.
    fn mourn(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt>;
}

/// The sending end of a flow of 8-byte messages.
pub(crate) trait SlotProducer {
    /// How many messages a batch has.
    const BATCH: usize = 256;

    /// Sends one message. The receiver must be able to see it without a further call, unless the system says that it holds
    /// messages back.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn send(&mut self, slot: u64, deadline: &Deadline<'_>) -> Result<(), Halt>;

    /// Sends all of `slots`, in order: one by one, unless the system can do better.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn send_batch(&mut self, slots: &[u64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        slots.iter().try_for_each(|&slot| self.send(slot, deadline))
    }

    /// Sends whatever messages were held back.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    #[inline]
    fn flush(&mut self, _deadline: &Deadline<'_>) -> Result<(), Halt> {
        Ok(())
    }
}

/// The receiving end of a flow of 8-byte messages.
pub(crate) trait SlotConsumer {
    /// How many messages a batch has at most.
    const BATCH: usize = 256;

    /// Receives one message.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn receive(&mut self, deadline: &Deadline<'_>) -> Result<u64, Halt>;

    /// Receives at least one message and as many as there are and have room, and says how many: one, unless the system can
    /// do better.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn receive_batch(&mut self, slots: &mut [u64], deadline: &Deadline<'_>) -> Result<usize, Halt> {
        slots[0] = self.receive(deadline)?;
        Ok(1)
    }
}

/// The sending end of a flow of records.
pub(crate) trait RecordProducer {
    /// How many bytes of messages a batch has.
    const BATCH_BYTES: usize = 16 << 10;

    /// Sends one message. The receiver must be able to see it without a further call, unless the system says that it holds
    /// messages back. The length is the same for all messages of a channel, and known at compile time where this is
    /// inlined.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt>;

    /// Sends all of `messages`, which lie one after another, `length` bytes each: one by one, unless there is a better way.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn send_batch(&mut self, messages: &[u8], length: usize, deadline: &Deadline<'_>) -> Result<(), Halt> {
        messages.chunks_exact(length).try_for_each(|message| self.send(message, deadline))
    }

    /// Sends whatever messages were held back.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    #[inline]
    fn flush(&mut self, _deadline: &Deadline<'_>) -> Result<(), Halt> {
        Ok(())
    }
}

/// The receiving end of a flow of records.
pub(crate) trait RecordConsumer {
    /// How many bytes of messages a batch has at most.
    const BATCH_BYTES: usize = 16 << 10;

    /// Receives one message, which fills `message`.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt>;

    /// Receives at least one message of `length` bytes and as many as there are and have room, one after another, and
    /// says how many messages they are: one, unless there is a better way.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn receive_batch(
        &mut self,
        messages: &mut [u8],
        length: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        self.receive(&mut messages[..length], deadline)?;
        Ok(1)
    }
}

/// A queue of 8-byte messages that several processes send to and receive from. Each message goes to one of them.
pub(crate) trait Queue {
    /// What the measuring process, which takes no part, keeps meanwhile.
    type Kept;
    /// The end of a process that sends.
    type Producer: SlotProducer;
    /// The end of a process that receives.
    type Consumer: SlotConsumer;

    /// Creates the queue, and says which descriptors each process is to inherit.
    ///
    /// # Errors
    ///
    /// As [`Channel::create`].
    fn create(shape: Shape) -> io::Result<(Self::Kept, Vec<OwnedFd>)>;

    /// Attaches, in a process that sends, to the descriptors that `create` named, in their order.
    ///
    /// # Errors
    ///
    /// As [`Channel::attach`].
    fn producer(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Producer>;

    /// Attaches, in a process that receives.
    ///
    /// # Errors
    ///
    /// As [`Channel::attach`].
    fn consumer(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Consumer>;
}

/// A queue of 8-byte messages that several threads send to and receive from.
pub(crate) trait ThreadQueue {
    /// The end of a thread that sends.
    type Producer: SlotProducer + Send + 'static;
    /// The end of a thread that receives.
    type Consumer: SlotConsumer + Send + 'static;

    /// Creates the ends of so many threads that send and as many that receive.
    fn create(parties: usize) -> Vec<(Self::Producer, Self::Consumer)>;
}

/// A primitive that several processes share: how it comes to be.
pub(crate) trait Common: Sized {
    /// What the measuring process, which takes no part, keeps meanwhile.
    type Kept;

    /// Creates it, and says which descriptors each process is to inherit.
    ///
    /// # Errors
    ///
    /// As [`Channel::create`].
    fn create() -> io::Result<(Self::Kept, Vec<OwnedFd>)>;

    /// Attaches, in one of the processes, to the descriptors that `create` named, in their order.
    ///
    /// # Errors
    ///
    /// As [`Channel::attach`].
    fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self>;
}

/// Something that one party at a time holds.
pub(crate) trait Lock {
    /// Does `work` while it is held.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn hold(&mut self, work: impl FnOnce(), deadline: &Deadline<'_>) -> Result<(), Halt>;
}

/// A count of things that a party waits for if there is none.
pub(crate) trait Semaphore {
    /// Adds one.
    ///
    /// # Errors
    ///
    /// The system's failure.
    fn post(&mut self) -> Result<(), Halt>;

    /// Takes one.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn wait(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt>;

    /// How many there are.
    ///
    /// # Errors
    ///
    /// The system's failure.
    fn count(&mut self) -> Result<u64, Halt>;
}

/// Where two parties wait for each other.
pub(crate) trait Barrier {
    /// Waits until the other one waits as well.
    ///
    /// # Errors
    ///
    /// As [`Caller::send`].
    fn wait(&mut self, deadline: &Deadline<'_>) -> Result<(), Halt>;
}
