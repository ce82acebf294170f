//! Small programs by lot: an exhaustive search comes to the same with and without its reduction, runs by chance (which know
//! neither reduction nor digests) come to nothing else, and each failure's token leads there again.

#![forbid(unsafe_code)]

use ringway_fuzz::{Bounds, Explorer, Process, Report, Scenario, Way, explain};
use ringway_shm::primitive::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};
use ringway_shm::primitive::fence;
use std::rc::Rc;

/// How many.
const PROGRAMS: u64 = 100;

/// One step of a process: on a word, with an ordering.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Load(usize, Ordering),
    Store(usize, u64, Ordering),
    Add(usize, Ordering),
    Exchange(usize, u64, u64, Ordering),
    Fence(Ordering),
    Put(usize, u64),
    Get(usize),
}

/// Numbers by lot (Knuth's linear congruences).
struct Lot(u64);

impl Lot {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn deed(&mut self, words: u64, with_payload: bool) -> Deed {
        let word = self.below(words) as usize;
        // Few values, so that different messages have the same one; some differ by their highest bit alone.
        let value = self.of(&[0, 1, 1, 2, 1 << 63]);
        match self.below(if with_payload { 12 } else { 10 }) {
            0..=3 => Deed::Load(word, self.of(&[Relaxed, Relaxed, Acquire, SeqCst])),
            4..=6 => Deed::Store(word, value, self.of(&[Relaxed, Relaxed, Release, SeqCst])),
            7 => Deed::Add(word, self.of(&[Relaxed, Acquire, Release, AcqRel, SeqCst])),
            8 => Deed::Exchange(word, self.of(&[0, 1]), value, self.of(&[Relaxed, AcqRel])),
            9 => Deed::Fence(self.of(&[Acquire, Release, AcqRel, SeqCst])),
            10 => Deed::Put(word, value),
            _ => Deed::Get(word),
        }
    }
}

fn act(me: &Process, deeds: &[Deed]) {
    let mut seen = 0u64;
    for &deed in deeds {
        let told = match deed {
            Deed::Load(word, order) => me.word(word).load(order),
            Deed::Add(word, order) => me.word(word).fetch_add(1, order),
            Deed::Exchange(word, current, new, order) => {
                match me.word(word).compare_exchange_weak(current, new, order, Relaxed) {
                    Ok(found) => found,
                    Err(found) => found + 3,
                }
            }
            Deed::Get(cell) => me.get(cell),
            Deed::Store(word, value, order) => {
                me.word(word).store(value, order);
                continue;
            }
            Deed::Put(cell, value) => {
                me.put(cell, value);
                continue;
            }
            Deed::Fence(order) => {
                fence(order);
                continue;
            }
        };
        seen = seen * 16 + (told & 7) + (told >> 63) * 8;
    }
    me.note(["a", "b", "c"][me.body()], seen);
}

fn scenario(programs: &[Vec<Deed>], words: usize) -> Rc<Scenario> {
    let mut scenario = Scenario::new("by-lot").words(words);
    for (number, deeds) in programs.iter().cloned().enumerate() {
        scenario = scenario.process(["ann", "bob", "cid"][number], move |me| act(me, &deeds));
    }
    let outcome = move |end: &ringway_fuzz::End<'_>| {
        let words: Vec<u64> = (0..words).map(|word| end.word(word)).collect();
        format!("{words:x?} {:x?} {:x?} {:x?}", end.values("a"), end.values("b"), end.values("c"))
    };
    Rc::new(scenario.outcome(outcome))
}

/// What it came to: its outcomes, or the sort of its failure.
fn told(report: &Report) -> Result<&std::collections::BTreeSet<String>, &'static str> {
    match report.failure() {
        Some(failure) => Err(failure.sort()),
        None => {
            assert!(report.is_complete);
            Ok(&report.outcomes)
        }
    }
}

fn compare(lot: &mut Lot, runs: u64) {
    let (processes, words) = (2 + lot.below(2), 2 + lot.below(2));
    let with_payload = lot.below(3) == 0;
    let len = if processes == 2 { 4 } else { 3 };
    let programs: Vec<Vec<Deed>> = (0..processes)
        .map(|_| (0..1 + lot.below(len)).map(|_| lot.deed(words, with_payload)).collect())
        .collect();
    let bounds = if lot.below(4) == 0 { Bounds::STRONG } else { Bounds::WEAK };
    let bounds = bounds.kills(u8::from(lot.below(3) == 0)).spurious(u8::from(lot.below(3) == 0));
    let scenario = scenario(&programs, words as usize);
    let explorer = Explorer::new(bounds);
    let reduced = explorer.exhaustive(&scenario);
    let whole = explorer.clone().unreduced().exhaustive(&scenario);
    let about = || format!("{bounds:?} {programs:#?}");
    assert_eq!(told(&reduced), told(&whole), "{}", about());
    for report in [&reduced, &whole] {
        if let Some(found) = &report.found {
            let again = explain(&scenario, &found.token).1.map(|again| again.failure);
            assert_eq!(again.as_ref(), Some(&found.failure), "{} {}", found.token, about());
        }
    }
    let chance = explorer.random(&scenario, Way::Uniform, lot.below(1 << 30), runs);
    if let Ok(outcomes) = told(&reduced) {
        assert!(chance.found.is_none(), "{:?} {}", chance.found, about());
        let missed: Vec<_> = chance.outcomes.difference(outcomes).collect();
        assert!(missed.is_empty(), "{missed:?} {}", about());
    }
}

#[test]
fn no_outcome_is_lost_by_what_the_search_leaves_out() {
    for seed in 0..PROGRAMS {
        compare(&mut Lot(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)), 200);
    }
}
