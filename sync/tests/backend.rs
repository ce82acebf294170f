//! One contract for all that processes may wait by: each implementation of `Event` and of `Lock` runs through the same facts.
//!
//! ```text
//!   backend/event.rs        what an event keeps            backend/standard.rs     both, of the standard library: that
//!   backend/lock.rs         what a lock keeps                                      another backend fits
//!   backend/processes.rs    an event between two processes
//! ```

#[path = "backend/event.rs"]
mod event;
#[path = "backend/lock.rs"]
mod lock;
#[path = "backend/processes.rs"]
mod processes;
#[path = "backend/standard.rs"]
mod standard;

use processes::Shared;
use ringway_sync::EventCount;
use standard::{Bell, Mutual, Nameless};

/// The facts that an event keeps, one test for each. `$make` gives two handles of one new event; sleepers use the first,
/// ringers the second.
macro_rules! event_contract {
    ($name:ident, $make:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn a_ring_before_the_sleep_is_not_lost() {
                event::a_ring_before_the_sleep_is_not_lost($make);
            }

            #[test]
            fn a_ring_wakes_all_sleepers() {
                event::a_ring_wakes_all_sleepers($make);
            }

            #[test]
            fn a_sleep_ends_at_its_deadline() {
                event::a_sleep_ends_at_its_deadline($make);
            }

            #[test]
            fn a_ring_for_nobody_leaves_nothing_behind() {
                event::a_ring_for_nobody_leaves_nothing_behind($make);
            }

            #[test]
            fn no_wake_up_is_lost_in_a_long_exchange() {
                event::no_wake_up_is_lost_in_a_long_exchange($make);
            }

            #[test]
            fn no_wake_up_is_lost_between_many() {
                event::no_wake_up_is_lost_between_many($make);
            }
        }
    };
}

/// The facts that a lock keeps; `$knows_its_owner` says whether it can tell a thread that it has the lock already.
macro_rules! lock_contract {
    ($name:ident, $make:expr, $knows_its_owner:literal) => {
        mod $name {
            use super::*;

            #[test]
            fn one_at_a_time_has_it() {
                lock::one_at_a_time_has_it(&$make);
            }

            #[test]
            fn a_taken_one_is_not_waited_for_by_a_try() {
                lock::a_taken_one_is_not_waited_for_by_a_try(&$make);
            }

            #[test]
            fn waiting_for_a_taken_one_ends_at_the_deadline() {
                lock::waiting_for_a_taken_one_ends_at_the_deadline(&$make);
            }

            #[test]
            fn waiting_ends_when_it_is_given_back() {
                lock::waiting_ends_when_it_is_given_back(&$make);
            }

            #[test]
            fn who_has_it_already_is_told_so() {
                lock::who_has_it_already_is_told_so(&$make, $knows_its_owner);
            }

            #[test]
            fn what_was_written_under_it_is_seen_by_the_next() {
                lock::what_was_written_under_it_is_seen_by_the_next(&$make);
            }
        }
    };
}

event_contract!(an_eventcount, (&EventCount::new(), None));
event_contract!(an_eventcount_mapped_twice, Shared::new().bells());
event_contract!(a_condition_variable, (&Bell::default(), None));
lock_contract!(a_mutex, Mutual::default(), true);
lock_contract!(a_mutex_without_names, Nameless::default(), false);
