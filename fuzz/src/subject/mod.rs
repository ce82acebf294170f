//! Ringway's rings as the killers see them: a few kinds, a few places, and every verb of each by one face.
//!
//! ```text
//!   Kind       bytes, mirrored, slots, lines        bytes.rs, slots.rs
//!     Sends      SENDS: a line for each verb        numbers in, what became of them out
//!     Receives   RECEIVES: a line for each verb     numbers out
//! ```
//!
//! A message is a number; what else is in it follows from the number, so that whoever has a message can tell whether it is
//! whole. A new verb is a line in the list of its side; a new kind of ring is a file.

mod bytes;
pub(crate) mod control;
pub(crate) mod locks;
mod message;
mod slots;

use ringway::{
    Access, Config, CreateError, Deadline, OpenError, RecvError, Region, SendError, TryRecvError,
    TrySendError, WaitStrategy,
};
use ringway_shm::Expected;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use bytes::{Mirrored, Padded};
pub(crate) use slots::{Lines, Slots};

/// A kind of ring.
pub(crate) trait Kind: 'static {
    /// What it is called on the command line.
    const NAME: &'static str;
    /// Are there slices of the ring itself?
    const HAS_SLICES: bool = true;
    /// Are there calls that send many messages?
    const HAS_MANY: bool = true;
    type Tx: Sends;
    type Rx: Receives;
    /// A call that receives several may receive so many times as many as it was asked for: one that is given room in bytes.
    const TIMES: u64 = 1;

    /// A ring of the smallest size with room for `messages` of the longest messages, without a name.
    fn anonymous(messages: u64) -> Arc<Region>;

    /// What it is made by.
    fn config(messages: u64) -> Config;

    /// What opens one.
    fn expected() -> Expected;

    /// Messages that the ring has room for in any case.
    fn room_min(region: &Region) -> Option<u64>;

    /// Where positions count messages: how many were ever committed, while nobody is the producer.
    fn committed(_region: &Region) -> Option<u64> {
        None
    }

    /// The ring behind a descriptor.
    fn of_descriptor(descriptor: i32) -> Result<Arc<Region>, OpenError> {
        Ok(Arc::new(Region::inherited(descriptor, &Self::expected())?))
    }

    /// The ring of a name.
    fn of_name(name: &str) -> Result<Arc<Region>, OpenError> {
        let name = ringway::Name::new(name).map_err(ringway_shm::OpenError::from)?;
        Ok(Arc::new(Region::open(name, &Self::expected(), Access::default())?))
    }
}

/// What a call came to, whatever the verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It did what it was asked, or the part of it that it says.
    Done,
    /// There was nothing, no room, or no time.
    Nothing,
    PeerDead,
    Closed,
    /// What must not be where everybody follows the protocol.
    Wrong(String),
}

/// What a call came to, and how many messages it sent or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) said: Said,
    pub(crate) count: u64,
}

impl Answer {
    fn done(count: u64) -> Self {
        Self { said: Said::Done, count }
    }

    fn wrong(what: impl fmt::Display) -> Self {
        Self { said: Said::Wrong(what.to_string()), count: 0 }
    }
}

/// A failed call's answer: it has sent or received nothing.
macro_rules! answers {
    ($($error:ident: $nothing:pat,)*) => {$(
        impl From<$error> for Answer {
            fn from(error: $error) -> Self {
                let said = match error {
                    $nothing => Said::Nothing,
                    $error::PeerDead => Said::PeerDead,
                    $error::Closed => Said::Closed,
                    error => Said::Wrong(error.to_string()),
                };
                Self { said, count: 0 }
            }
        }
    )*};
}

answers! {
    TrySendError: TrySendError::Full { .. },
    SendError: SendError::TimedOut,
    TryRecvError: TryRecvError::Empty,
    RecvError: RecvError::TimedOut,
}

/// How many messages a call that succeeded dealt with.
fn answer<E: Into<Answer>>(result: Result<u64, E>) -> Answer {
    result.map_or_else(Into::into, Answer::done)
}

/// How long it is until then, for verbs that ask for a time.
fn left(until: Deadline) -> Duration {
    until.remaining().unwrap_or(Duration::MAX)
}

/// What part of what a verb was given a death in it may leave in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    /// All or nothing.
    Whole,
    /// The first few of them, any number.
    Prefix,
    /// Nothing, whatever happens: what is aborted, or only looked at.
    None,
}

/// A way to send the messages of the numbers from `first` on, `count` of them where it sends several.
pub(crate) struct Send<H> {
    pub(crate) name: &'static str,
    /// Does it wait while the ring is full, until its deadline?
    pub(crate) waits: bool,
    /// Does it send several at once?
    pub(crate) is_many: bool,
    /// What a death in it may leave.
    pub(crate) parts: Parts,
    pub(crate) run: fn(&mut H, u64, u64, Deadline) -> Answer,
}

impl<H> Send<H> {
    /// Does it wait as long as it takes?
    pub(crate) fn waits_for_ever(&self) -> bool {
        waits_for_ever(self.waits, self.name)
    }
}

/// Verbs that wait have their deadline in their name.
fn waits_for_ever(waits: bool, name: &str) -> bool {
    waits && !name.contains("_until") && !name.contains("_timeout")
}

/// A way to receive, into a list of numbers; up to `count` of them where it receives several.
pub(crate) struct Receive<H> {
    pub(crate) name: &'static str,
    /// Does it wait while the ring is empty, until its deadline?
    pub(crate) waits: bool,
    /// Does it receive several at once?
    pub(crate) is_many: bool,
    /// What a death in it may take out of the ring.
    pub(crate) parts: Parts,
    pub(crate) run: fn(&mut H, u64, Deadline, &mut Vec<u64>) -> Answer,
}

impl<H> Receive<H> {
    /// Does it wait as long as it takes?
    pub(crate) fn waits_for_ever(&self) -> bool {
        waits_for_ever(self.waits, self.name)
    }
}

/// What both sides have.
pub(crate) trait Side: Sized + fmt::Debug + 'static {
    fn attach(region: &Arc<Region>) -> Result<Self, OpenError>;
    fn open_or_create(name: &str, config: &Config) -> Result<Self, CreateError>;
    fn region(&self) -> &Arc<Region>;
    fn set_wait_strategy(&mut self, strategy: WaitStrategy);
    /// Is there somebody on the other side?
    fn has_peer(&self) -> bool;
    /// Waits for somebody on the other side.
    fn await_peer(&mut self, deadline: Deadline) -> Answer;
}

/// A side that sends.
pub(crate) trait Sends: Side {
    /// Every verb that sends.
    const SENDS: &'static [Send<Self>];

    /// Sends one message if there is room.
    fn try_send(&mut self, number: u64) -> Answer;

    /// Sends one message, waiting until a deadline.
    fn send_until(&mut self, number: u64, deadline: Deadline) -> Answer;

    /// Sends all messages of these numbers, if the kind can. Not one of [`SENDS`](Self::SENDS): when it fails, nobody knows how
    /// many were sent.
    fn send_many(&mut self, first: u64, count: u64) -> Option<Answer> {
        _ = (first, count);
        None
    }

    /// Sends one message that is written into a slice of the ring itself, if the kind has such; for parties that all follow the
    /// protocol.
    fn send_in_place(self, number: u64) -> Option<(Self, Answer)> {
        _ = number;
        None
    }
}

/// A side that receives.
pub(crate) trait Receives: Side {
    /// Every verb that receives.
    const RECEIVES: &'static [Receive<Self>];

    /// Receives one message if there is one.
    fn try_recv(&mut self, numbers: &mut Vec<u64>) -> Answer;

    /// Receives one message, waiting until a deadline.
    fn recv_until(&mut self, deadline: Deadline, numbers: &mut Vec<u64>) -> Answer;

    /// Receives one message out of a slice of the ring itself, if the kind has such; for parties that all follow the protocol.
    fn recv_in_place(self, numbers: &mut Vec<u64>) -> Option<(Self, Answer)> {
        _ = numbers;
        None
    }
}

/// What both sides of every kind have under the same names.
macro_rules! side {
    ([$($generics:tt)*] $side:ty, $has_peer:ident, $await_peer:ident) => {
        impl <$($generics)*> crate::subject::Side for $side {
            fn attach(region: &std::sync::Arc<ringway::Region>) -> Result<Self, ringway::OpenError> {
                Self::attach(region)
            }

            fn open_or_create(name: &str, config: &ringway::Config) -> Result<Self, ringway::CreateError> {
                Self::open_or_create(name, config)
            }

            fn region(&self) -> &std::sync::Arc<ringway::Region> {
                self.region()
            }

            fn set_wait_strategy(&mut self, strategy: ringway::WaitStrategy) {
                self.set_wait_strategy(strategy);
            }

            fn has_peer(&self) -> bool {
                self.$has_peer().is_ok_and(|is_there| is_there)
            }

            fn await_peer(&mut self, deadline: ringway::Deadline) -> crate::subject::Answer {
                crate::subject::answer(self.$await_peer(deadline).map(|()| 0))
            }
        }
    };
}
use side;

/// A verb that sends, or receives: its name, whether it waits, whether it deals with several, what a death in it may leave,
/// and how it is called.
macro_rules! verb {
    ($of:ident $name:literal, $waits:ident, $many:ident, $parts:ident, $run:expr) => {
        crate::subject::$of {
            name: $name,
            waits: crate::subject::verb!(@ $waits),
            is_many: crate::subject::verb!(@ $many),
            parts: crate::subject::Parts::$parts,
            run: $run,
        }
    };
    (@ tries) => { false };
    (@ waits) => { true };
    (@ one) => { false };
    (@ many) => { true };
}
use verb;
