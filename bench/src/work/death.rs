//! One sample of deaths: peers are started and killed one after another, each while a thread here waits for it.
//!
//! ```text
//!   this thread                     the waiting thread                      the peer
//!   starts the peer                                                  ──▶    attaches
//!   starts the thread        ──▶    mourn: goes to sleep
//!   sees that it sleeps
//!   reads the clock, kills   ────────────────────────────────────────▶      dies
//!                                   wakes up, knows, reads the clock ◀──
//! ```
//!
//! The waiting thread is on the first core, the peer on the second. It is not the peer's parent that the kernel tells of
//! a death here: the peer is reaped only afterwards.
//!
//! Where the cores are to be busy, a process burns time on each of them all the while.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::gettid;

use crate::args::{BurnerArguments, PeerArguments};
use crate::endpoint::{Channel, Mourner};
use crate::plan::case::Case;
use crate::stage::control::Control;
use crate::stage::measure::{Seat, Stage};
use crate::stage::sample::Sample;
use crate::stage::times::Times;
use crate::stage::wait::Deadline;
use crate::work::held::Held;

/// Deaths of a sample at least and at most, whatever time they take.
const DEATHS_MIN: usize = 3;
const DEATHS_MAX: usize = 50;

/// How often it is looked whether a thread sleeps, and for how long in vain: one that never does is killed for as well.
const LOOK: Duration = Duration::from_micros(200);
const LOOKED_MAX: Duration = Duration::from_millis(20);

/// Takes one sample: the measuring party's part. The peer's is [`held::follow`](crate::work::held::follow).
///
/// # Errors
///
/// Whatever kept a death from being known.
pub(crate) fn lead<C>(stage: &Stage<'_>, system: &str, case: Case) -> Result<Sample, String>
where
    C: Channel<Near: Mourner>,
{
    let is_busy = case == (Case::Death { busy: true });
    // They end when they are dropped.
    let _burners = if is_busy { start_burners(stage)? } else { Vec::new() };
    let start = Instant::now();
    let mut elapsed_ns = Vec::new();
    while elapsed_ns.len() < DEATHS_MIN
        || (elapsed_ns.len() < DEATHS_MAX && start.elapsed() < stage.lengths.timed)
    {
        let elapsed = die_once::<C>(stage, system, case)?;
        elapsed_ns.push(u32::try_from(elapsed.as_nanos()).unwrap_or(u32::MAX));
    }
    Ok(Sample::timed(case, Times::new(elapsed_ns, 1.0)))
}

/// One process for each core.
fn start_burners(stage: &Stage<'_>) -> Result<Vec<Held>, String> {
    let mut cores = vec![stage.placement.producer(), stage.placement.consumer()];
    cores.dedup();
    let burner = |core| {
        // They are needed as long as the sample takes, and one more death.
        let seat = Seat { index: 0, core, limit: stage.lengths.limit + stage.lengths.timed, yields: false };
        Held::start(stage, &BurnerArguments::command_line(seat), Vec::new())
    };
    cores.into_iter().map(burner).collect()
}

/// How long after the kill a peer's death was known.
fn die_once<C>(stage: &Stage<'_>, system: &str, case: Case) -> Result<Duration, String>
where
    C: Channel<Near: Mourner>,
{
    let (mut near, descriptors) = C::create(case.shape()).map_err(|error| format!("not created: {error}"))?;
    let command_line = PeerArguments::command_line(system, case, Seat::of(stage));
    let mut held = Held::start(stage, &command_line, descriptors)?;
    held.id()
        .ok_or_else(|| "the peer has no id".to_owned())
        .and_then(|id| near.meet(id).map_err(|error| format!("the peer cannot be waited for: {error}")))?;
    let control = Control::create().map_err(|error| format!("no control page: {error}"))?;
    let deadline = Seat::of(stage).deadline(&control);
    let elapsed = kill_and_mourn(&mut near, &mut held, &deadline)?;
    held.reap()?;
    Ok(elapsed)
}

fn kill_and_mourn(
    near: &mut impl Mourner,
    held: &mut Held,
    deadline: &Deadline<'_>,
) -> Result<Duration, String> {
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let waiter = scope.spawn(move || {
            // The receiver is in use until this thread ends.
            _ = sender.send(gettid());
            let known = near.mourn(deadline);
            (known, Instant::now())
        });
        let id = receiver.recv().map_err(|_| "the waiting thread panicked")?;
        await_sleep(id.as_raw_nonzero().get());
        let start = Instant::now();
        held.kill().map_err(|error| format!("not killed: {error}"))?;
        let (known, end) = waiter.join().map_err(|_| "the waiting thread panicked")?;
        known.map_err(|halt| halt.to_string())?;
        end.checked_duration_since(start).ok_or_else(|| "a living peer was taken for dead".to_owned())
    })
}

/// Waits until the kernel says that a thread of this process sleeps, a while at most.
fn await_sleep(id: i32) {
    let start = Instant::now();
    while start.elapsed() < LOOKED_MAX {
        let facts = fs::read_to_string(format!("/proc/self/task/{id}/stat")).unwrap_or_default();
        if is_asleep(&facts) {
            return;
        }
        thread::sleep(LOOK);
    }
}

/// Whether a thread is in a sleep that a signal can end: the word after the name in parentheses (proc_pid_stat(5)).
fn is_asleep(facts: &str) -> bool {
    facts.rsplit_once(") ").is_some_and(|(_, words)| words.starts_with('S'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeping_thread_is_told_from_a_running_one() {
        assert!(is_asleep("12 (a (b) R c) S 1 1 1"));
        assert!(!is_asleep("12 (a) S c) R 1 1 1"));
        assert!(!is_asleep(""));
    }
}
