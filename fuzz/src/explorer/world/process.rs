//! A virtual process, and what it is about to do.

use super::fiber::Fiber;
use crate::explorer::memory::Digest;
use std::time::Duration;

/// What a process is about to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pending {
    /// Anything that has one outcome.
    Step,
    /// The same, of a call to the kernel that may fail with each of these.
    Call(&'static [i32]),
    Load {
        word: usize,
    },
    /// A store, or a change that cannot fail.
    Store {
        word: usize,
    },
    CompareExchange {
        word: usize,
        current: u64,
        weak: bool,
    },
    /// A look in vain, when this many stores had been made.
    Spin {
        stores: u64,
    },
    /// To go on when all others have ended.
    Last,
    /// Asleep since it found the words as they were.
    Asleep {
        until: Option<Duration>,
    },
}

/// How it stands with a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It can take a step, unless it spins or sleeps.
    Running,
    Stalled,
    /// It returned.
    Done,
    /// It was killed; the kernel has still to bury it.
    Killed,
    Buried,
}

/// A process that is in a call which the scenario named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InCall {
    pub(crate) name: &'static str,
    /// Must it end when nobody else runs?
    pub(crate) ends_alone: bool,
    /// When it must have ended.
    pub(crate) until: Option<Duration>,
}

/// A virtual process.
pub(crate) struct Proc {
    pub(crate) name: String,
    /// Which body it runs, of the scenario.
    pub(crate) body: usize,
    pub(crate) incarnation: u32,
    pub(crate) status: Status,
    pub(crate) is_marked: bool,
    pub(crate) was_restarted: bool,
    pub(crate) pending: Pending,
    /// Of a sleep or a wait that ended: had its moment come?
    pub(crate) timed_out: bool,
    /// Everything that it was told so far.
    pub(crate) heard: Digest,
    /// What it did to payload so far: it stays when the process is dead.
    pub(crate) touched: Digest,
    /// Each word that it looked at since it last spun, and the message that it saw first.
    pub(crate) looked: Vec<(usize, u32)>,
    /// An operation that begins with the next step, and its digest.
    pub(crate) beginning: Option<(usize, u64)>,
    pub(crate) call: Option<InCall>,
    /// Calls that have ended.
    pub(crate) calls: u32,
    /// Choices of the run, and steps of its own, when the call began.
    pub(crate) call_began: (u32, u32),
    /// Its steps when a call ended, the first since somebody who measures set this to none.
    pub(crate) first_end: Option<u32>,
    /// Steps taken.
    pub(crate) steps: u32,
    pub(crate) fiber: Option<Fiber>,
}
