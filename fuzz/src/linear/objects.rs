//! Objects with a sequential specification: a queue and a register.

use super::Specification;
use std::collections::VecDeque;

/// A first-in first-out queue.
///
/// ```
/// use ringway_fuzz::linear::{Fifo, FifoAnswer, FifoOperation, Specification};
/// let mut fifo = Fifo { capacity: Some(1), ..Fifo::default() };
/// assert_eq!(fifo.apply(&FifoOperation::Push(7)), FifoAnswer::Pushed);
/// assert_eq!(fifo.apply(&FifoOperation::Push(8)), FifoAnswer::Full);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fifo {
    /// What it holds, the oldest first.
    pub items: VecDeque<u64>,
    /// How many it can hold; none for no limit.
    pub capacity: Option<usize>,
}

/// What a [`Fifo`] is asked.
///
/// ```
/// use ringway_fuzz::linear::{Fifo, FifoAnswer, FifoOperation, Specification};
/// assert!(Fifo::default().allows(&FifoOperation::Push(7), &FifoAnswer::Pushed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FifoOperation {
    /// To append a value.
    Push(u64),
    /// To take the oldest value.
    Pop,
}

/// What a [`Fifo`] answers.
///
/// ```
/// use ringway_fuzz::linear::{Fifo, FifoAnswer, FifoOperation, Specification};
/// assert_eq!(Fifo::default().apply(&FifoOperation::Pop), FifoAnswer::Empty);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FifoAnswer {
    /// The value was appended.
    Pushed,
    /// There was no room for it.
    Full,
    /// The oldest value, which is no longer in the queue.
    Popped(u64),
    /// There was none.
    Empty,
}

impl Specification for Fifo {
    type Operation = FifoOperation;
    type Answer = FifoAnswer;

    fn apply(&mut self, operation: &FifoOperation) -> FifoAnswer {
        match *operation {
            FifoOperation::Push(_) if self.capacity.is_some_and(|capacity| self.items.len() >= capacity) => {
                FifoAnswer::Full
            }
            FifoOperation::Push(value) => {
                self.items.push_back(value);
                FifoAnswer::Pushed
            }
            FifoOperation::Pop => self.items.pop_front().map_or(FifoAnswer::Empty, FifoAnswer::Popped),
        }
    }
}

/// A register: reading answers the value written last.
///
/// ```
/// use ringway_fuzz::linear::{Register, RegisterAnswer, RegisterOperation, Specification};
/// let mut register = Register { value: 3 };
/// assert_eq!(register.apply(&RegisterOperation::Read), RegisterAnswer::Value(3));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Register {
    /// What it holds.
    pub value: u64,
}

/// What a [`Register`] is asked.
///
/// ```
/// use ringway_fuzz::linear::{Register, RegisterAnswer, RegisterOperation, Specification};
/// assert!(Register::default().allows(&RegisterOperation::Write(3), &RegisterAnswer::Written));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisterOperation {
    /// To hold this value.
    Write(u64),
    /// To tell the value.
    Read,
}

/// What a [`Register`] answers.
///
/// ```
/// use ringway_fuzz::linear::{Register, RegisterAnswer, RegisterOperation, Specification};
/// assert!(!Register::default().allows(&RegisterOperation::Read, &RegisterAnswer::Value(3)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisterAnswer {
    /// It holds the value now.
    Written,
    /// The value it holds.
    Value(u64),
}

impl Specification for Register {
    type Operation = RegisterOperation;
    type Answer = RegisterAnswer;

    fn apply(&mut self, operation: &RegisterOperation) -> RegisterAnswer {
        match *operation {
            RegisterOperation::Write(value) => {
                self.value = value;
                RegisterAnswer::Written
            }
            RegisterOperation::Read => RegisterAnswer::Value(self.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Call, End, linearize};
    use super::*;

    #[test]
    fn a_register_may_not_read_an_old_value_after_a_new_one() {
        let read = |process, began, at, value| {
            let ended = End::Answered { at, answer: RegisterAnswer::Value(value) };
            Call { process, operation: RegisterOperation::Read, began, ended }
        };
        let ended = End::Answered { at: 9, answer: RegisterAnswer::Written };
        let write = Call { process: 0, operation: RegisterOperation::Write(1), began: 1, ended };
        let new_then_old = [write.clone(), read(1, 2, 3, 1), read(2, 4, 5, 0)];
        assert!(linearize(Register::default(), &new_then_old).is_err());
        let old_then_new = [write, read(1, 2, 3, 0), read(2, 4, 5, 1)];
        assert_eq!(linearize(Register::default(), &old_then_new), Ok(vec![1, 0, 2]));
    }
}
