//! Several steps that were taken for one: wrong even where memory is sequentially consistent.
//!
//! | exhibit | after |
//! |---|---|
//! | stack | Treiber, "Systems Programming: Coping with Parallelism", 1986; its bug by the name ABA |
//! | counter | the lost update of every textbook |
//! | barrier | Mellor-Crummey and Scott, "Algorithms for Scalable Synchronization", 1991, on why senses are reversed |
//! | locks | Dijkstra, "The Mathematics Behind the Banker's Algorithm" (EWD 623), on the deadly embrace |

use super::Exhibit;
use crate::explorer::scenario::{End, Process, Scenario};
use crate::explorer::world::Bounds;
use crate::linear::{Specification, linearize};
use ringway_shm::primitive::Ordering::{AcqRel, Acquire, Relaxed, Release};
use ringway_shm::primitive::{kernel, spin_hint};

/// Nodes of the stack, from 1 on; 0 is none.
const NODES: u64 = 3;
/// The lower half of the top is a node.
const NODE: u64 = 0xffff_ffff;

/// The top with another node, and, in the twin, with another tag.
fn moved(top: u64, node: u64, is_tagged: bool) -> u64 {
    if is_tagged { (top >> 32).wrapping_add(1) << 32 | node } else { node }
}

fn pop(me: &Process, is_tagged: bool) -> usize {
    let top = me.word(0);
    loop {
        // Acquire: the node's next is there. Pairs with the Release of the push.
        let seen = top.load(Acquire);
        let node = seen & NODE;
        // Relaxed: if another has pushed the node again, the exchange fails; without a tag it need not.
        let next = me.word(node as usize).load(Relaxed);
        if top.compare_exchange(seen, moved(seen, next, is_tagged), Acquire, Relaxed).is_ok() {
            me.note("popped", node);
            return node as usize;
        }
    }
}

fn push(me: &Process, node: usize, is_tagged: bool) {
    let top = me.word(0);
    me.note("pushed", node as u64);
    loop {
        let seen = top.load(Relaxed);
        me.word(node).store(seen & NODE, Relaxed);
        // Release: publishes the next. Pairs with the Acquire of the pop; later changes carry it on.
        if top.compare_exchange(seen, moved(seen, node as u64, is_tagged), Release, Relaxed).is_ok() {
            return;
        }
    }
}

/// No node is on the stack and somebody's, or two parties'.
fn none_twice(end: &End<'_>) -> Result<(), String> {
    let mut nodes = end.values("popped");
    for pushed in end.values("pushed") {
        let at = nodes.iter().position(|&node| node == pushed).ok_or("pushed and never popped")?;
        nodes.remove(at);
    }
    let next = |&node: &u64| Some(end.word(node as usize) & NODE);
    let on_stack = std::iter::successors(Some(end.word(0) & NODE), next).take_while(|&node| node != 0);
    nodes.extend(on_stack.take(2 * NODES as usize));
    nodes.sort_unstable();
    let has_twins = nodes.windows(2).any(|pair| pair[0] == pair[1]);
    if has_twins { Err(format!("popped or on the stack: {nodes:?}")) } else { Ok(()) }
}

/// A stack of 1, 2 and 3: one pops, while another pops twice and pushes the first back.
fn stack(name: &str, is_tagged: bool) -> Scenario {
    let fill = |me: &Process| {
        for node in 0..NODES {
            me.word(node as usize).store(node + 1, Relaxed);
        }
    };
    Scenario::new(name)
        .words(1 + NODES as usize)
        .process_with("slow", fill, move |me, ()| {
            pop(me, is_tagged);
        })
        .process("quick", move |me| {
            let first = pop(me, is_tagged);
            pop(me, is_tagged);
            push(me, first, is_tagged);
        })
        .end(none_twice)
}

/// A counter that tells each who adds one what it was before.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Counter(u64);

impl Specification for Counter {
    type Operation = ();
    type Answer = u64;

    fn apply(&mut self, (): &()) -> u64 {
        self.0 += 1;
        self.0 - 1
    }
}

fn counter(name: &str, add: fn(&Process) -> u64) -> Scenario {
    let adder = move |me: &Process| {
        for _ in 0..2 {
            me.operation((), || add(me));
        }
    };
    Scenario::new(name)
        .words(1)
        .process("ann", adder)
        .process("bob", adder)
        .end(|end| linearize(Counter(0), &end.history()).map(drop).map_err(|error| error.to_string()))
}

/// What each wrote before the barrier the other reads behind it, in two rounds.
fn barrier(name: &str, arrive: fn(&Process)) -> Scenario {
    let party = move |me: &Process| {
        for round in 0..2 {
            me.put(2 * round + me.body(), 7);
            me.wait_for_ever("the barrier", || arrive(me));
            assert_eq!(me.get(2 * round + 1 - me.body()), 7);
        }
    };
    Scenario::new(name).words(4).process("ann", party).process("bob", party)
}

/// Waits until the count is back at 0: or already at 1 again, of the next round.
fn arrive_by_count(me: &Process) {
    let arrived = me.word(0);
    // AcqRel: hands on what was done before, and learns it of the others.
    if arrived.fetch_add(1, AcqRel) == 1 {
        arrived.store(0, Release);
    } else {
        while arrived.load(Acquire) != 0 {
            spin_hint();
        }
    }
}

/// Waits for the next generation: it never comes back.
fn arrive_by_generation(me: &Process) {
    let (arrived, generation) = (me.word(0), me.word(1));
    // Relaxed: it cannot change before this one has arrived, and it has been seen behind the last barrier.
    let seen = generation.load(Relaxed);
    // AcqRel: as above.
    if arrived.fetch_add(1, AcqRel) == 1 {
        arrived.store(0, Relaxed);
        // Release: all have arrived, and the count is 0. Pairs with the Acquire below.
        generation.store(seen + 1, Release);
    } else {
        while generation.load(Acquire) == seen {
            spin_hint();
        }
    }
}

fn lock(me: &Process, number: usize) {
    let lock = me.futex(number);
    // Acquire: pairs with the Release of the unlock.
    while lock.swap(1, Acquire) == 1 {
        kernel::sleep(&lock, 1, None);
    }
}

fn unlock(me: &Process, number: usize) {
    me.futex(number).store(0, Release);
    kernel::wake(&me.futex(number));
}

/// Each takes two locks, in its own order.
fn locks(name: &str, orders: [[usize; 2]; 2]) -> Scenario {
    let party = move |me: &Process| {
        let [first, second] = orders[me.body()];
        lock(me, first);
        lock(me, second);
        me.put(0, 1);
        unlock(me, second);
        unlock(me, first);
    };
    Scenario::new(name).words(2).process("ann", party).process("bob", party)
}

pub(super) fn all() -> Vec<Exhibit> {
    let strong = Bounds::STRONG;
    let add_in_two = |me: &Process| {
        let seen = me.word(0).load(Acquire);
        me.word(0).store(seen + 1, Release);
        seen
    };
    vec![
        Exhibit::new(stack("stack-aba", false), Bounds::WEAK, "broken property")
            .about("the top is the same node again, and its next another one")
            .scope("three nodes, so that the popped next is followed by one that a wrong top skips or shares")
            .mended(stack("stack-tagged", true)),
        Exhibit::new(counter("counter-load-store", add_in_two), Bounds::WEAK, "broken property")
            .about("two read the same count, and one addition is lost")
            .scope("two that add twice: the second shows what the first left")
            .mended(counter("counter", |me| me.word(0).fetch_add(1, Relaxed))),
        Exhibit::new(barrier("barrier-reused", arrive_by_count), Bounds::WEAK, "livelock")
            .about("who waits for the count to be 0 finds it at 1 again, of the next round")
            .scope("the second round is the first that reuses it")
            .mended(barrier("barrier", arrive_by_generation)),
        Exhibit::new(locks("locks-crossed", [[0, 1], [1, 0]]), strong, "stuck")
            .about("each has the lock that the other waits for")
            .scope("two locks are the shortest circle; a deadlock needs no stale read")
            .mended(locks("locks-in-order", [[0, 1], [0, 1]])),
    ]
}
