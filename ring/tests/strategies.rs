//! Each way to wait against each other one, close together and far apart: nobody is left waiting.

mod fixture;

use fixture::child::{Started, link, may_go_on, say, task};
use fixture::duel::{Style, duel, play};
use fixture::kinds::{Kind, OfBytes, OfLines, OfSlots, Receives, Sends, Side, for_each_kind};
use fixture::random::Random;
use fixture::{LIMIT, Named, alone};
use ringway::WaitStrategy;
use ringway::shm::primitive::spin_hint;
use std::time::{Duration, Instant};

const STRATEGIES: [WaitStrategy; 3] = [WaitStrategy::Spin, WaitStrategy::SpinThenSleep, WaitStrategy::Sleep];

/// Rounds of two messages each.
const ROUNDS: u64 = 5_000;
/// Where somebody spins on the core that the other one needs, the scheduler decides how long a round takes.
const ROUNDS_OF_SPINNERS: u64 = 200;

/// Each pair of strategies, on these cores.
fn each_pair<K: Kind>(test: &str, capacity: u64, cores: [usize; 2]) {
    if let Some(task) = task() {
        return play::<K>(&task);
    }
    let _alone = alone();
    for a in STRATEGIES {
        for b in STRATEGIES {
            let spins = cores[0] == cores[1] && (a == WaitStrategy::Spin || b == WaitStrategy::Spin);
            let rounds = if spins { ROUNDS_OF_SPINNERS } else { ROUNDS };
            let style = |strategy, core| Style { core: Some(core), ..Style::new(strategy) };
            duel::<K>(test, capacity, rounds, &style(a, cores[0]), &style(b, cores[1]));
        }
    }
}

macro_rules! duels {
    ($($test:ident: $kind:ident, $capacity:literal, $cores:expr;)*) => {$(
        #[test]
        fn $test() {
            each_pair::<$kind>(stringify!($test), $capacity, $cores);
        }
    )*};
}

duels! {
    bytes_of_2_on_one_core: OfBytes, 2, [0, 0];
    bytes_of_2_on_two_cores: OfBytes, 2, [0, 1];
    bytes_of_8_on_two_cores: OfBytes, 8, [0, 1];
    slots_of_1_on_one_core: OfSlots, 1, [0, 0];
    slots_of_1_on_two_cores: OfSlots, 1, [0, 1];
    slots_of_2_on_two_cores: OfSlots, 2, [0, 1];
    slots_of_8_on_one_core: OfSlots, 8, [1, 1];
    lines_of_1_on_one_core: OfLines, 1, [0, 0];
    lines_of_1_on_two_cores: OfLines, 1, [0, 1];
    lines_of_2_on_one_core: OfLines, 2, [0, 0];
    lines_of_8_on_two_cores: OfLines, 8, [0, 1];
}

for_each_kind! { no_wake_up_is_lost }

/// Messages of the hunt.
const HUNTED: u64 = 100_000;
/// The tick after which a sleep ends in any case is 250 ms long; a wait that took nearly as long may have been rescued by
/// it.
const RESCUED: Duration = Duration::from_millis(240);
/// So many of the waits the scheduler may have made that long.
const RESCUED_MAX: u32 = 3;

/// Dawdles in tiny, random steps, and now and then a little longer, so that each side now waits and now does not.
fn dawdle(random: &mut Random) {
    let hints = if random.one_in(64) { 4_000 } else { 200 };
    (0..random.below(hints)).for_each(|_| spin_hint());
}

/// Does `step` for each number; says how many of the steps took as long as a wait that a tick has rescued.
fn each_number(seed: u64, mut step: impl FnMut(u64)) -> u32 {
    let mut random = Random::new(seed);
    let mut rescued = 0;
    for number in 0..HUNTED {
        dawdle(&mut random);
        let began = Instant::now();
        step(number);
        rescued += u32::from(began.elapsed() > RESCUED);
    }
    rescued
}

fn no_wake_up_is_lost<K: Kind>(test: &str) {
    if let Some(name) = task() {
        let mut tx = K::Tx::open(&name).unwrap();
        tx.set_wait_strategy(WaitStrategy::Sleep);
        let rescued = each_number(1, |number| tx.send_until(number, LIMIT.into()).unwrap());
        let mut link = link();
        say(&mut link, u64::from(rescued));
        may_go_on(&mut link);
        return;
    }
    let _alone = alone();
    let named = Named::new("hunt");
    let mut rx = K::Rx::create(named.text(), 2).unwrap();
    rx.set_wait_strategy(WaitStrategy::Sleep);
    let mut child = Started::new(test, named.text());
    let came = rx.await_peer(LIMIT.into());
    assert_eq!(came, fixture::kinds::Said::Done);
    let rescued = each_number(2, |number| assert_eq!(rx.recv_until(LIMIT.into()), Ok(number)));
    let theirs = child.number();
    child.leave();
    assert!(
        rescued <= RESCUED_MAX && theirs <= u64::from(RESCUED_MAX),
        "{rescued} and {theirs} waits were rescued"
    );
}
