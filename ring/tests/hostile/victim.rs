//! A handle under attack: one call at a time, any of its verbs, and what it said of corruption.

use crate::fixture::random::Random;
use ringway::bytes::{self, Messages};
use ringway::slots::Layout;
use ringway::{
    AttachError, Corruption, OpenError, RecvError, Region, SendError, Slot, TryRecvError, TrySendError,
    WhenFull, slots,
};
use std::sync::Arc;
use std::time::Duration;

/// Mostly wait.
const WHEN_FULL: [WhenFull; 3] = [WhenFull::Wait, WhenFull::Wait, WhenFull::DropNewest];

/// What a call came to. A word of a seat may make it look as if the other side had died or left, which is an answer like
/// that there is nothing; that this process were a forked child no word can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// Refused without a look at the region.
    TooLong,
    Corrupt(Corruption),
}

impl From<TrySendError> for Outcome {
    fn from(error: TrySendError) -> Self {
        match error {
            TrySendError::Full { .. } | TrySendError::PeerDead | TrySendError::Closed => Self::Done,
            TrySendError::TooLong { .. } => Self::TooLong,
            TrySendError::Corrupt(corruption) => Self::Corrupt(corruption),
            other => panic!("unknown: {other}"),
        }
    }
}

impl From<SendError> for Outcome {
    fn from(error: SendError) -> Self {
        match error {
            SendError::TimedOut | SendError::PeerDead | SendError::Closed => Self::Done,
            SendError::TooLong { .. } => Self::TooLong,
            SendError::Corrupt(corruption) => Self::Corrupt(corruption),
            other => panic!("unknown: {other}"),
        }
    }
}

impl From<TryRecvError> for Outcome {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Empty | TryRecvError::TooSmall { .. } => Self::Done,
            TryRecvError::PeerDead | TryRecvError::Closed => Self::Done,
            TryRecvError::Corrupt(corruption) => Self::Corrupt(corruption),
            other => panic!("unknown: {other}"),
        }
    }
}

impl From<RecvError> for Outcome {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::TimedOut | RecvError::TooSmall { .. } => Self::Done,
            RecvError::PeerDead | RecvError::Closed => Self::Done,
            RecvError::Corrupt(corruption) => Self::Corrupt(corruption),
            other => panic!("unknown: {other}"),
        }
    }
}

fn outcome<T, E: Into<Outcome>>(result: Result<T, E>) -> Outcome {
    result.map_or_else(Into::into, |_| Outcome::Done)
}

/// A handle that can be attacked.
pub(crate) trait Victim: Sized {
    const IS_PRODUCER: bool;

    fn attach(region: &Arc<Region>) -> Result<Self, OpenError>;

    /// Calls one of the verbs.
    fn call(&mut self, random: &mut Random) -> Outcome;
}

/// Attaches; `None` when the positions cannot be, which is the only reason there may be.
pub(crate) fn attach<V: Victim>(region: &Arc<Region>) -> Option<V> {
    match V::attach(region) {
        Ok(victim) => Some(victim),
        Err(OpenError::Attach(AttachError::Corrupt(_))) => None,
        Err(error) => panic!("{error}"),
    }
}

impl Victim for bytes::Producer {
    const IS_PRODUCER: bool = true;

    fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        Self::attach(region)
    }

    fn call(&mut self, random: &mut Random) -> Outcome {
        let max = self.length_max() as u64;
        let len = random.choose(&[0, 1, 8, max - 1, max, max + 1, random.clone().below(max), 40]) as usize;
        let message = vec![0x5a; len];
        self.set_when_full(random.choose(&WHEN_FULL));
        match random.below(7) {
            0 | 1 => outcome(self.try_send(&message)),
            2 if random.one_in(8) => outcome(self.send_until(&message, Duration::ZERO)),
            2 | 3 => match self.try_reserve(len) {
                Ok(mut reservation) => {
                    assert_eq!(reservation.len(), len);
                    reservation.write_at(0, &message);
                    if random.one_in(3) {
                        reservation.abort()
                    } else {
                        reservation.commit_prefix(len / 2)
                    }
                    Outcome::Done
                }
                Err(error) => error.into(),
            },
            4 if random.one_in(8) => outcome(self.reserve_until(len, Duration::ZERO)),
            _ => {
                let mut batch = self.batch();
                for _ in 0..random.below(6) {
                    match outcome(batch.try_send(&message)) {
                        Outcome::Done => {}
                        other => return other,
                    }
                }
                outcome(batch.try_send(&[]))
            }
        }
    }
}

impl Victim for bytes::Consumer {
    const IS_PRODUCER: bool = false;

    fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        Self::attach(region)
    }

    fn call(&mut self, random: &mut Random) -> Outcome {
        let max = self.length_max();
        let mut message = Vec::new();
        match random.below(6) {
            0 => {
                let outcome = outcome(self.try_recv(&mut message));
                assert!(message.len() <= max);
                outcome
            }
            1 if random.one_in(8) => outcome(self.recv_until(&mut message, Duration::ZERO)),
            1 | 2 => {
                let mut target = vec![0; random.below(max as u64 + 1) as usize];
                match self.try_recv_into(&mut target) {
                    Ok(len) => assert!(len <= target.len()),
                    Err(TryRecvError::TooSmall { needed }) => assert!(target.len() < needed && needed <= max),
                    Err(error) => return error.into(),
                }
                Outcome::Done
            }
            3 | 4 => {
                let room = random.below(self.capacity() + 16) as usize;
                let mut messages = Messages::with_room(room);
                let outcome = outcome(self.try_recv_many(&mut messages));
                let taken: usize = messages.iter().map(|message| 8 + message.len()).sum();
                assert!(taken <= room && messages.iter().all(|message| message.len() <= max));
                assert!(outcome == Outcome::Done || taken == 0);
                outcome
            }
            _ => match self.try_peek() {
                Ok(peek) => {
                    assert!(peek.len() <= max);
                    assert_eq!(peek.to_vec().len(), peek.len());
                    peek.read_at(peek.len() / 2, &mut vec![0; peek.len() - peek.len() / 2]);
                    if random.one_in(2) {
                        peek.release();
                    }
                    Outcome::Done
                }
                Err(error) => error.into(),
            },
        }
    }
}

impl<T: Slot, L: Layout> Victim for slots::Producer<T, L> {
    const IS_PRODUCER: bool = true;

    fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        Self::attach(region)
    }

    fn call(&mut self, random: &mut Random) -> Outcome {
        let value = T::new_zeroed();
        let when_full = random.choose(&WHEN_FULL);
        let is_dropping = when_full == WhenFull::DropNewest;
        self.set_when_full(when_full);
        let count = random.below(self.capacity() + 3) as usize;
        match random.below(4) {
            0 => outcome(self.try_send(&value)),
            1 if random.one_in(8) => outcome(self.send_until(&value, Duration::ZERO)),
            1 | 2 => match self.try_send_many(&vec![value; count]) {
                Ok(sent) => {
                    assert!(sent <= count && (is_dropping || sent as u64 <= self.capacity()));
                    Outcome::Done
                }
                Err(error) => error.into(),
            },
            _ => match self.try_reserve_many(count) {
                Ok(mut reservation) => {
                    assert!(reservation.len() <= count);
                    (0..reservation.len()).for_each(|at| reservation.write(at, &value));
                    if random.one_in(3) {
                        reservation.abort()
                    } else {
                        reservation.commit()
                    }
                    Outcome::Done
                }
                Err(error) => error.into(),
            },
        }
    }
}

impl<T: Slot, L: Layout> Victim for slots::Consumer<T, L> {
    const IS_PRODUCER: bool = false;

    fn attach(region: &Arc<Region>) -> Result<Self, OpenError> {
        Self::attach(region)
    }

    fn call(&mut self, random: &mut Random) -> Outcome {
        let count = random.below(self.capacity() + 3) as usize;
        match random.below(4) {
            0 => outcome(self.try_recv()),
            1 if random.one_in(8) => outcome(self.recv_until(Duration::ZERO)),
            1 | 2 => match self.try_recv_many(&mut vec![T::new_zeroed(); count]) {
                Ok(received) => {
                    assert!(received <= count && received as u64 <= self.capacity());
                    Outcome::Done
                }
                Err(error) => error.into(),
            },
            _ => match self.try_peek_many(count) {
                Ok(peek) => {
                    assert!(peek.len() <= count);
                    (0..peek.len()).for_each(|at| _ = peek.read(at));
                    if random.one_in(2) {
                        peek.release();
                    }
                    Outcome::Done
                }
                Err(error) => error.into(),
            },
        }
    }
}
