//! Strict linearizability: is there one sequential order that explains a recorded history, crashes included?
//!
//! ```text
//!  moment      1    2    3    4    5    6    7    8    9    10
//!  process 0   [ push 7 ------- killed ]
//!  process 1        [ pop: Empty ]         [ pop: 7 ]             explained: pop, push, pop
//!
//!  process 0   [ push 7 ------- killed ]
//!  process 1                          [ pop: Empty ] [ pop: 7 ]   not: the push came after the kill
//! ```
//!
//! Each call takes effect at one instant between its beginning and its end. A call whose process was killed
//! in it takes effect before the kill or never; one still running at the end of the run takes effect or not.
//!
//! `search.rs` looks for the order, by the specification of the object: one of those in `objects.rs`, or your own.
//! The rule for kills is Aguilera and Frølund, "Strict linearizability and the power of aborting", 2003.
//!
//! `fifo.rs` is the shortcut for long histories of queues whose values are all different.
//!
//! Deliberately absent: splitting a history by key. The problem is NP-complete: many calls at once can take exponential time and memory, and so can a queue in which many
//! values wait whose pushes overlapped, since a wrong order shows only when they are popped.

mod fifo;
mod objects;
mod search;

pub use fifo::{Did, NotFifo, Operation, check_fifo};
pub use objects::{Fifo, FifoAnswer, FifoOperation, Register, RegisterAnswer, RegisterOperation};
pub use search::linearize;

use std::error::Error;
use std::fmt;
use std::hash::Hash;

/// A sequential specification: a state, and what each operation does to it and answers.
///
/// ```
/// use ringway_fuzz::linear::Specification;
///
/// #[derive(Clone, PartialEq, Eq, Hash)]
/// struct Counter(u64);
///
/// impl Specification for Counter {
///     type Operation = ();
///     type Answer = u64;
///     fn apply(&mut self, (): &()) -> u64 {
///         self.0 += 1;
///         self.0
///     }
/// }
///
/// assert!(Counter(4).allows(&(), &5));
/// assert!(!Counter(4).allows(&(), &4));
/// ```
pub trait Specification: Clone + Eq + Hash {
    /// What is asked.
    type Operation;
    /// What comes back.
    type Answer: PartialEq;

    /// Applies the operation; what it answers.
    fn apply(&mut self, operation: &Self::Operation) -> Self::Answer;

    /// May the operation answer this here?
    ///
    /// On true the state is the one after the operation; on false it is not used again. A specification that
    /// allows several answers, as for a pop that may say Empty without a reason, writes its own.
    fn allows(&mut self, operation: &Self::Operation, answer: &Self::Answer) -> bool {
        self.apply(operation) == *answer
    }
}

/// One call. Moments count the events of the whole run; equal moments of two processes are concurrent.
///
/// ```
/// use ringway_fuzz::linear::{Call, End, FifoAnswer, FifoOperation};
/// let end = End::Answered { at: 2, answer: FifoAnswer::Pushed };
/// let call = Call { process: 0, operation: FifoOperation::Push(7), began: 1, ended: end };
/// assert_eq!(call.began, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<O, A> {
    /// Who called: the calls of one process follow one another.
    pub process: usize,
    /// What was asked.
    pub operation: O,
    /// The moment before which it had no effect.
    pub began: u64,
    /// How and when it ended.
    pub ended: End<A>,
}

impl<O, A> Call<O, A> {
    /// The moment after which it has no effect.
    fn end(&self) -> u64 {
        match self.ended {
            End::Answered { at, .. } | End::Killed { at } => at,
            End::Running => u64::MAX,
        }
    }

    fn is_answered(&self) -> bool {
        matches!(self.ended, End::Answered { .. })
    }
}

/// How a call ended.
///
/// ```
/// use ringway_fuzz::linear::End;
/// assert_ne!(End::Answered { at: 3, answer: "full" }, End::Killed { at: 3 });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End<A> {
    /// It returned.
    Answered {
        /// When.
        at: u64,
        /// With what.
        answer: A,
    },
    /// Its process was killed in it: it took effect before that moment or never.
    Killed {
        /// The moment of the kill.
        at: u64,
    },
    /// It was still running when the run ended: it took effect or not.
    Running,
}

/// No order explains the history.
///
/// ```
/// let error = ringway_fuzz::linear::NotLinearizable { longest: vec![0, 2], stuck_at: Some(1) };
/// assert_eq!(error.to_string(), "no order explains the history: after [0, 2], call 1 cannot follow");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotLinearizable {
    /// The order that explains the most answered calls, as indices of calls.
    pub longest: Vec<usize>,
    /// The answered call that must come next, as no other ends earlier, and is not allowed to.
    pub stuck_at: Option<usize>,
}

impl fmt::Display for NotLinearizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no order explains the history: after ")?;
        match self.longest.len() {
            count @ 0..=8 => write!(f, "{:?}", &self.longest[..count])?,
            count => write!(f, "{count} calls up to {:?}", &self.longest[count - 8..])?,
        }
        match self.stuck_at {
            Some(call) => write!(f, ", call {call} cannot follow"),
            None => Ok(()),
        }
    }
}

impl Error for NotLinearizable {}
