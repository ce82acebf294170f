//! Messages at a given rate, each timed from the moment at which it was due to be sent.
//!
//! ```text
//!   due       0        1        2        3        4          (start + n * interval, whatever happened before)
//!   sent      |        |   .....|||.......        |          (2 and 3 were held up: by a full ring, by the kernel, ...)
//!   received     |        |          | |  |          |
//!   latency   ---      ---      -----                        (from due to received: the delay counts for all whom it hits)
//! ```
//!
//! A sender that waits for room, or that the kernel put aside, is late with the messages that were due meanwhile. Were
//! each timed from when it was really sent, the delay would show in one of them (coordinated omission, see Gil Tene, "How
//! NOT to Measure Latency"). The moments are fixed beforehand; who is late sends at once until it has caught up.
//!
//! The near party sends; the far one receives, verifies, and notes how late each was in a table that both map:
//!
//! ```text
//!   0x000 start      the moment at which message 0 was due, in ticks   (near writes it before it sends)
//!   0x008 interval   between two messages, in 1/65536 of a tick
//!   0x080 late[n]    how long after its moment message n was received, in ticks    (far)
//! ```

use std::io;
use std::mem::offset_of;
use std::os::fd::OwnedFd;
use std::thread;

use crate::args::PeerArguments;
use crate::endpoint::{Channel, RecordConsumer, RecordProducer, ThreadChannel};
use crate::memory::message;
use crate::memory::shared::{View, Words};
use crate::plan::case::Case;
use crate::stage::clock;
use crate::stage::control::{Control, Order};
use crate::stage::measure::{Seat, Stage, join};
use crate::stage::peer::Peer;
use crate::stage::place;
use crate::stage::sample::{self, Leader, Sample};
use crate::stage::times::Times;
use crate::stage::wait::Halt;
use crate::work::Run;
use ringway_shm::primitive::{AtomicU32, AtomicU64, Ordering};

/// Messages of a sample at most.
const MESSAGES_MAX: usize = 1 << 20;

/// Messages that are sent before any is timed.
const WARM: u64 = 2_000;

/// What both parties map.
#[repr(C)]
#[derive(Debug)]
struct Table {
    start: AtomicU64,
    interval: AtomicU64,
    has_counter: AtomicU64,
    reserved: [AtomicU64; 13],
    late: [AtomicU32; MESSAGES_MAX],
}

const _: () = assert!(offset_of!(Table, late) == 0x080);

#[allow(unsafe_code)] // because the contract of `Words` is a promise that the compiler cannot check.
// SAFETY: all fields are atomic words, or arrays of such.
unsafe impl Words for Table {}

impl Table {
    /// Near: what message `n` is timed from is `start + n * interval`.
    fn set(&self, start: u64, interval: u64, has_counter: bool) {
        // Relaxed: the far party reads them after it has been given the order, or has received a message, that comes
        // after these stores.
        self.interval.store(interval, Ordering::Relaxed);
        self.has_counter.store(u64::from(has_counter), Ordering::Relaxed);
        self.start.store(start, Ordering::Relaxed);
    }
}

/// The moments at which messages are due.
#[derive(Clone, Copy, Debug)]
struct Moments {
    start: u64,
    interval: u64,
    first: u64,
}

impl Moments {
    /// Those of a run whose first message is number `first`.
    fn read(table: &Table, first: u64) -> Self {
        // Relaxed: see `Table::set`.
        let (start, interval) = (table.start.load(Ordering::Relaxed), table.interval.load(Ordering::Relaxed));
        Self { start, interval, first }
    }

    #[inline(always)]
    fn due(self, sequence: u64) -> u64 {
        self.start.wrapping_add((sequence - self.first).wrapping_mul(self.interval) >> 16)
    }
}

/// Sends each message of `run` when it is due, or at once if that is over.
fn send_due(
    near: &mut impl RecordProducer,
    table: &Table,
    run: Run<'_>,
    now: impl Fn() -> u64,
) -> Result<(), Halt> {
    let moments = Moments::read(table, run.first);
    let mut bytes = [0; 64];
    for sequence in run.first..run.first + run.count {
        message::fill(&mut bytes, sequence);
        let due = moments.due(sequence);
        let mut wait = run.deadline.wait();
        while now().wrapping_sub(due).cast_signed() < 0 {
            wait.poll()?;
        }
        near.send(&bytes, run.deadline)?;
    }
    Ok(())
}

/// Receives the messages of `run`, and notes how late each was.
fn receive_due(far: &mut impl RecordConsumer, table: &Table, run: Run<'_>) -> Result<(), Halt> {
    let mut bytes = [0; 64];
    // The start is stored before the first message is sent, and is read after it was received.
    let mut moments = None;
    for (index, sequence) in (run.first..run.first + run.count).enumerate() {
        far.receive(&mut bytes, run.deadline)?;
        // Relaxed: see `Table::set`.
        let now = clock::ticks(table.has_counter.load(Ordering::Relaxed) != 0);
        message::verify(&bytes, sequence)?;
        let due = moments.get_or_insert_with(|| Moments::read(table, run.first)).due(sequence);
        // Counters of two cores may differ by some ticks: nothing arrives before it was sent.
        let late = now.wrapping_sub(due).cast_signed().max(0);
        let late = u32::try_from(late).unwrap_or(u32::MAX);
        // Relaxed: the near party reads it after it was told that the order is done.
        table.late[index % MESSAGES_MAX].store(late, Ordering::Relaxed);
    }
    Ok(())
}

/// Leads a sample: the bare line, some messages to warm up, the timed ones.
fn conduct(
    near: &mut impl RecordProducer,
    table: &Table,
    control: &Control,
    stage: &Stage<'_>,
    case: Case,
) -> Result<Sample, Halt> {
    let Case::Open { per_second } = case else { return Err(Halt::Closed) };
    let deadline = Seat::of(stage).deadline(control);
    let mut leader = Leader::new(control, &deadline);
    let line_ns = leader.line(stage.lengths.line)?;
    let clock = stage.clock;
    let interval = 1e9 / f64::from(per_second) / clock.ns_per_tick();
    let count = (stage.lengths.timed.as_secs_f64() * f64::from(per_second)) as u64;
    let count = count.clamp(10, MESSAGES_MAX as u64);
    let warm = (stage.lengths.warm.as_secs_f64() * f64::from(per_second)) as u64;
    let mut first = 0;
    for count in [warm.clamp(1, WARM), count] {
        let order = Order::Work { first, count };
        leader.together(order, || {
            table.set(clock.ticks() + interval as u64, (interval * 65536.0) as u64, clock.has_counter());
            send_due(near, table, Run { first, count, deadline: &deadline }, || clock.ticks())
        })?;
        first += count;
    }
    leader.together(Order::End, || Ok(()))?;
    // Relaxed: the peer has said that it is done with all of them.
    let late = table.late[..count as usize].iter().map(|late| late.load(Ordering::Relaxed));
    let times = Times::new(late, clock.ns_per_tick());
    Ok(Sample { line_ns: Some(line_ns), ..Sample::timed(case, times) })
}

/// The measuring party's part, and whatever it says to the peer when it fails.
fn lead_with(
    near: &mut impl RecordProducer,
    table: &Table,
    control: &Control,
    stage: &Stage<'_>,
    case: Case,
) -> Result<Sample, Halt> {
    let sampled = conduct(near, table, control, stage, case);
    if sampled.is_err() {
        control.stop();
    }
    sampled
}

/// Takes one sample between two processes: the measuring party's part.
///
/// # Errors
///
/// Whatever kept a message from coming.
pub(crate) fn lead<C>(stage: &Stage<'_>, system: &str, case: Case) -> Result<Sample, String>
where
    C: Channel<Near: RecordProducer>,
{
    let no_page = |error| format!("no control page: {error}");
    let control = Control::create().map_err(no_page)?;
    let table = View::<Table>::create().map_err(no_page)?;
    let (mut near, descriptors) = C::create(case.shape()).map_err(|error| format!("not created: {error}"))?;
    let mut passed = vec![control.descriptor().map_err(no_page)?, table.descriptor().map_err(no_page)?];
    passed.extend(descriptors);
    let command_line = PeerArguments::command_line(system, case, Seat::of(stage));
    let peer =
        Peer::start(stage.executable, &command_line, &passed).map_err(|error| format!("no peer: {error}"))?;
    drop(passed);
    let sampled = lead_with(&mut near, &table, &control, stage, case);
    drop(near);
    join(sampled, peer.finish())
}

/// Takes part in one sample: the peer's part.
///
/// # Errors
///
/// Whatever kept a message from being received.
pub(crate) fn follow<C>(seat: &Seat, case: Case, descriptors: Vec<OwnedFd>) -> io::Result<()>
where
    C: Channel<Far: RecordConsumer>,
{
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next().ok_or(io::ErrorKind::InvalidInput);
    let control = Control::attach(next()?)?;
    let table = View::<Table>::attach(next()?)?;
    let followed = place::pin(seat.core)
        .and_then(|()| C::attach(case.shape(), descriptors.collect()))
        .and_then(|mut far| {
            let deadline = seat.deadline(&control);
            Ok(sample::follow(&control, &deadline, &mut |run| receive_due(&mut far, &table, run))?)
        });
    if followed.is_err() {
        control.stop();
    }
    followed
}

/// Takes one sample between two threads.
///
/// # Errors
///
/// As [`lead`].
pub(crate) fn lead_thread<C>(stage: &Stage<'_>, _: &str, case: Case) -> Result<Sample, String>
where
    C: ThreadChannel<Near: RecordProducer, Far: RecordConsumer>,
{
    let no_page = |error| format!("no control page: {error}");
    let control = Control::create().map_err(no_page)?;
    let table = View::<Table>::create().map_err(no_page)?;
    let table: &Table = &table;
    let (mut near, mut far) = C::create(case.shape());
    thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let seat = Seat::of(stage);
            let deadline = seat.deadline(&control);
            let followed = place::pin(seat.core).map_err(|error| error.to_string()).and_then(|()| {
                sample::follow(&control, &deadline, &mut |run| receive_due(&mut far, table, run))
                    .map_err(|halt| halt.to_string())
            });
            if followed.is_err() {
                control.stop();
            }
            followed
        });
        let sampled = lead_with(&mut near, table, &control, stage, case);
        join(sampled, follower.join().unwrap_or_else(|_| Err("the other thread panicked".to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_as_far_apart_as_the_rate_says() {
        // Two and a half ticks.
        let moments = Moments { start: 100, interval: 5 << 15, first: 7 };
        assert_eq!([7, 8, 9, 11].map(|sequence| moments.due(sequence)), [100, 102, 105, 110]);
    }
}
