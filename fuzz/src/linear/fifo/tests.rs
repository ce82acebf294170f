//! Histories made by hand, and many small ones by lot, on which the search has to agree.

use super::super::{Call, End, Fifo, FifoAnswer, FifoOperation, linearize};
use super::Did::{Empty, Full, Pop, Push};
use super::*;
use crate::lot::Lot;

fn operation(did: Did, began: u64, ended: u64) -> Operation {
    Operation { did, began, ended }
}

#[test]
fn what_a_queue_does_is_well() {
    let history = [
        operation(Empty, 1, 2),
        operation(Push(1), 1, 5),
        operation(Pop(1), 2, 6),
        operation(Push(2), 7, 9),
        operation(Push(3), 8, 10),
        operation(Pop(3), 11, 12),
        operation(Pop(2), 13, 14),
    ];
    assert_eq!(check_fifo(&history, Some(2)), Ok(()));
}

#[test]
fn each_pattern_is_found() {
    let wrong = |history: &[Operation]| check_fifo(history, Some(2)).unwrap_err();
    let one = operation(Push(1), 1, 2);
    assert_eq!(wrong(&[one, operation(Pop(2), 3, 4)]), NotFifo::NeverPushed { value: 2 });
    assert_eq!(wrong(&[operation(Pop(1), 0, 0), one]), NotFifo::NeverPushed { value: 1 });
    assert_eq!(wrong(&[one, one]), NotFifo::PushedTwice { value: 1 });
    let twice = [one, operation(Pop(1), 3, 4), operation(Pop(1), 5, 6)];
    assert_eq!(wrong(&twice), NotFifo::PoppedTwice { value: 1 });
    let overtaken = [one, operation(Push(2), 3, 4), operation(Pop(2), 5, 6)];
    assert_eq!(wrong(&overtaken), NotFifo::Overtaken { first: 1, second: 2 });
    let last = operation(Pop(1), 7, 8);
    assert_eq!(wrong(&[overtaken.as_slice(), &[last]].concat()), NotFifo::Overtaken { first: 1, second: 2 });
    let overlapping = operation(Pop(1), 6, 8);
    assert_eq!(check_fifo(&[overtaken.as_slice(), &[overlapping]].concat(), None), Ok(()));
    // Always one of the two is there, and neither is all the time.
    let relay = [
        one,
        operation(Push(2), 3, 4),
        operation(Empty, 3, 9),
        operation(Pop(1), 6, 7),
        operation(Pop(2), 10, 11),
    ];
    assert_eq!(wrong(&relay), NotFifo::NotEmpty { began: 3, ended: 9 });
    let room = [one, operation(Full, 3, 4)];
    assert_eq!(wrong(&room), NotFifo::NotFull { began: 3, ended: 4, most: 1 });
    let perhaps = [one, operation(Push(2), 4, 5), operation(Full, 3, 4)];
    assert_eq!(check_fifo(&perhaps, Some(2)), Ok(()));
}

/// A history of a few processes by lot: mostly one that a queue could have, mostly not quite.
fn by_lot(lot: &mut Lot) -> Vec<(usize, Operation)> {
    let (mut history, mut next) = (Vec::new(), 1);
    let mut free_at = [0u64; 3];
    for _ in 0..3 + lot.below(8) {
        let process = lot.below(3);
        let began = free_at[process] + 1 + lot.below(4) as u64;
        let ended = began + lot.below(6) as u64;
        free_at[process] = ended;
        let did = match lot.below(8) {
            0..4 => {
                next += 1;
                Push(next - 1)
            }
            4 => Empty,
            5 if lot.once_in(2) => Full,
            _ => Pop(1 + lot.below(next as usize) as u64),
        };
        history.push((process, operation(did, began, ended)));
    }
    history
}

fn searched(history: &[(usize, Operation)], capacity: Option<usize>) -> bool {
    let call = |&(process, Operation { did, began, ended })| {
        let (operation, answer) = match did {
            Push(value) => (FifoOperation::Push(value), FifoAnswer::Pushed),
            Full => (FifoOperation::Push(0), FifoAnswer::Full),
            Pop(value) => (FifoOperation::Pop, FifoAnswer::Popped(value)),
            Empty => (FifoOperation::Pop, FifoAnswer::Empty),
        };
        Call { process, operation, began, ended: End::Answered { at: ended, answer } }
    };
    let calls: Vec<_> = history.iter().map(call).collect();
    linearize(Fifo { capacity, ..Fifo::default() }, &calls).is_ok()
}

#[test]
fn the_search_agrees_on_small_histories() {
    let (mut lot, mut well, mut wrong) = (Lot::new(1), 0, 0);
    for round in 0..60_000 {
        let mut history = by_lot(&mut lot);
        // With a bound the patterns find what is wrong, and perhaps not all of it.
        let bound = [None, Some(2)][round % 2];
        if bound.is_none() {
            history.retain(|(_, operation)| operation.did != Full);
        }
        let operations: Vec<Operation> = history.iter().map(|(_, operation)| *operation).collect();
        let (found, searched) =
            (check_fifo(&operations, bound), searched(&history, bound.map(|room| room as usize)));
        if bound.is_none() {
            assert_eq!(found.is_ok(), searched, "{found:?} of {history:?}");
        } else {
            assert!(found.is_ok() || !searched, "{found:?} of {history:?}");
        }
        if searched { well += 1 } else { wrong += 1 }
    }
    assert!(well > 3_000 && wrong > 3_000, "{well} well, {wrong} wrong");
}
