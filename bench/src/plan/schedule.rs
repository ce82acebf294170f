//! Which samples are taken, in which order, and how long each may take.
//!
//! For each case, for each round, each system takes one sample: a disturbance from outside that lasts longer than a
//! sample hits all systems of a case, not one. A system that failed once takes no further part in the case.

use std::time::{Duration, Instant};

use crate::plan::case::Case;
use crate::plan::progress::Progress;
use crate::stage::measure::{Job, Stage};
use crate::stage::place::Placement;
use crate::stage::sample::{Lengths, Sample};
use crate::systems::System;

/// How long all samples take together, about.
const TOTAL: Duration = Duration::from_secs(40);

/// What a sample takes besides its timed run: starting and ending a peer, the line, the warm-up.
const OVERHEAD: Duration = Duration::from_millis(20);

/// Rounds of round trips, and how long each times. They are many and short, because two parties that poll fall into a
/// rhythm that lasts as long as the sample, and not into the same one each time.
const TRIP_ROUNDS: u32 = 19;
const TRIP_TIMED: Duration = Duration::from_millis(25);

/// Rounds of flows, and what bounds the time of each.
const FLOW_ROUNDS: u32 = 5;
const TIMED_MIN: Duration = Duration::from_millis(40);
const TIMED_MAX: Duration = Duration::from_millis(120);

/// Rounds of round trips that sleep, and how long each times.
const WAKEUP_ROUNDS: u32 = 7;
const WAKEUP_TIMED: Duration = Duration::from_millis(50);

/// Rounds of deaths, and for how long each kills: some dozens of peers, which takes longer on busy cores.
const DEATH_ROUNDS: u32 = 3;
const IDLE_TIMED: Duration = Duration::from_millis(150);
const BUSY_TIMED: Duration = Duration::from_millis(500);

/// Rounds of waiting while nothing comes, and how long each waits.
const BLOCKED_ROUNDS: u32 = 2;
const BLOCKED_TIMED: Duration = Duration::from_millis(600);

/// The shortest timed run of a schedule that is late.
const TIMED_LATE: Duration = Duration::from_millis(10);

/// How long a sample may take before it counts as failed.
const LIMIT: Duration = Duration::from_secs(5);

/// One system in one case.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What is sent.
    pub case: Case,
    /// The system's name.
    pub system: String,
    /// How it takes part.
    pub job: Job,
}

/// What was measured of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What is sent.
    pub case: Case,
    /// The system's name.
    pub system: String,
    /// What the parties are, and where.
    pub placement: String,
    /// One sample per round, or why there are none.
    pub samples: Result<Vec<Sample>, String>,
}

/// The entries that `only` leaves, case by case.
pub(crate) fn entries(systems: &[System], only: &[String]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for case in Case::ALL {
        for system in systems {
            let label = label(case, &system.name).to_lowercase();
            if let Some(job) = system.job(case)
                && only.iter().all(|text| label.contains(&text.to_lowercase()))
            {
                entries.push(Entry { case, system: system.name.clone(), job });
            }
        }
    }
    entries
}

/// What an entry is called where the user chooses.
pub(crate) fn label(case: Case, system: &str) -> String {
    format!("{}: {system}: {}", case.group(), case.title())
}

/// How many samples of a row, and how long they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    /// Samples of each row.
    pub rounds: u32,
    /// How long the parts of each are.
    pub lengths: Lengths,
}

/// The rounds of all rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Of round trips that poll.
    pub latency: Rounds,
    /// Of flows.
    pub flow: Rounds,
    /// Of round trips that sleep.
    pub wakeup: Rounds,
    /// Of deaths on idle cores.
    pub idle: Rounds,
    /// Of deaths on busy cores.
    pub busy: Rounds,
    /// Of waiting.
    pub blocked: Rounds,
}

impl Schedule {
    /// The schedule for these entries.
    pub(crate) fn new(entries: &[Entry], is_quick: bool) -> Self {
        if is_quick {
            let (line, warm) = (Duration::from_micros(500), Duration::from_millis(2));
            let lengths = Lengths { line, warm, timed: Duration::from_millis(10), limit: LIMIT };
            let quick = Rounds { rounds: 2, lengths };
            return Self {
                latency: quick,
                flow: quick,
                wakeup: quick,
                idle: quick,
                busy: quick,
                blocked: quick,
            };
        }
        let (flows, others): (Vec<Entry>, Vec<Entry>) =
            entries.iter().cloned().partition(|entry| entry.case.is_flow());
        // What the others take does not depend on the time that is left for flows.
        let left = TOTAL.saturating_sub(Self::of_flows(0, TOTAL).planned(&others));
        Self::of_flows(flows.len() as u32, left)
    }

    /// The schedule for so many rows of flows, which take what time the others leave.
    fn of_flows(flows: u32, left: Duration) -> Self {
        let share = left / (flows * FLOW_ROUNDS).max(1);
        let timed = share.saturating_sub(OVERHEAD).clamp(TIMED_MIN, TIMED_MAX);
        let (line, warm) = (Duration::from_millis(2), Duration::from_millis(6));
        let rounds = |rounds, timed| Rounds { rounds, lengths: Lengths { line, warm, timed, limit: LIMIT } };
        Self {
            latency: rounds(TRIP_ROUNDS, TRIP_TIMED),
            flow: rounds(FLOW_ROUNDS, timed),
            wakeup: rounds(WAKEUP_ROUNDS, WAKEUP_TIMED),
            idle: rounds(DEATH_ROUNDS, IDLE_TIMED),
            busy: rounds(DEATH_ROUNDS, BUSY_TIMED),
            blocked: rounds(BLOCKED_ROUNDS, BLOCKED_TIMED),
        }
    }

    /// The rounds of a case.
    pub(crate) fn rounds(self, case: Case) -> Rounds {
        match case {
            Case::RoundTrip => self.latency,
            Case::Slots { .. } | Case::Records { .. } => self.flow,
            Case::Wakeup { .. } => self.wakeup,
            Case::Death { busy: false } => self.idle,
            Case::Death { busy: true } => self.busy,
            Case::Blocked => self.blocked,
        }
    }

    /// What the samples of these entries are to take together.
    fn planned(self, entries: &[Entry]) -> Duration {
        let row = |entry: &Entry| {
            let Rounds { rounds, lengths } = self.rounds(entry.case);
            (lengths.timed + OVERHEAD) * rounds
        };
        entries.iter().map(row).sum()
    }

    /// Samples of these entries in all.
    pub(crate) fn samples(self, entries: &[Entry]) -> u32 {
        entries.iter().map(|entry| self.rounds(entry.case).rounds).sum()
    }
}

/// Takes all samples.
pub(crate) fn run(
    entries: &[Entry],
    schedule: Schedule,
    stage: Stage<'_>,
    progress: &mut Progress,
) -> Vec<Row> {
    let start = Instant::now();
    let mut rows: Vec<Row> = entries.iter().map(|entry| row(entry, stage.placement)).collect();
    for case in Case::ALL {
        let Rounds { rounds, mut lengths } = schedule.rounds(case);
        // On a machine that others use samples take longer than planned. What is left of the time is shared out anew.
        let planned =
            schedule.planned(&entries[entries.partition_point(|entry| entry.case.order() < case.order())..]);
        let left = TOTAL.saturating_sub(start.elapsed());
        if left < planned {
            lengths.timed = lengths.timed.mul_f64(left.div_duration_f64(planned)).max(TIMED_LATE);
        }
        let stage = Stage { lengths, placement: case.placement(stage.placement), ..stage };
        let mut of_case: Vec<_> =
            entries.iter().zip(&mut rows).filter(|(entry, _)| entry.case == case).collect();
        for round in 1..=rounds {
            for (entry, row) in &mut of_case {
                progress.step(entry, round);
                let Ok(samples) = &mut row.samples else { continue };
                match entry.job.lead()(&stage, &entry.system, case) {
                    Ok(sample) => samples.push(sample),
                    Err(reason) => row.samples = Err(reason),
                }
            }
        }
    }
    progress.end();
    rows
}

fn row(entry: &Entry, placement: Placement) -> Row {
    Row {
        case: entry.case,
        system: entry.system.clone(),
        placement: entry.job.placement(entry.case.placement(placement)),
        samples: Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems;

    #[test]
    fn all_texts_have_to_be_in_a_label() {
        let systems = systems::all();
        let titles = |only: &[&str]| -> Vec<String> {
            let only: Vec<String> = only.iter().map(|&text| text.to_owned()).collect();
            entries(&systems, &only).iter().map(|entry| label(entry.case, &entry.system)).collect()
        };
        assert_eq!(titles(&["Latency", "pipe"]), ["latency: pipe: 64 B round trip"]);
        assert!(titles(&["no such thing"]).is_empty());
        assert!(titles(&[]).len() > 20);
    }

    #[test]
    fn many_rows_have_shorter_samples() {
        let timed = |flows| Schedule::of_flows(flows, Duration::from_secs(20)).flow.lengths.timed;
        assert_eq!(timed(5), TIMED_MAX);
        assert_eq!(timed(1000), TIMED_MIN);
        assert!((TIMED_MIN..TIMED_MAX).contains(&timed(60)));
    }

    #[test]
    fn all_rows_together_fit_the_time() {
        let entries = entries(&systems::all(), &[]);
        let planned = Schedule::new(&entries, false).planned(&entries);
        assert!(planned <= TOTAL + TOTAL / 5, "{planned:?}");
        assert!(Schedule::new(&entries, true).planned(&entries) < TOTAL / 4);
    }
}
