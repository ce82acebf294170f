//! Which samples are taken, in which order, and how long each may take.
//!
//! For each case, for each round, each system takes one sample: a disturbance from outside that lasts longer than a
//! sample hits all systems of a case, not one. A system that failed once takes no further part in the case.
//!
//! A sample during which the hypervisor or other processes took the cores away, or before which the bare line took much
//! longer than at best, was disturbed, and is taken again: twice at most, and while its row has spare ones, so that a run
//! ends on a machine that is always disturbed as well. The report says how many were taken again.

use std::time::Duration;

use crate::plan::case::{Case, Limit, Primitive};
use crate::plan::progress::Progress;
use crate::stage::interrupt;
use crate::stage::load::Load;
use crate::stage::measure::{Job, Stage};
use crate::stage::place::Placement;
use crate::stage::sample::{Lengths, Sample};
use crate::systems::System;

/// What a sample takes besides its timed run: starting and ending a peer, the line, the warm-up.
const OVERHEAD: Duration = Duration::from_millis(25);

/// How long a sample may take before it counts as failed.
const LIMIT: Duration = Duration::from_secs(10);

/// How many times its best round trip the line may take beside a sample, and what shares of its cores the hypervisor and
/// other processes may take during it, before it counts as disturbed. The kernel counts in ticks of some milliseconds.
pub(crate) const LINE_MAX: f64 = 1.5;
const STOLEN_MAX: f64 = 0.02;
const OTHERS_MAX: f64 = 0.2;

/// How often a sample is taken again at most.
const AGAIN_MAX: u32 = 2;

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
    /// Samples that were disturbed, and taken again.
    pub retaken: u32,
}

/// The entries that `only` leaves, case by case. `rates` are those of the cases that have a given rate.
pub(crate) fn entries(systems: &[System], only: &[String], rates: &[u32]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for case in Case::all_at(rates) {
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
    /// Whether they are few and short.
    pub is_quick: bool,
    /// How many there are in each row, if the user chose.
    pub rounds: Option<u32>,
}

impl Schedule {
    /// The rounds of a case.
    pub(crate) fn rounds(self, case: Case) -> Rounds {
        // Round trips are many and short, because two parties that poll fall into a rhythm that lasts as long as the
        // sample, and not into the same one each time. A sample of deaths kills some dozens of peers, which takes longer
        // on busy cores.
        let (rounds, timed_ms) = match case {
            Case::Limit(Limit::Trip { .. }) | Case::RoundTrip => (19, 25),
            Case::Limit(_) => (5, 20),
            Case::Slots { .. } | Case::Records { .. } => (7, 50),
            Case::Open { .. } => (5, 200),
            Case::Wakeup { .. } => (7, 50),
            Case::Crowd { .. } => (5, 150),
            Case::Queue { .. } => (5, 60),
            Case::Sync(Primitive::OwnerDeath) | Case::Death { busy: false } => (3, 150),
            Case::Sync(_) => (5, 50),
            Case::Setup => (5, 20),
            Case::Death { busy: true } => (3, 500),
            Case::Blocked => (2, 600),
        };
        let ms = Duration::from_millis;
        let (rounds, line, warm, timed) = if self.is_quick {
            (2, Duration::from_micros(500), ms(2), ms(10))
        } else {
            (rounds, ms(2), ms(6), ms(timed_ms))
        };
        let lengths = Lengths { line, warm, timed, limit: LIMIT };
        Rounds { rounds: self.rounds.unwrap_or(rounds), lengths }
    }

    /// What the samples of these entries are to take together.
    pub(crate) fn planned(self, entries: &[Entry]) -> Duration {
        entries.iter().map(|entry| self.sample(entry.case) * self.rounds(entry.case).rounds).sum()
    }

    /// What a sample of a case is to take.
    pub(crate) fn sample(self, case: Case) -> Duration {
        let Lengths { line, warm, timed, .. } = self.rounds(case).lengths;
        line + warm + timed + OVERHEAD
    }
}

/// Takes all samples.
pub(crate) fn run(
    entries: &[Entry],
    schedule: Schedule,
    stage: Stage<'_>,
    progress: &mut Progress,
) -> Vec<Row> {
    let mut rows: Vec<Row> = entries.iter().map(|entry| row(entry, stage.placement)).collect();
    let mut best_line_ns = f64::INFINITY;
    let same_case = entries.chunk_by(|a, b| a.case == b.case);
    let mut first = 0;
    for of_case in same_case {
        let case = of_case[0].case;
        let Rounds { rounds, lengths } = schedule.rounds(case);
        let stage = Stage { lengths, placement: case.placement(stage.placement), ..stage };
        let rows = &mut rows[first..first + of_case.len()];
        first += of_case.len();
        for round in 1..=rounds {
            // Each round begins with another system, so that none always follows the same one.
            let first = round as usize % of_case.len();
            for index in (first..of_case.len()).chain(0..first) {
                if interrupt::has_come() {
                    break;
                }
                let (entry, row) = (&of_case[index], &mut rows[index]);
                progress.step(entry, round, schedule.sample(case));
                take(entry, row, &stage, rounds.div_ceil(2), &mut best_line_ns);
            }
        }
    }
    progress.end();
    rows
}

/// Takes one sample of an entry for its row, and again if it was disturbed, while the row has some of `spare` left.
fn take(entry: &Entry, row: &mut Row, stage: &Stage<'_>, spare: u32, best_line_ns: &mut f64) {
    let Ok(samples) = &mut row.samples else { return };
    for again in 0.. {
        let earlier = Load::now(stage.placement);
        let taken = entry.job.lead()(stage, &entry.system, entry.case);
        let load = Load::now(stage.placement).since(earlier);
        let (others, stolen) = load.unwrap_or_default();
        let mut sample = match taken {
            Ok(sample) => sample,
            Err(reason) => return row.samples = Err(reason),
        };
        sample.stolen = stolen;
        let line_ns = sample.line_ns.unwrap_or(*best_line_ns);
        *best_line_ns = best_line_ns.min(line_ns);
        let is_disturbed = stolen > STOLEN_MAX || others > OTHERS_MAX || line_ns > LINE_MAX * *best_line_ns;
        if !is_disturbed || row.retaken == spare || again == AGAIN_MAX || interrupt::has_come() {
            return samples.push(sample);
        }
        row.retaken += 1;
    }
}

fn row(entry: &Entry, placement: Placement) -> Row {
    Row {
        case: entry.case,
        system: entry.system.clone(),
        placement: entry.job.placement(entry.case.placement(placement)),
        samples: Ok(Vec::new()),
        retaken: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::case::RATES;
    use crate::systems;

    #[test]
    fn all_texts_have_to_be_in_a_label() {
        let systems = systems::all();
        let titles = |only: &[&str]| -> Vec<String> {
            let only: Vec<String> = only.iter().map(|&text| text.to_owned()).collect();
            entries(&systems, &only, &RATES).iter().map(|entry| label(entry.case, &entry.system)).collect()
        };
        assert_eq!(titles(&["Latency", "pipe", "round"]), ["latency: pipe: 64 B round trip"]);
        assert!(titles(&["no such thing"]).is_empty());
        assert!(titles(&[]).len() > 20);
    }

    #[test]
    fn all_rows_together_fit_the_time() {
        let entries = entries(&systems::all(), &[], &RATES);
        let planned = |is_quick| Schedule { is_quick, rounds: None }.planned(&entries);
        assert!(planned(true) < Duration::from_secs(50), "{:?}", planned(true));
        assert!(planned(false) < Duration::from_secs(600), "{:?}", planned(false));
    }
}
