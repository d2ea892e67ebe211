//! The Mann–Whitney test and the Hodges–Lehmann shift, as R's `wilcox.test` does them.
//!
//! Without ties and with fewer than 50 values each the distribution of U is exact; otherwise it is normal, with the
//! variance corrected for ties and a continuity correction. The interval of the shift are order statistics of the
//! pairwise differences: at the exact quantile of U, or where the normal z crosses its limit.

use super::normal;

/// As many values on a side, and R takes the normal law.
const EXACT_BELOW: usize = 50;

/// What a comparison of two samples found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Pairs in which the experiment's value is the larger one; a tie counts half.
    pub u: f64,
    /// Of no shift, two-sided.
    pub p_value: f64,
    /// Hodges–Lehmann: the median of the pairwise differences, experiment − control.
    pub estimate: f64,
    /// Lower end of the interval of the shift.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Compares two samples; `None` if one is empty, or if all values are the same.
pub fn compare(experiment: &[f64], control: &[f64], confidence: f64) -> Option<Shift> {
    if experiment.is_empty() || control.is_empty() {
        return None;
    }
    let mut differences: Vec<f64> = experiment.iter().flat_map(|x| control.iter().map(move |y| x - y)).collect();
    differences.sort_by(f64::total_cmp);
    let u = differences.iter().map(|difference| larger(*difference)).sum();
    let tail = (1.0 - confidence) / 2.0;
    let is_small = experiment.len() < EXACT_BELOW && control.len() < EXACT_BELOW;
    let (p_value, (low, high)) = if is_small && tie_sizes(experiment, control, 0.0).is_empty() {
        let law = Exact::new(experiment.len(), control.len());
        (law.two_sided(u), law.interval(&differences, tail))
    } else {
        let normal = Normal { experiment, control };
        (normal.two_sided()?, normal.interval(&differences, tail))
    };
    Some(Shift { u, p_value, estimate: median(&differences), low, high })
}

/// Whether samples of these sizes can differ at all at this confidence: the likelihood of the most extreme order of both
/// sides is 2 of all orders.
pub fn can_differ(n: usize, m: usize, confidence: f64) -> bool {
    let orders = (1..=n).fold(1.0, |orders, i| orders * (m + i) as f64 / i as f64);
    2.0 / orders <= 1.0 - confidence
}

/// What a pair with this difference adds to U.
fn larger(difference: f64) -> f64 {
    if difference > 0.0 {
        1.0
    } else if difference == 0.0 {
        0.5
    } else {
        0.0
    }
}

/// Of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[half - 1], sorted[half]) } else { sorted[half] }
}

/// P(U = u) of two samples without ties, for every u.
struct Exact {
    probabilities: Vec<f64>,
}

impl Exact {
    /// The generating function of U is ∏ (1 − q^(n+i)) / (1 − q^i): one factor after the other.
    fn new(n: usize, m: usize) -> Exact {
        let last = n * m;
        let mut counts = vec![0.0; last + 1];
        counts[0] = 1.0;
        for i in 1..=m {
            for u in (n + i..=last).rev() {
                counts[u] -= counts[u - n - i];
            }
            for u in i..=last {
                counts[u] += counts[u - i];
            }
        }
        let all: f64 = counts.iter().sum();
        Exact { probabilities: counts.into_iter().map(|count| count / all).collect() }
    }

    fn two_sided(&self, u: f64) -> f64 {
        let u = u as usize;
        let lower: f64 = self.probabilities[..=u].iter().sum();
        let upper: f64 = self.probabilities[u..].iter().sum();
        (2.0 * lower.min(upper)).min(1.0)
    }

    /// The smallest u with P(U ≤ u) ≥ `tail`, but at least 1; from it the order statistics at both ends.
    fn interval(&self, differences: &[f64], tail: f64) -> (f64, f64) {
        let mut sum = 0.0;
        let quantile = self.probabilities.iter().position(|probability| {
            sum += probability;
            sum >= tail * (1.0 - 64.0 * f64::EPSILON)
        });
        let rank = quantile.unwrap_or(0).max(1);
        (differences[rank - 1], differences[differences.len() - rank])
    }
}

/// Large samples, or such with ties.
struct Normal<'a> {
    experiment: &'a [f64],
    control: &'a [f64],
}

impl Normal<'_> {
    fn sizes(&self) -> (f64, f64) {
        (self.experiment.len() as f64, self.control.len() as f64)
    }

    /// z of the experiment moved down by `shift`; `None` if all values are the same then.
    fn z(&self, shift: f64) -> Option<f64> {
        let (n, m) = self.sizes();
        let pairs = self.experiment.iter().flat_map(|x| self.control.iter().map(move |y| x - shift - y));
        let u: f64 = pairs.map(larger).sum();
        let over = u - n * m / 2.0;
        let correction = if over == 0.0 { 0.0 } else { over.signum() * 0.5 };
        let sigma = self.sigma(shift)?;
        Some((over - correction) / sigma)
    }

    fn sigma(&self, shift: f64) -> Option<f64> {
        let (n, m) = self.sizes();
        let ties: f64 = tie_sizes(self.experiment, self.control, shift).iter().map(|t| t.powi(3) - t).sum();
        let variance = n * m / 12.0 * ((n + m + 1.0) - ties / ((n + m) * (n + m - 1.0)));
        (variance > 0.0).then(|| variance.sqrt())
    }

    fn two_sided(&self) -> Option<f64> {
        self.z(0.0).map(|z| (2.0 * normal::above(z.abs())).min(1.0))
    }

    /// z falls step by step as the shift grows, and steps at the differences: the interval ends at the steps over
    /// ± the quantile, which is where the root finder of R and Kayenta ends.
    fn interval(&self, sorted: &[f64], tail: f64) -> (f64, f64) {
        let limit = normal::quantile_above(tail);
        let mut steps = sorted.to_vec();
        steps.dedup();
        // Between two steps nothing ties that did not tie before.
        let after: Vec<f64> = steps.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect();
        let at = |bound: f64| steps[after.partition_point(|shift| self.z(*shift).is_some_and(|z| z > bound))];
        (at(limit), at(-limit))
    }
}

/// How many values there are of every value that occurs more than once.
fn tie_sizes(experiment: &[f64], control: &[f64], shift: f64) -> Vec<f64> {
    let mut values: Vec<f64> = experiment.iter().map(|x| x - shift).chain(control.iter().copied()).collect();
    values.sort_by(f64::total_cmp);
    let runs = values.chunk_by(|a, b| a == b).map(|run| run.len() as f64);
    runs.filter(|size| *size > 1.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_values_above_five_others() {
        let shift = compare(&[6.0, 7.0, 8.0, 9.0, 10.0], &[1.0, 2.0, 3.0, 4.0, 5.0], 0.98).expect("values");
        assert_eq!((shift.u, shift.estimate, shift.low, shift.high), (25.0, 5.0, 2.0, 8.0));
        assert!((shift.p_value - 0.007_936_508).abs() < 1e-9);
    }

    #[test]
    fn the_exact_law_counts_every_order() {
        let law = Exact::new(4, 3);
        assert!((law.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert!((law.probabilities[0] - 1.0 / 35.0).abs() < 1e-15);
        assert!((law.probabilities[6] - law.probabilities[12 - 6]).abs() < 1e-15);
        assert!((law.probabilities[2] - 2.0 / 35.0).abs() < 1e-15, "{:?}", law.probabilities);
    }

    #[test]
    fn ninety_eight_percent_need_five_points_on_both_sides() {
        assert!(can_differ(5, 5, 0.98) && !can_differ(4, 4, 0.98), "2 of 252, 2 of 70");
        assert!(can_differ(4, 6, 0.98) && !can_differ(1, 20, 0.98) && !can_differ(0, 50, 0.98));
    }

    #[test]
    fn without_values_or_variance_there_is_nothing_to_compare() {
        assert_eq!(compare(&[], &[1.0], 0.95), None);
        assert_eq!(compare(&[1.0, 1.0], &[1.0], 0.95), None);
    }
}
