//! Histories that an order explains, histories that none does, and the search beside its definition.

use super::super::FifoAnswer::{self, Empty, Full, Popped, Pushed};
use super::super::FifoOperation::{self, Pop, Push};
use super::super::{Call, End, Fifo, NotLinearizable, Specification, linearize};

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
fn explains<S: Specification>(initial: &S, calls: &[Call<S::Operation, S::Answer>], order: &[usize]) -> bool {
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
