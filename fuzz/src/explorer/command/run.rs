//! `run`: every run within the bounds, or many by chance.

use super::corpus::Corpus;
use super::{Bench, Verb, in_a_line};
use crate::command::{Arguments, Fault, Outcome, at, progress, quoted, seed_of_the_clock};
use crate::explorer::explore::{Explorer, Limits, Report, Way, shrink};
use crate::explorer::protocols::Entry;
use crate::explorer::token::TokenError;
use crate::explorer::world::Bounds;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

pub(super) const RUN: Verb = Verb {
    name: "run",
    about: "explores scenarios, and keeps what fails",
    usage: "run [NAME...] [--strategy exhaustive|uniform|priorities] [--bounds BOUNDS] [--runs N] [--seed S]
       [--seconds N] [--corpus DIR] [--json FILE]",
    more: "  NAME         these scenarios; otherwise all but those that are marked `by name only` in the list
  --strategy   exhaustive: every run within the bounds, each state once (what is done if nothing is said)
               uniform: by chance, any option; priorities: by chance, who runs changes at a few moments
  --bounds     instead of each scenario's own: weak or strong, then what may happen how often, as in
               weak,kills=1,restarts=1,stalls=1,spurious=1,faults=1,early=1,scribbles=1,lingers,window=16,steps=20000
  --runs       runs by chance for each scenario: 20000, or as many as --seconds has room for
  --seed       where chance begins; otherwise one is drawn, and printed
  --seconds    for each scenario, at most. An exhaustive search that was cut short then counts as well; without this
               option it does not, and the usual limits are ten million states and ten minutes
  --corpus     the folder of runs that failed: those of the chosen scenarios are run again first, and what fails is
               added, shrunk. fuzz-corpus if nothing is said
  --json       writes an array of one object for each scenario",
    example: "run NAME --bounds weak,kills=1",
    run,
};

/// How scenarios are explored.
struct Plan {
    /// None: every run.
    way: Option<fn(u32) -> Way>,
    bounds: Option<Bounds>,
    runs: u64,
    seed: u64,
    seconds: Option<f64>,
}

impl Plan {
    fn read(arguments: &Arguments) -> Result<Self, Fault> {
        let way: Option<fn(u32) -> Way> = match arguments.text("--strategy") {
            None | Some("exhaustive") => None,
            Some("uniform") => Some(|_| Way::Uniform),
            Some("priorities") => Some(|steps| Way::Priorities { changes: 3, steps }),
            Some(other) => return Err(Fault::usage(format!("unknown strategy {other:?}"))),
        };
        let bounds = arguments.text("--bounds").map(str::parse).transpose();
        let bounds = bounds
            .map_err(|error: TokenError| Fault::usage(format!("--bounds cannot be read: {}", error.what)))?;
        let seconds: Option<f64> = arguments.value("--seconds")?;
        if seconds.is_some_and(|seconds| Duration::try_from_secs_f64(seconds).is_err()) {
            return Err(Fault::usage("--seconds is no length of time"));
        }
        let (runs, seed) = (arguments.value("--runs")?, arguments.value("--seed")?);
        if way.is_none() && (runs.is_some() || seed.is_some()) {
            return Err(Fault::usage(
                "--runs and --seed are for runs by chance: --strategy uniform or priorities",
            ));
        }
        let runs = runs.unwrap_or(if seconds.is_some() { u64::MAX } else { 20_000 });
        Ok(Self { way, bounds, runs, seed: seed.unwrap_or_else(seed_of_the_clock), seconds })
    }

    fn explore(&self, entry: &Entry) -> Report {
        let mut limits = Limits::default();
        if let Some(seconds) = self.seconds {
            limits.time = Duration::from_secs_f64(seconds);
        }
        let explorer = Explorer::new(self.bounds.unwrap_or(entry.bounds)).limits(limits);
        match self.way {
            None => shown(explorer).exhaustive(&entry.scenario),
            Some(way) => by_chance(explorer, entry, way, self.seed, self.runs),
        }
    }
}

/// Has an explorer say how far it is, if somebody looks.
fn shown(explorer: Explorer) -> Explorer {
    if io::stderr().is_terminal() { explorer.telling(show) } else { explorer }
}

fn show(report: &Report) {
    let seconds = report.elapsed.as_secs_f64();
    let speed = report.steps as f64 / seconds.max(1e-6) / 1e6;
    let (name, states, runs, steps) = (&report.scenario, report.states, report.runs, report.steps);
    progress::rewrite(&format!(
        "{name:24} {states:>9} states {runs:>10} runs {steps:>12} steps {speed:>6.1} M steps/s {seconds:>6.1} s"
    ));
}

/// Runs by chance. How long a run is, which priorities are drawn by, the first few show.
pub(super) fn by_chance(
    explorer: Explorer,
    entry: &Entry,
    way: fn(u32) -> Way,
    seed: u64,
    runs: u64,
) -> Report {
    let first = explorer.random(&entry.scenario, Way::Uniform, seed, runs.min(32));
    if first.found.is_some() {
        return first;
    }
    let steps = (first.steps / first.runs.max(1)).clamp(1, u64::from(u32::MAX)) as u32;
    shown(explorer).random(&entry.scenario, way(steps), seed, runs)
}

fn run(bench: &Bench, given: &[String]) -> Outcome {
    let with_value = ["--strategy", "--bounds", "--runs", "--seed", "--seconds", "--corpus", "--json"];
    let arguments = Arguments::read(given, &with_value, &[])?;
    let plan = Plan::read(&arguments)?;
    let chosen = bench.chosen(&arguments.words)?;
    let corpus = Corpus::at(arguments.text("--corpus"));
    // A file that cannot be written is known before the work is done.
    let create = |path: &str| File::create(path).map_err(|error| at(path.as_ref(), &error));
    let file = arguments.text("--json").map(create).transpose()?;
    let mut is_well = replay_first(bench, &corpus, &chosen)?;
    let mut reports = Vec::new();
    for entry in &chosen {
        let report = tell(bench, entry, plan.explore(entry), &corpus)?;
        let is_cut_short = plan.way.is_none() && plan.seconds.is_none() && !report.is_complete;
        is_well &= report.found.is_none() && !is_cut_short;
        reports.push(report);
    }
    if let Some(mut file) = file {
        file.write_all(json(&reports).as_bytes())?;
    }
    Ok(is_well)
}

/// Runs what failed once, and says what came of it. Is all well?
pub(super) fn replay_first(bench: &Bench, corpus: &Corpus, chosen: &[Entry]) -> Outcome {
    let replayed = corpus.replay(&bench.entries, chosen)?;
    let mut output = io::stdout().lock();
    for (line, why) in &replayed.stale {
        writeln!(output, "stale: {line}: {why}")?;
    }
    for found in &replayed.failed {
        let wrong = found.failure.to_string().replace('\n', "\n    ");
        writeln!(output, "{:28} fails still\n    {wrong}", found.token.scenario)?;
        writeln!(output, "    token: {}\n    {}", found.token, bench.explaining(&found.token))?;
    }
    let (passed, failed, stale) = (replayed.passed, replayed.failed.len(), replayed.stale.len());
    if passed + failed + stale > 0 {
        writeln!(output, "corpus: {passed} well, {failed} failing, {stale} stale")?;
    }
    Ok(failed == 0)
}

/// Prints a report. A failure is shrunk before, and kept.
pub(super) fn tell(
    bench: &Bench,
    entry: &Entry,
    mut report: Report,
    corpus: &Corpus,
) -> Result<Report, Fault> {
    if let Some(found) = &mut report.found {
        let wrong = in_a_line(&found.failure);
        progress::rewrite(&format!("{}: looking for a smaller run of: {wrong}", report.scenario));
        if let Some(smaller) = shrink(&entry.scenario, &found.token) {
            *found = smaller;
        }
    }
    // Before it is told: whoever reads may have seen enough.
    let kept = report.found.as_ref().map(|found| (found, corpus.keep(found)));
    progress::clear();
    let mut output = io::stdout().lock();
    writeln!(output, "{report}")?;
    if let Some((found, kept)) = kept {
        writeln!(output, "    {}", bench.explaining(&found.token))?;
        match kept {
            Ok(path) => writeln!(output, "    kept in {}", path.display())?,
            // The token stands above, and what is left to explore is worth as much as before.
            Err(error) => writeln!(output, "    not kept: {error}")?,
        }
    }
    output.flush()?;
    Ok(report)
}

/// Reports, as an array of objects.
fn json(reports: &[Report]) -> String {
    let mut text = String::from("[");
    for (number, report) in reports.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let bounds = report.bounds.map(|bounds| bounds.to_string()).unwrap_or_default();
        let _ = write!(
            text,
            "{comma}\n  {{\"scenario\": {}, \"bounds\": {}",
            quoted(&report.scenario),
            quoted(&bounds)
        );
        let Report { runs, steps, states, is_complete, .. } = report;
        let _ = write!(text, ", \"runs\": {runs}, \"steps\": {steps}, \"states\": {states}");
        let _ =
            write!(text, ", \"complete\": {is_complete}, \"seconds\": {:.3}", report.elapsed.as_secs_f64());
        if let Some(seed) = report.seed {
            let _ = write!(text, ", \"seed\": {seed}");
        }
        if let Some(longest) = &report.longest {
            let (call, steps) = (quoted(&longest.call), longest.steps);
            let _ = write!(text, ", \"longest_call\": {{\"name\": {call}, \"steps\": {steps}}}");
        }
        if let Some(found) = &report.found {
            let (failure, token) = (quoted(&found.failure.to_string()), quoted(&found.token.to_string()));
            let _ = write!(text, ", \"failure\": {failure}, \"token\": {token}");
        }
        text.push('}');
    }
    text.push_str("\n]\n");
    text
}
