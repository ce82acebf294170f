//! What the example says that is found is found, and what is mended is right.

#[allow(dead_code)] // because the program's own beginning is not used here.
#[path = "../src/main.rs"]
mod check_your_own;

use ringway_fuzz::{Bounds, Entry, explain, explore, shrink};

fn entry(name: &str) -> Entry {
    let entries = check_your_own::entries();
    entries.into_iter().find(|entry| entry.scenario.name() == name).unwrap()
}

#[test]
fn the_mistake_is_found_shrunk_and_explained() {
    let torn = entry("torn");
    let found = explore(&torn.scenario, torn.bounds).found.unwrap();
    let small = shrink(&torn.scenario, &found.token).unwrap();
    assert!(small.failure.to_string().contains("settings of two versions"), "{}", small.failure);
    assert!(small.token.to_string().len() <= found.token.to_string().len());
    let (text, again) = explain(&torn.scenario, &small.token);
    assert_eq!(again.unwrap().failure, small.failure);
    assert!(text.contains("STALE"), "{text}");
}

#[test]
fn it_needs_weak_memory() {
    explore(&entry("torn").scenario, Bounds::STRONG).expect_all_well();
}

#[test]
fn the_mended_protocol_is_right_also_where_somebody_dies() {
    for name in ["mended", "mended-kill"] {
        let entry = entry(name);
        explore(&entry.scenario, entry.bounds).expect_all_well();
    }
}
