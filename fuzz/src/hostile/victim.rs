//! A handle under attack: every verb of every kind, called as an input says, and what each said of corruption.
//!
//! Left out are the views in place: who hands them out has promised that every writer follows the protocol.

use super::input::Input;
use ringway::{
    AttachError, Corruption, Deadline, OpenError, RecvError, Region, SendError, TryRecvError, TrySendError,
    WaitStrategy, WhenFull,
};
use std::sync::Arc;
use std::time::Duration;

/// What a call came to. A word of a seat may make it look as if the other side had died or left, which is an answer like
/// that there is nothing; that this process were a forked child no word can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// Refused without a look at the region.
    TooLong,
    Corrupt(Corruption),
}

/// An error's outcome: which of them say that the call did nothing, and which that it looked at nothing. No word in the region
/// can bring about any other.
macro_rules! outcome {
    ($($error:ident: $($done:ident)*, $($long:ident)?;)*) => {$(
        impl From<$error> for Outcome {
            fn from(error: $error) -> Self {
                match error {
                    $($error::$done { .. } => Self::Done,)*
                    $($error::$long { .. } => Self::TooLong,)?
                    $error::Corrupt(corruption) => Self::Corrupt(corruption),
                    other => panic!("an answer that no word in the region can bring about: {other}"),
                }
            }
        }
    )*};
}

outcome! {
    TrySendError: Full PeerDead Closed, TooLong;
    SendError: TimedOut PeerDead Closed, TooLong;
    TryRecvError: Empty TooSmall PeerDead Closed,;
    RecvError: TimedOut TooSmall PeerDead Closed,;
}

pub(crate) fn outcome<T, E: Into<Outcome>>(result: Result<T, E>) -> Outcome {
    result.map_or_else(Into::into, |_| Outcome::Done)
}

/// No wait is longer.
const WAIT_MICROS: u64 = 8;

/// How a call is to be made.
pub(crate) struct Call<'a, 'b> {
    pub(crate) input: &'a mut Input<'b>,
    /// Room for a message.
    pub(crate) room: &'a mut [u8],
    /// The handle has said that the ring is corrupt: then even the verbs that wait for ever come back.
    pub(crate) is_poisoned: bool,
    /// Waits may last some microseconds; otherwise each has a deadline that has passed.
    pub(crate) may_wait: bool,
    /// What was called.
    pub(crate) name: &'static str,
    /// Bytes, slots or messages that the caller handed over, or made room for.
    pub(crate) handed: u64,
}

impl Call<'_, '_> {
    /// Says what is called, and over how much.
    pub(crate) fn is(&mut self, name: &'static str, handed: usize) {
        (self.name, self.handed) = (name, handed as u64);
    }

    pub(crate) fn deadline(&mut self) -> Deadline {
        let micros = if self.may_wait && self.input.one_in(2) { self.input.below(WAIT_MICROS) } else { 0 };
        Deadline::after(Duration::from_micros(micros))
    }

    pub(crate) fn timeout(&mut self) -> Duration {
        Duration::from_micros(if self.may_wait { self.input.below(WAIT_MICROS) } else { 0 })
    }
}

/// Whose words a handle may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Producer,
    Consumer,
}

/// A handle that can be attacked.
pub(crate) trait Victim: Sized {
    const SIDE: Side;

    fn attach(region: &Arc<Region>) -> Result<Self, OpenError>;

    /// Calls one of the verbs that send or receive.
    fn call(&mut self, call: &mut Call<'_, '_>) -> Outcome;

    fn has_other(&self) -> bool;

    fn await_other(&mut self, deadline: Deadline) -> Outcome;

    fn set_wait_strategy(&mut self, strategy: WaitStrategy);
}

/// Attaches; `None` when the positions cannot be, which is the only reason there may be.
pub(crate) fn attach<V: Victim>(region: &Arc<Region>) -> Option<V> {
    match V::attach(region) {
        Ok(victim) => Some(victim),
        Err(OpenError::Attach(AttachError::Corrupt(_))) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Mostly wait.
pub(crate) const WHEN_FULL: [WhenFull; 4] =
    [WhenFull::Wait, WhenFull::Wait, WhenFull::Wait, WhenFull::DropNewest];

/// What is sent.
pub(crate) static MESSAGE: [u8; 8192] = [0x5a; 8192];

/// What all victims have under the same names.
macro_rules! victim {
    ($error:ty, $has:ident, $await_until:ident) => {
        fn attach(region: &std::sync::Arc<ringway::Region>) -> Result<Self, ringway::OpenError> {
            Self::attach(region)
        }

        fn has_other(&self) -> bool {
            self.$has().expect("the system answers")
        }

        fn await_other(&mut self, deadline: ringway::Deadline) -> $crate::hostile::victim::Outcome {
            $crate::hostile::victim::outcome::<_, $error>(self.$await_until(deadline))
        }

        fn set_wait_strategy(&mut self, strategy: ringway::WaitStrategy) {
            self.set_wait_strategy(strategy);
        }
    };
}
pub(crate) use victim;
