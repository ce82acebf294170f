//! The explorer proves itself: it finds the bug of each exhibit, and none in its mended twin.

#![forbid(unsafe_code)]

use ringway_fuzz::zoo::{self, Exhibit};
use ringway_fuzz::{Explorer, Found, Report, Token, Way, explain, explore, shrink};
use std::time::Instant;

fn caught(exhibit: &Exhibit) -> (Report, Found) {
    let report = explore(&exhibit.broken, exhibit.bounds);
    let name = exhibit.broken.name();
    let found = report.found.clone().unwrap_or_else(|| panic!("{name}: nothing found\n{report}"));
    assert_eq!(found.failure.sort(), exhibit.sort, "{name}: {}", found.failure);
    (report, found)
}

/// Choices that are not the first option, as the token says them.
fn deviations(token: &Token) -> usize {
    let line = token.to_string();
    let choices = line.split('~').nth(2).expect("a token's choices");
    let times = |pair: &str| pair.split_once('x').map_or(1, |(_, times)| times.parse().expect("a number"));
    choices.split('-').filter(|pair| pair.contains('.')).map(times).sum()
}

#[test]
fn the_bug_of_each_is_found() {
    for exhibit in zoo::all() {
        let began = Instant::now();
        let (report, found) = caught(&exhibit);
        println!(
            "{:24} {:15} {:>6} runs {:>6} states {:>6} ms  {}",
            exhibit.broken.name(),
            exhibit.sort,
            report.runs,
            report.states,
            began.elapsed().as_millis(),
            found.token
        );
    }
}

#[test]
fn nothing_is_found_in_the_mended_twins() {
    for exhibit in zoo::all() {
        let Some((mended, bounds)) = exhibit.mended else { continue };
        let report = explore(&mended, bounds);
        println!("{report}");
        report.expect_all_well();
    }
}

#[test]
fn each_token_leads_to_the_same_failure_again_and_shrinks() {
    for exhibit in zoo::all() {
        let name = exhibit.broken.name();
        let (_, found) = caught(&exhibit);
        let written: Token = found.token.to_string().parse().expect("a token as it is written");
        let (text, again) = explain(&exhibit.broken, &written);
        let again = again.unwrap_or_else(|| panic!("{name}: not found again by {written}\n{text}"));
        assert_eq!(again.failure, found.failure, "{name}: {written}");

        let small = shrink(&exhibit.broken, &found.token).expect("it fails");
        assert_eq!(small.failure.sort(), exhibit.sort, "{name}");
        let (before, after) = (deviations(&found.token), deviations(&small.token));
        println!("{name:24} {before:>3} choices, shrunk to {after:>2}: {}", small.token);
        assert!(after <= before, "{name}: {} shrunk to {}", found.token, small.token);
        let (text, again) = explain(&exhibit.broken, &small.token);
        assert_eq!(again.map(|found| found.failure), Some(small.failure), "{name}: {}\n{text}", small.token);
    }
}

#[test]
fn chance_finds_each_too() {
    const RUNS_MAX: u64 = 20_000;
    let ways = [Way::Uniform, Way::Priorities { changes: 3, steps: 30 }];
    for exhibit in zoo::all() {
        let name = exhibit.broken.name();
        let found = ways.map(|way| {
            let began = Instant::now();
            let report = Explorer::new(exhibit.bounds).random(&exhibit.broken, way, 1, RUNS_MAX);
            let sort = report.failure().map(ringway_fuzz::Failure::sort);
            (sort, report.runs, began.elapsed().as_millis())
        });
        println!("{name:24} {found:?}");
        for (sort, ..) in found {
            let is_right = sort == Some(exhibit.sort);
            assert_ne!(is_right, exhibit.missed_by_chance.is_some(), "{name}: {sort:?}");
        }
    }
}
