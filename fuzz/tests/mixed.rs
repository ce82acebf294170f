//! Words that are payload at other times.

#![allow(unsafe_code)] // because a copy is into memory that is shared.

use ringway_fuzz::{Bounds, Explorer, Scenario, explain};
use ringway_shm::primitive::Ordering::Relaxed;
use ringway_shm::primitive::copy_in;
use std::rc::Rc;

#[test]
fn a_token_of_a_race_of_a_copy_and_a_word_leads_there_again() {
    let scenario = Scenario::new("mixed")
        .words(1)
        .process("copier", |me| {
            let word = me.word(0);
            let at = std::ptr::from_ref(&*word).cast_mut().cast::<u8>();
            // SAFETY: eight bytes of the region, which is mapped while the scenario runs; one thread runs all processes.
            unsafe { copy_in(7u64.to_ne_bytes().as_ptr(), at, 8) };
        })
        .process("looker", |me| {
            let _ = me.word(0).load(Relaxed);
        });
    let scenario = Rc::new(scenario);
    for explorer in [Explorer::new(Bounds::WEAK), Explorer::new(Bounds::WEAK).unreduced()] {
        let found = explorer.exhaustive(&scenario).found.expect("a race");
        let again = explain(&scenario, &found.token).1.map(|again| again.failure);
        assert_eq!(again, Some(found.failure), "{}", found.token);
    }
}
