//! Brings the parties of a sample together: two processes, two threads for what cannot cross a process, or one alone.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::args::{BurnerArguments, PeerArguments, SeatArguments};
use crate::endpoint::{Channel, ThreadChannel, Waits};
use crate::plan::case::Case;
use crate::stage::alarm::Alarm;
use crate::stage::clock::Clock;
use crate::stage::control::Control;
use crate::stage::peer::{self, Peer};
use crate::stage::place::{self, Placement};
use crate::stage::sample::{self, Lengths, Plan, Sample};
use crate::stage::wait::{Deadline, Halt};
use crate::work::Work;
use crate::work::held;

/// What all samples have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage<'a> {
    /// This executable, which is started again as the peer.
    pub executable: &'a Path,
    /// Where the parties run.
    pub placement: Placement,
    /// How long the parts of a sample take.
    pub lengths: Lengths,
    /// What times a round trip.
    pub clock: &'a Clock,
}

/// Takes one sample of the system of this name, in that case, or says why it failed.
type Lead = fn(&Stage<'_>, &str, Case) -> Result<Sample, String>;

/// Takes part in one sample, in the peer.
type Follow = fn(&Seat, Case, Vec<OwnedFd>) -> io::Result<()>;

/// How one system takes part in one case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    /// Between two processes.
    Processes { lead: Lead, follow: Follow },
    /// Between two threads.
    Threads { lead: Lead },
    /// By the measuring thread alone.
    Alone { lead: Lead },
}

impl Job {
    /// The measuring party's part.
    pub(crate) fn lead(self) -> Lead {
        match self {
            Self::Processes { lead, .. } | Self::Threads { lead } | Self::Alone { lead } => lead,
        }
    }

    /// What the parties are, and where.
    pub(crate) fn placement(self, placement: Placement) -> String {
        match self {
            Self::Processes { .. } => format!("processes, {placement}"),
            Self::Threads { .. } => format!("threads, {placement}"),
            Self::Alone { .. } => match placement.producer() {
                Some(core) => format!("one thread, core {core}"),
                None => format!("one thread, {placement}"),
            },
        }
    }
}

/// What a follower has to know of the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// Which of the followers it is, where there are several: from 0.
    pub index: usize,
    /// The core it is pinned to.
    pub core: Option<usize>,
    /// How long it may take.
    pub limit: Duration,
    /// Whether it gives its core away at each poll.
    pub yields: bool,
}

impl Seat {
    /// The follower's on a stage.
    pub(crate) fn of(stage: &Stage<'_>) -> Self {
        Self {
            index: 0,
            core: stage.placement.consumer(),
            limit: stage.lengths.limit,
            yields: stage.placement.yields(),
        }
    }

    /// The end of a sample that starts now. It is the same for both parties.
    pub(crate) fn deadline(self, control: &Control) -> Deadline<'_> {
        Deadline::new(self.limit, control.stop_word(), self.yields)
    }
}

/// The measuring party's part of [`Job::Processes`].
pub(crate) fn lead_process<C, W>(stage: &Stage<'_>, system: &str, case: Case) -> Result<Sample, String>
where
    C: Channel,
    W: Work<C::Near, C::Far>,
{
    let control = Control::create().map_err(|error| format!("no control page: {error}"))?;
    let (mut near, mut descriptors) =
        C::create(case.shape()).map_err(|error| format!("not created: {error}"))?;
    descriptors.insert(0, control.descriptor().map_err(|error| format!("no control page: {error}"))?);
    let arguments = PeerArguments::command_line(system, case, Seat::of(stage));
    let peer = Peer::start(stage.executable, &arguments, &descriptors)
        .map_err(|error| format!("no peer: {error}"))?;
    // The far end is the peer's alone from now on: when it goes, the channel closes.
    drop(descriptors);
    let _alarm = set_alarm(case, stage.lengths.limit).map_err(|error| format!("no alarm: {error}"))?;
    let sampled = conduct(stage, case, &control, |run, ticks| W::near(&mut near, run, stage.clock, ticks));
    // A peer that sleeps until this party does something sees, where its channel shows it, that this party is gone.
    drop(near);
    join(sampled, peer.finish())
}

/// The peer's part of [`Job::Processes`].
pub(crate) fn follow_process<C, W>(seat: &Seat, case: Case, descriptors: Vec<OwnedFd>) -> io::Result<()>
where
    C: Channel,
    W: Work<C::Near, C::Far>,
{
    let mut descriptors = descriptors.into_iter();
    let control = Control::attach(descriptors.next().ok_or(io::ErrorKind::InvalidInput)?)?;
    let _alarm = set_alarm(case, seat.limit)?;
    let followed = place::pin(seat.core)
        .and_then(|()| C::attach(case.shape(), descriptors.collect()))
        .and_then(|mut far| {
            Ok(sample::follow(&control, &seat.deadline(&control), &mut |run| W::far(&mut far, run))?)
        });
    if followed.is_err() {
        control.stop();
    }
    followed
}

/// What ends the system calls of a case that sleeps in them.
pub(crate) fn set_alarm(case: Case, limit: Duration) -> io::Result<Option<Alarm>> {
    (case.shape().waits != Waits::Poll).then(|| Alarm::set(limit)).transpose()
}

/// The measuring party's part of [`Job::Threads`].
pub(crate) fn lead_thread<C, W>(stage: &Stage<'_>, _: &str, case: Case) -> Result<Sample, String>
where
    C: ThreadChannel,
    W: Work<C::Near, C::Far>,
{
    let control = Control::create().map_err(|error| format!("no control page: {error}"))?;
    let (mut near, mut far) = C::create(case.shape());
    thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let seat = Seat::of(stage);
            let followed = place::pin(seat.core).map_err(|error| error.to_string()).and_then(|()| {
                sample::follow(&control, &seat.deadline(&control), &mut |run| W::far(&mut far, run))
                    .map_err(|halt| halt.to_string())
            });
            if followed.is_err() {
                control.stop();
            }
            followed
        });
        let sampled =
            conduct(stage, case, &control, |run, ticks| W::near(&mut near, run, stage.clock, ticks));
        join(sampled, follower.join().unwrap_or_else(|_| Err("the other thread panicked".to_owned())))
    })
}

/// Leads a sample, and stops the peer when it fails.
fn conduct(
    stage: &Stage<'_>,
    case: Case,
    control: &Control,
    mut work: impl FnMut(crate::work::Run<'_>, &mut [u32]) -> Result<(), Halt>,
) -> Result<Sample, Halt> {
    let deadline = Seat::of(stage).deadline(control);
    let plan = Plan { case, lengths: stage.lengths, clock: stage.clock };
    let sampled = sample::lead(plan, control, &deadline, &mut work);
    if sampled.is_err() {
        control.stop();
    }
    sampled
}

/// What was measured, or the reason of the party that failed first: one that was stopped only says so.
pub(crate) fn join<T>(sampled: Result<T, Halt>, followed: Result<(), String>) -> Result<T, String> {
    let stopped = Halt::Stopped.to_string();
    match (sampled, followed) {
        (Ok(sample), Ok(())) => Ok(sample),
        (Ok(_) | Err(Halt::Stopped | Halt::Closed), Err(complaint)) => Err(complaint),
        (Err(halt), Err(complaint)) if complaint != stopped => Err(format!("{halt}; the peer: {complaint}")),
        (Err(halt), _) => Err(halt.to_string()),
    }
}

/// The peer's whole life.
///
/// # Errors
///
/// Whatever kept it from taking part to the end.
pub(crate) fn run_peer(arguments: &PeerArguments, job: Option<Job>) -> io::Result<()> {
    let descriptors = take_seat(&arguments.seat)?;
    let case = arguments.case().ok_or(io::ErrorKind::InvalidInput)?;
    match job {
        Some(Job::Processes { follow, .. }) => follow(&arguments.seat.seat(), case, descriptors),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// The life of a process that keeps a core busy.
///
/// # Errors
///
/// Always: it does not end by itself unless it is forgotten.
pub(crate) fn run_burner(arguments: &BurnerArguments) -> io::Result<()> {
    let descriptors = take_seat(&arguments.seat)?;
    held::burn(&arguments.seat.seat(), descriptors)
}

/// What this process inherited. It ends with its parent from now on.
fn take_seat(arguments: &SeatArguments) -> io::Result<Vec<OwnedFd>> {
    let descriptors = peer::inherited(&arguments.descriptors)?;
    peer::end_with(arguments.parent)?;
    Ok(descriptors)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::mpsc;

    use crate::endpoint::{Shape, SlotConsumer, SlotProducer};
    use crate::work::flows::Slots;

    /// A channel that delivers the hundredth message twice.
    struct Stutter;

    struct Producer(mpsc::Sender<u64>, u32);

    struct Consumer(mpsc::Receiver<u64>);

    impl ThreadChannel for Stutter {
        type Near = Producer;
        type Far = Consumer;

        fn create(_: Shape) -> (Producer, Consumer) {
            let (producer, consumer) = mpsc::channel();
            (Producer(producer, 0), Consumer(consumer))
        }
    }

    impl SlotProducer for Producer {
        fn send(&mut self, slot: u64, _: &Deadline<'_>) -> Result<(), Halt> {
            self.1 += 1;
            let times = if self.1 == 100 { 2 } else { 1 };
            (0..times).try_for_each(|_| self.0.send(slot).map_err(|_| Halt::Closed))
        }

        fn send_batch(&mut self, _: &[u64], _: &Deadline<'_>) -> Result<(), Halt> {
            Err(Halt::Closed)
        }
    }

    impl SlotConsumer for Consumer {
        fn receive(&mut self, _: &Deadline<'_>) -> Result<u64, Halt> {
            self.0.recv().map_err(|_| Halt::Closed)
        }

        fn receive_batch(&mut self, _: &mut [u64], _: &Deadline<'_>) -> Result<usize, Halt> {
            Err(Halt::Closed)
        }
    }

    #[test]
    fn a_repeated_message_fails_its_sample() {
        let [line, warm, timed] = [1, 1, 5].map(Duration::from_millis);
        let lengths = Lengths { line, warm, timed, limit: Duration::from_secs(20) };
        let clock = Clock::new(false);
        let stage = Stage { executable: Path::new(""), placement: Placement::Shared, lengths, clock: &clock };
        let sampled =
            lead_thread::<Stutter, Slots>(&stage, "stutter", Case::Slots { length: 8, batched: false });
        assert_eq!(sampled.unwrap_err(), "message 99 came where 100 was due");
    }

    #[test]
    fn the_party_that_failed_first_gives_the_reason() {
        let reason = |halt, complaint: &str| join::<()>(Err(halt), Err(complaint.to_owned())).unwrap_err();
        assert_eq!(reason(Halt::Stopped, "message 5 came where 4 was due"), "message 5 came where 4 was due");
        assert_eq!(reason(Halt::Late, "the peer gave up"), "not done by the deadline");
        assert_eq!(reason(Halt::Late, "killed"), "not done by the deadline; the peer: killed");
    }
}
