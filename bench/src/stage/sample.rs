//! One sample: the bare line, a warm-up that also finds out how fast the system is, the timed run.
//!
//! [`lead`] is the measuring party's part, [`follow`] its peer's; they meet on the [control page](crate::stage::control).

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::plan::case::{Case, Metric};
use crate::stage::clock::Clock;
use crate::stage::control::{Control, Order};
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
struct Leader<'a> {
    control: &'a Control,
    deadline: &'a Deadline<'a>,
    step: u64,
}

impl Leader<'_> {
    /// Has `order` carried out by the peer and `work` at the same time here, and says how long both took, in
    /// nanoseconds.
    fn together(&mut self, order: Order, work: impl FnOnce() -> Result<(), Halt>) -> Result<f64, Halt> {
        self.step += 1;
        self.control.give(self.step, order, self.deadline)?;
        let start = Instant::now();
        work()?;
        self.control.await_done(self.step, self.deadline)?;
        Ok(start.elapsed().as_nanos().max(1) as f64)
    }

    /// What one of `count` round trips of the bare line takes, in nanoseconds.
    fn line(&mut self, first: u64, count: u64) -> Result<f64, Halt> {
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
    let mut leader = Leader { control, deadline, step: 0 };
    let mut line_ns = None;
    if plan.case.has_line() {
        let trip_ns = leader.line(0, LINE_TRIPS)?;
        let line_count = count_for(plan.lengths.line, trip_ns);
        line_ns = Some(leader.line(LINE_TRIPS, line_count)?);
    }

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

    let figures = if is_timed {
        percentiles(&ticks, |ticks| plan.clock.nanoseconds(ticks))
    } else {
        let rate = count as f64 * 1e9 / elapsed;
        vec![(Metric::Rate, rate), (Metric::Bandwidth, rate * plan.case.shape().length as f64)]
    };
    Ok(Sample { figures, line_ns })
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

/// The figures of things that were timed one by one, in ticks of which `nanoseconds` says how long they are.
pub(crate) fn percentiles(ticks: &[u32], nanoseconds: impl Fn(f64) -> f64) -> Vec<(Metric, f64)> {
    let bounds = Histogram::<u64>::new_with_bounds(1, u64::from(u32::MAX), 3);
    let Ok(mut histogram) = bounds else { return Vec::new() };
    for &elapsed in ticks {
        histogram.saturating_record(u64::from(elapsed));
    }
    let sum: u64 = ticks.iter().map(|&elapsed| u64::from(elapsed)).sum();
    let at = |quantile| nanoseconds(mid_quantile(&histogram, quantile));
    let max = ticks.iter().copied().max().unwrap_or(0);
    vec![
        (Metric::P50, at(0.5)),
        (Metric::P99, at(0.99)),
        (Metric::P999, at(0.999)),
        (Metric::Max, nanoseconds(f64::from(max))),
        (Metric::Mean, nanoseconds(sum as f64) / ticks.len().max(1) as f64),
    ]
}

/// The value at `quantile`, interpolated between the values that occur.
///
/// Some processors' counters count in steps of several nanoseconds, and a plain percentile would show nothing finer.
/// But the share of durations that a step holds tells where between two steps the percentile lies: half of a value's
/// durations are taken to be below it and half above, and between two values the line is straight (the mid-distribution
/// function of Parzen, <https://doi.org/10.1214/088342304000000387>).
fn mid_quantile(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    let due = quantile * histogram.len() as f64;
    let mut below = 0.0;
    let mut last: Option<(f64, f64)> = None;
    for step in histogram.iter_recorded() {
        let (value, count) = (step.value_iterated_to() as f64, step.count_at_value() as f64);
        let middle = below + count / 2.0;
        if middle >= due {
            let Some((last_value, last_middle)) = last else { return value };
            return last_value + (value - last_value) * (due - last_middle) / (middle - last_middle);
        }
        below += count;
        last = Some((value, middle));
    }
    last.map_or(0.0, |(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_fill_their_time_and_are_never_zero() {
        assert_eq!(count_for(Duration::from_millis(1), 100.0), 10_000);
        assert_eq!(count_for(Duration::from_millis(1), 1e9), 1);
    }

    #[test]
    fn a_percentile_lies_between_the_steps_of_the_clock() {
        let mut histogram = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
        histogram.record_n(90, 25).unwrap();
        histogram.record_n(100, 75).unwrap();
        assert_eq!(mid_quantile(&histogram, 0.5), 97.5);
        assert_eq!(mid_quantile(&histogram, 0.1), 90.0);
        assert_eq!(mid_quantile(&histogram, 0.99), 100.0);
    }

    #[test]
    fn percentiles_come_from_all_round_trips() {
        let ticks: Vec<u32> = (1..=1000).collect();
        let figures: Vec<u64> =
            percentiles(&ticks, |ticks| ticks).iter().map(|(_, ns)| ns.round() as u64).collect();
        assert_eq!(figures, [501, 991, 1000, 1000, 501]);
    }
}
