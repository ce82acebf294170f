//! One sample: the bare line, a warm-up that also finds out how fast the system is, the timed run.
//!
//! [`lead`] is the measuring party's part, [`follow`] its peer's; they meet on the [control page](crate::stage::control).

use std::time::{Duration, Instant};

use crate::plan::case::Case;
use crate::plan::metric::Metric;
use crate::stage::clock::Clock;
use crate::stage::control::{Control, Order};
use crate::stage::times::Times;
use crate::stage::wait::{Deadline, Halt};
use crate::work::Run;

/// Round trips of the line that are made before any is timed.
const LINE_TRIPS: u64 = 2_000;

/// Messages of the first warm-up run.
const FIRST_COUNT: u64 = 64;

/// How many times longer than the last a warm-up run may be.
const GROWTH_MAX: f64 = 32.0;

/// The most round trips that are timed in a sample: each takes up four bytes.
const TRIPS_MAX: u64 = 4 << 20;

/// How long the parts of a sample take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// The bare line.
    pub line: Duration,
    /// The last warm-up run, at least.
    pub warm: Duration,
    /// The timed run, about.
    pub timed: Duration,
    /// Everything: after this time the sample failed.
    pub limit: Duration,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The figures of the case's metrics, in their order.
    pub figures: Vec<(Metric, f64)>,
    /// The bare line's round trip just before, where the case has one beside it.
    pub line_ns: Option<f64>,
    /// The share of its cores' time that the hypervisor took meanwhile.
    pub stolen: f64,
    /// Each thing that was timed by itself.
    pub times: Option<Times>,
}

impl Sample {
    /// Of these figures alone.
    pub(crate) fn of(figures: Vec<(Metric, f64)>) -> Self {
        Self { figures, line_ns: None, stolen: 0.0, times: None }
    }

    /// Of things that were timed one by one.
    pub(crate) fn timed(case: Case, times: Times) -> Self {
        Self { figures: times.figures(case.metrics()), line_ns: None, stolen: 0.0, times: Some(times) }
    }
}

/// The measuring party's loop of a case. It notes round trips in the slice, which has as many elements.
type LeadLoop<'a> = dyn FnMut(Run<'_>, &mut [u32]) -> Result<(), Halt> + 'a;

/// The peer's loop of a case.
type FollowLoop<'a> = dyn FnMut(Run<'_>) -> Result<(), Halt> + 'a;

/// What a sample is made of besides the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    /// What is sent.
    pub case: Case,
    /// How long it takes.
    pub lengths: Lengths,
    /// What times a round trip.
    pub clock: &'a Clock,
}

/// The measuring party's position in a sample.
pub(crate) struct Leader<'a> {
    control: &'a Control,
    deadline: &'a Deadline<'a>,
    step: u64,
}

impl<'a> Leader<'a> {
    /// Before the first order.
    pub(crate) fn new(control: &'a Control, deadline: &'a Deadline<'a>) -> Self {
        Self { control, deadline, step: 0 }
    }

    /// Has `order` carried out by the peer and `work` at the same time here, and says how long both took, in
    /// nanoseconds.
    ///
    /// # Errors
    ///
    /// Whatever ended the work early, or kept the peer from doing its part.
    pub(crate) fn together(
        &mut self,
        order: Order,
        work: impl FnOnce() -> Result<(), Halt>,
    ) -> Result<f64, Halt> {
        self.step += 1;
        self.control.give(self.step, order, self.deadline)?;
        let start = Instant::now();
        work()?;
        self.control.await_done(self.step, self.deadline)?;
        Ok(start.elapsed().as_nanos().max(1) as f64)
    }

    /// What a round trip of the bare line takes, in nanoseconds; the timed ones take `length` together.
    ///
    /// # Errors
    ///
    /// As [`together`](Self::together).
    pub(crate) fn line(&mut self, length: Duration) -> Result<f64, Halt> {
        let trip_ns = self.line_of(0, LINE_TRIPS)?;
        self.line_of(LINE_TRIPS, count_for(length, trip_ns))
    }

    fn line_of(&mut self, first: u64, count: u64) -> Result<f64, Halt> {
        let (line, deadline) = (self.control.line(), self.deadline);
        let elapsed =
            self.together(Order::Line { first, count }, || line.call(Run { first, count, deadline }))?;
        Ok(elapsed / count as f64)
    }
}

/// Takes a sample: the measuring party's part. `work` is its loop.
///
/// # Errors
///
/// Whatever ended the loop early, or kept the peer from taking part.
pub(crate) fn lead(
    plan: Plan<'_>,
    control: &Control,
    deadline: &Deadline<'_>,
    work: &mut LeadLoop<'_>,
) -> Result<Sample, Halt> {
    let mut leader = Leader::new(control, deadline);
    let line_ns = if plan.case.has_line() { Some(leader.line(plan.lengths.line)?) } else { None };

    let is_timed = plan.case.has_round_trips();
    let mut ticks = Vec::new();
    let mut first = 0;
    let mut run = |count: u64| {
        // Written to before the run, so that no page of it is missing in the run.
        ticks.clear();
        ticks.resize(if is_timed { count as usize } else { 0 }, u32::MAX);
        let order = Order::Work { first, count };
        let elapsed = leader.together(order, || work(Run { first, count, deadline }, &mut ticks));
        first += count;
        elapsed
    };

    let mut count = FIRST_COUNT;
    let message_ns = loop {
        let elapsed = run(count)?;
        let share = plan.lengths.warm.as_nanos() as f64 / elapsed;
        if share <= 1.0 {
            break elapsed / count as f64;
        }
        count = (count as f64 * (1.2 * share).clamp(2.0, GROWTH_MAX)) as u64;
    };
    // A warm-up that was interrupted makes the system look slow, and the timed run too short: it is made again.
    let timed_ns = plan.lengths.timed.as_nanos() as f64;
    let most = if is_timed { TRIPS_MAX } else { u64::MAX };
    let mut count = count_for(plan.lengths.timed, message_ns).min(most);
    let mut elapsed = run(count)?;
    while elapsed < timed_ns / 2.0 && count < most {
        count = count_for(plan.lengths.timed, elapsed / count as f64).clamp(count + 1, most);
        elapsed = run(count)?;
    }
    leader.together(Order::End, || Ok(()))?;

    let sample = if is_timed {
        Sample::timed(plan.case, Times::new(ticks, plan.clock.ns_per_tick()))
    } else if plan.case.metrics() == [Metric::Cost] {
        Sample::of(vec![(Metric::Cost, elapsed / count as f64)])
    } else {
        let rate = count as f64 * 1e9 / elapsed;
        let bandwidth = rate * plan.case.shape().length as f64;
        Sample::of(vec![(Metric::Rate, rate), (Metric::Bandwidth, bandwidth)])
    };
    Ok(Sample { line_ns, ..sample })
}

/// Takes part in a sample: the peer's part. `work` is its loop.
///
/// # Errors
///
/// Whatever ended the loop early.
pub(crate) fn follow(
    control: &Control,
    deadline: &Deadline<'_>,
    work: &mut FollowLoop<'_>,
) -> Result<(), Halt> {
    for step in 1.. {
        let order = control.next(step, deadline)?;
        match order {
            Order::Line { first, count } => {
                control.line().answer(Run { first, count, deadline })?;
            }
            Order::Work { first, count } => work(Run { first, count, deadline })?,
            Order::End => {}
        }
        control.tell_done(step);
        if order == Order::End {
            break;
        }
    }
    Ok(())
}

/// How many things of `each_ns` nanoseconds fill `length`.
fn count_for(length: Duration, each_ns: f64) -> u64 {
    ((length.as_nanos() as f64 / each_ns) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_fill_their_time_and_are_never_zero() {
        assert_eq!(count_for(Duration::from_millis(1), 100.0), 10_000);
        assert_eq!(count_for(Duration::from_millis(1), 1e9), 1);
    }
}
