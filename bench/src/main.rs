//! Measures ways to move messages on a machine side by side: Ringway, its rivals, and the machine's own limits.
//!
//! ```text
//!   main ─▶ schedule ─▶ measure ─▶ sample (lead) ◀── control page ──▶ sample (follow) ◀─ measure ◀─ main, as peer
//!               │                     │                                     │
//!               ▼                     └──────▶ work: the timed loops ◀──────┘
//!   record ─▶ table, html, plots, markdown, compare   │
//!                                                     ▼
//!                                     endpoint: what a system offers; systems: all of them
//! ```
//!
//! `plan` says what is measured and when, `stage` who takes part and where, `memory` what they share, `work` has the timed
//! loops, `systems` all that is measured, `report` what is told of it.
//!
//! This process measures; for each sample it starts itself once more as the peer. Where more than two take part it measures
//! nothing itself and directs them (`stage::crowd`). What is not a run of messages has a module of `work` in place of
//! `sample`: messages at a given rate (`open`), deaths, waiting, setting up, the machine's limits. `--help` says what is
//! measured and how to read it; [`systems`] says how to add a system.
//!
//! What it deliberately does not do: compare figures of different machines, or those of different runs without a test
//! whether chance alone explains them.

#![deny(unsafe_code)]

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, CompareArguments, PeerArguments, ReportArguments, Role};
use crate::plan::case::RATES;
use crate::plan::progress::Progress;
use crate::plan::schedule::{self, Schedule};
use crate::report::outputs::Outputs;
use crate::stage::clock::Clock;
use crate::stage::load::Load;
use crate::stage::measure::Stage;
use crate::stage::place::{Machine, Placement};

mod args;
mod endpoint;
mod memory;
mod plan;
mod report;
mod stage;
mod systems;
mod work;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.role {
        Some(Role::Peer(peer)) => follow(peer).map(|()| true),
        Some(Role::Burner(burner)) => stage::measure::run_burner(burner).map(|()| true),
        Some(Role::Report(shown)) => show(shown),
        Some(Role::Compare(compared)) => compare(compared).map(|()| true),
        None => lead(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // When standard error is closed there is nobody left to tell.
            _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes all samples, reports them, and says whether every check held.
fn lead(arguments: &Arguments) -> io::Result<bool> {
    let mut rates = if arguments.rate.is_empty() { RATES.to_vec() } else { arguments.rate.clone() };
    rates.sort_unstable();
    rates.dedup();
    let entries = schedule::entries(&systems::all(), &arguments.only, &rates);
    if entries.is_empty() {
        return Err(io::Error::other("no row contains the text after --only"));
    }
    let schedule = Schedule { is_quick: arguments.quick, rounds: arguments.rounds };
    let mut output = io::stdout().lock();
    if arguments.list {
        report::list::print(&mut output, &entries, schedule, &systems::absent())?;
        return Ok(true);
    }
    let outputs = Outputs::create(arguments)?;
    stage::interrupt::watch()?;
    let executable = env::current_exe()?;
    let machine = Machine::read();
    let mut placement = Placement::find();
    if stage::place::pin(placement.producer()).is_err() {
        placement = Placement::Shared;
    }
    let clock = Clock::new(machine.has_steady_counter);
    let facts = report::collect::facts(machine, placement, &clock, schedule);
    report::table::print_facts(&mut output, &facts)?;
    output.flush()?;

    let lengths = schedule.rounds(entries[0].case).lengths;
    let stage = Stage { executable: &executable, placement, lengths, clock: &clock };
    let mut progress = Progress::new(schedule.planned(&entries));
    let earlier = Load::now(placement);
    let rows = schedule::run(&entries, schedule, stage, &mut progress);
    let load = Load::now(placement).since(earlier);
    let record = report::collect::complete(facts, &rows, load);
    // Both whatever becomes of the other: a terminal that is gone costs no file, and a full disk no table.
    let written = outputs.write(&record, &rows);
    report::table::print(&mut output, &record)?;
    output.flush()?;
    written?;
    if stage::interrupt::has_come() {
        return Err(io::Error::other("interrupted: what is shown is what was measured until then"));
    }
    Ok(rows.iter().all(|row| row.samples.is_ok()))
}

/// Shows an earlier run, and says as that run did whether every check held.
fn show(arguments: &ReportArguments) -> io::Result<bool> {
    let record = report::record::read(&arguments.file)?;
    let mut output = io::stdout().lock();
    if let Some(page) = &arguments.html {
        report::outputs::create(page)?.write_all(report::html::page(&record).as_bytes())?;
    }
    if let Some(folder) = &arguments.plots {
        report::plots::write(folder, &record)?;
    }
    if arguments.markdown {
        let text = if arguments.brief {
            report::markdown::brief(&record)
        } else {
            report::markdown::text(&record, &arguments.only)?
        };
        output.write_all(text.as_bytes())?;
    } else if arguments.html.is_none() && arguments.plots.is_none() {
        report::table::print_facts(&mut output, &record)?;
        report::table::print(&mut output, &record)?;
    }
    output.flush()?;
    Ok(record.rows.iter().all(|row| row.failed.is_none()))
}

/// Compares two earlier runs.
fn compare(arguments: &CompareArguments) -> io::Result<()> {
    let [first, second] = [&arguments.first, &arguments.second].map(|path| report::record::read(path));
    let named = |error: io::Error| io::Error::new(error.kind(), format!("compare: {error}"));
    let mut output = io::stdout().lock();
    report::compare::print(&mut output, &first.map_err(named)?, &second.map_err(named)?)?;
    output.flush()
}

/// Takes part in one sample.
fn follow(arguments: &PeerArguments) -> io::Result<()> {
    let system = systems::all().into_iter().find(|system| system.name == arguments.system);
    let case = arguments.case();
    let job = system.zip(case).and_then(|(system, case)| system.job(case));
    stage::measure::run_peer(arguments, job)
}
