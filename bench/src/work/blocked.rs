//! One sample of waiting: what processor time a party uses while nothing comes.
//!
//! ```text
//!   near (measures)                        far (the peer)
//!   order: so many milliseconds     ──▶    sees it
//!   reads both clocks, receives            sleeps so long
//!   ...                                    ...
//!   the message ends the wait       ◀──    sends
//!   reads both clocks
//! ```
//!
//! The time is that of all threads of the process: whoever is paid for the wait is counted, and the one wake-up at its
//! end too.

use std::io;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::args::PeerArguments;
use crate::endpoint::{Caller, Channel};
use crate::memory::message;
use crate::plan::case::Case;
use crate::plan::metric::Metric;
use crate::stage::alarm::Alarm;
use crate::stage::control::{Control, Order};
use crate::stage::measure::{Seat, Stage, join};
use crate::stage::peer::Peer;
use crate::stage::place;
use crate::stage::sample::Sample;
use crate::stage::wait::{Deadline, Halt};

/// The number of the message.
const SEQUENCE: u64 = 1;

/// Takes one sample: the measuring party's part.
///
/// # Errors
///
/// Whatever kept the message from coming.
pub(crate) fn lead<C>(stage: &Stage<'_>, system: &str, case: Case) -> Result<Sample, String>
where
    C: Channel<Near: Caller>,
{
    let control = Control::create().map_err(|error| format!("no control page: {error}"))?;
    let (mut near, mut descriptors) =
        C::create(case.shape()).map_err(|error| format!("not created: {error}"))?;
    descriptors.insert(0, control.descriptor().map_err(|error| format!("no control page: {error}"))?);
    let command_line = PeerArguments::command_line(system, case, Seat::of(stage));
    let peer = Peer::start(stage.executable, &command_line, &descriptors)
        .map_err(|error| format!("no peer: {error}"))?;
    drop(descriptors);
    let _alarm = Alarm::set(stage.lengths.limit).map_err(|error| format!("no alarm: {error}"))?;
    let deadline = Seat::of(stage).deadline(&control);
    let waited = wait_once(&mut near, &control, stage.lengths.timed, &deadline);
    if waited.is_err() {
        control.stop();
    }
    // A peer that waits for this party sees that it is gone.
    drop(near);
    let cpu = join(waited, peer.finish())?;
    Ok(Sample::of(vec![(Metric::Cpu, cpu)]))
}

/// Processor time per second of a wait of `length`, in nanoseconds.
fn wait_once(
    near: &mut impl Caller,
    control: &Control,
    length: Duration,
    deadline: &Deadline<'_>,
) -> Result<f64, Halt> {
    let mut message = [0; 64];
    control.give(1, Order::Work { first: SEQUENCE, count: length.as_millis() as u64 }, deadline)?;
    let (start, used_ns) = (Instant::now(), used_ns());
    near.receive(&mut message, deadline)?;
    let (elapsed, used_ns) = (start.elapsed(), self::used_ns() - used_ns);
    message::verify(&message, SEQUENCE)?;
    control.await_done(1, deadline)?;
    Ok(used_ns as f64 / elapsed.as_secs_f64())
}

/// What this process has used of its cores.
fn used_ns() -> i64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec * 1_000_000_000 + used.tv_nsec
}

/// Takes part in one sample: the peer's part.
///
/// # Errors
///
/// Whatever kept the message from being sent.
pub(crate) fn follow<C>(seat: &Seat, case: Case, descriptors: Vec<OwnedFd>) -> io::Result<()>
where
    C: Channel<Far: Caller>,
{
    let mut descriptors = descriptors.into_iter();
    let control = Control::attach(descriptors.next().ok_or(io::ErrorKind::InvalidInput)?)?;
    let deadline = seat.deadline(&control);
    let followed = place::pin(seat.core)
        .and_then(|()| C::attach(case.shape(), descriptors.collect()))
        .and_then(|mut far| Ok(send_late(&mut far, &control, &deadline)?));
    if followed.is_err() {
        control.stop();
    }
    followed
}

fn send_late(far: &mut impl Caller, control: &Control, deadline: &Deadline<'_>) -> Result<(), Halt> {
    let Order::Work { first, count } = control.next(1, deadline)? else { return Err(Halt::Closed) };
    thread::sleep(Duration::from_millis(count));
    let mut message = [0; 64];
    message::fill(&mut message, first);
    far.send(&message, deadline)?;
    control.tell_done(1);
    Ok(())
}
