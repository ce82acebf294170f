//! Long histories of a first-in first-out queue whose values are all different: no search, but a few patterns that must not be.
//!
//! ```text
//!   never pushed     pop v, and nobody pushed v, or only began to after the pop had ended
//!   popped twice     pop v, pop v
//!   overtaken        push a ends before push b begins; pop b ends before pop a begins, or a is never popped
//!   not empty        Empty, and at each moment of the call some value was certainly there:
//!
//!                       push a ]·······a is there·······[ pop a
//!                                  push b ]·······b is there·······[ pop b
//!                            [ Empty                 ]
//!   not full         Full, and at each moment of the call there was certainly room
//! ```
//!
//! A history of a queue without a bound, in which every call was answered, is linearizable if and only if none of the first
//! four is in it: Bouajjani, Emmi, Enea and Hamza, "On reducing linearizability to state reachability", 2015
//! (<https://doi.org/10.1007/978-3-662-47666-6_8>), after Henzinger, Sezgin and Vafeiadis, "Aspect-oriented linearizability
//! proofs", 2013 (<https://doi.org/10.1007/978-3-642-40184-8_18>). The last pattern is ours, and of one direction: what it
//! finds is wrong. All of it takes time O(n log n).

use std::error::Error;
use std::fmt;

/// What an operation on a queue did.
///
/// ```
/// use ringway_fuzz::linear::Did;
/// assert_ne!(Did::Push(7), Did::Pop(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    /// It appended a value.
    Push(u64),
    /// It took the oldest value.
    Pop(u64),
    /// It found nothing to take.
    Empty,
    /// It found no room.
    Full,
}

/// An operation: what it did, and between which moments. Equal moments are concurrent.
///
/// ```
/// use ringway_fuzz::linear::{Did, Operation};
/// let operation = Operation { did: Did::Empty, began: 3, ended: 4 };
/// assert!(operation.began <= operation.ended);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it did.
    pub did: Did,
    /// The moment before which it had no effect.
    pub began: u64,
    /// The moment after which it had none.
    pub ended: u64,
}

/// Why no queue can have behaved so.
///
/// ```
/// let error = ringway_fuzz::linear::NotFifo::PoppedTwice { value: 7 };
/// assert_eq!(error.to_string(), "value 7 was popped twice");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotFifo {
    /// A value was pushed twice: that is a mistake of the recorder.
    PushedTwice {
        /// The value.
        value: u64,
    },
    /// A value was popped that nobody had pushed by then.
    NeverPushed {
        /// The value.
        value: u64,
    },
    /// A value was popped twice.
    PoppedTwice {
        /// The value.
        value: u64,
    },
    /// A value was popped before one that was pushed before it.
    Overtaken {
        /// The one that was pushed first.
        first: u64,
        /// The one that was popped first.
        second: u64,
    },
    /// A pop found nothing, and something was there all the time.
    NotEmpty {
        /// When the pop began.
        began: u64,
        /// When it ended.
        ended: u64,
    },
    /// A push found no room, and there was some all the time.
    NotFull {
        /// When the push began.
        began: u64,
        /// When it ended.
        ended: u64,
        /// Values that there may have been at most.
        most: u64,
    },
}

impl fmt::Display for NotFifo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PushedTwice { value } => write!(f, "value {value} was pushed twice"),
            Self::NeverPushed { value } => write!(f, "value {value} was popped before anybody pushed it"),
            Self::PoppedTwice { value } => write!(f, "value {value} was popped twice"),
            Self::Overtaken { first, second } => write!(f, "value {second} was popped before value {first}"),
            Self::NotEmpty { began, ended } => {
                write!(f, "nothing was found from {began} to {ended}, and something was there all the time")
            }
            Self::NotFull { began, ended, most } => {
                write!(f, "no room was found from {began} to {ended}, and there were {most} values at most")
            }
        }
    }
}

impl Error for NotFifo {}

/// A value: when it was pushed and popped. A value that is never popped is popped at the end of time.
#[derive(Clone, Copy, Debug)]
struct Value {
    value: u64,
    push: (u64, u64),
    pop: (u64, u64),
}

/// The end of time.
const NEVER: (u64, u64) = (u64::MAX, u64::MAX);

/// Can a queue with room for so many values (none: for any number) have done this? It is empty at first, and all values that
/// are pushed are different.
///
/// # Errors
/// [`NotFifo`], with the first pattern that was found.
///
/// ```
/// use ringway_fuzz::linear::{Did::*, NotFifo, Operation, check_fifo};
///
/// let history = |overtaking: [u64; 2]| {
///     let at = |did, moment| Operation { did, began: moment, ended: moment };
///     [at(Push(1), 1), at(Push(2), 2), at(Pop(overtaking[0]), 3), at(Pop(overtaking[1]), 4), at(Empty, 5)]
/// };
/// assert_eq!(check_fifo(&history([1, 2]), None), Ok(()));
/// assert_eq!(check_fifo(&history([2, 1]), None), Err(NotFifo::Overtaken { first: 1, second: 2 }));
/// ```
pub fn check_fifo(operations: &[Operation], room: Option<u64>) -> Result<(), NotFifo> {
    let values = values(operations)?;
    overtaken(&values)?;
    let there = certainly_there(&values);
    for &Operation { did, began, ended } in operations {
        if did == Did::Empty {
            // The last stretch that begins before the call.
            let at = there.partition_point(|stretch| stretch.0 < began);
            if at > 0 && there[at - 1].1 > ended {
                return Err(NotFifo::NotEmpty { began, ended });
            }
        }
    }
    room.map_or(Ok(()), |room| not_full(operations, room))
}

/// All values, in order of their beginning to be pushed.
fn values(operations: &[Operation]) -> Result<Vec<Value>, NotFifo> {
    let (mut pushes, mut pops) = (Vec::new(), Vec::new());
    for &Operation { did, began, ended } in operations {
        match did {
            Did::Push(value) => pushes.push(Value { value, push: (began, ended), pop: NEVER }),
            Did::Pop(value) => pops.push((value, (began, ended))),
            Did::Empty | Did::Full => {}
        }
    }
    pushes.sort_unstable_by_key(|push| push.value);
    pops.sort_unstable_by_key(|pop| pop.0);
    if let Some(twice) = pushes.windows(2).find(|pair| pair[0].value == pair[1].value) {
        return Err(NotFifo::PushedTwice { value: twice[0].value });
    }
    if let Some(twice) = pops.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(NotFifo::PoppedTwice { value: twice[0].0 });
    }
    let mut rest = pushes.iter_mut();
    for (value, pop) in pops {
        let push = rest.find(|push| push.value >= value).filter(|push| push.value == value);
        match push {
            Some(push) if push.push.0 <= pop.1 => push.pop = pop,
            _ => return Err(NotFifo::NeverPushed { value }),
        }
    }
    pushes.sort_unstable_by_key(|value| value.push.0);
    Ok(pushes)
}

/// Was a value popped before one that was pushed before it?
fn overtaken(values: &[Value]) -> Result<(), NotFifo> {
    let mut by_end: Vec<&Value> = values.iter().collect();
    by_end.sort_unstable_by_key(|value| value.push.1);
    let (mut earlier, mut latest) = (by_end.into_iter().peekable(), None::<&Value>);
    for value in values {
        // Of those whose push had ended when this one's began, the one whose pop begins last.
        while let Some(before) = earlier.next_if(|before| before.push.1 < value.push.0) {
            if latest.is_none_or(|latest| before.pop.0 > latest.pop.0) {
                latest = Some(before);
            }
        }
        if let Some(first) = latest.filter(|latest| latest.pop.0 > value.pop.1) {
            return Err(NotFifo::Overtaken { first: first.value, second: value.value });
        }
    }
    Ok(())
}

/// The stretches of time in which some value was certainly there, in order.
fn certainly_there(values: &[Value]) -> Vec<(u64, u64)> {
    let there = |value: &Value| Some((value.push.1, value.pop.0)).filter(|(from, to)| from < to);
    let mut stretches: Vec<(u64, u64)> = values.iter().filter_map(there).collect();
    stretches.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (from, to) in stretches {
        match merged.last_mut() {
            Some(last) if from < last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Did a push find no room while there was some?
fn not_full(operations: &[Operation], room: u64) -> Result<(), NotFifo> {
    // What there may be at most: one more from the beginning of a push on, one less behind the end of a pop.
    let mut changes: Vec<(u64, bool)> = Vec::new();
    for operation in operations {
        match operation.did {
            Did::Push(_) => changes.push((operation.began, true)),
            Did::Pop(_) => changes.push((operation.ended, false)),
            Did::Empty | Did::Full => {}
        }
    }
    // At one moment the push comes before the pop.
    changes.sort_unstable_by_key(|&(moment, is_push)| (moment, !is_push));
    let mut most = vec![0i64];
    for &(_, is_push) in &changes {
        most.push(most[most.len() - 1] + if is_push { 1 } else { -1 });
    }
    let tree = Highest::new(&most);
    for &Operation { did, began, ended } in operations {
        if did == Did::Full {
            let from =
                changes.partition_point(|&(moment, is_push)| moment < began || (moment == began && is_push));
            let upto =
                changes.partition_point(|&(moment, is_push)| moment < ended || (moment == ended && is_push));
            let most = tree.of(from, upto + 1);
            if most < room as i64 {
                return Err(NotFifo::NotFull { began, ended, most: most.max(0) as u64 });
            }
        }
    }
    Ok(())
}

/// The highest of any stretch of a list of numbers.
struct Highest {
    /// A binary tree: node `n` has the higher of `2n` and `2n + 1`; the numbers are the leaves.
    nodes: Vec<i64>,
    count: usize,
}

impl Highest {
    fn new(numbers: &[i64]) -> Self {
        let count = numbers.len();
        let mut nodes = vec![i64::MIN; 2 * count];
        nodes[count..].copy_from_slice(numbers);
        for node in (1..count).rev() {
            nodes[node] = nodes[2 * node].max(nodes[2 * node + 1]);
        }
        Self { nodes, count }
    }

    /// The highest from here to there, which is not among them.
    fn of(&self, from: usize, upto: usize) -> i64 {
        let (mut from, mut upto, mut highest) = (from + self.count, upto + self.count, i64::MIN);
        while from < upto {
            if from % 2 == 1 {
                highest = highest.max(self.nodes[from]);
                from += 1;
            }
            if upto % 2 == 1 {
                upto -= 1;
                highest = highest.max(self.nodes[upto]);
            }
            (from, upto) = (from / 2, upto / 2);
        }
        highest
    }
}

#[cfg(test)]
mod tests;
