//! The command line: what a user says, and what the measuring process says to its peer.

use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::plan::case::Case;
use crate::stage::measure::Seat;

/// Measures ways to move messages on a machine side by side: Ringway, its rivals, and the machine's own limits.
///
/// Processes, pinned to two cores where there are two, exchange messages over each system in turn; `--list` says over which,
/// and what is not measured and why. In the groups spsc, latency and flow every wait polls, in wakeup every wait sleeps in
/// the kernel, in oversubscribed, sync and blocked each system waits as it does by itself. latency has round trips, and messages at a given
/// rate, each timed from the moment at which it was due; oversubscribed has four pairs on two cores; mpmc and sync have up to
/// eight parties; setup is what it takes to make and to open a channel, death the time from killing a process until
/// another one that waits for it knows, blocked the processor time of who waits for nothing.
///
/// Every message is filled, and verified entirely: its number, each of its bytes and its checksum. A row of which a check
/// failed shows the reason instead of a figure, and the exit status is 1. All systems take their samples in turns, several
/// rounds of them, so that a disturbance from outside hits all alike; a row shows the median of its rounds and their range. A
/// sample that was disturbed is taken again, a few times at most. Beside each row stands the round trip of a bare cache line
/// just before its samples ("line"): where that differs from row to row, the machine was disturbed. Two ratios stand beside
/// a row: "/floor" to the least that does the same and protects nobody, "/rival" to the best system that is neither that nor
/// Ringway's.
///
/// `ringway-bench report FILE` shows what a run wrote with --json, `ringway-bench compare FILE FILE` which rows of two
/// runs differ by more than chance, corrected for how many are compared, and by more than equal rows do. `report` too ends
/// with exit status 1 when a row had failed.
#[derive(Debug, Parser)]
#[command(
    name = "ringway-bench",
    version,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true,
    override_usage = "ringway-bench [OPTIONS]\n       ringway-bench report FILE [--html FILE] [--plots FOLDER] [--markdown]\n       \
                      ringway-bench compare FILE FILE"
)]
pub(crate) struct Arguments {
    /// Writes everything that was measured, and on what and how, to FILE
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Writes a page with curves, bars and tables to FILE
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Writes the distribution of each row that has one into FOLDER, for the tools of HdrHistogram
    #[arg(long, value_name = "FOLDER")]
    pub hgrm: Option<PathBuf>,

    /// Measures only rows whose "group: system: case" contains TEXT; given more than once, all of them
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,

    /// Takes fewer and shorter samples: a look whether everything works, not a measurement
    #[arg(long)]
    pub quick: bool,

    /// Takes N samples of each row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,

    /// Sends N messages a second in the cases of latency that have a rate; given more than once, all of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(3..=10_000_000))]
    pub rate: Vec<u32>,

    /// Lists the rows, and the systems that are not measured with the reason, and measures nothing
    #[arg(long)]
    pub list: bool,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// What this process does, if it does not measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// The other party of a sample. The measuring process starts it.
    #[command(hide = true)]
    Peer(PeerArguments),
    /// A process that keeps a core busy. The measuring process starts it.
    #[command(hide = true)]
    Burner(BurnerArguments),
    /// Shows what a run wrote with --json: the table, a page, its plots, or Markdown
    Report(ReportArguments),
    /// Says which rows of two such files differ by more than chance, and than equal rows of one run do.
    ///
    /// Probabilities are corrected for how many figures are compared, by the method of Benjamini and Hochberg: of the
    /// figures whose p is below 0.05, at most one in twenty is expected to be there by chance. Faster or slower is one
    /// of these that differs by a larger factor than equal rows of its group do in either run. A figure that differs but
    /// for the correction "may be chance": more rounds (--rounds) tell.
    Compare(CompareArguments),
}

/// What is shown, and how.
#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    /// What a run wrote with --json
    pub file: PathBuf,

    /// Writes a page to FILE, and prints nothing
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Writes the page's plots into FOLDER, each a picture that needs nothing else, and prints nothing
    #[arg(long, value_name = "FOLDER")]
    pub plots: Option<PathBuf>,

    /// Prints tables for a document: one of each group, the targets, and on what and how it was measured
    #[arg(long)]
    pub markdown: bool,

    /// Prints one table instead, of the cases that matter most
    #[arg(long, requires = "markdown")]
    pub brief: bool,

    /// Prints only PART: a group, "targets" or "facts"; given more than once, all of them
    #[arg(long, value_name = "PART", requires = "markdown", conflicts_with = "brief")]
    pub only: Vec<String>,
}

/// What is compared.
#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    /// What an earlier run wrote with --json
    pub first: PathBuf,
    /// What a later run wrote
    pub second: PathBuf,
}

/// What the measuring process says to its peer.
#[derive(Args, Debug)]
pub(crate) struct PeerArguments {
    /// The system's name.
    #[arg(long)]
    pub system: String,
    /// The case's group.
    #[arg(long)]
    pub group: String,
    /// The case's title.
    #[arg(long)]
    pub case: String,
    /// Where it runs.
    #[command(flatten)]
    pub seat: SeatArguments,
}

/// What the measuring process says to a process that only keeps a core busy.
#[derive(Args, Debug)]
pub(crate) struct BurnerArguments {
    /// Where it runs.
    #[command(flatten)]
    pub seat: SeatArguments,
}

/// What the measuring process says to every process that it starts.
#[derive(Args, Debug)]
pub(crate) struct SeatArguments {
    /// Which of the peers of its sample it is, from 0.
    #[arg(long, default_value_t = 0)]
    pub index: usize,
    /// The core to stay on.
    #[arg(long)]
    pub core: Option<usize>,
    /// Whether to give the core away at each poll.
    #[arg(long)]
    pub yields: bool,
    /// How long the sample may take, in milliseconds.
    #[arg(long)]
    pub limit_ms: u64,
    /// The process to end with.
    #[arg(long)]
    pub parent: i32,
    /// The descriptors that were inherited: the control page's, then the system's if there is one.
    #[arg(long, value_delimiter = ',')]
    pub descriptors: Vec<RawFd>,
}

impl PeerArguments {
    /// The case, if there is one of that title in that group.
    pub(crate) fn case(&self) -> Option<Case> {
        Case::find(&self.group, &self.case)
    }

    /// The command line that is read as these arguments, all but the descriptors.
    pub(crate) fn command_line(system: &str, case: Case, seat: Seat) -> Vec<String> {
        let mut line = vec![
            "peer".to_owned(),
            format!("--system={system}"),
            format!("--group={}", case.group()),
            format!("--case={}", case.title()),
        ];
        SeatArguments::extend(&mut line, seat);
        line
    }
}

impl BurnerArguments {
    /// The command line that is read as these arguments, all but the descriptors.
    pub(crate) fn command_line(seat: Seat) -> Vec<String> {
        let mut line = vec!["burner".to_owned()];
        SeatArguments::extend(&mut line, seat);
        line
    }
}

impl SeatArguments {
    fn extend(line: &mut Vec<String>, seat: Seat) {
        line.push(format!("--limit-ms={}", seat.limit.as_millis()));
        line.push(format!("--parent={}", std::process::id()));
        line.push(format!("--index={}", seat.index));
        line.extend(seat.core.map(|core| format!("--core={core}")));
        line.extend(seat.yields.then(|| "--yields".to_owned()));
    }

    /// What the process has to know of the stage.
    pub(crate) fn seat(&self) -> Seat {
        Seat {
            index: self.index,
            core: self.core,
            limit: Duration::from_millis(self.limit_ms),
            yields: self.yields,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_reads_what_the_measuring_process_says() {
        let case = Case::Records { length: 1024, batched: true };
        let seat = Seat { index: 5, core: Some(3), limit: Duration::from_secs(4), yields: true };
        let mut line = PeerArguments::command_line("mailbox (again)", case, seat);
        line.insert(0, "ringway-bench".to_owned());
        line.extend(["--descriptors".to_owned(), "5,7".to_owned()]);
        let Some(Role::Peer(read)) = Arguments::parse_from(line).role else { panic!("no peer") };
        assert_eq!((read.system.as_str(), read.case()), ("mailbox (again)", Some(case)));
        assert_eq!(read.seat.seat(), seat);
        assert_eq!(read.seat.descriptors, [5, 7]);
    }
}
