//! The measuring process's part in the sample of a crowd: it starts the parties, directs and judges them, and sees them
//! off.

use std::iter;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::follow::attend;
use super::page::{PARTIES_MAX, Page, RUNS};
use super::{Outcome, ProcessTeam, Team, ThreadTeam};
use crate::args::PeerArguments;
use crate::memory::shared::View;
use crate::plan::case::Case;
use crate::stage::measure::{Seat, Stage, join};
use crate::stage::peer::Peer;
use crate::stage::sample::Sample;
use crate::stage::wait::{Deadline, Halt};

/// Cores of a stage.
const CORES: usize = 2;

/// How long a thread may take to leave once it has nothing more to do, and how often it is looked at meanwhile.
const LEAVE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_micros(50);

/// Takes one sample of a team of processes.
///
/// # Errors
///
/// Whatever kept one of them from taking part to the end, or what is wrong with what they did.
pub(crate) fn lead_processes<T: ProcessTeam>(
    stage: &Stage<'_>,
    system: &str,
    case: Case,
) -> Result<Sample, String> {
    let page = View::<Page>::create().map_err(|error| format!("no page: {error}"))?;
    let (kept, passed) = T::create(case).map_err(|error| format!("not created: {error}"))?;
    let parties = passed.len();
    let start = |(index, descriptors)| {
        let command_line = PeerArguments::command_line(system, case, seat(stage, index, parties));
        let shared = page.descriptor()?;
        let descriptors: Vec<_> = iter::once(shared).chain(descriptors).collect();
        Peer::start(stage.executable, &command_line, &descriptors)
    };
    let peers: Result<Vec<Peer>, _> = passed.into_iter().enumerate().map(start).collect();
    let peers = peers.map_err(|error| format!("no peer: {error}"))?;
    let directed = direct::<T>(&page, stage, case, parties);
    let complaints = peers.into_iter().filter_map(|peer| peer.finish().err()).collect();
    drop(kept);
    conclude(directed, complaints)
}

/// Takes one sample of a team of threads.
///
/// # Errors
///
/// As [`lead_processes`].
pub(crate) fn lead_threads<T: ThreadTeam>(stage: &Stage<'_>, _: &str, case: Case) -> Result<Sample, String> {
    let no_page = |error| format!("no page: {error}");
    let page = View::<Page>::create().map_err(no_page)?;
    let members = T::create(case);
    let parties = members.len();
    let mut threads = Vec::new();
    for (index, member) in members.into_iter().enumerate() {
        let (seat, file) = (seat(stage, index, parties), page.descriptor().map_err(no_page)?);
        threads.push(thread::spawn(move || {
            let page = View::<Page>::attach(file).map_err(|error| error.to_string())?;
            attend(&page, &seat, || Ok(member)).map_err(|error| error.to_string())
        }));
    }
    let directed = direct::<T>(&page, stage, case, parties);
    let complaints = threads.into_iter().filter_map(|thread| finish(thread).err()).collect();
    conclude(directed, complaints)
}

/// The seat of one of `parties`.
fn seat(stage: &Stage<'_>, index: usize, parties: usize) -> Seat {
    let cores = [stage.placement.producer(), stage.placement.consumer()];
    let (core, yields) = (cores[index % CORES], stage.placement.yields() || parties > CORES);
    Seat { index, core, yields, ..Seat::of(stage) }
}

/// Directs the runs, and stops all parties when one fails.
fn direct<T: Team>(
    page: &Page,
    stage: &Stage<'_>,
    case: Case,
    parties: usize,
) -> Result<Result<Sample, String>, Halt> {
    assert!(parties <= PARTIES_MAX, "each party has a place");
    let deadline = Deadline::new(stage.lengths.limit, page.stop_word(), false);
    page.set_clock(stage.clock.has_counter());
    let direct_run = |run, length| {
        page.await_ready(parties, run, &deadline)?;
        page.start(run);
        thread::sleep(length);
        page.end(run);
        page.await_done(parties, run, &deadline)?;
        let (tallies, ticks) = page.tallies(parties);
        let elapsed_ns = stage.clock.nanoseconds(ticks as f64);
        Ok(T::judge(case, &Outcome { tallies, elapsed_ns, page, clock: stage.clock }))
    };
    let mut directed = Err(Halt::Closed);
    for (run, length) in (1..=RUNS).zip([stage.lengths.warm, stage.lengths.timed]) {
        directed = direct_run(run, length);
        if !matches!(directed, Ok(Ok(_))) {
            page.stop();
            break;
        }
    }
    directed
}

/// Waits for a thread to leave, and says what it complained about, if anything.
fn finish(thread: JoinHandle<Result<(), String>>) -> Result<(), String> {
    let start = Instant::now();
    while !thread.is_finished() {
        if start.elapsed() > LEAVE {
            return Err("a thread had to be left behind".to_owned());
        }
        thread::sleep(LOOK);
    }
    thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))
}

/// What was measured, or the reason of the party that failed first: one that was stopped, or whose channel was closed by
/// the one that failed, only says so.
fn conclude(
    directed: Result<Result<Sample, String>, Halt>,
    complaints: Vec<String>,
) -> Result<Sample, String> {
    let follows = [Halt::Closed, Halt::Stopped].map(|halt| halt.to_string());
    // The index of those that follow from others, and nothing, which is less, of those that do not.
    let rank = |complaint: &String| follows.iter().position(|follow| follow == complaint);
    let complaint = complaints.into_iter().min_by_key(rank).map_or(Ok(()), Err);
    match directed {
        Ok(judged) => judged.and_then(|sample| complaint.map(|()| sample)),
        Err(halt) => join(Err(halt), complaint),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;
    use crate::endpoint::{SlotConsumer, SlotProducer, ThreadQueue};
    use crate::plan::case::Manner;
    use crate::stage::clock::Clock;
    use crate::stage::place::Placement;
    use crate::stage::sample::Lengths;
    use crate::work::queue::Queued;
    use ringway_shm::primitive::{AtomicU64, Ordering};

    /// A queue of one producer that does something to its first message.
    struct Faulty<const FAULT: u8>;

    const LOSES: u8 = 1;
    const REPEATS: u8 = 2;
    const HANGS: u8 = 3;

    struct Producer<const FAULT: u8>(Sender<u64>, Arc<AtomicU64>);

    struct Consumer(Receiver<u64>);

    impl<const FAULT: u8> ThreadQueue for Faulty<FAULT> {
        type Producer = Producer<FAULT>;
        type Consumer = Consumer;

        fn create(_: usize) -> Vec<(Self::Producer, Consumer)> {
            let (sender, receiver) = channel();
            vec![(Producer(sender, Arc::new(AtomicU64::new(0))), Consumer(receiver))]
        }
    }

    impl<const FAULT: u8> SlotProducer for Producer<FAULT> {
        fn send(&mut self, slot: u64, _: &Deadline<'_>) -> Result<(), Halt> {
            // Relaxed: only this thread counts.
            let times = match self.1.fetch_add(1, Ordering::Relaxed) {
                0 if FAULT == LOSES => 0,
                0 if FAULT == REPEATS => 2,
                0 if FAULT == HANGS => {
                    thread::sleep(Duration::from_secs(20));
                    0
                }
                _ => 1,
            };
            (0..times).try_for_each(|_| self.0.send(slot).map_err(|_| Halt::Closed))
        }
    }

    impl SlotConsumer for Consumer {
        fn receive(&mut self, _: &Deadline<'_>) -> Result<u64, Halt> {
            self.0.recv().map_err(|_| Halt::Closed)
        }
    }

    fn sampled<const FAULT: u8>(limit: Duration) -> Result<Sample, String> {
        let [line, warm, timed] = [0, 5, 5].map(Duration::from_millis);
        let lengths = Lengths { line, warm, timed, limit };
        let clock = Clock::new(false);
        let stage = Stage { executable: Path::new(""), placement: Placement::Shared, lengths, clock: &clock };
        let case = Case::Queue { parties: 1, manner: Manner::Blocking };
        lead_threads::<Queued<Faulty<FAULT>>>(&stage, "faulty", case)
    }

    #[test]
    fn a_queue_that_keeps_its_messages_has_figures() {
        let figures = sampled::<0>(Duration::from_secs(20)).unwrap().figures;
        assert!(figures[0].1 > 0.0 && figures[1].1 == 1.0, "{figures:?}");
    }

    #[test]
    fn a_lost_message_and_a_repeated_one_fail_their_sample() {
        let lost = sampled::<LOSES>(Duration::from_secs(20)).unwrap_err();
        assert!(lost.ends_with("that were sent"), "{lost}");
        let repeated = sampled::<REPEATS>(Duration::from_secs(20)).unwrap_err();
        assert!(repeated.contains("message 0 came where 1 was due"), "{repeated}");
    }

    #[test]
    fn a_thread_that_hangs_is_left_behind() {
        let hung = sampled::<HANGS>(Duration::from_millis(100)).unwrap_err();
        assert!(hung.starts_with("not done by the deadline") && hung.contains("left behind"), "{hung}");
    }
}
