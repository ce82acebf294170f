//! The search for an order that explains a history.
//!
//! 1. List the calls in the order in which they began. The ones that may come next began no later than the
//!    first end of an answered call that still waits. A killed call may come next only while nothing that
//!    began after the kill has been taken.
//! 2. Take one that the specification allows, remember which calls are taken and the state reached, and go
//!    on. Calls without an answer are tried last, and only where they change the state: elsewhere, leaving
//!    them out explains as much.
//! 3. Where none is left, or the same calls have led to the same state before, put the last one back. Killed
//!    calls that can no longer be taken do not count there: whether they were makes no difference any more.
//! 4. All answered calls taken: that order explains the history. Nothing left to put back: no order does.
//!
//! Sources: the search is Wing and Gong, "Testing and verifying concurrent objects", 1993
//! (<https://doi.org/10.1006/jpdc.1993.1015>); the memory is Lowe, "Testing for linearizability", 2017
//! (<https://doi.org/10.1002/cpe.3928>); both as in porcupine (<https://github.com/anishathalye/porcupine>).

use super::{Call, End, NotLinearizable, Specification};
use std::collections::{HashMap, HashSet};
use std::vec::IntoIter;

/// Finds an order of the calls that took effect, as indices, which the specification allows.
///
/// Calls without an answer that had no effect are left out of it.
///
/// # Errors
/// [`NotLinearizable`], with how far the search came, if there is no such order.
///
/// # Panics
/// If a call ends before it began, or begins when the one before it of the same process has not yet ended:
/// that is a mistake of the recorder. The moment of that end itself is too early.
///
/// ```
/// use ringway_fuzz::linear::{Call, End, Fifo, FifoAnswer, FifoOperation, linearize};
///
/// let push = Call { process: 0, operation: FifoOperation::Push(7), began: 1, ended: End::Killed { at: 4 } };
/// let pop = |began, at, answer| {
///     let ended = End::Answered { at, answer };
///     Call { process: 1, operation: FifoOperation::Pop, began, ended }
/// };
/// let seen = [push.clone(), pop(2, 3, FifoAnswer::Empty), pop(5, 6, FifoAnswer::Popped(7))];
/// assert_eq!(linearize(Fifo::default(), &seen), Ok(vec![1, 0, 2]));
///
/// let too_late = [push, pop(5, 6, FifoAnswer::Empty), pop(7, 8, FifoAnswer::Popped(7))];
/// assert_eq!(linearize(Fifo::default(), &too_late).unwrap_err().stuck_at, Some(2));
/// ```
pub fn linearize<S: Specification>(
    initial: S,
    calls: &[Call<S::Operation, S::Answer>],
) -> Result<Vec<usize>, NotLinearizable> {
    let mut search = Search::new(calls);
    let mut seen = HashSet::new();
    let mut longest = (0, NotLinearizable { longest: Vec::new(), stuck_at: search.first_to_end() });
    let mut nodes = vec![Node { state: initial, latest: 0, open: Vec::new(), choices: search.choices(0) }];
    while search.waiting > 0 {
        let Some(node) = nodes.last_mut() else { return Err(longest.1) };
        let Some(choice) = node.choices.next() else {
            let explained = search.answered - search.waiting;
            if explained > longest.0 {
                let (order, stuck_at) = (search.order.clone(), search.first_to_end());
                longest = (explained, NotLinearizable { longest: order, stuck_at });
            }
            nodes.pop();
            search.put_back();
            continue;
        };
        let call = &calls[choice];
        let Some(state) = after(&node.state, call) else { continue };
        let latest = node.latest.max(call.began);
        let open = search.open_after(&node.open, choice, latest);
        search.take(choice);
        if seen.insert((search.taken.clone(), open.clone(), state.clone())) {
            nodes.push(Node { state, latest, open, choices: search.choices(latest) });
        } else {
            search.put_back();
        }
    }
    Ok(search.order)
}

/// A state on the way, and the calls to try from it.
struct Node<S> {
    state: S,
    /// The latest beginning of a taken call: a call killed before it stays left out.
    latest: u64,
    /// The taken calls without an answer that could be taken here if they were not, in ascending order.
    open: Vec<usize>,
    choices: IntoIter<usize>,
}

/// The state after the call, if it may come next; for a call without an answer, if it has an effect.
fn after<S: Specification>(state: &S, call: &Call<S::Operation, S::Answer>) -> Option<S> {
    let mut next = state.clone();
    let is_allowed = match &call.ended {
        End::Answered { answer, .. } => next.allows(&call.operation, answer),
        End::Killed { .. } | End::Running => {
            next.apply(&call.operation);
            next != *state
        }
    };
    is_allowed.then_some(next)
}

/// Which calls are taken, in which order, and which are left. Calls go back in the reverse order.
struct Search<'a, O, A> {
    calls: &'a [Call<O, A>],
    /// The calls not taken form a circle in the order of their beginnings; it is closed by `calls.len()`.
    next: Vec<usize>,
    previous: Vec<usize>,
    /// The answered calls that are taken.
    taken: Taken,
    order: Vec<usize>,
    /// How many calls were answered.
    answered: usize,
    /// How many of them are not taken.
    waiting: usize,
}

impl<'a, O, A> Search<'a, O, A> {
    fn new(calls: &'a [Call<O, A>]) -> Self {
        let count = calls.len();
        let mut sorted: Vec<usize> = (0..count).collect();
        sorted.sort_by_key(|&call| calls[call].began);
        assert_one_at_a_time(calls, &sorted);
        let (mut next, mut previous) = (vec![count; count + 1], vec![count; count + 1]);
        for call in sorted {
            let last = previous[count];
            (next[last], previous[call], previous[count]) = (call, last, call);
        }
        let answered = calls.iter().filter(|call| call.is_answered()).count();
        let taken = Taken::none_of(count);
        Self { calls, next, previous, taken, order: Vec::new(), answered, waiting: answered }
    }

    /// The calls that may come next, those without an answer last.
    fn choices(&self, latest: u64) -> IntoIter<usize> {
        let (mut choices, mut unanswered) = (Vec::new(), Vec::new());
        let mut first_end = u64::MAX;
        for call in self.left() {
            let Call { began, ref ended, .. } = self.calls[call];
            if began > first_end {
                break;
            }
            match ended {
                End::Answered { at, .. } => {
                    choices.push(call);
                    first_end = first_end.min(*at);
                }
                End::Killed { at } if latest > *at => {}
                End::Killed { .. } | End::Running => unanswered.push(call),
            }
        }
        choices.append(&mut unanswered);
        choices.into_iter()
    }

    /// The calls that are open once this one is taken too.
    fn open_after(&self, open: &[usize], call: usize, latest: u64) -> Vec<usize> {
        let added = (!self.calls[call].is_answered()).then_some(call);
        let is_open = |&call: &usize| self.calls[call].end() >= latest;
        let mut open: Vec<usize> = open.iter().copied().chain(added).filter(is_open).collect();
        open.sort_unstable();
        open
    }

    /// The answered call that ends first, of those not taken.
    fn first_to_end(&self) -> Option<usize> {
        let answered = self.left().filter(|&call| self.calls[call].is_answered());
        answered.min_by_key(|&call| self.calls[call].end())
    }

    fn left(&self) -> impl Iterator<Item = usize> {
        let count = self.calls.len();
        let call = move |call: usize| (call < count).then_some(call);
        std::iter::successors(call(self.next[count]), move |&last| call(self.next[last]))
    }

    fn take(&mut self, call: usize) {
        let (next, previous) = (self.next[call], self.previous[call]);
        (self.next[previous], self.previous[next]) = (next, previous);
        self.order.push(call);
        if self.calls[call].is_answered() {
            self.taken.flip(call);
            self.waiting -= 1;
        }
    }

    /// Undoes the last `take`, if any: the call still knows between which two it was.
    fn put_back(&mut self) {
        let Some(call) = self.order.pop() else { return };
        let (next, previous) = (self.next[call], self.previous[call]);
        (self.next[previous], self.previous[next]) = (call, call);
        if self.calls[call].is_answered() {
            self.taken.flip(call);
            self.waiting += 1;
        }
    }
}

/// Panics unless each call ends after it began and before the next one of its process begins.
fn assert_one_at_a_time<O, A>(calls: &[Call<O, A>], sorted: &[usize]) {
    let mut last_of = HashMap::new();
    for &call in sorted {
        let Call { process, began, .. } = calls[call];
        assert!(calls[call].end() >= began, "call {call} ends before it begins, at {began}");
        if let Some(last) = last_of.insert(process, call) {
            let end = calls[last].end();
            assert!(end < began, "call {call} begins at {began}, call {last} of its process ends at {end}");
        }
    }
}

/// A set of calls: one bit each, without an allocation while one word is enough.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Taken {
    Few(u64),
    Many(Box<[u64]>),
}

impl Taken {
    fn none_of(count: usize) -> Self {
        if count <= 64 { Self::Few(0) } else { Self::Many(vec![0; count.div_ceil(64)].into()) }
    }

    fn flip(&mut self, call: usize) {
        match self {
            Self::Few(word) => *word ^= 1 << call,
            Self::Many(words) => words[call / 64] ^= 1 << (call % 64),
        }
    }
}

#[cfg(test)]
mod tests;
