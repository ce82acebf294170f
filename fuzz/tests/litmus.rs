//! The memory model against C11: what each small program may come to, and that nothing else is found.
//!
//! The programs and their names are those of the literature (Alglave, Maranget and Tautschnig, "Herding Cats", 2014; Lahav,
//! Vafeiadis, Kang, Hur and Dreyer, "Repairing Sequential Consistency in C/C++11", 2017). `allowed` is every outcome that
//! C11 allows, but for those programs of which the last test says what is not modelled.

use ringway_fuzz::{Bounds, Process, Scenario, explore};
use ringway_shm::primitive::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};
use ringway_shm::primitive::{fence, kernel, light_fence};
use std::rc::Rc;

type Body = fn(&Process);

/// Every outcome of a program: what its processes noted, in the order of the processes.
fn outcomes(name: &str, bodies: &[Body]) -> Vec<Vec<u64>> {
    let mut scenario = Scenario::new(name).words(6).outcome(|end| {
        let mut notes: Vec<_> = end.notes("read").collect();
        notes.sort_by_key(|note| note.process);
        let values: Vec<_> = notes.iter().map(|note| note.value.to_string()).collect();
        values.join(" ")
    });
    for (number, &body) in bodies.iter().enumerate() {
        scenario = scenario.process(format!("p{number}"), body);
    }
    let report = explore(&Rc::new(scenario), Bounds::WEAK);
    report.expect_all_well();
    let numbers = |outcome: &String| outcome.split(' ').filter_map(|number| number.parse().ok()).collect();
    report.outcomes.iter().map(numbers).collect()
}

fn comes_to(name: &str, bodies: &[Body], allowed: &[&[u64]]) {
    let mut allowed: Vec<Vec<u64>> = allowed.iter().map(|outcome| outcome.to_vec()).collect();
    allowed.sort();
    let mut found = outcomes(name, bodies);
    found.sort();
    assert_eq!(found, allowed, "{name}");
}

fn store(me: &Process, word: usize, value: u64, order: Ordering) {
    me.word(word).store(value, order);
}

fn read(me: &Process, word: usize, order: Ordering) -> u64 {
    let value = me.word(word).load(order);
    me.note("read", value);
    value
}

const BOTH: [&[u64]; 4] = [&[0, 0], &[0, 1], &[1, 0], &[1, 1]];

#[test]
fn store_buffering() {
    let relaxed: [Body; 2] = [
        |me| {
            store(me, 0, 1, Relaxed);
            read(me, 1, Relaxed);
        },
        |me| {
            store(me, 1, 1, Relaxed);
            read(me, 0, Relaxed);
        },
    ];
    comes_to("SB", &relaxed, &BOTH);
    let ordered: [Body; 2] = [
        |me| {
            store(me, 0, 1, Release);
            read(me, 1, Acquire);
        },
        |me| {
            store(me, 1, 1, Release);
            read(me, 0, Acquire);
        },
    ];
    comes_to("SB+rel+acq", &ordered, &BOTH);
    let fenced: [Body; 2] = [
        |me| {
            store(me, 0, 1, Relaxed);
            fence(SeqCst);
            read(me, 1, Relaxed);
        },
        |me| {
            store(me, 1, 1, Relaxed);
            fence(SeqCst);
            read(me, 0, Relaxed);
        },
    ];
    comes_to("SB+fences", &fenced, &BOTH[1..]);
    let one_fence: [Body; 2] = [fenced[0], relaxed[1]];
    comes_to("SB+fence", &one_fence, &BOTH);
    let accesses: [Body; 2] = [
        |me| {
            store(me, 0, 1, SeqCst);
            read(me, 1, SeqCst);
        },
        |me| {
            store(me, 1, 1, SeqCst);
            read(me, 0, SeqCst);
        },
    ];
    comes_to("SB+sc", &accesses, &BOTH[1..]);
    let changes: [Body; 2] = [
        |me| {
            me.word(0).swap(1, AcqRel);
            read(me, 1, Relaxed);
        },
        |me| {
            me.word(1).swap(1, AcqRel);
            read(me, 0, Relaxed);
        },
    ];
    comes_to("SB+rmws", &changes, &BOTH);
}

#[test]
fn store_buffering_with_asymmetric_fences() {
    let heavy: Body = |me| {
        store(me, 0, 1, Relaxed);
        assert!(kernel::heavy_fence());
        read(me, 1, Relaxed);
    };
    let light: Body = |me| {
        assert!(kernel::join_heavy_fences());
        store(me, 1, 1, Relaxed);
        light_fence();
        read(me, 0, Relaxed);
    };
    comes_to("SB+heavy+light", &[heavy, light], &BOTH[1..]);
    let not_joined: Body = |me| {
        store(me, 1, 1, Relaxed);
        light_fence();
        read(me, 0, Relaxed);
    };
    comes_to("SB+heavy+light-not-joined", &[heavy, not_joined], &BOTH);
    let other_light: Body = |me| {
        assert!(kernel::join_heavy_fences());
        store(me, 0, 1, Relaxed);
        light_fence();
        read(me, 1, Relaxed);
    };
    comes_to("SB+lights", &[other_light, light], &BOTH);
    let no_fence: Body = |me| {
        assert!(kernel::join_heavy_fences());
        store(me, 1, 1, Relaxed);
        read(me, 0, Relaxed);
    };
    comes_to("SB+heavy+none", &[heavy, no_fence], &BOTH);
}

#[test]
fn message_passing() {
    const IN_ORDER: [&[u64]; 3] = [&[0, 0], &[0, 1], &[1, 1]];
    let reads: [Body; 3] = [
        |me| {
            read(me, 1, Acquire);
            read(me, 0, Relaxed);
        },
        |me| {
            read(me, 1, Relaxed);
            read(me, 0, Relaxed);
        },
        |me| {
            read(me, 1, Relaxed);
            fence(Acquire);
            read(me, 0, Relaxed);
        },
    ];
    let writes: [Body; 3] = [
        |me| {
            store(me, 0, 1, Relaxed);
            store(me, 1, 1, Release);
        },
        |me| {
            store(me, 0, 1, Relaxed);
            store(me, 1, 1, Relaxed);
        },
        |me| {
            store(me, 0, 1, Relaxed);
            fence(Release);
            store(me, 1, 1, Relaxed);
        },
    ];
    for (write, publishes) in writes.iter().zip([true, false, true]) {
        for (look, learns) in reads.iter().zip([true, false, true]) {
            let allowed: &[&[u64]] = if publishes && learns { &IN_ORDER } else { &BOTH };
            comes_to("MP", &[*write, *look], allowed);
        }
    }
}

#[test]
fn a_release_fence_does_not_cover_what_comes_after_it() {
    let write: Body = |me| {
        fence(Release);
        store(me, 0, 1, Relaxed);
        store(me, 1, 1, Relaxed);
    };
    let look: Body = |me| {
        read(me, 1, Acquire);
        read(me, 0, Relaxed);
    };
    comes_to("MP+early-fence", &[write, look], &BOTH);
    let early: Body = |me| {
        fence(Acquire);
        read(me, 1, Relaxed);
        read(me, 0, Relaxed);
    };
    let publish: Body = |me| {
        store(me, 0, 1, Relaxed);
        store(me, 1, 1, Release);
    };
    comes_to("MP+early-acquire", &[publish, early], &BOTH);
}

#[test]
fn a_change_carries_on_the_release_before_it() {
    let publish: Body = |me| {
        store(me, 0, 1, Relaxed);
        store(me, 1, 1, Release);
    };
    let change: Body = |me| {
        let _ = me.word(1).compare_exchange(1, 2, Relaxed, Relaxed);
    };
    let look: Body = |me| {
        read(me, 1, Acquire);
        read(me, 0, Relaxed);
    };
    let allowed: [&[u64]; 4] = [&[0, 0], &[0, 1], &[1, 1], &[2, 1]];
    comes_to("MP+release-sequence", &[publish, change, look], &allowed);
    // A store of somebody else ends it.
    let overwrite: Body = |me| {
        if me.word(1).load(Relaxed) == 1 {
            store(me, 1, 2, Relaxed);
        }
    };
    let allowed: [&[u64]; 5] = [&[0, 0], &[0, 1], &[1, 1], &[2, 0], &[2, 1]];
    comes_to("MP+no-release-sequence", &[publish, overwrite, look], &allowed);
}

#[test]
fn coherence() {
    let write: Body = |me| {
        store(me, 0, 1, Relaxed);
        store(me, 0, 2, Relaxed);
    };
    let look: Body = |me| {
        read(me, 0, Relaxed);
        read(me, 0, Relaxed);
    };
    let allowed: [&[u64]; 6] = [&[0, 0], &[0, 1], &[0, 2], &[1, 1], &[1, 2], &[2, 2]];
    comes_to("CoRR", &[write, look], &allowed);
    let own: Body = |me| {
        store(me, 0, 1, Relaxed);
        read(me, 0, Relaxed);
    };
    comes_to("CoWR", &[own], &[&[1]]);
}

#[test]
fn changes_are_atomic() {
    let add: Body = |me| {
        let old = me.word(0).fetch_add(1, Relaxed);
        me.note("read", old);
    };
    comes_to("2+RMW", &[add, add], &[&[0, 1], &[1, 0]]);
    let all = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let all: Vec<&[u64]> = all.iter().map(<[u64; 3]>::as_slice).collect();
    comes_to("3+RMW", &[add, add, add], &all);
}

#[test]
fn independent_reads_of_independent_writes() {
    let writes: [Body; 2] = [|me| store(me, 0, 1, Release), |me| store(me, 1, 1, Release)];
    let looks: [Body; 2] = [
        |me| {
            read(me, 0, Acquire);
            read(me, 1, Acquire);
        },
        |me| {
            read(me, 1, Acquire);
            read(me, 0, Acquire);
        },
    ];
    let found = outcomes("IRIW", &[writes[0], writes[1], looks[0], looks[1]]);
    assert_eq!(found.len(), 16, "all are allowed: {found:?}");
    let fenced: [Body; 2] = [
        |me| {
            read(me, 0, Relaxed);
            fence(SeqCst);
            read(me, 1, Relaxed);
        },
        |me| {
            read(me, 1, Relaxed);
            fence(SeqCst);
            read(me, 0, Relaxed);
        },
    ];
    let found = outcomes("IRIW+fences", &[writes[0], writes[1], fenced[0], fenced[1]]);
    assert!(found.len() == 15 && !found.contains(&vec![1, 0, 1, 0]), "{found:?}");
}

#[test]
fn write_to_read_causality() {
    let write: Body = |me| store(me, 0, 1, Relaxed);
    let pass_on: Body = |me| {
        read(me, 0, Acquire);
        store(me, 1, 1, Release);
    };
    let look: Body = |me| {
        read(me, 1, Acquire);
        read(me, 0, Relaxed);
    };
    let found = outcomes("WRC", &[write, pass_on, look]);
    assert!(found.len() == 7 && !found.contains(&vec![1, 1, 0]), "{found:?}");
    let passes_less: Body = |me| {
        read(me, 0, Relaxed);
        store(me, 1, 1, Relaxed);
    };
    assert_eq!(outcomes("WRC+rlx", &[write, passes_less, look]).len(), 8);
}

#[test]
fn a_compare_exchange_that_fails_may_fail_on_an_old_value() {
    let write: Body = |me| store(me, 0, 1, Relaxed);
    let change: Body = |me| match me.word(0).compare_exchange(1, 2, Relaxed, Relaxed) {
        Ok(old) => me.note("read", 10 + old),
        Err(old) => me.note("read", old),
    };
    let after: Body = |me| {
        read(me, 0, Relaxed);
        match me.word(0).compare_exchange(1, 2, Relaxed, Relaxed) {
            Ok(old) => me.note("read", 10 + old),
            Err(old) => me.note("read", old),
        }
    };
    comes_to("CAS", &[write, change], &[&[0], &[11]]);
    comes_to("CAS+read", &[write, after], &[&[0, 0], &[0, 11], &[1, 11]]);
}

/// loom skips these (tokio-rs/loom 166 and 392): it keeps one last access for each atomic, and a process that reads a word
/// before it writes it overwrites the record of the other's read.
#[test]
fn what_loom_misses() {
    // 392: with the load before the store, loom finds the outcome 0 only.
    let write: Body = |me| {
        let _ = me.word(0).load(Relaxed);
        store(me, 0, 1, Relaxed);
    };
    let look: Body = |me| {
        read(me, 0, Relaxed);
    };
    comes_to("loom-392", &[write, look], &[&[0], &[1]]);
    // 166: both orders of two compare-exchanges behind a load each.
    let change: Body = |me| {
        let seen = me.word(0).load(Relaxed);
        let changed = me.word(0).compare_exchange(seen, seen + 1, Relaxed, Relaxed);
        me.note("read", u64::from(changed.is_ok()));
    };
    comes_to("loom-166", &[change, change], &[&[0, 1], &[1, 0], &[1, 1]]);
}

#[test]
fn what_is_not_modelled_is_not_found() {
    // Load buffering: C11 allows 1 1.
    let load_first: [Body; 2] = [
        |me| {
            read(me, 0, Relaxed);
            store(me, 1, 1, Relaxed);
        },
        |me| {
            read(me, 1, Relaxed);
            store(me, 0, 1, Relaxed);
        },
    ];
    comes_to("LB", &load_first, &BOTH[..3]);
    // 2+2W: C11 allows each word to end with the first store of its process.
    let twice: [Body; 3] = [
        |me| {
            store(me, 0, 1, Relaxed);
            store(me, 1, 2, Relaxed);
            store(me, 2, 1, Release);
        },
        |me| {
            store(me, 1, 1, Relaxed);
            store(me, 0, 2, Relaxed);
            store(me, 3, 1, Release);
        },
        |me| {
            if me.word(2).load(Acquire) == 1 && me.word(3).load(Acquire) == 1 {
                read(me, 0, Relaxed);
                read(me, 1, Relaxed);
            }
        },
    ];
    let found = outcomes("2+2W", &twice);
    assert!(!found.contains(&vec![1, 1]) && found.contains(&vec![2, 2]), "{found:?}");
}
