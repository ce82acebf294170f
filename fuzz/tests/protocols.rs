//! Ringway's protocols, explored at small scope; what was once found wrong, by name.

use ringway_fuzz::protocols::{self, Entry};
use ringway_fuzz::{Explorer, Report};

fn explored(name: &str) -> Report {
    let is_it = |entry: &Entry| entry.scenario.name() == name;
    let entry = protocols::all().into_iter().find(is_it).expect("a scenario of that name");
    Explorer::new(entry.bounds).exhaustive(&entry.scenario)
}

/// Who found another word in an owner's row had not learned what the owner did before it left; so a seat that was left could
/// still look taken, by somebody gone.
#[test]
fn an_owner_that_left_its_seat_is_not_told_as_dead() {
    explored("slots-part").expect_all_well();
}

/// A sleeper that had asked for fences took a ring for the answer, left its heavy fence out, and missed what that very ring
/// had published.
#[test]
fn a_ring_that_a_sleeper_has_seen_brings_what_was_published() {
    explored("bell-asked").expect_all_well();
}
