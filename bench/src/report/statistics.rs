//! Whether two sets of samples differ by more than chance, and by how much.
//!
//! The test of Mann and Whitney (<https://doi.org/10.1214/aoms/1177730491>) asks nothing of how samples are distributed:
//! only in how many of all pairs the one is larger than the other. The estimate of Hodges and Lehmann
//! (<https://doi.org/10.1214/aoms/1177704172>) belongs to it: the median of what the pairs differ by; here, by what factor.
//!
//! Of many comparisons some show a difference by chance. The correction of Benjamini and Hochberg
//! (<https://doi.org/10.1111/j.2517-6161.1995.tb02031.x>) bounds what share of the differences shown are expected to be
//! such; it holds where the comparisons are independent, and where they lean the same way, as figures of one row do.

use crate::report::summary::Spread;

/// Pairs of samples up to which all orders are counted.
const EXACT_MAX: usize = 400;

/// The probability that samples of equal things differ as much as these or more, in either direction.
///
/// Exact where no two samples are equal and they are not many; otherwise by the normal distribution, corrected for ties.
pub(crate) fn mann_whitney(first: &[f64], second: &[f64]) -> f64 {
    if first.is_empty() || second.is_empty() {
        return 1.0;
    }
    let wins = wins(first, second);
    let fewer = wins.min((first.len() * second.len()) as f64 - wins);
    let mut all = [first, second].concat();
    all.sort_by(f64::total_cmp);
    let ties: Vec<usize> = all.chunk_by(|a, b| a == b).map(<[f64]>::len).collect();
    if ties.iter().all(|&equal| equal == 1) && first.len() * second.len() <= EXACT_MAX {
        exact(first.len(), second.len(), fewer as usize)
    } else {
        normal(first.len(), second.len(), fewer, &ties)
    }
}

/// The least probability that so many samples can show at all.
pub(crate) fn least(first: usize, second: usize) -> f64 {
    // One order of all, and the same the other way round.
    let orders = (1..=first).fold(1.0, |orders, n| orders * (second + n) as f64 / n as f64);
    (2.0 / orders).min(1.0)
}

/// The probabilities of all comparisons, corrected for how many there are: those below a share `q` are a set of which at
/// most that share is expected to be there by chance.
///
/// The k-th least of n is taken n / k times, and none may be above a larger one.
pub(crate) fn corrected(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let mut corrected = vec![1.0; probabilities.len()];
    let mut bound: f64 = 1.0;
    for (rank, &place) in order.iter().enumerate().rev() {
        bound = bound.min(probabilities[place] * probabilities.len() as f64 / (rank + 1) as f64);
        corrected[place] = bound;
    }
    corrected
}

/// By what factor the second samples are larger: the median over all pairs.
pub(crate) fn shift(first: &[f64], second: &[f64]) -> Option<f64> {
    let pairs = second.iter().flat_map(|b| first.iter().map(move |a| b / a));
    Spread::of(pairs.filter(|factor| factor.is_finite()).collect()).map(|spread| spread.median)
}

/// In how many of all pairs the second is larger. A tie is half a pair.
fn wins(first: &[f64], second: &[f64]) -> f64 {
    let of_pair = |(a, b): (&f64, &f64)| if b > a { 1.0 } else { f64::from(a == b) / 2.0 };
    first.iter().flat_map(|a| second.iter().map(move |b| (a, b))).map(of_pair).sum()
}

/// The share of all orders of so many samples that have at most `most` wins for one side or the other.
fn exact(first: usize, second: usize, most: usize) -> f64 {
    let orders = orders(first, second);
    let all: f64 = orders.iter().sum();
    let tail: f64 = orders[..=most].iter().sum();
    (2.0 * tail / all).min(1.0)
}

/// In how many orders of so many samples the second ones win each number of pairs.
///
/// The largest of all is of the second ones, and wins against all the first, or of the first, and wins nothing. The rows
/// are numbers of first samples; the table is gone through once for each second one.
fn orders(first: usize, second: usize) -> Vec<f64> {
    let mut table: Vec<Vec<f64>> = (0..=first).map(|_| vec![1.0]).collect();
    for seconds in 1..=second {
        for firsts in 1..=first {
            let mut counts = vec![0.0; firsts * seconds + 1];
            for (wins, count) in table[firsts].iter().enumerate() {
                counts[wins + firsts] += count;
            }
            for (wins, count) in table[firsts - 1].iter().enumerate() {
                counts[wins] += count;
            }
            table[firsts] = counts;
        }
    }
    table.swap_remove(first)
}

/// As [`exact`], by the normal distribution that many samples approach. `ties` says how many samples have each value.
fn normal(first: usize, second: usize, fewer: f64, ties: &[usize]) -> f64 {
    let (n, m) = (first as f64, second as f64);
    let all = n + m;
    let tied: f64 = ties.iter().map(|&equal| (equal as f64).powi(3) - equal as f64).sum();
    let variance = n * m / 12.0 * (all + 1.0 - tied / (all * (all - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    // Half a pair nearer to the middle, since wins go in steps.
    let distance = ((n * m / 2.0 - fewer - 0.5) / variance.sqrt()).max(0.0);
    tails(distance)
}

/// The share of the normal distribution that is further from its middle than so many deviations
/// (Abramowitz and Stegun, 7.1.26, whose error is below 2e-7).
fn tails(deviations: f64) -> f64 {
    let x = deviations / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let factors = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    factors.iter().fold(0.0, |sum, factor| (sum + factor) * t) * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-6
    }

    #[test]
    fn orders_are_counted_as_in_the_tables() {
        assert_eq!(orders(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(orders(3, 2), [1.0, 1.0, 2.0, 2.0, 2.0, 1.0, 1.0]);
        assert_eq!(orders(5, 5).iter().sum::<f64>(), 252.0);
        // Mann and Whitney's table I: P(U <= 5) of 4 and 4 is 0.243, P(U <= 2) of 5 and 5 is 0.016.
        assert!((exact(4, 4, 5) / 2.0 - 0.243).abs() < 5e-4);
        assert!((exact(5, 5, 2) / 2.0 - 0.016).abs() < 5e-4);
    }

    #[test]
    fn the_least_probability_is_that_of_one_order_and_its_mirror() {
        for (first, second) in [(1, 1), (2, 3), (5, 5), (7, 19)] {
            assert!(is_near(least(first, second), exact(first, second, 0)), "{first} and {second}");
        }
        // Many samples take no longer than few.
        let many: Vec<f64> = (0..5000).map(f64::from).collect();
        assert!(least(5000, 5000) < 1e-300 && mann_whitney(&many, &many[..2000]) < 1e-6);
    }

    #[test]
    fn critical_values_are_those_of_the_tables() {
        // The largest U that is significant at 0.01 in both directions: 0 of 5 and 5, 4 of 7 and 7, 16 of 10 and 10.
        for (n, critical) in [(5, 0), (7, 4), (10, 16)] {
            assert!(exact(n, n, critical) <= 0.01, "{n}");
            assert!(exact(n, n, critical + 1) > 0.01, "{n}");
        }
    }

    #[test]
    fn samples_apart_differ_and_samples_mixed_do_not() {
        let low = [1.0, 2.0, 3.0, 4.0, 5.0];
        let high = [6.0, 7.0, 8.0, 9.0, 10.0];
        assert!(is_near(mann_whitney(&low, &high), 2.0 / 252.0));
        assert_eq!(mann_whitney(&high, &low), mann_whitney(&low, &high));
        assert!(mann_whitney(&[1.0, 4.0, 5.0], &[2.0, 3.0, 6.0]) > 0.5);
        assert_eq!(least(5, 5), mann_whitney(&low, &high));
    }

    #[test]
    fn ties_do_not_pretend_to_differ() {
        assert_eq!(mann_whitney(&[2.0; 7], &[2.0; 7]), 1.0);
        // Half a pair of 25 is won the other way. Three pairs of ties make the deviation a little shorter.
        let p = mann_whitney(&[1.0, 2.0, 2.0, 3.0, 4.0], &[4.0, 5.0, 5.0, 6.0, 7.0]);
        assert!(is_near(p, 0.015_333), "{p}");
        assert_eq!(mann_whitney(&[], &[1.0]), 1.0);
    }

    #[test]
    fn tails_are_those_of_the_normal_distribution() {
        assert!(
            is_near(tails(0.0), 1.0) && is_near(tails(1.959_964), 0.05) && is_near(tails(2.575_829), 0.01)
        );
    }

    #[test]
    fn many_comparisons_are_corrected_by_their_number() {
        // The k-th least times five by k: 0.05, 0.05, 0.067, 0.05 and 0.9; the third may not be above the fourth.
        let all = corrected(&[0.04, 0.01, 0.9, 0.02, 0.04]);
        let expected = [0.05, 0.05, 0.9, 0.05, 0.05];
        assert!(all.iter().zip(expected).all(|(&p, expected)| is_near(p, expected)), "{all:?}");
        assert_eq!(corrected(&[0.03]), [0.03]);
        assert!(corrected(&[]).is_empty());
    }

    #[test]
    fn of_four_hundred_equal_rows_none_differs() {
        // As chance has it: one in a hundred is below 0.01. One that stands out by far stays.
        let mut all: Vec<f64> = (0..400).map(|index| (f64::from(index) + 0.5) / 400.0).collect();
        assert_eq!(all.iter().filter(|&&p| p < 0.01).count(), 4);
        assert!(corrected(&all).iter().all(|&p| p > 0.4));
        all.push(1e-5);
        assert!(corrected(&all)[400] < 0.005);
    }

    #[test]
    fn a_shift_is_the_factor_of_the_middle_pair() {
        assert_eq!(shift(&[1.0, 2.0], &[2.0, 4.0]), Some(2.0));
        assert_eq!(shift(&[], &[1.0]), None);
        assert_eq!(shift(&[0.0], &[1.0]), None);
    }
}
