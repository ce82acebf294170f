//! `deep`: by chance, with wider bounds and one seed after the other, for minutes or nights.

use super::corpus::Corpus;
use super::run::{by_chance, replay_first, tell};
use super::{Bench, Verb};
use crate::command::{Arguments, Fault, Outcome, at, progress, seed_of_the_clock};
use crate::explorer::explore::{Explorer, Limits, Way};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(super) const DEEP: Verb = Verb {
    name: "deep",
    about: "explores by chance with wider bounds, one seed after the other, for as long as it is told to",
    usage: "deep --minutes N [NAME...] [--seed S] [--log FILE] [--corpus DIR]",
    more: "  --minutes    for how long
  NAME         these scenarios; otherwise all but those that are marked `by name only` in the list
  --seed       where chance begins; otherwise one is drawn, and printed
  --log        the file to which a line is added that says what was done: fuzz-log.txt if nothing is said
  --corpus     as for `run`
Each scenario has its turns of at most two seconds, with options drawn by lot and by priorities, and with the bounds of
its entry that are meant for this: more kills and restarts where it has any, stops, early and spurious ends of sleeps.
A scenario that failed has no further turns.",
    example: "deep --minutes 60",
    run,
};

/// How long a scenario's turn is at most.
const TURN: Duration = Duration::from_secs(2);

/// Steps of one run: long ones are what this is for.
const STEPS: u32 = 100_000;

/// The ways, in turns: two sorts of priorities for each uniform turn.
const WAYS: [fn(u32) -> Way; 3] = [
    |_| Way::Uniform,
    |steps| Way::Priorities { changes: 2, steps },
    |steps| Way::Priorities { changes: 6, steps },
];

fn run(bench: &Bench, given: &[String]) -> Outcome {
    let arguments = Arguments::read(given, &["--minutes", "--log", "--seed", "--corpus"], &[])?;
    let minutes: f64 = arguments.value("--minutes")?.ok_or_else(|| Fault::usage("--minutes is missing"))?;
    let time = Duration::try_from_secs_f64(minutes * 60.0);
    let time = time.map_err(|_| Fault::usage("--minutes is no length of time"))?;
    let seed: u64 = arguments.value("--seed")?.unwrap_or_else(seed_of_the_clock);
    let mut chosen = bench.chosen(&arguments.words)?;
    let corpus = Corpus::at(arguments.text("--corpus"));
    let log = arguments.text("--log").unwrap_or("fuzz-log.txt");
    // A log that cannot be written is known before the work is done.
    let file = OpenOptions::new().create(true).append(true).open(log);
    let mut file = file.map_err(|error| at(log.as_ref(), &error))?;
    writeln!(io::stdout(), "seed {seed}, {} scenarios, {minutes} minutes", chosen.len())?;
    let mut is_well = replay_first(bench, &corpus, &chosen)?;

    let count = chosen.len();
    let (began, mut turns) = (Instant::now(), 0u64);
    let (mut runs, mut steps, mut failures) = (0u64, 0u64, 0u64);
    while began.elapsed() < time && !chosen.is_empty() {
        let at = turns as usize % chosen.len();
        // Each scenario sees each way, whatever their numbers.
        let way = WAYS[(turns as usize / chosen.len() + at) % WAYS.len()];
        let limits = Limits { time: TURN.min(time.saturating_sub(began.elapsed())), ..Limits::default() };
        let bounds = chosen[at].wide.steps(chosen[at].wide.steps.max(STEPS));
        let explorer = Explorer::new(bounds).limits(limits);
        let turn_seed = seed.wrapping_add(turns.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let report = by_chance(explorer, &chosen[at], way, turn_seed, u64::MAX);
        (runs, steps, turns) = (runs + report.runs, steps + report.steps, turns + 1);
        if report.found.is_some() {
            tell(bench, &chosen[at], report, &corpus)?;
            chosen.remove(at);
            (failures, is_well) = (failures + 1, false);
        }
    }
    progress::clear();
    let (version, lasted) = (env!("CARGO_PKG_VERSION"), began.elapsed().as_secs_f64() / 60.0);
    let done = format!("{count} scenarios, {turns} turns, {runs} runs, {steps} steps, {failures} failures");
    let line = format!("{} ringway-fuzz {version}: seed {seed}, {lasted:.1} minutes, {done}", date());
    writeln!(file, "{line}")?;
    writeln!(io::stdout(), "{line}\nwritten to {log}")?;
    Ok(is_well)
}

/// The time of day in Greenwich, as ISO 8601 has it.
fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days after the first of January 1970 (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", 2014): years begin in March, so that the day that some of them have more is their last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn days_are_known_by_their_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(11_017), (2000, 3, 1));
        assert_eq!(civil(20_453), (2025, 12, 31));
    }
}
