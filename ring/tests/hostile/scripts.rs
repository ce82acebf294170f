//! Random scripts: between any two calls a third party writes what it likes.

use crate::fixture::random::{Random, seeds};
use crate::fixture::raw::Raw;
use crate::fixture::{WRAPS, config};
use crate::tamper::{possible, tamper, tamper_lines};
use crate::victim::{Outcome, Victim, attach};
use ringway::slots::Latency;
use ringway::{Corruption, Region, Slot, bytes, slots};
use std::sync::Arc;

/// A handle and what it has said of corruption, which it has to keep to.
struct Watched<V> {
    victim: Option<V>,
    said: Option<Corruption>,
}

impl<V: Victim> Watched<V> {
    fn new(region: &Arc<Region>) -> Self {
        Self { victim: attach(region), said: None }
    }

    /// Drops the handle and attaches another, if the positions allow one.
    fn replace(&mut self, region: &Arc<Region>) {
        self.victim = None;
        *self = Self::new(region);
    }

    /// One call, and a look at what it wrote.
    fn call(&mut self, raw: &Raw, random: &mut Random) {
        let Some(victim) = &mut self.victim else { return };
        let was_poisoned = self.said.is_some();
        let (control, data) = raw.all();
        let outcome = victim.call(random);
        let (mut control_after, data_after) = raw.all();
        match (self.said, outcome) {
            (Some(said), Outcome::Corrupt(corruption)) => assert_eq!(corruption, said),
            (Some(_), Outcome::TooLong) | (None, Outcome::Done | Outcome::TooLong) => {}
            (Some(said), Outcome::Done) => panic!("served after {said}"),
            (None, Outcome::Corrupt(corruption)) => self.said = Some(corruption),
        }
        // It may have written its position, and a producer data, and what it dropped: also before it met the lie. None of
        // these calls sleeps, so of the doors only the other side's may be another, and only by a ring.
        let own_words = if V::IS_PRODUCER { [0..8, 0x40..0x48] } else { [0x80..0x88, 0..0] };
        let bell = if V::IS_PRODUCER { 0x100..0x104 } else { 0x180..0x184 };
        if !was_poisoned {
            for own in own_words {
                control_after[own.clone()].copy_from_slice(&control[own]);
            }
            let word = |control: &[u8]| u32::from_le_bytes(control[bell.clone()].try_into().unwrap());
            if word(&control_after) != word(&control) {
                assert!(word(&control) % 2 == 0 && word(&control_after) == word(&control) + 1, "no ring");
                control_after[bell.clone()].copy_from_slice(&control[bell]);
            }
        }
        assert!(control == control_after, "a word that is not the victim's changed");
        assert!((V::IS_PRODUCER && !was_poisoned) || data == data_after, "data changed");
    }

    /// After it said that the ring is corrupt: nothing that it is asked to do may change the region.
    fn check_silence(&mut self, raw: &Raw, random: &mut Random) {
        let (Some(victim), Some(said)) = (&mut self.victim, self.said) else { return };
        let before = raw.all();
        for _ in 0..3 {
            match victim.call(random) {
                Outcome::Corrupt(corruption) => assert_eq!(corruption, said),
                Outcome::TooLong => {}
                Outcome::Done => panic!("served after {said}"),
            }
        }
        assert!(raw.all() == before, "a poisoned handle wrote");
    }
}

/// What a script does to a ring, and how it makes it one that is empty at a position.
#[derive(Clone, Copy)]
struct Enemy {
    tamper: fn(&Raw, &mut Random, u64),
    renew: fn(&Raw, u64, u64),
}

const ENEMY: Enemy = Enemy { tamper, renew: |raw, position, _| raw.set_positions(position) };

const ENEMY_OF_LINES: Enemy = Enemy {
    tamper: tamper_lines,
    renew: |raw, position, capacity| {
        raw.set_positions(position);
        raw.set_sequences(position, capacity);
    },
};

fn script<P: Victim, C: Victim>(region: Region, capacity: u64, enemy: Enemy, random: &mut Random) -> u64 {
    let region = Arc::new(region);
    let raw = Raw::new(&region);
    let mut tx = Watched::<P>::new(&region);
    let mut rx = Watched::<C>::new(&region);
    let mut corruptions = 0;
    for _ in 0..100 {
        if random.one_in(2) {
            (enemy.tamper)(&raw, random, capacity);
        }
        let said = (tx.said.is_some(), rx.said.is_some());
        if random.one_in(2) {
            tx.call(&raw, random);
            tx.check_silence(&raw, random);
        } else {
            rx.call(&raw, random);
            rx.check_silence(&raw, random);
        }
        corruptions += u64::from((tx.said.is_some(), rx.said.is_some()) != said);
        if (tx.victim.is_none() || tx.said.is_some()) && random.one_in(3) {
            raw.set_head(raw.tail().wrapping_sub(possible(random, capacity)));
            tx.replace(&region);
        }
        if (rx.victim.is_none() || rx.said.is_some()) && random.one_in(3) {
            (enemy.renew)(&raw, random.next() & !7, capacity);
            rx.replace(&region);
        }
    }
    corruptions
}

#[test]
fn a_byte_ring_bears_whatever_is_written_to_it() {
    let mut corruptions = 0;
    for seed in seeds(150) {
        let random = &mut seed.random();
        for wrap in WRAPS {
            let region = bytes::anonymous(&config(4096).wrap(wrap)).unwrap();
            corruptions += script::<bytes::Producer, bytes::Consumer>(region, 4096, ENEMY, random);
        }
    }
    assert!(corruptions > 100, "the scripts hardly hurt: {corruptions}");
}

#[test]
fn a_ring_of_slots_bears_whatever_is_written_to_it() {
    let mut corruptions = 0;
    for seed in seeds(150) {
        let random = &mut seed.random();
        let capacity = random.choose(&[1, 8, 64]);
        let region = slots::anonymous::<u64>(&config(capacity)).unwrap();
        corruptions += script::<slots::Producer<u64>, slots::Consumer<u64>>(region, capacity, ENEMY, random);
        let region = slots::anonymous::<[u8; 3]>(&config(capacity)).unwrap();
        corruptions +=
            script::<slots::Producer<[u8; 3]>, slots::Consumer<[u8; 3]>>(region, capacity, ENEMY, random);
    }
    assert!(corruptions > 100, "the scripts hardly hurt: {corruptions}");
}

fn script_of_lines<T: Slot>(capacity: u64, random: &mut Random) -> u64 {
    let region = slots::anonymous_in::<T, Latency>(&config(capacity)).unwrap();
    script::<slots::Producer<T, Latency>, slots::Consumer<T, Latency>>(
        region,
        capacity,
        ENEMY_OF_LINES,
        random,
    )
}

#[test]
fn a_ring_of_slots_in_the_latency_layout_bears_whatever_is_written_to_it() {
    let mut corruptions = 0;
    for seed in seeds(150) {
        let random = &mut seed.random();
        let capacity = random.choose(&[1, 8, 64]);
        corruptions += script_of_lines::<u64>(capacity, random);
        corruptions += script_of_lines::<[u8; 3]>(capacity, random);
    }
    assert!(corruptions > 100, "the scripts hardly hurt: {corruptions}");
}
