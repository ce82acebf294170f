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
//! The rule for kills is Aguilera and Frølund, "Strict linearizability and the power of aborting", 2003.
//!
//! Deliberately absent: splitting a history by key, and the shortcut for queues of unique values. The problem
//! is NP-complete: many calls at once can take exponential time and memory, and so can a queue in which many
//! values wait whose pushes overlapped, since a wrong order shows only when they are popped.

use std::collections::{HashMap, HashSet, VecDeque};
use std::error::Error;
use std::fmt;
use std::hash::Hash;
use std::vec::IntoIter;

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
    use super::FifoAnswer::{Empty, Full, Popped, Pushed};
    use super::FifoOperation::{Pop, Push};
    use super::*;

    type FifoCall = Call<FifoOperation, FifoAnswer>;

    fn call(process: usize, operation: FifoOperation, began: u64, at: u64, answer: FifoAnswer) -> FifoCall {
        Call { process, operation, began, ended: End::Answered { at, answer } }
    }

    fn killed(process: usize, operation: FifoOperation, began: u64, at: u64) -> FifoCall {
        Call { process, operation, began, ended: End::Killed { at } }
    }

    fn running(process: usize, operation: FifoOperation, began: u64) -> FifoCall {
        Call { process, operation, began, ended: End::Running }
    }

    /// The definition, word for word: the search must agree with it.
    fn explains<S: Specification>(
        initial: &S,
        calls: &[Call<S::Operation, S::Answer>],
        order: &[usize],
    ) -> bool {
        let mut state = initial.clone();
        let is_whole = (0..calls.len()).all(|call| {
            let count = order.iter().filter(|&&taken| taken == call).count();
            count == 1 || (count == 0 && !calls[call].is_answered())
        });
        let keeps_time = order.iter().enumerate().all(|(place, &earlier)| {
            order[place..].iter().all(|&later| calls[later].end() >= calls[earlier].began)
        });
        let is_allowed = order.iter().all(|&call| match &calls[call].ended {
            End::Answered { answer, .. } => state.allows(&calls[call].operation, answer),
            End::Killed { .. } | End::Running => {
                state.apply(&calls[call].operation);
                true
            }
        });
        is_whole && keeps_time && is_allowed
    }

    /// Tries every arrangement of every subset.
    fn any_explains(initial: &Fifo, calls: &[FifoCall], order: &mut Vec<usize>) -> bool {
        explains(initial, calls, order)
            || (0..calls.len()).any(|call| {
                !order.contains(&call) && {
                    order.push(call);
                    let is_explained = any_explains(initial, calls, order);
                    order.pop();
                    is_explained
                }
            })
    }

    /// Searches, and checks an order that was found.
    fn order_of(calls: &[FifoCall]) -> Result<Vec<usize>, NotLinearizable> {
        checked(&Fifo::default(), calls)
    }

    fn checked(initial: &Fifo, calls: &[FifoCall]) -> Result<Vec<usize>, NotLinearizable> {
        let found = linearize(initial.clone(), calls);
        assert!(found.iter().all(|order| explains(initial, calls, order)), "{calls:?} {found:?}");
        found
    }

    struct Xorshift(u64);

    impl Xorshift {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) % bound
        }

        fn chance(&mut self, percent: u64) -> bool {
            self.below(100) < percent
        }
    }

    /// Runs some processes against a real queue, event by event; a killed one is followed by a new one.
    fn run(
        random: &mut Xorshift,
        initial: &Fifo,
        processes: usize,
        count: usize,
        kill_percent: u64,
    ) -> Vec<FifoCall> {
        let mut fifo = initial.clone();
        let mut calls: Vec<FifoCall> = Vec::new();
        // The call in which each process is, and its answer once it took effect.
        let mut names: Vec<usize> = (0..processes).collect();
        let mut active: Vec<Option<(usize, Option<FifoAnswer>)>> = vec![None; processes];
        let (mut moment, mut unused) = (0, processes);
        while calls.len() < count || random.chance(90) {
            moment += 1;
            let chosen = random.below(processes as u64) as usize;
            let (process, current) = (&mut names[chosen], &mut active[chosen]);
            *current = match *current {
                None if calls.len() == count => None,
                None => {
                    let operation = if random.chance(50) { Push(random.below(1 << 40)) } else { Pop };
                    calls.push(running(*process, operation, moment));
                    Some((calls.len() - 1, None))
                }
                Some((call, _)) if random.chance(kill_percent) => {
                    calls[call].ended = End::Killed { at: moment };
                    *process = unused;
                    unused += 1;
                    None
                }
                Some((call, None)) => Some((call, Some(fifo.apply(&calls[call].operation)))),
                Some((call, Some(answer))) => {
                    calls[call].ended = End::Answered { at: moment, answer };
                    None
                }
            };
        }
        calls
    }

    #[test]
    fn an_empty_history_is_explained_by_nothing() {
        assert_eq!(order_of(&[]), Ok(vec![]));
    }

    #[test]
    fn concurrent_pushes_may_be_popped_in_either_order() {
        let pushes = [call(0, Push(1), 1, 4, Pushed), call(1, Push(2), 2, 3, Pushed)];
        for (first, second) in [(1, 2), (2, 1)] {
            let pops = [call(2, Pop, 5, 6, Popped(first)), call(2, Pop, 7, 8, Popped(second))];
            assert!(order_of(&[pushes.as_slice(), &pops].concat()).is_ok());
        }
    }

    #[test]
    fn values_may_not_be_reordered() {
        let calls = [
            call(0, Push(1), 1, 2, Pushed),
            call(0, Push(2), 3, 4, Pushed),
            call(1, Pop, 5, 6, Popped(2)),
            call(1, Pop, 7, 8, Popped(1)),
        ];
        let error = order_of(&calls).unwrap_err();
        assert_eq!(error, NotLinearizable { longest: vec![0, 1], stuck_at: Some(2) });
    }

    #[test]
    fn a_value_may_not_be_delivered_twice() {
        let (push, pops) = (call(0, Push(1), 1, 2, Pushed), [(1, 3, 5), (2, 4, 6)]);
        let [one, two] = pops.map(|(process, began, at)| call(process, Pop, began, at, Popped(1)));
        assert_eq!(order_of(&[push.clone(), one.clone()]), Ok(vec![0, 1]));
        assert!(order_of(&[push, one, two]).is_err());
    }

    #[test]
    fn a_value_may_not_be_lost_or_come_from_nowhere() {
        assert!(order_of(&[call(0, Push(1), 1, 2, Pushed), call(1, Pop, 3, 4, Empty)]).is_err());
        assert!(order_of(&[call(0, Pop, 1, 4, Popped(1)), call(1, Pop, 2, 3, Empty)]).is_err());
        assert!(order_of(&[call(0, Push(1), 1, 4, Pushed), call(1, Pop, 2, 3, Empty)]).is_ok());
    }

    #[test]
    fn full_needs_a_full_queue() {
        let fifo = Fifo { capacity: Some(1), ..Fifo::default() };
        let second = call(0, Push(2), 3, 5, Full);
        assert!(checked(&fifo, &[call(0, Push(1), 1, 2, Pushed), second.clone()]).is_ok());
        assert!(checked(&fifo, std::slice::from_ref(&second)).is_err());
        // The call that made it full was killed in time.
        assert_eq!(checked(&fifo, &[killed(1, Push(1), 1, 2), second]), Ok(vec![0, 1]));
    }

    #[test]
    fn a_killed_push_may_be_seen() {
        let push = killed(0, Push(7), 1, 4);
        assert_eq!(order_of(&[push.clone(), call(1, Pop, 3, 6, Popped(7))]), Ok(vec![0, 1]));
        assert_eq!(order_of(&[push.clone(), call(1, Pop, 5, 6, Popped(7))]), Ok(vec![0, 1]));
        // Both pops began before the kill, and the push fits between them.
        let calls = [push, call(1, Pop, 2, 6, Popped(7)), call(2, Pop, 3, 5, Empty)];
        assert_eq!(order_of(&calls), Ok(vec![2, 0, 1]));
    }

    #[test]
    fn a_killed_push_may_never_be_seen() {
        let calls = [killed(0, Push(7), 1, 3), call(1, Pop, 2, 4, Empty), call(1, Pop, 5, 6, Empty)];
        assert_eq!(order_of(&calls), Ok(vec![1, 2]));
    }

    #[test]
    fn a_killed_push_has_no_effect_after_the_kill() {
        let calls = [killed(0, Push(7), 1, 2), call(1, Pop, 3, 4, Empty), call(1, Pop, 5, 6, Popped(7))];
        let error = order_of(&calls).unwrap_err();
        assert_eq!(error, NotLinearizable { longest: vec![1], stuck_at: Some(2) });
        // The same push, still running, may take effect so late.
        let calls = [running(0, Push(7), 1), calls[1].clone(), calls[2].clone()];
        assert_eq!(order_of(&calls), Ok(vec![1, 0, 2]));
    }

    #[test]
    fn a_killed_pop_may_have_taken_its_value() {
        let calls = [
            call(0, Push(1), 1, 2, Pushed),
            call(0, Push(2), 3, 4, Pushed),
            killed(1, Pop, 5, 6),
            call(2, Pop, 7, 8, Popped(2)),
        ];
        assert_eq!(order_of(&calls), Ok(vec![0, 1, 2, 3]));
        assert!(order_of(&[calls.as_slice(), &[call(2, Pop, 9, 10, Popped(1))]].concat()).is_err());
    }

    #[test]
    fn kills_at_one_moment_bind_only_what_began_later() {
        let kills = [killed(0, Push(1), 1, 5), killed(1, Push(2), 2, 5)];
        for (first, second) in [(1, 2), (2, 1)] {
            let pops = [call(2, Pop, 6, 7, Popped(first)), call(3, Pop, 8, 9, Popped(second))];
            assert!(order_of(&[kills.as_slice(), &pops].concat()).is_ok());
        }
        // A push that began after the kill of another cannot come before it.
        let calls = [
            killed(0, Push(1), 1, 2),
            killed(1, Push(2), 3, 4),
            call(2, Pop, 5, 6, Popped(2)),
            call(2, Pop, 7, 8, Popped(1)),
        ];
        assert!(order_of(&calls).is_err());
    }

    #[test]
    fn a_running_call_takes_effect_or_not() {
        assert_eq!(order_of(&[running(0, Push(7), 1)]), Ok(vec![]));
        assert!(order_of(&[running(0, Push(7), 1), call(1, Pop, 2, 3, Popped(7))]).is_ok());
        assert!(order_of(&[running(0, Push(7), 4), call(1, Pop, 2, 3, Popped(7))]).is_err());
    }

    #[test]
    fn equal_moments_of_two_processes_are_concurrent() {
        assert!(order_of(&[call(0, Push(1), 1, 2, Pushed), call(1, Pop, 2, 3, Empty)]).is_ok());
        assert!(order_of(&[call(0, Pop, 1, 2, Popped(1)), call(1, Push(1), 2, 3, Pushed)]).is_ok());
        let pops = [call(1, Pop, 2, 3, Empty), call(1, Pop, 4, 5, Popped(1))];
        assert_eq!(order_of(&[&[killed(0, Push(1), 1, 2)], pops.as_slice()].concat()), Ok(vec![1, 0, 2]));
    }

    #[test]
    #[should_panic(expected = "call 1 begins at 2, call 0 of its process ends at 3")]
    fn calls_of_one_process_may_not_overlap() {
        let _ = order_of(&[call(0, Push(1), 1, 3, Pushed), call(0, Pop, 2, 4, Empty)]);
    }

    #[test]
    #[should_panic(expected = "call 0 ends before it begins, at 3")]
    fn a_call_may_not_end_before_it_begins() {
        let _ = order_of(&[call(0, Pop, 3, 2, Empty)]);
    }

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

    /// A queue whose pop may say Empty without a reason.
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Shy(Fifo);

    impl Specification for Shy {
        type Operation = FifoOperation;
        type Answer = FifoAnswer;

        fn apply(&mut self, operation: &FifoOperation) -> FifoAnswer {
            self.0.apply(operation)
        }

        fn allows(&mut self, operation: &FifoOperation, answer: &FifoAnswer) -> bool {
            (*operation == Pop && *answer == Empty) || self.apply(operation) == *answer
        }
    }

    #[test]
    fn a_specification_may_allow_several_answers() {
        let calls = [
            call(0, Push(1), 1, 2, Pushed),
            call(1, Pop, 3, 4, Empty),
            call(1, Pop, 5, 6, Popped(1)),
            call(1, Pop, 7, 8, Empty),
        ];
        assert_eq!(linearize(Shy(Fifo::default()), &calls), Ok(vec![0, 1, 2, 3]));
        assert!(order_of(&calls).is_err());
    }

    #[test]
    fn what_a_queue_did_is_explained() {
        let mut random = Xorshift(0x9E37_79B9_7F4A_7C15);
        for round in 0..300 {
            let fifo = Fifo { capacity: [None, Some(1), Some(3)][round % 3], ..Fifo::default() };
            let (processes, count) = (1 + random.below(4) as usize, random.below(80) as usize);
            let calls = run(&mut random, &fifo, processes, count, [0, 10][round % 2]);
            assert!(checked(&fifo, &calls).is_ok(), "{calls:?}");
        }
    }

    #[test]
    fn the_search_agrees_with_the_definition() {
        let mut random = Xorshift(0x2545_F491_4F6C_DD1D);
        let mut explained = [0; 2];
        for round in 0..4_000 {
            let fifo = Fifo { capacity: [None, Some(1), Some(2)][round % 3], ..Fifo::default() };
            let (processes, count) = (1 + random.below(4) as usize, 1 + random.below(6) as usize);
            let mut calls = run(&mut random, &fifo, processes, count, 12);
            let values: Vec<u64> = (calls.iter())
                .filter_map(|call| if let Push(value) = call.operation { Some(value) } else { None })
                .collect();
            let value = values.get(random.below(6) as usize).copied().unwrap_or(1);
            let mutated = random.below(count as u64) as usize;
            if let Call { operation, ended: End::Answered { answer, .. }, .. } = &mut calls[mutated] {
                *answer = match (*operation, random.chance(50)) {
                    (Push(_), true) => Pushed,
                    (Push(_), false) => Full,
                    (Pop, true) => Empty,
                    (Pop, false) => Popped(value),
                };
            }
            let found = checked(&fifo, &calls);
            assert_eq!(found.is_ok(), any_explains(&fifo, &calls, &mut Vec::new()), "{calls:?} {found:?}");
            explained[usize::from(found.is_ok())] += 1;
        }
        assert!(explained.iter().all(|&count| count > 500), "{explained:?}");
    }

    #[test]
    fn a_long_history_is_searched_in_a_loop() {
        let mut random = Xorshift(0xD1B5_4A32_D192_ED03);
        let fifo = Fifo { capacity: Some(8), ..Fifo::default() };
        let mut calls = run(&mut random, &fifo, 3, 4_000, 2);
        let order = linearize(fifo.clone(), &calls).unwrap();
        assert!(order.len() > 3_500);
        // A last pop of a value that was never there.
        calls.push(call(usize::MAX, Pop, u64::MAX - 1, u64::MAX, Popped(u64::MAX)));
        let error = linearize(fifo, &calls).unwrap_err();
        assert_eq!(error.stuck_at, Some(4_000));
        let expected = format!("{} calls up to [", error.longest.len());
        assert!(error.to_string().contains(&expected), "{error}");
    }
}
