//! What a sleep and a ring cost, counted: calls to the kernel, and fences.
//!
//! Sleeper and ringer are one thread, so that each step has its place; the hooks of the feature `model` count, and refuse
//! what a test wants refused. Whether any of it loses a wake-up is the matter of `eventcount_model.rs`.

#![cfg(feature = "model")]

use ringway_shm::primitive::kernel::{self, Call};
use ringway_shm::primitive::model::{self, Action, Hooks, Installed, Outcome, Step, Verdict};
use ringway_shm::primitive::{Ordering, fence};
use ringway_sync::{Deadline, EventCount, Ringer, Sleeper};
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::time::{Duration, Instant};

const EPERM: i32 = 1;
const EAGAIN: i32 = 11;

/// So many sleeps in a row make a sleeper ask for fences.
const SLEEPS_TO_ASK: usize = 8;
/// So many rings in a row for nobody make a ringer take back that they are wanted.
const QUIET_TO_STOP: usize = 64;

/// What happened since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    joins: usize,
    heavy_fences: usize,
    full_fences: usize,
    sleeps: usize,
    wakes: usize,
}

/// What a test wants to happen in the middle of something else.
type Meanwhile = Box<dyn FnOnce()>;

/// Counts, and fails what it is told to fail.
#[derive(Default)]
struct Watch {
    counts: Cell<Counts>,
    refuses_heavy_fences: Cell<bool>,
    refuses_joins: Cell<bool>,
    really_sleeps: Cell<bool>,
    /// Happens right before the next question for fences, which is the next write to this address.
    meanwhile: RefCell<Option<(usize, Meanwhile)>>,
}

impl Watch {
    fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    fn take(&self) -> Counts {
        self.counts.take()
    }
}

impl Hooks for Watch {
    fn atomic(&self, step: &Step) -> Outcome {
        let is_due = |(address, _): &mut (usize, Meanwhile)| {
            *address == step.address() && step.action() != Action::Load
        };
        let due = self.meanwhile.borrow_mut().take_if(is_due);
        if let Some((_, meanwhile)) = due {
            meanwhile();
        }
        step.perform()
    }

    fn fence(&self, order: Ordering, _: &'static Location<'static>) {
        assert_eq!(order, Ordering::SeqCst);
        self.count(|counts| counts.full_fences += 1);
    }

    fn kernel(&self, call: &Call<'_>) -> Verdict {
        let (is_refused, errno) = match call {
            Call::JoinHeavyFences => {
                self.count(|counts| counts.joins += 1);
                (self.refuses_joins.get(), EPERM)
            }
            Call::HeavyFence => {
                self.count(|counts| counts.heavy_fences += 1);
                (self.refuses_heavy_fences.get(), EPERM)
            }
            Call::Sleep(_) => {
                self.count(|counts| counts.sleeps += 1);
                (!self.really_sleeps.get(), EAGAIN)
            }
            Call::Wake(_) => {
                self.count(|counts| counts.wakes += 1);
                (false, 0)
            }
            call => panic!("no part of a sleep or a ring: {call:?}"),
        };
        if is_refused { Verdict::Fail(errno) } else { Verdict::Real }
    }
}

/// One sleeper, one ringer, and the watch over both.
struct Scene {
    bell: &'static EventCount,
    ringer: Ringer,
    sleeper: Sleeper,
    watch: Rc<Watch>,
    _installed: Installed,
}

impl Scene {
    fn new(refused: impl FnOnce(&Watch)) -> Self {
        let watch = Rc::new(Watch::default());
        refused(&watch);
        let installed = model::install(watch.clone());
        let bell: &EventCount = Box::leak(Box::new(EventCount::new()));
        let (ringer, sleeper) = (Ringer::at(bell), Sleeper::of_one_ringer());
        Self { bell, ringer, sleeper, watch, _installed: installed }
    }

    /// One whose heavy fences are made; `None` where this machine refuses them.
    fn able(test: &str) -> Option<Self> {
        if kernel::join_heavy_fences() && kernel::heavy_fence() {
            return Some(Self::new(|_| {}));
        }
        eprintln!("SKIPPED: {test}: this machine makes no heavy fences");
        None
    }

    /// One sleep, and what it costs. Nobody sleeps really, unless the watch says so.
    fn sleep(&mut self) -> Counts {
        self.watch.take();
        let ticket = self.sleeper.prepare(self.bell);
        self.sleeper.sleep(self.bell, ticket, None, Deadline::NEVER, true);
        self.watch.take()
    }

    /// One ring, and what it costs.
    fn ring(&mut self) -> Counts {
        self.watch.take();
        self.ringer.ring(self.bell);
        self.watch.take()
    }

    /// Goes on until the ringer fences and the sleeper relies on it: the last sleep is rung for.
    fn settle(&mut self) {
        for _ in 0..=SLEEPS_TO_ASK {
            self.sleep();
            self.ring();
        }
    }

    /// The address of the word by which fences are asked for.
    fn fences(&self) -> usize {
        core::ptr::from_ref(self.bell) as usize + 4
    }

    /// Lets the ringer ring right before the next question for fences.
    fn ring_before_the_question(&mut self) {
        let (bell, mut ringer) = (self.bell, Ringer::at(self.bell));
        std::mem::swap(&mut self.ringer, &mut ringer);
        let meanwhile: Meanwhile = Box::new(move || ringer.ring(bell));
        *self.watch.meanwhile.borrow_mut() = Some((self.fences(), meanwhile));
    }
}

const NOTHING: Counts = Counts { joins: 0, heavy_fences: 0, full_fences: 0, sleeps: 0, wakes: 0 };
/// A sleep with a heavy fence.
const HEAVY: Counts = Counts { heavy_fences: 1, sleeps: 1, ..NOTHING };
/// The same, with the question for fences.
const HEAVY_AND_ASKS: Counts = Counts { full_fences: 1, ..HEAVY };
/// A sleep that relies on the ringer's fences.
const TRUSTS: Counts = Counts { full_fences: 1, sleeps: 1, ..NOTHING };
/// A ring for somebody, by a ringer that does not fence before it looks: its fence is between its change of the word and its
/// look at what sleepers want.
const WAKES: Counts = Counts { wakes: 1, full_fences: 1, ..NOTHING };
/// A ring for nobody, by one that does.
const FENCES: Counts = Counts { full_fences: 1, ..NOTHING };

#[test]
fn a_ring_makes_no_call_while_nobody_sleeps() {
    let mut scene = Scene::new(|_| {});
    assert_eq!(scene.watch.take(), Counts { joins: 1, ..NOTHING });
    if kernel::join_heavy_fences() {
        assert_eq!(scene.ring(), WAKES, "zeros do not say that nobody sleeps");
        (0..1000).for_each(|_| assert_eq!(scene.ring(), NOTHING));
    }
}

#[test]
fn a_sleep_costs_one_heavy_fence_until_fences_are_asked_for_and_answered() {
    let Some(mut scene) = Scene::able("a_sleep_costs_one_heavy_fence") else { return };
    for _ in 1..SLEEPS_TO_ASK {
        assert_eq!(scene.sleep(), HEAVY);
        assert_eq!(scene.ring(), WAKES);
    }
    assert_eq!(scene.sleep(), HEAVY_AND_ASKS);
    for _ in 0..100 {
        assert_eq!(scene.sleep(), HEAVY, "nobody has answered yet");
    }
    assert_eq!(scene.ring(), WAKES, "the answer is the fence of the next ring");
    for _ in 0..100 {
        assert_eq!(scene.sleep(), TRUSTS);
        assert_eq!(scene.ring(), Counts { full_fences: 2, ..WAKES });
    }
}

#[test]
fn one_that_may_have_several_ringers_does_not_ask() {
    let Some(mut scene) = Scene::able("one_that_may_have_several_ringers") else { return };
    scene.sleeper = Sleeper::new();
    for _ in 0..100 {
        assert_eq!(scene.sleep(), HEAVY);
        assert_eq!(scene.ring(), WAKES);
    }
}

#[test]
fn a_long_sleep_begins_the_count_anew() {
    let Some(mut scene) = Scene::able("a_long_sleep_begins_the_count_anew") else { return };
    for _ in 0..10 {
        (2..SLEEPS_TO_ASK).for_each(|_| assert_eq!(scene.sleep(), HEAVY));
        scene.watch.really_sleeps.set(true);
        let ticket = scene.sleeper.prepare(scene.bell);
        scene.sleeper.sleep(scene.bell, ticket, None, Deadline::after(Duration::ZERO), true);
        scene.watch.really_sleeps.set(false);
    }
}

#[test]
fn fences_for_nobody_are_taken_back_and_the_next_sleep_makes_its_own() {
    let Some(mut scene) = Scene::able("fences_for_nobody_are_taken_back") else { return };
    scene.settle();
    for _ in 1..QUIET_TO_STOP {
        assert_eq!(scene.ring(), FENCES);
    }
    assert_eq!(
        scene.ring(),
        Counts { full_fences: 2, ..NOTHING },
        "the last, and the one behind the taking back"
    );
    (0..100).for_each(|_| assert_eq!(scene.ring(), NOTHING));
    assert_eq!(scene.sleep(), HEAVY_AND_ASKS, "its own full fence tells it to make the heavy one");
    assert_eq!(scene.ring(), WAKES);
    // From there it begins anew.
    for _ in 2..SLEEPS_TO_ASK {
        assert_eq!(scene.sleep(), HEAVY);
        scene.ring();
    }
    assert_eq!(scene.sleep(), HEAVY_AND_ASKS);
    scene.ring();
    assert_eq!(scene.sleep(), TRUSTS);
}

#[test]
fn a_sleep_in_between_keeps_the_fences() {
    let Some(mut scene) = Scene::able("a_sleep_in_between_keeps_the_fences") else { return };
    scene.settle();
    for _ in 0..5 {
        (1..QUIET_TO_STOP).for_each(|_| assert_eq!(scene.ring(), FENCES));
        assert_eq!(scene.sleep(), TRUSTS);
        assert_eq!(scene.ring(), Counts { full_fences: 2, ..WAKES });
    }
}

#[test]
fn a_ring_before_the_question_is_no_answer_to_it() {
    let Some(mut scene) = Scene::able("a_ring_before_the_question") else { return };
    (1..SLEEPS_TO_ASK).for_each(|_| _ = scene.sleep());
    scene.ring_before_the_question();
    assert_eq!(scene.sleep().heavy_fences, 1);
    assert!(scene.watch.meanwhile.borrow().is_none(), "it has rung");
    for _ in 0..3 {
        assert_eq!(scene.sleep().heavy_fences, 1, "the ring was before the question");
    }
}

#[test]
fn a_ring_before_a_refused_sleeper_asks_is_no_answer_either() {
    let mut scene = Scene::new(|watch| watch.refuses_heavy_fences.set(true));
    scene.ring_before_the_question();
    scene.sleep();
    assert!(scene.watch.meanwhile.borrow().is_none(), "it has rung");
    scene.watch.really_sleeps.set(true);
    assert!(is_sliced(&mut scene), "the ring was before the question");
}

#[test]
fn a_ringer_that_follows_another_fences_from_the_beginning() {
    let Some(mut scene) = Scene::able("a_ringer_that_follows_another") else { return };
    scene.settle();
    scene.ringer = Ringer::at(scene.bell);
    assert_eq!(scene.ring(), FENCES);
    assert_eq!(scene.sleep(), TRUSTS);
}

#[test]
fn a_ringer_that_cannot_join_fences_for_itself() {
    let mut scene = Scene::new(|watch| watch.refuses_joins.set(true));
    assert_eq!(scene.ring(), Counts { full_fences: 2, ..WAKES });
    for _ in 0..10 * QUIET_TO_STOP {
        assert_eq!(scene.ring(), FENCES);
    }
}

/// Does a sleep that nobody ends end after a millisecond? The shortest of a few counts, as any may take long.
fn is_sliced(scene: &mut Scene) -> bool {
    let mut sleep = || {
        let begin = Instant::now();
        scene.sleep();
        begin.elapsed()
    };
    let shortest = (0..8).map(|_| sleep()).min().unwrap();
    assert!(shortest >= Duration::from_millis(1));
    shortest < Duration::from_millis(100)
}

#[test]
fn a_refused_sleeper_needs_fences_and_sleeps_in_slices_until_the_first_ring() {
    let mut scene = Scene::new(|watch| watch.refuses_heavy_fences.set(true));
    assert_eq!(scene.sleep(), Counts { heavy_fences: 1, full_fences: 2, sleeps: 1, ..NOTHING });
    assert_eq!(scene.sleep(), TRUSTS, "it does not try again");
    scene.watch.really_sleeps.set(true);
    assert!(is_sliced(&mut scene));
    scene.ring();
    assert!(!is_sliced(&mut scene));
    // Never taken back.
    scene.ring();
    for _ in 0..10 * QUIET_TO_STOP {
        assert!(scene.ring().full_fences > 0);
    }
    scene.watch.really_sleeps.set(false);
    assert_eq!(scene.sleep(), TRUSTS);
}

#[test]
fn the_watch_stands_in_for_fences() {
    let scene = Scene::new(|_| {});
    scene.watch.take();
    fence(Ordering::SeqCst);
    assert_eq!(scene.watch.take(), FENCES);
}
