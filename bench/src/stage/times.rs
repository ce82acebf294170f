//! Things that were timed one by one, and the figures that come of them.

use hdrhistogram::Histogram;

use crate::plan::metric::Metric;

/// How long each of many things took.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    /// In ticks, with three digits.
    pub ticks: Histogram<u64>,
    /// The sum of all, in ticks.
    sum: u64,
    /// What a tick is in nanoseconds.
    pub ns_per_tick: f64,
}

impl Times {
    /// Of ticks of which each is `ns_per_tick` nanoseconds.
    pub(crate) fn new(ticks: impl IntoIterator<Item = u32>, ns_per_tick: f64) -> Self {
        let mut histogram = Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed"));
        histogram.auto(true);
        let mut sum = 0;
        for elapsed in ticks {
            // It grows to whatever comes, so that nothing is refused.
            _ = histogram.record(u64::from(elapsed));
            sum += u64::from(elapsed);
        }
        Self { ticks: histogram, sum, ns_per_tick }
    }

    /// Both together, or these alone where the others have another clock.
    pub(crate) fn add(&mut self, others: &Self) {
        if self.ns_per_tick == others.ns_per_tick && self.ticks.add(&others.ticks).is_ok() {
            self.sum += others.sum;
        }
    }

    /// The value at a quantile, in nanoseconds.
    pub(crate) fn at(&self, quantile: f64) -> f64 {
        mid_quantile(&self.ticks, quantile) * self.ns_per_tick
    }

    /// Whether at least one of them is beyond a quantile. Otherwise it would be the longest under another name.
    pub(crate) fn tells(&self, quantile: f64) -> bool {
        self.ticks.len() as f64 * (1.0 - quantile) >= 1.0 - 1e-9
    }

    /// Those of `metrics` that come of times, and that so many tell.
    pub(crate) fn figures(&self, metrics: &[Metric]) -> Vec<(Metric, f64)> {
        let figure = |&metric: &Metric| {
            if let Some(quantile) = metric.quantile() {
                return self.tells(quantile).then(|| (metric, self.at(quantile)));
            }
            let value = match metric {
                Metric::Max => self.ticks.max() as f64 * self.ns_per_tick,
                Metric::Mean => self.sum as f64 * self.ns_per_tick / self.ticks.len().max(1) as f64,
                _ => return None,
            };
            Some((metric, value))
        };
        metrics.iter().filter_map(figure).collect()
    }
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
    fn a_percentile_lies_between_the_steps_of_the_clock() {
        let mut histogram = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
        histogram.record_n(90, 25).unwrap();
        histogram.record_n(100, 75).unwrap();
        assert_eq!(mid_quantile(&histogram, 0.5), 97.5);
        assert_eq!(mid_quantile(&histogram, 0.1), 90.0);
        assert_eq!(mid_quantile(&histogram, 0.99), 100.0);
    }

    #[test]
    fn a_percentile_that_is_only_the_longest_is_left_out() {
        let metrics = [Metric::P50, Metric::P99, Metric::P999, Metric::Max];
        let names = |count: u32| -> Vec<Metric> {
            Times::new(1..=count, 1.0).figures(&metrics).into_iter().map(|(metric, _)| metric).collect()
        };
        assert_eq!(names(99), [Metric::P50, Metric::Max]);
        assert_eq!(names(100), [Metric::P50, Metric::P99, Metric::Max]);
        assert_eq!(names(1000), metrics);
    }

    #[test]
    fn figures_come_from_all_times_of_all_samples() {
        let metrics = [Metric::P50, Metric::P99, Metric::P999, Metric::Max, Metric::Mean, Metric::Rate];
        let mut times = Times::new(1..=500, 1.0);
        times.add(&Times::new(501..=1000, 1.0));
        let figures: Vec<u64> = times.figures(&metrics).iter().map(|(_, ns)| ns.round() as u64).collect();
        assert_eq!(figures, [501, 991, 1000, 1000, 501]);
    }
}
